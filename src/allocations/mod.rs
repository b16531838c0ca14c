//! Hard claims: an order takes units of lots, and later gives them back or takes them away.

pub mod allocate;
pub mod answer;
pub mod convert;
pub mod explain;
mod free_lots;
pub mod listing;
pub mod lots;
pub mod plan;
pub mod settle;
pub mod take;
mod tries;
mod written;
