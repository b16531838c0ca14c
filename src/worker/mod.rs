//! The optional background worker: it does for every database what `expire_holds()` does when
//! somebody calls it.
//!
//! It exists where the library is in `shared_preload_libraries`. The [`launcher`] lives as long as
//! the server and is connected to no database; round by round it starts a worker in each
//! ([`in_database`]), one after the other, which looks for the extension, works and ends. So
//! between rounds nothing stands in the way of DROP DATABASE or of a copy made with TEMPLATE.

mod databases;
mod in_database;
mod launcher;
mod process;

use pgrx::pg_sys;

/// As `shared_preload_libraries` names it.
const LIBRARY: &str = "stockroom";

/// Asks for the launcher where the library is loaded with the server; called once, when it is loaded.
pub fn register() {
    // SAFETY: plain reads of the server's state.
    let (with_server, in_upgrade) = unsafe {
        (
            pg_sys::process_shared_preload_libraries_in_progress,
            pg_sys::IsBinaryUpgrade,
        )
    };
    // pg_upgrade wants its databases for itself.
    if with_server && !in_upgrade {
        launcher::register();
    }
}
