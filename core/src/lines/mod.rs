//! The `lines` and `lots` arguments of multi-line calls.
//!
//! Both are JSON arrays of objects. They are parsed strictly, since a misspelt key that is ignored
//! claims the wrong stock; then equal elements are summed and the rest sorted, so that any two calls
//! take their locks in one order, and so that a replay is known by its set, however it is written.
//!
//! | module | subject |
//! |---|---|
//! | `lines_argument` | [`Lines`]: `[{"listing_id", "quantity", ...}]` |
//! | `lots_argument` | [`Lots`]: `[{"lot_id", "quantity"}]` |
//! | `parse` | what both have in common: elements, fields, sums |
//! | `error` | [`LineError`]: each refusal and its text |

mod error;
mod lines_argument;
mod lots_argument;
mod parse;

pub use error::LineError;
pub use lines_argument::{Line, Lines};
pub use lots_argument::{LotQuantity, Lots};

/// The most elements that one call may have.
pub const MAX_LINES: usize = 10_000;
