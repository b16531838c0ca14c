//! A place that is deleted while a lot comes to it: no foreign key stands between them.

use super::race::{count, race_two_also_after_a_look, succeeded, GONE};
use super::rows::{update_lot, Shop};

/// What the deletion meets: `location_in_use`.
const IN_USE: &str = "55000";

#[test]
fn a_lot_that_comes_against_the_deletion_of_the_place() {
    type Arrival = fn(&Shop, &str) -> String;
    let arrivals: [Arrival; 3] = [
        |shop, place| format!("SELECT receive_stock('{}', 5, '{place}')", shop.first),
        |shop, place| {
            format!(
                "INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ('{}', 0, '{place}')",
                shop.first
            )
        },
        |shop, place| update_lot(shop.lot, &format!("location_id = '{place}'")),
    ];
    for arrival in arrivals {
        race_two_also_after_a_look(
            |client, shop| {
                // A new key in each order.
                let place = shop.other_order.to_string();
                let new = format!(
                    "INSERT INTO locations (location_id, name) VALUES ('{place}', '{place}')"
                );
                client.batch_execute(&new).expect("should add a place");
                let delete = format!("DELETE FROM locations WHERE location_id = '{place}'");
                [arrival(shop, &place), delete]
            },
            &[GONE, IN_USE],
            |sql, shop, run| {
                let of_place = format!("WHERE location_id = '{}'", shop.other_order);
                let (places, lots) = match (succeeded(run, "a"), succeeded(run, "b")) {
                    (true, false) => ("1", "1"),
                    (false, true) => ("0", "0"),
                    (a, b) => panic!("lot and deletion: {a}, {b}"),
                };
                assert_eq!(count(sql, &format!("locations {of_place}")), places);
                assert_eq!(count(sql, &format!("stock_lots {of_place}")), lots);
            },
        );
    }
}
