//! repair_stock adds the lines that the ledger lacks, and only those.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use uuid::Uuid;

fn repair(shop: &mut Shop) -> i32 {
    shop.value("SELECT repair_stock()", &[])
}

/// The corrections, as units of lot and listing before and after.
fn corrections(shop: &mut Shop, listing: Uuid) -> Vec<String> {
    shop.texts(&format!(
        "SELECT delta, lot_before, lot_after, listing_before, listing_after, reason
           FROM stock_history('{listing}') WHERE movement_type = 'correction'"
    ))
}

#[test]
fn a_sound_ledger_gets_no_line() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let gone = shop.stocked(4);
    shop.rows("SELECT delete_listing($1)", &[&gone]);
    let before = shop.everything();
    assert_eq!(repair(&mut shop), 0);
    assert_eq!(shop.everything(), before);
    assert_eq!(shop.history(listing), ["receive|5|5"]);
}

#[test]
fn lots_that_changed_unseen_are_corrected() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [10, 20, 30, 40].map(|units| shop.receive(listing, units));
    let new = "INSERT INTO stock_lots (listing_id, quantity_total, location_id)";
    shop.tamper(&format!(
        "UPDATE stock_lots SET quantity_total = 7 WHERE lot_id = '{}';
         UPDATE stock_lots SET quantity_total = 25 WHERE lot_id = '{}';
         UPDATE stock_lots SET location_id = '{ORISON}' WHERE lot_id = '{}';
         DELETE FROM stock_lots WHERE lot_id = '{}';
         {new} VALUES ('{listing}', 3, '{LORVILLE}')",
        lots[0], lots[1], lots[2], lots[3]
    ));
    assert!(!shop.problems().is_empty());
    // Lines: 6; levels: 3; the listing.
    assert_eq!(repair(&mut shop), 10);
    let mut lines = corrections(&mut shop, listing);
    lines.sort();
    // What leaves comes first: 73 units, then 38.
    assert_eq!(lines.len(), 6);
    assert_eq!(shop.numbers(listing).2, 65);
    let sums = format!(
        "SELECT min(listing_before), max(listing_before), (array_agg(listing_after ORDER BY version DESC))[1], sum(delta)
           FROM stock_history('{listing}') WHERE movement_type = 'correction' AND reason = 'repair_stock'"
    );
    assert_eq!(shop.text(&sums), "27|100|65|-35");
    shop.verify();
    assert_eq!(repair(&mut shop), 0);
    // And the engine works on.
    shop.change(lots[0], 1);
    shop.allocate(listing, 66);
    shop.verify();
}

/// Goods went on moving after the triggers had been off: the lines do not follow one another, for ever, and
/// the correction says what they add up to.
#[test]
fn lines_that_do_not_follow_one_another_are_settled() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 10);
    shop.tamper("UPDATE stock_lots SET quantity_total = 14");
    shop.change(lot, -1);
    assert_eq!(shop.problems().len(), 1);
    assert!(repair(&mut shop) > 0);
    // 10 and -1 make 9; there are 13.
    assert_eq!(
        corrections(&mut shop, listing),
        ["4|9|13|9|13|repair_stock"]
    );
    shop.verify();
    shop.change(lot, 2);
    shop.verify();

    // The same where the sums are right again.
    shop.tamper("UPDATE stock_lots SET quantity_total = quantity_total + 5");
    shop.change(lot, -1);
    shop.tamper("UPDATE stock_lots SET quantity_total = quantity_total - 5");
    shop.change(lot, -1);
    assert_eq!(shop.problems().len(), 2);
    assert_eq!(repair(&mut shop), 1);
    assert_eq!(
        corrections(&mut shop, listing)[1],
        "0|13|13|13|13|repair_stock"
    );
    shop.verify();

    // And where a counter was wrong meanwhile.
    shop.tamper("UPDATE stock_listings SET quantity_total = 50");
    shop.change(lot, 1);
    assert!(!shop.problems().is_empty());
    repair(&mut shop);
    shop.verify();
    assert_eq!(shop.numbers(listing).2, 14);
}

#[test]
fn listings_that_vanished_are_closed_and_versions_put_right() {
    let mut shop = Shop::open();
    let (gone, kept) = (shop.stocked(10), shop.stocked(20));
    shop.tamper(&format!(
        "DELETE FROM stock_lots WHERE listing_id = '{gone}'; DELETE FROM stock_levels WHERE listing_id = '{gone}';
         DELETE FROM stock_listings WHERE listing_id = '{gone}';
         UPDATE stock_listings SET version = 9, moved_at = NULL WHERE listing_id = '{kept}'"
    ));
    assert_eq!(repair(&mut shop), 2);
    assert_eq!(shop.history(gone), ["receive|10|10", "correction|-10|0"]);
    assert_eq!(shop.history(kept), ["receive|20|20"]);
    shop.verify();
    shop.receive(kept, 1);
    shop.verify();
}

/// A database whose lots came without lines, as from a dump without the ledger: many listings, whose
/// lines come in several batches.
#[test]
fn a_ledger_that_was_lost_begins_anew() {
    let mut shop = Shop::open();
    shop.run(
        "INSERT INTO stock_listings (sku) SELECT 's' || n FROM generate_series(1, 4000) n;
         INSERT INTO stock_lots (listing_id, quantity_total)
         SELECT listing_id, n FROM stock_listings, generate_series(1, 6) n",
    );
    shop.tamper("TRUNCATE stock_movements");
    // A line a lot, and where each listing had got to.
    assert_eq!(repair(&mut shop), 28_000);
    shop.verify();
    let lines = "SELECT count(*), max(version), sum(delta) FROM stock_movements WHERE movement_type = 'correction'";
    assert_eq!(shop.text(lines), "24000|6|84000");
}
