//! What is behind resources changes while they are claimed.

use super::listings::{bookings, sales, Statement};
use super::race::{booked, pairs, race_two, succeeded, winners, BOOKED, NO_STOCK, OVERSOLD, SHORT};
use super::stage::{one, Stage, DAYS};

/// A resource that gets a listing without stock takes no claim after that, and none that it has is lost.
#[test]
fn another_listing_against_claims() {
    let change: Statement = |stage| {
        let resource = &stage.resource;
        format!("SELECT change_resource('{resource}', listing_id => register_listing(NULL))")
    };
    let by_hand: Statement = |stage| {
        let resource = &stage.resource;
        format!("UPDATE resource SET listing_id = register_listing(NULL) WHERE id = '{resource}'")
    };
    let before = [
        (change, false),
        (change, true),
        (by_hand, false),
        (by_hand, true),
    ];
    for ((change, backed), claim) in pairs(&before, &bookings()[..5]) {
        race_two(
            |client| {
                let stage = match backed {
                    true => Stage::backed(client, 1),
                    false => Stage::open(client, 1),
                };
                let statements = [change(&stage), claim(&stage)];
                (stage, statements)
            },
            &[SHORT, OVERSOLD, BOOKED],
            |sql, stage, run| {
                assert_eq!(winners(run).len(), 1, "one of them");
                let units = booked(sql, &stage.resource, DAYS[2]);
                assert_eq!(units, i32::from(succeeded(run, "b")));
            },
        );
    }
}

/// The stock behind what is booked does not go.
#[test]
fn the_deletion_of_the_listing_against_a_new_resource_behind_it() {
    let deletions: [Statement; 2] = [
        |stage| format!("SELECT delete_listing('{}')", stage.listing),
        |stage| {
            format!(
                "DELETE FROM stock_listings WHERE listing_id = '{}'",
                stage.listing
            )
        },
    ];
    for delete in deletions {
        race_two(
            |client| {
                let mut stage = Stage::open(client, 1);
                stage.listing = one(client, "SELECT register_listing(NULL)");
                let back = format!(
                    "SELECT change_resource('{}', listing_id => '{}')",
                    stage.resource, stage.listing
                );
                let delete = delete(&stage);
                (stage, [delete, back])
            },
            &["listing_not_found", "listing_backs_resources"],
            |_, _, run| assert_eq!(winners(run).len(), 1),
        );
    }
}

/// A day that is over in one zone is not in another: what is booked on it is booked again with the zone.
#[test]
fn a_zone_that_brings_a_booked_day_back_against_a_sale() {
    // Yesterday or earlier in the first of these zones, today or later in the second, for an hour at least.
    let (ahead, behind) = ("Pacific/Kiritimati", "Etc/GMT+12");
    for sale in &sales()[..2] {
        race_two(
            |client| {
                let stage = Stage::backed(client, 1);
                let resource = &stage.resource;
                let booking = format!(
                    "SELECT change_resource('{resource}', timezone => '{behind}');
                     SELECT open_capacity('{resource}', day, day, 1), hold_resource('{resource}', ARRAY[day], 1)
                       FROM (SELECT (now() AT TIME ZONE 'Etc/GMT+11')::date AS day) AS d;
                     SELECT change_resource('{resource}', timezone => '{ahead}')"
                );
                client.batch_execute(&booking).unwrap();
                let back = format!("SELECT change_resource('{resource}', timezone => '{behind}')");
                let sale = sale(&stage);
                (stage, [back, sale])
            },
            &[NO_STOCK, OVERSOLD, BOOKED],
            |_, _, run| assert_eq!(winners(run).len(), 1, "one of them"),
        );
    }
}
