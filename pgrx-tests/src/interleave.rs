//! Every order in which the steps of several sessions can run.
//!
//! Two sessions of two steps each have six orders: `a1 a2 b1 b2`, `a1 b1 a2 b2`, and so on. Each is
//! run with fresh rows, over connections as an app's pool hands them out: new, or used and reset. A
//! step that waits for a lock is left waiting while the others go on, and gets its result when one
//! of their steps lets it; an order that asks a waiting session for its next step can't happen, and
//! is passed over. After each order the test's
//! own check sees what every step came to, and the database after it.
//!
//! ```no_run
//! use stockroom_tests::{interleave, script, Db};
//!
//! let db = Db::new();
//! db.execute("CREATE TABLE account (id uuid PRIMARY KEY, balance int)");
//! let summary = interleave(
//!     &db,
//!     |client| {
//!         let id = uuid::Uuid::new_v4();
//!         client.execute("INSERT INTO account VALUES ($1, 10)", &[&id]).unwrap();
//!         let pay = |amount| {
//!             format!("BEGIN; UPDATE account SET balance = balance - {amount} WHERE id = '{id}'")
//!         };
//!         (id, vec![script("alice", [pay(3), "COMMIT".into()]),
//!                   script("bob", [pay(4), "COMMIT".into()])])
//!     },
//!     |client, id, run| {
//!         assert!(run.errors().is_empty());
//!         let row = client.query_one("SELECT balance FROM account WHERE id = $1", &[id]).unwrap();
//!         assert_eq!(row.get::<_, i32>(0), 3);
//!     },
//! );
//! assert_eq!((summary.orders, summary.run, summary.impossible), (6, 4, 2));
//! ```
//!
//! Put `BEGIN;` in front of the first statement rather than into a step of its own: it takes no
//! lock and no snapshot, and each step more multiplies the orders.

use crate::session::{blockers, Outcome, Session, PATIENCE};
use crate::{Db, ErrorInfo};
use postgres::Client;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// The steps of one session, each a text of one or more SQL statements.
#[derive(Clone, Debug)]
pub struct Script {
    pub name: String,
    pub role: Option<String>,
    pub steps: Vec<String>,
}

/// A session's name and its steps.
pub fn script<S: Into<String>>(name: &str, steps: impl IntoIterator<Item = S>) -> Script {
    Script {
        name: name.into(),
        role: None,
        steps: steps.into_iter().map(Into::into).collect(),
    }
}

impl Script {
    /// Lets the session connect as this role instead of the superuser.
    pub fn by(mut self, role: &str) -> Script {
        self.role = Some(role.into());
        self
    }
}

/// One step of a run and what it came to.
#[derive(Clone, Debug)]
pub struct Step {
    pub session: String,
    /// Counted from 1 within its session.
    pub number: usize,
    pub sql: String,
    /// Whether another session's lock held it up.
    pub waited: bool,
    pub outcome: Outcome,
}

/// One order that was run, its steps in the order in which they were started.
#[derive(Clone, Debug)]
pub struct Run {
    pub steps: Vec<Step>,
}

impl Run {
    /// A step by its session's name and its number, counted from 1.
    pub fn step(&self, session: &str, number: usize) -> &Step {
        let mut steps = self.steps.iter();
        steps
            .find(|step| step.session == session && step.number == number)
            .unwrap_or_else(|| panic!("there is no step {session}{number}"))
    }

    /// The first error of a session: what made its transaction fail.
    pub fn error(&self, session: &str) -> Option<&ErrorInfo> {
        let mut errors = self.errors().into_iter();
        errors.find_map(|(name, error)| (name == session).then_some(error))
    }

    /// Every step's error, with its session's name.
    pub fn errors(&self) -> Vec<(&str, &ErrorInfo)> {
        let steps = self.steps.iter();
        let errors = steps.filter_map(|step| match &step.outcome {
            Ok(_) => None,
            Err(error) => Some((step.session.as_str(), error.as_ref())),
        });
        errors.collect()
    }
}

