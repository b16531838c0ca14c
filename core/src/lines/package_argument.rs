//! The `lines` argument of a package: so much of several resources, on their dates.

use serde_json::{json, Value};

use super::parse::{elements, Element};
use super::LineError;
use crate::calendar::Day;

/// So much of a resource, on these dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageLine {
    /// The resource.
    pub resource_id: String,
    /// Units on each date, at least 1.
    pub quantity: i32,
    /// Ascending, each once.
    pub dates: Vec<Day>,
}

/// A parsed `lines` argument of a package, in the order in which it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageLines {
    lines: Vec<PackageLine>,
}

impl PackageLines {
    /// Parses `[{"resource_id", "quantity"?, "dates"?}]`; `dates` are those of the call, for lines that name none,
    /// and one unit is what a line wants that names no quantity.
    ///
    /// # Errors
    ///
    /// A [`LineError`] for the first element that is wrong.
    pub fn parse(value: &Value, dates: Option<&[Day]>) -> Result<PackageLines, LineError> {
        let line = |(index, value): (usize, &Value)| {
            let known = &["resource_id", "quantity", "dates"];
            let element = Element::new(value, "lines", index, known)?;
            let resource_id = element.text("resource_id")?.to_owned();
            let quantity = element.optional_quantity("quantity")?.unwrap_or(1);
            let dates = match (element.optional_dates("dates")?, dates) {
                (Some(own), _) => own,
                (None, Some(dates)) => dates.to_vec(),
                (None, None) => return Err(element.missing("dates")),
            };
            Ok(PackageLine {
                resource_id,
                quantity,
                dates,
            })
        };
        let lines = elements(value, "lines")?.iter().enumerate().map(line);
        Ok(PackageLines {
            lines: lines.collect::<Result<_, _>>()?,
        })
    }

    /// The lines, in their order.
    pub fn as_slice(&self) -> &[PackageLine] {
        &self.lines
    }

    /// The lines as JSON, for comparing a replay with what was stored.
    pub fn canonical(&self) -> Value {
        let line = |line: &PackageLine| {
            let dates: Vec<String> = line.dates.iter().map(Day::to_string).collect();
            json!({"resource_id": line.resource_id, "quantity": line.quantity, "dates": dates})
        };
        self.lines.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: Value, dates: Option<&[Day]>) -> Result<PackageLines, String> {
        PackageLines::parse(&value, dates).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_have_their_own_dates_or_those_of_the_call() {
        let value = json!([
            {"resource_id": "car", "quantity": 2, "dates": ["2026-12-25", "2026-12-24"]},
            {"resource_id": "guide"},
            {"resource_id": "guide", "quantity": null, "dates": null},
        ]);
        let lines = parse(value.clone(), Some(&[Day(0)])).unwrap();
        assert_eq!(
            lines.canonical(),
            json!([
                {"resource_id": "car", "quantity": 2, "dates": ["2026-12-24", "2026-12-25"]},
                {"resource_id": "guide", "quantity": 1, "dates": ["2000-01-01"]},
                {"resource_id": "guide", "quantity": 1, "dates": ["2000-01-01"]},
            ])
        );
        assert_eq!(parse(value, None).unwrap_err(), "lines[1].dates is missing");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |element: Value| parse(json!([element]), None).unwrap_err();
        assert_eq!(
            error(json!({"resource_id": "car", "dates": "2026-12-24"})),
            "lines[0].dates must be an array of dates, not \"2026-12-24\""
        );
        assert_eq!(
            error(json!({"resource_id": "car", "dates": ["2026-02-30"]})),
            "lines[0].dates must be an array of dates, not \"2026-02-30\""
        );
        assert_eq!(
            error(json!({"resource_id": "car", "dates": []})),
            "lines[0].dates must have a date"
        );
        assert_eq!(
            error(json!({"resource_id": "car", "dates": ["2026-12-24", "2026-12-24"]})),
            "lines[0].dates has 2026-12-24 twice"
        );
        assert_eq!(
            error(json!({"resource_id": "car", "quantity": 0, "dates": ["2026-12-24"]})),
            "lines[0].quantity must be between 1 and 2147483647, not 0"
        );
        assert_eq!(
            error(json!({"quantity": 1})),
            "lines[0].resource_id is missing"
        );
        assert_eq!(
            error(json!({"resource_id": 7})),
            "lines[0].resource_id must be a text, not 7"
        );
        assert_eq!(
            error(json!({"resource_id": "car", "date": "2026-12-24"})),
            "lines[0] has an unknown key \"date\"; known are resource_id, quantity, dates"
        );
    }
}
