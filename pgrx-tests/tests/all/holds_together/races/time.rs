//! Time that runs out while somebody waits: what counts is the clock after the lock.

use super::stage::Stage;
use crate::second_door::shop::Sql;
use stockroom_tests::{Db, Session};

/// Long enough to start two statements in, on a busy machine too.
const TTL: &str = "400 ms";

/// A stage whose hold has just begun, and a session that has its row locked.
struct Scene {
    stage: Stage,
    holder: Session,
    waiter: Session,
    sql: Sql,
    db: Db,
}

impl Scene {
    fn open() -> Scene {
        let db = Db::with_extension();
        let mut sql = Sql::by_superuser(&db);
        let stage = Stage::with_hold(&mut sql.0, |stage| {
            let second = stage.second;
            format!("SELECT hold_id FROM hold_stock('{second}', 4, '{TTL}')")
        });
        let (mut holder, waiter) = (Session::open(&db), Session::open(&db));
        let lock = format!(
            "BEGIN; SELECT FROM stock_holds WHERE hold_id = '{}' FOR UPDATE",
            stage.hold
        );
        holder.run(&lock).unwrap();
        Scene {
            stage,
            holder,
            waiter,
            sql,
            db,
        }
    }

    /// Starts a statement that waits for the hold, lets its time run out, and lets it go.
    fn wait_past_the_end(&mut self, statement: &str) -> stockroom_tests::Outcome {
        self.waiter.start(statement);
        // On a machine so busy that the time is up already, it is refused at once.
        self.waiter.settle();
        self.pass_time();
        self.holder.run("COMMIT").unwrap();
        self.waiter.finish()
    }

    fn pass_time(&mut self) {
        let sleep = format!(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM expires_at - clock_timestamp()) + 0.001))
               FROM stock_holds WHERE hold_id = '{}'",
            self.stage.hold
        );
        self.sql.run(&sleep);
    }
}

#[test]
fn a_confirmation_that_waits_past_the_end_is_refused() {
    let mut scene = Scene::open();
    let confirm = scene.stage.confirm(scene.stage.order);
    let error = scene.wait_past_the_end(&confirm).unwrap_err();
    assert_eq!(error.name(), "hold_expired");
    let second = scene.stage.second;
    let available = format!("SELECT get_available_stock('{second}')");
    assert_eq!(scene.sql.row(&available), "5");
    scene.sql.assert_verified();
}

#[test]
fn an_extension_that_waits_past_the_end_is_refused() {
    let mut scene = Scene::open();
    let extend = scene.stage.extend();
    let error = scene.wait_past_the_end(&extend).unwrap_err();
    assert_eq!(error.name(), "hold_expired");
    scene.sql.assert_verified();
}

#[test]
fn a_release_that_waits_past_the_end_frees_nothing_of_its_own() {
    let mut scene = Scene::open();
    let release = scene.stage.release();
    assert_eq!(scene.wait_past_the_end(&release).unwrap().value(), "0");
    let state = format!("SELECT state FROM get_hold('{}')", scene.stage.hold);
    assert_eq!(scene.sql.row(&state), "expired");
    scene.sql.assert_verified();
}

/// A transaction's own start is no clock: a hold that ended since is over for it.
#[test]
fn a_transaction_that_began_before_the_end_sees_it_come() {
    let mut scene = Scene::open();
    scene.holder.run("COMMIT").unwrap();
    for level in ["READ COMMITTED", "REPEATABLE READ"] {
        let begin =
            format!("BEGIN ISOLATION LEVEL {level}; SELECT now(), count(*) FROM stock_holds");
        scene.waiter.run(&begin).unwrap();
        scene.pass_time();
        let second = scene.stage.second;
        let available = format!("SELECT get_available_stock('{second}')");
        assert_eq!(
            scene.waiter.run(&available).unwrap().value(),
            "5",
            "{level}"
        );
        let confirm = scene.stage.confirm(scene.stage.order);
        let error = scene.waiter.run(&confirm).unwrap_err();
        assert_eq!(error.name(), "hold_expired", "{level}");
        scene.waiter.run("ROLLBACK").unwrap();
    }
}

