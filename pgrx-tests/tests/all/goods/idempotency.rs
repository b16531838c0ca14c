//! Keys of the functions of goods: a replay answers as the first call did and changes nothing; another
//! call is told which field differs.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::{json, Value};
use uuid::Uuid;

/// One call of each function, without its key.
fn calls(shop: &mut Shop) -> Vec<String> {
    let listing = shop.listing();
    let [one, two, three, four, five, into] = [(); 6].map(|()| shop.receive(listing, 10));
    let there = shop.receive_at(listing, 10, LORVILLE);
    let counts = json!([{"lot_id": there, "counted": 7}]);
    vec![
        format!("receive_stock('{listing}', 5, into_lot => '{one}', reason => 'r'"),
        format!("adjust_stock('{one}', -2, 'r', 15"),
        format!("count_stock('{one}', amount => 4, expected => 13"),
        format!("transfer_stock('{two}', 3, '{ORISON}', effective_at => '2020-01-01'"),
        format!("transfer_stock('{three}', NULL, '{ORISON}'"),
        format!("split_lot('{four}', 4"),
        format!("merge_lots('{five}', '{into}'"),
        format!("set_lot_condition('{four}', 'damaged', 1, 'r', 'ref'"),
        format!("count_location('{LORVILLE}', '{counts}', reference => 'ref'"),
    ]
}

#[test]
fn a_replay_gives_the_first_answer_and_changes_nothing() {
    let mut shop = Shop::open();
    for (number, call) in calls(&mut shop).into_iter().enumerate() {
        let sql = format!("SELECT to_jsonb(a) FROM {call}, idempotency_key => 'k{number}') a");
        let answer = |shop: &mut Shop| -> Vec<Value> {
            let rows = shop.rows(&sql, &[]);
            rows.iter().map(|row| row.get(0)).collect()
        };
        let first = answer(&mut shop);
        let before = shop.everything();
        assert_eq!(answer(&mut shop), first, "{call}");
        assert_eq!(shop.everything(), before, "{call}");
        shop.prove();
    }
    // Lots that are gone since make no difference to a replay.
    let lot = shop.text("SELECT lot_id FROM stock_lots ORDER BY 1 LIMIT 1");
    let again = format!("adjust_stock('{lot}', amount => -1, idempotency_key => 'gone')");
    assert_eq!(shop.units(&again), 3);
    shop.run(&format!("DELETE FROM stock_lots WHERE lot_id = '{lot}'"));
    assert_eq!(shop.units(&again), 3);
}

#[test]
fn another_call_with_the_key_is_told_what_differs() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let [lot, other] = [(); 2].map(|()| shop.receive(listing, 10));
    for (function, first, second, field) in [
        (
            "adjust_stock",
            format!("'{lot}', 1, 'r'"),
            format!("'{lot}', 2, 'r'"),
            "delta",
        ),
        (
            "adjust_stock",
            format!("'{lot}', 1, 'r'"),
            format!("'{lot}', 1, 's'"),
            "reason",
        ),
        (
            "count_stock",
            format!("'{lot}', 9"),
            format!("'{lot}', 9, 9"),
            "expected",
        ),
        (
            "count_stock",
            format!("'{lot}', 9"),
            format!("'{other}', 9"),
            "lot_id",
        ),
        (
            "transfer_stock",
            format!("'{lot}', 1, '{ORISON}'"),
            format!("'{lot}', 1, '{LORVILLE}'"),
            "to_location",
        ),
        (
            "split_lot",
            format!("'{lot}', 1"),
            format!("'{lot}', amount => 1"),
            "quantity",
        ),
        (
            "merge_lots",
            format!("'{other}', '{lot}'"),
            format!("'{lot}', '{other}'"),
            "from_lot",
        ),
        (
            "set_lot_condition",
            format!("'{lot}', 'damaged', 1"),
            format!("'{lot}', 'quarantine', 1"),
            "condition",
        ),
        (
            "receive_stock",
            format!("'{listing}', 1"),
            format!("'{listing}', 1, into_lot => '{lot}'"),
            "into_lot",
        ),
    ] {
        let key = Uuid::new_v4();
        shop.run(&format!(
            "SELECT {function}({first}, idempotency_key => '{key}')"
        ));
        let call = format!("{function}({second}, idempotency_key => '{key}')");
        let mismatch = ("idempotency_mismatch".to_owned(), format!("{field:?}"));
        assert_eq!(shop.refused(&call, "field"), mismatch, "{call}");
    }
    shop.prove();
}

#[test]
fn a_set_of_counts_is_the_same_in_any_order_and_a_dry_run_uses_no_key() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lots = [(); 2].map(|()| shop.receive_at(listing, 10, ORISON));
    let [one, two] = [0, 1].map(|at| json!({"lot_id": lots[at], "counted": 9}));
    let call = |counts: Value, more: &str| {
        format!("SELECT lot_id, difference, state FROM count_location('{ORISON}', '{counts}', idempotency_key => 'k'{more})")
    };
    let answer = |place: usize| format!("{}|-1|ok", lots[place]);
    let rows = shop.texts(&call(json!([one, two]), ", dry_run => true"));
    assert_eq!(rows, [answer(0), answer(1)]);
    assert_eq!(shop.text("SELECT count(*) FROM stock_requests"), "0");
    for counts in [json!([one, two]), json!([two, one])] {
        let rows = shop.texts(&call(counts, ""));
        assert_eq!(rows, [answer(0), answer(1)], "as the first call answered");
    }
    let error = shop.error(&call(json!([one]), ""), &[]);
    assert_eq!(error.field("field"), "counts");
    let error = shop.error(&call(json!([one, two]), ", missing => 'zero'"), &[]);
    assert_eq!(error.field("field"), "missing");
    assert_eq!(shop.lots(listing), ["Orison 0/9 good"; 2]);
    shop.prove();
}
