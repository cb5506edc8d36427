//! The address space: the truth about what was asked for.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::access::{Access, Protection, Slot, Wiring};
use crate::charge::Charge;
use crate::contract::{ForeignRun, Machine, Truth};
use crate::geometry::{Geometry, PageRange, Va};
use crate::interval::{Entry, IntervalMap};
use crate::region::{AllocationId, Region, pages_of};

/// All regions of one target, the commit charge, and what is known of others.
#[derive(Clone, Debug)]
pub struct AddressSpace {
    pub(crate) geometry: Geometry,
    pub(crate) regions: IntervalMap<Region>,
    pub(crate) charge: Charge,
    pub(crate) next: AllocationId,
    /// Ranges where others were seen, ascending and disjoint. A hint for placing:
    /// it may be stale in both directions, the machine has the last word.
    pub(crate) foreign: Box<[PageRange]>,
}

/// The answer of a verb, and what the owner must now apply to the space.
#[derive(Clone, Debug)]
#[must_use = "the truth is unchanged until the edit is applied"]
pub struct Done<T> {
    /// The answer.
    pub value: T,
    /// The change of the truth.
    pub edit: Edit,
    /// New knowledge about others, if the verb had to look.
    pub foreign: Option<Box<[PageRange]>>,
}

/// A change of the truth. Applying one cannot fail.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Nothing changes.
    None,
    /// A new region.
    Insert {
        /// Where.
        range: PageRange,
        /// What was asked for.
        initial: Protection,
        /// Whether its pages have memory from the start.
        committed: Option<Protection>,
    },
    /// Pages change their state.
    Pages {
        /// Which pages; holes between regions are passed over.
        range: PageRange,
        /// How.
        change: Change,
    },
    /// A region, or a part of one, goes.
    Remove {
        /// What goes.
        range: PageRange,
    },
}

/// How the state of pages changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Memory with this protection; the cache attribute stays the region's.
    Commit {
        /// What all pages get.
        protection: Protection,
        /// Bytes of them that had no memory: what the charge grows by.
        fresh: u64,
    },
    /// No memory.
    Decommit {
        /// Bytes that had some: what the charge shrinks by.
        freed: u64,
    },
    /// Another protection.
    Protect(Protection),
    /// Wired or not.
    Wire(Wiring),
}

impl<T> Done<T> {
    pub(crate) const fn unchanged(value: T) -> Self {
        Self { value, edit: Edit::None, foreign: None }
    }

    pub(crate) const fn new(value: T, edit: Edit) -> Self {
        Self { value, edit, foreign: None }
    }
}

impl AddressSpace {
    /// An empty address space that may promise `limit` bytes.
    pub fn new(geometry: Geometry, limit: u64) -> Self {
        Self {
            geometry,
            regions: IntervalMap::default(),
            charge: Charge::new(limit),
            next: AllocationId(1),
            foreign: Box::default(),
        }
    }

    /// The shape of the space.
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The commit charge.
    pub const fn charge(&self) -> &Charge {
        &self.charge
    }

    /// Sets the commit limit, in bytes. What is promised stays promised.
    pub const fn set_limit(&mut self, limit: u64) {
        self.charge.set_limit(limit);
    }

    /// How many regions there are.
    pub fn region_count(&self) -> usize {
        self.regions.len()
    }

    /// The regions in ascending order, with their ranges.
    pub fn regions(&self) -> impl Iterator<Item = (PageRange, &Region)> {
        self.regions.iter().filter_map(|entry| Some((range_of(&entry)?, entry.value)))
    }

    /// The region that holds `at`, with its range.
    pub(crate) fn region_at(&self, at: Va) -> Option<(PageRange, &Region)> {
        let entry = self.regions.get(at.get())?;
        Some((range_of(&entry)?, entry.value))
    }

    /// Where a foreign run that was found at `at` ends for us: a machine may report
    /// others' memory and ours in one when they touch and look alike.
    pub(crate) fn foreign_end(&self, at: Va, run: &ForeignRun) -> u64 {
        let ours = self.regions.at_or_after(at.get()).map_or(u64::MAX, |entry| entry.start);
        run.end.min(ours)
    }

    /// Whether a region of ours shares a byte with `range`.
    pub(crate) fn is_ours(&self, range: PageRange) -> bool {
        self.regions.overlaps(range.start().get(), range.end().get())
    }

