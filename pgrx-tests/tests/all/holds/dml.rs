//! Holds that a client writes with plain SQL: counted like those of the functions.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use std::io::Write as _;
use uuid::Uuid;

impl Shop {
    /// A listing of six units at Orison and four at Lorville.
    pub fn two_places(&mut self) -> Uuid {
        let listing = self.listing();
        self.receive_at(listing, 6, ORISON);
        self.receive_at(listing, 4, LORVILLE);
        listing
    }

    /// What is held of a listing, of Orison and of Lorville, by the counters; they are right.
    #[track_caller]
    pub fn held(&mut self, listing: Uuid) -> (i32, i32, i32) {
        self.verify();
        let sql = "SELECT g.quantity_held, coalesce(sum(v.quantity_held) FILTER (WHERE location_id = $2), 0)::int,
                          coalesce(sum(v.quantity_held) FILTER (WHERE location_id = $3), 0)::int
                     FROM stock_listings g LEFT JOIN stock_levels v USING (listing_id)
                    WHERE listing_id = $1 GROUP BY 1";
        let row = &self.rows(sql, &[&listing, &ORISON, &LORVILLE])[0];
        (row.get(0), row.get(1), row.get(2))
    }
}

#[test]
fn listing_and_quantity_are_all_that_an_insert_needs() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let sql = "INSERT INTO stock_holds (listing_id, quantity) VALUES ($1, 3) RETURNING hold_id";
    let hold: Uuid = shop.value(sql, &[&listing]);
    assert_eq!(shop.held(listing), (3, 0, 0));
    let kept: Value = shop.value(
        "SELECT to_jsonb(h) - '{expires_at, created_at, updated_at}'::text[] FROM stock_holds h",
        &[],
    );
    assert_eq!(
        kept,
        json!({"hold_id": hold, "tenant_id": Uuid::nil(), "listing_id": listing, "location_id": null,
               "quantity": 3, "status": "active", "idempotency_key": null, "customer": null,
               "order_id": null, "metadata": null, "confirmed_at": null, "quantity_requested": 3})
    );
    let half_an_hour = "SELECT expires_at - created_at BETWEEN interval '29 min' AND interval '31 min' FROM stock_holds";
    assert_eq!(shop.text(half_an_hour), "t");
    // It is a hold like any other.
    shop.rows("SELECT confirm_hold($1, $1, 2, 'keep')", &[&hold]);
    assert_eq!(shop.hold_state(hold), "active 1");
    assert_eq!(shop.value::<i32>("SELECT release_hold($1)", &[&hold]), 1);
    assert_eq!(shop.numbers(listing), (8, 2, 10));
    shop.verify();
}

#[test]
fn a_hold_is_counted_by_its_status() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    for place in ["NULL".to_owned(), format!("'{ORISON}'")] {
        let at_orison = i32::from(place != "NULL");
        for status in ["active", "waiting", "confirmed", "released", "expired"] {
            let held = if ["active", "waiting"].contains(&status) {
                3
            } else {
                0
            };
            shop.run(&format!(
                "INSERT INTO stock_holds (listing_id, quantity, status, location_id)
                 VALUES ('{listing}', 3, '{status}', {place})"
            ));
            assert_eq!(shop.held(listing), (held, held * at_orison, 0), "{status}");
            let times = "SELECT confirmed_at IS NOT NULL, expires_at IS NULL FROM stock_holds";
            let (confirmed, never) = (status == "confirmed", status == "waiting");
            let mark = |yes: bool| if yes { "t" } else { "f" };
            assert_eq!(
                shop.text(times),
                format!("{}|{}", mark(confirmed), mark(never)),
                "{status}"
            );
            shop.run("DELETE FROM stock_holds");
            assert_eq!(shop.held(listing), (0, 0, 0), "{status}");
        }
    }
    // From each status to each other.
    let hold = shop.hold_at(listing, 2, ORISON);
    for status in [
        "released",
        "active",
        "waiting",
        "active",
        "confirmed",
        "waiting",
        "expired",
        "released",
        "confirmed",
        "expired",
        "active",
        "expired",
        "waiting",
        "released",
        "waiting",
        "confirmed",
    ] {
        shop.rows(
            "UPDATE stock_holds SET status = $2 WHERE hold_id = $1",
            &[&hold, &status],
        );
        let held = if ["active", "waiting"].contains(&status) {
            2
        } else {
            0
        };
        assert_eq!(shop.held(listing), (held, held, 0), "{status}");
    }
    // That it is confirmed here allocates nothing: its units are free.
    assert_eq!(shop.numbers(listing), (10, 0, 10));
}

