//! A connection that can be left waiting.
//!
//! A statement runs on the session's own thread, so that a test can start it, see that it waits for
//! a lock, let another session go on, and only then take its result.

use crate::cluster::SUPERUSER;
use crate::{Db, ErrorInfo};
use postgres::{CancelToken, Client, NoTls, SimpleQueryMessage};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing in a test takes longer; what does is stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a statement came to.
pub type Outcome = Result<Rows, Box<ErrorInfo>>;

/// The rows of a statement (of the last one, where there were several), all values as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub rows: Vec<Vec<Option<String>>>,
    /// How many rows it returned or changed.
    pub affected: u64,
}

impl Rows {
    /// The first value of the first row; an empty text where there is none.
    pub fn value(&self) -> &str {
        let first = self.rows.first().and_then(|row| row.first());
        first.and_then(Option::as_deref).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has its result; `finish` returns it at once.
    Finished,
    /// It waits for a lock that another transaction holds.
    Blocked,
}

/// One connection with a thread of its own. Dropped, it cancels what still runs and disconnects.
pub struct Session {
    backend_pid: i32,
    statements: Option<Sender<String>>,
    outcomes: Receiver<Outcome>,
    running: bool,
    outcome: Option<Outcome>,
    watcher: Client,
    cancel: CancelToken,
    thread: Option<JoinHandle<()>>,
}

impl Session {
    /// A session of the superuser.
    pub fn open(db: &Db) -> Session {
        Session::open_as(db, SUPERUSER)
    }

    pub fn open_as(db: &Db, role: &str) -> Session {
        let mut client = db.client_as(role);
        let pid = client.query_one("SELECT pg_backend_pid()", &[]);
        let backend_pid = pid.expect("should tell its pid").get(0);
        let cancel = client.cancel_token();
        let (statements, statements_in) = channel::<String>();
        let (outcomes_out, outcomes) = channel();
        let thread = thread::spawn(move || {
            for sql in statements_in {
                if outcomes_out.send(execute(&mut client, &sql)).is_err() {
                    break;
                }
            }
        });
        Session {
            backend_pid,
            statements: Some(statements),
            outcomes,
            running: false,
            outcome: None,
            watcher: db.client(),
            cancel,
            thread: Some(thread),
        }
    }

    /// The server's process behind this connection.
    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    /// Runs a statement and waits for its result.
    pub fn run(&mut self, sql: &str) -> Outcome {
        self.start(sql);
        self.finish()
    }

    /// Starts a statement and returns at once.
    pub fn start(&mut self, sql: &str) {
        assert!(!self.running, "the session is still busy: {sql}");
        self.outcome = None;
        self.running = true;
        let statements = self.statements.as_ref().expect("open until dropped");
        statements.send(sql.into()).expect("its thread should live");
    }

    /// Waits until the statement has its result or waits for a lock.
    pub fn settle(&mut self) -> Progress {
        let limit = Instant::now() + PATIENCE;
        let mut seen_waiting = false;
        while !self.poll(Duration::from_millis(2)) {
            // Seen twice: a lock that is held for an instant doesn't count.
            let waiting = !blockers(&mut self.watcher, self.backend_pid).is_empty();
            if waiting && seen_waiting {
                return Progress::Blocked;
            }
            seen_waiting = waiting;
            assert!(Instant::now() < limit, "neither finished nor blocked");
        }
        Progress::Finished
    }

    /// Whether the statement waits for a lock (after it has settled).
    pub fn is_blocked(&mut self) -> bool {
        self.running && self.settle() == Progress::Blocked
    }

    /// Whether the statement has its result; `finish` returns it at once.
    pub fn has_finished(&mut self) -> bool {
        self.poll(Duration::ZERO)
    }

    /// The result of the statement; waits for it.
    pub fn finish(&mut self) -> Outcome {
        if !self.poll(PATIENCE) {
            panic!("the statement did not end within {PATIENCE:?}");
        }
        self.outcome.take().expect("a statement was started")
    }

    /// Takes the result from the thread if it comes in time; true when nothing runs any more.
    pub(crate) fn poll(&mut self, wait: Duration) -> bool {
        if self.running {
            match self.outcomes.recv_timeout(wait) {
                Ok(outcome) => {
                    self.outcome = Some(outcome);
                    self.running = false;
                }
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => panic!("the session's thread has died"),
            }
        }
        true
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.poll(Duration::ZERO) {
            let _ = self.cancel.cancel_query(NoTls);
        }
        self.statements = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The server's processes that hold, or wait before it for, the lock that this one waits for.
pub(crate) fn blockers(watcher: &mut Client, backend_pid: i32) -> Vec<i32> {
    let answer = watcher.query_one("SELECT pg_blocking_pids($1)", &[&backend_pid]);
    answer.expect("should tell what blocks").get(0)
}

fn execute(client: &mut Client, sql: &str) -> Outcome {
    let messages = client
        .simple_query(sql)
        .map_err(|error| Box::new(ErrorInfo::from(&error)))?;
    let mut result = Rows::default();
    let mut finished = false;
    for message in messages {
        if finished {
            result = Rows::default();
            finished = false;
        }
        match message {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|column| row.get(column).map(str::to_owned));
                result.rows.push(values.collect());
            }
            SimpleQueryMessage::CommandComplete(count) => {
                result.affected = count;
                finished = true;
            }
            _ => {}
        }
    }
    Ok(result)
}
