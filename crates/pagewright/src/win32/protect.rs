//! `VirtualProtect`, `VirtualProtectEx`.

use pagewright_core::{Protect, Protection, Verb};

use super::constants::PAGE_NOACCESS;
use super::failure::Failure;
use super::protection::{decode_protection, encode_protection};
use super::range;
use super::status::NtStatus;
use crate::memory::Memory;

/// What `VirtualProtect` does; the answer is what the first page had (VP11).
///
/// # Errors
/// Those of the VP rows. Nothing has changed.
pub fn virtual_protect<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    protect: u32,
) -> Result<u32, Failure> {
    let protection = decode_protection(protect)?;
    perform(memory, &decode(address, size, protection, memory.highest())?)
}

/// The second half of the checks; between the two the call looks at the pointer
/// for the old protection.
pub(super) fn decode(at: u64, size: u64, protection: Protection, highest: u64) -> Result<Protect, Failure> {
    range::check(Verb::Protect, at, size, highest)?;
    Ok(Protect { at, size, protection })
}

pub(super) fn perform<M: Memory + ?Sized>(memory: &M, request: &Protect) -> Result<u32, Failure> {
    Ok(encode_protection(memory.protect(request)?))
}

/// What is told of the old protection: VP05, on one failure as well.
pub(super) fn told(old: &Result<u32, Failure>) -> Option<u32> {
    match old {
        Ok(old) => Some(*old),
        Err(failure) if failure.status == NtStatus::NOT_COMMITTED => Some(PAGE_NOACCESS),
        Err(_) => None,
    }
}
