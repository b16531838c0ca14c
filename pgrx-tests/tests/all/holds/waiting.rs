//! Backorders: confirmed, a hold allocates what there is and waits for the rest; goods that come in or
//! come free go to who has waited longest.

use crate::api::shop::{Shop, LORVILLE, ORISON};
use uuid::Uuid;

/// Holds units below zero, and confirms them: what waits has been waiting since then.
fn backorder(shop: &mut Shop, listing: Uuid, units: i32) -> (Uuid, Uuid) {
    let (hold, order) = (shop.hold(listing, units), Uuid::new_v4());
    shop.rows("SELECT confirm_hold($1, $2)", &[&hold, &order]);
    (hold, order)
}

#[test]
fn a_confirmed_backorder_allocates_what_there_is_and_waits_for_the_rest() {
    let mut shop = Shop::open();
    let listing = shop.limited(2, 0, 5);
    let (hold, order) = (shop.hold(listing, 6), Uuid::new_v4());
    let answer = format!(
        "SELECT allocation_id IS NULL, lot_id IS NULL, location_id, quantity, state, available, replayed
           FROM confirm_hold('{hold}', '{order}', idempotency_key => 'k')"
    );
    let place = crate::api::shop::UNSPECIFIED;
    assert_eq!(
        shop.texts(&answer),
        [
            format!("f|f|{place}|2|active|-4|f"),
            "t|t|NULL|4|waiting|-4|f".to_owned()
        ]
    );
    assert_eq!(
        shop.texts(&answer),
        [
            format!("f|f|{place}|2|active|-4|t"),
            "t|t|NULL|4|waiting|-4|t".to_owned()
        ]
    );
    let kept = format!(
        "SELECT status, quantity, quantity_requested, order_id, expires_at, confirmed_at IS NOT NULL
           FROM stock_holds WHERE hold_id = '{hold}'"
    );
    assert_eq!(shop.text(&kept), format!("waiting|4|6|{order}|NULL|t"));
    assert_eq!(shop.allocations(order), [(2, "active".into())]);
    assert_eq!(shop.numbers(listing), (-4, 6, 2));
    // It is live: neither swept nor confirmed again nor extended, but it can be given up.
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 0);
    let error = shop.error("SELECT confirm_hold($1, $1)", &[&hold]);
    assert_eq!(error.name(), "hold_not_active");
    assert_eq!(shop.value::<i32>("SELECT release_hold($1)", &[&hold]), 4);
    assert_eq!(shop.hold_state(hold), "released 4");
    assert_eq!(shop.numbers(listing), (0, 2, 2));
    shop.verify();
}

#[test]
fn where_nothing_is_there_all_of_it_waits() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 5);
    let (hold, order) = (shop.hold(listing, 3), Uuid::new_v4());
    let answer =
        format!("SELECT quantity, state, available FROM confirm_hold('{hold}', '{order}')");
    assert_eq!(shop.text(&answer), "3|waiting|-3");
    let answer = format!("SELECT quantity, state, available FROM confirm_order('{order}')");
    assert_eq!(shop.error(&answer, &[]).name(), "hold_not_active");
    assert_eq!(shop.hold_state(hold), "waiting 3");
    assert_eq!(shop.numbers(listing), (-3, 3, 0));
    shop.verify();
}

