//! The calls with `FromApp`: those of packaged programs, which get no memory that can be
//! stored to and executed.

use std::ffi::c_void;

use super::super::constants::{
    INVALID_HANDLE_VALUE, PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY,
};
use super::super::failure::Failure;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE, MEM_EXTENDED_PARAMETER, VIRTUAL_ALLOCATION_TYPE};
use super::answer;
use super::memory::{VirtualAlloc2, VirtualAllocEx, VirtualProtect, allocated};

/// [`VirtualAlloc`](super::VirtualAlloc) without execute access (VA73, VA74).
///
/// # Safety
/// As there.
pub unsafe extern "system" fn VirtualAllocFromApp(
    baseaddress: *const c_void,
    size: usize,
    allocationtype: VIRTUAL_ALLOCATION_TYPE,
    protection: u32,
) -> *mut c_void {
    if let Err(failure) = without(ANY_CODE, protection) {
        return allocated(Err(failure));
    }
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualAllocEx(INVALID_HANDLE_VALUE, baseaddress, size, allocationtype, protection) }
}

/// [`VirtualAlloc2`] without execute access (VA75).
///
/// # Safety
/// As there.
pub unsafe extern "system" fn VirtualAlloc2FromApp(
    process: HANDLE,
    baseaddress: *const c_void,
    size: usize,
    allocationtype: VIRTUAL_ALLOCATION_TYPE,
    pageprotection: u32,
    extendedparameters: *mut MEM_EXTENDED_PARAMETER,
    parametercount: u32,
) -> *mut c_void {
    if let Err(failure) = without(ANY_CODE, pageprotection) {
        return allocated(Err(failure));
    }
    let (base, kind, protect) = (baseaddress, allocationtype, pageprotection);
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualAlloc2(process, base, size, kind, protect, extendedparameters, parametercount) }
}

/// [`VirtualProtect`] without access that stores and executes: memory is written first, and
/// made executable then.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn VirtualProtectFromApp(
    address: *const c_void,
    size: usize,
    newprotection: u32,
    oldprotection: *mut u32,
) -> BOOL {
    if let Err(failure) = without(CODE_THAT_CHANGES, newprotection) {
        return answer(Err(failure));
    }
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualProtect(address, size, newprotection, oldprotection) }
}

const CODE_THAT_CHANGES: u32 = PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
const ANY_CODE: u32 = PAGE_EXECUTE | PAGE_EXECUTE_READ | CODE_THAT_CHANGES;

/// 87 for a protection that has one of the bits.
fn without(bits: u32, protection: u32) -> Result<(), Failure> {
    if protection & bits == 0 {
        return Ok(());
    }
    let fix = "a packaged program gets no such memory; give an access without execute and write";
    let status = NtStatus::INVALID_PAGE_PROTECTION;
    Err(Failure::argument(status, "protection", protection.into(), fix))
}
