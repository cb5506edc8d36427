//! The calls themselves: raw words and pointers in, a number or a pointer out, the
//! rest in the last error.
//!
//! Each one decodes its arguments, then looks at the handle, then asks the address
//! space: programs can tell this order by the code they get.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

mod memory;
mod process;
mod system;

pub use memory::{
    VirtualAlloc, VirtualAlloc2, VirtualAllocEx, VirtualFree, VirtualFreeEx, VirtualLock, VirtualProtect,
    VirtualProtectEx, VirtualQuery, VirtualQueryEx, VirtualUnlock,
};
pub use process::{
    CloseHandle, FlushInstructionCache, GetCurrentProcess, GetProcessId, OpenProcess, ReadProcessMemory,
    WriteProcessMemory,
};
pub use system::{GetLargePageMinimum, GetLastError, GetSystemInfo, SetLastError};

use super::constants::{FALSE, TRUE};
use super::failure::Failure;
use super::last_error;
use super::types::BOOL;

/// TRUE, or FALSE and a last error.
fn answer(result: Result<(), Failure>) -> BOOL {
    match last_error::note(result) {
        Some(()) => TRUE,
        None => FALSE,
    }
}
