//! Loans: what their functions promise, and what nobody may do to goods that are out.

mod attached;
mod bad_input;
mod borrow;
mod claims;
mod crowd;
mod deletions;
mod dml;
mod ends;
mod errors;
mod guide;
mod idempotency;
mod interfering;
mod pick_up;
mod races;
mod reading;
mod shop;
mod tenants;
mod upkeep;
