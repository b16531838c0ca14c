//! The `counts` argument: what a stocktake has found.

use std::collections::HashMap;

use serde_json::{json, Value};
use uuid::Uuid;

use super::parse::{elements, Element};
use super::LineError;

/// What was counted, as the caller names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// A lot.
    Lot(Uuid),
    /// The only lot of a listing.
    Listing(Uuid),
    /// The only lot of the listing with this sku.
    Sku(String),
}

/// How much there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// In smallest units.
    Units(i32),
    /// As a decimal number of the listing's unit.
    Amount(String),
}

/// One count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Of what.
    pub named: Named,
    /// How much.
    pub counted: Counted,
    /// Smallest units that must be there by the books, or the reading is stale; `None` for any.
    pub expected: Option<i32>,
}

/// A parsed `counts` argument: nothing is named twice in the same way. In the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    counts: Vec<Count>,
}

impl Counts {
    /// Parses `[{"lot_id" or "listing_id" or "sku", "counted" or "amount", "expected"?}]`. A key may be
    /// null, which is the same as leaving it out.
    ///
    /// # Errors
    ///
    /// A [`LineError`] for the first element that is wrong.
    pub fn parse(value: &Value) -> Result<Counts, LineError> {
        let mut counts = Vec::new();
        let mut seen: HashMap<Named, usize> = HashMap::new();
        for (index, value) in elements(value, "counts")?.iter().enumerate() {
            let count = Count::parse(value, index)?;
            if let Some(first) = seen.insert(count.named.clone(), index) {
                return Err(LineError::Repeated {
                    argument: "counts",
                    index,
                    first,
                });
            }
            counts.push(count);
        }
        Ok(Counts { counts })
    }

    /// The counts, as they were given.
    pub fn as_slice(&self) -> &[Count] {
        &self.counts
    }

    /// The set as JSON, the same however it was ordered: for comparing a replay with what was stored. It
    /// has the form that [`Counts::parse`] takes.
    pub fn canonical(&self) -> Value {
        let mut counts: Vec<&Count> = self.counts.iter().collect();
        counts.sort_by_key(|count| &count.named);
        counts.into_iter().map(Count::to_json).collect()
    }
}

impl Count {
    fn parse(value: &Value, index: usize) -> Result<Count, LineError> {
        let known = &[
            "lot_id",
            "listing_id",
            "sku",
            "counted",
            "amount",
            "expected",
        ];
        let element = Element::new(value, "counts", index, known)?;
        let sku = element.optional_text("sku")?;
        let named = element.exactly_one(
            &["lot_id", "listing_id", "sku"],
            [
                element.optional_uuid("lot_id")?.map(Named::Lot),
                element.optional_uuid("listing_id")?.map(Named::Listing),
                sku.map(|sku| Named::Sku(sku.to_owned())),
            ],
        )?;
        let counted = element.exactly_one(
            &["counted", "amount"],
            [
                element.optional_units("counted")?.map(Counted::Units),
                element.optional_decimal("amount")?.map(Counted::Amount),
            ],
        )?;
        Ok(Count {
            named,
            counted,
            expected: element.optional_units("expected")?,
        })
    }

    fn to_json(&self) -> Value {
        let mut object = match &self.named {
            Named::Lot(lot_id) => json!({"lot_id": lot_id}),
            Named::Listing(listing_id) => json!({"listing_id": listing_id}),
            Named::Sku(sku) => json!({"sku": sku}),
        };
        match &self.counted {
            Counted::Units(units) => object["counted"] = json!(units),
            Counted::Amount(amount) => object["amount"] = json!(amount),
        }
        if let Some(expected) = self.expected {
            object["expected"] = json!(expected);
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn error(value: Value) -> String {
        Counts::parse(&value).unwrap_err().to_string()
    }

    #[test]
    fn counts_stay_in_their_order_and_are_compared_as_a_set() {
        let one = json!({"sku": "hat", "amount": 1.5});
        let two = json!({"lot_id": A, "counted": 0, "expected": 3, "sku": null});
        let counts = Counts::parse(&json!([one, two])).unwrap();
        assert_eq!(counts.as_slice()[0].named, Named::Sku("hat".to_owned()));
        assert_eq!(
            counts.as_slice()[0].counted,
            Counted::Amount("1.5".to_owned())
        );
        assert_eq!(counts.as_slice()[1].expected, Some(3));
        let turned = Counts::parse(&json!([two, one])).unwrap();
        assert_eq!(counts.canonical(), turned.canonical());
        assert_eq!(Counts::parse(&counts.canonical()).unwrap(), turned);
    }

    #[test]
    fn each_count_names_one_thing_and_one_number() {
        let names = "counts[0] must have exactly one of lot_id, listing_id, sku";
        assert_eq!(error(json!([{"counted": 1}])), names);
        assert_eq!(
            error(json!([{"lot_id": A, "sku": "hat", "counted": 1}])),
            names
        );
        let numbers = "counts[0] must have exactly one of counted, amount";
        assert_eq!(error(json!([{"lot_id": A}])), numbers);
        assert_eq!(
            error(json!([{"lot_id": A, "counted": 1, "amount": 1}])),
            numbers
        );
    }

    #[test]
    fn nothing_is_counted_twice() {
        assert_eq!(
            error(json!([
                {"lot_id": A, "counted": 1},
                {"lot_id": B, "counted": 1},
                {"lot_id": A.to_uppercase(), "counted": 1},
            ])),
            "counts[2] counts again what counts[0] counts"
        );
    }

    #[test]
    fn values_are_checked() {
        assert_eq!(
            error(json!([{"lot_id": A, "counted": -1}])),
            "counts[0].counted must be between 0 and 2147483647, not -1"
        );
        assert_eq!(
            error(json!([{"lot_id": A, "counted": 1, "expected": 1.5}])),
            "counts[0].expected must be a whole number, not 1.5"
        );
        assert_eq!(
            error(json!([{"lot_id": A, "amount": [1]}])),
            "counts[0].amount must be a decimal number, not an array"
        );
        assert_eq!(
            error(json!([{"sku": "", "counted": 1}])),
            "counts[0].sku must have 1 to 200 characters, not 0"
        );
    }
}
