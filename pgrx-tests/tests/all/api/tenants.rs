//! Tenants in one database: who sets the tenant, and that nothing of one is seen or touched by
//! another.

use super::shop::{Shop, ORISON};
use postgres::{Client, NoTls};
use serde_json::json;
use stockroom_tests::{expect_error, Db};
use uuid::Uuid;

const ANNE: Uuid = Uuid::from_u128(0xaaaaaaaa_0000_0000_0000_000000000000);
const BERT: Uuid = Uuid::from_u128(0xbbbbbbbb_0000_0000_0000_000000000000);

fn become_tenant(shop: &mut Shop, tenant: Uuid) {
    shop.run(&format!("SET stockroom.tenant_id = '{tenant}'"));
}

fn current(client: &mut Client) -> Uuid {
    let row = client.query_one("SELECT stock.current_tenant()", &[]);
    row.unwrap().get(0)
}

/// A role that may ask who its tenant is, and no more.
fn plain_role(db: &Db) -> String {
    let role = db.role("clerk");
    db.execute(&format!(
        "GRANT USAGE ON SCHEMA stock TO {role};
         GRANT EXECUTE ON FUNCTION stock.current_tenant() TO {role}"
    ));
    role
}

#[test]
fn only_a_superuser_or_a_grant_sets_the_tenant() {
    let shop = Shop::open();
    let role = plain_role(&shop.db);
    let set = format!("SET stockroom.tenant_id = '{ANNE}'");

    let mut client = shop.db.client_as(&role);
    assert_eq!(current(&mut client), Uuid::nil(), "unset");
    let error = expect_error(client.batch_execute(&set));
    assert_eq!(error.sqlstate, "42501");
    // Set before the library is loaded, where nobody checks: it does not count once it is.
    let mut client = shop.db.client_as(&role);
    client.batch_execute(&set).unwrap();
    assert_eq!(current(&mut client), Uuid::nil());
    // Nor does it in the connection's own options.
    let mut config = shop.db.config();
    config
        .user(&role)
        .options(&format!("-c stockroom.tenant_id={ANNE}"));
    let mut client = config.connect(NoTls).unwrap();
    assert_eq!(current(&mut client), Uuid::nil());
    let error = expect_error(client.batch_execute(&format!("ALTER ROLE {role} {set}")));
    assert_eq!(error.sqlstate, "42501");

    // An admin gives the role its tenant, for all its connections.
    shop.db.execute(&format!("ALTER ROLE {role} {set}"));
    let mut client = shop.db.client_as(&role);
    assert_eq!(current(&mut client), ANNE);
    let error = expect_error(client.batch_execute("SET stockroom.tenant_id = ''"));
    assert_eq!(error.sqlstate, "42501");
    client.batch_execute("DISCARD ALL").unwrap();
    assert_eq!(current(&mut client), ANNE, "RESET goes back to the role's");

    // Or lets a pooler's role switch.
    shop.db.execute(&format!(
        "GRANT SET ON PARAMETER stockroom.tenant_id TO {role}"
    ));
    let mut client = shop.db.client_as(&role);
    client
        .batch_execute(&format!("SET stockroom.tenant_id = '{BERT}'"))
        .unwrap();
    assert_eq!(current(&mut client), BERT);
    shop.db.execute(&format!(
        "REVOKE SET ON PARAMETER stockroom.tenant_id FROM {role}"
    ));
}

#[test]
fn a_tenant_is_a_uuid() {
    let mut shop = Shop::open();
    shop.rows("SELECT current_tenant()", &[]);
    for value in [
        "'anne'",
        "'aaaaaaaa'",
        "'aaaaaaaa-0000-0000-0000-00000000000g'",
        "'1'",
    ] {
        let error = shop.error(&format!("SET stockroom.tenant_id = {value}"), &[]);
        assert_eq!(error.sqlstate, "22023", "{value}");
    }
    shop.run(&format!(
        "SET stockroom.tenant_id = '{}'",
        ANNE.to_string().to_uppercase()
    ));
    assert_eq!(current(&mut shop.client), ANNE);
    shop.run("SET stockroom.tenant_id = ''");
    assert_eq!(current(&mut shop.client), Uuid::nil());
    let error = shop.error("SET stockroom.tenant = 'x'", &[]);
    assert_eq!(
        error.sqlstate, "42602",
        "no other name of ours is taken for a setting"
    );
    shop.verify();
}