/// Somebody has the dead hold locked, to confirm or extend it in vain: its units are free all the same.
#[test]
fn a_claim_gets_the_units_of_a_dead_hold_that_is_locked() {
    for claim in [
        "SELECT quantity FROM hold_stock('{}', 5)",
        "SELECT quantity FROM allocate_stock('{}', gen_random_uuid(), 5)",
    ] {
        let mut scene = Scene::open();
        let second = scene.stage.second;
        let claim = claim.replace("{}", &second.to_string());
        scene.pass_time();
        scene.waiter.start(&claim);
        scene.waiter.settle();
        scene.holder.run("COMMIT").unwrap();
        assert_eq!(scene.waiter.finish().unwrap().value(), "5");
        scene.sql.assert_verified();
    }
}

/// The dead hold it waited for goes on by hand, and ends while the claim waits for the listing: it gets
/// the units, or is told that they are not there, and the next one gets them.
#[test]
fn a_claim_that_needs_a_hold_that_ends_while_it_waits_is_answered() {
    for claim in [
        "SELECT quantity FROM hold_stock('{}', 5)",
        "SELECT quantity FROM allocate_stock('{}', gen_random_uuid(), 5)",
    ] {
        let mut scene = Scene::open();
        let Stage { second, hold, .. } = scene.stage;
        scene.pass_time();
        let claim = claim.replace("{}", &second.to_string());
        scene.waiter.start(&claim);
        scene.waiter.settle();
        let mut of_listing = Session::open(&scene.db);
        of_listing
            .run(&format!(
                "BEGIN; SELECT FROM stock_listings WHERE listing_id = '{second}' FOR NO KEY UPDATE"
            ))
            .unwrap();
        scene
            .holder
            .run(&format!(
                "UPDATE stock_holds SET expires_at = clock_timestamp() + interval '{TTL}' WHERE hold_id = '{hold}'"
            ))
            .unwrap();
        scene.holder.run("COMMIT").unwrap();
        scene.waiter.settle();
        scene.pass_time();
        of_listing.run("COMMIT").unwrap();
        let outcome = match scene.waiter.finish() {
            Err(error) if error.name() == "insufficient_stock" => scene.waiter.run(&claim),
            other => other,
        };
        assert_eq!(outcome.unwrap().value(), "5", "{claim}");
        scene.sql.assert_verified();
    }
}

/// A call may take longer than its holds live: those that it could not make are not counted as ended.
#[test]
fn holds_that_run_out_before_they_are_made_are_counted_right() {
    let mut scene = Scene::open();
    let Stage { second, .. } = scene.stage;
    scene.pass_time();
    let line = format!(r#"{{"listing_id": "{second}", "quantity": 5}}"#);
    scene.waiter.start(&format!(
        "SELECT state FROM hold_many('[{line}, {line}]', '100 ms')"
    ));
    scene.waiter.settle();
    let mut of_listing = Session::open(&scene.db);
    of_listing
        .run(&format!(
            "BEGIN; SELECT FROM stock_listings WHERE listing_id = '{second}' FOR NO KEY UPDATE"
        ))
        .unwrap();
    scene.holder.run("COMMIT").unwrap();
    scene.waiter.settle();
    scene.sql.run("SELECT pg_sleep(0.2)");
    of_listing.run("COMMIT").unwrap();
    let rows = scene.waiter.finish().unwrap().rows;
    let states: Vec<_> = rows.iter().map(|row| row[0].as_deref()).collect();
    assert_eq!(states, [Some("active"), Some("insufficient")]);
    scene.sql.assert_verified();
    let available = format!("SELECT get_available_stock('{second}')");
    assert_eq!(scene.sql.row(&available), "5");
}
