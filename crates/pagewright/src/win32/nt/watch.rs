//! `NtGetWriteWatch`, `NtResetWriteWatch`.

use std::ffi::c_void;

use pagewright_core::Stores;

use super::super::NTSTATUS;
use super::super::calls::watch::{self, Into};
use super::super::types::HANDLE;
use super::status;

/// [`GetWriteWatchEx`](super::super::GetWriteWatchEx) under its NT name.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn NtGetWriteWatch(
    processhandle: HANDLE,
    flags: u32,
    baseaddress: *const c_void,
    regionsize: usize,
    useraddressarray: *mut *mut c_void,
    entriesinuseraddressarray: *mut usize,
    granularity: *mut u32,
) -> NTSTATUS {
    let into = Into { addresses: useraddressarray, count: entriesinuseraddressarray, granularity };
    // SAFETY: the caller vouches for the pointers.
    status(unsafe { watch::list(processhandle, flags, baseaddress.addr() as u64, regionsize as u64, into) })
}

/// [`ResetWriteWatchEx`](super::super::ResetWriteWatchEx) under its NT name.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn NtResetWriteWatch(
    processhandle: HANDLE,
    baseaddress: *const c_void,
    regionsize: usize,
) -> NTSTATUS {
    status(watch::mark(processhandle, baseaddress, regionsize, Stores::Forget))
}