/// A setting for one transaction ends with it, as poolers use it.
#[test]
fn a_tenant_can_be_set_for_one_transaction() {
    let mut shop = Shop::open();
    let sql = "SELECT set_config('stockroom.tenant_id', $1, true)";
    shop.run("BEGIN");
    shop.rows(sql, &[&ANNE.to_string()]);
    let listing = shop.stocked(4);
    assert_eq!(shop.numbers(listing), (4, 0, 4));
    shop.run("COMMIT");
    assert_eq!(shop.numbers(listing), (0, 0, 0));
    shop.verify();
}

/// Bert calls every function with Anne's keys: it is as if they did not exist.
#[test]
fn another_tenants_rows_are_invisible_to_every_function() {
    let mut shop = Shop::open();
    become_tenant(&mut shop, ANNE);
    let sql = "INSERT INTO locations (name) VALUES ('Cellar') RETURNING location_id";
    let cellar: Uuid = shop.value(sql, &[]);
    let listing = shop.listing();
    let lot = shop.receive_at(listing, 9, cellar);
    let order = shop.allocate(listing, 4);
    // Wrong in Anne's numbers: Bert's verify and repair have nothing to do with it.
    shop.run(&format!(
        "SET session_replication_role = replica;
         UPDATE stock_listings SET quantity_allocated = 5 WHERE listing_id = '{listing}';
         RESET session_replication_role"
    ));
    let before = shop.everything();

    become_tenant(&mut shop, BERT);
    assert_eq!(shop.numbers(listing), (0, 0, 0));
    let sql =
        "SELECT get_available_stock($1, $2) + get_reserved_stock($1, $2) + get_total_stock($1, $2)";
    assert_eq!(shop.value::<i32>(sql, &[&listing, &cellar]), 0);
    let sql = "SELECT available + reserved + held + allocated + total + available_to_promise
                 FROM get_stock(ARRAY[$1::uuid])";
    assert_eq!(shop.value::<i32>(sql, &[&listing]), 0);
    for function in ["release_allocations", "fulfill_allocations"] {
        let sql = format!("SELECT {function}($1) + {function}($1, $2)");
        assert_eq!(shop.value::<i32>(&sql, &[&order, &listing]), 0);
    }
    for sql in [
        "SELECT allocate_stock($1, $1, 1)",
        "SELECT allocate_order($1, jsonb_build_array(jsonb_build_object('listing_id', $1::uuid, 'quantity', 1)))",
        "SELECT receive_stock($1, 1)",
        "SELECT delete_listing($1)",
        "SELECT explain_allocation($1, 1)",
        "SELECT to_units($1, 1)",
        "SELECT to_quantity($1, 1)",
    ] {
        assert_eq!(shop.error(sql, &[&listing]).name(), "listing_not_found", "{sql}");
    }
    let lots = json!([{"lot_id": lot.to_string(), "quantity": 1}]);
    let error = shop.error("SELECT allocate_lots($1, $2)", &[&order, &lots]);
    assert_eq!(error.name(), "lot_not_found");
    let names = shop.rows("SELECT name FROM list_locations() WHERE NOT is_preset", &[]);
    assert!(names.is_empty());
    assert_eq!(shop.value::<i32>("SELECT repair_stock()", &[]), 0);
    shop.verify();
    // Bert's own goods cannot go to Anne's place.
    let own: Uuid = shop.value("SELECT register_listing(NULL)", &[]);
    let error = shop.error("SELECT receive_stock($1, 1, $2)", &[&own, &cellar]);
    assert_eq!(error.name(), "location_not_found");
    shop.rows("SELECT delete_listing($1)", &[&own]);
    assert_eq!(shop.everything(), before);

    become_tenant(&mut shop, ANNE);
    assert_eq!(shop.value::<i32>("SELECT repair_stock()", &[]), 1);
    assert_eq!(shop.numbers(listing), (5, 4, 9));
    shop.verify();
}

