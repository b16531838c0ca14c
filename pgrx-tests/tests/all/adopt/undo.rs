//! The way back: what was imported goes again, as long as it is as it was.

use super::old_shop::{
    assert_sound, contents, conventional, problems, warehouse, IMPORT, WAREHOUSE,
};

const UNDO: &str = "SELECT * FROM stock.undo_import_stock('wms.batches'";

/// Everything but the ledger and the number of its last feed, which keep both ways.
fn without_ledger(contents: Vec<String>) -> Vec<String> {
    let kept = ["stock_movements: ", "stock_feeds: "];
    let rows = contents.into_iter();
    rows.filter(|row| !kept.iter().any(|table| row.starts_with(table)))
        .collect()
}

#[test]
fn all_of_it_goes_and_can_come_again() {
    let (_db, mut sql) = conventional();
    let before = without_ledger(contents(&mut sql));
    sql.run(&format!("{IMPORT})"));
    let imported = contents(&mut sql);
    let undo = "SELECT kind, found, removed FROM stock.undo_import_stock('conventional.stock_lots'";
    let removed = [
        "allocations|24|24",
        "lots|9|9",
        "listings|3|3",
        "locations|1|1",
    ];
    assert_eq!(sql.rows(&format!("{undo}, preview => true)")), removed);
    assert_eq!(contents(&mut sql), imported);
    assert_eq!(sql.rows(&format!("{undo})")), removed);
    assert_eq!(without_ledger(contents(&mut sql)), before);
    assert_sound(&mut sql);
    let lines = "SELECT movement_type, reason, sum(delta) FROM stock.stock_movements GROUP BY 1, 2 ORDER BY 1";
    assert_eq!(
        sql.rows(lines),
        [
            "adjust|import of conventional.stock_lots undone|-72",
            "import|NULL|72"
        ]
    );
    assert_eq!(sql.row("SHOW stockroom.reason"), "");
    sql.run(&format!("{IMPORT})"));
    assert_sound(&mut sql);
}

/// What was there before stays, with what it had.
#[test]
fn what_was_there_before_stays() {
    let (_db, mut sql) = warehouse();
    sql.run(
        "SELECT FROM stock.attach_table('wms.products', 'id', quantity_scale => 3, import => false);
         SELECT stock.receive_stock(stock.listing_id_of('wms.products', '1'), 500);
         INSERT INTO stock.locations (name) VALUES ('Cellar')",
    );
    sql.run(&format!("{WAREHOUSE})"));
    // Something else was put into the new listing's place meanwhile.
    sql.run(
        "SELECT stock.receive_stock(stock.listing_id_of('wms.products', '2'), 700,
                                    stock.imported_id('wms.batches', 'location', '3'))",
    );
    assert_eq!(
        sql.rows(&format!(
            "SELECT kind, found, removed FROM ({UNDO})) AS lines"
        )),
        [
            "allocations|3|3",
            "lots|4|4",
            "listings|0|0",
            "locations|1|0"
        ]
    );
    assert_eq!(
        sql.rows("SELECT quantity_available FROM wms.products ORDER BY id"),
        ["0.500", "0.700"]
    );
    assert_eq!(
        sql.rows("SELECT name FROM stock.locations WHERE NOT is_preset ORDER BY 1"),
        ["3", "Cellar"]
    );
    assert_sound(&mut sql);
}

#[test]
fn once_something_has_moved_it_is_refused() {
    let (_db, mut sql) = warehouse();
    sql.run(&format!("{WAREHOUSE})"));
    let oil = "stock.imported_id('wms.batches', 'listing', '1')";
    for (moved, expected) in [
        (
            "SELECT stock.fulfill_allocations(stock.imported_id('wms.batches', 'order', 'SO-1'))".to_owned(),
            vec!["lot 70: had 10500 units, has 9000", "allocation 1: was 1500 active, is 1500 fulfilled"],
        ),
        (
            format!("SELECT FROM stock.allocate_stock({oil}, gen_random_uuid(), 1)"),
            vec!["lot 70: 1 allocations were made since"],
        ),
        (
            "DELETE FROM stock.stock_lots WHERE lot_id = stock.imported_id('wms.batches', 'lot', '73')".to_owned(),
            vec!["lot 73: had 0 units, has gone"],
        ),
    ] {
        sql.run(&format!("BEGIN; {moved}"));
        assert_eq!(problems(&mut sql, &format!("{UNDO}, preview => true")), expected, "{moved}");
        let error = sql.refuse(&format!("{UNDO})"));
        assert_eq!((error.sqlstate.as_str(), error.name().as_str()), ("55000", "import_moved"), "{moved}");
    }
    // A hold that needs the units.
    sql.run(&format!("SELECT FROM stock.hold_stock({oil}, 5)"));
    assert_eq!(
        sql.refusal(&format!("{UNDO})")),
        ("23514".to_owned(), "stock_committed".to_owned())
    );
    assert_sound(&mut sql);
    // There and back is as it was.
    sql.run(&format!(
        "SELECT stock.release_hold(hold_id) FROM stock.stock_holds;
         DELETE FROM stock.stock_holds;
         UPDATE stock.stock_lots SET quantity_total = quantity_total + 5 WHERE listing_id = {oil};
         UPDATE stock.stock_lots SET quantity_total = quantity_total - 5 WHERE listing_id = {oil}"
    ));
    sql.run(&format!("{UNDO})"));
    assert_eq!(sql.row("SELECT count(*) FROM stock.stock_listings"), "0");
    assert_sound(&mut sql);
}
