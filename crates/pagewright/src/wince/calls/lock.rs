//! `LockPages`, `UnlockPages`.

use std::ffi::c_void;

use super::super::constants::CURRENT_PROCESS;
use super::super::failure::Failure;
use super::super::handles;
use super::super::lock::{self, Locking};
use super::{addr, answer, caught, kernel_mode};
use crate::win32::{BOOL, HANDLE};

/// Locks pages of this process into memory, once more than before. Kernel mode only.
/// FALSE and a last error on failure.
///
/// Linux tells no program the numbers of its page frames: `ppfns` must be NULL, else the
/// call is refused with `ERROR_NOT_SUPPORTED`.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "system" fn LockPages(
    lpvaddress: *mut c_void,
    cbsize: u32,
    ppfns: *mut u32,
    foptions: u32,
) -> BOOL {
    // SAFETY: no conditions.
    unsafe { LockPagesEx(CURRENT_PROCESS, lpvaddress, cbsize, ppfns, foptions) }
}

/// The same for a process, by its handle or its id.
///
/// # Safety
/// As [`LockPages`].
pub unsafe extern "system" fn LockPagesEx(
    hprocess: HANDLE,
    lpvaddress: *mut c_void,
    cbsize: u32,
    ppfns: *mut u32,
    foptions: u32,
) -> BOOL {
    answer(caught(|| {
        let request = Locking::decode(addr(lpvaddress), u64::from(cbsize), foptions)?;
        let process = handles::process(hprocess)?;
        let mode = kernel_mode()?;
        if !ppfns.is_null() {
            return Err(Failure::unsupported(
                "Linux tells no program the numbers of its page frames; give NULL",
            ));
        }
        lock::lock_pages(&mode, &process, &request)
    }))
}

/// Takes one lock of pages of this process back. Kernel mode only. FALSE and a last error
/// on failure.
///
/// # Safety
/// Nobody may rely on pages that are let go to stay in memory.
pub unsafe extern "system" fn UnlockPages(lpvaddress: *mut c_void, cbsize: u32) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { UnlockPagesEx(CURRENT_PROCESS, lpvaddress, cbsize) }
}

/// The same for a process, by its handle or its id.
///
/// # Safety
/// As [`UnlockPages`].
pub unsafe extern "system" fn UnlockPagesEx(hprocess: HANDLE, lpvaddress: *mut c_void, cbsize: u32) -> BOOL {
    answer(caught(|| {
        let process = handles::process(hprocess)?;
        let mode = kernel_mode()?;
        lock::unlock_pages(&mode, &process, addr(lpvaddress), u64::from(cbsize))
    }))
}
