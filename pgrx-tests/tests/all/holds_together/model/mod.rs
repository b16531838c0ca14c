//! One session does things at random, and a model in memory says what must come of each: every answer
//! and error, and after it every number of every listing and place, and every hold. Which lots a claim
//! takes is the planner's affair: the model takes it over from the answer, if it is legal.

mod by_hand;
mod claims;
mod ends;
mod goods;
mod holds;
mod player;
mod world;

use crate::durability::size;
use player::{assert_lively, Player, Tally};
use rand::Rng;

fn play(seed: u64, operations: usize) -> Player {
    println!("seed {seed}");
    let mut player = Player::new(seed);
    for number in 1..=operations {
        player.operate();
        player.compare();
        if number % 50 == 0 || number == operations {
            player.shop.verify();
        }
    }
    println!("{}", player.summary());
    player
}

#[test]
fn random_operations_do_what_the_model_says() {
    let runs: Vec<Tally> = (1..=size(1, 10))
        .map(|seed| play(seed, size(2_000, 5_000)).into_tally())
        .collect();
    assert_lively(&runs);
}

/// Other operations in each run; what fails can be played again by its seed.
#[test]
fn other_operations_in_each_run_do_so_too() {
    let seed = match std::env::var("STOCKROOM_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => rand::rng().random(),
    };
    play(seed, size(500, 20_000));
}
