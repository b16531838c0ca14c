//! Where the engine stands: its schema, its owner, the tenant of the call; and the two ways in
//! which it changes who runs a statement.

use crate::settings;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use uuid::Uuid;

/// What a call needs to know of its surroundings.
#[derive(Clone)]
pub struct Engine {
    /// Schema of the extension, quoted where needed.
    pub schema: Rc<str>,
    /// The same schema's oid.
    pub namespace: pg_sys::Oid,
    /// Owner of the extension's functions: the engine's rights.
    pub owner: pg_sys::Oid,
    /// Tenant of the session.
    pub tenant: Uuid,
}

struct SchemaName {
    oid: pg_sys::Oid,
    quoted: Rc<str>,
}

thread_local! {
    // No destructor may run at backend exit, when PostgreSQL's memory is gone already.
    static SCHEMA: RefCell<ManuallyDrop<Option<SchemaName>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
    static SCHEMA_STALE: Cell<bool> = const { Cell::new(false) };
}

impl Engine {
    /// The surroundings of the function that is being called: its own oid tells its schema, so a
    /// renamed schema or an extension made anew elsewhere is found at once.
    pub fn of_call(fcinfo: pg_sys::FunctionCallInfo) -> Engine {
        // SAFETY: PostgreSQL calls every function with a filled-in fcinfo.
        Engine::of_function(unsafe { (*(*fcinfo).flinfo).fn_oid })
    }

    /// The surroundings of a function of the extension.
    pub fn of_function(function: pg_sys::Oid) -> Engine {
        // SAFETY: the tuple is read between its lookup and its release.
        let (namespace, owner) = unsafe {
            let tuple = pg_sys::SearchSysCache1(
                pg_sys::SysCacheIdentifier::PROCOID as _,
                pg_sys::Datum::from(function),
            );
            assert!(!tuple.is_null(), "function {} is gone", function.to_u32());
            let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
            let found = ((*row).pronamespace, (*row).proowner);
            pg_sys::ReleaseSysCache(tuple);
            found
        };
        Engine {
            schema: schema_name(namespace),
            namespace,
            owner,
            tenant: settings::tenant_id(),
        }
    }
}

fn schema_name(oid: pg_sys::Oid) -> Rc<str> {
    SCHEMA.with_borrow_mut(|known| {
        if let Some(name) = known.as_ref() {
            if name.oid == oid && !SCHEMA_STALE.get() {
                return name.quoted.clone();
            }
        }
        SCHEMA_STALE.set(false);
        // SAFETY: a catalog lookup; NULL is looked at before it is read.
        let quoted: Rc<str> = unsafe {
            let name = pg_sys::get_namespace_name(oid);
            assert!(
                !name.is_null(),
                "the extension's schema was dropped meanwhile"
            );
            quote(&c_text(name)).into()
        };
        **known = Some(SchemaName {
            oid,
            quoted: quoted.clone(),
        });
        quoted
    })
}

/// Quotes an identifier where SQL needs it.
pub fn quote(identifier: &str) -> String {
    pgrx::spi::quote_identifier(identifier)
}

/// # Safety
/// `text` must be a C string.
pub unsafe fn c_text(text: *const std::ffi::c_char) -> String {
    // SAFETY: the caller vouches for it.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

unsafe extern "C-unwind" fn schema_changed(_: pg_sys::Datum, _: i32, _: u32) {
    SCHEMA_STALE.set(true);
}

/// Asks to be told of renamed schemas; called once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callback only sets a flag.
    unsafe {
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::NAMESPACEOID as _,
            Some(schema_changed),
            pg_sys::Datum::from(0usize),
        );
    }
}

/// Gives the caller's identity back when it goes out of scope, on unwinding too.
struct Identity {
    user: pg_sys::Oid,
    context: i32,
}

