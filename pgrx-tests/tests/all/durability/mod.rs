//! What was acknowledged is never lost: early lock release step by step, and what crashes, kills and
//! cancels leave behind.

mod early;
mod followers;
mod settings;
mod transactions;
mod watched;