/// Each of these brings three units, or frees three.
#[test]
fn goods_that_come_in_or_come_free_fill_what_waits() {
    for goods in [
        "SELECT receive_stock('$1', 3)",
        "SELECT receive_stock('$1', 3, '$O', idempotency_key => 'k')",
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('$1', 3)",
        "INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('$1', 1, '$O'), ('$1', 2, '$L')",
        "UPDATE stock_lots SET quantity_total = 5 WHERE listing_id = '$1'",
        "INSERT INTO stock_lots (listing_id, quantity_total, listed) VALUES ('$1', 3, false);
         UPDATE stock_lots SET listed = true WHERE listing_id = '$1'",
        "INSERT INTO stock_lots (listing_id, quantity_total, expires_on) VALUES ('$1', 3, '2001-01-01');
         UPDATE stock_lots SET expires_on = NULL WHERE listing_id = '$1'",
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('$2', 3);
         UPDATE stock_lots SET listing_id = '$1' WHERE listing_id = '$2'",
        "UPDATE stock_listings SET backorder_limit = 20 WHERE listing_id = '$1';
         MERGE INTO stock_lots l USING (VALUES ('$1'::uuid)) v (id) ON false
          WHEN NOT MATCHED THEN INSERT (listing_id, quantity_total) VALUES (v.id, 3)",
    ] {
        let mut shop = Shop::open();
        let (listing, other) = (shop.limited(2, 0, 10), shop.listing());
        let (hold, order) = backorder(&mut shop, listing, 5);
        assert_eq!(shop.hold_state(hold), "waiting 3");
        let goods = goods
            .replace("$1", &listing.to_string())
            .replace("$2", &other.to_string())
            .replace("$O", &ORISON.to_string())
            .replace("$L", &LORVILLE.to_string());
        shop.run(&goods);
        assert_eq!(shop.hold_state(hold), "confirmed 3", "{goods}");
        assert_eq!(shop.numbers(listing), (0, 5, 5), "{goods}");
        let of_hold = "SELECT sum(quantity)::int FROM stock_allocations
                        WHERE hold_id = $1 AND order_id = $2 AND status = 'active'";
        assert_eq!(shop.value::<i32>(of_hold, &[&hold, &order]), 5, "{goods}");
        shop.verify();
    }
}

/// What another order gives back.
#[test]
fn allocations_that_are_given_up_fill_what_waits() {
    for freed in [
        "SELECT release_allocations('$1')",
        "SELECT release_allocations('$1', quantity => 3)",
        "UPDATE stock_allocations SET status = 'released' WHERE order_id = '$1'",
        "DELETE FROM stock_allocations WHERE order_id = '$1'",
        "UPDATE stock_allocations SET quantity = 1 WHERE order_id = '$1'",
    ] {
        let mut shop = Shop::open();
        let listing = shop.limited(4, 0, 10);
        let order = shop.allocate(listing, 4);
        let (hold, _) = backorder(&mut shop, listing, 3);
        assert_eq!(shop.hold_state(hold), "waiting 3");
        shop.run(&freed.replace("$1", &order.to_string()));
        assert_eq!(shop.hold_state(hold), "confirmed 3", "{freed}");
        shop.verify();
    }
    // What is fulfilled is gone.
    let mut shop = Shop::open();
    let listing = shop.limited(4, 0, 10);
    let order = shop.allocate(listing, 4);
    let (hold, _) = backorder(&mut shop, listing, 3);
    shop.rows("SELECT fulfill_allocations($1)", &[&order]);
    assert_eq!(shop.hold_state(hold), "waiting 3");
    shop.verify();
}

#[test]
fn who_has_waited_longest_is_served_first_and_a_part_is_served() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 20);
    let holds = [4, 2, 5].map(|units| backorder(&mut shop, listing, units).0);
    let states = |shop: &mut Shop| holds.map(|hold| shop.hold_state(hold));
    shop.receive(listing, 3);
    assert_eq!(states(&mut shop), ["waiting 1", "waiting 2", "waiting 5"]);
    shop.receive(listing, 2);
    assert_eq!(states(&mut shop), ["confirmed 1", "waiting 1", "waiting 5"]);
    shop.receive(listing, 100);
    assert_eq!(
        states(&mut shop),
        ["confirmed 1", "confirmed 1", "confirmed 5"]
    );
    assert_eq!(shop.numbers(listing), (94, 11, 105));
    let each = "SELECT string_agg(units::text, ' ' ORDER BY created_at)
                  FROM (SELECT h.created_at, sum(a.quantity) AS units FROM stock_holds h
                          JOIN stock_allocations a USING (hold_id) GROUP BY h.hold_id) s";
    assert_eq!(shop.text(each), "4 2 5");
    shop.verify();
}

