//! Windows of physical memory: what `PAGE_PHYSICAL` may name.

use std::ffi::c_int;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rust::win32::{
    BOOL, ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY,
    WIN32_ERROR,
};
use rust::wince::{self, KernelMode, Permit, PhysicalWindow};

use super::{answer, refuse};

#[unsafe(no_mangle)]
unsafe extern "C" fn PwGrantPhysicalWindow(
    base: u64,
    length: u64,
    descriptor: c_int,
    offset: u64,
    writable: BOOL,
) -> BOOL {
    let Some(mode) = KernelMode::current() else { return refuse(ERROR_ACCESS_DENIED) };
    let permit = if writable == 0 { Permit::Read } else { Permit::ReadWrite };
    match own_descriptor(descriptor) {
        Ok(descriptor) => {
            let window = PhysicalWindow { base, length, descriptor, offset, permit };
            answer(wince::grant_physical_window(&mode, window).map(drop))
        }
        Err(code) => refuse(code),
    }
}

/// Windows do not overlap, so that C needs no other name for one than its base.
#[unsafe(no_mangle)]
extern "C" fn PwRevokePhysicalWindow(base: u64) -> BOOL {
    let Some(mode) = KernelMode::current() else { return refuse(ERROR_ACCESS_DENIED) };
    match wince::physical_windows().into_iter().find(|(_, at, _)| *at == base) {
        Some((window, _, _)) => answer(wince::revoke_physical_window(&mode, window)),
        None => refuse(ERROR_INVALID_PARAMETER),
    }
}

/// A descriptor for the window to keep: the caller's stays the caller's.
fn own_descriptor(number: c_int) -> Result<OwnedFd, WIN32_ERROR> {
    if number < 0 {
        return Err(ERROR_INVALID_HANDLE);
    }
    // SAFETY: it is used for this call alone, which says so if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    borrowed.try_clone_to_owned().map_err(|error| code(&error))
}

fn code(error: &io::Error) -> WIN32_ERROR {
    const EBADF: i32 = 9;
    if error.raw_os_error() == Some(EBADF) { ERROR_INVALID_HANDLE } else { ERROR_NOT_ENOUGH_MEMORY }
}
