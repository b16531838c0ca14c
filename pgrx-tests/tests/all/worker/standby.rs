//! On a standby there is nothing to do; promoted, it does what the primary did.

use super::server::{processes, Server};
use stockroom_tests::Cluster;

#[test]
fn a_standby_has_no_launcher_until_it_is_promoted() {
    let primary = Server::start();
    let shop = primary.shop();
    primary.wait_for_round_in(shop.name());
    // It has the primary's settings.
    let standby = primary.cluster.standby(Cluster::options()).unwrap();
    let standby = Server { cluster: standby };
    standby.cluster.catch_up_with(&primary.cluster).unwrap();
    primary.wait_for_round_in(shop.name());
    let mut client = standby.client();
    assert_eq!(processes(&mut client, "stockroom launcher"), []);
    assert_eq!(standby.rounds_in(shop.name()), 0);

    primary.cluster.crash().unwrap();
    standby.cluster.promote().unwrap();
    standby.launcher();
    standby.wait_for_round_in(shop.name());
}
