//! Attached tables: the app's own tables whose quantity columns the engine keeps right.

pub mod app;
mod app_triggers;
mod app_writes;
mod attaching;
mod errors;
pub mod guide;
mod locking;
mod own_code;
mod privileges;
mod refusals;
mod renames;
mod rows;
