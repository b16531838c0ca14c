//! Each tenant has a ledger of its own, and sees no other.

use super::events::{assert_seen, with_consumer};
use super::shop::OTHER_TENANT;
use crate::api::shop::Shop;
use uuid::Uuid;

fn become_other(shop: &mut Shop) {
    shop.run(&format!("SET stockroom.tenant_id = '{OTHER_TENANT}'"));
}

#[test]
fn another_tenants_lines_are_not_there() {
    let mut shop = with_consumer();
    let listing = shop.stocked(10);
    become_other(&mut shop);
    let theirs = shop.stocked(3);
    for call in [
        format!("stock_at('{listing}', now())"),
        format!("stock_at('{listing}', now(), by => 'effective')"),
        format!("stock_at('{listing}', now(), '00000000-0000-8000-8000-000000000000')"),
        format!("stock_history('{listing}')"),
        format!("stock_value(listing_id => '{listing}')"),
        format!("stock_value(now(), 'average', '{listing}')"),
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.name(), "listing_not_found", "{call}");
    }
    let theirs = theirs.to_string();
    let seen = |shop: &mut Shop| {
        shop.run("TRUNCATE public.seen");
        assert_seen(&mut shop.client, 1);
        shop.texts("SELECT listing_id FROM stock_events()")
    };
    assert_eq!(seen(&mut shop), [theirs.as_str()]);
    let valued = "SELECT listing_id FROM stock_value(now())";
    assert_eq!(shop.texts(valued), [theirs.as_str()]);
    // Their tampering is theirs to see.
    shop.tamper(&format!(
        "DELETE FROM stock_movements WHERE listing_id = '{theirs}'"
    ));
    assert!(!shop.problems().is_empty());
    shop.run("RESET stockroom.tenant_id");
    assert_eq!(seen(&mut shop), [listing.to_string()]);
    shop.verify();
}

/// A key that comes back under another tenant begins a ledger of its own.
#[test]
fn a_key_that_comes_back_elsewhere_begins_at_one() {
    let mut shop = Shop::open();
    let listing = shop.stocked(10);
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    become_other(&mut shop);
    let again = |shop: &mut Shop, how: &str| {
        shop.run(&how.replace("$1", &format!("'{listing}'")));
        shop.receive(listing, 4);
        let versions = format!("SELECT version FROM stock_history('{listing}') ORDER BY 1 DESC");
        let last = shop.texts(&versions)[0].clone();
        shop.verify();
        last
    };
    let register = "SELECT register_listing(NULL, listing_id => $1)";
    assert_eq!(again(&mut shop, register), "1");
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    shop.run("RESET stockroom.tenant_id");
    let insert = "INSERT INTO stock_listings (listing_id) VALUES ($1)";
    assert_eq!(again(&mut shop, insert), "3");
    assert_eq!(shop.stock_at(listing, "now()"), 4);
}

#[test]
fn archiving_and_repairing_touch_the_tenants_own() {
    let mut shop = Shop::open();
    let stock = |shop: &mut Shop| -> Uuid {
        let listing = shop.stocked(10);
        let lot = shop.value(
            "SELECT lot_id FROM stock_lots WHERE listing_id = $1",
            &[&listing],
        );
        shop.change(lot, 1);
        listing
    };
    let ours = stock(&mut shop);
    become_other(&mut shop);
    let theirs = stock(&mut shop);
    shop.run("CREATE TABLE public.old (LIKE stock_movements)");
    let archive = "SELECT archive_movements('infinity', 'public.old')";
    assert_eq!(shop.value::<i32>(archive, &[]), 1);
    assert_eq!(shop.history(theirs), ["adjust|1|11"]);
    shop.verify();
    shop.run("RESET stockroom.tenant_id");
    assert_eq!(shop.history(ours), ["receive|10|10", "adjust|1|11"]);
    assert_eq!(
        shop.texts("SELECT * FROM verify_archive('public.old')"),
        [""; 0]
    );
    shop.tamper(&format!(
        "UPDATE stock_lots SET quantity_total = 50 WHERE listing_id = '{theirs}'"
    ));
    assert_eq!(shop.value::<i32>("SELECT repair_stock()", &[]), 0);
    shop.verify();
}
