//! Every test that needs a server, one module a theme. One program, so that they share one server.

mod bad_input;
mod bad_json;
mod bad_writes;
mod catalog;
mod errors;
mod functions;
mod harness;
mod idempotency;
mod orders;
mod places;
mod racing_keys;
mod schemas;
mod settling;
mod shape;
mod shop;
mod standby;
mod strategies;
mod tenants;
mod upkeep;
