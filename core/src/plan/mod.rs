//! The planner: which lots a claim takes.
//!
//! A plan is a function of the lots alone: it doesn't depend on the order in which they come, so two
//! sessions that read the same rows plan the same picks.
//!
//! | module | subject |
//! |---|---|
//! | `lot` | [`Lot`], and which lots can be taken at all |
//! | `limits` | [`Limits`]: what a location may give, where holds keep some of it |
//! | `strategy` | [`Strategy`]: its names, and the order in which it takes lots |
//! | `one_line` | [`plan()`]: so much of one listing |
//! | `many_lines` | [`plan_lines`]: several lines over the same lots |
//! | `explain` | [`explain()`]: what a plan does with each lot, and why |

mod explain;
#[cfg(test)]
mod fixtures;
mod limits;
mod lot;
mod many_lines;
mod one_line;
mod strategy;

pub use explain::{explain, Explained};
pub use limits::Limits;
pub use lot::Lot;
pub use many_lines::{plan_lines, LinesPlan, PlanLine, ShortLine};
pub use one_line::{plan, Pick, Plan};
pub use strategy::Strategy;
