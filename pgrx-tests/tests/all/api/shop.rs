//! What the tests of the API stand on: a database with the extension in the schema `stock`, one
//! open connection, and short names for what every test does.

use postgres::types::ToSql;
use postgres::{Client, Row};
use stockroom_tests::{expect_error, Db, ErrorInfo};
use uuid::Uuid;

/// Where lots lie that were given no place.
pub const UNSPECIFIED: Uuid = Uuid::from_u128(0x00000000_0000_8000_8000_000000000000);
pub const ORISON: Uuid = Uuid::from_u128(0x00000000_0000_8000_8000_000000000001);
pub const LORVILLE: Uuid = Uuid::from_u128(0x00000000_0000_8000_8000_000000000002);
pub const AREA18: Uuid = Uuid::from_u128(0x00000000_0000_8000_8000_000000000003);

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A database with the extension, and a superuser's connection whose search_path is its schema.
/// The client goes first, then the database.
pub struct Shop {
    pub client: Client,
    pub db: Db,
}

impl Shop {
    pub fn open() -> Shop {
        let db = Db::with_extension_in("stock");
        Shop {
            client: connect(&db),
            db,
        }
    }

    pub fn run(&mut self, sql: &str) {
        if let Err(error) = self.client.batch_execute(sql) {
            panic!("should succeed: {sql}\n{error:?}");
        }
    }

    pub fn rows(&mut self, sql: &str, params: Params) -> Vec<Row> {
        let rows = self.client.query(sql, params);
        rows.unwrap_or_else(|error| panic!("should succeed: {sql}\n{error:?}"))
    }

    /// The first column of the only row.
    pub fn value<T: for<'a> postgres::types::FromSql<'a>>(
        &mut self,
        sql: &str,
        params: Params,
    ) -> T {
        let row = self.client.query_one(sql, params);
        row.unwrap_or_else(|error| panic!("should succeed: {sql}\n{error:?}"))
            .get(0)
    }

    /// The error of a statement that must fail.
    #[track_caller]
    pub fn error(&mut self, sql: &str, params: Params) -> ErrorInfo {
        expect_error(self.client.query(sql, params))
    }

    /// A new listing without stock.
    pub fn listing(&mut self) -> Uuid {
        self.value("SELECT register_listing(NULL)", &[])
    }

    /// A new listing with one lot of so many units at Unspecified.
    pub fn stocked(&mut self, units: i32) -> Uuid {
        let listing = self.listing();
        self.receive(listing, units);
        listing
    }

    /// Receives a lot of so many units at Unspecified.
    pub fn receive(&mut self, listing: Uuid, units: i32) -> Uuid {
        self.value("SELECT receive_stock($1, $2)", &[&listing, &units])
    }

    /// Receives a lot at this place.
    pub fn receive_at(&mut self, listing: Uuid, units: i32, location: Uuid) -> Uuid {
        let sql = "SELECT receive_stock($1, $2, $3)";
        self.value(sql, &[&listing, &units, &location])
    }

    /// Allocates units to a new order, which it returns.
    pub fn allocate(&mut self, listing: Uuid, units: i32) -> Uuid {
        let order = Uuid::new_v4();
        let sql = "SELECT allocate_stock($1, $2, $3)";
        self.rows(sql, &[&listing, &order, &units]);
        order
    }

    /// Available, reserved and total of a listing.
    pub fn numbers(&mut self, listing: Uuid) -> (i32, i32, i32) {
        let sql = "SELECT get_available_stock($1), get_reserved_stock($1), get_total_stock($1)";
        let row = &self.rows(sql, &[&listing])[0];
        (row.get(0), row.get(1), row.get(2))
    }

    /// Total and allocated of a lot.
    pub fn lot(&mut self, lot: Uuid) -> (i32, i32) {
        let sql = "SELECT quantity_total, quantity_allocated FROM stock_lots WHERE lot_id = $1";
        let row = &self.rows(sql, &[&lot])[0];
        (row.get(0), row.get(1))
    }

    /// Quantity and status of an order's allocations, sorted.
    pub fn allocations(&mut self, order: Uuid) -> Vec<(i32, String)> {
        let sql =
            "SELECT quantity, status FROM stock_allocations WHERE order_id = $1 ORDER BY 1, 2";
        let rows = self.rows(sql, &[&order]);
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Every row of every table of the extension, as text: equal before and after, nothing changed.
    pub fn everything(&mut self) -> Vec<String> {
        everything(&mut self.client)
    }

    /// The proof that all counters are right, and that the ledger tells how they came to be.
    #[track_caller]
    pub fn verify(&mut self) {
        verify(&mut self.client);
    }
}

pub fn connect(db: &Db) -> Client {
    let mut client = db.client();
    client.batch_execute("SET search_path = stock").unwrap();
    client
}

/// The differences between counters, rows and ledger, as text; none is the proof.
#[track_caller]
pub fn verify(client: &mut Client) {
    let sql = "SELECT format('%s %s %s: %s, not %s', kind, key, counter, stored, actual)
                 FROM verify_stock()
               UNION ALL
               SELECT format('line %s of %s: %s', version, listing_id, problem) FROM verify_ledger()";
    let rows = client.query(sql, &[]).expect("the proofs should run");
    let differences: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(differences, Vec::<String>::new());
}

/// The ordinary tables of the extension, by name.
pub fn tables(client: &mut Client) -> Vec<String> {
    let sql = "SELECT c.relname::text FROM pg_depend d
                 JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
                WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
                  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'stockroom')
                ORDER BY 1";
    let rows = client.query(sql, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

pub fn everything(client: &mut Client) -> Vec<String> {
    let mut all = Vec::new();
    for table in tables(client) {
        let sql = format!("SELECT '{table}: ' || t::text FROM {table} t ORDER BY 1");
        let rows = client.query(&sql, &[]).unwrap();
        all.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    all
}
