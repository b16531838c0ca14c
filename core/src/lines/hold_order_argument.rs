//! The `lines` argument of an order of holds: so much of each listing, from anywhere or one location.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::parse::{elements, line_object, Element, Sums};
use super::LineError;

/// So much of a listing to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldLine {
    /// The listing.
    pub listing_id: Uuid,
    /// How many smallest units, at least 1.
    pub quantity: i32,
    /// The only location whose stock is held; `None` for any.
    pub location_id: Option<Uuid>,
}

/// A parsed `lines` argument of holds that stand or fall together: no two lines equal in listing and
/// location, sorted by these two, no location first. All lines of a listing together are within an
/// `integer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldLines {
    lines: Vec<HoldLine>,
}

impl HoldLines {
    /// Parses `[{"listing_id", "quantity", "location_id"?}]`. An optional key may be null, which is
    /// the same as leaving it out.
    ///
    /// # Errors
    ///
    /// A [`LineError`] for the first element that is wrong.
    pub fn parse(value: &Value) -> Result<HoldLines, LineError> {
        let mut merged: BTreeMap<(Uuid, Option<Uuid>), i32> = BTreeMap::new();
        let mut sums = Sums::default();
        for (index, value) in elements(value, "lines")?.iter().enumerate() {
            let known = &["listing_id", "quantity", "location_id"];
            let element = Element::new(value, "lines", index, known)?;
            let (listing_id, quantity, location_id) = element.line()?;
            sums.add(&element, listing_id, quantity)?;
            // Can't overflow: the listing's sum is checked.
            *merged.entry((listing_id, location_id)).or_insert(0) += quantity;
        }
        let lines = merged
            .into_iter()
            .map(|((listing_id, location_id), quantity)| HoldLine {
                listing_id,
                quantity,
                location_id,
            })
            .collect();
        Ok(HoldLines { lines })
    }

    /// The merged lines, sorted.
    pub fn as_slice(&self) -> &[HoldLine] {
        &self.lines
    }

    /// The set as JSON, the same however it was ordered or split: for comparing a replay with what was
    /// stored. It has the form that [`HoldLines::parse`] takes, without nulls.
    pub fn canonical(&self) -> Value {
        let element = |line: &HoldLine| {
            Value::Object(line_object(
                line.listing_id,
                line.quantity,
                line.location_id,
            ))
        };
        self.lines.iter().map(element).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn error(value: Value) -> String {
        HoldLines::parse(&value).unwrap_err().to_string()
    }

    #[test]
    fn lines_are_merged_and_sorted() {
        let lines = HoldLines::parse(&json!([
            {"listing_id": B, "quantity": 1},
            {"listing_id": A, "quantity": 2, "location_id": B},
            {"listing_id": A, "quantity": 3, "location_id": null},
            {"listing_id": B.to_uppercase(), "quantity": 4},
            {"listing_id": A, "quantity": 5, "location_id": A},
        ]))
        .unwrap();
        assert_eq!(
            lines.canonical(),
            json!([
                {"listing_id": A, "quantity": 3},
                {"listing_id": A, "quantity": 5, "location_id": A},
                {"listing_id": A, "quantity": 2, "location_id": B},
                {"listing_id": B, "quantity": 5},
            ])
        );
        assert_eq!(lines.as_slice().len(), 4);
        assert_eq!(lines.as_slice()[3].quantity, 5);
    }

    #[test]
    fn an_order_has_lines_and_no_keys_of_other_lines() {
        assert_eq!(error(json!([])), "lines is empty");
        assert_eq!(
            error(json!([{"listing_id": A, "quantity": 1, "strategy": "fifo"}])),
            "lines[0] has an unknown key \"strategy\"; known are listing_id, quantity, location_id"
        );
    }

    #[test]
    fn all_lines_of_a_listing_are_within_an_integer() {
        assert_eq!(
            error(json!([
                {"listing_id": A, "quantity": i32::MAX},
                {"listing_id": A, "quantity": 1, "location_id": B},
            ])),
            format!("lines[1].quantity brings the sum for {A} above 2147483647")
        );
    }
}
