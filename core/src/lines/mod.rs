//! The `lines`, `lots` and `counts` arguments of multi-line calls.
//!
//! All are JSON arrays of objects. They are parsed strictly, since a misspelt key that is ignored
//! claims the wrong stock; then equal elements are summed and the rest sorted, so that any two calls
//! take their locks in one order, and so that a replay is known by its set, however it is written.
//! Only holds that are each judged alone stay as they were given, and counts, of which there is one a lot.
//!
//! | module | subject |
//! |---|---|
//! | `lines_argument` | [`Lines`]: `[{"listing_id", "quantity", ...}]` |
//! | `lots_argument` | [`Lots`]: `[{"lot_id", "quantity"}]` |
//! | `hold_order_argument` | [`HoldLines`]: the lines of an order of holds, all or nothing |
//! | `hold_many_argument` | [`ManyHolds`]: many holds at once, each on its own |
//! | `package_argument` | [`PackageLines`]: resources and their dates, all or nothing |
//! | `counts_argument` | [`Counts`]: what a stocktake has found |
//! | `parse` | what all have in common: elements, fields, sums |
//! | `error` | [`LineError`]: each refusal and its text |

mod counts_argument;
mod error;
mod hold_many_argument;
mod hold_order_argument;
mod lines_argument;
mod lots_argument;
mod package_argument;
mod parse;

pub use counts_argument::{Count, Counted, Counts, Named};
pub use error::LineError;
pub use hold_many_argument::{ManyHolds, RequestedHold};
pub use hold_order_argument::{HoldLine, HoldLines};
pub use lines_argument::{Line, Lines};
pub use lots_argument::{LotQuantity, Lots};
pub use package_argument::{PackageLine, PackageLines};

/// The most elements that one call may have.
pub const MAX_LINES: usize = 10_000;

/// The most characters that an idempotency key or a customer may have.
pub const MAX_TEXT: usize = 200;
