//! The translation cache: where the bytes of recently used pages stand.
//!
//! Direct-mapped, and one array for each kind of access. An entry says that this
//! kind of access *may be made* and where; nothing else is looked up on a hit. So
//! whoever lowers a page's access or moves its bytes must [`Tlb::forget`] it.

use core::ops::Range;

use alloc::boxed::Box;

use crate::fault::FaultKind;
use crate::frame::Place;

/// Entries of each array. Three arrays of 4 KiB leave most of a 32 KiB L1 cache to
/// the guest's data, and reach 1 MiB of it.
pub(crate) const ENTRIES: usize = 256;

/// A tag that no page start has: its low bits are set.
const NOTHING: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The address of the page's first byte, or [`NOTHING`].
    tag: u64,
    /// What to add to a guest's address to get its place, modulo 2^64.
    offset: usize,
}

const VACANT: Entry = Entry { tag: NOTHING, offset: 0 };

/// The three arrays.
#[derive(Clone, Debug)]
pub(crate) struct Tlb {
    /// The binary logarithm of the page size.
    shift: u32,
    /// The bits of an address that make its page's first address. Follows from
    /// `shift`; but to shift twice would be half of what a hit costs.
    starts: u64,
    arrays: Box<Arrays>,
}

#[derive(Clone, Debug)]
struct Arrays {
    loads: [Entry; ENTRIES],
    stores: [Entry; ENTRIES],
    fetches: [Entry; ENTRIES],
}

impl Arrays {
    #[inline(always)]
    const fn of(&self, kind: FaultKind) -> &[Entry; ENTRIES] {
        match kind {
            FaultKind::Load => &self.loads,
            FaultKind::Store => &self.stores,
            FaultKind::Fetch => &self.fetches,
        }
    }

    fn all_mut(&mut self) -> [&mut [Entry; ENTRIES]; 3] {
        [&mut self.loads, &mut self.stores, &mut self.fetches]
    }
}

impl Tlb {
    /// An empty cache for pages of 2^`shift` bytes.
    pub(crate) fn new(shift: u32) -> Self {
        let vacant = [VACANT; ENTRIES];
        let arrays = Arrays { loads: vacant, stores: vacant, fetches: vacant };
        Self { shift, starts: u64::MAX << shift, arrays: Box::new(arrays) }
    }

    /// The place of `count` bytes at `at`, if they lie in one page that is cached
    /// for this kind of access. `count` is 1 to the page size.
    #[inline(always)]
    pub(crate) fn find(&self, kind: FaultKind, at: u64, count: usize) -> Option<Place> {
        let entry = &self.arrays.of(kind)[slot_of(at >> self.shift)];
        // One comparison for two questions. The slot is that of the first byte's
        // page; were the last byte in the next page, then that page's number would
        // be one higher, and no entry of this slot has such a number.
        let last = at.wrapping_add(count as u64 - 1);
        (entry.tag == last & self.starts).then(|| Place((at as usize).wrapping_add(entry.offset)))
    }

    /// Remembers that this kind of access may be made to the page of `at`, whose
    /// byte stands at `place`.
    pub(crate) fn remember(&mut self, kind: FaultKind, at: u64, place: Place) {
        let entry = Entry { tag: at & self.starts, offset: place.0.wrapping_sub(at as usize) };
        let array = match kind {
            FaultKind::Load => &mut self.arrays.loads,
            FaultKind::Store => &mut self.arrays.stores,
            FaultKind::Fetch => &mut self.arrays.fetches,
        };
        array[slot_of(at >> self.shift)] = entry;
    }

    /// Forgets pages, by number: page by page if they are few. Of many, more than
    /// there are entries, it visits the entries instead. Other pages stay cached.
    pub(crate) fn forget(&mut self, pages: Range<u64>) {
        if pages.end - pages.start >= ENTRIES as u64 {
            return self.sweep(&pages);
        }
        for page in pages {
            let tag = page << self.shift;
            for array in self.arrays.all_mut() {
                let entry = &mut array[slot_of(page)];
                if entry.tag == tag {
                    *entry = VACANT;
                }
            }
        }
    }

