//! `kill -9` of the whole server, under load: everything that was acknowledged is there afterwards.

use super::load::{Load, Shop, WhenGone};
use super::size;
use super::told::Told;

/// Rounds of load and kill; answers how many states were not as told. A round lets clients loose until the server has
/// gone under them, adds what they were told, starts the server again and answers where it says something else. Without
/// losses the clients' knowledge is kept from round to round, so that a later crash is seen to take nothing old either.
pub fn losses(
    name: &str,
    rounds: usize,
    mut run_round: impl FnMut(&mut Told) -> Vec<String>,
) -> usize {
    let (mut told, mut lost) = (Told::default(), 0);
    for round in 1..=rounds {
        let differences = run_round(&mut told);
        println!(
            "{name}, round {round}: {} acknowledged so far, {} unanswered, {} not as told",
            told.acknowledged,
            told.unanswered_calls,
            differences.len()
        );
        lost += differences.len();
        if !differences.is_empty() {
            println!("{:?}", &differences[..differences.len().min(3)]);
            told = Told::default();
        }
    }
    lost
}

fn rounds(name: &str, set_up: &'static str) -> usize {
    let calls = size(1_500, 20_000);
    let shop = Shop::open();
    losses(name, size(3, 12), |told| {
        let load = Load::start(&shop, set_up, WhenGone::Stop);
        load.wait_for(calls);
        shop.cluster.kill().unwrap();
        told.add(load.wait());
        shop.cluster.start().unwrap();
        shop.verify();
        shop.differences(told)
    })
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let lost = rounds(
        "early lock release",
        "SET stockroom.early_lock_release = on",
    );
    assert_eq!(lost, 0);
}

#[test]
fn without_waiting_for_the_flush_this_load_loses_some() {
    let lost = rounds("asynchronous commit", "SET synchronous_commit = off");
    assert!(lost > 0, "the test above proves nothing");
}
