//! Goods: receiving, adjusting, counting, moving, parting and merging, their conditions and dates; and the
//! lines that each of these leaves in the ledger.

mod adjusting;
mod attached;
mod bad_input;
mod claimed;
mod conditions;
mod counting;
mod dates;
mod decimals;
mod guide;
mod idempotency;
mod merging;
mod races;
mod receiving;
mod shop;
mod stocktake;
mod tenants;
mod transferring;
