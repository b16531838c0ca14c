//! Functions never deadlock, also where one has lost a try and goes on to other rows.

use super::stage::{Stage, ORISON};
use crate::second_door::shop::Sql;
use postgres::Client;
use stockroom_tests::{Db, Outcome, Progress, Session};
use uuid::Uuid;

/// A stage and sessions that stay in the middle of something.
struct Scene {
    stage: Stage,
    sql: Sql,
    db: Db,
}

impl Scene {
    fn open(stage: impl Fn(&mut Client) -> Stage) -> Scene {
        let db = Db::with_extension();
        let mut sql = Sql::by_superuser(&db);
        sql.run(&format!(
            "ALTER DATABASE {} SET deadlock_timeout = '50ms'",
            db.name()
        ));
        Scene {
            stage: stage(&mut sql.0),
            sql,
            db,
        }
    }

    /// A session that has done this in a transaction, which stays open.
    fn in_the_middle(&self, statement: &str) -> Session {
        let mut session = Session::open(&self.db);
        session.run(&format!("BEGIN; {statement}")).unwrap();
        session
    }

    /// A session that waits in this call. It has an id, so it does not stand in line for the listing.
    fn waiting(&self, call: &str) -> Session {
        let mut session = self.in_the_middle("SELECT pg_current_xact_id()");
        session.start(call);
        assert_eq!(session.settle(), Progress::Blocked, "{call}");
        session
    }

    fn lock_listing(&self) -> Session {
        let lock = format!(
            "SELECT FROM stock_listings WHERE listing_id = '{}' FOR NO KEY UPDATE",
            self.stage.first
        );
        self.in_the_middle(&lock)
    }
}

/// Ends a call and its transaction; it may have been refused, but never for a deadlock.
#[track_caller]
fn end(session: &mut Session, allowed: &[&str]) -> bool {
    let outcome: Outcome = session.finish();
    session.run("COMMIT").unwrap();
    match outcome {
        Ok(_) => true,
        Err(error) => {
            assert!(allowed.contains(&error.name().as_str()), "{error:?}");
            false
        }
    }
}

/// The sweep has the listing, the end of the order its lot; and a hold waits for goods that lie there.
#[test]
fn a_sweep_that_hands_out_and_the_end_of_an_order() {
    for how in ["release", "fulfill"] {
        let mut scene = Scene::open(|client| {
            let mut stage = Stage::with_backorder_limit(client, 20);
            let mut hold = |sql: String| -> Uuid { client.query_one(&sql, &[]).unwrap().get(0) };
            let at_orison = hold(stage.hold_at_orison(5));
            stage.hold = hold(stage.hold_first(9));
            client.query(&stage.confirm(stage.order), &[]).unwrap();
            // Four wait; now Orison keeps nothing back any more.
            let release = format!("SELECT release_hold('{at_orison}')");
            client.query(&release, &[]).unwrap();
            let dead: Uuid = client.query_one(&stage.hold_first(1), &[]).unwrap().get(0);
            let run_out = format!(
                "UPDATE stock_holds SET expires_at = clock_timestamp() WHERE hold_id = '{dead}'"
            );
            client.batch_execute(&run_out).unwrap();
            stage
        });
        let mut holder = scene.lock_listing();
        let mut sweeper = scene.waiting("SELECT expire_holds()");
        let order = scene.stage.order;
        let mut ender = scene.waiting(&format!("SELECT {how}_allocations('{order}')"));
        holder.run("COMMIT").unwrap();
        assert!(end(&mut sweeper, &[]));
        assert!(end(&mut ender, &[]));
        scene.sql.assert_verified();
    }
}

/// What the first hold needs is dead and locked, so that its tries lose; the other hold has its level
/// and waits for the listing.
#[test]
fn holds_that_lost_a_try_and_holds_at_a_location() {
    let mut scene = Scene::open(|client| {
        let stage = Stage::with_hold(client, |stage| stage.hold_first(4));
        client.batch_execute(&stage.run_out()).unwrap();
        stage
    });
    let lock_dead = format!(
        "SELECT FROM stock_holds WHERE hold_id = '{}' FOR UPDATE",
        scene.stage.hold
    );
    let mut of_dead = scene.in_the_middle(&lock_dead);
    let mut holder = scene.lock_listing();
    let mut anywhere = scene.waiting(&scene.stage.hold_first(7));
    let mut at_orison = scene.waiting(&scene.stage.hold_at_orison(1));
    holder.run("COMMIT").unwrap();
    assert!(end(&mut at_orison, &[]));
    of_dead.run("COMMIT").unwrap();
    assert!(end(&mut anywhere, &[]), "ten, less one");
    scene.sql.assert_verified();
}

/// The claim has written its lot when a hold of the lot's place is committed; it turns to the other
/// lot, which comes before, while an order has that and waits for the first.
#[test]
fn a_claim_that_lost_at_its_level_and_an_order() {
    let mut scene = Scene::open(Stage::open);
    let lots = scene.sql.row(&format!(
        "SELECT array_agg(location_id ORDER BY lot_id) FROM stock_lots WHERE listing_id = '{}'",
        scene.stage.first
    ));
    assert!(
        lots.ends_with(&format!("{ORISON}}}")),
        "the far lot comes last"
    );
    let mut holder = scene.in_the_middle(&scene.stage.hold_at_orison(5));
    let Stage { first, order, .. } = scene.stage;
    let mut claimer = scene.waiting(&format!(
        "SELECT allocate_stock('{first}', '{order}', 3, strategy => 'lifo')"
    ));
    let mut buyer = scene.waiting(&scene.stage.allocate_first(8));
    holder.run("COMMIT").unwrap();
    assert!(end(&mut claimer, &[]), "five are left");
    assert!(!end(&mut buyer, &["insufficient_stock"]));
    scene.sql.assert_verified();
}
