//! The calls themselves: raw words and pointers in, a number or a pointer out, the
//! rest in the last error.
//!
//! Each one decodes its arguments, then looks at the handle, then asks the address
//! space: programs can tell this order by the code they get.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

mod app;
pub(super) mod frames;
mod memory;
mod nt_lock;
pub(super) mod prefetch;
pub(super) mod process;
mod recycle;
mod system;
pub(super) mod watch;
mod working_set;

pub use app::{VirtualAlloc2FromApp, VirtualAllocFromApp, VirtualProtectFromApp};
pub use frames::{
    AllocateUserPhysicalPages, AllocateUserPhysicalPagesNuma, FreeUserPhysicalPages, MapUserPhysicalPages,
    MapUserPhysicalPagesEx, MapUserPhysicalPagesScatter, MapUserPhysicalPagesScatterEx,
};
pub use memory::{
    VirtualAlloc, VirtualAlloc2, VirtualAllocEx, VirtualAllocExNuma, VirtualFree, VirtualFreeEx, VirtualLock,
    VirtualProtect, VirtualProtectEx, VirtualQuery, VirtualQueryEx, VirtualUnlock, VirtualUnlockEx,
};
pub use nt_lock::{NtLockVirtualMemory, NtUnlockVirtualMemory};
pub use prefetch::{FlushProcessWriteBuffers, PrefetchVirtualMemory};
pub use process::{
    CloseHandle, FlushInstructionCache, GetCurrentProcess, GetProcessId, OpenProcess, ReadProcessMemory,
    WriteProcessMemory,
};
pub use recycle::{DiscardVirtualMemory, OfferVirtualMemory, ReclaimVirtualMemory};
pub use system::{GetLargePageMinimum, GetLastError, GetNumaHighestNodeNumber, GetSystemInfo, SetLastError};
pub use watch::{GetWriteWatch, GetWriteWatchEx, NoteWriteWatchEx, ResetWriteWatch, ResetWriteWatchEx};
pub use working_set::{
    EmptyWorkingSet, GetProcessWorkingSetSize, GetProcessWorkingSetSizeEx, GetWsChanges,
    InitializeProcessForWsWatch, K32EmptyWorkingSet, K32GetWsChanges, K32InitializeProcessForWsWatch,
    K32QueryWorkingSetEx, QueryWorkingSetEx, SetProcessWorkingSetSize, SetProcessWorkingSetSizeEx,
};

pub(super) use memory::require_pointer;

use super::constants::{FALSE, TRUE};
use super::failure::Failure;
use super::last_error;
use super::types::BOOL;

/// TRUE, or FALSE and a last error.
pub(super) fn answer(result: Result<(), Failure>) -> BOOL {
    match last_error::note(result) {
        Some(()) => TRUE,
        None => FALSE,
    }
}
