//! Bookings by calendar date: resources, how many of each a date has, holds, allocations and blackouts.

pub mod add_blackout;
pub mod allocation;
pub mod answer;
pub mod availability;
pub mod confirm;
pub mod dates;
pub mod ends;
pub mod find;
pub mod hold;
mod judge;
mod key;
pub mod move_allocation;
pub mod open;
pub mod package;
mod place;
pub mod purge;
pub mod read;
pub mod resource;
pub mod resources;
pub mod retire;
mod row;
pub mod seed;
pub mod set;
mod written;
