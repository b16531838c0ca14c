//! The loans of the shop, in a restored database: read, replayed, ended and refused as if they had been lent
//! there.

use super::kept::contents;
use crate::attached::app::Sql;

const BOOK: &str = "00000000-0000-4000-8000-000000000011";

pub fn assert_loans_work_on(sql: &mut Sql) {
    let ann =
        "SELECT state, quantity_out, quantity_returned, quantity_lost FROM loans_of(E'a\\tnn')";
    assert_eq!(sql.row(ann), "open|3|1|1");
    let before = contents(sql);
    let lent = format!("SELECT borrow_stock('{BOOK}', E'a\\tnn', 5, idempotency_key => 'lent')");
    let loan = sql.row(&lent);
    let back = format!("SELECT return_stock('{loan}', 1, idempotency_key => 'back')");
    assert_eq!(sql.row(&back), "4");
    assert_eq!(contents(sql), before, "a replay changes nothing");
    for (statement, error) in [
        (
            format!("SELECT delete_listing('{BOOK}')"),
            "listing_on_loan",
        ),
        (
            format!("SELECT release_allocations('{loan}')"),
            "order_is_loan",
        ),
        ("DELETE FROM stock_loans".to_owned(), "engine_owned"),
    ] {
        assert_eq!(sql.refusal(&statement).1, error, "{statement}");
    }
    // Ten less one lost; three and one are out.
    let numbers = format!("SELECT available, total FROM get_stock('{{{BOOK}}}')");
    assert_eq!(sql.row(&numbers), "5|9");
    sql.run(&format!(
        "SELECT borrow_stock('{BOOK}', 'dora', 2); SELECT lose_stock('{loan}', 1, 'x'); SELECT return_stock('{loan}')"
    ));
    assert_eq!(sql.row(ann), "closed|0|3|2");
    assert_eq!(sql.row(&numbers), "5|8");
}
