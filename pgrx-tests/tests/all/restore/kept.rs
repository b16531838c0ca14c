//! A shop with some of everything, what is in it, and whether its engine works.

use super::held::assert_holds_work_on;
use super::lent::assert_loans_work_on;
use crate::attached::app::Sql;
use std::collections::BTreeMap;
use stockroom_tests::Db;

pub const MUG: &str = "00000000-0000-4000-8000-00000000000a";
const OIL: &str = "00000000-0000-4000-8000-00000000000b";
pub const HAT: &str = "a0000000-0000-4000-8000-000000000001";
const COAT: &str = "a0000000-0000-4000-8000-000000000002";
pub const OTHER_TENANT: &str = "77777777-7777-4777-8777-777777777777";
/// Of the other tenant.
const SHARED_ROW: &str = "b0000000-0000-4000-8000-000000000002";

/// The extension in a schema, and the shop of `shop.sql`.
pub fn shop_in(schema: &str) -> Db {
    let db = match schema {
        "public" => Db::with_extension(),
        schema => Db::with_extension_in(schema),
    };
    db.execute(&include_str!("shop.sql").replace("{s}", schema));
    assert_works_as_shop(&mut connect(&db, schema));
    db
}

/// A superuser's connection that finds the extension and the app's tables by name.
pub fn connect(db: &Db, schema: &str) -> Sql {
    let mut sql = Sql::by_superuser(db);
    sql.run(&format!("SET search_path = {schema}, app, public"));
    sql
}

fn assert_works_as_shop(sql: &mut Sql) {
    assert_verified(sql);
    let states = "SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM stock_allocations";
    assert_eq!(sql.row(states), "active fulfilled released");
    let states = "SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM stock_holds";
    assert_eq!(sql.row(states), "active confirmed expired released waiting");
}

/// The engine's own warnings since the last call.
pub fn warnings(sql: &mut Sql) -> Vec<String> {
    let mut warnings = sql.warnings();
    warnings.retain(|said| said.starts_with("stockroom"));
    warnings
}

/// For every tenant, and every attached row.
pub fn assert_verified(sql: &mut Sql) {
    for tenant in ["", OTHER_TENANT] {
        sql.run(&format!("SET stockroom.tenant_id = '{tenant}'"));
        assert_eq!(sql.rows("SELECT * FROM verify_stock()"), [""; 0]);
        assert_eq!(sql.rows("SELECT * FROM verify_ledger()"), [""; 0]);
    }
    sql.run("RESET stockroom.tenant_id");
}

/// Every row of every table of the extension and the app, as text. Of attached tables all but what
/// PostgreSQL numbers anew: the table's oid and its columns' numbers.
pub fn contents(sql: &mut Sql) -> BTreeMap<String, Vec<String>> {
    let tables = sql.rows(
        "SELECT objid::regclass FROM pg_depend JOIN pg_class c ON c.oid = objid AND relkind = 'r'
          WHERE classid = 'pg_class'::regclass AND deptype = 'e'
            AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'stockroom')
         UNION ALL SELECT oid::regclass FROM pg_class
          WHERE relnamespace = to_regnamespace('app') AND relkind = 'r' ORDER BY 1",
    );
    let read = |table: String| {
        let columns = sql.row(&format!(
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute
              WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped
                AND attname NOT IN ('table_oid', 'key_attnum', 'available_attnum', 'total_attnum',
                                    'reserved_attnum', 'tenant_attnum')"
        ));
        let rows = sql.rows(&format!(
            "SELECT ROW({columns}) FROM {table} ORDER BY ROW({columns})::text COLLATE \"C\""
        ));
        (table, rows)
    };
    let contents: BTreeMap<_, _> = tables.into_iter().map(read).collect();
    assert!(contents.len() >= 12);
    contents
}

/// The claim, the goods and the freeing that were made with a key before the dump.
const REPLAYS: &str =
    "SELECT quantity || ' ' || replayed FROM allocate_stock('00000000-0000-4000-8000-00000000000a',
    'd0000000-0000-4000-8000-000000000001', 12, idempotency_key => 'claimed')";

