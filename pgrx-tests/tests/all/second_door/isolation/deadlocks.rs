//! Functions never deadlock, in whatever order their lines and locks come.

use super::race::{allocated, lot, race_two, succeeded, successes, GONE, SHORT};
use super::rows::{delete_listing, fresh_shop};
use crate::second_door::shop::Sql;
use stockroom_tests::{Db, Progress, Session};

#[test]
fn two_orders_of_several_lines_in_opposite_order() {
    race_two(
        |_, shop| {
            let there = [(shop.first, 4), (shop.second, 2)];
            let back = [(shop.second, 3), (shop.first, 5)];
            [
                shop.allocate_both(shop.order, there),
                shop.allocate_both(shop.other_order, back),
            ]
        },
        &[],
        |sql, shop, run| {
            let sums = [("a", 4, 2), ("b", 5, 3)]
                .into_iter()
                .filter(|(name, ..)| succeeded(run, name));
            let (first, second) =
                sums.fold((0, 0), |sum, (_, some, more)| (sum.0 + some, sum.1 + more));
            assert_eq!(
                (allocated(sql, shop.first), allocated(sql, shop.second)),
                (first, second)
            );
        },
    );
}

#[test]
fn two_orders_of_several_lines_that_cannot_both_be_had() {
    race_two(
        |_, shop| {
            let there = [(shop.first, 7), (shop.second, 2)];
            let back = [(shop.second, 3), (shop.first, 6)];
            [
                shop.allocate_both(shop.order, there),
                shop.allocate_both(shop.other_order, back),
            ]
        },
        &[SHORT],
        |sql, shop, run| {
            assert_eq!(successes(run), 1, "one of them, whole");
            let all = (allocated(sql, shop.first), allocated(sql, shop.second));
            assert!([(7, 2), (6, 3)].contains(&all), "{all:?}");
        },
    );
}

#[test]
fn an_order_that_is_shipped_against_one_that_claims_the_same_lots() {
    race_two(
        |client, shop| {
            shop.claimed_before(client, shop.lot, 2);
            shop.claimed_before(client, shop.second_lot, 2);
            let lines = [(shop.second, 3), (shop.first, 4)];
            [
                shop.end_claims("fulfill"),
                shop.allocate_both(shop.other_order, lines),
            ]
        },
        &[],
        |sql, shop, run| {
            // What leaves was claimed: it takes nothing from the other order.
            let shipped = succeeded(run, "a");
            let bought = succeeded(run, "b");
            let allocated_second = i32::from(!shipped) * 2 + i32::from(bought) * 3;
            assert_eq!(allocated(sql, shop.second), allocated_second);
            assert!(shipped || bought);
        },
    );
}

#[test]
fn the_release_of_an_order_against_its_fulfilment() {
    race_two(
        |client, shop| {
            shop.claimed_before(client, shop.lot, 4);
            ["release", "fulfill"].map(|how| shop.end_claims(how))
        },
        &[],
        |sql, shop, run| {
            // Whoever came first had it; the other one found nothing active, or must try again.
            let status = sql.row(&format!(
                "SELECT status FROM stock_allocations WHERE order_id = '{}'",
                shop.order
            ));
            let total = if status == "fulfilled" { 1 } else { 5 };
            assert_eq!(lot(sql, shop.lot), format!("total {total}, allocated 0"));
            assert!(["fulfilled", "released"].contains(&status.as_str()));
            let units = |name: &str| {
                run.step(name, 1)
                    .outcome
                    .as_ref()
                    .map_or(0, |rows| rows.value().parse().unwrap())
            };
            assert_eq!(units("a") + units("b"), 4);
        },
    );
}

#[test]
fn two_releases_of_one_order_by_function_and_by_hand() {
    race_two(
        |client, shop| {
            shop.claimed_before(client, shop.lot, 4);
            let by_hand = format!(
                "UPDATE stock_allocations SET status = 'released' WHERE order_id = '{}' AND status = 'active'",
                shop.order
            );
            [by_hand, shop.end_claims("release")]
        },
        &[],
        |sql, shop, _| assert_eq!(lot(sql, shop.lot), "total 5, allocated 0"),
    );
}

