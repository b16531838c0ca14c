//! The optional background worker: seen where it should be, gone where it should not, and in nobody's
//! way.

mod databases;
mod extension;
mod holds;
mod interval;
mod launcher;
mod lots;
mod server;
mod standby;
mod without;
