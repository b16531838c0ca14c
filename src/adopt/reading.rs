//! Which tables and columns are read: what the mapping says, and guesses where it is silent.

use super::source::{refusal, Source, SourceColumn};
use crate::engine::{with_setting, Engine};
use crate::error::Error;
use crate::plans;
use pgrx::pg_sys::{self, TEXTOID};
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;
use std::ffi::CString;
use stockroom_core::adopt::{
    guess, Column, Columns, Kind, Mapping, Target, ALLOCATIONS, LOCATIONS, LOTS,
};

/// A table with the column of each target.
pub struct Part {
    /// As the mapping calls it.
    name: &'static str,
    pub source: Source,
    pub choices: Vec<Choice>,
}

pub struct Choice {
    pub target: &'static Target,
    pub column: Option<SourceColumn>,
    pub why: &'static str,
}

impl Part {
    fn choose(
        name: &'static str,
        source: Source,
        targets: &'static [Target],
        given: &Columns,
        lots: Option<pg_sys::Oid>,
    ) -> Result<Part, Error> {
        let is_given =
            |column: &SourceColumn| given.values().flatten().any(|name| *name == column.name);
        let columns: Vec<Column> = source
            .columns
            .iter()
            .map(|column| Column {
                name: &column.name,
                // What is given is not guessed with.
                kind: if is_given(column) {
                    Kind::Other
                } else {
                    column.kind
                },
                is_key: column.is_key,
                is_reference: column.references.is_some() && !is_given(column),
                references_lots: column.references.is_some() && column.references == lots,
            })
            .collect();
        let is_said = |target: &str| given.get(target).is_some_and(Option::is_some);
        let choose = |guess: stockroom_core::adopt::Guess| {
            let target = guess.target;
            let overruled = match target.name {
                "listing_id" => is_said("sku"),
                "sku" => is_said("listing_id"),
                "quantity" => is_said("quantity_available"),
                "quantity_available" => is_said("quantity"),
                _ => false,
            };
            let (column, why) = match given.get(target.name) {
                Some(None) => (None, target.without),
                Some(Some(column)) => {
                    let column = given_column(name, &source, target, column)?;
                    (Some(column), "as the mapping says")
                }
                None if overruled => (None, target.without),
                None => (guess.column.map(|at| source.columns[at].clone()), guess.why),
            };
            Ok(Choice {
                target,
                column,
                why,
            })
        };
        let guesses = guess(targets, &columns).into_iter();
        let choices = guesses.map(choose).collect::<Result<Vec<_>, Error>>()?;
        Ok(Part {
            name,
            source,
            choices,
        })
    }

    /// Each choice with its target as the mapping has it: `lots.quantity`.
    pub fn named_choices(&self) -> impl Iterator<Item = (String, &Choice)> {
        let named = |choice: &'static str| format!("{}.{choice}", self.name);
        let choices = self.choices.iter();
        choices.map(move |choice| (named(choice.target.name), choice))
    }

    pub fn column(&self, target: &str) -> Option<&SourceColumn> {
        let choice = self
            .choices
            .iter()
            .find(|choice| choice.target.name == target);
        choice.and_then(|choice| choice.column.as_ref())
    }

    /// The column as text; the empty text where there is none.
    pub fn text(&self, target: &str) -> String {
        let column = self.column(target).map(SourceColumn::as_text);
        column.unwrap_or_else(|| "''::pg_catalog.text".to_owned())
    }

    /// The column as a value of a type; NULL where there is none.
    pub fn value(&self, target: &str, type_name: &str) -> String {
        let column = self.column(target).map(|column| column.cast_to(type_name));
        column.unwrap_or_else(|| format!("NULL::pg_catalog.{type_name}"))
    }

    fn need(&self, targets: &[&str]) -> Result<(), Error> {
        if targets.iter().any(|target| self.column(target).is_some()) {
            return Ok(());
        }
        let names: Vec<String> = targets
            .iter()
            .map(|target| format!("{}.{target}", self.name))
            .collect();
        Err(refusal(
            &self.source.name,
            format!("no column could be found for {}", names.join(" or ")),
            format!(
                "Name it: mapping => '{{\"{}\": {{\"{}\": \"the column\"}}}}'.",
                self.name, targets[0]
            ),
        ))
    }

    fn as_mapping(&self) -> Map<String, Value> {
        let column = |choice: &Choice| choice.column.as_ref().map(|column| column.name.clone());
        let columns = self.choices.iter();
        columns
            .map(|choice| (choice.target.name.to_owned(), json!(column(choice))))
            .collect()
    }
}

