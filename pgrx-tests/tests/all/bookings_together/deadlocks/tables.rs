//! Meetings of calls that change more than holds and days: resources, blackouts, listings, the app's own rows, and
//! whole tables.

use super::scene::Scene;
use crate::bookings_together::races::stage::{one, Stage, DAYS};
use uuid::Uuid;

/// The date is gone before its dead holds are looked for; the sweep has the hold, and wants the date.
#[test]
fn the_deletion_of_a_date_and_a_sweep_of_its_hold() {
    let scene = Scene::open(|client| Stage::with_dead_hold(client, 1, &[0, 2]));
    let resource = scene.stage.resource.clone();
    let mut of_day = scene.lock_day(&resource, 0);
    let sweep = scene.begun("SELECT expire_holds()");
    let deletion = scene.begun(&format!(
        "DELETE FROM resource_capacity WHERE resource_id = '{resource}' AND date = '{}'",
        DAYS[2]
    ));
    of_day.run("COMMIT").unwrap();
    scene.assert_over(vec![sweep, deletion]);
}

#[test]
fn the_removal_of_a_blackout_and_the_deletion_of_its_resource() {
    let mut scene = Scene::open(|client| Stage::open(client, 1));
    let resource = scene.stage.resource.clone();
    let blackout = scene.sql.0.query(&scene.stage.black_out(1, 2, false), &[]);
    let blackout: Uuid = blackout.unwrap()[0].get(1);
    let mut of_day = scene.lock_day(&resource, 4);
    let deletion = scene.begun(&format!("DELETE FROM resource WHERE id = '{resource}'"));
    let removal = scene.begun(&format!("SELECT remove_blackout('{blackout}')"));
    of_day.run("COMMIT").unwrap();
    scene.assert_over(vec![removal, deletion]);
}

/// A repair takes the tables in the order in which claims take them, and so must whoever changes several. Each call
/// has taken some of its tables when the repair comes, and waits for a row that another session has.
#[test]
fn a_repair_and_calls_that_change_several_tables() {
    type Statement = fn(&Stage) -> String;
    let extend: Statement = Stage::extend;
    let lock_blackouts: Statement = |_| "SELECT FROM resource_blackout FOR UPDATE".to_owned();
    let lock_last_day: Statement = |stage| {
        format!(
            "SELECT FROM resource_capacity WHERE resource_id = '{}' AND date = '{}' FOR UPDATE",
            stage.resource, DAYS[4]
        )
    };
    let open_a_day: Statement = |stage| {
        format!(
            "SELECT open_capacity('{}', '2099-04-01', '2099-04-01', 1)",
            stage.resource
        )
    };
    let cases: [(Statement, Statement); 7] = [
        (extend, |stage| stage.black_out(1, 3, true)),
        (extend, |stage| {
            format!("SELECT retire_resource('{}', true)", stage.resource)
        }),
        (extend, Stage::confirm),
        (lock_blackouts, |_| {
            "SELECT remove_blackout(id) FROM resource_blackout".to_owned()
        }),
        (open_a_day, |stage| {
            format!(
                "SELECT open_capacity('{}', '2099-04-01', '2099-04-02', 1)",
                stage.resource
            )
        }),
        (lock_last_day, |stage| {
            format!(
                "SELECT change_resource('{}', is_active => false)",
                stage.resource
            )
        }),
        (lock_last_day, |stage| stage.set_capacity(0, 4, 3)),
    ];
    let mut deadlocked = Vec::new();
    for (first, call) in cases {
        let mut scene = Scene::open(|client| Stage::with_hold(client, 1, &[2]));
        scene.sql.run(&scene.stage.black_out(0, 0, false));
        let mut holder = scene.in_the_middle(&first(&scene.stage));
        let sql = call(&scene.stage);
        let call = scene.begun(&sql);
        let repair = scene.begun("SELECT repair_bookings()");
        holder.run("COMMIT").unwrap();
        if scene.deadlocks(vec![call, repair]) {
            deadlocked.push(sql);
        }
    }
    assert_eq!(deadlocked, Vec::<String>::new());
}

/// An app that edits its own row and sells has that row first, and then the listing; who books ends dead holds of the
/// days and of the stock, and so writes both.
#[test]
fn a_booking_that_ends_dead_holds_and_an_app_that_edits_and_sells() {
    let mut scene = Scene::open(|client| {
        let mut stage = Stage::open(client, 3);
        client
            .batch_execute(
                "CREATE TABLE shop (id uuid PRIMARY KEY, title text, quantity_available integer NOT NULL);
                 SELECT * FROM attach_table('public.shop', 'id')",
            )
            .unwrap();
        let listing = "INSERT INTO shop VALUES (gen_random_uuid(), 'old', 9) RETURNING id";
        stage.listing = one(client, listing);
        let backing = format!(
            "SELECT change_resource('{}', listing_id => '{}'); SELECT hold_stock('{}', 1)",
            stage.resource, stage.listing, stage.listing
        );
        client.batch_execute(&backing).unwrap();
        stage.hold = one(client, &stage.hold_first(&[2], 3));
        stage
    });
    let run_out = "UPDATE stock_holds SET expires_at = clock_timestamp()";
    scene.sql.run(run_out);
    scene.sql.run(&scene.stage.run_out());
    let Stage { listing, hold, .. } = scene.stage;
    let lock = format!("SELECT FROM resource_hold WHERE id = '{hold}' FOR UPDATE");
    let mut of_hold = scene.in_the_middle(&lock);
    let mut booking = scene.begun(&scene.stage.hold_first(&[2], 1));
    let mut app = scene.in_the_middle(&format!(
        "UPDATE shop SET title = 'new' WHERE id = '{listing}'"
    ));
    of_hold.run("COMMIT").unwrap();
    booking.settle();
    app.start(&format!(
        "SELECT allocate_stock('{listing}', gen_random_uuid(), 1)"
    ));
    app.settle();
    scene.assert_over(vec![app, booking]);
}
