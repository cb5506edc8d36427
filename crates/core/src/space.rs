//! The address space: the truth about what was asked for.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::access::{Access, Attributes, Inheritance, Latch, Offer, Protection, Rights, Slot, Wiring};
use crate::charge::Charge;
use crate::contract::{ForeignRun, Machine, Truth};
use crate::frame::{FrameChange, Frames};
use crate::geometry::{Geometry, PageRange, Va};
use crate::guards::Met;
use crate::interval::{Entry, IntervalMap};
use crate::object::{Content, Contents, MemoryObject, ObjectId, Promise, Reach, Supply};
use crate::op::Step;
use crate::region::{AllocationId, Form, Ground, Region, pages_of};
use crate::traits::Traits;
use crate::wires::Wires;

/// All regions of one target, the commit charge, and what is known of others.
#[derive(Clone, Debug)]
pub struct AddressSpace {
    pub(crate) geometry: Geometry,
    pub(crate) regions: IntervalMap<Region>,
    pub(crate) charge: Charge,
    pub(crate) next: AllocationId,
    /// What every range shows that is not private.
    pub(crate) contents: Contents,
    /// The objects that ranges here show.
    pub(crate) objects: BTreeMap<ObjectId, MemoryObject>,
    pub(crate) next_object: ObjectId,
    /// Objects that lost a view during the edit that is being applied.
    pub(crate) idle: Vec<ObjectId>,
    /// The frames of physical memory that the process owns.
    pub(crate) frames: Frames,
    /// How often pages are wired, by count.
    pub(crate) wires: Wires,
    /// How many pages are wired without a count.
    pub(crate) wired: u64,
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
    /// Several changes, one after the other.
    Batch(Vec<Edit>),
    /// A new region.
    Insert {
        /// Where.
        range: PageRange,
        /// What was asked for.
        initial: Protection,
        /// Whether its pages have memory from the start.
        committed: Option<Protection>,
        /// What else is known of those pages.
        attributes: Attributes,
        /// Whether its memory is charged.
        promise: Promise,
        /// What it is made of.
        traits: Traits,
    },
    /// A new object, which nothing shows yet.
    Object {
        /// Its name, the next one.
        object: ObjectId,
        /// How many pages it has.
        pages: u64,
        /// Who can show them.
        reach: Reach,
        /// What any view may be given.
        ceiling: Rights,
        /// Whether its shared pages are charged.
        promise: Promise,
    },
    /// Others can show an object from now on.
    Reach {
        /// Which.
        object: ObjectId,
    },
    /// Pages show something else: an object, or nothing but themselves.
    Show {
        /// Which pages.
        range: PageRange,
        /// What.
        content: Option<Content>,
    },
    /// Pages change their state.
    Pages {
        /// Which pages; holes between regions are passed over.
        range: PageRange,
        /// How.
        change: Change,
    },
    /// A region is more than an allocation.
    Form {
        /// Where it begins.
        at: Va,
        /// What it is.
        form: Form,
    },
    /// Something else stood where a region is.
    Ground {
        /// Where it begins.
        at: Va,
        /// What.
        ground: Ground,
    },
    /// What is known of an object as a section changes.
    Section {
        /// Which object.
        object: ObjectId,
        /// How.
        change: SectionChange,
    },
    /// Pages are wired once more, or let go once; holes between regions are passed over.
    Wires {
        /// Which pages.
        range: PageRange,
        /// Which of the two.
        step: Step,
    },
    /// The guards of these pages were armed just now: faults disarm them by these bits.
    Arm {
        /// Which pages; holes between regions are passed over.
        range: PageRange,
        /// One bit each, none of them set.
        met: Met,
    },
    /// Frames are taken or given back.
    Frames(FrameChange),
    /// A region, or a part of one, goes.
    Remove {
        /// What goes.
        range: PageRange,
    },
}

/// How a section changes.
#[derive(Clone, Debug)]
pub enum SectionChange {
    /// It has one more name.
    Named,
    /// It has one name less.
    Unnamed,
    /// Its pages get memory this way from now on.
    Supplied(Supply),
    /// Pages have memory.
    Filled {
        /// The first.
        first: u64,
        /// The one behind the last.
        end: u64,
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
    /// What is known of them beside the protection.
    Attribute(Attribute),
    /// Whether a store to them is remembered here.
    Latch(Latch),
    /// Whether their content is offered.
    Offer(Offer),
}

/// A change of one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The rights that the pages may ever have; their protection loses what is beyond.
    Maximum(Rights),
    /// What a forked child gets.
    Inheritance(Inheritance),
    /// How they are expected to be used, 0 to 3.
    Behavior(u8),
}

