//! Meetings over holds and their days that load finds seldom.

use super::scene::Scene;
use crate::bookings_together::races::stage::{one, Stage, DAYS};

/// While the blackout waits for one hold, another is made; its owner has it, and wants its day next.
#[test]
fn a_blackout_that_cancels_holds_and_the_release_of_one_that_came_in_between() {
    let mut scene = Scene::open(|client| Stage::with_hold(client, 3, &[2]));
    let mut of_first = scene.in_the_middle(&scene.stage.extend());
    let blackout = scene.begun(&scene.stage.black_out(1, 3, true));
    let second = one(&mut scene.sql.0, &scene.stage.hold_first(&[0, 2], 1));
    let mut of_second = scene.in_the_middle(&format!(
        "SELECT extend_resource_hold('{second}', '1 hour')"
    ));
    of_first.run("COMMIT").unwrap();
    let mut blackout = blackout;
    blackout.settle();
    of_second.start(&format!("SELECT release_resource_hold('{second}')"));
    of_second.settle();
    scene.assert_over(vec![of_second, blackout]);
}

/// A hold that came in between has days besides those that are closed, before them.
#[test]
fn a_blackout_that_cancels_holds_and_a_claim_of_days_before_it() {
    let mut scene = Scene::open(|client| Stage::with_hold(client, 3, &[3]));
    let mut of_first = scene.in_the_middle(&scene.stage.extend());
    let mut blackout = scene.begun(&scene.stage.black_out(2, 3, true));
    scene.sql.run(&scene.stage.hold_first(&[0, 3], 1));
    // Has the first day, and waits for the second, which leads to the blackout's.
    let mut of_day = scene.lock_day(&scene.stage.resource, 1);
    let claim = scene.begun(&scene.stage.set_capacity(0, 3, 3));
    of_first.run("COMMIT").unwrap();
    blackout.settle();
    of_day.run("COMMIT").unwrap();
    scene.assert_over(vec![claim, blackout]);
}

/// The hold dies after the first look at what has died, while a day is waited for.
#[test]
fn the_end_of_a_resource_and_a_sweep_of_a_hold_that_died_in_between() {
    let ends = [
        "SELECT retire_resource('{}')",
        "DELETE FROM resource WHERE id = '{}'",
        "SELECT change_resource('{}', listing_id => register_listing(NULL))",
    ];
    for end in ends {
        for sweep in [
            "SELECT expire_holds()",
            "SELECT hold_resource('{}', '{2099-03-01}', 1)",
        ] {
            let mut scene = Scene::open(|client| Stage::open(client, 1));
            let resource = scene.stage.resource.clone();
            let hold = scene.dying_hold(&[0]);
            let mut of_day = scene.lock_day(&resource, 4);
            let end = scene.begun(&end.replace("{}", &resource));
            scene.pass_time_of(hold);
            let sweep = scene.begun(&sweep.replace("{}", &resource));
            of_day.run("COMMIT").unwrap();
            scene.assert_over(vec![sweep, end]);
        }
    }
}

/// The sweep has ended a hold of stock, and with it has the listing; who books has a day, and wants the listing.
#[test]
fn a_sweep_of_stock_and_days_and_a_booking_with_the_same_stock() {
    let scene = Scene::open(|client| {
        let mut stage = Stage::backed(client, 3);
        let hold = format!("SELECT hold_id FROM hold_stock('{}', 1)", stage.listing);
        client.batch_execute(&hold).unwrap();
        client
            .batch_execute("UPDATE stock_holds SET expires_at = clock_timestamp()")
            .unwrap();
        stage.hold = one(client, &stage.hold_first(&[0, 2], 1));
        client.batch_execute(&stage.run_out()).unwrap();
        stage
    });
    let mut of_day = scene.lock_day(&scene.stage.resource, 0);
    let sweep = scene.begun("SELECT expire_holds()");
    let booking = scene.begun(&scene.stage.hold_first(&[2], 1));
    of_day.run("COMMIT").unwrap();
    scene.assert_over(vec![booking, sweep]);
}

/// At commit, dead holds are ended to make room: they have days that come before the one that is judged.
#[test]
fn a_claim_by_hand_that_ends_dead_holds_and_a_claim_of_their_other_days() {
    let scene = Scene::open(|client| Stage::with_dead_hold(client, 1, &[0, 2]));
    let resource = scene.stage.resource.clone();
    let mut by_hand = scene.in_the_middle(&scene.stage.insert_hold(&[2]));
    // Has the first day, and waits for the third.
    let claim = scene.begun(&format!(
        "SELECT set_capacity('{resource}', '{}', '{}', 2)",
        DAYS[0], DAYS[2]
    ));
    by_hand.start("COMMIT");
    by_hand.settle();
    scene.assert_over(vec![claim, by_hand]);
}

/// Under its locks, a claim finds short what it counted on, and ends a hold that has died since: it has a day before
/// the one that is locked.
#[test]
fn a_claim_that_ends_what_died_while_it_waited_and_a_claim_of_its_other_days() {
    let mut scene = Scene::open(|client| Stage::with_dead_hold(client, 2, &[2]));
    let resource = scene.stage.resource.clone();
    let dying = scene.dying_hold(&[0, 2]);
    // Brings the dead hold back, by hand.
    let mut of_hold = scene.in_the_middle(&format!(
        "UPDATE resource_hold SET expires_at = NULL WHERE id = '{}'",
        scene.stage.hold
    ));
    let mut claim = scene.begun(&scene.stage.hold_first(&[2], 1));
    scene.pass_time_of(dying);
    let mut of_day = scene.lock_day(&resource, 1);
    let other = scene.begun(&scene.stage.set_capacity(0, 2, 2));
    of_hold.run("COMMIT").unwrap();
    claim.settle();
    of_day.run("COMMIT").unwrap();
    scene.assert_over(vec![other, claim]);
}

/// To find stock, a claim ends a hold that is dead first, and with it has a day that comes late in its own order.
#[test]
fn a_claim_that_ends_dead_holds_for_their_stock_and_a_claim_of_days_before() {
    let scene = Scene::open(|client| {
        let mut stage = Stage::backed(client, 1);
        stage.hold = one(client, &stage.hold_first(&[3], 1));
        client.batch_execute(&stage.run_out()).unwrap();
        stage
    });
    let mut of_day = scene.lock_day(&scene.stage.resource, 2);
    let other = scene.begun(&scene.stage.set_capacity(1, 3, 3));
    let claim = scene.begun(&scene.stage.hold_first(&[3, 1], 1));
    of_day.run("COMMIT").unwrap();
    scene.assert_over(vec![other, claim]);
}

/// Bookings whose days are taken in other orders than theirs wait for each other, but not for ever.
#[test]
fn a_move_that_ends_dead_holds_and_a_claim_of_all_days() {
    let mut scene = Scene::open(|client| {
        let mut stage = Stage::with_allocation(client, 1, &[4]);
        stage.hold = one(client, &stage.hold_first(&[0, 1, 2], 1));
        client.batch_execute(&stage.run_out()).unwrap();
        stage
    });
    let mut of_day = scene.lock_day(&scene.stage.resource, 1);
    let moving = scene.begun(&scene.stage.move_to(&[2]));
    let claim = scene.begun(&scene.stage.hold_first(&[3, 0, 2], 1));
    let sweep = scene.begun("SELECT expire_holds()");
    of_day.run("COMMIT").unwrap();
    scene.sql.run("SELECT 1");
    scene.assert_over(vec![moving, claim, sweep]);
}