#[test]
fn a_changed_quantity_or_place_is_counted() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let hold = shop.hold(listing, 3);
    for (set, held) in [
        ("quantity = 5", (5, 0, 0)),
        ("quantity = 1", (1, 0, 0)),
        ("location_id = '$O'", (1, 1, 0)),
        ("quantity = 4", (4, 4, 0)),
        ("location_id = '$L'", (4, 0, 4)),
        (
            "location_id = '$O', quantity = 2, status = 'waiting'",
            (2, 2, 0),
        ),
        ("location_id = NULL", (2, 0, 0)),
        ("status = 'released', quantity = 9", (0, 0, 0)),
        ("quantity = 7, location_id = '$L'", (0, 0, 0)),
        ("status = 'active', quantity = 3", (3, 0, 3)),
        (
            "customer = 'c', metadata = '{}', order_id = listing_id, idempotency_key = 'k'",
            (3, 0, 3),
        ),
        ("expires_at = '2001-01-01'", (3, 0, 3)),
    ] {
        let set = set
            .replace("$O", &ORISON.to_string())
            .replace("$L", &LORVILLE.to_string());
        shop.run(&format!("UPDATE stock_holds SET {set}"));
        assert_eq!(shop.held(listing), held, "{set}");
    }
    assert_eq!(shop.hold_state(hold), "expired 3");
    // What was asked at first stays; when it changed last does not.
    let kept = "SELECT quantity_requested, updated_at > created_at FROM stock_holds";
    assert_eq!(shop.text(kept), "3|t");
}

#[test]
fn key_tenant_and_listing_are_fixed() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    shop.hold(listing, 3);
    for column in ["hold_id", "tenant_id", "listing_id"] {
        let error = shop.error(
            &format!("UPDATE stock_holds SET {column} = gen_random_uuid()"),
            &[],
        );
        assert_eq!(error.sqlstate, "55000");
        assert_eq!(
            error.detail_json,
            Some(json!({"error": "key_fixed", "table": "stock_holds", "column": column}))
        );
    }
    assert_eq!(shop.held(listing), (3, 0, 0));
}

#[test]
fn what_cannot_be_is_refused_by_the_table() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    for (columns, values, sqlstate) in [
        ("quantity", "0", "23514"),
        ("quantity", "-1", "23514"),
        ("quantity", "NULL", "23502"),
        ("quantity, status", "1, 'held'", "23514"),
        ("quantity, status", "1, NULL", "23502"),
        ("quantity, idempotency_key", "1, ''", "23514"),
        ("quantity, idempotency_key", "1, repeat('k', 201)", "23514"),
        ("quantity, customer", "1, ''", "23514"),
        ("quantity, customer", "1, repeat('c', 201)", "23514"),
        ("quantity, quantity_requested", "1, 0", "23514"),
    ] {
        let sql = format!(
            "INSERT INTO stock_holds (listing_id, {columns}) VALUES ('{listing}', {values})"
        );
        assert_eq!(shop.error(&sql, &[]).sqlstate, sqlstate, "{sql}");
    }
    assert_eq!(shop.held(listing), (0, 0, 0));
}

#[test]
fn many_rows_in_one_statement_are_summed() {
    let mut shop = Shop::open();
    let (hats, coats) = (shop.two_places(), shop.two_places());
    shop.run(&format!(
        "INSERT INTO stock_holds (listing_id, quantity, location_id, status) VALUES
         ('{hats}', 1, NULL, 'active'), ('{hats}', 2, '{ORISON}', 'active'), ('{coats}', 3, '{LORVILLE}', 'active'),
         ('{hats}', 1, '{ORISON}', 'active'), ('{coats}', 4, NULL, 'released'), ('{coats}', 1, NULL, 'active')"
    ));
    assert_eq!(shop.held(hats), (4, 3, 0));
    assert_eq!(shop.held(coats), (4, 0, 3));
    shop.run("UPDATE stock_holds SET quantity = quantity + 1 WHERE location_id IS NOT NULL");
    assert_eq!(shop.held(hats), (6, 5, 0));
    assert_eq!(shop.held(coats), (5, 0, 4));
    shop.run("DELETE FROM stock_holds WHERE quantity = 1");
    assert_eq!(shop.held(hats), (5, 5, 0));
    assert_eq!(shop.held(coats), (4, 0, 4));
    shop.run(
        "DELETE FROM stock_holds WHERE false; UPDATE stock_holds SET quantity = 9 WHERE false",
    );
    shop.run("TRUNCATE stock_holds");
    assert_eq!((shop.held(hats), shop.held(coats)), ((0, 0, 0), (0, 0, 0)));
}

