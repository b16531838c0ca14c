//! Where the library is not preloaded there is no worker, and everything else is as ever.

use super::server::processes;
use stockroom_tests::{expect_error, Db};
use uuid::Uuid;

#[test]
fn without_preload_there_is_no_launcher_and_the_functions_work() {
    let db = Db::with_extension();
    let mut client = db.client();
    let listing = "SELECT register_listing('S')";
    let listing: Uuid = client.query_one(listing, &[]).unwrap().get(0);
    client
        .execute("SELECT receive_stock($1, 5)", &[&listing])
        .unwrap();
    let claim = "SELECT quantity FROM allocate_stock($1, gen_random_uuid(), 2)";
    let taken = client.query_one(claim, &[&listing]).unwrap();
    assert_eq!(taken.get::<_, i32>(0), 2);
    let setting = client.query_one("SHOW stockroom.worker_interval", &[]);
    assert_eq!(setting.unwrap().get::<_, &str>(0), "10s");
    let set = "SET stockroom.worker_interval = 1";
    assert_eq!(expect_error(client.batch_execute(set)).sqlstate, "55P02");
    for backend_type in ["stockroom launcher", "stockroom worker"] {
        assert_eq!(processes(&mut client, backend_type), []);
    }
}
