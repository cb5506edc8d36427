//! `Virtual…`.

use std::ffi::c_void;
use std::ptr;

use pagewright_core::{Geometry, Kind, Verb};

use super::super::advice::{self, Advice, Span};
use super::super::constants::INVALID_HANDLE_VALUE;
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles::{self, Need};
use super::super::kind::Words;
use super::super::status::NtStatus;
use super::super::types::{
    BOOL, HANDLE, MEM_EXTENDED_PARAMETER, MEMORY_BASIC_INFORMATION, PAGE_PROTECTION_FLAGS,
    VIRTUAL_ALLOCATION_TYPE, VIRTUAL_FREE_TYPE,
};
use super::super::{alloc, extended, free, last_error, limits, lock, numa, protect, protection, query};
use super::answer;
use crate::process::Process;

pub(super) const HIGHEST: u64 = Geometry::X86_64.highest;

/// Reserves or commits memory of this process. NULL and a last error on failure.
///
/// # Safety
/// Recommitting with less access, or over memory in use, has the effects that it
/// has: nobody may rely on access that is taken away.
pub unsafe extern "system" fn VirtualAlloc(
    lpaddress: *const c_void,
    dwsize: usize,
    flallocationtype: VIRTUAL_ALLOCATION_TYPE,
    flprotect: PAGE_PROTECTION_FLAGS,
) -> *mut c_void {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualAllocEx(INVALID_HANDLE_VALUE, lpaddress, dwsize, flallocationtype, flprotect) }
}

/// Reserves or commits memory of a process. NULL and a last error on failure.
///
/// # Safety
/// As [`VirtualAlloc`], for that process.
pub unsafe extern "system" fn VirtualAllocEx(
    hprocess: HANDLE,
    lpaddress: *const c_void,
    dwsize: usize,
    flallocationtype: VIRTUAL_ALLOCATION_TYPE,
    flprotect: PAGE_PROTECTION_FLAGS,
) -> *mut c_void {
    let plan = alloc::Plan::decode(addr(lpaddress), dwsize as u64, flallocationtype, flprotect, HIGHEST);
    allocated(plan.and_then(|plan| handles::through(hprocess, Need::Operate, |it| plan.perform(it))))
}

/// [`VirtualAllocEx`], near a node of the machine. Where something is reserved already the
/// node has no effect; 87 when there is no such node.
///
/// # Safety
/// As [`VirtualAlloc`], for that process.
pub unsafe extern "system" fn VirtualAllocExNuma(
    hprocess: HANDLE,
    lpaddress: *const c_void,
    dwsize: usize,
    flallocationtype: VIRTUAL_ALLOCATION_TYPE,
    flprotect: u32,
    nndpreferred: u32,
) -> *mut c_void {
    let plan = alloc::Plan::decode(addr(lpaddress), dwsize as u64, flallocationtype, flprotect, HIGHEST);
    let plan = plan.and_then(|plan| {
        numa::check(nndpreferred)?; // LP36
        Ok(plan.prefer(alloc::decode_node(nndpreferred)?))
    });
    allocated(plan.and_then(|plan| handles::through(hprocess, Need::Operate, |it| plan.perform(it))))
}

/// [`VirtualAllocEx`] with extended parameters: address requirements, a node, and attributes
/// for the kind of large pages; and with placeholders (PH rows). A NULL process is this one (HR13).
///
/// # Safety
/// As [`VirtualAllocEx`]; `extendedparameters` points to `parametercount` of them,
/// and the pointers in them are valid.
pub unsafe extern "system" fn VirtualAlloc2(
    process: HANDLE,
    baseaddress: *const c_void,
    size: usize,
    allocationtype: VIRTUAL_ALLOCATION_TYPE,
    pageprotection: u32,
    extendedparameters: *mut MEM_EXTENDED_PARAMETER,
    parametercount: u32,
) -> *mut c_void {
    let process = if process.is_null() { INVALID_HANDLE_VALUE } else { process };
    // SAFETY: the caller vouches for the parameters.
    let extended = unsafe { extended::decode(extendedparameters, parametercount) };
    let plan = extended.and_then(|extended| {
        let (at, size) = (addr(baseaddress), size as u64);
        let plan =
            alloc::Plan::decode_words(at, size, allocationtype, pageprotection, HIGHEST, Words::Extended)?;
        extended.refine(plan, HIGHEST)
    });
    allocated(plan.and_then(|plan| handles::through(process, Need::Operate, |it| plan.perform(it))))
}

/// Decommits or releases memory of this process. FALSE and a last error on failure.
///
/// # Safety
/// Nobody may rely on what is freed.
pub unsafe extern "system" fn VirtualFree(
    lpaddress: *mut c_void,
    dwsize: usize,
    dwfreetype: VIRTUAL_FREE_TYPE,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualFreeEx(INVALID_HANDLE_VALUE, lpaddress, dwsize, dwfreetype) }
}

/// Decommits or releases memory of a process. FALSE and a last error on failure.
///
/// # Safety
/// As [`VirtualFree`], for that process.
pub unsafe extern "system" fn VirtualFreeEx(
    hprocess: HANDLE,
    lpaddress: *mut c_void,
    dwsize: usize,
    dwfreetype: VIRTUAL_FREE_TYPE,
) -> BOOL {
    let request = free::decode(addr(lpaddress), dwsize as u64, dwfreetype, HIGHEST);
    answer(request.and_then(|request| {
        handles::through(hprocess, Need::Operate, |process| free::perform(process, &request).map(drop))
    }))
}

