//! Door 1: the functions, their errors, and the catalog they live in.

mod bad_input;
mod bad_json;
mod bad_writes;
mod catalog;
pub mod errors;
mod functions;
mod idempotency;
mod orders;
mod places;
mod racing_keys;
mod schemas;
mod settling;
mod shape;
pub mod shop;
mod standby;
mod standing_in_line;
mod strategies;
mod tenants;
mod upkeep;
