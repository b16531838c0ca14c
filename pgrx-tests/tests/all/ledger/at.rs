//! stock_at: right at every moment, at every place, by either time.

use crate::api::shop::{Shop, AREA18, LORVILLE, ORISON, UNSPECIFIED};
use std::collections::HashMap;
use uuid::Uuid;

const PLACES: [Uuid; 4] = [UNSPECIFIED, ORISON, LORVILLE, AREA18];

/// Total of a listing and what lies at each place, as the tables say now.
fn now(shop: &mut Shop, listing: Uuid) -> (i32, HashMap<Uuid, i32>) {
    let sql = "SELECT location_id, quantity_total FROM stock_levels WHERE listing_id = $1";
    let levels = shop.rows(sql, &[&listing]);
    let levels = levels.iter().map(|row| (row.get(0), row.get(1))).collect();
    (shop.numbers(listing).2, levels)
}

/// Functions and plain SQL in turns, by a fixed sequence of numbers that looks like none.
fn moves(listing: Uuid) -> Vec<String> {
    let lot = |number: usize| {
        format!(
            "(SELECT lot_id FROM stock_lots WHERE listing_id = '{listing}'
               ORDER BY created_at, lot_id OFFSET {number} LIMIT 1)"
        )
    };
    let mut state = 12345u32;
    let mut draw = move |below: usize| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (state >> 16) as usize % below
    };
    (0..60)
        .map(|_| {
            let (lot, place, units) = (lot(draw(4)), PLACES[draw(4)], 1 + draw(9));
            match draw(7) {
                0 | 1 => format!("SELECT receive_stock('{listing}', {units}, '{place}')"),
                2 => format!(
                    "UPDATE stock_lots SET quantity_total = quantity_total + {units} WHERE lot_id = {lot}"
                ),
                3 => format!("UPDATE stock_lots SET location_id = '{place}' WHERE lot_id = {lot}"),
                4 => format!(
                    "UPDATE stock_lots SET location_id = '{place}', quantity_total = {units} WHERE lot_id = {lot}"
                ),
                5 => format!("DELETE FROM stock_lots WHERE lot_id = {lot}"),
                _ => format!(
                    "SELECT allocate_stock('{listing}', 'd0000000-0000-4000-8000-000000000001', {units}, on_short => 'answer');
                     SELECT fulfill_allocations('d0000000-0000-4000-8000-000000000001')"
                ),
            }
        })
        .collect()
}

#[test]
fn it_is_right_at_every_moment_and_place() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let before = shop.moment();
    let mut seen = vec![(before, now(&mut shop, listing))];
    for step in moves(listing) {
        shop.run(&step);
        let moment = shop.moment();
        seen.push((moment, now(&mut shop, listing)));
    }
    let different: Vec<i32> = seen.iter().map(|(_, (total, _))| *total).collect();
    assert!(different.iter().any(|total| *total > different[1]));
    for (moment, (total, levels)) in seen {
        for by in ["recorded", "effective"] {
            let at = |place: &str| format!("'{moment}', {place}, '{by}'");
            assert_eq!(shop.stock_at(listing, &at("NULL")), total, "{moment}");
            for place in PLACES {
                let there = levels.get(&place).copied().unwrap_or(0);
                let asked = at(&format!("'{place}'"));
                assert_eq!(shop.stock_at(listing, &asked), there, "{moment}");
            }
        }
    }
    // At the very moment of a line it counts.
    let wrong = format!(
        "SELECT version FROM stock_movements m
          WHERE listing_after <> stock_at('{listing}', recorded_at)
            AND NOT EXISTS (SELECT FROM stock_movements n WHERE n.recorded_at = m.recorded_at AND n.version > m.version)"
    );
    assert_eq!(shop.texts(&wrong), [""; 0]);
    shop.verify();
}

#[test]
fn lines_that_were_dated_back_count_when_they_happened() {
    let mut shop = Shop::open();
    let listing = shop.stocked(10);
    let lot: Uuid = shop.value("SELECT lot_id FROM stock_lots", &[]);
    shop.change(lot, -3);
    shop.change(lot, 5);
    shop.run(&format!("UPDATE stock_lots SET location_id = '{ORISON}'"));
    // The goods came a day before they were received, 3 went an hour later; 5 come tomorrow only.
    shop.tamper(
        "UPDATE stock_movements SET effective_at = recorded_at - interval '1 day' WHERE version = 1;
         UPDATE stock_movements SET effective_at = recorded_at - interval '23 h' WHERE version = 2;
         UPDATE stock_movements SET effective_at = recorded_at + interval '1 day' WHERE version = 3",
    );
    let by = |shop: &mut Shop, when: &str, place: &str, by: &str| {
        shop.stock_at(
            listing,
            &format!("now() + interval '{when}', {place}, '{by}'"),
        )
    };
    let of_all = |shop: &mut Shop, when: &str| {
        (
            by(shop, when, "NULL", "recorded"),
            by(shop, when, "NULL", "effective"),
        )
    };
    assert_eq!(of_all(&mut shop, "-25 h"), (0, 0));
    assert_eq!(of_all(&mut shop, "-23.5 h"), (0, 10));
    assert_eq!(of_all(&mut shop, "-1 h"), (0, 7));
    assert_eq!(of_all(&mut shop, "1 h"), (12, 7));
    assert_eq!(of_all(&mut shop, "25 h"), (12, 12));
    let unspecified = format!("'{UNSPECIFIED}'");
    assert_eq!(by(&mut shop, "-23.5 h", &unspecified, "effective"), 10);
    assert_eq!(by(&mut shop, "-1 h", &unspecified, "effective"), 7);
    assert_eq!(by(&mut shop, "-1 h", &unspecified, "recorded"), 0);
    assert_eq!(by(&mut shop, "25 h", &unspecified, "effective"), 0);
    let orison = format!("'{ORISON}'");
    assert_eq!(by(&mut shop, "25 h", &orison, "effective"), 12);
    shop.verify();
}

#[test]
fn a_deleted_listing_has_its_past() {
    let mut shop = Shop::open();
    let listing = shop.stocked(8);
    let then = shop.moment();
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    assert_eq!(shop.stock_at(listing, &format!("'{then}'")), 8);
    let there = format!("'{then}', '{UNSPECIFIED}'");
    assert_eq!(shop.stock_at(listing, &there), 8);
    assert_eq!(shop.stock_at(listing, "now()"), 0);
    assert_eq!(shop.history(listing), ["receive|8|8", "adjust|-8|0"]);
    // Its key comes back, and goes on.
    let again = "SELECT register_listing('again', listing_id => $1)";
    shop.rows(again, &[&listing]);
    shop.receive(listing, 3);
    assert_eq!(
        shop.history(listing),
        ["receive|8|8", "adjust|-8|0", "receive|3|3"]
    );
    shop.verify();
}

#[test]
fn before_the_first_line_there_is_nothing() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    for moment in ["now()", "'-infinity'", "'infinity'"] {
        assert_eq!(shop.stock_at(listing, moment), 0);
        assert_eq!(shop.stock_at(listing, &format!("{moment}, '{ORISON}'")), 0);
    }
    shop.receive(listing, 5);
    assert_eq!(shop.stock_at(listing, "'-infinity'"), 0);
    assert_eq!(shop.stock_at(listing, "'infinity'"), 5);
    assert_eq!(shop.stock_at(listing, "'infinity', gen_random_uuid()"), 0);
}