    /// Forgets where pages are stored to; loads and fetches stay cached.
    pub(crate) fn forget_stores(&mut self, pages: &Range<u64>) {
        if pages.end - pages.start < ENTRIES as u64 {
            for page in pages.clone() {
                let entry = &mut self.arrays.stores[slot_of(page)];
                if entry.tag == page << self.shift {
                    *entry = VACANT;
                }
            }
            return;
        }
        let shift = self.shift;
        for entry in &mut self.arrays.stores {
            if entry.tag != NOTHING && pages.contains(&(entry.tag >> shift)) {
                *entry = VACANT;
            }
        }
    }

    fn sweep(&mut self, pages: &Range<u64>) {
        let shift = self.shift;
        for entry in self.arrays.all_mut().into_iter().flatten() {
            if entry.tag != NOTHING && pages.contains(&(entry.tag >> shift)) {
                *entry = VACANT;
            }
        }
    }

    /// What is cached: the kind, a page's first address, and its place.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (FaultKind, u64, Place)> {
        [FaultKind::Load, FaultKind::Store, FaultKind::Fetch].into_iter().flat_map(|kind| {
            let cached = self.arrays.of(kind).iter().filter(|entry| entry.tag != NOTHING);
            cached.map(move |entry| (kind, entry.tag, Place((entry.tag as usize).wrapping_add(entry.offset))))
        })
    }
}

#[inline(always)]
const fn slot_of(page: u64) -> usize {
    page as usize & (ENTRIES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: FaultKind = FaultKind::Load;

    #[test]
    fn an_entry_serves_its_page_and_its_kind_only() {
        let mut tlb = Tlb::new(12);
        tlb.remember(LOAD, 0x7004, Place(0x2004));
        assert_eq!(tlb.find(LOAD, 0x7000, 1), Some(Place(0x2000)));
        assert_eq!(tlb.find(LOAD, 0x7ff8, 8), Some(Place(0x2ff8)));
        assert_eq!(tlb.find(LOAD, 0x7ff9, 8), None, "crosses into the next page");
        assert_eq!(tlb.find(LOAD, 0x6fff, 2), None, "begins in the page before");
        assert_eq!(tlb.find(FaultKind::Store, 0x7000, 1), None);
        assert_eq!(tlb.find(LOAD, 0x7000 + (ENTRIES as u64) * 0x1000, 1), None);
    }

    #[test]
    fn the_first_and_the_last_address_do_not_wrap_into_each_other() {
        let mut tlb = Tlb::new(12);
        tlb.remember(LOAD, 0, Place(0x2000));
        assert_eq!(tlb.find(LOAD, u64::MAX, 2), None);
        assert_eq!(tlb.find(LOAD, u64::MAX, 1), None);
        assert_eq!(tlb.find(LOAD, 0, 1), Some(Place(0x2000)));
    }

    #[test]
    fn forgetting_takes_exactly_the_pages_named_however_many() {
        for many in [2, ENTRIES as u64 - 1, ENTRIES as u64, 1 << 30] {
            let mut tlb = Tlb::new(14);
            for page in 10..20 {
                tlb.remember(LOAD, page << 14, Place(0));
                tlb.remember(FaultKind::Fetch, page << 14, Place(0));
            }
            tlb.forget(12..12 + many);
            for page in 10..20 {
                let stays = !(12..12 + many).contains(&page);
                assert_eq!(tlb.find(LOAD, page << 14, 8).is_some(), stays, "page {page} of {many}");
                assert_eq!(tlb.find(FaultKind::Fetch, page << 14, 8).is_some(), stays);
            }
        }
    }

    #[test]
    fn forgetting_stores_leaves_the_loads() {
        for many in [2, 1 << 30] {
            let mut tlb = Tlb::new(12);
            for page in 10..20 {
                tlb.remember(LOAD, page << 12, Place(0));
                tlb.remember(FaultKind::Store, page << 12, Place(0));
            }
            tlb.forget_stores(&(12..12 + many));
            for page in 10..20 {
                let stays = !(12..12 + many).contains(&page);
                assert_eq!(
                    tlb.find(FaultKind::Store, page << 12, 8).is_some(),
                    stays,
                    "page {page} of {many}"
                );
                assert!(tlb.find(LOAD, page << 12, 8).is_some());
            }
        }
    }
}
