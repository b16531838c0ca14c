//! The pure part of Stockroom: everything that can be decided without asking a database.
//!
//! Nothing here knows PostgreSQL, the clock or the network: what a function needs is an argument,
//! and the same arguments give the same answer. The extension reads rows, calls this crate, and
//! writes what it answers.
//!
//! | module | subject |
//! |---|---|
//! | [`plan`] | which lots a claim takes, by which strategy, and why |
//! | [`lines`] | the `lines` and `lots` arguments of multi-line calls: parsed, merged, sorted |
//! | [`request`] | whether a replayed request is the one that was stored |
//! | [`quantity`] | decimal quantities to and from whole smallest units |
//! | [`claim`] | the states of an allocation, and which claims a release or fulfilment ends |
//! | [`calendar`] | calendar dates, and which of them a booking may have |
//! | [`copies`] | which copies are where, when counts become rows again |
//! | [`hold`] | the states of a hold, and what a confirmation, release or expiry makes of it |
//! | [`loan`] | how many units of a loan are out, and what a return or a loss makes of that |
//! | [`condition`] | what state the goods of a lot are in |
//! | [`adopt`] | which columns of an app's own lots and allocations mean what |
//! | [`movement`] | the ledger's lines: their types, numbers and keys |
//! | [`average`] | what stock is worth by moving average |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod adopt;
pub mod average;
pub mod calendar;
pub mod claim;
pub mod condition;
pub mod copies;
mod echo;
pub mod hold;
pub mod lines;
pub mod loan;
pub mod movement;
pub mod plan;
pub mod quantity;
pub mod request;
