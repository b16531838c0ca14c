//! verify_ledger finds whatever is wrong: one change at a time, each rolled back.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

/// A listing of two lots and five lines.
struct Ledger {
    shop: Shop,
    lots: [Uuid; 2],
}

impl Ledger {
    /// 10 and 20 received, 4 taken off the first lot, the second moved.
    fn open() -> Ledger {
        let mut shop = Shop::open();
        let listing = shop.listing();
        let lots = [10, 20].map(|units| shop.receive(listing, units));
        shop.change(lots[0], -4);
        let sql = "UPDATE stock_lots SET location_id = $2 WHERE lot_id = $1";
        shop.rows(sql, &[&lots[1], &ORISON]);
        assert_eq!(
            shop.history(listing),
            [
                "receive|10|10",
                "receive|20|30",
                "adjust|-4|26",
                "transfer_out|-20|6",
                "transfer_in|20|26"
            ]
        );
        shop.verify();
        Ledger { shop, lots }
    }

    /// What is found after a change that no trigger saw. `{1}` and `{2}` stand for the lots, `{U}` and
    /// `{O}` for the places.
    #[track_caller]
    fn finds(&mut self, change: &str, expected: &[&str]) {
        self.shop.run(&format!(
            "BEGIN; SET LOCAL session_replication_role = replica; {change}"
        ));
        let mut found = self.shop.problems();
        self.shop.run("ROLLBACK");
        let mut expected: Vec<String> = expected
            .iter()
            .map(|text| {
                text.replace("{1}", &self.lots[0].to_string())
                    .replace("{2}", &self.lots[1].to_string())
                    .replace("{U}", "00000000-0000-8000-8000-000000000000")
                    .replace("{O}", "00000000-0000-8000-8000-000000000001")
            })
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{change}");
    }
}

#[test]
fn lines_that_are_gone_are_missed() {
    let mut ledger = Ledger::open();
    ledger.finds(
        "DELETE FROM stock_movements WHERE version = 1",
        &[
            "2: it follows version 0",
            "2: the listing had 10 units before it, by the lines before 0",
            "3: lot {1} had 10 units before it, by the lines before 0",
            "location {U} has 6 units, the lines add up to -4",
        ],
    );
    ledger.finds(
        "DELETE FROM stock_movements WHERE version = 3",
        &[
            "1: lot {1} has 6 units, its last line says 10",
            "4: it follows version 2",
            "4: the listing had 26 units before it, by the lines before 30",
            "location {U} has 6 units, the lines add up to 10",
        ],
    );
    ledger.finds(
        "DELETE FROM stock_movements WHERE version = 5;
         UPDATE stock_listings SET moved_at = (SELECT max(recorded_at) FROM stock_movements)",
        &[
            "4: lot {2} has 20 units, its last line says 0",
            "4: the listing has 26 units, its last line says 6",
            "4: the listing is at version 5, its last line is 4",
            "location {O} has 20 units, the lines add up to 0",
        ],
    );
    ledger.finds(
        "DELETE FROM stock_movements; UPDATE stock_listings SET moved_at = NULL",
        &[
            "location {O} has 20 units, the lines add up to 0",
            "location {U} has 6 units, the lines add up to 0",
            "lot {1} has 6 units, its last line says 0",
            "lot {2} has 20 units, its last line says 0",
            "the listing has 26 units, its last line says 0",
            "the listing is at version 5, its last line is 0",
        ],
    );
}

