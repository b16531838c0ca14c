//! Every test that needs a server, one module a theme. One program, so that they share one server.

mod api;
mod attached;
mod concurrency;
mod docs;
mod harness;
mod restore;
mod second_door;
