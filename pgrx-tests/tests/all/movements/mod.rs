//! What is written into the ledger: every physical change of a lot, whoever makes it.

mod app_triggers;
mod by_dml;
mod by_functions;
mod keys;
mod listings_gone;
mod model;
mod together;
