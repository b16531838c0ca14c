//! The race: every order of the scripts at every level, and what must hold after each of them.

use super::stage::Stage;
use crate::bookings_together::sound::assert_sound;
use crate::durability::size;
use crate::holds_together::races::race::transaction;
pub use crate::holds_together::races::race::{answer, refusal, shall_retry, succeeded};
use crate::second_door::shop::Sql;
use postgres::Client;
use stockroom_tests::{interleave, script, Db, Run, Script};

const LEVELS: [&str; 3] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

pub const SHORT: &str = "insufficient_capacity";
pub const NO_STOCK: &str = "insufficient_stock";
pub const OVERSOLD: &str = "stock_committed";
pub const COMMITTED: &str = "capacity_committed";
pub const BLACK: &str = "date_blacked_out";
pub const CLOSED: &str = "resource_not_active";
pub const NOT_OPEN: &str = "date_not_open";
pub const BOOKED: &str = "resource_booked";
pub const GONE: &str = "resource_not_found";
pub const ENDED: &str = "hold_not_active";
pub const EXPIRED: &str = "hold_expired";
pub const CANCELLED: &str = "resource_allocation_not_found";

type Transaction = fn(&str, &str, &str) -> Script;

/// The same as `transaction`, with a snapshot taken before the statement is run.
fn transaction_that_looked_first(name: &str, level: &str, statement: &str) -> Script {
    let look = format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM resource WHERE false");
    script(name, [look, statement.to_owned(), "COMMIT".to_owned()])
}

#[track_caller]
fn assert_allowed(run: &Run, level: &str, allowed: &[&str]) {
    for (session, error) in run.errors() {
        let retryable = error.sqlstate == "40001" && level != "READ COMMITTED";
        // After the first error the rest of the transaction is ignored.
        let ignored = error.sqlstate == "25P02";
        assert!(
            retryable || ignored || allowed.contains(&error.name().as_str()),
            "{session} at {level}: {} {} {:?}",
            error.sqlstate,
            error.message,
            error.detail
        );
    }
}

/// How so many sessions begin their transactions at the levels. A snapshot that is older than the statement matters
/// above READ COMMITTED; three sessions of three steps each would have 1,680 orders.
fn kinds(sessions: usize) -> [Vec<Transaction>; 3] {
    let (plain, looked): (Transaction, Transaction) = (transaction, transaction_that_looked_first);
    match (sessions, size(true, false)) {
        (2, true) => [vec![plain], vec![looked], vec![plain]],
        (2, false) => [(); 3].map(|()| vec![plain, looked]),
        (_, true) => [vec![plain], vec![], vec![]],
        (_, false) => [(); 3].map(|()| vec![plain]),
    }
}

/// Plays every order of the sessions' statements at each level, and answers how many steps had to wait.
fn play<const N: usize>(
    fixture: &impl Fn(&mut Client) -> (Stage, [String; N]),
    allowed: &[&str],
    check: &impl Fn(&mut Sql, &Stage, &Run),
) -> Vec<usize> {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    let mut waits = Vec::new();
    for (level, kinds) in LEVELS.into_iter().zip(kinds(N)) {
        for transaction in kinds {
            let scripts = |client: &mut Client| {
                let (stage, statements) = fixture(client);
                let named = ["a", "b", "c"].into_iter().zip(&statements);
                let scripts = named.map(|(name, statement)| transaction(name, level, statement));
                (stage, scripts.collect())
            };
            let summary = interleave(&db, scripts, |client, stage, run| {
                assert_allowed(run, level, allowed);
                assert_sound(client, level);
                check(&mut sql, stage, run);
            });
            waits.push(summary.waits);
        }
    }
    waits
}

/// A race of `a` and `b`, of one statement each. At least one step must have had to wait: else there was none.
#[track_caller]
pub fn race_two(
    fixture: impl Fn(&mut Client) -> (Stage, [String; 2]),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) {
    let waits = play(&fixture, allowed, &check);
    assert!(
        waits.iter().all(|waits| *waits > 0),
        "nobody met: {waits:?}"
    );
}

/// The same where nobody need wait.
pub fn play_two(
    fixture: impl Fn(&mut Client) -> (Stage, [String; 2]),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) {
    play(&fixture, allowed, &check);
}

/// A race of `a`, `b` and `c`.
#[track_caller]
pub fn race_three(
    fixture: impl Fn(&mut Client) -> (Stage, [String; 3]),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) {
    let waits = play(&fixture, allowed, &check);
    assert!(
        waits.iter().all(|waits| *waits > 0),
        "nobody met: {waits:?}"
    );
}

/// In the short run each of them with one or more of the others, in the long one each with each.
pub fn pairs<A: Copy, B: Copy>(ones: &[A], others: &[B]) -> Vec<(A, B)> {
    let most = ones.len().max(others.len());
    let diagonal = (0..most).map(|place| (place % ones.len(), place % others.len()));
    let all = (0..ones.len()).flat_map(|one| (0..others.len()).map(move |other| (one, other)));
    let places: Vec<(usize, usize)> = size(diagonal.collect(), all.collect());
    let pair = |(one, other): (usize, usize)| (ones[one], others[other]);
    places.into_iter().map(pair).collect()
}

/// Which of the sessions had no error.
pub fn winners(run: &Run) -> Vec<&'static str> {
    let all = ["a", "b", "c"].into_iter();
    let took_part = |name: &&str| run.steps.iter().any(|step| step.session == **name);
    all.filter(took_part)
        .filter(|name| succeeded(run, name))
        .collect()
}

/// Units that are booked of a resource on a day, by the rows: holds that are active, and allocations.
#[track_caller]
pub fn booked(sql: &mut Sql, resource: &str, day: &str) -> i32 {
    let units = sql.row(&format!(
        "SELECT coalesce(sum(quantity), 0)
           FROM (SELECT resource_id, dates, quantity FROM resource_hold WHERE status = 'ACTIVE'
                 UNION ALL SELECT resource_id, dates, quantity FROM resource_allocation) AS claim
          WHERE resource_id = '{resource}' AND '{day}' = ANY (dates)"
    ));
    units.parse().unwrap()
}

/// State of the stage's hold as its row has it.
#[track_caller]
pub fn status(sql: &mut Sql, stage: &Stage) -> String {
    sql.row(&format!(
        "SELECT status FROM resource_hold WHERE id = '{}'",
        stage.hold
    ))
}

/// How many allocations the stage's hold became.
#[track_caller]
pub fn allocations(sql: &mut Sql, stage: &Stage) -> String {
    sql.row(&format!(
        "SELECT count(*) FROM resource_allocation WHERE hold_id = '{}'",
        stage.hold
    ))
}
