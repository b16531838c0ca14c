//! Holds while others are at the same stock: nothing is oversold, and every hold is what its callers
//! were told.

mod flood;
mod model;
pub mod races;
