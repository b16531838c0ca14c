//! Holds: what their functions promise, by either door.

mod answers;
mod attached;
mod bad_input;
mod confirm;
mod confirm_order;
mod deletions;
mod dml;
mod dml_limits;
mod errors;
mod expired_units;
mod expiry;
mod idempotency;
mod life;
mod many;
mod order;
mod order_keys;
mod places;
mod promise;
mod refusals;
pub mod shop;
mod stale_goods;
mod tenants;
mod upkeep;
mod vacuumed;
mod waiting;
