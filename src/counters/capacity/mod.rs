//! The counters of bookings by date: what of each date of a resource is free.
//!
//! The same two doors as for stock. Door 1, functions: they call [`rows::apply`] with their deltas, and the
//! triggers stand aside. Door 2, everybody else's DML: the triggers sum up and hand it to the same. Locks are taken
//! in one order everywhere: resources (where one changes), holds by id, allocations, dates by resource and
//! ascending; then, behind them, listings by id.

pub mod backing;
pub mod behind;
pub mod blackout_triggers;
pub mod booked;
pub mod claim_triggers;
pub mod claims;
pub mod closures;
pub mod date_triggers;
pub mod dead;
mod deltas;
pub mod expiry;
pub mod repair;
pub mod resource_triggers;
pub mod rows;
pub mod timezone;
pub mod verify;

pub use deltas::{DateDeltas, DateKey};
pub use rows::DateRow;