/// Changes the protection of memory of this process. FALSE and a last error on
/// failure.
///
/// # Safety
/// Nobody may rely on access that is taken away. `lpfloldprotect` is NULL or valid.
pub unsafe extern "system" fn VirtualProtect(
    lpaddress: *const c_void,
    dwsize: usize,
    flnewprotect: PAGE_PROTECTION_FLAGS,
    lpfloldprotect: *mut PAGE_PROTECTION_FLAGS,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualProtectEx(INVALID_HANDLE_VALUE, lpaddress, dwsize, flnewprotect, lpfloldprotect) }
}

/// Changes the protection of memory of a process. FALSE and a last error on failure.
///
/// # Safety
/// As [`VirtualProtect`], for that process.
pub unsafe extern "system" fn VirtualProtectEx(
    hprocess: HANDLE,
    lpaddress: *const c_void,
    dwsize: usize,
    flnewprotect: PAGE_PROTECTION_FLAGS,
    lpfloldprotect: *mut PAGE_PROTECTION_FLAGS,
) -> BOOL {
    let changed = protection::decode_protection(flnewprotect).and_then(|protection| {
        require_pointer(lpfloldprotect.is_null(), "pointer for the old protection")?; // VP01
        let request = protect::decode(addr(lpaddress), dwsize as u64, protection, HIGHEST)?;
        handles::through(hprocess, Need::Operate, |process| protect::perform(process, &request))
    });
    if let Some(old) = protect::told(&changed) {
        // SAFETY: it is not NULL, or the call would have been refused for another
        // reason; the caller vouches that it is valid then.
        unsafe { lpfloldprotect.write_unaligned(old) };
    }
    answer(changed.map(drop))
}

/// Says what stands at an address of this process: the size of the record, or 0 and
/// a last error. Takes no memory and no locks: safe in a signal handler.
///
/// # Safety
/// `lpbuffer` is NULL or has room for `dwlength` bytes.
pub unsafe extern "system" fn VirtualQuery(
    lpaddress: *const c_void,
    lpbuffer: *mut MEMORY_BASIC_INFORMATION,
    dwlength: usize,
) -> usize {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualQueryEx(INVALID_HANDLE_VALUE, lpaddress, lpbuffer, dwlength) }
}

/// Says what stands at an address of a process: the size of the record, or 0 and a
/// last error.
///
/// # Safety
/// As [`VirtualQuery`].
pub unsafe extern "system" fn VirtualQueryEx(
    hprocess: HANDLE,
    lpaddress: *const c_void,
    lpbuffer: *mut MEMORY_BASIC_INFORMATION,
    dwlength: usize,
) -> usize {
    let address = addr(lpaddress);
    let record = query::check_length(dwlength)
        .and_then(|()| query::check_address(address, HIGHEST))
        .and_then(|()| require_pointer(lpbuffer.is_null(), "buffer")) // VQ26
        .and_then(|()| {
            handles::through(hprocess, Need::Query, |process| query::virtual_query(process, address))
        });
    let Some(record) = last_error::note(record) else { return 0 };
    // SAFETY: it is not NULL, so it has room for the record; nothing is said about
    // its alignment.
    unsafe { lpbuffer.write_unaligned(record) };
    size_of::<MEMORY_BASIC_INFORMATION>()
}

/// Locks pages of this process into memory. FALSE and a last error on failure.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "system" fn VirtualLock(lpaddress: *const c_void, dwsize: usize) -> BOOL {
    let (at, size) = (addr(lpaddress), dwsize as u64);
    answer(caught(|| lock::virtual_lock_within(&Process::current(), at, size, &limits::own())))
}

/// Lets locked pages of this process go. FALSE and a last error on failure: 158 when a page is
/// not locked. Then the pages, if they are there, are the first to leave main memory when that
/// gets short (VL11).
///
/// # Safety
/// Nobody may rely on pages that are let go to stay in memory.
pub unsafe extern "system" fn VirtualUnlock(lpaddress: *const c_void, dwsize: usize) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualUnlockEx(INVALID_HANDLE_VALUE, lpaddress, dwsize) }
}

/// [`VirtualUnlock`] for any process; NULL is this one.
///
/// # Safety
/// As [`VirtualUnlock`], for that process.
pub unsafe extern "system" fn VirtualUnlockEx(process: HANDLE, address: *const c_void, size: usize) -> BOOL {
    let process = if process.is_null() { INVALID_HANDLE_VALUE } else { process };
    let (at, size) = (addr(address), size as u64);
    answer(handles::through(process, Need::Operate, |process| {
        let unlocked = lock::virtual_unlock(process, at, size);
        if let Err(failure) = &unlocked
            && failure.status == NtStatus::NOT_LOCKED
            && let Some(span) = Span::touching(at, size, HIGHEST)
        {
            advice::give(process, &[span], Advice::Cold);
        }
        unlocked
    }))
}

pub(super) fn addr(pointer: *const c_void) -> u64 {
    pointer.addr() as u64
}

/// The base as a pointer, or NULL and a last error.
pub(super) fn allocated(base: Result<u64, Failure>) -> *mut c_void {
    match last_error::note(base) {
        Some(base) => ptr::with_exposed_provenance_mut(base as usize),
        None => ptr::null_mut(),
    }
}

/// 998 for a pointer that must not be NULL.
pub(in crate::win32) fn require_pointer(is_null: bool, what: &'static str) -> Result<(), Failure> {
    if is_null {
        return Err(Failure::argument(NtStatus::ACCESS_VIOLATION, what, 0, "give the address of one"));
    }
    Ok(())
}

const _: () = assert!(
    NtStatus::of(Verb::Protect, Kind::NotCommitted).0 == NtStatus::NOT_COMMITTED.0,
    "VP05 is recognised by this status"
);
