//! Triggers of the app on the tables of loans: what they swallow or change is refused, never half done.

use crate::api::shop::Shop;

#[test]
fn what_a_trigger_swallows_is_not_lent_and_not_returned() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let loan = shop.lend(listing, "ann", 3);
    let hold = shop.hold(listing, 2);
    let before = shop.everything();
    for (table, body) in [
        ("stock_loans", "RETURN NULL"),
        (
            "stock_loans",
            "NEW.quantity_returned := 0; NEW.quantity := NEW.quantity + 1; RETURN NEW",
        ),
        ("stock_allocations", "RETURN NULL"),
        ("stock_lots", "RETURN NULL"),
    ] {
        shop.run(&format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
             CREATE TRIGGER zz_meddle BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION meddle()"
        ));
        for call in [
            format!("borrow_stock('{listing}', 'ann', 1)"),
            format!(
                "borrow_stock('{listing}', 'ann', 1, on_short => 'answer', idempotency_key => 'k')"
            ),
            format!("borrow_stock(NULL, 'ann', 1, hold_id => '{hold}')"),
            format!("return_stock('{loan}', 1)"),
            format!("lose_stock('{loan}', 1, 'x')"),
        ] {
            let error = shop.error(&format!("SELECT {call}"), &[]);
            assert_eq!(error.name(), "write_interfered", "{table}: {body}: {call}");
        }
        if table == "stock_loans" && body == "RETURN NULL" {
            let error = shop.error("SELECT extend_loan($1, now())", &[&loan]);
            assert_eq!(error.name(), "write_interfered");
        }
        shop.run("DROP FUNCTION meddle CASCADE");
        assert_eq!(shop.everything(), before, "{table}: {body}");
        shop.verify();
    }
}

/// A trigger that looks on, and one that lends itself: all of it counts.
#[test]
fn a_trigger_may_lend_something_along() {
    let mut shop = Shop::open();
    let (game, batteries) = (shop.stocked(5), shop.stocked(9));
    shop.run(&format!(
        "CREATE FUNCTION along() RETURNS trigger LANGUAGE plpgsql SET search_path = stock AS $$ BEGIN
           IF NEW.listing_id = '{game}' THEN
             PERFORM borrow_stock('{batteries}', NEW.borrower, 2 * NEW.quantity);
           END IF;
           RETURN NULL; END $$;
         CREATE TRIGGER along AFTER INSERT ON stock_loans FOR EACH ROW EXECUTE FUNCTION along()"
    ));
    shop.lend(game, "ann", 2);
    assert_eq!(shop.numbers(batteries), (5, 4, 9));
    let error = shop.error("SELECT borrow_stock($1, 'bob', 3)", &[&game]);
    assert_eq!(error.field("listing_id"), serde_json::json!(batteries));
    assert_eq!(shop.numbers(game), (3, 2, 5));
    shop.verify();
}
