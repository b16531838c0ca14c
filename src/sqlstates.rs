//! SQLSTATEs that an app invented survive their way through us.
//!
//! pgrx knows PostgreSQL's own SQLSTATEs only: an error of the app's trigger with another one would
//! leave our function as XX000, and the app's own handler would not know it. So the code is noted
//! while the error is raised, and put back when pgrx raises it again; both by error context
//! callbacks, which PostgreSQL calls whenever it finishes an error report.

use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{c_int, c_void};

unsafe extern "C-unwind" {
    // Not in pgrx's bindings; elog.h.
    fn errcode(sqlerrcode: c_int) -> c_int;
    fn geterrcode() -> c_int;
}

/// ERRCODE_INTERNAL_ERROR, "XX000", in PostgreSQL's packed form: six bits a character.
const INTERNAL_ERROR: c_int = packed(*b"XX000");

const fn packed(code: [u8; 5]) -> c_int {
    let mut value = 0;
    let mut at = 0;
    while at < 5 {
        value |= (((code[at] - b'0') & 0x3f) as c_int) << (6 * at);
        at += 1;
    }
    value
}

thread_local! {
    /// Code of the error raised last inside a statement of ours.
    static NOTED: Cell<c_int> = const { Cell::new(INTERNAL_ERROR) };
}

unsafe extern "C-unwind" fn note(_: *mut c_void) {
    // SAFETY: called by errfinish, while an error report is open.
    NOTED.set(unsafe { geterrcode() });
}

unsafe extern "C-unwind" fn put_back(_: *mut c_void) {
    // SAFETY: called by errfinish, while an error report is open.
    unsafe {
        if geterrcode() == INTERNAL_ERROR {
            errcode(NOTED.get());
        }
    }
}

/// Outlives the frames it was put on the stack from: whoever catches the error takes it off, as
/// PG_TRY restores the stack that it found.
static mut PUT_BACK: pg_sys::ErrorContextCallback = pg_sys::ErrorContextCallback {
    previous: std::ptr::null_mut(),
    callback: Some(put_back),
    arg: std::ptr::null_mut(),
};

/// Takes our callback off the stack again; on the way of an error, leaves the one that puts the
/// code back.
struct Frame(pg_sys::ErrorContextCallback);

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: a backend has one thread; the stack is as this frame found it, or has one entry
        // more that is never freed.
        unsafe {
            pg_sys::error_context_stack = self.0.previous;
            let put_back = &raw mut PUT_BACK;
            if std::thread::panicking() && self.0.previous != put_back {
                (*put_back).previous = self.0.previous;
                pg_sys::error_context_stack = put_back;
            }
        }
    }
}

/// Runs a statement so that the SQLSTATE of its error is kept.
pub fn kept<R>(run: impl FnOnce() -> R) -> R {
    // SAFETY: the frame is linked while it stands still in this function, and its drop unlinks it.
    unsafe {
        let mut frame = Frame(pg_sys::ErrorContextCallback {
            previous: pg_sys::error_context_stack,
            callback: Some(note),
            arg: std::ptr::null_mut(),
        });
        pg_sys::error_context_stack = &raw mut frame.0;
        run()
    }
}
