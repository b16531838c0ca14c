//! Lots that move, to another listing or place, while someone claims them or ends a claim.

use super::race::{race_two, succeeded, successes, GONE, SHORT};
use super::rows::{move_to_listing, update_lot, Shop};
use std::collections::BTreeSet;
use uuid::Uuid;

#[test]
fn a_lot_that_moves_to_another_listing_against_a_claim() {
    type Claim = fn(&Shop) -> String;
    let claims: [Claim; 4] = [
        |shop| shop.take_second(3, true),
        |shop| shop.take_second(3, false),
        |shop| shop.claim(shop.second_lot, 3, "released"),
        |shop| shop.allocate_lot(shop.second_lot, 3),
    ];
    for claim in claims {
        race_two(
            |_, shop| [move_to_listing(shop.second_lot, shop.first), claim(shop)],
            &[SHORT, GONE],
            |sql, shop, run| {
                let listing = sql.row(&format!(
                    "SELECT listing_id FROM stock_lots WHERE lot_id = '{}'",
                    shop.second_lot
                ));
                let moved = succeeded(run, "a");
                assert_eq!(
                    listing,
                    if moved { shop.first } else { shop.second }.to_string()
                );
            },
        );
    }
}

#[test]
fn a_lot_that_moves_to_another_listing_against_the_end_of_its_claim() {
    for how in ["release", "fulfill"] {
        race_two(
            |client, shop| {
                shop.claimed_before(client, shop.second_lot, 3);
                [
                    move_to_listing(shop.second_lot, shop.first),
                    shop.end_claims(how),
                ]
            },
            &[],
            |sql, shop, run| {
                let active = format!(
                    "SELECT coalesce(sum(quantity), 0) FROM stock_allocations WHERE order_id = '{}' AND status = 'active'",
                    shop.order
                );
                let ended = succeeded(run, "b");
                assert_eq!(sql.row(&active), if ended { "0" } else { "3" });
            },
        );
    }
}

#[test]
fn two_lots_that_change_places() {
    // Direct DML that locks lots in the order of the client's own statements.
    race_two(
        |_, shop| {
            let to = |place: &str, lot: Uuid| {
                let found = format!("(SELECT location_id FROM locations WHERE name = '{place}')");
                update_lot(lot, &format!("location_id = {found}"))
            };
            [to("Orison", shop.lot), to("Unspecified", shop.far_lot)]
        },
        &[],
        |sql, shop, run| {
            if successes(run) == 2 {
                let levels: BTreeSet<String> =
                    sql.levels(&shop.first.to_string()).into_iter().collect();
                let expected = ["Unspecified", "Orison"]
                    .map(|place| format!("{place}: total 5, listed 5, allocated 0"));
                assert_eq!(levels, expected.into());
            }
        },
    );
}
