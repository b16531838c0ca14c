//! The `lines` and `lots` arguments of multi-line calls.
//!
//! Both are JSON arrays of objects. They are parsed strictly, since a misspelt key that is ignored
//! claims the wrong stock; then equal elements are summed and the rest sorted, so that any two calls
//! take their locks in one order, and so that a replay is known by its set, however it is written.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::{json, Map, Value};
use uuid::Uuid;

use crate::echo::cut;
use crate::plan::Strategy;

/// The most elements that one call may have.
pub const MAX_LINES: usize = 10_000;

/// One line of an order: so much of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The listing.
    pub listing_id: Uuid,
    /// How many smallest units, at least 1.
    pub quantity: i32,
    /// The only location to take from; `None` for any.
    pub location_id: Option<Uuid>,
    /// The strategy asked for, one of [`Strategy::NAMES`]; `None` for the owner's. It is a name, as
    /// `location_priority` needs a list that only the caller can look up.
    pub strategy: Option<&'static str>,
}

/// So much of one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotQuantity {
    /// The lot.
    pub lot_id: Uuid,
    /// How many smallest units, at least 1.
    pub quantity: i32,
}

/// A parsed `lines` argument: no two lines equal in listing, location and strategy, sorted by these
/// three, no location and no strategy first. All lines of a listing together are within an `integer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    lines: Vec<Line>,
}

/// A parsed `lots` argument: no lot twice, sorted by `lot_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lots {
    lots: Vec<LotQuantity>,
}

