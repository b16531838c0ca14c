//! Every test that needs a server, one module a theme. One program, so that they share one server.

mod app_triggers;
mod dml;
mod harness;
mod invariants;
mod isolation;
mod shop;
mod unaware_app;
