//! Goods handed out that come back: they are allocated to a loan, which has a borrower and a due date.

pub mod borrow;
pub mod ends;
pub mod extend;
pub mod read;
mod row;
pub mod triggers;
mod written;
