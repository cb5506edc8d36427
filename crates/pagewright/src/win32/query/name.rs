//! The paths of mapped files. `K32…` are the same calls under the names that `kernel32` has for
//! those of `psapi`.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;

use super::super::constants::ERROR_INSUFFICIENT_BUFFER;
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::last_error;
use super::super::types::HANDLE;
use super::classes;
use crate::process::Process;

/// Copies the path of the file that is mapped at an address of a process, cut off where the
/// buffer ends (then the last error is 122). Answers how many 16-bit units, without the
/// zero; 0 and a last error on failure.
///
/// # Safety
/// `lpfilename` has room for `nsize` units.
pub unsafe extern "system" fn GetMappedFileNameW(
    hprocess: HANDLE,
    lpv: *const c_void,
    lpfilename: *mut u16,
    nsize: u32,
) -> u32 {
    let named = named(hprocess, lpv);
    // SAFETY: the caller vouches for the room.
    unsafe { put(named, lpfilename, nsize, 0) }
}

/// [`GetMappedFileNameW`] in UTF-8: answers how many bytes.
///
/// # Safety
/// `lpfilename` has room for `nsize` bytes.
pub unsafe extern "system" fn GetMappedFileNameA(
    hprocess: HANDLE,
    lpv: *const c_void,
    lpfilename: *mut u8,
    nsize: u32,
) -> u32 {
    let named = named(hprocess, lpv).map(|name| String::from_utf16_lossy(&name).into_bytes());
    // SAFETY: the caller vouches for the room.
    unsafe { put(named, lpfilename, nsize, 0) }
}

/// [`GetMappedFileNameW`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn K32GetMappedFileNameW(
    hprocess: HANDLE,
    lpv: *const c_void,
    lpfilename: *mut u16,
    nsize: u32,
) -> u32 {
    // SAFETY: the caller vouches for the same.
    unsafe { GetMappedFileNameW(hprocess, lpv, lpfilename, nsize) }
}

/// [`GetMappedFileNameA`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn K32GetMappedFileNameA(
    hprocess: HANDLE,
    lpv: *const c_void,
    lpfilename: *mut u8,
    nsize: u32,
) -> u32 {
    // SAFETY: the caller vouches for the same.
    unsafe { GetMappedFileNameA(hprocess, lpv, lpfilename, nsize) }
}

fn named(process: HANDLE, at: *const c_void) -> Result<Vec<u16>, Failure> {
    handles::through(process, Need::Query, |process| mapped_file(process, at.addr() as u64))
}

/// The path of the file that is mapped at an address, in 16-bit units.
///
/// # Errors
/// `INVALID_ADDRESS` where no file is.
pub(in crate::win32) fn mapped_file(process: &Process, at: u64) -> Result<Vec<u16>, Failure> {
    classes::file_name(process, at)
}

/// # Safety
/// `into` has room for `room` units.
unsafe fn put<T: Copy>(name: Result<Vec<T>, Failure>, into: *mut T, room: u32, zero: T) -> u32 {
    let Some(name) = last_error::note(name) else { return 0 };
    let room = if into.is_null() { 0 } else { room as usize };
    let is_whole = name.len() < room;
    for (index, unit) in name.iter().chain([&zero]).take(room).enumerate() {
        // SAFETY: the caller vouches for the room, which this stays in.
        unsafe { into.add(index).write_unaligned(*unit) };
    }
    if !is_whole {
        last_error::set(ERROR_INSUFFICIENT_BUFFER);
    }
    name.len().min(room) as u32
}