/// Why a `lines` or `lots` argument was refused. `argument` is which of the two, `index` the element's
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
    /// A quantity isn't between 1 and 2147483647.
    QuantityOutOfRange {
        /// `lines` or `lots`.
        argument: &'static str,
        /// The element.
        index: usize,
        /// The quantity.
        quantity: String,
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
                quantity,
            } => write!(
                f,
                "{argument}[{index}].quantity must be between 1 and {}, not {quantity}",
                i32::MAX
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

impl Lines {
    /// Parses `[{"listing_id", "quantity", "location_id"?, "strategy"?}]`. An optional key may be
    /// null, which is the same as leaving it out.
    ///
    /// # Errors
    ///
    /// A [`LineError`] for the first element that is wrong.
    pub fn parse(value: &Value) -> Result<Lines, LineError> {
        let mut merged: BTreeMap<(Uuid, Option<Uuid>, Option<&'static str>), i32> = BTreeMap::new();
        let mut sums = Sums::default();
        for (index, value) in elements(value, "lines")?.iter().enumerate() {
            let element = Element::new(
                value,
                "lines",
                index,
                &["listing_id", "quantity", "location_id", "strategy"],
            )?;
            let listing_id = element.uuid("listing_id")?;
            let quantity = element.quantity()?;
            let location_id = element.optional_uuid("location_id")?;
            let strategy = element.optional_strategy()?;
            sums.add(&element, listing_id, quantity)?;
            // Can't overflow: the listing's sum is checked.
            *merged
                .entry((listing_id, location_id, strategy))
                .or_insert(0) += quantity;
        }
        let lines = merged
            .into_iter()
            .map(|((listing_id, location_id, strategy), quantity)| Line {
                listing_id,
                quantity,
                location_id,
                strategy,
            })
            .collect();
        Ok(Lines { lines })
    }

    /// The merged lines, sorted.
    pub fn as_slice(&self) -> &[Line] {
        &self.lines
    }

    /// The set as JSON, the same however it was ordered or split: for comparing a replay with what was
    /// stored. It has the form that [`Lines::parse`] takes, without nulls.
    pub fn canonical(&self) -> Value {
        let element = |line: &Line| {
            let mut object = Map::new();
            object.insert("listing_id".into(), json!(line.listing_id));
            object.insert("quantity".into(), json!(line.quantity));
            if let Some(location_id) = line.location_id {
                object.insert("location_id".into(), json!(location_id));
            }
            if let Some(strategy) = line.strategy {
                object.insert("strategy".into(), json!(strategy));
            }
            Value::Object(object)
        };
        self.lines.iter().map(element).collect()
    }
}

impl Lots {
    /// Parses `[{"lot_id", "quantity"}]`.
    ///
    /// # Errors
    ///
    /// A [`LineError`] for the first element that is wrong.
    pub fn parse(value: &Value) -> Result<Lots, LineError> {
        let mut merged: BTreeMap<Uuid, i32> = BTreeMap::new();
        let mut sums = Sums::default();
        for (index, value) in elements(value, "lots")?.iter().enumerate() {
            let element = Element::new(value, "lots", index, &["lot_id", "quantity"])?;
            let lot_id = element.uuid("lot_id")?;
            let quantity = element.quantity()?;
            sums.add(&element, lot_id, quantity)?;
            *merged.entry(lot_id).or_insert(0) += quantity;
        }
        let lots = merged
            .into_iter()
            .map(|(lot_id, quantity)| LotQuantity { lot_id, quantity })
            .collect();
        Ok(Lots { lots })
    }

    /// The merged lots, sorted.
    pub fn as_slice(&self) -> &[LotQuantity] {
        &self.lots
    }

    /// The set as JSON, the same however it was ordered or split: for comparing a replay with what was
    /// stored. It has the form that [`Lots::parse`] takes.
    pub fn canonical(&self) -> Value {
        let element = |lot: &LotQuantity| json!({"lot_id": lot.lot_id, "quantity": lot.quantity});
        self.lots.iter().map(element).collect()
    }
}

/// The elements of the array, which are neither none nor too many.
fn elements<'a>(value: &'a Value, argument: &'static str) -> Result<&'a [Value], LineError> {
    let Some(elements) = value.as_array() else {
        return Err(LineError::NotAnArray {
            argument,
            found: describe(value),
        });
    };
    match elements.len() {
        0 => Err(LineError::Empty { argument }),
        count if count > MAX_LINES => Err(LineError::TooMany { argument, count }),
        _ => Ok(elements),
    }
}

/// One object of the array, with what an error about it has to say.
struct Element<'a> {
    object: &'a Map<String, Value>,
    argument: &'static str,
    index: usize,
}

impl<'a> Element<'a> {
    fn new(
        value: &'a Value,
        argument: &'static str,
        index: usize,
        known: &'static [&'static str],
    ) -> Result<Element<'a>, LineError> {
        let Some(object) = value.as_object() else {
            return Err(LineError::NotAnObject {
                argument,
                index,
                found: describe(value),
            });
        };
        // By hand, as the errors of a derived `deny_unknown_fields` are texts without index or field.
        if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(LineError::UnknownKey {
                argument,
                index,
                key: cut(key),
                known,
            });
        }
        Ok(Element {
            object,
            argument,
            index,
        })
    }

    fn required(&self, field: &'static str) -> Result<&'a Value, LineError> {
        self.object.get(field).ok_or(LineError::MissingKey {
            argument: self.argument,
            index: self.index,
            field,
        })
    }

    fn optional(&self, field: &'static str) -> Option<&'a Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    fn wrong_type(&self, field: &'static str, expected: &'static str, value: &Value) -> LineError {
        LineError::WrongType {
            argument: self.argument,
            index: self.index,
            field,
            expected,
            found: describe(value),
        }
    }

    fn to_uuid(&self, field: &'static str, value: &Value) -> Result<Uuid, LineError> {
        value
            .as_str()
            .and_then(|text| Uuid::parse_str(text).ok())
            .ok_or_else(|| self.wrong_type(field, "a uuid", value))
    }

    fn uuid(&self, field: &'static str) -> Result<Uuid, LineError> {
        self.to_uuid(field, self.required(field)?)
    }

    fn optional_uuid(&self, field: &'static str) -> Result<Option<Uuid>, LineError> {
        self.optional(field)
            .map(|value| self.to_uuid(field, value))
            .transpose()
    }

    fn optional_strategy(&self) -> Result<Option<&'static str>, LineError> {
        let Some(value) = self.optional("strategy") else {
            return Ok(None);
        };
        let Some(name) = value.as_str() else {
            return Err(self.wrong_type("strategy", "the name of a strategy", value));
        };
        match Strategy::NAMES.into_iter().find(|known| *known == name) {
            Some(known) => Ok(Some(known)),
            None => Err(LineError::UnknownStrategy {
                argument: self.argument,
                index: self.index,
                name: cut(name),
            }),
        }
    }

    fn quantity(&self) -> Result<i32, LineError> {
        let value = self.required("quantity")?;
        let integer = match value.as_i64() {
            Some(integer) => integer,
            None if is_huge(value) => i64::MAX,
            None => return Err(self.wrong_type("quantity", "a whole number", value)),
        };
        match i32::try_from(integer) {
            Ok(quantity) if quantity > 0 => Ok(quantity),
            _ => Err(LineError::QuantityOutOfRange {
                argument: self.argument,
                index: self.index,
                quantity: describe(value),
            }),
        }
    }
}

