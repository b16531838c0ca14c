//! Reading the ledger: stock at any moment, the history of a listing, the feed of events, what the stock is
//! worth; proving it, and archiving its old lines. Writing it is [`crate::counters::ledger`]'s.

pub mod archive;
mod archive_table;
mod archived;
pub mod at;
mod average;
mod digest;
pub mod events;
mod feed;
pub mod history;
mod lines;
pub mod value;
pub mod verify;
pub mod verify_archive;