    /// Applies what a verb decided. `foreign`, if any, replaces the hints.
    pub fn apply<T>(&mut self, done: &Done<T>) {
        if let Some(foreign) = &done.foreign {
            self.foreign = foreign.clone();
        }
        match &done.edit {
            Edit::None => {}
            Edit::Insert { range, initial, committed } => self.insert(*range, *initial, *committed),
            Edit::Pages { range, change } => self.change_pages(*range, *change),
            Edit::Remove { range } => self.remove(*range),
        }
    }

    fn insert(&mut self, range: PageRange, initial: Protection, committed: Option<Protection>) {
        let identity = self.next;
        self.next = AllocationId(identity.0 + 1);
        let mut region = Region::reserved(&self.geometry, range, identity, initial);
        if let Some(protection) = committed {
            let (first, end) = pages_of(&self.geometry, range);
            region.pages.update(first, end, |_| Slot::committed(protection));
            self.charge.take(range.bytes());
        }
        self.regions.insert(range.start().get(), range.end().get(), region);
    }

    fn change_pages(&mut self, range: PageRange, change: Change) {
        match change {
            Change::Commit { fresh, .. } => self.charge.take(fresh),
            Change::Decommit { freed } => self.charge.give(freed),
            Change::Protect(_) | Change::Wire(_) => {}
        }
        let mut at = range.start().get();
        while let Some((whole, region)) = self.regions.at_or_after_mut(at) {
            let whole = PageRange::between(whole.0, whole.1);
            let Some(part) = whole.and_then(|whole| whole.intersection(range)) else { return };
            change_region(&self.geometry, region, part, change);
            at = part.end().get();
            if at >= range.end().get() {
                return;
            }
        }
    }

    fn remove(&mut self, range: PageRange) {
        let Some((start, end, mut region)) = self.regions.remove(range.start().get()) else {
            return;
        };
        let (first, last) = pages_of(&self.geometry, range);
        self.charge.give(region.committed_bytes(&self.geometry, range));
        if end > range.end().get() {
            let pages = region.pages.split_off(last);
            let upper = Region { pages, ..region };
            self.regions.insert(range.end().get(), end, upper);
        }
        if start < range.start().get() {
            drop(region.pages.split_off(first));
            self.regions.insert(start, range.start().get(), region);
        }
    }

    /// Tells a machine that knows nothing all there is to know: for an owner whose
    /// machine was lost.
    pub fn rederive<M: Machine>(&self, machine: &mut M) {
        for (range, region) in self.regions() {
            machine.resync(range, range, &self.truth(region, range));
        }
    }

    /// The truth about one region, for a machine to re-derive its cache from.
    pub(crate) fn truth<'a>(&'a self, region: &'a Region, range: PageRange) -> RegionTruth<'a> {
        RegionTruth { geometry: &self.geometry, region, end: range.end() }
    }
}

/// Changes the pages of one region.
fn change_region(geometry: &Geometry, region: &mut Region, part: PageRange, change: Change) {
    let (first, end) = pages_of(geometry, part);
    let caching = region.caching();
    match change {
        Change::Commit { protection, .. } | Change::Protect(protection) => {
            let slot = Slot::committed(protection.cached(caching));
            region.pages.update(first, end, |old| slot.wired(old.wiring()));
        }
        Change::Decommit { .. } => region.pages.update(first, end, |_| Slot::RESERVED),
        Change::Wire(wiring) => {
            region.pages.update(first, end, |old| if old.is_committed() { old.wired(wiring) } else { old })
        }
    }
}

/// An entry of the map as a range of pages.
pub(crate) fn range_of(entry: &Entry<'_, Region>) -> Option<PageRange> {
    PageRange::between(entry.start, entry.end)
}

/// The truth about a range of one region.
pub(crate) struct RegionTruth<'a> {
    geometry: &'a Geometry,
    region: &'a Region,
    end: Va,
}

impl Truth for RegionTruth<'_> {
    fn run(&self, at: Va) -> (Va, Option<Access>) {
        let rest = PageRange::between(self.geometry.page_down(at.get()), self.end.get());
        let run = rest.and_then(|rest| self.region.runs(self.geometry, rest).next());
        match run {
            Some((run, slot)) => (run.end(), slot.protection().map(Protection::effective)),
            None => (self.end, None),
        }
    }
}

/// Sorted, disjoint ranges from ranges in ascending order that may touch.
pub(crate) fn join(ranges: Vec<PageRange>) -> Box<[PageRange]> {
    let mut joined: Vec<PageRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start() <= last.end() => {
                let end = last.end().max(range.end());
                if let Some(wider) = PageRange::between(last.start().get(), end.get()) {
                    *last = wider;
                }
            }
            Some(_) | None => joined.push(range),
        }
    }
    joined.into_boxed_slice()
}