/// Works on in a restored database as in the first: claims, goods, app writes and direct DML, with the
/// right numbers to the unit.
pub fn assert_works_on(sql: &mut Sql) {
    let before = contents(sql);
    assert_eq!(sql.row(REPLAYS), "12 true");
    assert_eq!(contents(sql), before, "a replay changes nothing");

    // mug: listed 70, claimed 8 + 33 + 2.
    let mug = format!("SELECT get_available_stock('{MUG}')");
    assert_eq!(sql.row(&mug), "27");
    sql.run(&format!(
        "SELECT FROM allocate_stock('{MUG}', gen_random_uuid(), 3);
         SELECT FROM receive_stock('{MUG}', 10);
         SELECT release_allocations('d0000000-0000-4000-8000-000000000001')"
    ));
    assert_eq!(sql.row(&mug), "42");
    // The second door.
    sql.run(&format!(
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{MUG}', 5);
         UPDATE stock_lots SET quantity_total = quantity_total + 1 WHERE lot_code = 'B-1';
         INSERT INTO stock_allocations (lot_id, order_id, quantity)
         SELECT lot_id, gen_random_uuid(), 4 FROM stock_lots
          WHERE listing_id = '{MUG}' AND quantity_total = 10"
    ));
    assert_eq!(sql.row(&mug), "44");
    // An unlisted and an expired lot are claimed by nobody.
    assert_eq!(
        sql.refusal(&format!(
            "SELECT allocate_stock('{MUG}', gen_random_uuid(), 44)"
        ))
        .1,
        "insufficient_stock"
    );
    let oil = format!("SELECT state, available FROM allocate_stock('{OIL}', gen_random_uuid(), 10346, on_short => 'answer')");
    assert_eq!(sql.row(&oil), "insufficient|10345");

    assert_holds_work_on(sql);
    assert_loans_work_on(sql);

    // Attached rows show claims; what the app writes is counted; new rows are listings.
    sql.run(&format!(
        "SELECT FROM allocate_stock('{COAT}', gen_random_uuid(), 2)"
    ));
    let coat =
        format!("SELECT quantity_available, on_hand, claimed FROM goods WHERE id = '{COAT}'");
    assert_eq!(sql.row(&coat), "10|21|11");
    sql.run(&format!(
        "UPDATE goods SET quantity_available = quantity_available - 5 WHERE id = '{COAT}'"
    ));
    assert_eq!(sql.row(&coat), "5|16|11");
    sql.run("INSERT INTO \"Items\" VALUES (3, 8); SELECT FROM allocate_stock(listing_id_of('\"Items\"', '3'), gen_random_uuid(), 1);
             SELECT FROM allocate_stock(listing_id_of('\"Items\"', '1'), gen_random_uuid(), 1)");
    assert_eq!(
        sql.rows("SELECT \"Left\" FROM \"Items\" ORDER BY id"),
        ["2", "0", "7"]
    );
    assert_eq!(
        sql.refusal("DELETE FROM \"Items\" WHERE id = 1").1,
        "stock_committed"
    );
    assert_eq!(
        sql.refusal("UPDATE litres SET quantity_available = 0").1,
        "direct_write_rejected"
    );
    assert_eq!(
        sql.row("SELECT get_available_stock_of('litres', 'milk, 3.5 %')"),
        "1250"
    );
    sql.run(&format!(
        "UPDATE shared SET quantity_available = 100;
         SET stockroom.tenant_id = '{OTHER_TENANT}'; SELECT FROM allocate_stock('{SHARED_ROW}', gen_random_uuid(), 1);
         RESET stockroom.tenant_id; DELETE FROM goods WHERE id = '{HAT}'"
    ));
    assert_eq!(
        sql.rows("SELECT quantity_available FROM shared ORDER BY id"),
        ["3", "2"]
    );
    assert_eq!(sql.row(&format!("SELECT get_total_stock('{HAT}')")), "0");

    // The registrations speak of the tables that are here now, and follow them.
    let registered = "SELECT count(*) FROM attached_tables
                       WHERE table_oid = to_regclass(format('%I.%I', table_schema, table_name))";
    assert_eq!(sql.row(registered), "4");
    sql.run(
        "ALTER TABLE \"Items\" RENAME \"Left\" TO remaining; ALTER TABLE \"Items\" RENAME TO items",
    );
    let named = "SELECT table_name, available_column FROM attached_tables WHERE sync = 'deferred'";
    assert_eq!(sql.row(named), "items|remaining");
    assert_verified(sql);
    assert_eq!(warnings(sql), [""; 0]);
    sql.run("SELECT detach_table('items'); UPDATE items SET remaining = 99");
    assert_verified(sql);
}
