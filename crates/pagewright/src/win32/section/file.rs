//! Handles of files, for sections of them.
#![allow(non_snake_case, reason = "a call of the C library")]

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::ptr;

use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::last_error;
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::create::file_handle;

/// A handle for the open file behind a descriptor of this process, to be given to
/// [`super::CreateFileMappingW`] and closed by [`super::super::CloseHandle`]. The descriptor
/// stays the caller's. NULL and a last error on failure: 6 for what is no descriptor.
///
/// # Safety
/// Nobody closes the descriptor meanwhile.
pub unsafe extern "system" fn PwFileHandle(descriptor: c_int) -> HANDLE {
    last_error::note(caught(|| opened(descriptor).map(file_handle))).unwrap_or(ptr::null_mut())
}

/// The open file once more, with a descriptor of its own.
fn opened(descriptor: c_int) -> Result<File, Failure> {
    let refuse = || {
        let fix = "give the descriptor of an open file";
        Failure::argument(NtStatus::INVALID_HANDLE, "descriptor", u64::from(descriptor.cast_unsigned()), fix)
    };
    if descriptor < 0 {
        return Err(refuse());
    }
    // SAFETY: it is not -1, and the kernel says so if it is none.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    borrowed.try_clone_to_owned().map(File::from).map_err(|_| refuse())
}