/// Whether the value is a number beyond an i64, which serde_json reads as a u64 or a float.
fn is_huge(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|number| number.abs() >= i64::MAX as f64)
}

/// The sum of quantities for each listing or lot.
#[derive(Default)]
struct Sums {
    by_key: HashMap<Uuid, i32>,
}

impl Sums {
    fn add(&mut self, element: &Element<'_>, key: Uuid, quantity: i32) -> Result<(), LineError> {
        let sum = self.by_key.entry(key).or_insert(0);
        *sum = sum.checked_add(quantity).ok_or(LineError::SumOverflow {
            argument: element.argument,
            index: element.index,
            key,
        })?;
        Ok(())
    }
}

/// What a value is, for an error text.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(boolean) => boolean.to_string(),
        Value::Number(number) => cut(&number.to_string()),
        Value::String(text) => format!("{:?}", cut(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn lines_error(value: Value) -> String {
        Lines::parse(&value).unwrap_err().to_string()
    }

    #[test]
    fn lines_are_merged_and_sorted() {
        let lines = Lines::parse(&json!([
            {"listing_id": B, "quantity": 1},
            {"listing_id": A, "quantity": 2, "location_id": B},
            {"listing_id": A, "quantity": 3, "strategy": "lifo", "location_id": null},
            {"listing_id": B.to_uppercase(), "quantity": 4, "strategy": null},
            {"listing_id": A, "quantity": 5},
        ]))
        .unwrap();
        assert_eq!(
            lines.canonical(),
            json!([
                {"listing_id": A, "quantity": 5},
                {"listing_id": A, "quantity": 3, "strategy": "lifo"},
                {"listing_id": A, "quantity": 2, "location_id": B},
                {"listing_id": B, "quantity": 5},
            ])
        );
        assert_eq!(lines.as_slice().len(), 4);
        assert_eq!(lines.as_slice()[1].strategy, Some("lifo"));
    }

    #[test]
    fn lots_are_merged_and_sorted() {
        let lots = Lots::parse(&json!([
            {"lot_id": B, "quantity": 1},
            {"lot_id": A, "quantity": 2},
            {"lot_id": B, "quantity": 3},
        ]))
        .unwrap();
        assert_eq!(
            lots.canonical(),
            json!([{"lot_id": A, "quantity": 2}, {"lot_id": B, "quantity": 4}])
        );
        assert_eq!(lots.as_slice()[1].quantity, 4);
    }

    #[test]
    fn the_argument_must_be_an_array_of_some_objects() {
        assert_eq!(
            lines_error(json!({"listing_id": A, "quantity": 1})),
            "lines must be a JSON array, not an object"
        );
        assert_eq!(
            lines_error(Value::Null),
            "lines must be a JSON array, not null"
        );
        assert_eq!(lines_error(json!([])), "lines is empty");
        assert_eq!(
            lines_error(json!([{"listing_id": A, "quantity": 1}, 7])),
            "lines[1] must be an object, not 7"
        );
        assert_eq!(
            Lots::parse(&json!("[]")).unwrap_err().to_string(),
            "lots must be a JSON array, not \"[]\""
        );
    }

    #[test]
    fn ten_thousand_elements_are_the_most() {
        let element = json!({"lot_id": A, "quantity": 1});
        let most = Value::Array(vec![element.clone(); MAX_LINES]);
        assert_eq!(Lots::parse(&most).unwrap().as_slice()[0].quantity, 10_000);
        let more = Value::Array(vec![element; MAX_LINES + 1]);
        assert_eq!(
            Lots::parse(&more).unwrap_err().to_string(),
            "lots has 10001 elements, more than 10000"
        );
    }

    #[test]
    fn keys_are_checked() {
        assert_eq!(
            lines_error(json!([{"listing_id": A, "quantity": 1, "location": B}])),
            "lines[0] has an unknown key \"location\"; known are listing_id, quantity, location_id, \
             strategy"
        );
        assert_eq!(
            lines_error(json!([{"quantity": 1}])),
            "lines[0].listing_id is missing"
        );
        assert_eq!(
            lines_error(json!([{"listing_id": A}])),
            "lines[0].quantity is missing"
        );
        assert_eq!(
            Lots::parse(&json!([{"lot_id": A, "quantity": 1, "strategy": "fifo"}]))
                .unwrap_err()
                .to_string(),
            "lots[0] has an unknown key \"strategy\"; known are lot_id, quantity"
        );
    }

    #[test]
    fn types_are_checked() {
        assert_eq!(
            lines_error(json!([{"listing_id": 5, "quantity": 1}])),
            "lines[0].listing_id must be a uuid, not 5"
        );
        assert_eq!(
            lines_error(json!([{"listing_id": A, "quantity": 1, "location_id": "cellar"}])),
            "lines[0].location_id must be a uuid, not \"cellar\""
        );
        assert_eq!(
            lines_error(json!([{"listing_id": A, "quantity": 1, "strategy": ["fifo"]}])),
            "lines[0].strategy must be the name of a strategy, not an array"
        );
        for (quantity, text) in [
            (json!("1"), "\"1\""),
            (json!(1.5), "1.5"),
            (json!(1.0), "1.0"),
            (json!(true), "true"),
            (Value::Null, "null"),
        ] {
            assert_eq!(
                lines_error(json!([{"listing_id": A, "quantity": quantity}])),
                format!("lines[0].quantity must be a whole number, not {text}")
            );
        }
    }

    #[test]
    fn quantities_are_within_an_integer() {
        for text in [
            "0",
            "-1",
            "2147483648",
            "9223372036854775808",
            "-9223372036854775808",
        ] {
            let quantity: Value = serde_json::from_str(text).unwrap();
            assert_eq!(
                lines_error(json!([{"listing_id": A, "quantity": quantity}])),
                format!("lines[0].quantity must be between 1 and 2147483647, not {text}")
            );
        }
        let huge: Value = serde_json::from_str(&"9".repeat(200)).unwrap();
        assert!(matches!(
            Lines::parse(&json!([{"listing_id": A, "quantity": huge}])),
            Err(LineError::QuantityOutOfRange { .. })
        ));
    }

    #[test]
    fn sums_are_within_an_integer() {
        assert_eq!(
            lines_error(json!([
                {"listing_id": A, "quantity": i32::MAX},
                {"listing_id": B, "quantity": i32::MAX},
                {"listing_id": A, "quantity": 1, "location_id": B},
            ])),
            format!("lines[2].quantity brings the sum for {A} above 2147483647")
        );
    }

    #[test]
    fn strategies_are_checked() {
        assert_eq!(
            lines_error(json!([{"listing_id": A, "quantity": 1, "strategy": "random"}])),
            "lines[0].strategy \"random\" is unknown; known are fifo, lifo, fefo, \
             location_priority, largest_first, fewest_lots, cheapest_first"
        );
    }

    #[test]
    fn error_texts_are_short() {
        let long = "x\n".repeat(100_000);
        for value in [
            json!(long),
            json!([long]),
            json!([{ long.clone(): 1 }]),
            json!([{"listing_id": long, "quantity": 1}]),
            json!([{"listing_id": A, "quantity": long}]),
            json!([{"listing_id": A, "quantity": 1, "strategy": long}]),
        ] {
            let text = lines_error(value);
            assert!(text.chars().count() < 300, "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
