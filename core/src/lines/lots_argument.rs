//! The `lots` argument: so much of each lot.

use std::collections::BTreeMap;

use serde_json::{json, Value};
use uuid::Uuid;

use super::parse::{elements, Element, Sums};
use super::LineError;

/// So much of one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotQuantity {
    /// The lot.
    pub lot_id: Uuid,
    /// How many smallest units, at least 1.
    pub quantity: i32,
}

/// A parsed `lots` argument: no lot twice, sorted by `lot_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lots {
    lots: Vec<LotQuantity>,
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

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

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
}
