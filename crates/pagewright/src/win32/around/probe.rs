//! `IsBadReadPtr` and its kin: whether memory of this process can be accessed.
//!
//! The kernel copies a byte of each page, so nothing faults here; guards that are met are met
//! (BP10), and a stack does not grow (BP06). Another thread can have changed all of it before the
//! answer arrives, which is why these calls are not for programs that are written today.

use std::ffi::c_void;

use pagewright_core::{Rights, State};

use super::super::guarded::caught;
use super::super::local;
use super::super::range::PAGE;
use super::super::types::BOOL;
use super::types::FARPROC;
use crate::memory::Memory;
use crate::process::Process;

/// TRUE if a byte of the range cannot be loaded.
///
/// # Safety
/// None: the pointer is not followed.
pub unsafe extern "system" fn IsBadReadPtr(lp: *const c_void, ucb: usize) -> BOOL {
    is_bad(|| can_load(lp.expose_provenance(), ucb))
}

/// TRUE if a byte of the range cannot be stored to.
///
/// # Safety
/// None: the pointer is not followed.
pub unsafe extern "system" fn IsBadWritePtr(lp: *const c_void, ucb: usize) -> BOOL {
    is_bad(|| {
        let at = lp.expose_provenance();
        can_load(at, ucb) && can_store(at as u64, ucb as u64)
    })
}

/// TRUE if the first byte of a function cannot be loaded; whether it can be run is not asked
/// (BP08).
///
/// # Safety
/// None: the function is not called.
pub unsafe extern "system" fn IsBadCodePtr(lpfn: FARPROC) -> BOOL {
    is_bad(|| lpfn.is_some_and(|function| can_load((function as *const c_void).expose_provenance(), 1)))
}

/// TRUE if a byte of a text cannot be loaded, up to its zero or its length.
///
/// # Safety
/// None: the pointer is not followed.
pub unsafe extern "system" fn IsBadStringPtrA(lpsz: *const u8, ucchmax: usize) -> BOOL {
    is_bad(|| can_load_text(lpsz.expose_provenance(), ucchmax, 1))
}

/// [`IsBadStringPtrA`] for a text of 16-bit units.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn IsBadStringPtrW(lpsz: *const u16, ucchmax: usize) -> BOOL {
    is_bad(|| can_load_text(lpsz.expose_provenance(), ucchmax, 2))
}

fn is_bad(is_good: impl FnOnce() -> bool) -> BOOL {
    BOOL::from(!caught(|| Ok(is_good())).unwrap_or(false))
}

/// One byte of each page. A size of 0 is always good (BP01, BP03).
fn can_load(at: usize, size: usize) -> bool {
    let Some(more) = size.checked_sub(1) else { return true };
    // A range that leaves the user's half is bad whatever is there, and need not be walked.
    if !local::in_user_range(at, size) {
        return false;
    }
    let last = at + more;
    let mut next = at;
    loop {
        if local::load(next, &mut [0]) != 1 {
            return false;
        }
        match (next | (PAGE as usize - 1)).checked_add(1) {
            Some(page) if page <= last => next = page,
            Some(_) | None => return true,
        }
    }
}

/// Whether all pages, which are there, permit stores.
fn can_store(at: u64, size: u64) -> bool {
    let Some(last) = size.checked_sub(1).and_then(|more| at.checked_add(more)) else { return size == 0 };
    let this = Process::current();
    let mut next = at;
    while next <= last {
        let Ok(info) = this.query(next) else { return false };
        let writable = matches!(info.state, State::Committed { protection, .. }
            if protection.rights.intersects(Rights::WRITE | Rights::COPY));
        if !writable {
            return false;
        }
        next = info.base + info.size;
    }
    true
}

/// A page at a time, for a text ends where it ends.
fn can_load_text(at: usize, most: usize, unit: usize) -> bool {
    let Some(size) = most.checked_mul(unit) else { return can_load_text(at, most / unit, unit) };
    let mut page = [0; PAGE as usize];
    let mut done = 0;
    while done < size {
        let Some(next) = at.checked_add(done) else { return false };
        let room = (PAGE as usize - next % PAGE as usize).min(size - done);
        let into = &mut page[..if room < unit { unit } else { room - room % unit }];
        if local::load(next, into) != into.len() {
            return false;
        }
        if into.chunks_exact(unit).any(|unit| unit.iter().all(|byte| *byte == 0)) {
            return true;
        }
        done += into.len();
    }
    true
}
