//! Physical pages (AWE), under their NT names.

use std::ffi::c_void;

use super::super::NTSTATUS;
use super::super::calls::frames;
use super::super::constants::{INVALID_HANDLE_VALUE, NUMA_NO_PREFERRED_NODE};
use super::super::types::HANDLE;
use super::status;

/// [`AllocateUserPhysicalPages`](super::super::AllocateUserPhysicalPages) under its NT name.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn NtAllocateUserPhysicalPages(
    processhandle: HANDLE,
    numberofpages: *mut usize,
    userpfnarray: *mut usize,
) -> NTSTATUS {
    // SAFETY: the caller vouches for the same.
    status(unsafe { frames::take(processhandle, numberofpages, userpfnarray, NUMA_NO_PREFERRED_NODE) })
}

/// [`FreeUserPhysicalPages`](super::super::FreeUserPhysicalPages) under its NT name.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn NtFreeUserPhysicalPages(
    processhandle: HANDLE,
    numberofpages: *mut usize,
    userpfnarray: *const usize,
) -> NTSTATUS {
    // SAFETY: the caller vouches for the same.
    status(unsafe { frames::give_back(processhandle, numberofpages, userpfnarray) })
}

/// [`MapUserPhysicalPages`](super::super::MapUserPhysicalPages) under its NT name.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn NtMapUserPhysicalPages(
    virtualaddress: *const c_void,
    numberofpages: usize,
    userpfnarray: *const usize,
) -> NTSTATUS {
    // SAFETY: the caller vouches for the same.
    status(unsafe { frames::map(INVALID_HANDLE_VALUE, virtualaddress, numberofpages, userpfnarray) })
}

/// [`MapUserPhysicalPagesScatter`](super::super::MapUserPhysicalPagesScatter) under its NT name.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn NtMapUserPhysicalPagesScatter(
    virtualaddresses: *const *const c_void,
    numberofpages: usize,
    userpfnarray: *const usize,
) -> NTSTATUS {
    // SAFETY: the caller vouches for the same.
    status(unsafe { frames::scatter(INVALID_HANDLE_VALUE, virtualaddresses, numberofpages, userpfnarray) })
}
