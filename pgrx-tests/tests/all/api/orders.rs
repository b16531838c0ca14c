//! Claims of several lines: allocate_order, where the strategy chooses the lots, and allocate_lots,
//! where the caller does. All or nothing, whatever the lines are.

use super::shop::{Shop, LORVILLE, ORISON, UNSPECIFIED};
use serde_json::{json, Value};
use stockroom_tests::{Progress, Session};
use uuid::Uuid;

/// A line of allocate_order.
fn line(listing: Uuid, quantity: i32) -> Value {
    json!({"listing_id": listing.to_string(), "quantity": quantity})
}

/// An element of allocate_lots.
fn part(lot: Uuid, quantity: i32) -> Value {
    json!({"lot_id": lot.to_string(), "quantity": quantity})
}

/// `(listing, lot, quantity, available)` of each row of an answer, sorted.
fn taken(
    shop: &mut Shop,
    function: &str,
    order: Uuid,
    what: &Value,
) -> Vec<(Uuid, Uuid, i32, i32)> {
    let sql = format!(
        "SELECT listing_id, lot_id, quantity, available, state, replayed FROM {function}($1, $2)"
    );
    let rows = shop.rows(&sql, &[&order, what]);
    for row in &rows {
        assert_eq!(
            (row.get::<_, String>(4), row.get(5)),
            ("active".into(), false)
        );
    }
    let mut taken: Vec<_> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    taken.sort();
    taken
}

#[test]
fn an_order_takes_all_its_lines() {
    let mut shop = Shop::open();
    let (first, second) = (shop.listing(), shop.listing());
    let (a, b) = (shop.receive_at(first, 3, ORISON), shop.receive(first, 9));
    let c = shop.receive(second, 5);
    let order = Uuid::new_v4();
    let lines = json!([line(second, 2), line(first, 4)]);
    let answer = taken(&mut shop, "allocate_order", order, &lines);
    assert_eq!(
        answer,
        [(first, a, 3, 8), (first, b, 1, 8), (second, c, 2, 3)]
    );
    let active = |units| (units, "active".to_owned());
    assert_eq!(shop.allocations(order), [active(1), active(2), active(3)]);
    shop.verify();
}

#[test]
fn one_short_line_leaves_the_whole_order_undone() {
    let mut shop = Shop::open();
    let (first, second) = (shop.stocked(5), shop.stocked(1));
    let before = shop.everything();
    let order = Uuid::new_v4();
    let lines = json!([line(first, 5), line(second, 2)]);
    let error = shop.error("SELECT allocate_order($1, $2)", &[&order, &lines]);
    assert_eq!(error.name(), "insufficient_stock");
    assert_eq!(error.field("listing_id"), second.to_string());
    let numbers = (error.field("requested"), error.field("available"));
    assert_eq!(numbers, (json!(2), json!(1)));

    let sql = "SELECT to_jsonb(a) FROM allocate_order($1, $2, 'answer') a";
    let answer: Value = shop.value(sql, &[&order, &lines]);
    let expected = json!({"allocation_id": null, "lot_id": null, "location_id": null, "quantity": 0,
        "state": "insufficient", "available": 1, "replayed": false, "listing_id": second.to_string()});
    assert_eq!(answer, expected);

    // A place that is short counts as well, though its listing has enough.
    let mut bound = line(first, 1);
    bound["location_id"] = json!(ORISON.to_string());
    let lines = json!([bound, line(second, 1)]);
    let error = shop.error("SELECT allocate_order($1, $2)", &[&order, &lines]);
    assert_eq!(error.field("location_id"), ORISON.to_string());
    assert_eq!(error.field("available"), 0);
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn equal_lines_are_merged() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 6);
    let order = Uuid::new_v4();
    let lines = json!([line(listing, 1), line(listing, 2), line(listing, 3)]);
    let answer = taken(&mut shop, "allocate_order", order, &lines);
    assert_eq!(answer, [(listing, lot, 6, 0)]);
    assert_eq!(shop.allocations(order), [(6, "active".to_owned())]);

    // Each alone would do; together they are one too many.
    let listing = shop.stocked(5);
    let lines = json!([line(listing, 3), line(listing, 3)]);
    let error = shop.error("SELECT allocate_order($1, $2)", &[&order, &lines]);
    assert_eq!(
        (error.field("requested"), error.field("available")),
        (json!(6), json!(5))
    );
    shop.verify();
}

