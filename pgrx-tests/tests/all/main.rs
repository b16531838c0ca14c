//! Every test that needs a server, one module a theme. One program, so that they share one server.

mod adopt;
mod api;
mod attached;
mod benchmarks;
mod bookings;
mod bookings_together;
mod concurrency;
mod copies;
mod direct;
mod docs;
mod durability;
mod goods;
mod harness;
mod holds;
mod holds_together;
mod ledger;
mod lending;
mod movements;
mod restore;
mod second_door;
mod worker;
