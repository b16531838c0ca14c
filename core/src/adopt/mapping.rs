//! The `mapping` argument. It is parsed strictly: a misspelt key that is ignored would leave the
//! guess in force that it was to overrule.

use super::status;
use super::targets::{Target, ALLOCATIONS, LOCATIONS, LOTS};
use crate::claim::AllocationStatus;
use crate::quantity::MAX_SCALE;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Columns by target; `None` where a target is to be left out. What is not in it is guessed.
pub type Columns = BTreeMap<&'static str, Option<String>>;

/// Which column means what, as far as the caller says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Of the lots.
    pub lots: Columns,
    /// Of the allocations.
    pub allocations: Columns,
    /// Of the table that the lots' location refers to.
    pub locations: Columns,
    /// That table, as SQL names it; guessed from the reference where it is not given.
    pub locations_table: Option<String>,
    /// The lots' location is a name, whatever it refers to.
    pub without_locations: bool,
    /// What the app's words for the states of allocations mean.
    pub statuses: BTreeMap<String, AllocationStatus>,
    /// Decimal places of the quantities.
    pub quantity_scale: u8,
}

impl Mapping {
    /// # Errors
    ///
    /// What is wrong with it, for people.
    pub fn parse(mapping: &Value) -> Result<Mapping, String> {
        let mut parsed = Mapping::default();
        for (key, value) in object("mapping", mapping)? {
            match key.as_str() {
                "lots" => parsed.lots = columns(key, value, &LOTS)?,
                "allocations" => parsed.allocations = columns(key, value, &ALLOCATIONS)?,
                "locations" if value.is_null() => parsed.without_locations = true,
                "locations" => {
                    let mut rest = object(key, value)?.clone();
                    parsed.locations_table = match rest.remove("table") {
                        None | Some(Value::Null) => None,
                        Some(Value::String(table)) => Some(table),
                        Some(_) => return Err("locations.table must be a table's name".to_owned()),
                    };
                    parsed.locations = columns(key, &Value::Object(rest), &LOCATIONS)?;
                }
                "statuses" => parsed.statuses = statuses(value)?,
                "quantity_scale" => {
                    let scale = value.as_u64().and_then(|scale| u8::try_from(scale).ok());
                    parsed.quantity_scale = scale
                        .filter(|scale| *scale <= MAX_SCALE)
                        .ok_or("quantity_scale must be 0 to 9")?;
                }
                other => {
                    return Err(format!(
                        "has {other:?}; known are lots, allocations, locations, statuses, quantity_scale"
                    ))
                }
            }
        }
        Ok(parsed)
    }

    /// What a word of the app's means.
    pub fn status(&self, word: &str) -> Option<AllocationStatus> {
        let said = self.statuses.get(word).copied();
        said.or_else(|| status::meaning(word))
    }
}

/// A mapping over an earlier one: what it says counts, in each part by itself.
pub fn overlaid(earlier: &Value, later: &Value) -> Value {
    let (Value::Object(earlier), Value::Object(later)) = (earlier, later) else {
        return later.clone();
    };
    let mut sum = earlier.clone();
    for (key, value) in later {
        let value = match sum.get(key) {
            Some(before) => overlaid(before, value),
            None => value.clone(),
        };
        sum.insert(key.clone(), value);
    }
    Value::Object(sum)
}

fn object<'a>(name: &str, value: &'a Value) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{name} must be an object"))
}

fn columns(part: &str, value: &Value, targets: &'static [Target]) -> Result<Columns, String> {
    let mut columns = Columns::new();
    for (key, value) in object(part, value)? {
        let target = targets.iter().find(|target| target.name == key);
        let target = target.ok_or_else(|| {
            let known: Vec<&str> = targets.iter().map(|target| target.name).collect();
            format!("{part} has {key:?}; known are {}", known.join(", "))
        })?;
        let column = match value {
            Value::Null => None,
            Value::String(column) => Some(column.clone()),
            _ => return Err(format!("{part}.{key} must be a column's name, or null")),
        };
        columns.insert(target.name, column);
    }
    for (one, other) in [("listing_id", "sku"), ("quantity", "quantity_available")] {
        let is_given = |name| columns.get(name).is_some_and(Option::is_some);
        if is_given(one) && is_given(other) {
            return Err(format!("{part} has {one} and {other}: name one of them"));
        }
    }
    Ok(columns)
}

fn statuses(value: &Value) -> Result<BTreeMap<String, AllocationStatus>, String> {
    let meant = |(word, meaning): (&String, &Value)| {
        let status = meaning.as_str().and_then(AllocationStatus::parse);
        match status {
            Some(status) => Ok((word.clone(), status)),
            None => Err(format!(
                "statuses.{word} must be active, released or fulfilled"
            )),
        }
    };
    object("statuses", value)?.iter().map(meant).collect()
}
