//! From one row per copy to counts, and back.

mod attaching;
mod collapsing;
mod crash;
mod errors;
mod expanding;
mod guesses;
mod guide;
mod kept;
mod library;
mod privileges;
mod refusals;
mod removing;
mod round_trips;
mod scale;
