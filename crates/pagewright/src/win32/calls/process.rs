//! Processes, and copies between them.

use std::ffi::c_void;
use std::ptr;

use pagewright_core::{Kind, Verb};
use pagewright_linux::sys;

use super::super::constants::INVALID_HANDLE_VALUE;
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::local::{self, Buffer};
use super::super::types::{BOOL, HANDLE, PROCESS_ACCESS_RIGHTS};
use super::super::{copy, last_error};
use super::answer;
use crate::memory::Memory;
use crate::process::Process;

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
    answer(handles::through(hprocess, Need::Handle, |process| {
        if process.has_ended() {
            return Err(Failure::core(Verb::Write, Kind::Gone, 0, 0));
        }
        Ok(())
    }))
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
    // SAFETY: the caller vouches for the buffer.
    let buffer = unsafe { Buffer::new(lpbuffer, nsize) };
    let at = lpbaseaddress.addr() as u64;
    let copied = user_range(Verb::Read, buffer.address(), nsize).and_then(|()| {
        handles::through(hprocess, Need::Read, |process| {
            if read_at_once(process, at, &buffer) { Ok(nsize) } else { copy::read_into(process, at, &buffer) }
        })
    });
    // Whatever went wrong, a read reports how much came of it (RW18, RW39).
    let copied = copied.map_err(|failure| {
        let transferred = failure.transferred.unwrap_or(0);
        failure.after(transferred)
    });
    // SAFETY: the caller vouches for the pointer.
    unsafe { count(copied, lpnumberofbytesread) }
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
    let (at, from) = (lpbaseaddress.addr() as u64, lpbuffer.expose_provenance());
    let copied = user_range(Verb::Write, from, nsize).and_then(|()| {
        handles::through(hprocess, Need::Write, |process| {
            copy::write_from(process, at, nsize, |offset, into| local::load(from + offset, into))
        })
    });
    // SAFETY: the caller vouches for the pointer.
    unsafe { count(copied, lpnumberofbyteswritten) }
}

/// The common case of a read: one copy by the kernel, straight to the caller. False
/// if it was not all, for whatever reason: then the careful way finds out.
fn read_at_once(process: &Process, at: u64, buffer: &Buffer) -> bool {
    let size = buffer.size();
    if size == 0 || at > process.highest() {
        return false;
    }
    let pid = process.pid() as usize;
    let near = [buffer.address(), size];
    let far = [at as usize, size];
    let args = [pid, near.as_ptr().addr(), 1, far.as_ptr().addr(), 1, 0];
    // SAFETY: the arrays are one `iovec` each and live across the call; the kernel
    // stores to the buffer only, which may be overwritten.
    let copied = unsafe { sys::syscall(libc::SYS_process_vm_readv as u32, args) };
    // The number meant this process all the while if it has not ended now.
    copied == Ok(size) && !process.has_ended()
}

/// A buffer of ours that cannot be one (RW35).
fn user_range(verb: Verb, address: usize, size: usize) -> Result<(), Failure> {
    if size == 0 || local::in_user_range(address, size) {
        return Ok(());
    }
    Err(Failure::core(verb, Kind::BadSize, address as u64, size as u64))
}

/// Reports a count if there is one to report and a place for it.
///
/// # Safety
/// `into` is NULL or valid.
unsafe fn count(copied: Result<usize, Failure>, into: *mut usize) -> BOOL {
    let transferred = match &copied {
        Ok(copied) => Some(*copied),
        Err(failure) => failure.transferred,
    };
    if let Some(transferred) = transferred
        && !into.is_null()
    {
        // SAFETY: the caller vouches for it.
        unsafe { into.write_unaligned(transferred) };
    }
    answer(copied.map(drop))
}
