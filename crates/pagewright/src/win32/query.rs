//! `VirtualQuery`, `VirtualQueryEx`, and what the classes of `NtQueryVirtualMemory` know.

mod classes;
mod name;
mod nt;
mod types;

pub(super) use name::mapped_file;
pub use name::{GetMappedFileNameA, GetMappedFileNameW, K32GetMappedFileNameA, K32GetMappedFileNameW};
pub use nt::*;
pub use types::*;

use std::ptr;

use pagewright_core::{Backing, Info, Kind, State, Verb};

use super::constants::{
    MEM_COMMIT, MEM_FREE, MEM_IMAGE, MEM_MAPPED, MEM_PRIVATE, MEM_RESERVE, PAGE_NOACCESS,
};
use super::failure::Failure;
use super::protection::encode_protection;
use super::status::NtStatus;
use super::types::{MEMORY_BASIC_INFORMATION, PAGE_TYPE};
use crate::memory::Memory;

/// What `VirtualQuery` answers. Takes no memory and no locks if `memory` does not.
///
/// # Errors
/// 87 for an address above the user range (VQ22).
pub fn virtual_query<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
) -> Result<MEMORY_BASIC_INFORMATION, Failure> {
    check_address(address, memory.highest())?;
    Ok(encode_query(&memory.query(address)?))
}

/// VQ24: the length comes first.
pub(super) fn check_length(length: usize) -> Result<(), Failure> {
    if length >= size_of::<MEMORY_BASIC_INFORMATION>() {
        return Ok(()); // VQ25
    }
    let fix = "give at least the size of MEMORY_BASIC_INFORMATION";
    Err(Failure::argument(NtStatus::INFO_LENGTH_MISMATCH, "length", length as u64, fix))
}

pub(super) fn check_address(address: u64, highest: u64) -> Result<(), Failure> {
    if address <= highest {
        return Ok(()); // VQ20, VQ21
    }
    Err(Failure::core(Verb::Query, Kind::BadAddress, address, 0))
}

/// An answer of the address space as the record of Win32 (VQ01 to VQ07).
pub fn encode_query(info: &Info) -> MEMORY_BASIC_INFORMATION {
    let record = MEMORY_BASIC_INFORMATION {
        BaseAddress: pointer(info.base),
        RegionSize: info.size as usize,
        ..Default::default()
    };
    match info.state {
        State::Free => MEMORY_BASIC_INFORMATION { State: MEM_FREE, Protect: PAGE_NOACCESS, ..record },
        State::Reserved { allocation, initial, backing } => MEMORY_BASIC_INFORMATION {
            AllocationBase: pointer(allocation),
            AllocationProtect: encode_protection(initial),
            State: MEM_RESERVE,
            Protect: 0, // VQ02: not NOACCESS
            Type: encode_backing(backing),
            ..record
        },
        State::Committed { allocation, initial, protection, backing, owner: _ } => MEMORY_BASIC_INFORMATION {
            AllocationBase: pointer(allocation),
            AllocationProtect: encode_protection(initial),
            State: MEM_COMMIT,
            Protect: encode_protection(protection),
            Type: encode_backing(backing),
            ..record
        },
    }
}

const fn encode_backing(backing: Backing) -> PAGE_TYPE {
    match backing {
        Backing::Private => MEM_PRIVATE,
        Backing::View => MEM_MAPPED,
        Backing::Image => MEM_IMAGE,
    }
}

/// An address of some process as a pointer that nobody follows here.
const fn pointer(address: u64) -> *mut std::ffi::c_void {
    ptr::without_provenance_mut(address as usize)
}
