//! Time that runs out while somebody is in the middle of something.
//!
//! A hold that is confirmed or extended in time lives, whenever that is committed: nobody else may have its units
//! meanwhile.

use super::race::{BOOKED, COMMITTED, ENDED, EXPIRED, SHORT};
use super::stage::{Stage, DAYS};
use crate::bookings_together::sound::assert_sound;
use crate::second_door::shop::Sql;
use stockroom_tests::{Db, Outcome, Session};

/// A stage with a hold that ends soon, and a session that has done something with it in time.
pub struct Scene {
    pub stage: Stage,
    holder: Session,
    pub sql: Sql,
    db: Db,
}

pub type Statement = fn(&Stage) -> String;

impl Scene {
    /// On a busy machine the time may be up before the statement has come: then it is tried with another hold.
    pub fn open(stage: impl Fn(&mut postgres::Client) -> Stage, in_time: Statement) -> Scene {
        let db = Db::with_extension();
        let mut sql = Sql::by_superuser(&db);
        for _ in 0..20 {
            let stage = stage(&mut sql.0);
            sql.run(&format!(
                "UPDATE resource_hold SET expires_at = clock_timestamp() + interval '500 ms' WHERE id = '{}'",
                stage.hold
            ));
            let mut holder = Session::open(&db);
            if holder.run(&format!("BEGIN; {}", in_time(&stage))).is_ok() {
                return Scene {
                    stage,
                    holder,
                    sql,
                    db,
                };
            }
        }
        panic!("it never came in time");
    }

    fn pass_time(&mut self) {
        let sleep = format!(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM expires_at - clock_timestamp()) + 0.001))
               FROM resource_hold WHERE id = '{}'",
            self.stage.hold
        );
        self.sql.run(&sleep);
    }

    /// When the time is up, another session runs this; and when it waits or has ended, the first one commits.
    pub fn meet(mut self, statement: &str) -> (Outcome, Scene) {
        self.pass_time();
        let mut other = Session::open(&self.db);
        other.start(statement);
        other.settle();
        self.holder.run("COMMIT").unwrap();
        let outcome = other.finish();
        assert_sound(&mut self.sql.0, statement);
        (outcome, self)
    }
}

#[track_caller]
pub fn assert_refused(outcome: &Outcome, refusals: &[&str], statement: &str) {
    match outcome {
        Ok(rows) => panic!("it should be refused: {statement}\n{rows:?}"),
        Err(error) => assert!(refusals.contains(&error.name().as_str()), "{error:?}"),
    }
}

/// The only unit of a day.
fn only_unit(client: &mut postgres::Client) -> Stage {
    Stage::with_hold(client, 1, &[2])
}

pub const IN_TIME: [Statement; 2] = [Stage::confirm, Stage::extend];

#[test]
fn nobody_gets_the_unit_of_a_hold_that_was_confirmed_or_extended_in_time() {
    let others: [(Statement, &str); 8] = [
        (|stage| stage.hold_first(&[2], 1), SHORT),
        (|stage| stage.hold_first(&[1, 2], 1), SHORT),
        (|stage| stage.insert_hold(&[2]), SHORT),
        (
            |stage| stage.hold_both(&[(&stage.other, &[2]), (&stage.resource, &[2])]),
            SHORT,
        ),
        (|stage| stage.set_capacity(2, 2, 0), COMMITTED),
        (
            |stage| format!("SELECT retire_resource('{}')", stage.resource),
            BOOKED,
        ),
        (
            |stage| format!("DELETE FROM resource WHERE id = '{}'", stage.resource),
            BOOKED,
        ),
        (
            |stage| {
                format!(
                    "DELETE FROM resource_capacity WHERE resource_id = '{}' AND date = '{}'",
                    stage.resource, DAYS[2]
                )
            },
            BOOKED,
        ),
    ];
    for in_time in IN_TIME {
        for (other, refusal) in others {
            let scene = Scene::open(only_unit, in_time);
            let statement = other(&scene.stage);
            let (outcome, _scene) = scene.meet(&statement);
            assert_refused(&outcome, &[refusal], &statement);
        }
    }
}

#[test]
fn a_sweep_leaves_a_hold_that_was_confirmed_or_extended_in_time() {
    for in_time in IN_TIME {
        let (outcome, _scene) = Scene::open(only_unit, in_time).meet("SELECT expire_holds()");
        assert_eq!(outcome.unwrap().value(), "0");
    }
}

/// What counts is the clock after the lock.
#[test]
fn a_call_that_waits_past_the_end_is_refused() {
    let calls: [Statement; 3] = [Stage::confirm, Stage::extend, Stage::release];
    let lock: Statement = |stage| {
        format!(
            "SELECT FROM resource_hold WHERE id = '{}' FOR UPDATE",
            stage.hold
        )
    };
    for call in calls {
        let mut scene = Scene::open(only_unit, lock);
        let mut waiter = Session::open(&scene.db);
        let statement = call(&scene.stage);
        waiter.start(&statement);
        waiter.settle();
        scene.pass_time();
        scene.holder.run("COMMIT").unwrap();
        assert_refused(&waiter.finish(), &[EXPIRED], &statement);
        assert_sound(&mut scene.sql.0, &statement);
        let claim = scene.stage.hold_first(&[2], 1);
        scene.sql.run(&claim);
    }
}

/// A call may take longer than its hold lives: what it makes is over by then, and nobody's loss.
#[test]
fn a_hold_that_runs_out_before_it_is_made_is_counted_right() {
    for days in [[2].as_slice(), &[1, 2]] {
        let db = Db::with_extension();
        let mut sql = Sql::by_superuser(&db);
        let stage = Stage::open(&mut sql.0, 1);
        let mut holder = Session::open(&db);
        let lock = format!(
            "BEGIN; SELECT FROM resource_capacity WHERE resource_id = '{}' AND date = '{}' FOR NO KEY UPDATE",
            stage.resource, DAYS[2]
        );
        holder.run(&lock).unwrap();
        let mut waiter = Session::open(&db);
        let (resource, dates) = (&stage.resource, super::stage::dates(days));
        waiter.start(&format!(
            "SELECT state FROM hold_resource('{resource}', {dates}, 1, ttl => '50 ms')"
        ));
        waiter.settle();
        sql.run("SELECT pg_sleep(0.1)");
        holder.run("COMMIT").unwrap();
        waiter.finish().unwrap();
        assert_sound(&mut sql.0, "made late");
        sql.run(&stage.hold_first(&[2], 1));
        assert_sound(&mut sql.0, "taken after that");
    }
}

/// A transaction's own start is no clock: a hold that ended since is over for it.
#[test]
fn a_transaction_that_began_before_the_end_sees_it_come() {
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let nothing: Statement = |_| "SELECT 1".to_owned();
        let mut scene = Scene::open(only_unit, nothing);
        let mut early = Session::open(&scene.db);
        let look = format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM resource_hold");
        early.run(&look).unwrap();
        scene.pass_time();
        let error = early.run(&scene.stage.confirm()).unwrap_err();
        assert_eq!(error.name(), EXPIRED, "{level}");
        early.run("ROLLBACK").unwrap();
        early.run(&look).unwrap();
        early.run(&scene.stage.hold_first(&[2], 1)).unwrap();
        early.run("COMMIT").unwrap();
        let again = scene.sql.refuse(&scene.stage.release());
        assert!(
            [ENDED, EXPIRED].contains(&again.name().as_str()),
            "{again:?}"
        );
        assert_sound(&mut scene.sql.0, level);
    }
}
