//! Hard claims: an order takes units of lots, and later gives them back or takes them away.

pub mod allocate;
pub mod answer;
pub mod explain;
pub mod lots;
mod queue;
pub mod rows;
pub mod settle;
pub mod take;
mod written;
