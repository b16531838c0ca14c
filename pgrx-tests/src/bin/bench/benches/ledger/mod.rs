//! Goods that move: every move is a line of the ledger. And what is lent, moved in from rows.

mod at;
mod collapse;
mod fulfil;
mod receive;
mod stocktake;

pub use at::At;
pub use collapse::Collapse;
pub use fulfil::Fulfil;
pub use receive::Receive;
pub use stocktake::Stocktake;