impl<T> Done<T> {
    /// The same change with another answer.
    pub fn map<U>(self, answer: impl FnOnce(T) -> U) -> Done<U> {
        Done { value: answer(self.value), edit: self.edit, foreign: self.foreign }
    }

    /// An answer that changes nothing.
    pub const fn unchanged(value: T) -> Self {
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
            contents: Contents::default(),
            objects: BTreeMap::new(),
            next_object: ObjectId(1),
            idle: Vec::new(),
            frames: Frames::default(),
            wires: Wires::default(),
            wired: 0,
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
    #[inline]
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

    /// The runs of `range`, and what each shows unless it is private.
    pub fn contents_of(&self, range: PageRange) -> impl Iterator<Item = (PageRange, Option<Content>)> + '_ {
        self.contents.runs(&self.geometry, range)
    }

    /// The objects that ranges here show.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &MemoryObject)> {
        self.objects.iter().map(|(id, object)| (*id, object))
    }

    /// The name that the next object gets: for an owner whose machine has to know it
    /// before the verb that makes the object.
    pub const fn next_object(&self) -> ObjectId {
        self.next_object
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
        match done.edit {
            // The most frequent ones, and the cheapest: what the others need is not made ready.
            Edit::None => {}
            Edit::Pages { range, change } => self.change_pages(range, change),
            ref edit => self.apply_edit(edit),
        }
        self.forget_idle();
    }

    #[inline(never)]
    fn apply_edit(&mut self, edit: &Edit) {
        match *edit {
            Edit::None => {}
            Edit::Batch(ref edits) => edits.iter().for_each(|edit| self.apply_edit(edit)),
            Edit::Insert { range, initial, committed, attributes, promise, traits } => {
                let slot = committed.map(|protection| Slot::committed(protection).with(attributes));
                self.insert(range, initial, slot, promise, traits);
            }
            Edit::Pages { range, change } => self.change_pages(range, change),
            Edit::Remove { range } => self.remove(range),
            Edit::Object { object, pages, reach, ceiling, promise } => {
                self.next_object = ObjectId(object.0 + 1);
                self.objects.insert(object, MemoryObject::new(pages, reach, ceiling, promise));
            }
            Edit::Reach { object } => {
                if let Some(object) =
                    self.objects.get_mut(&object).filter(|object| object.reach == Reach::Home)
                {
                    object.reach = Reach::Abroad;
                }
            }
            Edit::Show { range, content } => self.set_content(range, content),
            Edit::Wires { range, step } => self.change_wires(range, step),
            Edit::Arm { range, ref met } => self.each_region_mut(range, |geometry, region, part| {
                let (first, end) = pages_of(geometry, part);
                region.pages.arm(first, end, met.clone());
            }),
            Edit::Form { at, form } => self.form_region(at, form),
            Edit::Ground { at, ground } => self.ground_region(at, ground),
            Edit::Section { object, ref change } => self.change_section(object, change),
            Edit::Frames(change) => self.change_frames(change),
        }
    }

    fn insert(
        &mut self,
        range: PageRange,
        initial: Protection,
        committed: Option<Slot>,
        promise: Promise,
        traits: Traits,
    ) {
        let identity = self.next;
        self.next = AllocationId(identity.0 + 1);
        let mut region = Region::reserved(&self.geometry, range, identity, initial, promise, traits);
        if let Some(slot) = committed {
            let (first, end) = pages_of(&self.geometry, range);
            region.pages.update(first, end, |_| slot);
            region.bequeath(slot.attributes().inheritance);
            if promise == Promise::Full {
                self.charge.take(range.bytes());
            }
        }
        self.regions.insert(range.start().get(), range.end().get(), region);
    }

    fn change_pages(&mut self, range: PageRange, change: Change) {
        self.recount_wired(range, change);
        match change {
            Change::Commit { fresh, .. } => self.charge.take(fresh),
            Change::Decommit { freed } => {
                self.charge.give(freed);
                self.drop_content(range);
                self.wires.clear(range);
            }
            // Who lets go without counting lets go of all counts.
            Change::Wire(Wiring::Pageable) => self.wires.clear(range),
            Change::Wire(Wiring::Wired)
            | Change::Protect(_)
            | Change::Attribute(_)
            | Change::Latch(_)
            | Change::Offer(_) => {}
        }
        self.each_region_mut(range, |geometry, region, part| {
            change_region(geometry, region, part, change);
        });
    }

    /// Visits the regions in `range`, each with the part of it that is meant.
    fn each_region_mut(
        &mut self,
        range: PageRange,
        mut visit: impl FnMut(&Geometry, &mut Region, PageRange),
    ) {
        let mut at = range.start().get();
        while let Some((whole, region)) = self.regions.at_or_after_mut(at) {
            let whole = PageRange::between(whole.0, whole.1);
            let Some(part) = whole.and_then(|whole| whole.intersection(range)) else { return };
            visit(&self.geometry, region, part);
            at = part.end().get();
            if at >= range.end().get() {
                return;
            }
        }
    }

    fn change_wires(&mut self, range: PageRange, step: Step) {
        match step {
            Step::More => {
                let parts: Vec<_> = self.ours_in(range).map(|(_, part)| part).collect();
                parts.into_iter().for_each(|part| self.wires.more(part));
            }
            Step::Less => self.wires.less(range),
        }
    }

    fn remove(&mut self, range: PageRange) {
        let Some((start, end, mut region)) = self.regions.remove(range.start().get()) else {
            return;
        };
        let (first, last) = pages_of(&self.geometry, range);
        self.charge.give(self.charged(&region, range));
        self.forget_wired(&region, range);
        self.drop_content(range);
        self.wires.clear(range);
        let pieces = u32::from(end > range.end().get()) + u32::from(start < range.start().get());
        self.recount_views(region.form, pieces);
        if end > range.end().get() {
            let pages = region.pages.split_off(last);
            let form = region.form.after(last - start / self.geometry.page);
            let upper = Region { pages, form, ..region };
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
        RegionTruth { geometry: &self.geometry, region, contents: &self.contents, end: range.end() }
    }
}