#[test]
fn on_conflict_merge_and_copy_are_counted() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let (known, new) = (shop.hold(listing, 2), Uuid::new_v4());
    let save = |otherwise: &str| {
        format!(
            "INSERT INTO stock_holds (hold_id, listing_id, quantity, location_id)
             VALUES ('{known}', '{listing}', 3, '{ORISON}'), ('{new}', '{listing}', 1, '{ORISON}')
             ON CONFLICT (hold_id) DO {otherwise}"
        )
    };
    shop.run(&save("NOTHING"));
    assert_eq!(shop.held(listing), (3, 1, 0));
    shop.run(&save(
        "UPDATE SET quantity = excluded.quantity + 1, location_id = excluded.location_id",
    ));
    assert_eq!(shop.held(listing), (6, 6, 0));
    shop.run(&save("UPDATE SET quantity = 9 WHERE false"));
    shop.run(&save("UPDATE SET status = 'released'"));
    assert_eq!(shop.held(listing), (0, 0, 0));
    // By the key, as an app that knows no functions would.
    for _ in 0..2 {
        shop.run(&format!(
            "INSERT INTO stock_holds (listing_id, quantity, idempotency_key) VALUES ('{listing}', 2, 'k')
             ON CONFLICT (tenant_id, idempotency_key, listing_id, location_id) WHERE idempotency_key IS NOT NULL DO NOTHING"
        ));
    }
    assert_eq!(shop.held(listing), (2, 0, 0));
    shop.run(&format!(
        "MERGE INTO stock_holds h USING (VALUES ('{known}'::uuid, 4), ('{new}', 0), (gen_random_uuid(), 1)) AS wish (id, units)
            ON h.hold_id = wish.id
          WHEN MATCHED AND wish.units = 0 THEN DELETE
          WHEN MATCHED THEN UPDATE SET quantity = wish.units, status = 'active'
          WHEN NOT MATCHED THEN INSERT (listing_id, quantity, location_id) VALUES ('{listing}', wish.units, '{LORVILLE}')"
    ));
    assert_eq!(shop.held(listing), (7, 4, 1));
    let lines = format!(
        "{listing}\t1\t\\N\tactive\n{listing}\t2\t{ORISON}\tactive\n{listing}\t5\t\\N\tconfirmed\n"
    );
    let into = "COPY stock_holds (listing_id, quantity, location_id, status) FROM STDIN";
    let mut writer = shop.client.copy_in(into).unwrap();
    writer.write_all(lines.as_bytes()).unwrap();
    assert_eq!(writer.finish().unwrap(), 3);
    assert_eq!(shop.held(listing), (10, 6, 1));
}

/// Whichever table's trigger fires first.
#[test]
fn statements_that_touch_lots_and_holds_at_once_are_counted() {
    let mut shop = Shop::open();
    for statement in [
        "WITH lot AS (INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('$1', 5) RETURNING listing_id)
         INSERT INTO stock_holds (listing_id, quantity) SELECT listing_id, 13 FROM lot",
        "WITH lot AS (INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('$1', 5) RETURNING listing_id),
              hold AS (INSERT INTO stock_holds (listing_id, quantity) SELECT listing_id, 13 FROM lot LIMIT 1)
         SELECT 1",
        "WITH over AS (UPDATE stock_holds SET status = 'confirmed' WHERE listing_id = '$1' RETURNING listing_id)
         UPDATE stock_lots SET quantity_total = quantity_total - 1 WHERE listing_id IN (SELECT listing_id FROM over)",
        "WITH over AS (DELETE FROM stock_holds WHERE listing_id = '$1' RETURNING listing_id, quantity)
         INSERT INTO stock_allocations (lot_id, order_id, quantity)
         SELECT lot_id, gen_random_uuid(), quantity FROM over JOIN stock_lots USING (listing_id) LIMIT 1",
        "WITH gone AS (DELETE FROM stock_lots WHERE listing_id = '$1' RETURNING lot_id)
         DELETE FROM stock_holds WHERE listing_id = '$1'",
        "WITH one AS (UPDATE stock_holds SET quantity = 3 WHERE listing_id = '$1')
         INSERT INTO stock_holds (listing_id, quantity) VALUES ('$1', 7)",
    ] {
        let listing = shop.two_places();
        shop.hold_at(listing, 2, ORISON);
        shop.run(&statement.replace("$1", &listing.to_string()));
        shop.verify();
    }
}

#[test]
fn what_is_rolled_back_is_not_counted() {
    let mut shop = Shop::open();
    let listing = shop.two_places();
    let insert = format!("INSERT INTO stock_holds (listing_id, quantity, location_id) VALUES ('{listing}', 1, '{ORISON}')");
    shop.run(&format!(
        "BEGIN; {insert}; SAVEPOINT a; {insert}; {insert}; ROLLBACK TO a; {insert};
         SAVEPOINT b; SELECT hold_stock('{listing}', 2); ROLLBACK TO b; COMMIT"
    ));
    assert_eq!(shop.held(listing), (2, 2, 0));
    shop.run(&format!(
        "BEGIN; {insert}; DELETE FROM stock_holds; ROLLBACK"
    ));
    assert_eq!(shop.held(listing), (2, 2, 0));
    // An app's block that catches its error.
    shop.run(&format!(
        "DO $$ BEGIN {insert}; BEGIN {insert}; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END; END $$"
    ));
    assert_eq!(shop.held(listing), (3, 3, 0));
}
