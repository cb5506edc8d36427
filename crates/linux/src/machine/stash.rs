//! Pages that were taken out of their place, for as long as a guard stands there.
//!
//! They lie in mappings of our own that are registered like the guards, for the kernel moves a
//! page only into registered memory, and between mappings of the same access. So nobody stores to
//! a slot directly: it would wait for ever.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use pagewright_core::{PageRange, Wiring};

use super::fault_fd::FaultFd;
use super::sentry::PAGE;
use crate::sys::{self, Advice, Backing, Catch, Place, Prot};

/// Pages of one mapping of slots.
const SLAB: u64 = 64;

/// What kind of mapping a slot is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// One of ours, with room for many pages, one after the other.
    Slab,
    /// One that came along with the pages that were taken out: the slot is used once.
    Parked,
}

/// Room for one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) at: usize,
    pub(super) prot: Prot,
    pub(super) home: Home,
    /// Whether the page was wired where it was.
    pub(super) wiring: Wiring,
}

impl Slot {
    /// What is kept there; the slot must have been filled.
    pub(super) fn bytes(&self) -> &[u8; PAGE as usize] {
        // SAFETY: the slot is mapped as long as the stash is, and nobody stores to it.
        unsafe { &*(self.at as *const [u8; PAGE as usize]) }
    }
}

/// Pages that were taken out, and room for more.
#[derive(Clone, Debug, Default)]
pub(super) struct Stash {
    /// The slot of each page that is out, by its address.
    out: BTreeMap<u64, Slot>,
    free: Vec<Slot>,
    slabs: Vec<usize>,
}

impl Stash {
    /// Room for a page, in a mapping of this access.
    pub(super) fn slot(&mut self, faults: &mut FaultFd, prot: Prot) -> sys::Result<Slot> {
        if let Some(found) = self.free.iter().rposition(|slot| slot.prot == prot) {
            return Ok(self.free.swap_remove(found));
        }
        let bytes = SLAB * PAGE;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { sys::mmap(Place::Anywhere, bytes as usize, prot, Backing::AnonymousNoReserve) }?;
        let slab = PageRange::between(at as u64, at as u64 + bytes).ok_or(sys::Errno::EINVAL)?;
        // SAFETY: as above; pages of it must stay small ones. The advice may be refused.
        let _ = unsafe { sys::madvise(at, bytes as usize, Advice::NoHugePage) };
        if let Err(error) = faults.register(slab, Catch::Untouched) {
            // SAFETY: mapped just now, and nobody knows it.
            let _ = unsafe { sys::munmap(at, bytes as usize) };
            return Err(error);
        }
        self.slabs.push(at);
        let slot = |page: u64| Slot {
            at: at + (page * PAGE) as usize,
            prot,
            home: Home::Slab,
            wiring: Wiring::Pageable,
        };
        self.free.extend((1..SLAB).map(slot));
        Ok(slot(0))
    }

    /// The page that was at `at` is in the slot now.
    pub(super) fn keep(&mut self, at: u64, slot: Slot) {
        self.out.insert(at, slot);
    }

    /// Where the page of `at` is.
    pub(super) fn of(&self, at: u64) -> Option<Slot> {
        self.out.get(&at).copied()
    }

    /// The pages of `range` that are out, ascending.
    pub(super) fn kept_in(&self, range: PageRange) -> Vec<u64> {
        self.out.range(range.start().get()..range.end().get()).map(|(at, _)| *at).collect()
    }

    /// A page is back in its place, or not wanted any more.
    pub(super) fn drop_page(&mut self, at: u64) {
        if let Some(slot) = self.out.remove(&at) {
            self.vacate(slot);
        }
    }

    /// A slot is not used any more.
    pub(super) fn vacate(&mut self, slot: Slot) {
        match slot.home {
            Home::Slab => {
                // SAFETY: the slot is ours, and its content not wanted.
                let _ = unsafe { sys::madvise(slot.at, PAGE as usize, Advice::DontNeed) };
                self.free.push(Slot { wiring: Wiring::Pageable, ..slot });
            }
            Home::Parked => {
                // SAFETY: as above, and nobody uses it again.
                let _ = unsafe { sys::munmap(slot.at, PAGE as usize) };
            }
        }
    }

    /// Gives everything back; whatever was out is lost.
    pub(super) fn clear(&mut self) {
        let parked = core::mem::take(&mut self.out).into_values().filter(|slot| slot.home == Home::Parked);
        parked.for_each(|slot| self.vacate(slot));
        self.free.clear();
        for slab in core::mem::take(&mut self.slabs) {
            // SAFETY: the mapping is ours, and no slot of it is known any more.
            let _ = unsafe { sys::munmap(slab, (SLAB * PAGE) as usize) };
        }
    }
}
