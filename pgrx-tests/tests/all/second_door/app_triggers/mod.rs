//! Triggers of the app on the engine's tables. They fire inside the engine's own statements as well
//! as in direct DML, raise, write stock themselves, roll back, swallow rows: no count may be lost.
//!
//! Inside an API function the search_path is pinned, so an app's trigger function must qualify its
//! names or bring a SET search_path of its own.

mod raising;
mod swallowing;
mod writing;

use crate::second_door::shop::{Sql, HAT};

/// The order of the gifts that a trigger adds.
const GIFTS: &str = "c0000000-0000-0000-0000-0000000000ff";

/// A trigger of the app. `when` is its event, `body` is PL/pgSQL.
fn trigger(name: &str, when: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = public
             AS $$ BEGIN {body} END $$;
         CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()"
    )
}

fn allocate(listing: &str, order: &str, quantity: i32) -> String {
    format!("SELECT * FROM allocate_stock('{listing}', '{order}', {quantity})")
}

fn allocated(sql: &mut Sql, listing: &str) -> String {
    sql.row(&format!(
        "SELECT quantity_allocated FROM stock_listings WHERE listing_id = '{listing}'"
    ))
}

/// With each claim on hats comes a coat.
fn with_a_coat(statement: &str) -> String {
    format!("IF NEW.listing_id = '{HAT}' THEN {statement}; END IF; RETURN NULL;")
}
