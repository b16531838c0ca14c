//! What the rows of an item's copies say again, and what of it is a guess.

use super::items::{Content, Copy, Item, Loan};
use super::registration::{Names, Registration};
use super::report::Report;
use super::table::CopyTable;
use super::take::NOBODY;
use crate::ids;
use serde_json::Value;
use stockroom_core::copies::{place, Known, Place, Placed, Units};

/// Rows to be written.
#[derive(Default)]
pub struct Rows {
    /// With the keys that they had; some are still there.
    pub counted: Vec<String>,
    /// New ones; without a key where the table has a default for it.
    pub came: Vec<String>,
}

/// How a copy's row is written anew.
pub struct Writer<'a> {
    pub table: &'a CopyTable,
    pub known: &'a Registration,
}

impl Writer<'_> {
    /// The rows of an item's copies; what is chosen goes into the report. Answers how many rows stay though
    /// their copies have left.
    pub fn rows_of(&self, item: &Item, rows: &mut Rows, report: &mut Report) -> i64 {
        let others: Vec<&Loan> = item
            .loans
            .iter()
            .flat_map(|loan| vec![loan; loan.out.max(0) as usize])
            .collect();
        let placed = self.placed(item, others.len());
        let mut others = others.into_iter();
        let mut left_rows = 0;
        for (copy, place) in item.copies.iter().zip(&placed.counted) {
            let is_own_row = copy.key == item.key;
            let loan = match place {
                Place::OutChosen => others.next(),
                _ => None,
            };
            self.tell(
                item,
                Some(&copy.key),
                *place,
                loan.or(copy.loan.as_ref()),
                report,
            );
            let is_gone = matches!(place, Place::Lost | Place::LeftChosen);
            if is_gone && self.known.removes && !is_own_row {
                continue;
            }
            left_rows += i64::from(is_gone);
            rows.counted.push(self.row_again(copy, *place, loan));
        }
        for place in &placed.came {
            let loan = match place {
                Place::OutChosen => others.next(),
                _ => None,
            };
            let row = self.new_row(item, *place, loan);
            let key = row.get(&self.known.names.key).and_then(Value::as_str);
            report.tell(
                "came",
                Some(item.key.clone()),
                key.map(str::to_owned),
                "a copy came since: its row is made after another of the item's".to_owned(),
            );
            self.tell(item, key, *place, loan, report);
            rows.came.push(Value::Object(row).to_string());
        }
        left_rows
    }

    fn placed(&self, item: &Item, out_otherwise: usize) -> Placed {
        let counted: Vec<Known> = item.copies.iter().map(|copy| copy.known).collect();
        let units = |count: i32| count.max(0) as usize;
        place(
            &counted,
            Units {
                total: units(item.total),
                available: units(item.available),
                out_otherwise,
            },
        )
    }

    /// Says what was chosen, and what the table has no column for.
    fn tell(
        &self,
        item: &Item,
        copy: Option<&str>,
        place: Place,
        loan: Option<&Loan>,
        report: &mut Report,
    ) {
        let (kind, note) = match place {
            Place::Shelf => return,
            Place::Out => ("", ""),
            Place::OutChosen => (
                "out",
                "a loan was made since: which copy is out was not kept",
            ),
            Place::AsideChosen => (
                "aside",
                "it is there, and not to be had: which copy was not kept",
            ),
            Place::Lost => ("left", "the loan that it was out with ended in its loss"),
            Place::LeftChosen => ("left", "a copy has left since: which one was not kept"),
        };
        let mut tell = |kind, note: String| {
            report.tell(kind, Some(item.key.clone()), copy.map(str::to_owned), note);
        };
        if !kind.is_empty() {
            tell(kind, note.to_owned());
        }
        let Some(loan) = loan.filter(|_| matches!(place, Place::Out | Place::OutChosen)) else {
            return;
        };
        let names = &self.known.names;
        let borrower = loan.borrower.as_ref().filter(|name| *name != NOBODY);
        for (column, value, what) in [
            (&names.borrower, borrower, "borrower"),
            (&names.due, loan.due.as_ref(), "due date"),
            (&names.contact, loan.contact.as_ref(), "contact"),
        ] {
            if let (None, Some(value)) = (column, value) {
                tell("dropped", format!("no column takes its {what}: {value}"));
            }
        }
    }

    /// The row of a copy as it was, but for what has changed since.
    fn row_again(&self, copy: &Copy, place: Place, other: Option<&Loan>) -> String {
        let mut row = copy.content.clone();
        match (place, &copy.loan) {
            (Place::Shelf, None) => {}
            (Place::Shelf, Some(_)) => self.set_there(&mut row, true),
            (Place::Out, Some(loan)) => self.set_changes(&mut row, loan),
            (Place::OutChosen, _) => self.set_out(&mut row, other),
            _ => self.set_there(&mut row, false),
        }
        Value::Object(row).to_string()
    }

    /// A row for a copy that had none: as another of the item's, but for what must differ.
    fn new_row(&self, item: &Item, place: Place, loan: Option<&Loan>) -> Content {
        let model = item.copies.iter().find(|copy| copy.key != item.key);
        let mut row = model
            .map(|copy| &copy.content)
            .or(item.content.as_ref())
            .cloned()
            .unwrap_or_default();
        for column in self.table.columns.iter().filter(|column| column.unique) {
            row.remove(&column.name);
        }
        let names = &self.known.names;
        row.remove(&names.key);
        if self.known.key_is_uuid {
            row.insert(names.key.clone(), text(&ids::new_key().to_string()));
        }
        row.insert(names.parent.clone(), text(&item.key));
        match place {
            Place::OutChosen => self.set_out(&mut row, loan),
            place => self.set_there(&mut row, place == Place::Shelf),
        }
        row
    }

    /// A copy that nobody has: the columns about its borrower get what a new row gets.
    fn set_there(&self, row: &mut Content, available: bool) {
        let names = &self.known.names;
        row.insert(
            names.available.clone(),
            text(if available { "true" } else { "false" }),
        );
        for column in about_borrower(names) {
            row.remove(column);
        }
    }

    fn set_out(&self, row: &mut Content, loan: Option<&Loan>) {
        self.set_there(row, false);
        let names = &self.known.names;
        let Some(loan) = loan else { return };
        for (column, value) in [
            (&names.borrower, &loan.borrower),
            (&names.due, &loan.due),
            (&names.contact, &loan.contact),
            (&names.borrowed, &loan.borrowed),
        ] {
            set(row, column, value);
        }
    }

    fn set_changes(&self, row: &mut Content, loan: &Loan) {
        let (names, same) = (&self.known.names, loan.same);
        for (column, value, is_same) in [
            (&names.borrower, &loan.borrower, same.borrower),
            (&names.due, &loan.due, same.due),
            (&names.contact, &loan.contact, same.contact),
        ] {
            if let (Some(column), false) = (column, is_same) {
                row.remove(column);
                set(row, &Some(column.clone()), value);
            }
        }
    }
}

fn about_borrower(names: &Names) -> impl Iterator<Item = &String> {
    [&names.borrower, &names.due, &names.contact, &names.borrowed]
        .into_iter()
        .flatten()
}

fn set(row: &mut Content, column: &Option<String>, value: &Option<String>) {
    if let (Some(column), Some(value)) = (column, value) {
        row.insert(column.clone(), text(value));
    }
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}
