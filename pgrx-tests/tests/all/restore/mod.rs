//! Dump and restore: every row comes back as it was, nothing is counted twice, and the engine works on.

pub mod dump;
mod held;
mod kept;
mod lent;
mod marks;
mod modes;
mod parts;
mod registrations;
mod round_trips;
