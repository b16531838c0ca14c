//! A server on which one can see whether a commit is visible before it is on disk.
//!
//! Where nobody else writes, the flushed position of the WAL moves only when a commit is flushed. And
//! with `commit_delay` a session waits a tenth of a second before it flushes, which is time enough to
//! look. If the look comes too late all the same, it is taken again at the next commit.

use postgres::Client;
use stockroom_tests::{Cluster, ClusterOptions, Db, Session};
use uuid::Uuid;

/// Commits to look at before one says that none was early.
pub const LOOKS: usize = 20;

pub const SHOW: &str = "SHOW synchronous_commit";

/// Everything that a commit of these tests changes, as one number.
const STATE: &str = "SELECT (SELECT coalesce(sum(3 * quantity_total + quantity_allocated), 0)
                               FROM stock.stock_listings)
                          + (SELECT count(*) FROM public.plain)";

/// The server, the extension in the schema `stock` of its one database, a listing with stock and a
/// table `plain` of which the engine knows nothing.
pub struct Watched {
    watcher: Client,
    pub listing: Uuid,
    pub db: Db,
    pub cluster: Cluster,
}

impl Watched {
    pub fn open() -> Watched {
        Watched::with(Cluster::options())
    }

    pub fn with(options: ClusterOptions) -> Watched {
        let cluster = options
            .setting("autovacuum", "off")
            .setting("wal_writer_delay", "'10s'")
            .setting("checkpoint_timeout", "'1h'")
            .start()
            .unwrap();
        let db = Db::on(&cluster);
        db.execute(
            "CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock;
             CREATE TABLE public.plain (id uuid PRIMARY KEY DEFAULT gen_random_uuid())",
        );
        let mut watcher = db.client();
        let listing = watcher.query_one("SELECT stock.register_listing(NULL)", &[]);
        let listing = listing.unwrap().get(0);
        let sql = "SELECT stock.receive_stock($1, 100000)";
        watcher.query_one(sql, &[&listing]).unwrap();
        Watched {
            watcher,
            listing,
            db,
            cluster,
        }
    }

    /// A session that waits before it flushes.
    pub fn slow_session(&self) -> Session {
        let mut session = Session::open(&self.db);
        run(
            &mut session,
            "SET commit_delay = 100000; SET commit_siblings = 0",
        );
        session
    }

    /// A claim of one unit for an order of its own.
    pub fn claim(&self) -> String {
        self.claim_for(Uuid::new_v4())
    }

    pub fn claim_for(&self, order: Uuid) -> String {
        let listing = self.listing;
        format!("SELECT stock.allocate_stock('{listing}', '{order}', 1)")
    }

    /// An end of the log: `insert`, where the next record goes, or `flush`, up to which it is on disk.
    pub fn lsn(&mut self, which: &str) -> i64 {
        let sql = format!("SELECT (pg_current_wal_{which}_lsn() - '0/0')::bigint");
        self.watcher.query_one(&sql, &[]).unwrap().get(0)
    }

    pub fn state(&mut self) -> i64 {
        self.watcher.query_one(STATE, &[]).unwrap().get(0)
    }

    /// Starts a statement that commits, and waits until others see what it did. Answers with the
    /// position before its commit record, if that was not flushed by then.
    pub fn start_and_see(&mut self, session: &mut Session, commit: &str) -> Option<i64> {
        let (state, before) = (self.state(), self.lsn("insert"));
        session.start(commit);
        loop {
            let finished = session.has_finished();
            if self.state() != state {
                break;
            }
            if finished {
                panic!("{commit} changed nothing: {:?}", session.finish());
            }
        }
        (self.lsn("flush") <= before).then_some(before)
    }

    /// Whether a commit is seen before it is flushed, looking so many times. `before` and `commit`
    /// make the two texts of each time.
    pub fn is_early(
        &mut self,
        session: &mut Session,
        looks: usize,
        transaction: impl Fn(&Watched) -> (String, String),
    ) -> bool {
        for _ in 0..looks {
            let (before, commit) = transaction(self);
            run(session, &before);
            let early = self.start_and_see(session, &commit);
            finish(session);
            if early.is_some() {
                return true;
            }
        }
        false
    }

    #[track_caller]
    pub fn must_be_early(
        &mut self,
        session: &mut Session,
        transaction: impl Fn(&Watched) -> (String, String),
    ) {
        let early = self.is_early(session, LOOKS, &transaction);
        assert!(early, "not early: {:?}", transaction(self));
    }

    #[track_caller]
    pub fn must_not_be_early(
        &mut self,
        session: &mut Session,
        transaction: impl Fn(&Watched) -> (String, String),
    ) {
        let early = self.is_early(session, LOOKS / 4, &transaction);
        assert!(!early, "early: {:?}", transaction(self));
    }

    /// Runs `look` while a commit of the session is seen and not flushed, until that was met; a look
    /// is given the position before the commit record.
    #[track_caller]
    pub fn while_unflushed(
        &mut self,
        session: &mut Session,
        transaction: impl Fn(&Watched) -> (String, String),
        mut look: impl FnMut(&mut Watched, i64) -> bool,
    ) {
        for _ in 0..LOOKS {
            let (before, commit) = transaction(self);
            run(session, &before);
            let early = self.start_and_see(session, &commit);
            let met = early.is_some_and(|position| look(self, position));
            finish(session);
            if met {
                return;
            }
        }
        panic!("never met: {:?}", transaction(self));
    }

    #[track_caller]
    pub fn verify(&mut self) {
        let wrong = self
            .watcher
            .query(
                "SELECT FROM stock.verify_stock() UNION ALL SELECT FROM stock.verify_ledger()",
                &[],
            )
            .unwrap();
        assert!(wrong.is_empty());
    }
}

impl Drop for Watched {
    /// A test that failed may have left what would hold up the end of its database for ever.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.cluster.crash();
        }
    }
}

/// Runs a statement that must succeed.
#[track_caller]
pub fn run(session: &mut Session, sql: &str) -> String {
    session.start(sql);
    finish(session)
}

/// The units claimed of the listing.
pub fn allocated(session: &mut Session) -> i32 {
    let sql = "SELECT quantity_allocated FROM stock.stock_listings";
    run(session, sql).parse().unwrap()
}

/// The first value of the statement that was started, which must succeed.
#[track_caller]
pub fn finish(session: &mut Session) -> String {
    match session.finish() {
        Ok(rows) => rows.value().to_owned(),
        Err(error) => panic!("should succeed: {error:?}"),
    }
}
