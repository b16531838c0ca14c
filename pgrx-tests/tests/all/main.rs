//! Every test that needs a server, one module a theme. One program, so that they share one server.

mod catalog;
mod errors;
mod functions;
mod harness;
mod idempotency;
mod orders;
mod places;
mod schemas;
mod settling;
mod shape;
mod shop;
mod strategies;
mod tenants;
mod upkeep;
