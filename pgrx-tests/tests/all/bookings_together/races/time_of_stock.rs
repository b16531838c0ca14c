//! The same where a listing's stock is behind the resources.

use super::race::{NO_STOCK, SHORT};
use super::stage::{one, Stage};
use super::time::{assert_refused, Scene, Statement, IN_TIME};
use crate::bookings_together::sound::assert_sound;
use crate::second_door::shop::Sql;
use stockroom_tests::{Db, Session};

/// The only unit of a listing's stock, held by the first of the two resources that it is behind.
fn only_unit_of_stock(client: &mut postgres::Client) -> Stage {
    let mut stage = Stage::backed(client, 1);
    stage.hold = one(client, &stage.hold_first(&[2], 1));
    stage
}

/// What was promised to a booking is not sold.
#[test]
fn the_stock_of_a_hold_that_was_confirmed_or_extended_in_time_is_not_sold() {
    let sales: [Statement; 3] = [
        |stage| {
            let (listing, order) = (stage.listing, stage.order);
            format!("SELECT quantity FROM allocate_stock('{listing}', '{order}', 1)")
        },
        |stage| format!("SELECT hold_id FROM hold_stock('{}', 1)", stage.listing),
        |stage| {
            let (listing, order) = (stage.listing, stage.order);
            format!(
                "INSERT INTO stock_allocations (lot_id, order_id, quantity)
                 SELECT lot_id, '{order}', 1 FROM stock_lots WHERE listing_id = '{listing}'"
            )
        },
    ];
    for in_time in IN_TIME {
        for sale in sales {
            let scene = Scene::open(only_unit_of_stock, in_time);
            let statement = sale(&scene.stage);
            let (outcome, _scene) = scene.meet(&statement);
            assert_refused(&outcome, &[NO_STOCK, "stock_committed"], &statement);
        }
    }
}

/// Nor is it booked as another resource.
#[test]
fn the_stock_of_a_hold_that_was_confirmed_or_extended_in_time_is_not_booked_again() {
    for in_time in IN_TIME {
        let scene = Scene::open(only_unit_of_stock, in_time);
        let statement = scene.stage.hold_other(&[2], 1);
        let (outcome, _scene) = scene.meet(&statement);
        assert_refused(&outcome, &[SHORT], &statement);
    }
}

/// What a listing has booked at most is counted anew while the hold's end is open.
#[test]
fn a_hold_that_was_confirmed_or_extended_in_time_stays_counted_as_booked() {
    for in_time in IN_TIME {
        let mut scene = Scene::open(
            |client| {
                let mut stage = Stage::backed(client, 2);
                stage.allocation = one(client, &stage.hold_other(&[3], 2));
                stage.hold = one(client, &stage.hold_first(&[2], 2));
                stage
            },
            in_time,
        );
        let release = format!("SELECT release_resource_hold('{}')", scene.stage.allocation);
        let (outcome, scene_after) = scene.meet(&release);
        scene = scene_after;
        outcome.unwrap();
        let sale = format!(
            "SELECT allocate_stock('{}', '{}', 1)",
            scene.stage.listing, scene.stage.order
        );
        assert_eq!(scene.sql.refuse(&sale).name(), NO_STOCK);
    }
}

/// The other way round: a unit that is held to be sold is not booked.
#[test]
fn stock_whose_hold_was_extended_in_time_is_not_booked() {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    for _ in 0..20 {
        let mut stage = Stage::backed(&mut sql.0, 1);
        let hold = format!(
            "SELECT hold_id FROM hold_stock('{}', 1, '500 ms')",
            stage.listing
        );
        stage.hold = one(&mut sql.0, &hold);
        let mut holder = Session::open(&db);
        let extend = format!("BEGIN; SELECT extend_hold('{}', '1 hour')", stage.hold);
        if holder.run(&extend).is_err() {
            continue;
        }
        let sleep = "SELECT pg_sleep(greatest(0, extract(epoch FROM expires_at - clock_timestamp()) + 0.001))
                       FROM stock_holds WHERE hold_id = $1";
        sql.0.query(sleep, &[&stage.hold]).unwrap();
        let mut other = Session::open(&db);
        let booking = stage.hold_first(&[2], 1);
        other.start(&booking);
        other.settle();
        holder.run("COMMIT").unwrap();
        let outcome = other.finish();
        assert_sound(&mut sql.0, &booking);
        assert_refused(&outcome, &[SHORT], &booking);
        return;
    }
    panic!("it never came in time");
}

/// What an app writes into a hold that has expired does not bring back a unit that is sold.
#[test]
fn a_hold_that_is_brought_back_by_hand_does_not_get_a_unit_that_was_sold() {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    let mut stage = Stage::backed(&mut sql.0, 1);
    stage.hold = one(&mut sql.0, &stage.hold_first(&[2], 1));
    sql.run(&stage.run_out());
    let (listing, order) = (stage.listing, stage.order);
    sql.run(&format!("SELECT allocate_stock('{listing}', '{order}', 1)"));
    let bring_back = format!(
        "UPDATE resource_hold SET expires_at = NULL WHERE id = '{}' AND status = 'ACTIVE'",
        stage.hold
    );
    // Refused, or it has ended by then.
    let _ = sql.0.batch_execute(&bring_back);
    assert_sound(&mut sql.0, "brought back");
}
