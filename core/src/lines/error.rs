//! Why an argument was refused.

use std::fmt;

use uuid::Uuid;

use super::{MAX_LINES, MAX_TEXT};
use crate::calendar::DatesError;
use crate::plan::Strategy;

/// Why a `lines`, `lots` or `counts` argument was refused. `argument` is which of them, `index` the element's
/// place in it, from 0. What is repeated of the input is cut at 80 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineError {
    /// The argument isn't a JSON array.
    NotAnArray {
        /// `lines` or `lots`.
        argument: &'static str,
        /// What it is instead.
        found: String,
    },
    /// The array has no elements.
    Empty {
        /// `lines` or `lots`.
        argument: &'static str,
    },
    /// The array has more than [`MAX_LINES`] elements.
    TooMany {
        /// `lines` or `lots`.
        argument: &'static str,
        /// How many it has.
        count: usize,
    },
    /// An element isn't a JSON object.
    NotAnObject {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// What it is instead.
        found: String,
    },
    /// An element has a key that means nothing.
    UnknownKey {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The key.
        key: String,
        /// The keys that it may have.
        known: &'static [&'static str],
    },
    /// An element lacks a key that it must have.
    MissingKey {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The key.
        field: &'static str,
    },
    /// A value isn't of the field's type.
    WrongType {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The key.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is instead.
        found: String,
    },
    /// A quantity isn't between what it must be at least and 2147483647.
    QuantityOutOfRange {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The key.
        field: &'static str,
        /// What it must be at least.
        least: i32,
        /// The quantity.
        quantity: String,
    },
    /// Dates can't be booked.
    BadDates {
        /// `lines`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The key.
        field: &'static str,
        /// Why not.
        problem: DatesError,
    },
    /// A text is empty or longer than [`MAX_TEXT`].
    TextLength {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The key.
        field: &'static str,
        /// How many characters it has.
        length: usize,
    },
    /// A strategy isn't one of [`Strategy::NAMES`].
    UnknownStrategy {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The name.
        name: String,
    },
    /// Two holds have the same idempotency key.
    SameKey {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The one that had it before.
        first: usize,
    },
    /// An element has none of some keys, or more than one of them.
    NotOneOf {
        /// `counts`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The keys.
        fields: &'static [&'static str],
    },
    /// Two elements speak of the same thing.
    Repeated {
        /// `counts`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The one that spoke of it before.
        first: usize,
    },
    /// All quantities of one listing or lot add up to more than 2147483647.
    SumOverflow {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element with which they do.
        index: usize,
        /// The listing or lot.
        key: Uuid,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::NotAnArray { argument, found } => {
                write!(f, "{argument} must be a JSON array, not {found}")
            }
            LineError::Empty { argument } => write!(f, "{argument} is empty"),
            LineError::TooMany { argument, count } => {
                write!(f, "{argument} has {count} elements, more than {MAX_LINES}")
            }
            LineError::NotAnObject {
                argument,
                index,
                found,
            } => write!(f, "{argument}[{index}] must be an object, not {found}"),
            LineError::UnknownKey {
                argument,
                index,
                key,
                known,
            } => write!(
                f,
                "{argument}[{index}] has an unknown key {key:?}; known are {}",
                known.join(", ")
            ),
            LineError::MissingKey {
                argument,
                index,
                field,
            } => write!(f, "{argument}[{index}].{field} is missing"),
            LineError::WrongType {
                argument,
                index,
                field,
                expected,
                found,
            } => write!(
                f,
                "{argument}[{index}].{field} must be {expected}, not {found}"
            ),
            LineError::QuantityOutOfRange {
                argument,
                index,
                field,
                least,
                quantity,
            } => write!(
                f,
                "{argument}[{index}].{field} must be between {least} and {}, not {quantity}",
                i32::MAX
            ),
            LineError::BadDates {
                argument,
                index,
                field,
                problem,
            } => write!(f, "{argument}[{index}].{field} {problem}"),
            LineError::TextLength {
                argument,
                index,
                field,
                length,
            } => write!(
                f,
                "{argument}[{index}].{field} must have 1 to {MAX_TEXT} characters, not {length}"
            ),
            LineError::UnknownStrategy {
                argument,
                index,
                name,
            } => write!(
                f,
                "{argument}[{index}].strategy {name:?} is unknown; known are {}",
                Strategy::NAMES.join(", ")
            ),
            LineError::SameKey {
                argument,
                index,
                first,
            } => write!(
                f,
                "{argument}[{index}] has the idempotency_key of {argument}[{first}]"
            ),
            LineError::NotOneOf {
                argument,
                index,
                fields,
            } => write!(
                f,
                "{argument}[{index}] must have exactly one of {}",
                fields.join(", ")
            ),
            LineError::Repeated {
                argument,
                index,
                first,
            } => write!(
                f,
                "{argument}[{index}] counts again what {argument}[{first}] counts"
            ),
            LineError::SumOverflow {
                argument,
                index,
                key,
            } => write!(
                f,
                "{argument}[{index}].quantity brings the sum for {key} above {}",
                i32::MAX
            ),
        }
    }
}

impl std::error::Error for LineError {}
