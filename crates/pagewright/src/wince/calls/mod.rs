//! The calls themselves: raw words and pointers in, a number or a pointer out, the rest
//! in the last error, which success leaves alone.
//!
//! Each one decodes its arguments (87), then looks for the process (6), then at the mode
//! of the thread (5), then asks the address space.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

mod alias;
mod attributes;
mod device;
mod lock;
mod memory;
mod process;

use std::ffi::c_void;
use std::ptr;

pub use alias::{VirtualAllocCopyEx, VirtualCopy, VirtualCopyEx};
pub use attributes::{
    CeSetMemoryAttributes, VirtualSetAttributes, VirtualSetAttributesEx, VirtualSetPageFlags,
};
pub use device::{AllocPhysMem, CreateStaticMapping, FreePhysMem, MmMapIoSpace, MmUnmapIoSpace};
pub use lock::{LockPages, LockPagesEx, UnlockPages, UnlockPagesEx};
pub use memory::{
    VirtualAlloc, VirtualAllocEx, VirtualFree, VirtualFreeEx, VirtualProtect, VirtualProtectEx, VirtualQuery,
    VirtualQueryEx,
};
pub use process::{GetCurrentProcess, OpenProcess, ReadProcessMemory, WriteProcessMemory};

pub use crate::win32::{CloseHandle, GetLastError, GetProcessId, GetSystemInfo, SetLastError};

use super::failure::Failure;
use super::mode::KernelMode;
use crate::guarded;
use crate::win32::{BOOL, FALSE, TRUE};

/// Runs a call; a panic in it is `ERROR_INTERNAL_ERROR`.
fn caught<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    guarded::caught(call, Failure::broken)
}

/// Notes the code of a refusal. Success leaves the last error alone.
fn note<T>(result: Result<T, Failure>) -> Option<T> {
    // SAFETY: the call has no conditions.
    result.map_err(|failure| unsafe { SetLastError(failure.code()) }).ok()
}

/// TRUE, or FALSE and a last error.
fn answer(result: Result<(), Failure>) -> BOOL {
    match note(result) {
        Some(()) => TRUE,
        None => FALSE,
    }
}

/// The address as a pointer, or NULL and a last error.
fn address(result: Result<u64, Failure>) -> *mut c_void {
    match note(result) {
        Some(address) => ptr::with_exposed_provenance_mut(address as usize),
        None => ptr::null_mut(),
    }
}

fn addr(pointer: *const c_void) -> u64 {
    pointer.addr() as u64
}

/// The token of this thread.
fn kernel_mode() -> Result<KernelMode, Failure> {
    KernelMode::current().ok_or(Failure::denied("this call needs kernel mode; enter it first"))
}

/// 87 for a pointer that must not be NULL.
fn require_pointer(is_null: bool, what: &'static str) -> Result<(), Failure> {
    if is_null { Err(Failure::argument(what, 0, "give the address of one")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{GetLastError, answer, caught};

    #[test]
    fn a_panic_is_an_internal_error() {
        assert_eq!(answer(caught(|| panic!("a mistake that a test makes"))), 0);
        // SAFETY: no conditions.
        assert_eq!(unsafe { GetLastError() }, 1359);
    }
}
