//! hold_stock with a key: a replay returns the hold as it is now, and changes nothing.

use super::shop::ANSWER;
use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::json;
use uuid::Uuid;

/// A call with the key `k`, as SQL.
fn call(listing: Uuid, units: i32, more: &str) -> String {
    format!("hold_stock('{listing}', {units}, idempotency_key => 'k'{more})")
}

/// The answer of a replay: state, quantity, available, and whether it is the hold that was made first.
#[track_caller]
fn replay(shop: &mut Shop, call: &str, hold: Uuid) -> String {
    let before = shop.everything();
    let sql = format!("SELECT {ANSWER}, hold_id FROM {call}");
    let row = shop.text(&sql);
    assert_eq!(shop.everything(), before, "{call}");
    let answer = row.strip_suffix(&format!("|t|{hold}"));
    answer
        .unwrap_or_else(|| panic!("no replay: {row}"))
        .to_owned()
}

/// Makes a hold of five of nine units with the key `k`.
fn held_with_a_key(shop: &mut Shop, more: &str) -> (Uuid, Uuid) {
    let listing = shop.limited(9, 0, 3);
    let sql = format!("SELECT hold_id FROM {}", call(listing, 5, more));
    let hold = shop.value(&sql, &[]);
    (listing, hold)
}

#[test]
fn a_replay_returns_the_same_hold_in_whatever_state_it_is() {
    let order = Uuid::new_v4();
    let swept = "SELECT release_hold('$1');
                 UPDATE stock_holds SET status = 'expired' WHERE hold_id = '$1'";
    for (between, answer) in [
        ("", "active|5|4"),
        ("SELECT extend_hold('$1', '1 hour')", "active|5|4"),
        ("SELECT release_hold('$1')", "released|5|9"),
        ("SELECT confirm_hold('$1', '$2')", "confirmed|5|4"),
        ("SELECT confirm_hold('$1', '$2', 2)", "confirmed|2|7"),
        ("SELECT confirm_hold('$1', '$2', 2, 'keep')", "active|3|4"),
        (
            "SELECT allocate_stock(listing_id, '$2', 4) FROM stock_holds;
             UPDATE stock_lots SET expires_on = '2001-01-01';
             SELECT receive_stock(listing_id, 1) FROM stock_holds;
             SELECT confirm_hold('$1', '$2')",
            "waiting|4|1",
        ),
        (
            "UPDATE stock_holds SET expires_at = clock_timestamp()",
            "expired|5|9",
        ),
        (swept, "expired|5|9"),
    ] {
        let mut shop = Shop::open();
        let (listing, hold) = held_with_a_key(&mut shop, "");
        let between = between
            .replace("$1", &hold.to_string())
            .replace("$2", &order.to_string());
        shop.run(&between);
        assert_eq!(
            replay(&mut shop, &call(listing, 5, ""), hold),
            answer,
            "{between}"
        );
        shop.verify();
    }
}

#[test]
fn a_replay_shows_the_expiry_of_now() {
    let mut shop = Shop::open();
    let (listing, hold) = held_with_a_key(&mut shop, "");
    shop.rows("SELECT extend_hold($1, '1 hour')", &[&hold]);
    let sql = format!(
        "SELECT r.expires_at = h.expires_at AND r.expires_at > now() + interval '1 hour'
           FROM {} r JOIN stock_holds h USING (hold_id)",
        call(listing, 5, "")
    );
    assert!(shop.value::<bool>(&sql, &[]));
}

#[test]
fn every_argument_that_makes_another_request_is_named() {
    let mut shop = Shop::open();
    let order = Uuid::new_v4();
    let (listing, _) = held_with_a_key(&mut shop, &format!(", order_id => '{order}'"));
    let other = shop.stocked(9);
    shop.receive_at(listing, 9, ORISON);
    let own = format!(", order_id => '{order}'");
    let before = shop.everything();
    for (changed, field) in [
        (call(other, 5, &own), "listing_id"),
        (call(Uuid::new_v4(), 5, &own), "listing_id"),
        (call(listing, 6, &own), "quantity"),
        (
            call(listing, 5, &format!("{own}, location_id => '{ORISON}'")),
            "location_id",
        ),
        (
            call(listing, 5, &format!(", order_id => '{other}'")),
            "order_id",
        ),
        (call(listing, 5, ""), "order_id"),
    ] {
        let error = shop.error(&format!("SELECT {changed}"), &[]);
        assert_eq!(error.sqlstate, "23505");
        assert_eq!(
            (
                error.name().as_str(),
                error.field("field"),
                error.field("idempotency_key")
            ),
            ("idempotency_mismatch", json!(field), json!("k")),
            "{changed}"
        );
        assert_eq!(error.field("function"), "hold_stock");
    }
    assert_eq!(shop.everything(), before);
    // On its own terms it is a replay still.
    let sql = format!("SELECT replayed FROM {}", call(listing, 5, &own));
    assert!(shop.value::<bool>(&sql, &[]));
    shop.verify();
}

#[test]
fn how_long_for_whom_and_what_is_noted_are_not_compared() {
    let mut shop = Shop::open();
    let (listing, hold) = held_with_a_key(&mut shop, "");
    for more in [
        ", ttl => '1 s'",
        ", ttl => NULL",
        ", customer => 'somebody'",
        ", metadata => '{}'",
        ", on_short => 'answer'",
    ] {
        assert_eq!(
            replay(&mut shop, &call(listing, 5, more), hold),
            "active|5|4"
        );
    }
}

