//! Two or three clients at once, in every order in which their steps can run, at every isolation level.
//!
//! After each order: no date has more booked than there is, no listing more sold and booked than it has, every
//! counter is what the rows say, and each refusal is one that the case allows. 40001 is one of them at REPEATABLE
//! READ and SERIALIZABLE; 40P01 never is.

mod backing;
mod blackouts;
mod capacity;
mod first_calls;
mod last_units;
mod listings;
mod moves;
mod one_hold;
mod packages;
pub mod race;
mod resources;
pub mod stage;
mod time;
mod time_of_stock;
