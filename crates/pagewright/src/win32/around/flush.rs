//! `FlushViewOfFile`, `NtFlushVirtualMemory`: what was stored through a view goes to its file.

use std::ffi::c_void;

use pagewright_core::{Backing, State};
use rustix::mm::{MsyncFlags, msync};

use super::super::NTSTATUS;
use super::super::calls::answer;
use super::super::constants::INVALID_HANDLE_VALUE;
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles::{self, Need};
use super::super::nt::InOut;
use super::super::range;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::types::{IO_STATUS_BLOCK, IO_STATUS_BLOCK_0};
use crate::memory::Memory;
use crate::process::Process;

/// Writes what was stored through a view of this process to its file; 0 bytes mean all that
/// follows. FALSE and a last error on failure: 487 where no view is (PF18).
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "system" fn FlushViewOfFile(
    lpbaseaddress: *const c_void,
    dwnumberofbytestoflush: usize,
) -> BOOL {
    let (at, size) = (lpbaseaddress.addr() as u64, dwnumberofbytestoflush as u64);
    let flushed = caught(|| handles::through(INVALID_HANDLE_VALUE, Need::Operate, |it| flush(it, at, size)));
    answer(flushed.map(drop))
}

/// [`FlushViewOfFile`] under its NT name, which writes the range back, rounded to pages. Only this
/// process can be served.
///
/// # Safety
/// The pointers are NULL or valid.
pub unsafe extern "system" fn NtFlushVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    regionsize: *mut usize,
    iostatus: *mut IO_STATUS_BLOCK,
) -> NTSTATUS {
    let place = InOut { base: baseaddress, size: regionsize };
    let flushed = caught(|| {
        // SAFETY: the caller vouches for the pointers.
        let (at, size) = unsafe { place.load() }?;
        handles::through(processhandle, Need::Operate, |process| flush(process, at, size))
    });
    if flushed.is_ok() && !iostatus.is_null() {
        let done = IO_STATUS_BLOCK_0 { Status: NtStatus::SUCCESS.0 as NTSTATUS };
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { iostatus.write_unaligned(IO_STATUS_BLOCK { Anonymous: done, Information: 0 }) };
    }
    // SAFETY: the caller vouches for the pointers.
    unsafe { place.answer(flushed) }
}

/// Base and bytes of what was written.
fn flush(process: &Process, at: u64, size: u64) -> Result<(u64, u64), Failure> {
    if !process.is_current() {
        let fix = "only views of this process can be flushed";
        return Err(Failure::argument(NtStatus::NOT_SUPPORTED, "process", process.pid().into(), fix));
    }
    let (start, last) = (at & !(range::PAGE - 1), at.saturating_add(size.max(1) - 1));
    let (view, mut end) = view_at(process, start)?;
    while last >= end || size == 0 {
        match view_at(process, end) {
            Ok((next, further)) if next == view => end = further,
            Ok(_) | Err(_) if size == 0 => break,
            Ok(_) | Err(_) => return Err(no_view(end)),
        }
    }
    let bytes = if size == 0 { end - start } else { range::rounded(at, size).1 };
    let pages = std::ptr::with_exposed_provenance_mut(start as usize);
    // SAFETY: the pages stay as they are; whoever unmaps them meanwhile gets an error here.
    match unsafe { msync(pages, bytes as usize, MsyncFlags::SYNC) } {
        Ok(()) => Ok((start, bytes)),
        Err(_) => {
            let fix = "the file could not be written; see to its disk";
            Err(Failure::argument(NtStatus::UNSUCCESSFUL, "view", at, fix))
        }
    }
}

/// The base of the view at an address, and the end of the run there.
fn view_at(process: &Process, at: u64) -> Result<(u64, u64), Failure> {
    let info = process.query(at)?;
    match info.state {
        State::Reserved { allocation, backing: Backing::View | Backing::Image, .. }
        | State::Committed { allocation, backing: Backing::View | Backing::Image, .. } => {
            Ok((allocation, info.base + info.size))
        }
        State::Free | State::Reserved { .. } | State::Committed { .. } => Err(no_view(at)),
    }
}

fn no_view(at: u64) -> Failure {
    let fix = "no view of a file is there; give an address in one";
    Failure::argument(NtStatus::NOT_MAPPED_DATA, "address", at, fix)
}
