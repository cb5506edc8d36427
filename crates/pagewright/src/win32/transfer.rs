//! Copies between this process and another one, through a handle: what both layers do.

use pagewright_core::{Kind, Verb};
use pagewright_linux::sys;

use super::copy::{self, Patch};
use super::failure::Failure;
use super::handles::{self, Need};
use super::local::{self, Buffer};
use super::types::HANDLE;
use crate::memory::Memory;
use crate::process::Process;

/// What is copied into a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// Where it begins here, exposed.
    pub(super) address: usize,
    /// How many bytes.
    pub(super) size: usize,
    /// What to do where the target permits no stores.
    pub(super) patch: Patch,
}

/// Copies out of a process, and stores how much.
///
/// # Errors
/// Those of the RW rows; the count is stored then as well.
///
/// # Safety
/// `count` is NULL or valid.
pub(super) unsafe fn read(
    handle: HANDLE,
    at: u64,
    buffer: &Buffer,
    count: *mut usize,
) -> Result<(), Failure> {
    let size = buffer.size();
    let copied = user_range(Verb::Read, buffer.address(), size).and_then(|()| {
        handles::through(handle, Need::Read, |process| {
            if read_at_once(process, at, buffer) { Ok(size) } else { copy::read_into(process, at, buffer) }
        })
    });
    // SAFETY: the caller vouches for the pointer.
    unsafe { report(copied.map_err(counted), count) }
}

/// Copies into a process, and stores how much if that is to be reported.
///
/// # Errors
/// Those of the RW rows.
///
/// # Safety
/// `count` is NULL or valid.
pub(super) unsafe fn write(
    handle: HANDLE,
    at: u64,
    source: Source,
    count: *mut usize,
) -> Result<(), Failure> {
    let Source { address, size, patch } = source;
    let need = match patch {
        Patch::Code => Need::Write,
        Patch::Nothing => Need::Store,
    };
    let copied = user_range(Verb::Write, address, size).and_then(|()| {
        handles::through(handle, need, |process| {
            copy::write_from(process, at, size, patch, |offset, into| local::load(address + offset, into))
        })
    });
    let copied = match patch {
        Patch::Code => copied, // RW20: the count may be left alone
        Patch::Nothing => copied.map_err(counted),
    };
    // SAFETY: the caller vouches for the pointer.
    unsafe { report(copied, count) }
}

/// Whatever went wrong, how much came of it is reported (RW18, RW39).
fn counted(failure: Failure) -> Failure {
    let transferred = failure.transferred.unwrap_or(0);
    failure.after(transferred)
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

/// Stores a count if there is one to report and a place for it.
///
/// # Safety
/// `into` is NULL or valid.
unsafe fn report(copied: Result<usize, Failure>, into: *mut usize) -> Result<(), Failure> {
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
    copied.map(drop)
}
