//! Calls with an idempotency key: a replay changes nothing and answers as the first call did; a key
//! is for one request; a refusal leaves no trace; racing calls make one claim.

use super::shop::{Shop, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

/// Runs a call twice: the same answer, but for `replayed`, and no row changed by the second.
fn replays(shop: &mut Shop, call: &str) {
    let sql = format!("SELECT to_jsonb(a) FROM {call} a");
    let answer = |shop: &mut Shop| -> Vec<Value> {
        let rows = shop.rows(&sql, &[]);
        rows.iter().map(|row| row.get(0)).collect()
    };
    let mut first = answer(shop);
    let before = shop.everything();
    let second = answer(shop);
    assert_eq!(shop.everything(), before, "{call}");
    for row in &mut first {
        // A set-returning function says so; the others only return the same.
        if let Some(replayed) = row.get_mut("replayed") {
            assert_eq!(*replayed, json!(false));
            *replayed = json!(true);
        }
    }
    assert_eq!(first, second, "{call}");
}

#[test]
fn a_replay_gives_the_first_answer_and_changes_nothing() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [
        shop.receive_at(listing, 9, ORISON),
        shop.receive(listing, 90),
    ];
    let order = Uuid::new_v4();
    let lines = format!(r#"[{{"listing_id": "{listing}", "quantity": 10}}]"#);
    let chosen = format!(r#"[{{"lot_id": "{}", "quantity": 3}}]"#, lots[1]);
    for call in [
        format!("receive_stock('{listing}', 5, '{ORISON}', expires_on => '2100-01-01', \
                 unit_cost => 1.50, notes => 'x', idempotency_key => 'k')"),
        format!("allocate_stock('{listing}', '{order}', 12, idempotency_key => 'k')"),
        format!("allocate_stock('{listing}', '{order}', 1000, partial => true, location_id => '{ORISON}', \
                 strategy => 'lifo', idempotency_key => 'partial')"),
        format!("allocate_order('{order}', '{lines}', idempotency_key => 'k')"),
        format!("allocate_lots('{order}', '{chosen}', idempotency_key => 'k')"),
        format!("release_allocations('{order}', '{listing}', 4, idempotency_key => 'k')"),
        format!("fulfill_allocations('{order}', '{listing}', 5, idempotency_key => 'k')"),
        format!("fulfill_allocations('{order}', idempotency_key => 'all')"),
        format!("release_allocations('{order}', idempotency_key => 'none left')"),
    ] {
        replays(&mut shop, &call);
    }
    shop.verify();
}

/// The field named by a mismatch, for a call made first as it is and then with one change.
fn mismatch(shop: &mut Shop, function: &str, first: &str, second: &str) -> Value {
    shop.rows(&format!("SELECT {function}({first})"), &[]);
    let before = shop.everything();
    let error = shop.error(&format!("SELECT {function}({second})"), &[]);
    assert_eq!(error.name(), "idempotency_mismatch", "{function}({second})");
    assert_eq!(error.field("function"), function);
    assert_eq!(shop.everything(), before);
    error.field("field")
}

#[test]
fn every_argument_that_differs_is_named() {
    let mut shop = Shop::open();
    let (listing, other) = (shop.stocked(1000), shop.stocked(1000));
    shop.receive_at(listing, 1000, ORISON);
    let lots = [shop.receive(listing, 1000), shop.receive(listing, 1000)];
    let (order, another) = (Uuid::new_v4(), Uuid::new_v4());
    let place = format!("'{ORISON}'");
    let ids = [listing, other, order, another].map(|id| format!("'{id}'"));
    let [listing, other, order, another] = ids.each_ref().map(String::as_str);

    let lines = |units: i32| {
        format!(
            r#"'[{{"listing_id": "{}", "quantity": {units}}}]'"#,
            listing.trim_matches('\'')
        )
    };
    let chosen = |lot: Uuid| format!(r#"'[{{"lot_id": "{lot}", "quantity": 1}}]'"#);
    let (two, three) = (lines(2), lines(3));
    let chosen = lots.map(chosen);
    // Function, its arguments in order, and for each argument another value.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)]);
    let cases: [Case; 6] = [
        (
            "receive_stock",
            &[
                ("listing_id", listing, other),
                ("quantity", "5", "6"),
                ("location_id", "NULL", &place),
                ("owner_id", order, another),
                ("lot_code", "'a'", "'b'"),
                ("expires_on", "'2100-01-01'", "'2100-01-02'"),
                ("unit_cost", "1.5", "1.51"),
                ("notes", "'a'", "NULL"),
                ("listed", "true", "false"),
            ],
        ),
        (
            "allocate_stock",
            &[
                ("listing_id", listing, other),
                ("order_id", order, another),
                ("quantity", "5", "6"),
                ("strategy", "'fifo'", "'lifo'"),
                ("location_id", "NULL", &place),
                ("partial", "false", "true"),
            ],
        ),
        (
            "allocate_order",
            &[("order_id", order, another), ("lines", &two, &three)],
        ),
        (
            "allocate_lots",
            &[
                ("order_id", order, another),
                ("lots", &chosen[0], &chosen[1]),
            ],
        ),
        (
            "release_allocations",
            &[
                ("order_id", order, another),
                ("listing_id", listing, "NULL"),
                ("quantity", "1", "2"),
            ],
        ),
        (
            "fulfill_allocations",
            &[
                ("order_id", order, another),
                ("listing_id", listing, "NULL"),
                ("quantity", "1", "2"),
            ],
        ),
    ];
    for (function, arguments) in cases {
        for changed in 0..arguments.len() {
            let key = format!("idempotency_key => '{changed}'");
            let write = |other: Option<usize>| {
                let named = arguments
                    .iter()
                    .enumerate()
                    .map(|(n, (name, value, another))| {
                        let value = if other == Some(n) { another } else { value };
                        format!("{name} => {value}")
                    });
                named.chain([key.clone()]).collect::<Vec<_>>().join(", ")
            };
            let field = mismatch(&mut shop, function, &write(None), &write(Some(changed)));
            assert_eq!(field, arguments[changed].0, "{function}");
        }
    }
    shop.verify();
}

/// Written differently, but the same: these are replays and no mismatch.
#[test]
fn the_same_arguments_in_another_form_are_the_same() {
    let mut shop = Shop::open();
    let (first, second) = (shop.stocked(50), shop.stocked(50));
    let order = Uuid::new_v4();
    let line =
        |listing: Uuid, units: i32| json!({"listing_id": listing.to_string(), "quantity": units});
    let sql = "SELECT DISTINCT replayed FROM allocate_order($1, $2, idempotency_key => 'k')";
    let shouted = json!({"listing_id": second.to_string().to_uppercase(), "quantity": 4, "strategy": null,
                         "location_id": null});
    for (lines, replayed) in [
        (json!([line(first, 3), line(second, 4)]), false),
        (json!([line(second, 4), line(first, 3)]), true),
        (
            json!([line(first, 1), line(second, 4), line(first, 2)]),
            true,
        ),
        (json!([shouted, line(first, 3)]), true),
    ] {
        assert_eq!(
            shop.value::<bool>(sql, &[&order, &lines]),
            replayed,
            "{lines}"
        );
    }
    let received = |shop: &mut Shop, cost: &str| -> Uuid {
        let sql =
            "SELECT receive_stock($1, 1, unit_cost => $2::text::numeric, idempotency_key => 'k')";
        shop.value(sql, &[&first, &cost])
    };
    let lot = received(&mut shop, "1.5");
    assert_eq!(received(&mut shop, "1.50000"), lot);
    // A default written out is the default.
    let sql = "SELECT receive_stock($1, 1, location_id => NULL, listed => true, unit_cost => 1.5,
                                    idempotency_key => 'k')";
    assert_eq!(shop.value::<Uuid>(sql, &[&first]), lot);
    shop.verify();
}

#[test]
fn a_refusal_leaves_no_trace_and_the_key_works_later() {
    let mut shop = Shop::open();
    let listing = shop.stocked(2);
    let lot = shop.receive_at(listing, 1, ORISON);
    let order = Uuid::new_v4();
    let lines = format!(r#"'[{{"listing_id": "{listing}", "quantity": 5}}]'"#);
    let lots = format!(r#"'[{{"lot_id": "{lot}", "quantity": 2}}]'"#);
    let calls = [
        format!("allocate_stock('{listing}', '{order}', 5, idempotency_key => 'k'"),
        format!("allocate_stock('{listing}', '{order}', 2, location_id => '{ORISON}', idempotency_key => 'l'"),
        format!("allocate_order('{order}', {lines}, idempotency_key => 'k'"),
        format!("allocate_lots('{order}', {lots}, idempotency_key => 'k'"),
    ];
    let before = shop.everything();
    for call in &calls {
        assert_eq!(
            shop.error(&format!("SELECT {call})"), &[]).name(),
            "insufficient_stock"
        );
        let sql = format!("SELECT state, replayed FROM {call}, on_short => 'answer')");
        for _ in 0..2 {
            let row = &shop.rows(&sql, &[])[0];
            assert_eq!(
                (row.get::<_, String>(0), row.get(1)),
                ("insufficient".into(), false)
            );
        }
        assert_eq!(shop.everything(), before, "{call}");
    }
    // The goods come in: each key makes its claim, once.
    shop.rows("SELECT receive_stock($1, 100)", &[&listing]);
    shop.rows(
        "UPDATE stock_lots SET quantity_total = 100 WHERE lot_id = $1",
        &[&lot],
    );
    for call in &calls {
        for replayed in [false, true] {
            let sql = format!("SELECT state, replayed FROM {call})");
            let row = &shop.rows(&sql, &[])[0];
            assert_eq!(
                (row.get::<_, String>(0), row.get(1)),
                ("active".into(), replayed)
            );
        }
    }
    assert_eq!(shop.numbers(listing).1, 5 + 2 + 5 + 2);
    shop.verify();
}

#[test]
fn a_key_has_1_to_200_characters() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let order = Uuid::new_v4();
    let before = shop.everything();
    let calls = [
        "receive_stock($1, 1, idempotency_key => $2)",
        "allocate_stock($1, $1, 1, idempotency_key => $2)",
        "allocate_order($1, jsonb_build_array(jsonb_build_object('listing_id', $1::uuid, 'quantity', 1)), idempotency_key => $2)",
        "release_allocations($1, idempotency_key => $2)",
        "fulfill_allocations($1, idempotency_key => $2)",
    ];
    for key in [
        String::new(),
        "k".repeat(201),
        "é".repeat(201),
        "k".repeat(1_000_000),
    ] {
        for call in calls {
            let error = shop.error(&format!("SELECT {call}"), &[&listing, &key]);
            assert_eq!(error.name(), "bad_argument");
            assert_eq!(error.field("argument"), "idempotency_key");
            assert_eq!(error.field("problem"), "must have 1 to 200 characters");
        }
    }
    assert_eq!(shop.everything(), before);
    // Characters, not bytes; and any characters.
    for key in [
        "é".repeat(200),
        " ".into(),
        "'; DROP TABLE x; --".into(),
        "\u{1F4E6}\u{202E}".into(),
    ] {
        let sql = "SELECT replayed FROM allocate_stock($1, $2, 1, idempotency_key => $3)";
        for replayed in [false, true] {
            assert_eq!(shop.value::<bool>(sql, &[&listing, &order, &key]), replayed);
        }
    }
    shop.verify();
}
