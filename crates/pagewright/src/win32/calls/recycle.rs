//! `OfferVirtualMemory` and its kin: these answer a code, and leave the last error alone.

use std::ffi::c_void;

use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::recycle::{discard_virtual_memory, offer_virtual_memory, reclaim_virtual_memory};
use super::super::types::{OFFER_PRIORITY, WIN32_ERROR};
use crate::process::Process;

/// Lets the system have the content of pages of this process, which nobody can access
/// until [`ReclaimVirtualMemory`]. 0, or the code of the error.
///
/// # Safety
/// Nobody may use the memory until it is reclaimed.
pub unsafe extern "system" fn OfferVirtualMemory(
    virtualaddress: *mut c_void,
    size: usize,
    priority: OFFER_PRIORITY,
) -> u32 {
    let at = virtualaddress.addr() as u64;
    code(|| offer_virtual_memory(&Process::current(), at, size as u64, priority))
}

/// Takes offered pages back. 0, or the code of the error; 170 (`ERROR_BUSY`) says that the
/// pages are back and some of their content is not.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "system" fn ReclaimVirtualMemory(virtualaddress: *const c_void, size: usize) -> u32 {
    code(|| reclaim_virtual_memory(&Process::current(), virtualaddress.addr() as u64, size as u64))
}

/// Drops the content of pages of this process; what is read next is undefined. 0, or the
/// code of the error.
///
/// # Safety
/// Nobody may rely on what is dropped.
pub unsafe extern "system" fn DiscardVirtualMemory(virtualaddress: *mut c_void, size: usize) -> u32 {
    code(|| discard_virtual_memory(&Process::current(), virtualaddress.addr() as u64, size as u64))
}

fn code(call: impl FnOnce() -> Result<(), Failure>) -> WIN32_ERROR {
    caught(call).map_or_else(|failure| failure.code(), |()| 0)
}
