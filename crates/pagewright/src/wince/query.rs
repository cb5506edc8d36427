//! `VirtualQuery`, `VirtualQueryEx`.

use super::failure::Failure;
use crate::memory::Memory;
use crate::win32::{MEMORY_BASIC_INFORMATION, encode_query};

/// What `VirtualQuery` answers: an alias looks like memory of its own. Windows CE does
/// not support `AllocationProtect`; here it says what the reservation named.
///
/// # Errors
/// 87 for an address above the user range.
pub fn virtual_query<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
) -> Result<MEMORY_BASIC_INFORMATION, Failure> {
    Ok(encode_query(&memory.query(address)?))
}

pub(super) fn check_length(length: u32) -> Result<(), Failure> {
    if length as usize >= size_of::<MEMORY_BASIC_INFORMATION>() {
        return Ok(());
    }
    let fix = "give at least the size of MEMORY_BASIC_INFORMATION";
    Err(Failure::argument("length", u64::from(length), fix))
}