/// `alice1 bob1(waited) alice2 bob2(40001)`
impl fmt::Display for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps.iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(out, "{gap}{}{}", step.session, step.number)?;
            match (&step.outcome, step.waited) {
                (Ok(_), false) => {}
                (Ok(_), true) => write!(out, "(waited)")?,
                (Err(error), false) => write!(out, "({})", error.sqlstate)?,
                (Err(error), true) => write!(out, "(waited, {})", error.sqlstate)?,
            }
        }
        Ok(())
    }
}

/// How many orders there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All orders of the steps.
    pub orders: usize,
    /// Those that were run and checked.
    pub run: usize,
    /// Those that can't happen: a session is asked for a step while it waits.
    pub impossible: usize,
    /// The steps, over all runs, that had to wait for a lock.
    pub waits: usize,
}

/// Runs every order of the steps that the scripts have.
///
/// `fixture` is called before each order, on a superuser's connection: it makes fresh rows and
/// returns what the check needs to know of them together with the scripts, always with the same
/// number of steps. `check` is called after each order, when all sessions have ended (a transaction
/// left open is rolled back); it panics where something is wrong, and the order is printed.
pub fn interleave<F>(
    db: &Db,
    mut fixture: impl FnMut(&mut Client) -> (F, Vec<Script>),
    mut check: impl FnMut(&mut Client, &F, &Run),
) -> Summary {
    let mut client = db.client();
    // A deadlock is one of the outcomes: don't wait a second for each.
    db.execute(&format!(
        "ALTER DATABASE {} SET deadlock_timeout = '50ms'",
        db.name()
    ));
    // This first call only tells how many steps there are.
    let (_, scripts) = fixture(&mut client);
    let lengths: Vec<usize> = scripts.iter().map(|script| script.steps.len()).collect();
    let orders = all_orders(&lengths);

    let mut summary = Summary {
        orders: orders.len(),
        ..Summary::default()
    };
    let mut impossible_start: Option<&[usize]> = None;
    let mut pool = Pool::default();
    for order in &orders {
        if impossible_start.is_some_and(|start| order.starts_with(start)) {
            summary.impossible += 1;
            continue;
        }
        let (facts, scripts) = fixture(&mut client);
        let now: Vec<usize> = scripts.iter().map(|script| script.steps.len()).collect();
        assert_eq!(now, lengths, "the fixture must always make as many steps");
        match run_order(db, &mut client, &mut pool, &scripts, order) {
            Ok(run) => {
                summary.run += 1;
                summary.waits += run.steps.iter().filter(|step| step.waited).count();
                let _tell = TellOrder(&run);
                check(&mut client, &facts, &run);
            }
            Err(Impossible { at }) => {
                summary.impossible += 1;
                impossible_start = Some(&order[..=at]);
            }
        }
    }
    summary
}

/// Every order in which lists of these lengths can be merged, as indexes of the lists, in
/// dictionary order (so that orders with the same start stand together).
fn all_orders(lengths: &[usize]) -> Vec<Vec<usize>> {
    fn extend(left: &mut [usize], order: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if left.iter().all(|&count| count == 0) {
            all.push(order.clone());
        }
        for list in 0..left.len() {
            if left[list] > 0 {
                left[list] -= 1;
                order.push(list);
                extend(left, order, all);
                order.pop();
                left[list] += 1;
            }
        }
    }
    let mut all = Vec::new();
    extend(&mut lengths.to_vec(), &mut Vec::new(), &mut all);
    all
}

/// The step at this place of the order belongs to a session that still waits.
struct Impossible {
    at: usize,
}

/// A session at work on its script.
struct Player {
    session: Session,
    next: usize,
    /// The place in the run of the step that has no outcome yet.
    pending: Option<usize>,
}

/// Connections that have done their part in an order, by their roles.
#[derive(Default)]
struct Pool(Vec<(Option<String>, Session)>);

impl Pool {
    fn session(&mut self, db: &Db, role: &Option<String>) -> Session {
        match self.0.iter().position(|(of, _)| of == role) {
            Some(place) => self.0.remove(place).1,
            None => match role {
                Some(role) => Session::open_as(db, role),
                None => Session::open(db),
            },
        }
    }

