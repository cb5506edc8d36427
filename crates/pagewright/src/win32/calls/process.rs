//! Processes, and copies between them.

use std::ffi::c_void;
use std::ptr;

use pagewright_core::{Kind, Verb};

use super::super::constants::INVALID_HANDLE_VALUE;
use super::super::copy::Patch;
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::last_error;
use super::super::local::Buffer;
use super::super::transfer::{self, Source};
use super::super::types::{BOOL, HANDLE, PROCESS_ACCESS_RIGHTS};
use super::answer;

/// Opens the process with this id for the rights in `dwdesiredaccess`. NULL and a
/// last error on failure.
///
/// `binherithandle` is accepted and has no effect: a program that is started gets
/// no handles of ours.
///
/// # Safety
/// None: any process id is answered.
pub unsafe extern "system" fn OpenProcess(
    dwdesiredaccess: PROCESS_ACCESS_RIGHTS,
    _binherithandle: BOOL,
    dwprocessid: u32,
) -> HANDLE {
    last_error::note(handles::open(dwprocessid, dwdesiredaccess)).unwrap_or(ptr::null_mut())
}

/// The pseudo handle of this process, which has all rights and needs no closing.
///
/// # Safety
/// None.
pub const unsafe extern "system" fn GetCurrentProcess() -> HANDLE {
    INVALID_HANDLE_VALUE
}

/// The id of a process; 0 and a last error on failure.
///
/// # Safety
/// None: any handle is answered.
pub unsafe extern "system" fn GetProcessId(process: HANDLE) -> u32 {
    last_error::note(handles::through(process, Need::Query, |process| Ok(process.pid()))).unwrap_or(0)
}

/// Closes a handle. FALSE and a last error on failure.
///
/// # Safety
/// None: any handle is answered.
pub unsafe extern "system" fn CloseHandle(hobject: HANDLE) -> BOOL {
    answer(handles::close(hobject))
}

/// Makes written code visible to execution. x86 does that by itself, so only the
/// handle is checked.
///
/// # Safety
/// None.
pub unsafe extern "system" fn FlushInstructionCache(
    hprocess: HANDLE,
    _lpbaseaddress: *const c_void,
    _dwsize: usize,
) -> BOOL {
    answer(flush_code(hprocess))
}

/// # Errors
/// 6 for no handle of a process, 5 for one that has ended.
pub(in crate::win32) fn flush_code(process: HANDLE) -> Result<(), Failure> {
    handles::through(process, Need::Handle, |process| {
        if process.has_ended() {
            return Err(Failure::core(Verb::Write, Kind::Gone, 0, 0));
        }
        Ok(())
    })
}

/// Copies out of a process. FALSE and a last error when not all could be copied;
/// then the count says how much was. Bad pointers are an error, not a fault.
///
/// # Safety
/// Where `lpbuffer` is writable for `nsize` bytes, it is the caller's to be
/// overwritten. `lpnumberofbytesread` is NULL or valid.
pub unsafe extern "system" fn ReadProcessMemory(
    hprocess: HANDLE,
    lpbaseaddress: *const c_void,
    lpbuffer: *mut c_void,
    nsize: usize,
    lpnumberofbytesread: *mut usize,
) -> BOOL {
    // SAFETY: the caller vouches for buffer and pointer.
    unsafe {
        let buffer = Buffer::new(lpbuffer, nsize);
        answer(transfer::read(hprocess, lpbaseaddress.addr() as u64, &buffer, lpnumberofbytesread))
    }
}

/// Copies into a process. FALSE and a last error when not all could be copied.
/// Bad pointers are an error, not a fault.
///
/// # Safety
/// What is overwritten is the caller's to overwrite. `lpnumberofbyteswritten` is
/// NULL or valid.
pub unsafe extern "system" fn WriteProcessMemory(
    hprocess: HANDLE,
    lpbaseaddress: *const c_void,
    lpbuffer: *const c_void,
    nsize: usize,
    lpnumberofbyteswritten: *mut usize,
) -> BOOL {
    let source = Source { address: lpbuffer.expose_provenance(), size: nsize, patch: Patch::Code };
    // SAFETY: the caller vouches for the pointer.
    answer(unsafe { transfer::write(hprocess, lpbaseaddress.addr() as u64, source, lpnumberofbyteswritten) })
}
