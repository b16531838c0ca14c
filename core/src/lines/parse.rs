//! What the arguments have in common: an array of objects, their fields, and their sums.

use std::collections::HashMap;

use serde_json::{json, Map, Value};
use uuid::Uuid;

use super::{LineError, MAX_LINES, MAX_TEXT};
use crate::calendar::{dates_of_booking, Day};
use crate::echo::cut;
use crate::plan::Strategy;

/// The elements of the array, which are neither none nor too many.
pub(super) fn elements<'a>(
    value: &'a Value,
    argument: &'static str,
) -> Result<&'a [Value], LineError> {
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
pub(super) struct Element<'a> {
    object: &'a Map<String, Value>,
    argument: &'static str,
    index: usize,
}

impl<'a> Element<'a> {
    pub(super) fn new(
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

    pub(super) fn missing(&self, field: &'static str) -> LineError {
        LineError::MissingKey {
            argument: self.argument,
            index: self.index,
            field,
        }
    }

    fn required(&self, field: &'static str) -> Result<&'a Value, LineError> {
        self.object.get(field).ok_or(self.missing(field))
    }

    pub(super) fn text(&self, field: &'static str) -> Result<&'a str, LineError> {
        let text = self.optional_text(field)?;
        text.ok_or(self.missing(field))
    }

    /// The dates of a booking.
    pub(super) fn optional_dates(
        &self,
        field: &'static str,
    ) -> Result<Option<Vec<Day>>, LineError> {
        let Some(value) = self.optional(field) else {
            return Ok(None);
        };
        let wrong = |value: &Value| self.wrong_type(field, "an array of dates", value);
        let elements = value.as_array().ok_or_else(|| wrong(value))?;
        let day = |value: &Value| {
            let day = value.as_str().and_then(Day::parse);
            day.map(Some).ok_or_else(|| wrong(value))
        };
        let days = elements.iter().map(day).collect::<Result<Vec<_>, _>>()?;
        let dates = dates_of_booking(days).map_err(|problem| LineError::BadDates {
            argument: self.argument,
            index: self.index,
            field,
            problem,
        })?;
        Ok(Some(dates))
    }

    /// Whole units, at least one.
    pub(super) fn optional_quantity(&self, field: &'static str) -> Result<Option<i32>, LineError> {
        self.optional(field)
            .map(|value| self.units(field, value, 1))
            .transpose()
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

    pub(super) fn uuid(&self, field: &'static str) -> Result<Uuid, LineError> {
        self.to_uuid(field, self.required(field)?)
    }

    pub(super) fn optional_uuid(&self, field: &'static str) -> Result<Option<Uuid>, LineError> {
        self.optional(field)
            .map(|value| self.to_uuid(field, value))
            .transpose()
    }

    pub(super) fn optional_text(&self, field: &'static str) -> Result<Option<&'a str>, LineError> {
        let Some(value) = self.optional(field) else {
            return Ok(None);
        };
        let Some(text) = value.as_str() else {
            return Err(self.wrong_type(field, "a text", value));
        };
        match text.chars().count() {
            1..=MAX_TEXT => Ok(Some(text)),
            length => Err(LineError::TextLength {
                argument: self.argument,
                index: self.index,
                field,
                length,
            }),
        }
    }

    pub(super) fn optional_strategy(&self) -> Result<Option<&'static str>, LineError> {
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

    pub(super) fn quantity(&self) -> Result<i32, LineError> {
        self.units("quantity", self.required("quantity")?, 1)
    }

    /// Whole units, none or more.
    pub(super) fn optional_units(&self, field: &'static str) -> Result<Option<i32>, LineError> {
        self.optional(field)
            .map(|value| self.units(field, value, 0))
            .transpose()
    }

    fn units(&self, field: &'static str, value: &Value, least: i32) -> Result<i32, LineError> {
        let integer = match value.as_i64() {
            Some(integer) => integer,
            None if is_huge(value) => i64::MAX,
            None => return Err(self.wrong_type(field, "a whole number", value)),
        };
        match i32::try_from(integer) {
            Ok(quantity) if quantity >= least => Ok(quantity),
            _ => Err(LineError::QuantityOutOfRange {
                argument: self.argument,
                index: self.index,
                field,
                least,
                quantity: describe(value),
            }),
        }
    }

    /// A decimal number as it is written, or as a text, which may be longer than a JSON number is exact.
    pub(super) fn optional_decimal(
        &self,
        field: &'static str,
    ) -> Result<Option<String>, LineError> {
        let Some(value) = self.optional(field) else {
            return Ok(None);
        };
        match value {
            Value::Number(number) => Ok(Some(number.to_string())),
            Value::String(_) => Ok(self.optional_text(field)?.map(str::to_owned)),
            _ => Err(self.wrong_type(field, "a decimal number", value)),
        }
    }

    /// Exactly one of some fields was found.
    pub(super) fn exactly_one<T>(
        &self,
        fields: &'static [&'static str],
        found: impl IntoIterator<Item = Option<T>>,
    ) -> Result<T, LineError> {
        let mut found = found.into_iter().flatten();
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(LineError::NotOneOf {
                argument: self.argument,
                index: self.index,
                fields,
            }),
        }
    }

    /// What every kind of line has: its listing, quantity and location.
    pub(super) fn line(&self) -> Result<(Uuid, i32, Option<Uuid>), LineError> {
        let listing_id = self.uuid("listing_id")?;
        let quantity = self.quantity()?;
        let location_id = self.optional_uuid("location_id")?;
        Ok((listing_id, quantity, location_id))
    }
}

/// What every kind of line has, as JSON without nulls.
pub(super) fn line_object(
    listing_id: Uuid,
    quantity: i32,
    location_id: Option<Uuid>,
) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("listing_id".into(), json!(listing_id));
    object.insert("quantity".into(), json!(quantity));
    if let Some(location_id) = location_id {
        object.insert("location_id".into(), json!(location_id));
    }
    object
}

/// Whether the value is a number beyond an i64, which serde_json reads as a u64 or a float.
fn is_huge(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|number| number.abs() >= i64::MAX as f64)
}

/// The sum of quantities for each listing or lot.
#[derive(Default)]
pub(super) struct Sums {
    by_key: HashMap<Uuid, i32>,
}

impl Sums {
    pub(super) fn add(
        &mut self,
        element: &Element<'_>,
        key: Uuid,
        quantity: i32,
    ) -> Result<(), LineError> {
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
    use crate::lines::{Lines, Lots};

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn lines_error(value: Value) -> String {
        Lines::parse(&value).unwrap_err().to_string()
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
