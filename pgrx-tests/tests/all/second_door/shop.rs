//! The small shop that many tests begin with, and short ways to write and read it.
//!
//! | listing | lot | place | units |
//! |---|---|---|---|
//! | HAT | HAT_LOT | Unspecified | 10 |
//! | HAT | ORISON_LOT | Orison | 20 |
//! | COAT | COAT_LOT | Unspecified | 100 |

use postgres::Client;
use stockroom_tests::{expect_error, Db, ErrorInfo};

pub const HAT: &str = "a0000000-0000-0000-0000-000000000001";
pub const COAT: &str = "a0000000-0000-0000-0000-000000000002";
/// A key that nothing has.
pub const NOTHING: &str = "f0000000-0000-0000-0000-00000000000f";

pub const HAT_LOT: &str = "b0000000-0000-0000-0000-000000000001";
pub const ORISON_LOT: &str = "b0000000-0000-0000-0000-000000000002";
pub const COAT_LOT: &str = "b0000000-0000-0000-0000-000000000003";
/// For a lot that a test adds.
pub const NEW_LOT: &str = "b0000000-0000-0000-0000-000000000009";

pub const ORDER_1: &str = "c0000000-0000-0000-0000-000000000001";
pub const ORDER_2: &str = "c0000000-0000-0000-0000-000000000002";

pub const CLAIM_1: &str = "d0000000-0000-0000-0000-000000000001";
pub const CLAIM_2: &str = "d0000000-0000-0000-0000-000000000002";

/// The presets' keys are constants.
pub const UNSPECIFIED: &str = "00000000-0000-8000-8000-000000000000";
pub const ORISON: &str = "00000000-0000-8000-8000-000000000001";
pub const LORVILLE: &str = "00000000-0000-8000-8000-000000000002";

/// The counters of the listings before anything is claimed.
pub const ALL_HATS_FREE: &str = "total 30, listed 30, allocated 0, available 30";
pub const ALL_COATS_FREE: &str = "total 100, listed 100, allocated 0, available 100";

/// The statements that stock the shop.
pub fn stocking() -> String {
    format!(
        "INSERT INTO stock_listings (listing_id, sku) VALUES ('{HAT}', 'hat'), ('{COAT}', 'coat');
         INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id)
         VALUES ('{HAT_LOT}', '{HAT}', 10, '{UNSPECIFIED}'), ('{ORISON_LOT}', '{HAT}', 20, '{ORISON}'),
                ('{COAT_LOT}', '{COAT}', 100, '{UNSPECIFIED}')"
    )
}

/// A fresh database with the extension in `public` and the shop in it, and a superuser's connection.
pub fn shop() -> (Db, Sql) {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    sql.run(&stocking());
    (db, sql)
}

/// The statement that makes a claim: two of the same order on one lot are two rows.
pub fn claim(lot: &str, order: &str, quantity: i32) -> String {
    format!(
        "INSERT INTO stock_allocations (lot_id, order_id, quantity) VALUES ('{lot}', '{order}', {quantity})"
    )
}

/// A connection, and short ways to use it.
pub struct Sql(pub Client);

impl Sql {
    pub fn by_superuser(db: &Db) -> Sql {
        Sql(db.client())
    }

    /// Runs statements that must succeed. Without a BEGIN of their own they are one transaction.
    #[track_caller]
    pub fn run(&mut self, statements: &str) {
        if let Err(error) = self.0.batch_execute(statements) {
            panic!("should succeed: {statements}\n{error:?}");
        }
    }

    /// Runs statements that must fail, and leaves no transaction open.
    #[track_caller]
    pub fn refuse(&mut self, statements: &str) -> ErrorInfo {
        let error = expect_error(self.0.batch_execute(statements));
        self.run("ROLLBACK");
        error
    }

    /// The rows of a query, as text, values parted by `|`.
    #[track_caller]
    pub fn rows(&mut self, query: &str) -> Vec<String> {
        stockroom_tests::texts(&mut self.0, query)
    }

    /// The only row of a query.
    #[track_caller]
    pub fn row(&mut self, query: &str) -> String {
        stockroom_tests::text(&mut self.0, query)
    }

    /// The counters of a listing.
    #[track_caller]
    pub fn listing(&mut self, listing: &str) -> String {
        self.row(&format!(
            "SELECT format('total %s, listed %s, allocated %s, available %s',
                           quantity_total, quantity_listed, quantity_allocated, quantity_available)
               FROM stock_listings WHERE listing_id = '{listing}'"
        ))
    }

    /// The counters of a lot.
    #[track_caller]
    pub fn lot(&mut self, lot: &str) -> String {
        self.row(&format!(
            "SELECT format('total %s, allocated %s', quantity_total, quantity_allocated)
               FROM stock_lots WHERE lot_id = '{lot}'"
        ))
    }

    /// The levels of a listing with something in them, by place.
    #[track_caller]
    pub fn levels(&mut self, listing: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT format('%s: total %s, listed %s, allocated %s',
                           name, quantity_total, quantity_listed, quantity_allocated)
               FROM stock_levels JOIN locations USING (location_id)
              WHERE listing_id = '{listing}'
                AND (quantity_total, quantity_listed, quantity_allocated) <> (0, 0, 0)
              ORDER BY display_order, name"
        ))
    }

    /// Every row of the stock tables: equal before and after, nothing has changed.
    pub fn everything(&mut self) -> Vec<String> {
        let tables = [
            ("stock_listings", "listing_id"),
            ("stock_levels", "listing_id, location_id"),
            ("stock_lots", "lot_id"),
            ("stock_allocations", "allocation_id"),
        ];
        let rows = tables.map(|(table, key)| {
            self.rows(&format!(
                "SELECT '{table}', t.* FROM {table} t ORDER BY {key}"
            ))
        });
        rows.concat()
    }

    /// The proof: every counter is what the rows say, no claim or lot has lost its parent, and the ledger
    /// tells how it came to be.
    #[track_caller]
    pub fn assert_verified(&mut self) {
        assert_eq!(self.rows("SELECT * FROM verify_stock()"), [""; 0]);
        assert_eq!(self.rows("SELECT * FROM verify_ledger()"), [""; 0]);
    }
}
