//! The NT calls: a status as the answer, base and size written back, and the last error left
//! alone.
//!
//! Each does what the Win32 call beside it does, with the argument rules of its own layer:
//! words first, then the pointers, then the range, then the handle. The pointers are read once,
//! and written when the call succeeds.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

mod dos_error;
mod frames;
mod hints;
mod memory;
mod names;
mod process;
mod section;
mod stack;
mod transfer;
mod types;
mod watch;
pub(super) mod zero_bits;

use std::ffi::c_void;
use std::ptr;

pub use dos_error::{
    RtlGetLastWin32Error, RtlNtStatusToDosError, RtlNtStatusToDosErrorNoTeb, RtlSetLastWin32Error,
    RtlSetLastWin32ErrorAndNtStatusFromNtStatus,
};
pub use frames::{
    NtAllocateUserPhysicalPages, NtFreeUserPhysicalPages, NtMapUserPhysicalPages,
    NtMapUserPhysicalPagesScatter,
};
pub use hints::{NtFlushInstructionCache, NtSetInformationVirtualMemory};
pub use memory::{
    NtAllocateVirtualMemory, NtAllocateVirtualMemoryEx, NtFreeVirtualMemory, NtProtectVirtualMemory,
};
pub use process::{NtClose, NtOpenProcess};
pub use section::{NtCreateSection, NtOpenSection};
pub use stack::{
    INITIAL_TEB, NtSetInformationProcess, PROCESS_STACK_ALLOCATION_INFORMATION,
    PROCESS_STACK_ALLOCATION_INFORMATION_EX, PROCESSINFOCLASS, ProcessThreadStackAllocation,
    RtlCreateUserStack, RtlFreeUserStack,
};
pub use transfer::{NtReadVirtualMemory, NtWriteVirtualMemory};
pub use types::{
    CLIENT_ID, MEMORY_RANGE_ENTRY, OBJ_CASE_INSENSITIVE, OBJ_INHERIT, OBJ_OPENIF, OBJECT_ATTRIBUTES,
    VIRTUAL_MEMORY_INFORMATION_CLASS, VmPrefetchInformation,
};
pub use watch::{NtGetWriteWatch, NtResetWriteWatch};

use super::NTSTATUS;
use super::calls::require_pointer;
use super::failure::Failure;
use super::status::NtStatus;

/// The answer of a call that has nothing to write back.
pub(super) fn status(result: Result<(), Failure>) -> NTSTATUS {
    match result {
        Ok(()) => NtStatus::SUCCESS.0 as NTSTATUS,
        Err(failure) => failure.status.0 as NTSTATUS,
    }
}

/// Where a call finds a range, and tells which one it came to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct InOut {
    pub(super) base: *mut *mut c_void,
    pub(super) size: *mut usize,
}

impl InOut {
    /// Base and size as they were given.
    ///
    /// # Errors
    /// `ACCESS_VIOLATION` for NULL.
    ///
    /// # Safety
    /// Each pointer is NULL or valid.
    pub(super) unsafe fn load(self) -> Result<(u64, u64), Failure> {
        require_pointer(self.base.is_null() || self.size.is_null(), "pointer to the range")?;
        // SAFETY: neither is NULL, and the caller vouches for them then.
        Ok(unsafe { (self.base.read_unaligned().addr() as u64, self.size.read_unaligned() as u64) })
    }

    /// The base, where it can be read; the words of a call are checked before its pointers.
    ///
    /// # Safety
    /// As [`Self::load`].
    pub(super) unsafe fn peek(self) -> u64 {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        if self.base.is_null() { 0 } else { unsafe { self.base.read_unaligned().addr() as u64 } }
    }

    /// Writes base and size back, if there are such, and answers.
    ///
    /// # Safety
    /// As [`Self::load`], which came before.
    pub(super) unsafe fn answer(self, range: Result<(u64, u64), Failure>) -> NTSTATUS {
        status(range.map(|(base, size)| {
            // SAFETY: a call that has a range found it through these, which are not NULL.
            unsafe {
                self.base.write_unaligned(ptr::with_exposed_provenance_mut(base as usize));
                self.size.write_unaligned(size as usize);
            }
        }))
    }
}
