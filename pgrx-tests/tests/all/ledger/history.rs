//! stock_history: all columns, in order, from and to, a page at a time; and the view for people.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

#[test]
fn it_tells_everything_of_a_line() {
    let mut shop = Shop::open();
    shop.run("SET stockroom.actor = 'ada'; SET stockroom.reason = 'spring delivery'");
    let listing = shop.listing();
    let sql = "SELECT receive_stock($1, 12, $2, unit_cost => 1.5)";
    let lot: Uuid = shop.value(sql, &[&listing, &ORISON]);
    let line = format!(
        "SELECT listing_id, version, lot_id, location_id, movement_type, delta, lot_before, lot_after, listing_before,
                listing_after, unit_cost, reason, reference, actor, recorded_at = effective_at,
                recorded_at BETWEEN now() - interval '1 min' AND now()
           FROM stock_history('{listing}')"
    );
    assert_eq!(
        shop.text(&line),
        format!(
            "{listing}|1|{lot}|{ORISON}|receive|12|0|12|0|12|1.5000|spring delivery|NULL|ada|t|t"
        )
    );
    // As the table has it.
    let same = format!(
        "SELECT count(*) FROM stock_history('{listing}') h
           JOIN stock_movements m ON to_jsonb(m) - 'tenant_id' = to_jsonb(h)"
    );
    assert_eq!(shop.text(&same), "1");
}

#[test]
fn it_can_be_asked_for_a_time_a_lot_and_a_page() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let (one, two) = (shop.receive(listing, 10), shop.receive(listing, 10));
    let middle = shop.moment();
    for lot in [one, two, one] {
        shop.change(lot, -1);
    }
    let end = shop.moment();
    shop.change(two, 5);
    let mut versions = |arguments: &str| {
        let sql = format!("SELECT version FROM stock_history('{listing}', {arguments})");
        shop.texts(&sql).join(" ")
    };
    assert_eq!(versions("NULL"), "1 2 3 4 5 6");
    assert_eq!(versions(&format!("'{middle}'")), "3 4 5 6");
    assert_eq!(versions(&format!("NULL, '{middle}'")), "1 2");
    assert_eq!(versions(&format!("'{middle}', '{end}'")), "3 4 5");
    assert_eq!(versions(&format!("lot_id => '{one}'")), "1 3 5");
    assert_eq!(versions(&format!("'{middle}', lot_id => '{two}'")), "4 6");
    assert_eq!(versions("max_lines => 2"), "1 2");
    assert_eq!(versions("max_lines => 2, after_version => 2"), "3 4");
    let page = "(SELECT recorded_at FROM stock_movements WHERE version = 4), max_lines => 5, after_version => 4";
    assert_eq!(versions(page), "5 6");
    // From a line's own time on, and up to it.
    let of_line = "(SELECT recorded_at FROM stock_movements WHERE version = 3)";
    assert_eq!(versions(of_line), "3 4 5 6");
    assert_eq!(versions(&format!("NULL, {of_line}")), "1 2");
    assert_eq!(versions("'infinity'"), "");
}

#[test]
fn the_overview_speaks_in_names_and_decimals() {
    let mut shop = Shop::open();
    let sql = "SELECT register_listing('oil', unit => 'L', quantity_scale => 3)";
    let listing: Uuid = shop.value(sql, &[]);
    let lot = shop.receive_at(listing, 12_345, ORISON);
    shop.change(lot, -345);
    let rows =
        "SELECT sku, unit, version, movement_type, location, moved_units, total_units, moved, total
                  FROM stock_movements_overview ORDER BY version";
    assert_eq!(
        shop.texts(rows),
        [
            "oil|L|1|receive|Orison|12345|12345|12.345|12.345",
            "oil|L|2|adjust|Orison|-345|12000|-0.345|12.000"
        ]
    );
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    let gone =
        "SELECT sku, version, location, moved FROM stock_movements_overview WHERE version = 3";
    assert_eq!(shop.text(gone), "NULL|3|Orison|NULL");
    let role = shop.db.role("reader");
    shop.run(&format!(
        "GRANT USAGE ON SCHEMA stock TO {role}; GRANT SELECT ON stock_movements_overview TO {role}"
    ));
    let mut client = shop.db.client_as(&role);
    let read = client.query("SELECT FROM stock.stock_movements_overview", &[]);
    assert_eq!(stockroom_tests::expect_error(read).sqlstate, "42501");
}
