//! What launcher and workers have in common: signals, and what `pg_stat_activity` shows of them.

use pgrx::bgworkers::BackgroundWorker;
use pgrx::pg_sys::{self, BackendState};
use std::ffi::{c_int, CStr, CString};

/// A handler of PostgreSQL's own. pgrx's only note a SIGTERM for the next look, and a worker that
/// waits for a lock would keep a server from stopping.
pub type Handler = unsafe extern "C-unwind" fn(c_int);

extern "C-unwind" {
    /// Ends the process at the next check for interrupts, also while it waits for a lock.
    pub fn die(signal: c_int);
    /// Notes that the process is to end.
    pub fn SignalHandlerForShutdownRequest(signal: c_int);
    /// Notes that the settings are to be read again.
    pub fn SignalHandlerForConfigReload(signal: c_int);
}

/// From now on the process takes signals; the rest it handles as every background worker does.
pub fn take_signals(handlers: &[(u32, Handler)]) {
    // SAFETY: the handlers are made for this; signals were blocked up to here.
    unsafe {
        for (signal, handler) in handlers {
            #[cfg(not(feature = "pg18"))]
            pg_sys::pqsignal(*signal as c_int, Some(*handler));
            #[cfg(feature = "pg18")]
            pg_sys::pqsignal_be(*signal as c_int, Some(*handler));
        }
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Sets settings so that neither a database's nor a role's own values replace them; before the
/// process connects.
pub fn pin_settings(settings: &[(&CStr, &CStr)]) {
    for (name, value) in settings {
        // SAFETY: C strings, of which the server makes copies.
        unsafe {
            pg_sys::SetConfigOption(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                pg_sys::GucSource::PGC_S_OVERRIDE,
            )
        };
    }
}

/// Names the process as its registration does, for `application_name` in views and in the log.
pub fn take_name() {
    let name = CString::new(BackgroundWorker::get_name()).expect("a C string has no NUL inside");
    pin_settings(&[(c"application_name", &name)]);
}

/// Says what the process does now: in `pg_stat_activity`, and in the log beside an error.
pub fn report(state: BackendState::Type, doing: &'static CStr) {
    // SAFETY: the text lives as long as the process.
    unsafe {
        pg_sys::debug_query_string = doing.as_ptr();
        pg_sys::pgstat_report_activity(state, doing.as_ptr());
    }
}
