//! Every test that needs a server, one module a theme. One program, so that they share one server.

mod functions;
mod harness;
mod orders;
mod places;
mod settling;
mod shop;
mod strategies;
mod upkeep;