/// The confirmation may have named another order, and part of it may be gone: the request was the same.
#[test]
fn a_replay_after_the_confirmation_is_compared_with_what_was_asked_at_first() {
    let mut shop = Shop::open();
    let cart = Uuid::new_v4();
    let own = format!(", order_id => '{cart}'");
    let (listing, hold) = held_with_a_key(&mut shop, &own);
    shop.rows(
        "SELECT confirm_hold($1, gen_random_uuid(), 2, 'keep')",
        &[&hold],
    );
    assert_eq!(
        replay(&mut shop, &call(listing, 5, &own), hold),
        "active|3|4"
    );
    let error = shop.error(&format!("SELECT {}", call(listing, 3, &own)), &[]);
    assert_eq!(error.field("field"), "quantity");
}

/// The client lost the answer; meanwhile everything was sold.
#[test]
fn a_replay_needs_no_stock() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let hold: Uuid = shop.value(
        &format!("SELECT hold_id FROM {}", call(listing, 5, "")),
        &[],
    );
    assert_eq!(replay(&mut shop, &call(listing, 5, ""), hold), "active|5|0");
    shop.run("UPDATE stock_listings SET safety_stock = 100");
    assert_eq!(replay(&mut shop, &call(listing, 5, ""), hold), "active|5|0");
    shop.verify();
}

#[test]
fn a_refusal_leaves_the_key_free() {
    let mut shop = Shop::open();
    let listing = shop.stocked(2);
    let before = shop.everything();
    for _ in 0..2 {
        assert_eq!(
            shop.error(&format!("SELECT {}", call(listing, 3, "")), &[])
                .name(),
            "insufficient_stock"
        );
        let quiet = call(listing, 3, ", on_short => 'answer'");
        assert_eq!(
            shop.text(&format!("SELECT {ANSWER} FROM {quiet}")),
            "insufficient|0|2|f"
        );
    }
    assert_eq!(shop.everything(), before);
    shop.receive(listing, 9);
    for replayed in ["f", "t"] {
        let sql = format!("SELECT {ANSWER} FROM {}", call(listing, 3, ""));
        assert_eq!(shop.text(&sql), format!("active|3|8|{replayed}"));
    }
    // With what was rolled back the key is free as well.
    let listing = shop.stocked(9);
    let other = format!("SELECT replayed FROM hold_stock('{listing}', 1, idempotency_key => 'l')");
    shop.run(&format!("BEGIN; {other}; ROLLBACK"));
    assert!(!shop.value::<bool>(&other, &[]));
    shop.verify();
}

#[test]
fn a_purged_hold_leaves_the_key_free() {
    let mut shop = Shop::open();
    let (listing, hold) = held_with_a_key(&mut shop, "");
    shop.rows("SELECT release_hold($1)", &[&hold]);
    assert_eq!(
        replay(&mut shop, &call(listing, 5, ""), hold),
        "released|5|9"
    );
    assert_eq!(shop.value::<i32>("SELECT purge_holds('0')", &[]), 1);
    let sql = format!("SELECT {ANSWER} FROM {}", call(listing, 5, ""));
    assert_eq!(shop.text(&sql), "active|5|4|f");
    shop.verify();
}

/// A client's own INSERT with a key is known to the functions too.
#[test]
fn a_key_that_was_inserted_directly_is_replayed() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let sql = "INSERT INTO stock_holds (listing_id, quantity, idempotency_key)
               VALUES ($1, 5, 'k') RETURNING hold_id";
    let hold: Uuid = shop.value(sql, &[&listing]);
    assert_eq!(replay(&mut shop, &call(listing, 5, ""), hold), "active|5|4");
    // And a second INSERT with it is refused by the index.
    assert_eq!(shop.error(sql, &[&listing]).sqlstate, "23505");
    shop.verify();
}

#[test]
fn a_key_has_1_to_200_characters() {
    let mut shop = Shop::open();
    let listing = shop.stocked(50);
    let lines = json!([{"listing_id": listing.to_string(), "quantity": 1}]);
    let before = shop.everything();
    for key in [
        String::new(),
        "k".repeat(201),
        "é".repeat(201),
        "k".repeat(1_000_000),
    ] {
        for function in ["hold_stock($1, 1", "hold_order($2", "hold_many($2"] {
            let sql = format!(
                "SELECT {function}, idempotency_key => $3) FROM (VALUES ($1::uuid, $2::jsonb)) v"
            );
            let error = shop.error(&sql, &[&listing, &lines, &key]);
            assert_eq!(error.name(), "bad_argument");
            assert_eq!(error.field("argument"), "idempotency_key");
            assert_eq!(error.field("problem"), "must have 1 to 200 characters");
        }
    }
    assert_eq!(shop.everything(), before);
    for key in [
        "é".repeat(200),
        " ".into(),
        "'; DROP TABLE x; --".into(),
        "\u{1F4E6}\u{202E}".into(),
    ] {
        for replayed in [false, true] {
            let sql = "SELECT replayed FROM hold_stock($1, 1, idempotency_key => $2)";
            assert_eq!(shop.value::<bool>(sql, &[&listing, &key]), replayed);
        }
    }
    shop.verify();
}

/// A place of its own makes another row of the same key: only hold_order asks for that.
#[test]
fn one_key_is_one_request_wherever_it_holds() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive_at(listing, 9, ORISON);
    shop.receive_at(listing, 9, LORVILLE);
    let at = |place: Uuid| call(listing, 2, &format!(", location_id => '{place}'"));
    shop.rows(&format!("SELECT {}", at(ORISON)), &[]);
    let error = shop.error(&format!("SELECT {}", at(LORVILLE)), &[]);
    assert_eq!(error.field("field"), "location_id");
    assert_eq!(shop.numbers(listing), (16, 2, 18));
}
