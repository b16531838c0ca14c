//! Bookings by date while others are at the same dates: none is booked beyond what there is, and
//! everything is what its callers were told.

mod crash;
mod crowd;
mod deadlocks;
mod overlapping;
mod races;
mod sound;
