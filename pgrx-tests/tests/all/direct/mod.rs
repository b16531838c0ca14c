//! Row access below SQL does what SQL would do, and nothing more: whatever an owner adds to the tables
//! counts from that moment on, in sessions that have claimed before too; and the two ways, below SQL
//! and by statements, come to the same.

mod additions;
mod both_ways;
mod holds;
mod lots;
mod new_listings;
mod refusals;
mod search_path;
mod seen;
mod transactions;
mod upkeep;
mod waiting;
mod work;
