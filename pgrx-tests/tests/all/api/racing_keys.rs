//! Calls that race with one idempotency key: one claim is made, and the others replay it or, where
//! it came to nothing, make it themselves.

use super::shop::{Shop, ORISON};
use serde_json::json;
use stockroom_tests::{ErrorInfo, Progress, Session};
use uuid::Uuid;

fn open(shop: &Shop) -> Session {
    let mut session = Session::open(&shop.db);
    session.run("SET search_path = stock").unwrap();
    session
}

#[test]
fn a_racing_call_waits_and_then_replays() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let order = Uuid::new_v4();
    let call = format!(
        "SELECT allocation_id, quantity, available, replayed
           FROM allocate_stock('{listing}', '{order}', 4, idempotency_key => 'k')"
    );
    let (mut first, mut second) = (open(&shop), open(&shop));
    let mut claimed = first.run(&format!("BEGIN; {call}")).unwrap().rows.remove(0);
    second.start(&call);
    assert_eq!(second.settle(), Progress::Blocked);
    first.run("COMMIT").unwrap();
    let replayed = second.finish().unwrap().rows.remove(0);
    assert_eq!(claimed[3].replace("t".to_owned()).as_deref(), Some("f"));
    assert_eq!(replayed, claimed);
    assert_eq!(shop.numbers(listing), (1, 4, 5));
    shop.verify();
}

#[test]
fn the_waiter_claims_itself_when_the_first_call_is_rolled_back() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let order = Uuid::new_v4();
    let call = format!(
        "SELECT replayed FROM allocate_stock('{listing}', '{order}', 4, idempotency_key => 'k')"
    );
    let (mut first, mut second) = (open(&shop), open(&shop));
    first.run(&format!("BEGIN; {call}")).unwrap();
    second.start(&call);
    assert_eq!(second.settle(), Progress::Blocked);
    first.run("ROLLBACK").unwrap();
    assert_eq!(second.finish().unwrap().value(), "f");
    assert_eq!(shop.numbers(listing), (1, 4, 5));
    shop.verify();
}

/// The first call comes up short at the place, says so, and leaves its key to the one that waits.
#[test]
fn the_waiter_claims_itself_when_the_first_call_is_refused() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    shop.receive_at(listing, 1, ORISON);
    let order = Uuid::new_v4();
    let call = |units| {
        format!(
            "SELECT state, replayed FROM allocate_stock('{listing}', '{order}', {units},
                     location_id => '{ORISON}', on_short => 'answer', idempotency_key => 'k')"
        )
    };
    let (mut first, mut second) = (open(&shop), open(&shop));
    let refused = first.run(&format!("BEGIN; {}", call(2))).unwrap();
    assert_eq!(refused.value(), "insufficient");
    second.start(&call(1));
    second.settle();
    first.run("COMMIT").unwrap();
    let row = second.finish().unwrap().rows.remove(0);
    assert_eq!(row, [Some("active".to_owned()), Some("f".to_owned())]);
    assert_eq!(shop.numbers(listing), (5, 1, 6));
    shop.verify();
}

#[test]
fn a_racing_call_with_other_arguments_is_a_mismatch() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    let order = Uuid::new_v4();
    let call = |units| {
        format!("SELECT replayed FROM allocate_stock('{listing}', '{order}', {units}, idempotency_key => 'k')")
    };
    let (mut first, mut second) = (open(&shop), open(&shop));
    first.run(&format!("BEGIN; {}", call(1))).unwrap();
    second.start(&call(2));
    assert_eq!(second.settle(), Progress::Blocked);
    first.run("COMMIT").unwrap();
    let error: ErrorInfo = *second.finish().unwrap_err();
    assert_eq!(
        (error.name(), error.field("field")),
        ("idempotency_mismatch".into(), json!("quantity"))
    );
    assert_eq!(shop.numbers(listing), (4, 1, 5));
    shop.verify();
}

/// A transaction that sees the database as it was before cannot see the first answer: it must be
/// tried again, and then replays.
#[test]
fn at_repeatable_read_the_race_is_a_serialization_failure() {
    let mut shop = Shop::open();
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let listing = shop.stocked(5);
        let order = Uuid::new_v4();
        let call = format!(
            "SELECT replayed FROM allocate_stock('{listing}', '{order}', 4, idempotency_key => '{level}')"
        );
        let begin = format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM stock_requests");
        let (mut first, mut second) = (open(&shop), open(&shop));
        first.run(&format!("{begin}; {call}")).unwrap();
        second.run(&begin).unwrap();
        second.start(&call);
        assert_eq!(second.settle(), Progress::Blocked);
        first.run("COMMIT").unwrap();
        assert_eq!(second.finish().unwrap_err().sqlstate, "40001");
        second.run("ROLLBACK").unwrap();
        assert_eq!(
            second.run(&format!("{begin}; {call}")).unwrap().value(),
            "t"
        );
        second.run("COMMIT").unwrap();
        assert_eq!(shop.numbers(listing), (1, 4, 5));
    }
    shop.verify();
}

#[test]
fn sixteen_calls_at_once_make_one_claim() {
    let mut shop = Shop::open();
    let listing = shop.stocked(100);
    let order = Uuid::new_v4();
    let call = format!(
        "SELECT allocation_id, replayed FROM allocate_stock('{listing}', '{order}', 4, idempotency_key => 'k')"
    );
    let mut sessions: Vec<Session> = (0..16).map(|_| open(&shop)).collect();
    for session in &mut sessions {
        session.start(&call);
    }
    let rows: Vec<Vec<Option<String>>> = sessions
        .iter_mut()
        .map(|session| session.finish().unwrap().rows.remove(0))
        .collect();
    assert!(
        rows.iter().all(|row| row[0] == rows[0][0]),
        "one allocation: {rows:?}"
    );
    let firsts = rows
        .iter()
        .filter(|row| row[1].as_deref() == Some("f"))
        .count();
    assert_eq!(firsts, 1);
    assert_eq!(shop.numbers(listing), (96, 4, 100));
    shop.verify();
}
