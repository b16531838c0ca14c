//! Moving in: which columns of an app's own lots and allocations mean what.
//!
//! | module | subject |
//! |---|---|
//! | `targets` | [`LOTS`], [`ALLOCATIONS`], [`LOCATIONS`]: what can be taken over, and how apps call it |
//! | `guess` | [`guess`]: the column for each target, and why |
//! | `mapping` | [`Mapping`]: the `mapping` argument, which overrules guesses |
//! | `status` | what an app's word for an allocation's state means |

mod guess;
mod mapping;
mod status;
mod targets;

pub use guess::{guess, Column, Guess};
pub use mapping::{overlaid, Columns, Mapping};
pub use targets::{Kind, Target, ALLOCATIONS, LOCATIONS, LOTS};
