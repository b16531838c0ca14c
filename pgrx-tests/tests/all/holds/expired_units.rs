//! Units of expired holds are there for every claim at once; the claim ends the holds that it needs.

use super::shop::ANSWER;
use crate::api::shop::{Shop, LORVILLE, ORISON};
use serde_json::json;
use uuid::Uuid;

/// Five units at Orison and five at Lorville, all of them in holds that have expired: of anywhere, of
/// either place, or some of each.
fn all_expired(shop: &mut Shop, kind: &str) -> (Uuid, Vec<Uuid>) {
    let listing = shop.listing();
    let lots = vec![
        shop.receive_at(listing, 5, ORISON),
        shop.receive_at(listing, 5, LORVILLE),
    ];
    if kind != "anywhere" {
        shop.expired_hold_at(listing, 2, ORISON);
        shop.expired_hold_at(listing, 3, LORVILLE);
    }
    match kind {
        "anywhere" => shop.expired_hold(listing, 10),
        "places" => {
            shop.expired_hold_at(listing, 3, ORISON);
            shop.expired_hold_at(listing, 2, LORVILLE)
        }
        _ => shop.expired_hold(listing, 5),
    };
    (listing, lots)
}

#[test]
fn every_claim_takes_them_all() {
    let mut shop = Shop::open();
    for kind in ["anywhere", "places", "both"] {
        for call in [
            "allocate_stock('$1', gen_random_uuid(), 10)",
            "allocate_stock('$1', gen_random_uuid(), 99, partial => true)",
            "allocate_stock('$1', gen_random_uuid(), 10, 'largest_first')",
            "allocate_stock('$1', gen_random_uuid(), 10, idempotency_key => 'a$1')",
            r#"allocate_order(gen_random_uuid(), '[{"listing_id": "$1", "quantity": 10}]')"#,
            r#"allocate_order(gen_random_uuid(), '[{"listing_id": "$1", "quantity": 4},
               {"listing_id": "$1", "quantity": 5, "location_id": "$O"}, {"listing_id": "$1", "quantity": 1, "location_id": "$L"}]')"#,
            r#"allocate_lots(gen_random_uuid(), '[{"lot_id": "$3", "quantity": 5}, {"lot_id": "$2", "quantity": 5}]')"#,
            "hold_stock('$1', 10)",
            "hold_stock('$1', 10, idempotency_key => 'h$1')",
            r#"hold_order('[{"listing_id": "$1", "quantity": 5, "location_id": "$O"}, {"listing_id": "$1", "quantity": 5}]')"#,
            r#"hold_many('[{"listing_id": "$1", "quantity": 5, "location_id": "$O"}, {"listing_id": "$1", "quantity": 5, "location_id": "$L"}]')"#,
        ] {
            let (listing, lots) = all_expired(&mut shop, kind);
            assert_eq!(shop.numbers(listing), (10, 0, 10));
            let call = call
                .replace("$1", &listing.to_string())
                .replace("$2", &lots[0].to_string())
                .replace("$3", &lots[1].to_string())
                .replace("$O", &ORISON.to_string())
                .replace("$L", &LORVILLE.to_string());
            let answer =
                format!("SELECT sum(quantity), min(state), max(state), max(available) FROM {call}");
            assert_eq!(shop.text(&answer), "10|active|active|0", "{kind}: {call}");
            assert_eq!(shop.numbers(listing), (0, 10, 10), "{kind}: {call}");
            shop.verify();
        }
    }
}

#[test]
fn a_place_gives_what_expired_there() {
    let mut shop = Shop::open();
    for call in [
        "allocate_stock('$1', gen_random_uuid(), 5, location_id => '$O')",
        "hold_stock('$1', 5, location_id => '$O')",
        "hold_stock('$1', 5, location_id => '$L')",
    ] {
        let (listing, _) = all_expired(&mut shop, "places");
        let call = call
            .replace("$1", &listing.to_string())
            .replace("$O", &ORISON.to_string())
            .replace("$L", &LORVILLE.to_string());
        let answer = format!("SELECT sum(quantity), max(available) FROM {call}");
        assert_eq!(shop.text(&answer), "5|5", "{call}");
        assert_eq!(shop.numbers(listing), (5, 5, 10));
        shop.verify();
    }
}

