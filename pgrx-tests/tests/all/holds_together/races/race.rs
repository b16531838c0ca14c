//! The race: every order of the scripts at every level, and what must hold after each of them.

use super::stage::{sum, Stage};
use crate::second_door::shop::Sql;
use postgres::Client;
use stockroom_tests::{interleave, script, Db, Rows, Run, Script};
use uuid::Uuid;

const LEVELS: [&str; 3] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

pub const SHORT: &str = "insufficient_stock";
pub const COMMITTED: &str = "stock_committed";
pub const ENDED: &str = "hold_not_active";
pub const EXPIRED: &str = "hold_expired";

/// A session that runs one statement in a transaction of this level and then commits.
pub fn transaction(name: &str, level: &str, statement: &str) -> Script {
    let first = format!("BEGIN ISOLATION LEVEL {level}; {statement}");
    script(name, [first, "COMMIT".to_owned()])
}

/// The same, with a snapshot taken before the statement is run.
fn transaction_that_looked_first(name: &str, level: &str, statement: &str) -> Script {
    let look =
        format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM stock_holds WHERE false");
    script(name, [look, statement.to_owned(), "COMMIT".to_owned()])
}

const WRONG: &str = "
    SELECT 'counter ' || verify_stock::text FROM verify_stock()
    UNION ALL SELECT 'line ' || verify_ledger::text FROM verify_ledger()
    UNION ALL SELECT 'oversold lot ' || lot_id FROM stock_lots WHERE quantity_allocated > quantity_total
    UNION ALL SELECT 'oversold level ' || listing_id FROM stock_levels
               WHERE quantity_allocated + quantity_held > quantity_listed
    UNION ALL SELECT 'oversold listing ' || listing_id FROM stock_listings
               WHERE quantity_allocated + quantity_held > quantity_listed + backorder_limit
    UNION ALL SELECT 'hold without listing ' || hold_id FROM stock_holds h
               WHERE status IN ('active', 'waiting')
                 AND NOT EXISTS (SELECT FROM stock_listings g WHERE g.listing_id = h.listing_id)
    UNION ALL SELECT 'claim without lot ' || allocation_id FROM stock_allocations a
               WHERE NOT EXISTS (SELECT FROM stock_lots l WHERE l.lot_id = a.lot_id)";

/// What must be so after every order, whatever the case is.
fn assert_sound(client: &mut Client, run: &Run, level: &str, allowed: &[&str]) {
    for (session, error) in run.errors() {
        let retryable = error.sqlstate == "40001" && level != "READ COMMITTED";
        // After the first error the rest of the transaction is ignored.
        let ignored = error.sqlstate == "25P02";
        assert!(
            retryable || ignored || allowed.contains(&error.name().as_str()),
            "{session} at {level}: {} {}",
            error.sqlstate,
            error.message
        );
    }
    let rows = client.query(WRONG, &[]).expect("should be told");
    let wrong: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(wrong, Vec::<String>::new(), "at {level}");
}

/// Plays every order of the scripts at each level and checks what must always be so, and then what
/// the case itself asks for. At least one step must have had to wait: else there was no race.
pub fn race(
    fixture: impl Fn(&mut Client, &str) -> (Stage, Vec<Script>),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) {
    for (level, waits) in LEVELS.into_iter().zip(play(fixture, allowed, check)) {
        assert!(waits > 0, "nobody met anybody at {level}");
    }
}

/// The same for steps of which none need wait; returns how many did at each level.
fn play(
    fixture: impl Fn(&mut Client, &str) -> (Stage, Vec<Script>),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) -> [usize; 3] {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    LEVELS.map(|level| {
        let summary = interleave(
            &db,
            |client| fixture(client, level),
            |client, stage, run| {
                assert_sound(client, run, level, allowed);
                check(&mut sql, stage, run);
            },
        );
        summary.waits
    })
}

/// A race between two sessions, `a` and `b`, of one statement each.
pub fn race_two(
    fixture: impl Fn(&mut Client) -> (Stage, [String; 2]),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) {
    race_two_by(transaction, &fixture, allowed, &check);
}

/// The same for statements that leave to each other what is locked, and need not wait.
pub fn play_two(
    fixture: impl Fn(&mut Client) -> (Stage, [String; 2]),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) {
    play(two(transaction, &fixture), allowed, check);
}

/// A race of two, once as it is and once with a snapshot taken before the statements are run.
pub fn race_two_also_after_a_look(
    fixture: impl Fn(&mut Client) -> (Stage, [String; 2]),
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Stage, &Run),
) {
    for transaction in [transaction, transaction_that_looked_first] {
        race_two_by(transaction, &fixture, allowed, &check);
    }
}

fn race_two_by(
    transaction: fn(&str, &str, &str) -> Script,
    fixture: &impl Fn(&mut Client) -> (Stage, [String; 2]),
    allowed: &[&str],
    check: &impl Fn(&mut Sql, &Stage, &Run),
) {
    race(two(transaction, fixture), allowed, check);
}

fn two<'a>(
    transaction: fn(&str, &str, &str) -> Script,
    fixture: &'a impl Fn(&mut Client) -> (Stage, [String; 2]),
) -> impl Fn(&mut Client, &str) -> (Stage, Vec<Script>) + 'a {
    move |client, level| {
        let (stage, [a, b]) = fixture(client);
        let scripts = vec![transaction("a", level, &a), transaction("b", level, &b)];
        (stage, scripts)
    }
}

/// The answer of a session's statement, where the session had no error.
pub fn answer<'a>(run: &'a Run, session: &str) -> Option<&'a Rows> {
    let own = run.steps.iter().filter(|step| step.session == session);
    let steps: Option<Vec<&Rows>> = own.map(|step| step.outcome.as_ref().ok()).collect();
    steps.map(|steps| steps[steps.len() - 2])
}

/// Whether the session had no error.
pub fn succeeded(run: &Run, session: &str) -> bool {
    run.error(session).is_none()
}

/// The name of what the session was refused with; empty where it was not.
pub fn refusal(run: &Run, session: &str) -> String {
    run.error(session)
        .map(|error| error.name())
        .unwrap_or_default()
}

/// Whether the session was only told to try again.
pub fn shall_retry(run: &Run, session: &str) -> bool {
    run.error(session)
        .is_some_and(|error| error.sqlstate == "40001")
}

/// Units that a session was told, by the first column of its answer; 0 where it failed.
pub fn units(run: &Run, session: &str) -> i32 {
    answer(run, session).map_or(0, sum)
}

/// State and quantity of a hold.
#[track_caller]
pub fn hold(sql: &mut Sql, hold: Uuid) -> String {
    sql.row(&format!(
        "SELECT status || ' ' || quantity FROM stock_holds WHERE hold_id = '{hold}'"
    ))
}

/// Held and allocated units of a listing.
#[track_caller]
pub fn claimed(sql: &mut Sql, listing: Uuid) -> (i32, i32) {
    let row = sql.row(&format!(
        "SELECT quantity_held, quantity_allocated FROM stock_listings WHERE listing_id = '{listing}'"
    ));
    let (held, allocated) = row.split_once('|').unwrap();
    (held.parse().unwrap(), allocated.parse().unwrap())
}

/// Units that were allocated from a hold, by whatever order.
#[track_caller]
pub fn allocated_from(sql: &mut Sql, hold: Uuid) -> i32 {
    let sum = format!(
        "SELECT coalesce(sum(quantity), 0) FROM stock_allocations WHERE hold_id = '{hold}'"
    );
    sql.row(&sum).parse().unwrap()
}