    /// One that has been disconnected is not taken back.
    fn take_back(&mut self, role: &Option<String>, mut session: Session) {
        let _ = session.run("ROLLBACK");
        if session.run("DISCARD ALL").is_ok() {
            self.0.push((role.clone(), session));
        }
    }
}

fn run_order(
    db: &Db,
    watcher: &mut Client,
    pool: &mut Pool,
    scripts: &[Script],
    order: &[usize],
) -> Result<Run, Impossible> {
    let mut players: Vec<Player> = scripts
        .iter()
        .map(|script| Player {
            session: pool.session(db, &script.role),
            next: 0,
            pending: None,
        })
        .collect();

    let mut run = Run { steps: Vec::new() };
    for (at, &who) in order.iter().enumerate() {
        let (player, script) = (&mut players[who], &scripts[who]);
        if player.pending.is_some() {
            return Err(Impossible { at });
        }
        let sql = &script.steps[player.next];
        player.session.start(sql);
        player.next += 1;
        player.pending = Some(run.steps.len());
        run.steps.push(Step {
            session: script.name.clone(),
            number: player.next,
            sql: sql.clone(),
            waited: false,
            outcome: Ok(Default::default()),
        });
        settle(watcher, &mut players, &mut run);
    }
    assert!(
        players.iter().all(|player| player.pending.is_none()),
        "after the last step one still waits; does a script lack its COMMIT? {run}"
    );
    for (player, script) in players.into_iter().zip(scripts) {
        pool.take_back(&script.role, player.session);
    }
    Ok(run)
}

/// Waits until each session has its result or waits for one that has: nothing moves any more
/// before the next step.
fn settle(watcher: &mut Client, players: &mut [Player], run: &mut Run) {
    let limit = Instant::now() + PATIENCE;
    let mut seen_still = false;
    loop {
        for player in players.iter_mut() {
            if let Some(place) = player.pending {
                if player.session.poll(Duration::ZERO) {
                    run.steps[place].outcome = player.session.finish();
                    player.pending = None;
                }
            }
        }
        if players.iter().all(|player| player.pending.is_none()) {
            return;
        }
        let still = all_wait(watcher, players);
        // Seen twice: a lock that is held for an instant doesn't count.
        if still && seen_still {
            break;
        }
        seen_still = still;
        assert!(Instant::now() < limit, "the sessions do not settle: {run}");
        thread::sleep(Duration::from_millis(1));
    }
    for place in players.iter().filter_map(|player| player.pending) {
        run.steps[place].waited = true;
    }
}

/// Whether each running session waits for a lock, and none of them in a circle: a circle is a
/// deadlock, which the server is about to break.
fn all_wait(watcher: &mut Client, players: &[Player]) -> bool {
    let count = players.len();
    let mut waits_for = vec![vec![false; count]; count];
    for (waiting, player) in players.iter().enumerate() {
        if player.pending.is_none() {
            continue;
        }
        let pids = blockers(watcher, player.session.backend_pid());
        if pids.is_empty() {
            return false;
        }
        for (holding, other) in players.iter().enumerate() {
            waits_for[waiting][holding] = pids.contains(&other.session.backend_pid());
        }
    }
    // The transitive closure: who waits for whom through others.
    for through in 0..count {
        for from in 0..count {
            for to in 0..count {
                waits_for[from][to] |= waits_for[from][through] && waits_for[through][to];
            }
        }
    }
    (0..count).all(|player| !waits_for[player][player])
}

/// Prints the order when the check panics.
struct TellOrder<'a>(&'a Run);

impl Drop for TellOrder<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("in the order: {}", self.0);
            for step in &self.0.steps {
                eprintln!("  {}{}: {}", step.session, step.number, step.sql);
                eprintln!("      -> {:?}", step.outcome);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::all_orders;

    #[test]
    fn every_order_comes_once() {
        assert_eq!(
            all_orders(&[2, 1]),
            [vec![0, 0, 1], vec![0, 1, 0], vec![1, 0, 0]]
        );
        assert_eq!(all_orders(&[2, 2]).len(), 6);
        assert_eq!(all_orders(&[3, 3]).len(), 20);
        assert_eq!(all_orders(&[2, 2, 2]).len(), 90);
    }
}
