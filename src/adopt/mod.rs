//! Moving in: an app's own lots and allocations become the engine's.
//!
//! | module | subject |
//! |---|---|
//! | [`guess`] | `guess_stock_columns` |
//! | [`import`] | `import_stock`: who may, in which order, the answer |
//! | [`undo`] | `undo_import_stock`, the way back at once |
//! | [`source`] | a table of the app: its columns, and reading it |
//! | [`reading`] | which tables and columns are read, by mapping and guess |
//! | [`keys`] | keys of the app become uuids; `imported_id` |
//! | [`registered`] | what is remembered of an import |
//! | [`lots`], [`allocations`] | rows are read and judged |
//! | [`staged`] | what was read, in temporary tables, and what is wrong with it |
//! | [`locations`] | the app's places become locations |
//! | [`take_over`] | rows are written, and counted |
//! | [`compare`] | theirs against ours, and what has changed there since |
//! | [`report`] | the lines of the answer |
//!
//! The app's tables may carry code of their owner (a view, a domain, a type). So every statement over
//! them runs as their owner, and reads no more than text and plain types; every statement over the
//! engine's tables runs as the engine. What was read lies in temporary tables between the two.

pub mod allocations;
pub mod compare;
pub mod guess;
pub mod import;
pub mod keys;
pub mod locations;
pub mod lots;
pub mod reading;
pub mod registered;
pub mod report;
pub mod source;
pub mod staged;
pub mod take_over;
pub mod undo;
