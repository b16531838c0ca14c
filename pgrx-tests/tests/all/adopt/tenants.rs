//! Each tenant moves in by itself.

use super::old_shop::{assert_sound, counts, problems};
use crate::attached::app::{empty, Sql};
use stockroom_tests::Db;

const OTHER: &str = "77777777-7777-4777-8777-777777777777";

fn shared() -> (Db, Sql) {
    let (db, mut sql) = empty();
    sql.run(&format!(
        "CREATE TABLE lots (id uuid PRIMARY KEY, listing_id uuid, qty int, tenant uuid, warehouse text);
         INSERT INTO lots VALUES
             ('10000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 1, '{OTHER}', 'North'),
             ('10000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 2,
              '00000000-0000-0000-0000-000000000000', 'North')"
    ));
    (db, sql)
}

#[test]
fn a_table_of_many_tenants_gives_each_its_own() {
    let (_db, mut sql) = shared();
    let import = "SELECT * FROM stock.import_stock('lots', mapping => '{\"lots\": {\"tenant_id\": \"tenant\"}}'";
    assert_eq!(
        counts(&mut sql, import)[..3],
        ["listings: 1, 1", "lots: 1, 1", "units: 2, 2"]
    );
    assert_sound(&mut sql);
    sql.run(&format!("SET stockroom.tenant_id = '{OTHER}'"));
    assert_eq!(
        counts(&mut sql, import)[..3],
        ["listings: 1, 1", "lots: 1, 1", "units: 1, 1"]
    );
    assert_sound(&mut sql);
    assert_eq!(
        sql.rows("SELECT tenant_id, count(*) FROM stock.locations WHERE name = 'North' GROUP BY 1 ORDER BY 1"),
        ["00000000-0000-0000-0000-000000000000|1".to_owned(), format!("{OTHER}|1")]
    );
    // What one takes back is its own.
    sql.run("SELECT FROM stock.undo_import_stock('lots')");
    assert_sound(&mut sql);
    assert_eq!(sql.row("SELECT quantity_total FROM stock.stock_lots"), "2");
}

#[test]
fn another_tenants_import_is_nobodys_business() {
    let (_db, mut sql) = shared();
    let import = "SELECT * FROM stock.import_stock('lots'";
    assert_eq!(counts(&mut sql, import)[1], "lots: 2, 2");
    sql.run(&format!("SET stockroom.tenant_id = '{OTHER}'"));
    for call in [
        "SELECT FROM stock.undo_import_stock('lots')",
        "SELECT stock.imported_id('lots', 'lot', '10000000-0000-4000-8000-000000000001')",
    ] {
        assert_eq!(
            sql.refusal(call),
            ("P0002".to_owned(), "table_not_imported".to_owned())
        );
    }
    let mut said = problems(&mut sql, &format!("{import}, preview => true"));
    said.sort();
    assert_eq!(
        said,
        [
            "listing a0000000-0000-4000-8000-000000000001: a listing with this key is there already, of another tenant",
            "listing a0000000-0000-4000-8000-000000000002: a listing with this key is there already, of another tenant",
            "lot 10000000-0000-4000-8000-000000000001: a lot with this key is there already",
            "lot 10000000-0000-4000-8000-000000000002: a lot with this key is there already",
        ]
    );
    assert_sound(&mut sql);
}
