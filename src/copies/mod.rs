//! From one row per copy to counts, and back: tables of the app in which each copy of an item is a row
//! of its own.
//!
//! | module | subject |
//! |---|---|
//! | [`collapse`] | `collapse_children`: copies become counts |
//! | [`run`] | its steps: look, take over, count, compare, remove |
//! | [`expand`] | `expand_children`: counts become copies |
//! | [`table`] | the app's table: its columns, and who runs what over it |
//! | [`text`] | SQL text over it |
//! | [`registration`] | what is kept of a collapsed table |
//! | [`look`] | the app's rows by conditions: counted, and named |
//! | [`problems`] | what keeps copies from becoming counts |
//! | [`references`] | foreign keys that lead to them |
//! | [`take`] | items and copies are taken over as they are |
//! | [`stock`] | they become listings, lots, claims and loans |
//! | [`compare`] | rows against counts, item by item |
//! | [`items`] | items, their copies and their stock, on the way back |
//! | [`give_back`] | what the rows of an item's copies say again |
//! | [`write`] | those rows are written |
//! | [`remove`] | the rows of copies that were taken over go |
//! | [`take_down`] | the stock that copies were leaves |
//! | [`report`] | what both functions answer |

pub mod collapse;
pub mod compare;
pub mod expand;
pub mod give_back;
pub mod items;
pub mod look;
pub mod problems;
pub mod references;
pub mod registration;
pub mod remove;
pub mod report;
pub mod run;
pub mod stock;
pub mod table;
pub mod take;
pub mod take_down;
pub mod text;
pub mod write;
