//! `NtReadVirtualMemory`, `NtWriteVirtualMemory`.

use std::ffi::c_void;

use super::super::NTSTATUS;
use super::super::copy::Patch;
use super::super::local::Buffer;
use super::super::transfer::{self, Source};
use super::super::types::HANDLE;
use super::status;

/// Copies out of a process. `PARTIAL_COPY` when not all could be copied; the count, if there
/// is a place for it, says how much was, also on failure (RW18). Bad buffers are an error, not
/// a fault. The handle needs `PROCESS_VM_READ`.
///
/// # Safety
/// Where `buffer` is writable for `buffersize` bytes, it is the caller's to be overwritten.
/// `numberofbytesread` is NULL or valid.
pub unsafe extern "system" fn NtReadVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *const c_void,
    buffer: *mut c_void,
    buffersize: usize,
    numberofbytesread: *mut usize,
) -> NTSTATUS {
    // SAFETY: the caller vouches for buffer and pointer.
    unsafe {
        let buffer = Buffer::new(buffer, buffersize);
        status(transfer::read(processhandle, baseaddress.addr() as u64, &buffer, numberofbytesread))
    }
}

/// Copies into a process where it permits stores; unlike
/// [`WriteProcessMemory`](super::super::WriteProcessMemory) it changes no protection for that
/// (RW21 to RW27). Else as [`NtReadVirtualMemory`]. The handle needs `PROCESS_VM_WRITE`.
///
/// # Safety
/// What is overwritten is the caller's to overwrite. `numberofbyteswritten` is NULL or valid.
pub unsafe extern "system" fn NtWriteVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *mut c_void,
    buffer: *const c_void,
    buffersize: usize,
    numberofbyteswritten: *mut usize,
) -> NTSTATUS {
    let source = Source { address: buffer.expose_provenance(), size: buffersize, patch: Patch::Nothing };
    // SAFETY: the caller vouches for the pointer.
    status(unsafe { transfer::write(processhandle, baseaddress.addr() as u64, source, numberofbyteswritten) })
}
