//! A session's round of claims, and what it leaves behind.

use crate::api::shop::{connect, verify};
use postgres::Client;
use stockroom_tests::Db;
use uuid::Uuid;

/// The tables that the engine writes below SQL.
pub const TABLES: [&str; 4] = [
    "stock_listings",
    "stock_levels",
    "stock_lots",
    "stock_allocations",
];

/// Direct access goes by the names of indexes: without them the engine's statements run.
pub const STATEMENTS_ONLY: &str = "
    ALTER INDEX stock_listings_pkey RENAME TO stock_listings_renamed;
    ALTER INDEX stock_levels_pkey RENAME TO stock_levels_renamed;
    ALTER INDEX stock_lots_pkey RENAME TO stock_lots_renamed;
    ALTER INDEX stock_allocations_pkey RENAME TO stock_allocations_renamed;
    ALTER INDEX stock_holds_pkey RENAME TO stock_holds_renamed";

/// A listing of 1000 units in one lot.
pub fn stocked(db: &Db) -> Uuid {
    let mut client = connect(db);
    let listing = one(&mut client, "SELECT register_listing(NULL)");
    one::<Uuid>(
        &mut client,
        &format!("SELECT receive_stock('{listing}', 1000)"),
    );
    listing
}

/// The first column of the only row.
#[track_caller]
pub fn one<T: for<'a> postgres::types::FromSql<'a>>(client: &mut Client, sql: &str) -> T {
    let row = client.query_one(sql, &[]);
    row.unwrap_or_else(|error| panic!("should succeed: {sql}\n{error:?}"))
        .get(0)
}

/// Claims, reads, gives back, fulfils and claims by direct DML: in the end seven units of the listing
/// are claimed, and two have left. Every number on the way is looked at.
#[track_caller]
pub fn round(client: &mut Client, listing: Uuid) {
    let numbers = |client: &mut Client| -> (i32, i32, i32) {
        let sql = "SELECT get_available_stock($1), get_reserved_stock($1), get_total_stock($1)";
        let row = client.query_one(sql, &[&listing]).unwrap();
        (row.get(0), row.get(1), row.get(2))
    };
    let (available, reserved, total) = numbers(client);
    let (order, other) = (Uuid::new_v4(), Uuid::new_v4());
    let claim = "SELECT available FROM allocate_stock($1, $2, $3)";
    let row = client.query_one(claim, &[&listing, &order, &5]).unwrap();
    assert_eq!(row.get::<_, i32>(0), available - 5);
    client.query_one(claim, &[&listing, &other, &4]).unwrap();
    assert_eq!(numbers(client), (available - 9, reserved + 9, total));
    let settle = "SELECT release_allocations($1, quantity => 3)";
    client.query_one(settle, &[&other]).unwrap();
    let settle = "SELECT fulfill_allocations($1, quantity => 2)";
    client.query_one(settle, &[&order]).unwrap();
    let dml = "INSERT INTO stock_allocations (lot_id, order_id, quantity)
               SELECT lot_id, $2, 3 FROM stock_lots WHERE listing_id = $1";
    client.execute(dml, &[&listing, &other]).unwrap();
    assert_eq!(numbers(client), (available - 9, reserved + 7, total - 2));
    verify(client);
}
