//! The thread that lets stores to watched memory go on, where the kernel does not note them by itself.
//!
//! It is another pump: the resident stores to watched memory itself when it copies, and would wait for itself.
//! It is started when memory is watched in that way for the first time, and stopped when the resident leaves.

use core::cell::UnsafeCell;

use crate::pump::{Job, Pump};

/// Where it is kept: the machine starts it by a plain function.
struct Shelf {
    pump: UnsafeCell<Option<Pump>>,
}

// SAFETY: only the resident's own thread uses it; tests use none.
unsafe impl Sync for Shelf {}

static SHELF: Shelf = Shelf { pump: UnsafeCell::new(None) };

/// Its place.
fn shelf() -> *mut Option<Pump> {
    SHELF.pump.get()
}

/// Has a thread let those go on who wait at this descriptor, and no other; false if there can be none.
pub fn serve(messages: i32) -> bool {
    stop();
    let pump = Pump::start(messages, Job::LetPass).ok();
    let started = pump.is_some();
    // SAFETY: one thread uses the shelf, and no reference to what is on it is kept.
    unsafe { shelf().write(pump) };
    started
}

/// How many threads there are.
pub fn threads() -> u32 {
    // SAFETY: as in `serve`.
    let pump = unsafe { &*shelf() };
    u32::from(pump.is_some())
}

/// Ends it: who waits goes on waiting until the descriptor is closed.
pub fn stop() {
    // SAFETY: as in `serve`.
    let pump = unsafe { shelf().replace(None) };
    if let Some(pump) = pump {
        pump.stop();
    }
}

/// This is a forked child: the thread stayed in the parent.
pub fn forget() {
    // SAFETY: as in `serve`.
    core::mem::forget(unsafe { shelf().replace(None) });
}