impl Identity {
    /// `unrestricted` lifts a restriction that [`as_owner`] may have set further out.
    fn assume(user: pg_sys::Oid, flags: u32, unrestricted: bool) -> Identity {
        let mut before = Identity {
            user: pg_sys::InvalidOid,
            context: 0,
        };
        // SAFETY: plain reads and writes of the backend's identity, as foreign-key triggers do.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut before.user, &mut before.context);
            let mut context = before.context | flags as i32;
            if unrestricted {
                context &= !(pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
            }
            pg_sys::SetUserIdAndSecContext(user, context);
        }
        before
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        // SAFETY: these are the values that were in force before.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

/// Whoever is running now.
pub fn current_user() -> pg_sys::Oid {
    // SAFETY: a plain read.
    unsafe { pg_sys::GetUserId() }
}

/// The search path of whoever called, where the function does not pin its own.
pub fn current_search_path() -> String {
    // SAFETY: search_path is a setting of every server; its value is a C string.
    unsafe {
        c_text(pg_sys::GetConfigOption(
            c"search_path".as_ptr(),
            false,
            false,
        ))
    }
}

/// In which the engine's own statements run: what a caller puts first in its path, or into its
/// temporary schema, means nothing to them.
pub const PINNED_PATH: &CStr = c"pg_catalog, pg_temp";

/// Runs with the search path pinned. Most API functions have it from their declaration, where it costs
/// as much as a good part of a claim; those that are called most pin it themselves, and only where code
/// runs that looks names up.
pub fn pinned<R>(run: impl FnOnce() -> R) -> R {
    // SAFETY: the setting's value is a C string, or NULL.
    let is_pinned = unsafe {
        let path = pg_sys::namespace_search_path;
        !path.is_null() && CStr::from_ptr(path) == PINNED_PATH
    };
    if is_pinned {
        run()
    } else {
        with_setting(c"search_path", PINNED_PATH, true, run)
    }
}

/// Runs with a setting of PostgreSQL's at another value. Without `keep_settings`, whatever else was
/// set on the way is undone too.
pub fn with_setting<R>(
    name: &CStr,
    value: &CStr,
    keep_settings: bool,
    run: impl FnOnce() -> R,
) -> R {
    // SAFETY: the nest level is closed below; on an error the (sub)transaction's abort closes it.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        let result = run();
        pg_sys::AtEOXact_GUC(keep_settings, level);
        result
    }
}

/// Runs as the engine with the search path pinned. For triggers and invoker functions: API
/// functions have both from their declaration.
pub fn as_engine<R>(engine: &Engine, run: impl FnOnce() -> R) -> R {
    // The engine's own deferred checks may be queued here. Triggers that others put on its tables run
    // here too, with its rights: TRIGGER on them is granted to nobody.
    let _identity = Identity::assume(engine.owner, pg_sys::SECURITY_LOCAL_USERID_CHANGE, true);
    pinned(run)
}

/// Runs as the owner of a user's table, with the search path that was in force when it was
/// attached. The table's own code (triggers, checks, index expressions) may run here: it gets its
/// owner's rights, never ours, and no setting it leaves behind outlives it, or a search path of
/// its making could turn our next statement against us.
///
/// `restricted`: nor may it leave anything for later, when the session's own user is back: a deferred
/// trigger, a cursor WITH HOLD or a temporary table would run, or stand in, with that user's rights
/// at commit. PostgreSQL refuses all of these in a restricted operation.
pub fn as_owner<R>(
    owner: pg_sys::Oid,
    search_path: &str,
    restricted: bool,
    run: impl FnOnce() -> R,
) -> R {
    let mut flags = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS;
    if restricted {
        flags |= pg_sys::SECURITY_RESTRICTED_OPERATION;
    }
    let _identity = Identity::assume(owner, flags, false);
    let path = CString::new(search_path).expect("a search path has no NUL");
    with_setting(c"search_path", &path, false, run)
}

/// Whether an owner lacks rights that the session has; where not, there is nothing to win.
pub fn has_less_rights(owner: pg_sys::Oid) -> bool {
    // SAFETY: lookups of role memberships. The session's user counts too: RESET ROLE leads to it.
    unsafe {
        !pg_sys::has_privs_of_role(owner, pg_sys::GetOuterUserId())
            || !pg_sys::has_privs_of_role(owner, pg_sys::GetSessionUserId())
    }
}
