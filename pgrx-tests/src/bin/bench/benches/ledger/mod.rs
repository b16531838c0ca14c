//! Goods that move: every move is a line of the ledger.

mod fulfil;
mod receive;

pub use fulfil::Fulfil;
pub use receive::Receive;
