//! Calls never deadlock, whatever dates and resources they touch, and in whatever order.

mod holds;
mod load;
mod scene;
mod tables;
mod worker;
