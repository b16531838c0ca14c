//! Listings and locations: making, reading and deleting them.

pub mod listings;
pub mod locations;
pub mod read;
pub mod units;

use pgrx::prelude::*;

/// Version of the extension's library.
#[pg_extern(immutable, parallel_safe)]
fn stockroom_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