fn given_column(
    part: &str,
    source: &Source,
    target: &Target,
    name: &str,
) -> Result<SourceColumn, Error> {
    let shown: String = name.chars().take(80).collect();
    let column = source.column(name).ok_or_else(|| {
        refusal(
            &source.name,
            format!("it has no column {shown}, which the mapping names for {part}.{}", target.name),
            "Column names are taken exactly as they are stored: lower case, unless they were quoted.",
        )
    })?;
    if !target.kinds.contains(&column.kind) {
        return Err(refusal(
            &source.name,
            format!(
                "column {shown} is of type {}, which cannot be {part}.{}",
                column.type_name, target.name
            ),
            "Name another column, or a view that converts it.",
        ));
    }
    Ok(column.clone())
}

/// All that an import reads.
pub struct Reading {
    pub mapping: Mapping,
    pub lots: Part,
    pub allocations: Option<Part>,
    /// The table that the lots' location refers to.
    pub locations: Option<Part>,
}

impl Reading {
    pub fn of(
        engine: &Engine,
        lots: pg_sys::Oid,
        allocations: Option<pg_sys::Oid>,
        mapping: &Value,
        search_path: &str,
    ) -> Result<Reading, Error> {
        let mapping = Mapping::parse(mapping).map_err(bad_mapping)?;
        let source = |oid| Source::of(engine, oid, search_path);
        let lots_part = Part::choose("lots", source(lots)?, &LOTS, &mapping.lots, None)?;
        let allocations = match allocations {
            None => None,
            Some(oid) => {
                let given = &mapping.allocations;
                Some(Part::choose(
                    "allocations",
                    source(oid)?,
                    &ALLOCATIONS,
                    given,
                    Some(lots),
                )?)
            }
        };
        let named = mapping.locations_table.as_deref();
        let named = named
            .map(|name| table_named(engine, name, search_path))
            .transpose()?;
        let referred = lots_part
            .column("location")
            .and_then(|column| column.references);
        let locations = match (lots_part.column("location"), named.or(referred)) {
            (Some(_), Some(oid)) if !mapping.without_locations => {
                let given = &mapping.locations;
                match source(oid) {
                    // The engine's own locations, say: the key is enough.
                    Err(_) if named.is_none() => None,
                    source => Some(Part::choose("locations", source?, &LOCATIONS, given, None)?),
                }
            }
            _ => None,
        };
        Ok(Reading {
            mapping,
            lots: lots_part,
            allocations,
            locations,
        })
    }

    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let others = [self.allocations.as_ref(), self.locations.as_ref()];
        std::iter::once(&self.lots).chain(others.into_iter().flatten())
    }

    /// An error unless there is a column for all that is needed.
    pub fn check(&self) -> Result<(), Error> {
        self.lots.need(&["lot_id"])?;
        self.lots.need(&["listing_id", "sku"])?;
        self.lots.need(&["quantity", "quantity_available"])?;
        if let Some(allocations) = &self.allocations {
            for target in ["allocation_id", "lot_id", "order_id", "quantity"] {
                allocations.need(&[target])?;
            }
        }
        self.locations
            .as_ref()
            .map_or(Ok(()), |locations| locations.need(&["location_id"]))
    }

    /// The column that says whose goods a lot is of.
    pub fn listing_column(&self) -> Option<&SourceColumn> {
        self.lots
            .column("listing_id")
            .or_else(|| self.lots.column("sku"))
    }

    pub fn listing_is_sku(&self) -> bool {
        self.lots.column("listing_id").is_none()
    }

    /// Whether claims are taken off the lots' quantity already.
    pub fn is_net_of_claims(&self) -> bool {
        self.lots.column("quantity").is_none()
    }

    /// The mapping with each guess in it: the next import does the same.
    pub fn as_mapping(&self) -> Value {
        let statuses: BTreeMap<&String, &str> = self
            .mapping
            .statuses
            .iter()
            .map(|(word, status)| (word, status.name()))
            .collect();
        let mut whole = json!({
            "lots": self.lots.as_mapping(),
            "locations": null,
            "statuses": statuses,
            "quantity_scale": self.mapping.quantity_scale,
        });
        if let Some(allocations) = &self.allocations {
            whole["allocations"] = allocations.as_mapping().into();
        }
        if let Some(locations) = &self.locations {
            let mut part = locations.as_mapping();
            part.insert("table".to_owned(), json!(locations.source.name));
            whole["locations"] = part.into();
        }
        whole
    }
}

pub fn bad_mapping(problem: String) -> Error {
    Error::BadArgument {
        argument: "mapping",
        problem,
    }
}

/// A table as the caller would name it.
fn table_named(engine: &Engine, name: &str, search_path: &str) -> Result<pg_sys::Oid, Error> {
    let path = CString::new(search_path).expect("a search path has no NUL");
    let found = with_setting(c"search_path", &path, true, || {
        let text = "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid".to_owned();
        plans::run_made(engine, text, &[TEXTOID], &[name.to_owned().into()], |row| {
            row.get(1)
        })
    });
    found.into_iter().flatten().next().ok_or_else(|| {
        bad_mapping(format!(
            "there is no table {}",
            name.chars().take(200).collect::<String>()
        ))
    })
}