#[test]
fn lines_that_were_changed_or_added_are_found() {
    let mut ledger = Ledger::open();
    ledger.finds(
        "UPDATE stock_movements SET delta = -5 WHERE version = 3",
        &[
            "3: -5 units moved, and lot {1} went from 10 to 6",
            "3: -5 units moved, and the listing went from 30 to 26",
            "location {U} has 6 units, the lines add up to 5",
        ],
    );
    ledger.finds(
        "UPDATE stock_movements SET version = 6 WHERE version = 5",
        &[
            "6: it follows version 4",
            "6: the listing is at version 5, its last line is 6",
        ],
    );
    ledger.finds(
        "UPDATE stock_movements SET listing_before = 31, listing_after = 27 WHERE version = 3",
        &[
            "3: the listing had 31 units before it, by the lines before 30",
            "4: the listing had 26 units before it, by the lines before 27",
        ],
    );
    ledger.finds(
        "UPDATE stock_movements SET lot_before = 11, lot_after = 7 WHERE version = 3",
        &[
            "3: lot {1} had 11 units before it, by the lines before 10",
            "3: lot {1} has 6 units, its last line says 7",
        ],
    );
    ledger.finds(
        "UPDATE stock_movements SET location_id = '00000000-0000-8000-8000-000000000001' WHERE version = 3",
        &[
            "location {O} has 20 units, the lines add up to 16",
            "location {U} has 6 units, the lines add up to 10",
        ],
    );
    // No unit moved: only its number tells.
    ledger.finds(
        "INSERT INTO stock_movements SELECT gen_random_uuid(), tenant_id, listing_id, version, lot_id, location_id,
                'condition', 0, lot_after, lot_after, listing_after, listing_after, NULL, NULL, NULL, actor, recorded_at,
                recorded_at FROM stock_movements WHERE version = 5",
        &["5: it follows version 5"],
    );
}

#[test]
fn times_that_go_back_are_found() {
    let mut ledger = Ledger::open();
    ledger.shop.run("SET TimeZone = 'UTC'");
    ledger.finds(
        "UPDATE stock_movements SET recorded_at = '2001-01-01' WHERE version <= 2;
         UPDATE stock_movements SET recorded_at = '2000-01-01' WHERE version = 2",
        &["2: it was recorded at 2000-01-01 00:00:00+00, the line before it at 2001-01-01 00:00:00+00"],
    );
    ledger.finds(
        "UPDATE stock_movements SET recorded_at = '2100-01-01' WHERE version >= 4;
         UPDATE stock_listings SET moved_at = '2100-01-02'",
        &["5: the listing moved last at 2100-01-02 00:00:00+00, its last line was recorded at 2100-01-01 00:00:00+00"],
    );
}

#[test]
fn goods_that_moved_without_a_line_are_found() {
    let mut ledger = Ledger::open();
    ledger.finds(
        "UPDATE stock_lots SET quantity_total = 9 WHERE quantity_total = 6",
        &["3: lot {1} has 9 units, its last line says 6"],
    );
    ledger.finds(
        "UPDATE stock_levels SET quantity_total = 7 WHERE quantity_total = 6",
        &["location {U} has 7 units, the lines add up to 6"],
    );
    ledger.finds(
        "UPDATE stock_listings SET quantity_total = 27",
        &["5: the listing has 27 units, its last line says 26"],
    );
    ledger.finds(
        "UPDATE stock_listings SET version = 4",
        &["5: the listing is at version 4, its last line is 5"],
    );
    ledger.finds(
        "DELETE FROM stock_listings; DELETE FROM stock_levels; DELETE FROM stock_lots",
        &[
            "3: lot {1} has 0 units, its last line says 6",
            "5: lot {2} has 0 units, its last line says 20",
            "5: the listing has 0 units, its last line says 26",
            "location {O} has 0 units, the lines add up to 20",
            "location {U} has 0 units, the lines add up to 6",
        ],
    );
}

/// Between listings and back: each has its own lines of the lot.
#[test]
fn a_lot_that_goes_from_listing_to_listing_leaves_a_sound_ledger() {
    let mut shop = Shop::open();
    let [one, two] = [shop.listing(), shop.listing()];
    let lot = shop.receive(one, 10);
    for (listing, more) in [(two, 5), (one, -3), (two, 0), (one, 0)] {
        let sql = "UPDATE stock_lots SET listing_id = $2, quantity_total = quantity_total + $3 WHERE lot_id = $1";
        shop.rows(sql, &[&lot, &listing, &more]);
        shop.verify();
    }
    assert_eq!(shop.stock_at(one, "now()"), 12);
    assert_eq!(shop.stock_at(two, "now()"), 0);
    shop.run("TRUNCATE stock_lots CASCADE");
    assert_eq!(shop.stock_at(one, "now()"), 0);
    shop.verify();
    shop.run("TRUNCATE stock_listings CASCADE");
    shop.verify();
}
