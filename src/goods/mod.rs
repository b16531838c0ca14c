//! Goods: they come in, are set right, counted, moved and parted, and go bad.
//!
//! | module | subject |
//! |---|---|
//! | `quantity`, `given` | arguments that all have: how much, and why |
//! | `change` | the order of locks, and what follows a change |
//! | `set` | lots that are to have another number of units |
//! | `part` | units that go from one lot to another |
//! | `stocktake` | which lots a count speaks of, and whether it can stand |

pub mod adjust;
mod change;
pub mod condition;
pub mod count;
pub mod count_location;
pub mod expire;
mod given;
pub mod merge;
mod part;
mod quantity;
pub mod receive;
mod set;
pub mod split;
mod stocktake;
pub mod transfer;
