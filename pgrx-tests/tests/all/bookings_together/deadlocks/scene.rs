//! A few sessions, led step by step to where they could wait for each other.

use crate::bookings_together::races::stage::{one, Stage, DAYS};
use crate::bookings_together::sound::assert_sound;
use crate::second_door::shop::Sql;
use postgres::Client;
use stockroom_tests::{Db, Session};
use uuid::Uuid;

/// A stage and sessions that stay in the middle of something.
pub struct Scene {
    pub stage: Stage,
    pub sql: Sql,
    db: Db,
}

impl Scene {
    pub fn open(stage: impl Fn(&mut Client) -> Stage) -> Scene {
        let db = Db::with_extension();
        let mut sql = Sql::by_superuser(&db);
        let quick = format!("ALTER DATABASE {} SET deadlock_timeout = '50ms'", db.name());
        sql.run(&quick);
        Scene {
            stage: stage(&mut sql.0),
            sql,
            db,
        }
    }

    /// A session that has done this in a transaction, which stays open.
    pub fn in_the_middle(&self, statement: &str) -> Session {
        let mut session = Session::open(&self.db);
        session.run(&format!("BEGIN; {statement}")).unwrap();
        session
    }

    /// A session that has begun this, and waits or has ended.
    pub fn begun(&self, statement: &str) -> Session {
        let mut session = Session::open(&self.db);
        session.start(statement);
        session.settle();
        session
    }

    /// Locks a day of a resource, as whoever claims it does.
    pub fn lock_day(&self, resource: &str, day: usize) -> Session {
        self.in_the_middle(&format!(
            "SELECT FROM resource_capacity WHERE resource_id = '{resource}' AND date = '{}' FOR NO KEY UPDATE",
            DAYS[day]
        ))
    }

    /// A hold of the first resource that is about to expire.
    pub fn dying_hold(&mut self, days: &[usize]) -> Uuid {
        let hold = one(&mut self.sql.0, &self.stage.hold_first(days, 1));
        self.sql.run(&format!(
            "UPDATE resource_hold SET expires_at = clock_timestamp() + interval '500 ms' WHERE id = '{hold}'"
        ));
        hold
    }

    pub fn pass_time_of(&mut self, hold: Uuid) {
        self.sql.run(&format!(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM expires_at - clock_timestamp()) + 0.001))
               FROM resource_hold WHERE id = '{hold}'"
        ));
    }

    /// Lets all end, and answers whether one of them met a deadlock. Other refusals have a name.
    #[track_caller]
    pub fn deadlocks(mut self, sessions: Vec<Session>) -> bool {
        let mut deadlocks = false;
        for mut session in sessions {
            let outcome = session.finish();
            let _ = session.run("COMMIT");
            if let Err(error) = outcome {
                let is_deadlock = error.sqlstate == "40P01";
                assert!(is_deadlock || !error.name().is_empty(), "{error:?}");
                deadlocks |= is_deadlock;
            }
        }
        assert_sound(&mut self.sql.0, "in the end");
        deadlocks
    }

    #[track_caller]
    pub fn assert_over(self, sessions: Vec<Session>) {
        assert!(!self.deadlocks(sessions), "a deadlock");
    }
}
