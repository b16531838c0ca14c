//! Soft claims on a listing, for a while: a cart, a checkout. Confirmed, they become allocations.

pub mod answer;
pub mod confirm;
mod confirmation;
pub mod expire;
mod fill;
mod fit;
pub mod hold;
mod key;
pub mod pick_up;
mod place;
pub mod purge;
pub mod read;
mod row;
pub mod settle;
mod written;

use crate::counters::goods;

/// Called once, when the library is loaded.
pub fn watch() {
    goods::on_free_goods(fill::hand_out);
}