/// Oldest first, and no more than it needs: the rest is swept another time, and counted as free.
#[test]
fn a_claim_ends_no_more_holds_than_it_needs() {
    let mut shop = Shop::open();
    let listing = shop.stocked(10);
    let mut ids: Vec<Uuid> = (0..3).map(|_| shop.expired_hold(listing, 3)).collect();
    // The one that was made last expired first.
    shop.rows(
        "UPDATE stock_holds SET expires_at = expires_at - interval '1 h' WHERE hold_id = $1",
        &[&ids[2]],
    );
    ids.rotate_right(1);
    // One unit is free without any of them.
    let answer = format!(
        "SELECT quantity, available FROM allocate_stock('{listing}', gen_random_uuid(), 1)"
    );
    assert_eq!(shop.text(&answer), "1|9");
    let states = |shop: &mut Shop| [ids[0], ids[1], ids[2]].map(|hold| shop.hold_status(hold));
    assert_eq!(states(&mut shop), ["active"; 3]);
    let answer = format!("SELECT {ANSWER} FROM hold_stock('{listing}', 2)");
    assert_eq!(shop.text(&answer), "active|2|7|f");
    // Swept in batches, as one statement may take more than it must; never fewer than needed.
    assert_eq!(states(&mut shop)[0], "expired");
    assert_eq!(shop.numbers(listing), (7, 3, 10));
    shop.verify();
}

#[test]
fn a_claim_beyond_them_is_refused_by_what_is_free_with_them() {
    let mut shop = Shop::open();
    let listing = shop.limited(10, 1, 0);
    shop.expired_hold(listing, 6);
    shop.hold(listing, 2);
    let before = shop.everything();
    for call in ["hold_stock($1, 8)", "allocate_stock($1, $1, 8)"] {
        let error = shop.error(&format!("SELECT {call}"), &[&listing]);
        assert_eq!(error.name(), "insufficient_stock");
        assert_eq!(error.field("available"), json!(7));
    }
    let answer = format!("SELECT {ANSWER} FROM hold_stock('{listing}', 8, on_short => 'answer')");
    assert_eq!(shop.text(&answer), "insufficient|0|7|f");
    assert_eq!(shop.everything(), before, "a refusal sweeps nothing");
    let answer = format!("SELECT {ANSWER} FROM hold_stock('{listing}', 7)");
    assert_eq!(shop.text(&answer), "active|7|1|f");
    shop.verify();
}

/// What somebody else has taken since is gone: the expired hold does not get it back.
#[test]
fn who_comes_after_the_expiry_takes_the_units_and_the_late_buyer_gets_none() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let late = shop.expired_hold(listing, 5);
    shop.hold(listing, 5);
    for call in ["confirm_hold($1, $1)", "extend_hold($1, '1 h')"] {
        let error = shop.error(&format!("SELECT {call}"), &[&late]);
        assert_eq!(error.name(), "hold_expired");
    }
    assert_eq!(shop.numbers(listing), (0, 5, 5));
    shop.verify();
}

/// A few hundred of them beside one claim that needs all their units.
#[test]
fn many_expired_holds_make_room_for_one_claim() {
    let mut shop = Shop::open();
    let listing = shop.stocked(600);
    let lines = format!(
        "SELECT count(*) FROM hold_many((SELECT jsonb_agg(jsonb_build_object('listing_id', '{listing}', 'quantity', 1))
                                           FROM generate_series(1, 600)), ttl => '1 ms')"
    );
    assert_eq!(shop.value::<i64>(&lines, &[]), 600);
    shop.run("SELECT pg_sleep(0.01)");
    assert_eq!(shop.numbers(listing), (600, 0, 600));
    let answer =
        format!("SELECT sum(quantity) FROM allocate_stock('{listing}', gen_random_uuid(), 600)");
    assert_eq!(shop.text(&answer), "600");
    assert_eq!(shop.numbers(listing), (0, 600, 600));
    shop.verify();
}
