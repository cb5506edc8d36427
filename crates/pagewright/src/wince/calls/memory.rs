//! `Virtual…`, the CE flavour.

use std::ffi::c_void;

use super::super::constants::CURRENT_PROCESS;
use super::super::{alloc, free, handles, lock, protect, query};
use super::{addr, address, answer, caught, note, require_pointer};
use crate::win32::{BOOL, HANDLE, MEMORY_BASIC_INFORMATION};

/// Reserves or commits memory of this process. NULL and a last error on failure.
///
/// # Safety
/// Recommitting with less access, or over memory in use, has the effects that it has:
/// nobody may rely on access that is taken away.
pub unsafe extern "system" fn VirtualAlloc(
    lpaddress: *mut c_void,
    dwsize: u32,
    flallocationtype: u32,
    flprotect: u32,
) -> *mut c_void {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualAllocEx(CURRENT_PROCESS, lpaddress, dwsize, flallocationtype, flprotect) }
}

/// Reserves or commits memory of a process, by its handle or its id. NULL and a last
/// error on failure.
///
/// # Safety
/// As [`VirtualAlloc`], for that process.
pub unsafe extern "system" fn VirtualAllocEx(
    hprocess: HANDLE,
    lpaddress: *mut c_void,
    dwsize: u32,
    flallocationtype: u32,
    flprotect: u32,
) -> *mut c_void {
    address(caught(|| {
        let request = alloc::decode(addr(lpaddress), u64::from(dwsize), flallocationtype, flprotect)?;
        alloc::perform(&handles::process(hprocess)?, &request)
    }))
}

/// Decommits or releases memory of this process. FALSE and a last error on failure.
///
/// # Safety
/// Nobody may rely on what is freed.
pub unsafe extern "system" fn VirtualFree(lpaddress: *mut c_void, dwsize: u32, dwfreetype: u32) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualFreeEx(CURRENT_PROCESS, lpaddress, dwsize, dwfreetype) }
}

/// Decommits or releases memory of a process, by its handle or its id. FALSE and a last
/// error on failure.
///
/// # Safety
/// As [`VirtualFree`], for that process.
pub unsafe extern "system" fn VirtualFreeEx(
    hprocess: HANDLE,
    lpaddress: *mut c_void,
    dwsize: u32,
    dwfreetype: u32,
) -> BOOL {
    answer(caught(|| {
        let request = free::decode(addr(lpaddress), u64::from(dwsize), dwfreetype)?;
        let process = handles::process(hprocess)?;
        lock::forget(&process, free::perform(&process, &request)?);
        Ok(())
    }))
}

/// Changes the protection of memory of this process. FALSE and a last error on failure.
///
/// # Safety
/// Nobody may rely on access that is taken away. `lpfloldprotect` is NULL or valid.
pub unsafe extern "system" fn VirtualProtect(
    lpaddress: *mut c_void,
    dwsize: u32,
    flnewprotect: u32,
    lpfloldprotect: *mut u32,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualProtectEx(CURRENT_PROCESS, lpaddress, dwsize, flnewprotect, lpfloldprotect) }
}

/// Changes the protection of memory of a process, by its handle or its id. FALSE and a
/// last error on failure.
///
/// # Safety
/// As [`VirtualProtect`], for that process.
pub unsafe extern "system" fn VirtualProtectEx(
    hprocess: HANDLE,
    lpaddress: *mut c_void,
    dwsize: u32,
    flnewprotect: u32,
    lpfloldprotect: *mut u32,
) -> BOOL {
    let changed = caught(|| {
        let request = protect::decode(addr(lpaddress), u64::from(dwsize), flnewprotect)?;
        require_pointer(lpfloldprotect.is_null(), "pointer for the old protection")?;
        protect::perform(&handles::process(hprocess)?, &request)
    });
    answer(changed.map(|old| {
        // SAFETY: it is not NULL, so the caller vouches that it is valid.
        unsafe { lpfloldprotect.write_unaligned(old) };
    }))
}

/// Says what stands at an address of this process: the size of the record, or 0 and a
/// last error.
///
/// # Safety
/// `lpbuffer` is NULL or has room for `dwlength` bytes.
pub unsafe extern "system" fn VirtualQuery(
    lpaddress: *const c_void,
    lpbuffer: *mut MEMORY_BASIC_INFORMATION,
    dwlength: u32,
) -> u32 {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualQueryEx(CURRENT_PROCESS, lpaddress, lpbuffer, dwlength) }
}

/// Says what stands at an address of a process, by its handle or its id: the size of the
/// record, or 0 and a last error.
///
/// # Safety
/// As [`VirtualQuery`].
pub unsafe extern "system" fn VirtualQueryEx(
    hprocess: HANDLE,
    lpaddress: *const c_void,
    lpbuffer: *mut MEMORY_BASIC_INFORMATION,
    dwlength: u32,
) -> u32 {
    let record = caught(|| {
        query::check_length(dwlength)?;
        require_pointer(lpbuffer.is_null(), "buffer")?;
        query::virtual_query(&handles::process(hprocess)?, addr(lpaddress))
    });
    let Some(record) = note(record) else { return 0 };
    // SAFETY: it is not NULL, so it has room for the record; nothing is said about its
    // alignment.
    unsafe { lpbuffer.write_unaligned(record) };
    size_of::<MEMORY_BASIC_INFORMATION>() as u32
}