#[test]
fn direct_inserts_cannot_reach_another_tenant() {
    let mut shop = Shop::open();
    become_tenant(&mut shop, ANNE);
    let sql = "INSERT INTO locations (name) VALUES ('Cellar') RETURNING location_id";
    let cellar: Uuid = shop.value(sql, &[]);
    let listing = shop.listing();
    let lot = shop.receive(listing, 9);
    become_tenant(&mut shop, BERT);
    let before = shop.everything();
    for quantity in [0, 1] {
        let sql = "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ($1, $2)";
        let error = shop.error(sql, &[&listing, &quantity]);
        assert_eq!(error.name(), "listing_not_found");
    }
    for status in ["active", "fulfilled", "released"] {
        let sql = "INSERT INTO stock_allocations (lot_id, order_id, quantity, status) VALUES ($1, $1, 1, $2)";
        assert_eq!(shop.error(sql, &[&lot, &status]).name(), "lot_not_found");
        let sql = "INSERT INTO stock_allocations (lot_id, listing_id, order_id, quantity, status)
                   VALUES ($1, $2, $1, 1, $3)";
        assert_eq!(
            shop.error(sql, &[&lot, &listing, &status]).name(),
            "lot_not_found"
        );
    }
    let sql = "INSERT INTO locations (name, parent_id) VALUES ('Rack', $1)";
    assert_eq!(shop.error(sql, &[&cellar]).name(), "location_not_found");
    assert_eq!(shop.everything(), before);
    shop.verify();
}

/// receive_stock refuses another tenant's location; a plain INSERT must not get it in either.
#[test]
fn a_direct_lot_cannot_lie_in_another_tenants_location() {
    let mut shop = Shop::open();
    become_tenant(&mut shop, ANNE);
    let sql = "INSERT INTO locations (name) VALUES ('Cellar') RETURNING location_id";
    let cellar: Uuid = shop.value(sql, &[]);
    become_tenant(&mut shop, BERT);
    let listing = shop.listing();
    let sql = "INSERT INTO stock_lots (listing_id, quantity_total, location_id) VALUES ($1, 1, $2)";
    assert_eq!(
        shop.error(sql, &[&listing, &cellar]).name(),
        "location_not_found"
    );
    shop.verify();
}

#[test]
fn skus_barcodes_names_and_keys_are_each_tenants_own() {
    let mut shop = Shop::open();
    let mut listings = Vec::new();
    for (tenant, units) in [(ANNE, 5), (BERT, 7), (Uuid::nil(), 9)] {
        become_tenant(&mut shop, tenant);
        let sql = "SELECT register_listing('SKU', barcode => '4006381333931')";
        let listing: Uuid = shop.value(sql, &[]);
        shop.run("INSERT INTO locations (name) VALUES ('Cellar')");
        // One key in three tenants: three first calls, with other arguments each.
        let sql = "SELECT receive_stock($1, $2, idempotency_key => 'key')";
        shop.rows(sql, &[&listing, &units]);
        let sql = "SELECT replayed FROM allocate_stock($1, $2, $3, idempotency_key => 'key')";
        let order = Uuid::new_v4();
        assert!(!shop.value::<bool>(sql, &[&listing, &order, &(units - 1)]));
        assert!(shop.value::<bool>(sql, &[&listing, &order, &(units - 1)]));
        let error = shop.error("SELECT register_listing('SKU')", &[]);
        assert_eq!(
            error.field("listing_id"),
            listing.to_string(),
            "its own, not another's"
        );
        listings.push((tenant, listing, units));
    }
    for (tenant, listing, units) in listings {
        become_tenant(&mut shop, tenant);
        assert_eq!(shop.numbers(listing), (1, units - 1, units));
        shop.verify();
    }
}

/// An order's key may be used by two tenants; each settles its own part.
#[test]
fn an_orders_key_in_two_tenants_is_two_orders() {
    let mut shop = Shop::open();
    let order = Uuid::new_v4();
    let listings = [ANNE, BERT].map(|tenant| {
        become_tenant(&mut shop, tenant);
        let listing = shop.listing();
        shop.receive_at(listing, 5, ORISON);
        shop.rows("SELECT allocate_stock($1, $2, 3)", &[&listing, &order]);
        (tenant, listing)
    });
    become_tenant(&mut shop, ANNE);
    assert_eq!(
        shop.value::<i32>("SELECT fulfill_allocations($1)", &[&order]),
        3
    );
    become_tenant(&mut shop, BERT);
    assert_eq!(
        shop.value::<i32>("SELECT release_allocations($1)", &[&order]),
        3
    );
    for ((tenant, listing), expected) in listings.into_iter().zip([(2, 0, 2), (5, 0, 5)]) {
        become_tenant(&mut shop, tenant);
        assert_eq!(shop.numbers(listing), expected);
        shop.verify();
    }
}
