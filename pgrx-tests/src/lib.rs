//! What the tests and the demo stand on: real PostgreSQL servers that are made for a run and
//! removed after it.
//!
//! | module | what it gives |
//! |---|---|
//! | [`cluster`] | a private, throw-away server: start, stop, crash, kill; a standby of it |
//! | [`db`] | a fresh database in it, its clients and roles |
//! | [`errors`] | an expected error, taken apart: SQLSTATE, DETAIL's JSON, HINT |
//! | [`session`] | a connection that can be left waiting for a lock |
//! | [`mod@texts`] | rows as psql would print them |
//! | [`memory`] | how much memory a server process has for itself |
//! | [`mod@interleave`] | every order in which the steps of several sessions can run |
//!
//! The helpers panic when the server misbehaves: in a test that is the right answer.

pub mod cluster;
pub mod db;
pub mod errors;
pub mod interleave;
pub mod memory;
pub mod session;
pub mod texts;

pub use cluster::{Cluster, ClusterOptions};
pub use db::{Db, Notices};
pub use errors::{assert_error, expect_error, ErrorInfo};
pub use interleave::{interleave, script, Run, Script, Step, Summary};
pub use memory::{own_memory, peak_memory};
pub use session::{Outcome, Progress, Rows, Session};
pub use texts::{text, texts};
