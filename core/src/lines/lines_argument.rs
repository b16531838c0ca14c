//! The `lines` argument: so much of each listing.

use std::collections::BTreeMap;

use serde_json::{json, Value};
use uuid::Uuid;

use super::parse::{elements, line_object, Element, Sums};
use super::LineError;

/// One line of an order: so much of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The listing.
    pub listing_id: Uuid,
    /// How many smallest units, at least 1.
    pub quantity: i32,
    /// The only location to take from; `None` for any.
    pub location_id: Option<Uuid>,
    /// The strategy asked for, one of [`Strategy::NAMES`](crate::plan::Strategy::NAMES); `None` for
    /// the owner's. It is a name, as `location_priority` needs a list that only the caller can look
    /// up.
    pub strategy: Option<&'static str>,
}

/// A parsed `lines` argument: no two lines equal in listing, location and strategy, sorted by these
/// three, no location and no strategy first. All lines of a listing together are within an `integer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    lines: Vec<Line>,
}

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
            let (listing_id, quantity, location_id) = element.line()?;
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
            let mut object = line_object(line.listing_id, line.quantity, line.location_id);
            if let Some(strategy) = line.strategy {
                object.insert("strategy".into(), json!(strategy));
            }
            Value::Object(object)
        };
        self.lines.iter().map(element).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

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
}
