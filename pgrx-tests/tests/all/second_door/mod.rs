//! Door 2: what clients write themselves, and what the triggers, the invariants and the lock order
//! make of it.

mod app_triggers;
mod dml;
mod invariants;
pub mod isolation;
pub mod shop;
mod unaware_app;
