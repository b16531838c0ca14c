//! The second door: whatever a client writes into stock_lots and stock_allocations is counted.

mod allocations;
mod ctes;
mod deletions;
mod engine_owned;
mod inserts;
mod limits;
mod lots;
mod on_conflict_merge_copy;
mod rollbacks;
mod search_path;
mod truncate;
