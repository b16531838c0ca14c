//! What these tests stand on: a library whose table `items` has a row for each copy.
//!
//! | item | its copies |
//! |---|---|
//! | 1 Dune | 11 is there, 12 is with Ann until 2030-01-02, 13 is out with nobody named |
//! | 2 Emma | 21 is there |
//! | 3 Solo | none |

use crate::api::shop::everything;
use crate::attached::app::{empty, Sql};
use stockroom_tests::Db;

pub const TABLE: &str = "CREATE TABLE items (
    id int PRIMARY KEY,
    parent_item_id int REFERENCES items,
    title text NOT NULL,
    is_available boolean,
    borrower text,
    due_at date,
    contact text);
    CREATE INDEX ON items (parent_item_id)";

pub const ROWS: &str = "INSERT INTO items VALUES
    (1, NULL, 'Dune', true), (2, NULL, 'Emma', true), (3, NULL, 'Solo', true);
    INSERT INTO items VALUES
    (11, 1, 'Dune', true, NULL, NULL, NULL),
    (12, 1, 'Dune', false, 'Ann', '2030-01-02', 'ann@example.org'),
    (13, 1, 'Dune', false, NULL, NULL, NULL),
    (21, 2, 'Emma', true, NULL, NULL, NULL)";

/// The arguments that name the columns.
pub const COLUMNS: &str =
    "'items', borrower_column => 'borrower', due_column => 'due_at', contact_column => 'contact'";

pub struct Library {
    pub sql: Sql,
    pub db: Db,
}

impl Library {
    /// With the extension, and nothing collapsed.
    pub fn open() -> Library {
        let (db, mut sql) = empty();
        sql.run(TABLE);
        sql.run(ROWS);
        Library { sql, db }
    }

    /// The same, collapsed with these arguments more.
    pub fn collapsed(options: &str) -> Library {
        let mut library = Library::open();
        library.collapse(options);
        library
    }

    /// What collapse_children answers, a text a row, with nothing for NULL.
    #[track_caller]
    pub fn collapse(&mut self, options: &str) -> Vec<String> {
        self.answer(&format!("collapse_children({COLUMNS} {options})"))
    }

    #[track_caller]
    fn answer(&mut self, call: &str) -> Vec<String> {
        self.sql.rows(&format!(
            "SELECT concat_ws('|', kind, coalesce(item, ''), coalesce(copy, ''), coalesce(found::text, ''),
                              coalesce(counted::text, ''), coalesce(note, '')) FROM {call}"
        ))
    }

    /// What expand_children answers.
    #[track_caller]
    pub fn expand(&mut self, options: &str) -> Vec<String> {
        self.answer(&format!("expand_children('items' {options})"))
    }

    /// The rows of the app's table, as text.
    pub fn items(&mut self) -> Vec<String> {
        self.sql.rows("SELECT items::text FROM items ORDER BY id")
    }

    /// All that can change: the app's rows and the extension's.
    pub fn state(&mut self) -> (Vec<String>, Vec<String>) {
        (self.items(), everything(&mut self.sql.client))
    }

    /// Key of an item's listing.
    pub fn listing(&mut self, item: &str) -> String {
        self.sql.row(&format!(
            "SELECT listing_id FROM collapsed_items WHERE item_key = '{item}'"
        ))
    }

    /// Available and total of an item's listing.
    pub fn stock(&mut self, item: &str) -> String {
        self.sql.row(&format!(
            "SELECT get_available_stock(listing_id), get_total_stock(listing_id)
               FROM collapsed_items WHERE item_key = '{item}'"
        ))
    }

    /// The open loans: copy, borrower, contact, due date.
    pub fn loans(&mut self) -> Vec<String> {
        self.sql.rows(
            "SELECT metadata ->> 'copy', borrower, coalesce(contact_info, ''), coalesce(due_at::date::text, '')
               FROM stock_loans WHERE is_open ORDER BY 1, 2",
        )
    }

    /// The loan that a copy was out with when it was collapsed.
    pub fn loan_of(&mut self, copy: &str) -> String {
        self.sql.row(&format!(
            "SELECT loan_id FROM collapsed_copies WHERE copy_key = '{copy}'"
        ))
    }

    /// Lends units of an item, due on 2031-05-06.
    pub fn borrow(&mut self, item: &str, borrower: &str, units: i32) -> String {
        let listing = self.listing(item);
        self.sql.row(&format!(
            "SELECT borrow_stock('{listing}', '{borrower}', {units}, '2031-05-06', '{borrower}@example.org')"
        ))
    }

    pub fn give_back(&mut self, loan: &str) {
        self.sql.run(&format!("SELECT return_stock('{loan}')"));
    }

    pub fn lose(&mut self, loan: &str) {
        self.sql
            .run(&format!("SELECT lose_stock('{loan}', 1, 'lost')"));
    }

    /// Counters, ledger and attached columns are right.
    #[track_caller]
    pub fn verify(&mut self) {
        self.sql.assert_verified();
    }
}
