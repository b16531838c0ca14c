//! Tenants in one database: nothing of another's holds is seen, confirmed, released or swept.

use crate::api::shop::{verify, Shop};
use postgres::Client;
use serde_json::json;
use stockroom_tests::Db;
use uuid::Uuid;

const ANNE: Uuid = Uuid::from_u128(0xaaaaaaaa_0000_0000_0000_000000000000);
const BERT: Uuid = Uuid::from_u128(0xbbbbbbbb_0000_0000_0000_000000000000);

fn become_tenant(shop: &mut Shop, tenant: Uuid) {
    shop.run(&format!("SET stockroom.tenant_id = '{tenant}'"));
}

/// Bert calls every function with Anne's keys: it is as if they did not exist.
#[test]
fn another_tenants_holds_are_invisible_to_every_function() {
    let mut shop = Shop::open();
    become_tenant(&mut shop, ANNE);
    let cellar: Uuid = shop.value(
        "INSERT INTO locations (name) VALUES ('Cellar') RETURNING location_id",
        &[],
    );
    let listing = shop.listing();
    shop.receive_at(listing, 9, cellar);
    let order = Uuid::new_v4();
    let sql = "SELECT hold_id FROM hold_stock($1, 3, idempotency_key => 'key', order_id => $2, location_id => $3)";
    let hold: Uuid = shop.value(sql, &[&listing, &order, &cellar]);
    let released = shop.hold(listing, 1);
    shop.rows("SELECT release_hold($1)", &[&released]);
    let expired = shop.expired_hold(listing, 2);
    let before = shop.everything();

    become_tenant(&mut shop, BERT);
    for call in [
        "get_hold($1)",
        "confirm_hold($1, $1)",
        "confirm_hold($1, $1, idempotency_key => 'k')",
        "confirm_order($1)",
        "extend_hold($1, '1 h')",
        "release_hold($1)",
    ] {
        for key in [hold, order, released, expired] {
            let error = shop.error(&format!("SELECT {call}"), &[&key]);
            assert_eq!(error.name(), "hold_not_found", "{call}");
        }
    }
    assert_eq!(
        shop.value::<i32>("SELECT release_order_holds($1)", &[&order]),
        0
    );
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 0);
    assert_eq!(shop.value::<i32>("SELECT purge_holds('0')", &[]), 0);
    let lines = json!([{"listing_id": listing, "quantity": 1}]);
    for call in [
        "hold_stock($1, 1)",
        "hold_stock($1, 3, idempotency_key => 'key')",
        "hold_order($2)",
    ] {
        let sql = format!("SELECT {call} FROM (VALUES ($1::uuid, $2::jsonb)) v");
        assert_eq!(
            shop.error(&sql, &[&listing, &lines]).name(),
            "listing_not_found",
            "{call}"
        );
    }
    let states = format!("SELECT state, available FROM hold_many('{lines}')");
    assert_eq!(shop.text(&states), "listing_not_found|0");
    for status in ["active", "waiting", "confirmed", "released", "expired"] {
        let sql = "INSERT INTO stock_holds (listing_id, quantity, status) VALUES ($1, 1, $2)";
        assert_eq!(
            shop.error(sql, &[&listing, &status]).name(),
            "listing_not_found"
        );
    }
    assert_eq!(shop.everything(), before);
    // Bert's own goods are not held at Anne's place.
    let own = shop.stocked(5);
    let error = shop.error(
        "SELECT hold_stock($1, 1, location_id => $2)",
        &[&own, &cellar],
    );
    assert_eq!(error.name(), "location_not_found");
    let sql = "INSERT INTO stock_holds (listing_id, quantity, location_id) VALUES ($1, 1, $2)";
    assert_eq!(
        shop.error(sql, &[&own, &cellar]).name(),
        "location_not_found"
    );

    become_tenant(&mut shop, ANNE);
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 1);
    assert_eq!(shop.numbers(listing), (6, 3, 9));
    shop.verify();
}

#[test]
fn keys_and_orders_are_each_tenants_own() {
    let mut shop = Shop::open();
    let order = Uuid::new_v4();
    let listings = [(ANNE, 2), (BERT, 3), (Uuid::nil(), 4)].map(|(tenant, units)| {
        become_tenant(&mut shop, tenant);
        let listing = shop.stocked(9);
        for replayed in [false, true] {
            let sql =
                "SELECT replayed FROM hold_stock($1, $2, idempotency_key => 'key', order_id => $3)";
            assert_eq!(
                shop.value::<bool>(sql, &[&listing, &units, &order]),
                replayed
            );
        }
        (tenant, listing, units)
    });
    become_tenant(&mut shop, BERT);
    let confirmed = format!("SELECT quantity FROM confirm_order('{order}')");
    assert_eq!(shop.text(&confirmed), "3");
    become_tenant(&mut shop, ANNE);
    assert_eq!(
        shop.value::<i32>("SELECT release_order_holds($1)", &[&order]),
        2
    );
    for ((tenant, listing, _), numbers) in
        listings.into_iter().zip([(9, 0, 9), (6, 3, 9), (5, 4, 9)])
    {
        become_tenant(&mut shop, tenant);
        assert_eq!(shop.numbers(listing), numbers);
        shop.verify();
    }
}