/// A line with a place and one without share the stock: the free one must not take what the bound
/// one needs, in whichever order they are given.
#[test]
fn lines_with_and_without_a_place_fit_together() {
    let mut shop = Shop::open();
    for flipped in [false, true] {
        let listing = shop.listing();
        // Fifo alone would let the free line take Orison's lot.
        let at_orison = shop.receive_at(listing, 2, ORISON);
        let elsewhere = shop.receive_at(listing, 2, LORVILLE);
        let mut bound = line(listing, 2);
        bound["location_id"] = json!(ORISON.to_string());
        let mut lines = vec![line(listing, 2), bound];
        if flipped {
            lines.reverse();
        }
        let answer = taken(
            &mut shop,
            "allocate_order",
            Uuid::new_v4(),
            &Value::from(lines),
        );
        assert_eq!(
            answer,
            [(listing, at_orison, 2, 0), (listing, elsewhere, 2, 0)]
        );
    }
    shop.verify();
}

#[test]
fn each_line_has_its_own_strategy() {
    let mut shop = Shop::open();
    let (first, second) = (shop.listing(), shop.listing());
    let oldest = shop.receive(first, 2);
    shop.receive(first, 2);
    shop.receive(second, 2);
    let newest = shop.receive(second, 2);
    let mut lifo = line(second, 1);
    lifo["strategy"] = json!("lifo");
    // A null is the same as nothing.
    let mut fifo = line(first, 1);
    fifo["strategy"] = Value::Null;
    fifo["location_id"] = Value::Null;
    let lines = json!([lifo, fifo]);
    let answer = taken(&mut shop, "allocate_order", Uuid::new_v4(), &lines);
    assert_eq!(answer, [(first, oldest, 1, 3), (second, newest, 1, 3)]);
    shop.verify();
}

#[test]
fn ten_thousand_lines_are_one_order() {
    let mut shop = Shop::open();
    let listing = shop.stocked(10_000);
    let order = Uuid::new_v4();
    let lines = Value::from(vec![line(listing, 1); 10_000]);
    shop.rows("SELECT allocate_order($1, $2)", &[&order, &lines]);
    assert_eq!(shop.allocations(order), [(10_000, "active".to_owned())]);
    shop.verify();
}

#[test]
fn chosen_lots_are_taken_as_chosen() {
    let mut shop = Shop::open();
    let (first, second) = (shop.listing(), shop.listing());
    shop.receive(first, 5);
    let chosen = [shop.receive_at(first, 5, LORVILLE), shop.receive(second, 1)];
    let order = Uuid::new_v4();
    let lots = json!([part(chosen[1], 1), part(chosen[0], 2), part(chosen[0], 1)]);
    let answer = taken(&mut shop, "allocate_lots", order, &lots);
    assert_eq!(
        answer,
        [(first, chosen[0], 3, 7), (second, chosen[1], 1, 0)]
    );
    assert_eq!(shop.lot(chosen[0]), (5, 3));
    shop.verify();
}

#[test]
fn unlisted_expired_and_empty_lots_give_nothing() {
    let mut shop = Shop::open();
    let listing = shop.stocked(20);
    let sql = "SELECT receive_stock($1, 5, listed => false)";
    let unlisted: Uuid = shop.value(sql, &[&listing]);
    let sql = "SELECT receive_stock($1, 5, expires_on => CURRENT_DATE - 1)";
    let expired: Uuid = shop.value(sql, &[&listing]);
    let sql = "SELECT receive_stock($1, 5, expires_on => CURRENT_DATE)";
    let today: Uuid = shop.value(sql, &[&listing]);
    let order = Uuid::new_v4();
    let before = shop.everything();
    for (lot, free) in [(unlisted, 0), (expired, 0), (today, 5)] {
        // Together with a lot that could be had: still nothing.
        let lots = json!([part(lot, 6)]);
        let error = shop.error("SELECT allocate_lots($1, $2)", &[&order, &lots]);
        assert_eq!(error.name(), "insufficient_stock");
        let numbers = (error.field("requested"), error.field("available"));
        assert_eq!(numbers, (json!(6), json!(free)));
        assert_eq!(error.field("listing_id"), listing.to_string());
        assert_eq!(error.field("location_id"), UNSPECIFIED.to_string());

        let sql = "SELECT state, available, listing_id FROM allocate_lots($1, $2, 'answer')";
        let row = &shop.rows(sql, &[&order, &lots])[0];
        assert_eq!(row.get::<_, String>(0), "insufficient");
        assert_eq!(
            (row.get::<_, i32>(1), row.get::<_, Uuid>(2)),
            (free, listing)
        );
    }
    let lots = json!([part(today, 1), part(expired, 1)]);
    shop.error("SELECT allocate_lots($1, $2)", &[&order, &lots]);
    assert_eq!(shop.everything(), before);
    shop.rows(
        "SELECT allocate_lots($1, $2)",
        &[&order, &json!([part(today, 5)])],
    );
    assert_eq!(shop.lot(today), (5, 5));
    shop.verify();
}

