//! Attached tables: a table of the user's own app whose quantity column the engine keeps right.
//!
//! | module | subject |
//! |---|---|
//! | [`register`] | `attach_table`: registration, triggers, answer |
//! | [`checks`] | what can be attached: table, key, columns, options |
//! | [`ownership`] | who may attach and detach |
//! | [`import`] | rows of the app become listings with stock |
//! | [`adjust`] | a listing's stock follows a number that the app wrote |
//! | [`app_writes`] | the triggers on the app's table |
//! | [`detach`] | `detach_table`, and what is left when a table goes |
//! | [`ddl`] | event triggers: renames and drops |
//! | [`keys`] | functions that take the app's own key |
//!
//! The app's table may carry code of its owner (triggers, checks, domains, index expressions,
//! rules). So every statement over it runs as its owner (`engine::as_owner`), and every statement
//! over the engine's tables as the engine (`engine::as_engine`); no statement does both.

pub mod adjust;
pub mod app_writes;
pub mod checks;
pub mod ddl;
pub mod detach;
pub mod import;
pub mod keys;
pub mod ownership;
pub mod register;
