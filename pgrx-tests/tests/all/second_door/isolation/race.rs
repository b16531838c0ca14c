//! The race: every order of the scripts at every level, and what must hold after each of them.

use super::rows::{fresh_shop, Shop};
use crate::second_door::shop::Sql;
use postgres::Client;
use stockroom_tests::{interleave, script, Db, Run, Script, Summary};
use uuid::Uuid;

const READ_COMMITTED: &str = "READ COMMITTED";
const REPEATABLE_READ: &str = "REPEATABLE READ";
const SERIALIZABLE: &str = "SERIALIZABLE";
const LEVELS: [&str; 3] = [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE];

pub const RETRY: &str = "40001";
pub const SHORT: &str = "23514";
pub const GONE: &str = "P0002";

/// A session that runs one statement in a transaction of this level and then commits.
pub fn transaction(name: &str, level: &str, statement: &str) -> Script {
    script(
        name,
        [
            format!("BEGIN ISOLATION LEVEL {level}; {statement}"),
            "COMMIT".to_owned(),
        ],
    )
}

/// The same, with a snapshot taken before the statement is run.
fn transaction_that_looked_first(name: &str, level: &str, statement: &str) -> Script {
    let look =
        format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM stock_lots WHERE false");
    script(name, [look, statement.to_owned(), "COMMIT".to_owned()])
}

/// What must be so after every order, whatever the case is.
fn assert_sound(client: &mut Client, run: &Run, level: &str, allowed: &[&str]) {
    for (session, error) in run.errors() {
        let state = error.sqlstate.as_str();
        let retryable = state == RETRY && level != READ_COMMITTED;
        // After the first error the rest of the transaction is ignored.
        assert!(
            retryable || allowed.contains(&state) || state == "25P02",
            "{session} at {level}: {state} {}",
            error.message
        );
    }
    let wrong = "SELECT 'counter', verify_stock::text FROM verify_stock()
         UNION ALL SELECT 'line', verify_ledger::text FROM verify_ledger()
         UNION ALL SELECT 'oversold lot', lot_id::text FROM stock_lots WHERE quantity_allocated > quantity_total
         UNION ALL SELECT 'oversold listing', listing_id::text FROM stock_listings WHERE quantity_available < 0
         UNION ALL SELECT 'lot without listing', lot_id::text FROM stock_lots l
                    WHERE NOT EXISTS (SELECT FROM stock_listings g WHERE g.listing_id = l.listing_id)
         UNION ALL SELECT 'level without listing', listing_id::text FROM stock_levels v
                    WHERE NOT EXISTS (SELECT FROM stock_listings g WHERE g.listing_id = v.listing_id)
         UNION ALL SELECT 'claim without lot', allocation_id::text FROM stock_allocations a
                    WHERE NOT EXISTS (SELECT FROM stock_lots l WHERE l.lot_id = a.lot_id)";
    let wrong = client.query(wrong, &[]).expect("should be told");
    let wrong: Vec<(String, String)> = wrong.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(wrong.is_empty(), "at {level}: {wrong:?}");
}

/// Plays every order of the scripts at each level and checks what must always be so, and then what
/// the case itself asks for. At least one step must have had to wait: else there was no race.
pub fn race(
    scripts: impl Fn(&mut Client, &Shop, &str) -> Vec<Script>,
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Shop, &Run),
) {
    let db = Db::with_extension();
    let mut sql = Sql::by_superuser(&db);
    for level in LEVELS {
        let summary: Summary = interleave(
            &db,
            |client| {
                let shop = fresh_shop(client);
                let scripts = scripts(client, &shop, level);
                (shop, scripts)
            },
            |client, shop, run| {
                assert_sound(client, run, level, allowed);
                check(&mut sql, shop, run);
            },
        );
        assert!(
            summary.waits > 0,
            "nobody met anybody at {level}: {summary:?}"
        );
    }
}

/// A race between two sessions, `a` and `b`, of one statement each. What must be there before it is
/// written through the client.
pub fn race_two(
    statements: impl Fn(&mut Client, &Shop) -> [String; 2],
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Shop, &Run),
) {
    race_two_by(transaction, &statements, allowed, &check);
}

/// The same, once as it is and once with a snapshot taken before the statements are run.
pub fn race_two_also_after_a_look(
    statements: impl Fn(&mut Client, &Shop) -> [String; 2],
    allowed: &[&str],
    check: impl Fn(&mut Sql, &Shop, &Run),
) {
    for transaction in [transaction, transaction_that_looked_first] {
        race_two_by(transaction, &statements, allowed, &check);
    }
}

fn race_two_by(
    transaction: fn(&str, &str, &str) -> Script,
    statements: &impl Fn(&mut Client, &Shop) -> [String; 2],
    allowed: &[&str],
    check: &impl Fn(&mut Sql, &Shop, &Run),
) {
    race(
        |client, shop, level| {
            let [a, b] = statements(client, shop);
            vec![transaction("a", level, &a), transaction("b", level, &b)]
        },
        allowed,
        check,
    );
}

/// For a case that asks for nothing of its own.
pub fn nothing_more(_: &mut Sql, _: &Shop, _: &Run) {}

/// Whether the session had no error.
pub fn succeeded(run: &Run, session: &str) -> bool {
    run.error(session).is_none()
}

/// How many of the two sessions had no error.
pub fn successes(run: &Run) -> usize {
    ["a", "b"]
        .into_iter()
        .filter(|session| succeeded(run, session))
        .count()
}

/// The counter of a listing.
pub fn allocated(sql: &mut Sql, listing: Uuid) -> i32 {
    let query =
        format!("SELECT quantity_allocated FROM stock_listings WHERE listing_id = '{listing}'");
    sql.row(&query).parse().expect("a number")
}

/// The counters of a lot.
#[track_caller]
pub fn lot(sql: &mut Sql, lot: Uuid) -> String {
    sql.lot(&lot.to_string())
}

/// How many rows there are; `rows` is a table and a condition.
#[track_caller]
pub fn count(sql: &mut Sql, rows: &str) -> String {
    sql.row(&format!("SELECT count(*) FROM {rows}"))
}