/// Changes the pages of one region.
fn change_region(geometry: &Geometry, region: &mut Region, part: PageRange, change: Change) {
    let (first, end) = pages_of(geometry, part);
    let caching = region.caching();
    match change {
        Change::Commit { protection, .. } | Change::Protect(protection) => {
            let protection = protection.cached(caching);
            region.pages.update(first, end, |old| old.protected(protection));
        }
        Change::Decommit { .. } => {
            region.pages.update(first, end, |old| Slot::RESERVED.latched(old.latch()));
        }
        Change::Latch(latch) => region.pages.update(first, end, |old| old.latched(latch)),
        Change::Offer(offer) => {
            region.pages.update(first, end, |old| if old.is_committed() { old.offered(offer) } else { old })
        }
        Change::Wire(wiring) => {
            region.pages.update(first, end, |old| if old.is_committed() { old.wired(wiring) } else { old })
        }
        Change::Attribute(attribute) => {
            if let Attribute::Inheritance(inheritance) = attribute {
                region.bequeath(inheritance);
            }
            region.pages.update(first, end, |old| attributed(old, attribute));
        }
    }
}

/// The same page with another attribute.
fn attributed(old: Slot, attribute: Attribute) -> Slot {
    let Some(protection) = old.protection() else { return old };
    let attributes = old.attributes();
    match attribute {
        Attribute::Maximum(maximum) => {
            let rights = protection.rights.intersection(maximum.union(Rights::COPY));
            let slot = Slot::committed(Protection { rights, ..protection });
            let slot = slot.wired(old.wiring()).latched(old.latch()).offered(old.offer());
            slot.with(Attributes { maximum, ..attributes })
        }
        Attribute::Inheritance(inheritance) => old.with(Attributes { inheritance, ..attributes }),
        Attribute::Behavior(behavior) => old.with(Attributes { behavior, ..attributes }),
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
    contents: &'a Contents,
    end: Va,
}

impl Truth for RegionTruth<'_> {
    fn run(&self, at: Va) -> (Va, Option<Access>) {
        let rest = PageRange::between(self.geometry.page_down(at.get()), self.end.get());
        let run = rest.and_then(|rest| self.region.runs(self.geometry, rest).next());
        match run {
            Some((run, slot)) => (run.end(), slot.access()),
            None => (self.end, None),
        }
    }

    fn content(&self, at: Va) -> (Va, Option<Content>) {
        let rest = PageRange::between(self.geometry.page_down(at.get()), self.end.get());
        let run = rest.and_then(|rest| self.contents.runs(self.geometry, rest).next());
        run.map_or((self.end, None), |(run, content)| (run.end(), content))
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
