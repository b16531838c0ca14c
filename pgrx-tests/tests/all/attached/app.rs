//! What these tests stand on: a database with the extension in the schema `stock`, the app's table
//! `listings`, and short ways to use a connection.
//!
//! | row | quantity_available |
//! |---|---|
//! | HAT | 10 |
//! | COAT | 20 |

use postgres::{Client, NoTls};
use stockroom_tests::cluster::SUPERUSER;
use stockroom_tests::{expect_error, Db, ErrorInfo, Notices};

pub const HAT: &str = "a0000000-0000-0000-0000-000000000001";
pub const COAT: &str = "a0000000-0000-0000-0000-000000000002";
/// For a row that a test adds.
pub const CAP: &str = "a0000000-0000-0000-0000-000000000003";

pub const ORDER_1: &str = "c0000000-0000-0000-0000-000000000001";
pub const ORDER_2: &str = "c0000000-0000-0000-0000-000000000002";

/// The statements that make the app's table.
pub fn listings() -> String {
    format!(
        "CREATE TABLE listings (id uuid PRIMARY KEY, title text NOT NULL DEFAULT '',
                                quantity_available integer);
         INSERT INTO listings VALUES ('{HAT}', 'hat', 10), ('{COAT}', 'coat', 20)"
    )
}

pub fn allocate(listing: &str, order: &str, quantity: i32) -> String {
    format!("SELECT FROM stock.allocate_stock('{listing}', '{order}', {quantity})")
}

/// A database with the extension, and a superuser's connection.
pub fn empty() -> (Db, Sql) {
    let db = Db::with_extension_in("stock");
    let sql = Sql::by_superuser(&db);
    (db, sql)
}

/// The same with the app's table in it.
pub fn shop() -> (Db, Sql) {
    let (db, mut sql) = empty();
    sql.run(&listings());
    (db, sql)
}

/// The same, the table attached, with more arguments of `attach_table` or none.
pub fn attached(options: &str) -> (Db, Sql) {
    let (db, mut sql) = shop();
    sql.attach("listings", options);
    (db, sql)
}

/// A connection, and what the server said on it besides results.
pub struct Sql {
    pub client: Client,
    notices: Notices,
}

impl Sql {
    /// A superuser's; it finds the extension's functions by name.
    pub fn by_superuser(db: &Db) -> Sql {
        let mut sql = Sql::by(db, SUPERUSER);
        sql.run("SET search_path = public, stock");
        sql
    }

    pub fn by(db: &Db, role: &str) -> Sql {
        let notices = Notices::default();
        let kept = Notices::clone(&notices);
        let mut config = db.config();
        config.user(role).notice_callback(move |notice| {
            let heard = (notice.severity().into(), notice.message().into());
            kept.lock().unwrap().push(heard);
        });
        Sql {
            client: config.connect(NoTls).expect("should connect"),
            notices,
        }
    }

    /// Attaches a table by its key `id`.
    #[track_caller]
    pub fn attach(&mut self, table: &str, options: &str) -> String {
        self.row(&format!(
            "SELECT format('%s listings, %s lots, %s units, %s mismatches', listings, lots, units, mismatches)
               FROM stock.attach_table('{table}', 'id' {options})"
        ))
    }

    /// Runs statements that must succeed. Without a BEGIN of their own they are one transaction.
    #[track_caller]
    pub fn run(&mut self, statements: &str) {
        if let Err(error) = self.client.batch_execute(statements) {
            panic!("should succeed: {statements}\n{error:?}");
        }
    }

    /// Runs statements that must fail, and leaves no transaction open.
    #[track_caller]
    pub fn refuse(&mut self, statements: &str) -> ErrorInfo {
        let error = expect_error(self.client.batch_execute(statements));
        self.run("ROLLBACK");
        error
    }

    /// SQLSTATE and the engine's name of an error that must come.
    #[track_caller]
    pub fn refusal(&mut self, statements: &str) -> (String, String) {
        let error = self.refuse(statements);
        (error.sqlstate.clone(), error.name())
    }

    /// The rows of a query, as text, values parted by `|`.
    #[track_caller]
    pub fn rows(&mut self, query: &str) -> Vec<String> {
        stockroom_tests::texts(&mut self.client, query)
    }

    /// The only row of a query.
    #[track_caller]
    pub fn row(&mut self, query: &str) -> String {
        stockroom_tests::text(&mut self.client, query)
    }

    /// What the row of the app's table shows.
    #[track_caller]
    pub fn shown(&mut self, id: &str) -> String {
        self.row(&format!(
            "SELECT quantity_available FROM public.listings WHERE id = '{id}'"
        ))
    }

    /// Available, reserved and total of a listing.
    #[track_caller]
    pub fn stock(&mut self, listing: &str) -> String {
        self.row(&format!(
            "SELECT stock.get_available_stock('{listing}'), stock.get_reserved_stock('{listing}'),
                    stock.get_total_stock('{listing}')"
        ))
    }

    /// The lots of a listing with something in them: place and units.
    #[track_caller]
    pub fn lots(&mut self, listing: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT format('%s: %s', name, quantity_total)
               FROM stock.stock_lots JOIN stock.locations USING (location_id)
              WHERE listing_id = '{listing}' AND quantity_total > 0
              ORDER BY display_order, quantity_total"
        ))
    }

    /// The messages of a severity since the last call; the others are dropped.
    pub fn heard(&mut self, severity: &str) -> Vec<String> {
        let heard = std::mem::take(&mut *self.notices.lock().unwrap());
        let of_it = heard.into_iter().filter(|(kind, _)| kind == severity);
        of_it.map(|(_, message)| message).collect()
    }

    pub fn warnings(&mut self) -> Vec<String> {
        self.heard("WARNING")
    }

    /// What differs, as text.
    #[track_caller]
    pub fn differences(&mut self) -> Vec<String> {
        self.rows(
            "SELECT format('%s %s %s: %s, not %s', kind, key, counter, stored, actual)
                     FROM stock.verify_stock()",
        )
    }

    /// The proof: every counter and every attached column is what the rows say, and the ledger tells how
    /// it came to be.
    #[track_caller]
    pub fn assert_verified(&mut self) {
        assert_eq!(self.differences(), [""; 0]);
        assert_eq!(self.rows("SELECT * FROM stock.verify_ledger()"), [""; 0]);
    }
}
