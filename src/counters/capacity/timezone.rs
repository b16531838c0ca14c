//! Time zones of resources: which there are, and which date it is there.

use crate::calendar;
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, Statement};
use pgrx::pg_sys::{self, TEXTOID};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use stockroom_core::calendar::Day;

/// PostgreSQL also takes abbreviations and POSIX rules for zones; those have no history, or a sign that surprises.
static KNOWN: Statement = Statement::fresh(
    "SELECT name FROM pg_catalog.pg_timezone_names WHERE lower(name) = lower($1)
      ORDER BY name <> $1 LIMIT 1",
    &[TEXTOID],
);

/// In every server's list.
const EVERYWHERE: &str = "UTC";

thread_local! {
    /// The server reads all zones' files for its list (some 40 ms): each name is looked for once a backend.
    static NAMES: RefCell<HashMap<String, String>> = RefCell::default();
}

/// The zone's name, if its file tells that it is in the list: what PostgreSQL makes of a rule is written in capitals, as
/// few names of files are.
fn of_file(name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: a C string, and a zone that lives as long as the backend.
    let known = unsafe {
        let zone = pg_sys::pg_tzset(name.as_ptr());
        if zone.is_null() || !pg_sys::pg_tz_acceptable(zone) {
            return None;
        }
        CStr::from_ptr(pg_sys::pg_get_timezone_name(zone))
    };
    let known = known.to_str().ok()?;
    known
        .contains(|letter: char| letter.is_ascii_lowercase())
        .then(|| known.to_owned())
}

/// The zone's name as the server's list has it.
pub fn canonical(engine: &Engine, name: &str) -> Result<String, Error> {
    if name == EVERYWHERE {
        return Ok(name.to_owned());
    }
    if let Some(known) = of_file(name) {
        return Ok(known);
    }
    if let Some(known) = NAMES.with_borrow(|names| names.get(name).cloned()) {
        return Ok(known);
    }
    let found = plans::run_one(engine, &KNOWN, &[name.into()], |row| row.need::<String>(1));
    let known = found.ok_or_else(|| Error::BadArgument {
        argument: "timezone",
        problem: format!("\"{name}\" is not in pg_timezone_names"),
    })?;
    NAMES.with_borrow_mut(|names| names.insert(name.to_owned(), known.clone()));
    Ok(known)
}

/// Which date it is in a zone.
pub fn today_in(zone: &str) -> Day {
    calendar::date_at(zone, clock::microseconds())
}