/// Active holds are promises still; the goods go to what is confirmed.
#[test]
fn goods_go_to_what_is_confirmed_and_active_holds_keep_their_promise() {
    let mut shop = Shop::open();
    let listing = shop.limited(3, 0, 10);
    let (active, order) = (shop.hold(listing, 3), Uuid::new_v4());
    let (waiting, _) = backorder(&mut shop, listing, 5);
    assert_eq!(shop.hold_state(waiting), "waiting 2");
    let answer = format!("SELECT quantity, state FROM confirm_hold('{active}', '{order}')");
    assert_eq!(shop.text(&answer), "3|waiting");
    shop.receive(listing, 4);
    // Oldest first: the hold that was made first.
    assert_eq!(shop.hold_state(active), "confirmed 3");
    assert_eq!(shop.hold_state(waiting), "waiting 1");
    shop.verify();
}

#[test]
fn what_is_unlisted_or_expired_fills_nothing() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 10);
    let (hold, _) = backorder(&mut shop, listing, 3);
    shop.rows("SELECT receive_stock($1, 5, listed => false)", &[&listing]);
    shop.rows(
        "SELECT receive_stock($1, 5, expires_on => '2001-01-01')",
        &[&listing],
    );
    assert_eq!(shop.hold_state(hold), "waiting 3");
    shop.verify();
}

#[test]
fn a_hold_that_keeps_a_remainder_goes_on_beside_what_waits() {
    let mut shop = Shop::open();
    let listing = shop.limited(2, 0, 10);
    let (hold, order) = (shop.hold(listing, 8), Uuid::new_v4());
    let answer =
        format!("SELECT quantity, state FROM confirm_hold('{hold}', '{order}', 5, 'keep')");
    assert_eq!(shop.texts(&answer), ["2|active", "3|waiting"]);
    assert_eq!(shop.hold_state(hold), "active 3");
    let beside = "SELECT quantity, quantity_requested, order_id, expires_at, idempotency_key
                    FROM stock_holds WHERE status = 'waiting'";
    assert_eq!(shop.text(beside), format!("3|3|{order}|NULL|NULL"));
    assert_eq!(shop.numbers(listing), (-6, 8, 2));
    shop.receive(listing, 4);
    assert_eq!(shop.hold_state(hold), "active 3");
    assert_eq!(
        shop.allocations(order),
        [(2, "active".into()), (3, "active".into())]
    );
    let rest = format!("SELECT quantity, state FROM confirm_hold('{hold}', '{order}')");
    assert_eq!(shop.texts(&rest), ["1|active", "2|waiting"]);
    shop.receive(listing, 2);
    assert_eq!(shop.hold_state(hold), "confirmed 2");
    assert_eq!(shop.numbers(listing), (0, 8, 8));
    shop.verify();
}

/// What waits was confirmed: the order's releases free both parts.
#[test]
fn an_order_is_given_up_with_what_it_waits_for() {
    let mut shop = Shop::open();
    let listing = shop.limited(2, 0, 10);
    let (hold, order) = backorder(&mut shop, listing, 5);
    assert_eq!(
        shop.value::<i32>("SELECT release_order_holds($1)", &[&order]),
        3
    );
    assert_eq!(
        shop.value::<i32>("SELECT release_allocations($1)", &[&order]),
        2
    );
    assert_eq!(shop.hold_state(hold), "released 3");
    assert_eq!(shop.numbers(listing), (2, 0, 2));
    shop.verify();
}

/// A waiting hold of a client's own: filled where it names its order, never without.
#[test]
fn a_direct_waiting_hold_needs_an_order_to_be_filled() {
    let mut shop = Shop::open();
    let listing = shop.limited(0, 0, 10);
    let order = Uuid::new_v4();
    let insert = "INSERT INTO stock_holds (listing_id, quantity, status, order_id) VALUES ($1, 2, 'waiting', $2)
                  RETURNING hold_id";
    let nobodys: Uuid = shop.value(insert, &[&listing, &None::<Uuid>]);
    let own: Uuid = shop.value(insert, &[&listing, &Some(order)]);
    shop.receive(listing, 3);
    assert_eq!(shop.hold_state(nobodys), "waiting 2");
    assert_eq!(shop.hold_state(own), "confirmed 2");
    assert_eq!(shop.allocations(order), [(2, "active".into())]);
    shop.verify();
}
