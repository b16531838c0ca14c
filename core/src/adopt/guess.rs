//! Which column gives what: by the table's key, by what it references, by its name.

use super::targets::{Kind, Target};

/// A column of an app's table.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it is the table's primary key by itself.
    pub is_key: bool,
    /// Whether it references another table.
    pub is_reference: bool,
    /// Whether it references the table of lots.
    pub references_lots: bool,
}

/// What was found for a target.
#[derive(Debug, PartialEq, Eq)]
pub struct Guess {
    /// What it is about.
    pub target: &'static Target,
    /// Number of the column in the list given; None where none fits.
    pub column: Option<usize>,
    /// Why; where none fits, what holds then.
    pub why: &'static str,
}

const BY_KEY: &str = "the table's key";
const BY_REFERENCE: &str = "references the lots";
const BY_NAME: &str = "by its name";
const BY_BEING_LEFT: &str = "the only other reference";

/// A guess for each target, in order. Each column is used once.
pub fn guess(targets: &'static [Target], columns: &[Column]) -> Vec<Guess> {
    let mut used = vec![false; columns.len()];
    let mut guesses: Vec<Guess> = targets
        .iter()
        .map(|target| {
            let found = find(target, targets, columns, &used);
            if let Some((at, _)) = found {
                used[at] = true;
            }
            Guess {
                target,
                column: found.map(|(at, _)| at),
                why: found.map_or(target.without, |(_, why)| why),
            }
        })
        .collect();
    choose_one(&mut guesses, "listing_id", "sku");
    choose_one(&mut guesses, "quantity", "quantity_available");
    guess_listing_by_reference(&mut guesses, columns);
    guesses
}

fn find(
    target: &Target,
    targets: &[Target],
    columns: &[Column],
    used: &[bool],
) -> Option<(usize, &'static str)> {
    let fits = |at: usize| !used[at] && target.kinds.contains(&columns[at].kind);
    let position =
        |is: &dyn Fn(&Column) -> bool| (0..columns.len()).find(|at| fits(*at) && is(&columns[*at]));
    // The first target of a table is its key.
    if std::ptr::eq(target, &targets[0]) {
        if let Some(at) = position(&|column| column.is_key) {
            return Some((at, BY_KEY));
        }
    } else if target.name == "lot_id" {
        if let Some(at) = position(&|column| column.references_lots) {
            return Some((at, BY_REFERENCE));
        }
    }
    let why = if target.note.is_empty() {
        BY_NAME
    } else {
        target.note
    };
    target.names.iter().find_map(|name| {
        let name = plain(name);
        position(&|column| plain(column.name) == name).map(|at| (at, why))
    })
}

/// Of two targets that say the same, the first counts where both were found.
fn choose_one(guesses: &mut [Guess], first: &str, second: &str) {
    let found = |name| move |guess: &Guess| guess.target.name == name && guess.column.is_some();
    if guesses.iter().any(found(first)) {
        if let Some(other) = guesses.iter_mut().find(|guess| found(second)(guess)) {
            other.column = None;
            other.why = other.target.without;
        }
    }
}

/// Where neither name is known: lots refer to what they are of.
fn guess_listing_by_reference(guesses: &mut [Guess], columns: &[Column]) {
    let is_used = |at: usize| guesses.iter().any(|guess| guess.column == Some(at));
    let left: Vec<usize> = (0..columns.len())
        .filter(|at| columns[*at].is_reference && !is_used(*at))
        .collect();
    let has_sku = guesses
        .iter()
        .any(|guess| guess.target.name == "sku" && guess.column.is_some());
    let listing = guesses
        .iter_mut()
        .find(|guess| guess.target.name == "listing_id" && guess.column.is_none());
    if let (false, Some(listing), [at]) = (has_sku, listing, left.as_slice()) {
        listing.column = Some(*at);
        listing.why = BY_BEING_LEFT;
    }
}

/// `quantityTotal`, `Quantity_Total` and `quantity_total` are one name.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
