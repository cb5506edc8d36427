//! `VirtualProtect`, `VirtualProtectEx`.

use pagewright_core::Protect;

use super::failure::Failure;
use super::protection::decode_memory;
use crate::memory::Memory;
use crate::win32::encode_protection;

/// What `VirtualProtect` does; the answer is what the first page had.
///
/// # Errors
/// 87 for the arguments, for pages without memory and for a range that is not in one
/// allocation; 5 for more than the memory may ever be given. Nothing has changed.
pub fn virtual_protect<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    protect: u32,
) -> Result<u32, Failure> {
    perform(memory, &decode(address, size, protect)?)
}

pub(super) fn decode(at: u64, size: u64, protect: u32) -> Result<Protect, Failure> {
    Ok(Protect { at, size, protection: decode_memory(protect)? })
}

pub(super) fn perform<M: Memory + ?Sized>(memory: &M, request: &Protect) -> Result<u32, Failure> {
    Ok(encode_protection(memory.protect(request)?))
}