/// What a claim answers that waits for the listing while somebody raises safety_stock to 3.
fn while_safety_stock_is_raised(shop: &Shop, listing: Uuid, claim: &str) -> Vec<Option<String>> {
    let mut keeper = Session::open(&shop.db);
    let mut buyer = Session::open(&shop.db);
    for session in [&mut keeper, &mut buyer] {
        session.run("SET search_path = stock").unwrap();
    }
    let raise =
        format!("BEGIN; UPDATE stock_listings SET safety_stock = 3 WHERE listing_id = '{listing}'");
    keeper.run(&raise).unwrap();
    buyer.start(claim);
    assert_eq!(buyer.settle(), Progress::Blocked);
    keeper.run("COMMIT").unwrap();
    buyer.finish().unwrap().rows.remove(0)
}

fn texts(answer: &[Option<String>]) -> Vec<Option<&str>> {
    answer.iter().map(|text| text.as_deref()).collect()
}

/// The claim has read that nothing is kept back, has taken the lot, and waits for the listing while
/// somebody raises safety_stock. It must come up short with nothing taken.
#[test]
fn safety_stock_raised_meanwhile_leaves_no_half_claim() {
    let mut half_done = Vec::new();
    for claim in [
        "allocate_stock('{listing}', gen_random_uuid(), 5, on_short => 'answer')",
        "allocate_stock('{listing}', gen_random_uuid(), 5, on_short => 'answer', idempotency_key => 'k')",
        "allocate_order(gen_random_uuid(), '[{\"listing_id\": \"{listing}\", \"quantity\": 5}]', 'answer')",
        "allocate_lots(gen_random_uuid(), '[{\"lot_id\": \"{lot}\", \"quantity\": 5}]', 'answer')",
    ] {
        let mut shop = Shop::open();
        let listing = shop.listing();
        let lot = shop.receive(listing, 5);
        let claim = claim
            .replace("{listing}", &listing.to_string())
            .replace("{lot}", &lot.to_string());
        let sql = format!("SELECT state, available FROM {claim}");
        let answer = while_safety_stock_is_raised(&shop, listing, &sql);
        assert_eq!(texts(&answer), [Some("insufficient"), Some("2")], "{claim}");
        if shop.lot(lot) != (5, 0) || shop.numbers(listing) != (5, 0, 5) {
            half_done.push(claim);
            continue;
        }
        shop.verify();
    }
    assert_eq!(
        half_done,
        Vec::<String>::new(),
        "these took and gave nothing"
    );
}

#[test]
fn a_partial_claim_takes_what_a_safety_stock_raised_meanwhile_leaves() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let lot = shop.receive(listing, 5);
    let sql = format!(
        "SELECT quantity, available FROM allocate_stock('{listing}', gen_random_uuid(), 5, partial => true)"
    );
    let answer = while_safety_stock_is_raised(&shop, listing, &sql);
    assert_eq!(texts(&answer), [Some("2"), Some("3")]);
    assert_eq!(shop.lot(lot), (5, 2));
    shop.verify();
}

/// Each subtransaction would have a transaction id of its own; more than 64 of them in one
/// transaction slow down the snapshots of all sessions.
#[test]
fn many_claims_in_one_transaction_take_one_transaction_id() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    shop.receive(listing, 200);
    shop.run("BEGIN");
    let claims = "SELECT count(*) FROM generate_series(1, 200) n,
                         LATERAL allocate_stock($1, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 1)";
    assert_eq!(shop.value::<i64>(claims, &[&listing]), 200);
    let ids = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND pid = pg_backend_pid()";
    assert_eq!(shop.value::<i64>(ids, &[]), 1);
    shop.run("COMMIT");
    shop.verify();
}
