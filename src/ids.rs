//! The two uuid types: PostgreSQL's at the border, the `uuid` crate's within.

use uuid::Uuid;

/// From a SQL argument.
pub fn from_pg(id: pgrx::Uuid) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// To a SQL result.
pub fn to_pg(id: Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(*id.as_bytes())
}

/// A new key: uuid v7, ordered by time so that indexes stay local.
pub fn new_key() -> Uuid {
    Uuid::now_v7()
}

/// Location of what was given none.
pub const UNSPECIFIED: Uuid = Uuid::from_u128(0x00000000_0000_8000_8000_000000000000);

/// Keys in the order in which rows are locked, each once.
pub fn in_order(keys: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
    let mut keys: Vec<Uuid> = keys.into_iter().collect();
    keys.sort();
    keys.dedup();
    keys
}
