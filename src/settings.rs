//! The library's own settings (`stockroom.*`).

use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::{c_char, c_void, CStr, CString};
use std::time::Duration;
use uuid::Uuid;

static TENANT_ID: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static ACTOR: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static REASON: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static EARLY_LOCK_RELEASE: GucSetting<bool> = GucSetting::<bool>::new(true);
static RESTORING: GucSetting<bool> = GucSetting::<bool>::new(false);
static HIDE_PRESET_LOCATIONS: GucSetting<bool> = GucSetting::<bool>::new(false);
static WORKER_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(10);

const SECONDS_A_DAY: i32 = 86_400;

/// Accepts only what reads as a uuid, so that a typing error fails at SET and not at the next claim.
#[pg_guard]
unsafe extern "C-unwind" fn check_tenant(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes a pointer to the new value, which is NULL or a C string.
    let text = unsafe {
        if value.is_null() || (*value).is_null() {
            return true;
        }
        CStr::from_ptr(*value)
    };
    text.to_bytes().is_empty()
        || text
            .to_str()
            .is_ok_and(|text| Uuid::try_parse(text).is_ok())
}

/// Defines the settings; called once, when the library is loaded.
pub fn define() {
    // SAFETY: the hook is guarded, and reads only the value it is given.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"stockroom.tenant_id",
            c"Tenant whose stock this session works on.",
            c"A uuid; unset means the nil uuid. Set it for a role with ALTER ROLE ... SET.",
            &TENANT_ID,
            GucContext::Suset,
            GucFlags::default(),
            Some(check_tenant),
            None,
            None,
        );
    }
    GucRegistry::define_string_guc(
        c"stockroom.actor",
        c"Who moves goods, for the lines of the ledger.",
        c"Unset means the session's user.",
        &ACTOR,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"stockroom.reason",
        c"Why goods move, for the lines of the ledger where no reason is given.",
        c"For direct DML, and for functions that take no reason.",
        &REASON,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"stockroom.early_lock_release",
        c"Releases a claim's locks before its commit is flushed to disk, and answers after.",
        c"Applies where synchronous_commit is on or local and no synchronous standby is asked for.",
        &EARLY_LOCK_RELEASE,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"stockroom.hide_preset_locations",
        c"Hides all preset locations but Unspecified from list_locations().",
        c"The presets stay usable.",
        &HIDE_PRESET_LOCATIONS,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"stockroom.restoring",
        c"Takes rows as they are, without counting them, as a restore must.",
        c"For restores that do not look like one: see docs/operating.md.",
        &RESTORING,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"stockroom.worker_interval",
        c"Time from one round of the background worker to the next; 0 turns it off.",
        c"The worker runs where stockroom is in shared_preload_libraries.",
        &WORKER_INTERVAL,
        0,
        SECONDS_A_DAY,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    // SAFETY: the prefix is a static C string.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"stockroom".as_ptr()) };
}

/// The session's tenant; the nil uuid where none is set.
pub fn tenant_id() -> Uuid {
    TENANT_ID
        .get()
        .and_then(|text| {
            text.to_str()
                .ok()
                .and_then(|text| Uuid::try_parse(text).ok())
        })
        .unwrap_or(Uuid::nil())
}

/// Who moves goods: what the session says, else its user.
pub fn actor() -> String {
    text(&ACTOR).unwrap_or_else(|| {
        // SAFETY: the session's user exists; the name is a C string.
        unsafe {
            let name = pg_sys::GetUserNameFromId(pg_sys::GetSessionUserId(), false);
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    })
}

/// Why goods move, where the session says so.
pub fn reason() -> Option<String> {
    text(&REASON)
}

fn text(setting: &GucSetting<Option<CString>>) -> Option<String> {
    let text = setting.get()?.to_string_lossy().into_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// Whether locks may be released before the commit is on disk.
pub fn early_lock_release() -> bool {
    EARLY_LOCK_RELEASE.get()
}

/// Whether a restore is announced.
pub fn restoring() -> bool {
    RESTORING.get()
}

/// Whether lists leave the presets out.
pub fn hide_preset_locations() -> bool {
    HIDE_PRESET_LOCATIONS.get()
}

/// The time from one round of the background worker to the next; None where it is turned off.
pub fn worker_interval() -> Option<Duration> {
    match WORKER_INTERVAL.get() {
        0 => None,
        seconds => Some(Duration::from_secs(seconds.unsigned_abs().into())),
    }
}
