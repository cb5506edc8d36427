//! `VirtualSetAttributes`: what a program may know of its page-table entries.
//!
//! Linux shows no program the entries themselves, so the word is made of what the address
//! space knows: the `ATTRIBUTE_…` bits. There is no frame number in it.

use pagewright_core::{Access, Caching, Guard, Kind, Protection, State, Verb};

use super::constants::{
    ATTRIBUTE_EXECUTABLE, ATTRIBUTE_GUARD, ATTRIBUTE_NO_CACHE, ATTRIBUTE_PRESENT, ATTRIBUTE_USER,
    ATTRIBUTE_WRITABLE, ATTRIBUTE_WRITE_COMBINE,
};
use super::failure::Failure;
use crate::memory::Memory;

/// Answers the attribute word of the first page. A change that would change nothing is
/// none.
///
/// # Errors
/// 87 for a range that has no memory, 50 for a change.
pub fn virtual_set_attributes<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    new: u32,
    mask: u32,
) -> Result<u32, Failure> {
    let fail = |kind| Failure::core(Verb::Attribute, kind, address, size);
    if size == 0 {
        return Err(fail(Kind::ZeroSize));
    }
    let end = address.checked_add(size).filter(|end| *end <= memory.highest() + 1);
    let end = end.ok_or(fail(Kind::BadSize))?;
    let mut first = None;
    let mut next = address;
    while next < end {
        let info = memory.query(next)?;
        let State::Committed { protection, .. } = info.state else { return Err(fail(Kind::NotCommitted)) };
        let word = word(protection);
        if word & mask != new & mask {
            return Err(Failure::unsupported(
                "page attributes cannot be changed on Linux; a mask of 0 asks for them",
            ));
        }
        first = first.or(Some(word));
        next = info.base + info.size;
    }
    first.ok_or(fail(Kind::NotCommitted))
}

fn word(protection: Protection) -> u32 {
    let access = protection.effective().now();
    let bit = |set: bool, bit| if set { bit } else { 0 };
    ATTRIBUTE_USER
        | bit(!access.is_empty(), ATTRIBUTE_PRESENT)
        | bit(access.contains(Access::WRITE), ATTRIBUTE_WRITABLE)
        | bit(access.contains(Access::EXECUTE), ATTRIBUTE_EXECUTABLE)
        | bit(protection.guard == Guard::Armed, ATTRIBUTE_GUARD)
        | match protection.caching {
            Caching::Normal => 0,
            Caching::NoCache => ATTRIBUTE_NO_CACHE,
            Caching::WriteCombine => ATTRIBUTE_WRITE_COMBINE,
        }
}