/// Anne sweeps and purges her own; what is of Bert stays.
#[test]
fn a_sweep_is_of_one_tenant() {
    let mut shop = Shop::open();
    let holds = [ANNE, BERT].map(|tenant| {
        become_tenant(&mut shop, tenant);
        let listing = shop.stocked(9);
        shop.expired_hold(listing, 2)
    });
    become_tenant(&mut shop, ANNE);
    assert_eq!(shop.value::<i32>("SELECT expire_holds()", &[]), 1);
    assert_eq!(
        holds.map(|hold| shop.hold_status(hold)),
        ["expired", "active"]
    );
    become_tenant(&mut shop, BERT);
    assert_eq!(shop.value::<i32>("SELECT purge_holds('0')", &[]), 0);
    become_tenant(&mut shop, ANNE);
    assert_eq!(shop.value::<i32>("SELECT purge_holds('0')", &[]), 1);
    become_tenant(&mut shop, BERT);
    assert_eq!(shop.hold_state(holds[1]), "expired 2");
    shop.verify();
}

/// A role whose tenant an admin has set, and that may call functions and nothing more.
fn clerk(db: &Db, tenant: Uuid) -> Client {
    let role = db.role("clerk");
    db.execute(&format!(
        "GRANT USAGE ON SCHEMA stock TO {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA stock TO {role};
         ALTER ROLE {role} SET stockroom.tenant_id = '{tenant}'; ALTER ROLE {role} SET search_path = stock"
    ));
    db.client_as(&role)
}

/// The functions are all that it needs: it cannot even read the tables.
#[test]
fn a_plain_role_holds_for_its_tenant_without_rights_on_tables() {
    let shop = Shop::open();
    let (mut anne, mut bert) = (clerk(&shop.db, ANNE), clerk(&shop.db, BERT));
    let listing: Uuid = anne
        .query_one("SELECT register_listing(NULL)", &[])
        .unwrap()
        .get(0);
    anne.query_one("SELECT receive_stock($1, 9)", &[&listing])
        .unwrap();
    let hold = "SELECT hold_id FROM hold_stock($1, 3, idempotency_key => 'k', metadata => '{}')";
    let hold: Uuid = anne.query_one(hold, &[&listing]).unwrap().get(0);
    let get = "SELECT state FROM get_hold($1)";
    assert!(bert.query(get, &[&hold]).is_err());
    assert_eq!(
        anne.query_one(get, &[&hold]).unwrap().get::<_, &str>(0),
        "active"
    );
    for call in [
        "SELECT extend_hold($1, '1 h')",
        "SELECT FROM confirm_hold($1, $1, 1, 'keep')",
        "SELECT release_hold($1)",
        "SELECT release_order_holds($1), expire_holds(), purge_holds()",
    ] {
        let params: &[&(dyn postgres::types::ToSql + Sync)] = &[&hold];
        anne.query(call, params)
            .unwrap_or_else(|error| panic!("{call}: {error:?}"));
    }
    let lines = json!([{"listing_id": listing, "quantity": 1}]);
    anne.query("SELECT hold_order($1), hold_many($1)", &[&lines])
        .unwrap();
    assert!(anne.query("SELECT FROM stock_holds", &[]).is_err());
    assert!(anne.query("DELETE FROM stock_holds", &[]).is_err());
    let mut admin = crate::api::shop::connect(&shop.db);
    admin
        .batch_execute(&format!("SET stockroom.tenant_id = '{ANNE}'"))
        .unwrap();
    verify(&mut admin);
}

/// Nothing is granted to everybody.
#[test]
fn a_role_without_grants_can_do_nothing() {
    let mut shop = Shop::open();
    let role = shop.db.role("nobody");
    shop.run(&format!("GRANT USAGE ON SCHEMA stock TO {role}"));
    let mut nobody = shop.db.client_as(&role);
    for call in [
        "hold_stock($1, 1)",
        "hold_order(to_jsonb($1))",
        "hold_many(to_jsonb($1))",
        "confirm_hold($1)",
        "confirm_order($1)",
        "extend_hold($1, '1 h')",
        "release_hold($1)",
        "release_order_holds($1)",
        "get_hold($1)",
        "expire_holds()",
        "purge_holds()",
    ] {
        let call = call.replace("$1", "gen_random_uuid()");
        let error =
            stockroom_tests::expect_error(nobody.query(&format!("SELECT stock.{call}"), &[]));
        assert_eq!(error.sqlstate, "42501", "{call}");
    }
}
