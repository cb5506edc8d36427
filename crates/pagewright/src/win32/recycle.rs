//! `OfferVirtualMemory`, `ReclaimVirtualMemory`, `DiscardVirtualMemory`.

use pagewright_core::{Fate, Kind, Recycle, Survival, Verb};

use super::constants::{VmOfferPriorityNormal, VmOfferPriorityVeryLow};
use super::failure::Failure;
use super::range::{self, PAGE};
use super::status::NtStatus;
use crate::memory::Memory;

/// What `OfferVirtualMemory` does: the content may be dropped, and nobody can access it
/// until it is reclaimed (PF15). Whoever needs memory takes any priority alike.
///
/// # Errors
/// 87 for a range that is not whole pages or not committed, and for an unknown priority
/// (PF14). Nothing has changed.
pub fn offer_virtual_memory<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    priority: i32,
) -> Result<(), Failure> {
    if !(VmOfferPriorityVeryLow..=VmOfferPriorityNormal).contains(&priority) {
        return Err(refused("priority", priority as u64, "give one of the VmOfferPriority values"));
    }
    recycle(memory, address, size, Fate::Offer).map(drop)
}

/// What `ReclaimVirtualMemory` does: the memory can be used again (PF16).
///
/// # Errors
/// 170 when some content was dropped: the memory can be used all the same. Else as
/// [`offer_virtual_memory`], and nothing has changed.
pub fn reclaim_virtual_memory<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
) -> Result<(), Failure> {
    match recycle(memory, address, size, Fate::Reclaim)? {
        Survival::Intact => Ok(()),
        Survival::Lost => Err(Failure::core(Verb::Recycle, Kind::ContentLost, address, size)),
    }
}

/// What `DiscardVirtualMemory` does: the content is not wanted any more; what is read
/// afterwards is undefined (PF13).
///
/// # Errors
/// 87 for a range that is not whole pages, or not all readable and writable (PF14).
/// Nothing has changed.
pub fn discard_virtual_memory<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
) -> Result<(), Failure> {
    recycle(memory, address, size, Fate::Discard).map(drop)
}

fn recycle<M: Memory + ?Sized>(memory: &M, at: u64, size: u64, fate: Fate) -> Result<Survival, Failure> {
    range::check(Verb::Recycle, at, size, memory.highest())?;
    for (what, value) in [("address", at), ("size", size)] {
        if value % PAGE != 0 {
            return Err(refused(what, value, "give a multiple of the page size")); // PF14
        }
    }
    memory.recycle(&Recycle { at, size, fate }).map_err(|error| in_one_code(error.into()))
}

/// These calls say 87 of any range that does not fit (PF14).
fn in_one_code(failure: Failure) -> Failure {
    match failure.status {
        NtStatus::NOT_COMMITTED | NtStatus::CONFLICTING_ADDRESSES | NtStatus::MEMORY_NOT_ALLOCATED => {
            failure.called(NtStatus::INVALID_PARAMETER)
        }
        _ => failure,
    }
}

fn refused(what: &'static str, value: u64, fix: &'static str) -> Failure {
    Failure::argument(NtStatus::INVALID_PARAMETER, what, value, fix)
}
