//! Attached tables: the app's own tables whose quantity columns the engine keeps right.

mod app;
mod app_triggers;
mod privileges;
mod renames;
