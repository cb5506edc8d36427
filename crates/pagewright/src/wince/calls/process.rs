//! Processes, and copies between them.

use std::ffi::c_void;
use std::ptr;

use super::super::failure::Failure;
use super::super::{constants::CURRENT_PROCESS, copy, handles};
use super::{addr, answer, caught, note};
use crate::memory::Memory;
use crate::win32::local::{self, Buffer};
use crate::win32::{self, BOOL, HANDLE, PROCESS_ALL_ACCESS};

/// Bytes copied at once: each piece is checked before it is copied.
const PIECE: usize = 1 << 20;

/// Opens a process. Handles have no rights of their own: both flags must be 0. NULL and a
/// last error on failure.
///
/// # Safety
/// None: any process id is answered.
pub unsafe extern "system" fn OpenProcess(fdwaccess: u32, finherit: BOOL, idprocess: u32) -> HANDLE {
    if fdwaccess != 0 || finherit != 0 {
        let wrong = Failure::argument("access", u64::from(fdwaccess), "give 0, and no inheritance");
        note::<()>(Err(wrong));
        return ptr::null_mut();
    }
    // SAFETY: no conditions.
    unsafe { win32::OpenProcess(PROCESS_ALL_ACCESS, 0, idprocess) }
}

/// The pseudo handle of this process, which needs no closing.
///
/// # Safety
/// None.
pub const unsafe extern "system" fn GetCurrentProcess() -> HANDLE {
    CURRENT_PROCESS
}

/// Copies out of a process, by its handle or its id, all or nothing. FALSE and a last
/// error on failure; the count is 0 then. Bad pointers are an error, not a fault.
///
/// # Safety
/// Where `lpbuffer` is writable for `nsize` bytes, it is the caller's to be overwritten.
/// `lpnumberofbytesread` is NULL or valid.
pub unsafe extern "system" fn ReadProcessMemory(
    hprocess: HANDLE,
    lpbaseaddress: *const c_void,
    lpbuffer: *mut c_void,
    nsize: u32,
    lpnumberofbytesread: *mut u32,
) -> BOOL {
    // SAFETY: the caller vouches for the buffer.
    let buffer = unsafe { Buffer::new(lpbuffer, nsize as usize) };
    let copied = caught(|| read(&handles::process(hprocess)?, addr(lpbaseaddress), &buffer));
    // SAFETY: the caller vouches for the pointer.
    unsafe { count(copied, nsize, lpnumberofbytesread) }
}

/// Copies into a process, by its handle or its id, all or nothing. FALSE and a last error
/// on failure; the count is 0 then. Bad pointers are an error, not a fault.
///
/// # Safety
/// What is overwritten is the caller's to overwrite. `lpnumberofbyteswritten` is NULL or
/// valid.
pub unsafe extern "system" fn WriteProcessMemory(
    hprocess: HANDLE,
    lpbaseaddress: *mut c_void,
    lpbuffer: *const c_void,
    nsize: u32,
    lpnumberofbyteswritten: *mut u32,
) -> BOOL {
    let copied = caught(|| {
        let process = handles::process(hprocess)?;
        write(&process, addr(lpbaseaddress), lpbuffer.expose_provenance(), nsize as usize)
    });
    // SAFETY: the caller vouches for the pointer.
    unsafe { count(copied, nsize, lpnumberofbyteswritten) }
}

fn read<M: Memory>(memory: &M, at: u64, buffer: &Buffer) -> Result<(), Failure> {
    let size = buffer.size();
    copy::check_readable(memory, at, size as u64)?;
    let mut bounce = vec![0; size.min(PIECE)];
    for offset in (0..size).step_by(PIECE) {
        let piece = &mut bounce[..PIECE.min(size - offset)];
        copy::read_memory(memory, at + offset as u64, piece)?;
        if buffer.store(offset, piece) != piece.len() {
            return Err(bad_buffer(buffer.address()));
        }
    }
    Ok(())
}

fn write<M: Memory>(memory: &M, at: u64, from: usize, size: usize) -> Result<(), Failure> {
    copy::check_writable(memory, at, size as u64)?;
    // All of it first: a buffer that ends too soon must not leave half of it behind.
    let mut bytes = vec![0; size];
    if local::load(from, &mut bytes) != size {
        return Err(bad_buffer(from));
    }
    copy::write_memory(memory, at, &bytes)
}

fn bad_buffer(address: usize) -> Failure {
    Failure::argument("buffer", address as u64, "give one that is accessible, all of it")
}

/// The answer of a copy, and its count.
///
/// # Safety
/// `into` is NULL or valid.
unsafe fn count(copied: Result<(), Failure>, size: u32, into: *mut u32) -> BOOL {
    if !into.is_null() {
        // SAFETY: the caller vouches for it.
        unsafe { into.write_unaligned(if copied.is_ok() { size } else { 0 }) };
    }
    answer(copied)
}
