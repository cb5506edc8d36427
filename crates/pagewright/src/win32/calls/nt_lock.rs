//! `NtLockVirtualMemory`, `NtUnlockVirtualMemory`: locks in any process.

use std::ffi::c_void;
use std::ptr;

use pagewright_core::{Kind, Lock, PageRange, Verb, Wiring};

use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::super::{NTSTATUS, limits};
use super::memory::require_pointer;
use crate::memory::Memory;
use crate::privilege;
use crate::process::Process;

/// Lock into the working set of the process.
const MAP_PROCESS: u32 = 1;
/// Lock into main memory, which needs the privilege to. Both are the same here.
const MAP_SYSTEM: u32 = 2;

/// Locks pages of a process into memory. What is locked is written back: the address and the
/// bytes. The handle needs `PROCESS_VM_OPERATION`; the option 2 the privilege to lock memory.
///
/// # Safety
/// The pointers are NULL or valid.
pub unsafe extern "system" fn NtLockVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    regionsize: *mut usize,
    mapoptions: u32,
) -> NTSTATUS {
    let ask = |process: &Process, at, size| {
        let quota = Some(limits::of(process)?.lockable());
        Ok(process.lock(&Lock { at, size, wiring: Wiring::Wired, quota })?)
    };
    // SAFETY: the caller vouches for the same.
    unsafe { serve(processhandle, baseaddress, regionsize, mapoptions, ask) }
}

/// Lets locked pages of a process go; else as [`NtLockVirtualMemory`].
///
/// # Safety
/// As there; nobody may rely on pages that are let go to stay in memory.
pub unsafe extern "system" fn NtUnlockVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    regionsize: *mut usize,
    mapoptions: u32,
) -> NTSTATUS {
    let ask = |process: &Process, at, size| {
        Ok(process.lock(&Lock { at, size, wiring: Wiring::Pageable, quota: None })?)
    };
    // SAFETY: the caller vouches for the same.
    unsafe { serve(processhandle, baseaddress, regionsize, mapoptions, ask) }
}

/// # Safety
/// The pointers are NULL or valid.
unsafe fn serve(
    process: HANDLE,
    base: *mut *mut c_void,
    size: *mut usize,
    options: u32,
    ask: impl FnOnce(&Process, u64, u64) -> Result<PageRange, Failure>,
) -> NTSTATUS {
    let range = check(options).and_then(|()| {
        require_pointer(base.is_null() || size.is_null(), "pointer to the range")?;
        // SAFETY: neither is NULL, and the caller vouches for them then.
        let (at, bytes) = unsafe { (base.read_unaligned().addr() as u64, size.read_unaligned() as u64) };
        handles::through(process, Need::Operate, |process| {
            check_privilege(options)?;
            ask(process, at, bytes)
        })
    });
    match range {
        Ok(range) => {
            // SAFETY: as above.
            unsafe {
                base.write_unaligned(ptr::with_exposed_provenance_mut(range.start().get() as usize));
                size.write_unaligned(range.bytes() as usize);
            }
            NtStatus::SUCCESS.0 as NTSTATUS
        }
        Err(failure) => failure.status.0 as NTSTATUS,
    }
}

/// VL22.
fn check(options: u32) -> Result<(), Failure> {
    if options != 0 && options & !(MAP_PROCESS | MAP_SYSTEM) == 0 {
        return Ok(());
    }
    let fix = "give 1, 2 or both";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER, "options", options.into(), fix))
}

/// VL23.
fn check_privilege(options: u32) -> Result<(), Failure> {
    if options & MAP_SYSTEM == 0 || privilege::may_lock_pages() {
        return Ok(());
    }
    Err(Failure::core(Verb::Lock, Kind::Privilege, 0, 0))
}