/// A claim that is made while its listing's deletion waits for it, and is released while the
/// deletion waits for something else: the deletion has the lot, the release has the claim.
#[test]
fn a_deletion_a_receipt_and_a_release_do_not_deadlock() {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    sql.run(&format!(
        "ALTER DATABASE {} SET deadlock_timeout = '50ms'",
        db.name()
    ));
    let shop = fresh_shop(&mut sql.0);
    let [mut buyer, mut receiver, mut deleter, mut releaser] = [(); 4].map(|()| Session::open(&db));
    let orison = "(SELECT location_id FROM locations WHERE name = 'Orison')";

    // The claim takes the near lot, so that the receipt at Orison waits for the listing only.
    let near = "SELECT location_id FROM locations WHERE name = 'Unspecified'";
    let allocate = format!(
        "BEGIN; SELECT * FROM allocate_stock('{}', '{}', 2, location_id => ({near}))",
        shop.first, shop.order
    );
    buyer.run(&allocate).unwrap();
    receiver.start(&format!(
        "BEGIN; SELECT receive_stock('{}', 3, {orison})",
        shop.first
    ));
    assert_eq!(receiver.settle(), Progress::Blocked);
    deleter.start(&delete_listing(shop.first, true));
    assert_eq!(deleter.settle(), Progress::Blocked);
    // Now the receipt has its level and the listing, the deletion has the lots.
    buyer.run("COMMIT").unwrap();
    receiver.finish().unwrap();
    assert_eq!(deleter.settle(), Progress::Blocked);
    releaser.start(&shop.end_claims("release"));
    releaser.settle();
    receiver.run("COMMIT").unwrap();
    for (who, outcome) in [
        ("the deletion", deleter.finish()),
        ("the release", releaser.finish()),
    ] {
        if let Err(error) = outcome {
            assert_ne!(error.sqlstate, "40P01", "{who}: {}", error.message);
            assert_eq!(error.sqlstate, GONE, "{who}: {}", error.message);
        }
    }
    sql.assert_verified();
}

/// A claim that lost its only lot must not hold on to it while it turns to a lot that comes before.
#[test]
fn a_claim_that_lost_its_lot_and_a_shipment_do_not_deadlock() {
    let (db, mut sql) = crate::second_door::shop::shop();
    let (early, late) = (
        "b0000000-0000-0000-0000-0000000000a3",
        "b0000000-0000-0000-0000-0000000000a5",
    );
    let (listing, shipped) = (
        "a0000000-0000-0000-0000-0000000000aa",
        "c0000000-0000-0000-0000-0000000000aa",
    );
    sql.run(&format!(
        "SELECT register_listing(NULL, listing_id => '{listing}');
         INSERT INTO stock_lots (lot_id, listing_id, quantity_total)
         VALUES ('{early}', '{listing}', 4), ('{late}', '{listing}', 6);
         SELECT FROM allocate_lots('{shipped}', '[{{\"lot_id\": \"{early}\", \"quantity\": 4}},
                                                 {{\"lot_id\": \"{late}\", \"quantity\": 1}}]')"
    ));
    let mut other = Session::open(&db);
    other
        .run(&format!(
            "BEGIN; UPDATE stock_lots SET quantity_total = 8 WHERE lot_id = '{early}';
             SELECT FROM allocate_lots(gen_random_uuid(), '[{{\"lot_id\": \"{late}\", \"quantity\": 3}}]')"
        ))
        .unwrap();
    let mut claimer = Session::open(&db);
    claimer.start(&format!(
        "SELECT FROM allocate_stock('{listing}', gen_random_uuid(), 5)"
    ));
    assert!(claimer.is_blocked(), "on the late lot");
    let mut shipper = Session::open(&db);
    shipper.start(&format!("SELECT fulfill_allocations('{shipped}')"));
    assert!(shipper.is_blocked(), "on the early lot");
    other.run("COMMIT").unwrap();
    shipper.finish().unwrap();
    claimer.finish().unwrap();
    sql.assert_verified();
}
