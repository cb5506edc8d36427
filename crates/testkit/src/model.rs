//! The naive specification: a list of allocations, page by page.
//!
//! Written from the facts; the row that a rule follows is named beside it. What
//! the facts leave to the implementation is taken from the subject and checked:
//! where memory is placed, and which of two refusals is reported when both hold
//! and no row orders them. Aliases and copies are eager here.

mod lock;
mod placeholder;
mod recycle;
mod share;
mod store;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pagewright_core::{
    Action, Allocate, Backing, Disposal, Free, Geometry, Guard, Info, Kind, Owner, PageRange, Place, Protect,
    Protection, Rights, State, Traits, Wiring,
};

use crate::room::Room;
use store::{Name, Store};
use watch::Sure;

/// The refusals that are right here. None of them: it should have succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Any of these will do.
    pub any_of: Vec<Kind>,
    /// Why, where the kinds do not say it.
    pub why: &'static str,
}

/// Everything that an address space promises, and the bytes in it.
#[derive(Clone, Debug)]
pub struct Model {
    geometry: Geometry,
    arena: Range<u64>,
    limit: u64,
    allocations: Vec<Allocation>,
    store: Store,
}

/// One allocation, or the piece of one that a partial release left.
#[derive(Clone, Debug)]
struct Allocation {
    range: PageRange,
    initial: Protection,
    traits: Traits,
    standing: Standing,
    /// The committed pages, by address. All others are reserved.
    pages: BTreeMap<u64, Page>,
    /// Pages of which a store is remembered whatever becomes of their memory (WW17).
    latched: BTreeMap<u64, Sure>,
}

/// What an allocation is among placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Memory, where nothing was.
    Memory,
    /// Memory, in place of one.
    Instead,
    /// One.
    Placeholder,
}

/// A committed page.
#[derive(Clone, Debug)]
struct Page {
    protection: Protection,
    wiring: Wiring,
    /// Which bytes it shows.
    bytes: Name,
    /// Whether it was stored to since it got memory, or since that was forgotten.
    stored: bool,
    /// Whether its content is offered: nobody can access it (PF15).
    offered: bool,
}

impl Page {
    const fn new(protection: Protection, bytes: Name) -> Self {
        Self { protection, wiring: Wiring::Pageable, bytes, stored: false, offered: false }
    }

    /// Whether it is as `permits` wants it, and in use.
    fn lets(&self, permits: impl Fn(Protection) -> bool) -> bool {
        !self.offered && permits(self.protection)
    }
}

impl Refused {
    fn with(kind: Kind) -> Self {
        Self { any_of: vec![kind], why: "" }
    }

    fn because(why: &'static str) -> Self {
        Self { any_of: Vec::new(), why }
    }

    fn unless_empty(any_of: Vec<Kind>) -> Result<(), Self> {
        if any_of.is_empty() { Ok(()) } else { Err(Self { any_of, why: "" }) }
    }
}

/// Stores and fetches imply loads, as on x86; a guard stops everything (GP02).
fn can_load(protection: Protection) -> bool {
    protection.guard == Guard::Clear && !protection.rights.is_empty()
}

fn can_store(protection: Protection) -> bool {
    protection.guard == Guard::Clear && protection.rights.contains(Rights::WRITE)
}

impl Allocation {
    const fn reserved(range: PageRange, initial: Protection, traits: Traits) -> Self {
        let standing = Standing::Memory;
        Self { range, initial, traits, standing, pages: BTreeMap::new(), latched: BTreeMap::new() }
    }

    fn base(&self) -> u64 {
        self.range.start().get()
    }

    fn end(&self) -> u64 {
        self.range.end().get()
    }

    fn holds(&self, at: u64) -> bool {
        self.base() <= at && at < self.end()
    }

    /// NOCACHE and WRITECOMBINE belong to the allocation (VP25 to VP27).
    fn recorded(&self, asked: Protection) -> Protection {
        Protection { caching: self.initial.caching, ..asked }
    }

    fn state(&self, page: u64) -> State {
        let (allocation, initial) = (self.base(), self.initial);
        match self.pages.get(&page) {
            None => State::Reserved { allocation, initial, backing: Backing::Private },
            Some(page) => State::Committed {
                allocation,
                initial,
                protection: page.protection,
                backing: Backing::Private,
                owner: Owner::Own,
            },
        }
    }

    /// A page without memory gets zeros, one with memory keeps what it shows.
    fn commit(&mut self, page: u64, protection: Protection, store: &mut Store) {
        match self.pages.get_mut(&page) {
            Some(known) => {
                known.protection = protection;
                if known.stored {
                    // No row says whether this is a change of protection like WW17's.
                    self.latched.entry(page).or_insert(Sure::Perhaps);
                }
            }
            None => drop(self.pages.insert(page, Page::new(protection, store.fresh()))),
        }
    }

    /// The piece of the allocation in `range`, as an allocation of its own.
    fn piece(&self, start: u64, end: u64) -> Option<Self> {
        let range = PageRange::between(start, end)?;
        let pages = self.pages.range(start..end).map(|(&at, page)| (at, page.clone())).collect();
        let latched = self.latched.range(start..end).map(|(&at, &sure)| (at, sure)).collect();
        let Self { initial, traits, standing, .. } = *self;
        Some(Self { range, initial, traits, standing, pages, latched })
    }
}

impl Model {
    /// Nothing allocated.
    pub const fn new(geometry: Geometry, arena: Range<u64>, limit: u64) -> Self {
        Self { geometry, arena, limit, allocations: Vec::new(), store: Store::new(geometry.page) }
    }

    /// Sets the commit limit; what is promised stays promised.
    pub const fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// Bytes promised: the committed pages; those that show the same bytes count once.
    pub fn charge(&self) -> u64 {
        self.shown().len() as u64 * self.geometry.page
    }

    fn shown(&self) -> BTreeSet<Name> {
        self.allocations.iter().flat_map(|a| a.pages.values()).map(|page| page.bytes).collect()
    }

    /// The ranges that are allocated.
    pub fn allocated(&self) -> impl Iterator<Item = PageRange> {
        self.allocations.iter().map(|allocation| allocation.range)
    }

    /// The pages that were written, aliased or copied since they were committed, and
    /// whether they can be loaded.
    pub fn watched(&self) -> impl Iterator<Item = (u64, bool)> {
        let pages = self.allocations.iter().flat_map(|a| &a.pages);
        let watched = pages.filter(|(_, page)| self.store.is_watched(page.bytes));
        watched.map(|(at, page)| (*at, page.lets(can_load)))
    }

    /// Whether what stands at `at` is known here: nobody else's memory.
    pub fn knows(&self, at: u64) -> bool {
        self.arena.contains(&at) || self.holder(at).is_some()
    }

    fn holder(&self, at: u64) -> Option<usize> {
        self.allocations.iter().position(|allocation| allocation.holds(at))
    }

    fn committed(&self, at: u64) -> Option<&Page> {
        self.allocations[self.holder(at)?].pages.get(&self.page_of(at))
    }

    fn page_of(&self, at: u64) -> u64 {
        at / self.geometry.page * self.geometry.page
    }

    fn each(&self, range: PageRange) -> impl Iterator<Item = u64> + use<> {
        (range.start().get()..range.end().get()).step_by(self.geometry.page as usize)
    }

    fn each_committed(&self, range: PageRange) -> impl Iterator<Item = &Page> {
        let within = range.start().get()..range.end().get();
        self.allocations.iter().flat_map(move |a| a.pages.range(within.clone())).map(|(_, page)| page)
    }

    /// Every page touched; in an arithmetic that cannot overflow. The order of
    /// the refusals is that of section VA: address, then size.
    pub(crate) fn touched(&self, at: u64, size: u64) -> Result<PageRange, Refused> {
        let (page, highest) = (u128::from(self.geometry.page), u128::from(self.geometry.highest));
        let (from, to) = (u128::from(at), u128::from(at) + u128::from(size));
        if from > highest {
            return Err(Refused::with(Kind::BadAddress));
        }
        if size == 0 {
            return Err(Refused::with(Kind::ZeroSize));
        }
        if to - 1 > highest {
            return Err(Refused::with(Kind::BadSize));
        }
        let (start, end) = (from / page * page, to.div_ceil(page) * page);
        Ok(PageRange::between(start as u64, end as u64).expect("a size above 0 touches a page"))
    }

    fn is_free(&self, range: PageRange) -> bool {
        !self.allocated().any(|other| other.overlaps(range))
    }

    /// Whether all of `range` is known here.
    pub fn knows_all(&self, range: PageRange) -> bool {
        self.in_arena(range) || self.allocated().any(|own| own.covers(range))
    }

    fn in_arena(&self, range: PageRange) -> bool {
        self.arena.start <= range.start().get() && range.end().get() <= self.arena.end
    }

    fn over_limit(&self, fresh: u64) -> bool {
        // Nothing new needs no room, however low the limit is by now.
        fresh > 0 && u128::from(self.charge()) + u128::from(fresh) > u128::from(self.limit)
    }

    /// Reserves, commits, or both. `chosen` is where the subject says it did.
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged.
    pub fn allocate(&mut self, request: &Allocate, chosen: Option<PageRange>) -> Result<PageRange, Refused> {
        // The protection is looked at first (section VA); private memory cannot be
        // copy-on-write (VA54).
        if request.protection.rights.contains(Rights::COPY) {
            return Err(Refused::with(Kind::BadProtection));
        }
        placeholder::check(request)?;
        match (request.place, request.action) {
            (Place::At(at), Action::Commit) => self.commit(at, request),
            (Place::Placeholder(at), _) => self.replace(at, request),
            (Place::At(at), Action::Reserve | Action::ReserveCommit | Action::Placeholder) => {
                let range = self.judge_fixed(at, request, chosen)?;
                Ok(self.insert(range, request))
            }
            (Place::Window(_) | Place::Near(_), _) => {
                let room = Room::of(&self.geometry, request)?;
                let range = self.judge_choice(&room, request, chosen)?;
                Ok(self.insert(range, request))
            }
        }
    }

    fn fresh_bytes(request: &Allocate, range: PageRange) -> u64 {
        match request.action {
            Action::Reserve | Action::Placeholder => 0,
            Action::Commit | Action::ReserveCommit => range.bytes(),
        }
    }

    /// The start goes down to a granule, the end up to a page (VA10 to VA17).
    fn judge_fixed(
        &self,
        at: u64,
        request: &Allocate,
        chosen: Option<PageRange>,
    ) -> Result<PageRange, Refused> {
        let start = at / self.geometry.granule * self.geometry.granule;
        let low = start < self.geometry.lowest;
        let touched = self.touched(at, request.size).map_err(|mut refused| {
            // The lowest addresses are refused before anything else is looked at, or
            // after (VA32 is the wrapper's): both.
            refused.any_of.extend(low.then_some(Kind::BadAddress));
            refused
        })?;
        if low {
            return Err(Refused::with(Kind::BadAddress));
        }
        let range = PageRange::between(start, touched.end().get()).expect("it only grew");
        let mut reasons = Vec::new();
        // Outside of the arena anything may be in use.
        let taken = !self.is_free(range) || (chosen.is_none() && !self.in_arena(range));
        reasons.extend(taken.then_some(Kind::Conflict));
        reasons.extend(self.over_limit(Self::fresh_bytes(request, range)).then_some(Kind::CommitLimit));
        Refused::unless_empty(reasons)?;
        Ok(range)
    }

    /// The subject chose; was that legal? It did not; was there no place?
    fn judge_choice(
        &self,
        room: &Room,
        request: &Allocate,
        chosen: Option<PageRange>,
    ) -> Result<PageRange, Refused> {
        let limited = match request.action {
            Action::Reserve | Action::Placeholder => false,
            Action::Commit | Action::ReserveCommit => self.over_limit(room.length),
        };
        let taken: Vec<_> = self.allocated().collect();
        let best = room.highest_in(&self.arena, &taken);
        let Some(range) = chosen else {
            let mut reasons = Vec::new();
            reasons.extend(limited.then_some(Kind::CommitLimit));
            reasons.extend(best.is_none().then_some(Kind::NoSpace));
            Refused::unless_empty(reasons)?;
            return Err(Refused::because("there is room in the arena"));
        };
        if limited {
            return Err(Refused::with(Kind::CommitLimit));
        }
        if !self.is_free(range) {
            return Err(Refused::because("the chosen range is in use"));
        }
        room.permits(range, best).map_err(Refused::because)?;
        Ok(range)
    }

    fn insert(&mut self, range: PageRange, request: &Allocate) -> PageRange {
        let initial = request.protection;
        let mut allocation = Allocation::reserved(range, initial, request.traits);
        match request.action {
            Action::Reserve => {}
            Action::Placeholder => allocation.standing = Standing::Placeholder,
            Action::Commit | Action::ReserveCommit => {
                self.each(range).for_each(|page| allocation.commit(page, initial, &mut self.store));
            }
        }
        self.allocations.push(allocation);
        range
    }

    /// A commit lies in one allocation (VA24, VA25); pages that have memory keep
    /// it and get the new protection (VA21 to VA23).
    fn commit(&mut self, at: u64, request: &Allocate) -> Result<PageRange, Refused> {
        let range = self.touched(at, request.size)?;
        let not_reserved = || {
            let elsewhere = [Kind::NotReserved, Kind::Conflict, Kind::AlreadyCommitted];
            let known = if self.knows(range.start().get()) { 1 } else { 3 };
            Refused { any_of: elsewhere[..known].to_vec(), why: "" }
        };
        let index = self.holder(range.start().get()).ok_or_else(not_reserved)?;
        if !self.allocations[index].range.covers(range) {
            return Err(Refused::with(Kind::NotReserved));
        }
        if self.allocations[index].standing == Standing::Placeholder {
            return Err(Refused::with(Kind::Conflict)); // PH09
        }
        let had = self.each_committed(range).count() as u64;
        if self.over_limit(range.bytes() - had * self.geometry.page) {
            return Err(Refused::with(Kind::CommitLimit));
        }
        let pages = self.each(range);
        let allocation = &mut self.allocations[index];
        let protection = allocation.recorded(request.protection);
        pages.for_each(|page| allocation.commit(page, protection, &mut self.store));
        Ok(range)
    }

    /// Decommits or releases (VF06 to VF36).
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged.
    pub fn free(&mut self, request: &Free) -> Result<PageRange, Refused> {
        if let Some(done) = self.free_to_placeholder(request) {
            return done;
        }
        let touched = self.touched(request.at, request.size.max(1))?;
        let Some(index) = self.holder(touched.start().get()) else {
            return Err(self.nothing_there(touched));
        };
        let whole = self.allocations[index].range;
        let range = match request.size {
            // Any address in the first page is the base (VF10, VF13).
            0 if touched.start() == whole.start() => whole,
            0 => return Err(Refused::with(Kind::NotAtBase)),
            _ if whole.covers(touched) => touched,
            _ => return Err(Refused::with(Kind::BeyondAllocation)),
        };
        if request.disposal == Disposal::Unmap {
            return Err(Refused::with(Kind::NotAllocated)); // the model has no views
        }
        let allocation = self.allocations.remove(index);
        let (start, end) = (range.start().get(), range.end().get());
        if request.disposal == Disposal::Decommit {
            let mut allocation = allocation;
            allocation.pages.retain(|at, _| !(start..end).contains(at));
            self.allocations.push(allocation);
        } else {
            // What is left is one or two allocations with bases of their own (VF19).
            self.allocations.extend(allocation.piece(allocation.base(), start));
            self.allocations.extend(allocation.piece(end, allocation.end()));
        }
        self.store.sweep(&self.shown());
        Ok(range)
    }

    /// Changes protection; the answer is the first page's old one (VP11).
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged.
    pub fn protect(&mut self, request: &Protect) -> Result<Protection, Refused> {
        let range = self.touched(request.at, request.size)?;
        let copy = request.protection.rights.contains(Rights::COPY);
        let refused = |kind| {
            let mut any_of = vec![kind];
            any_of.extend(copy.then_some(Kind::BadProtection));
            Err(Refused { any_of, why: "" })
        };
        // Free memory and other allocations are the same conflict (VP16, VP20, VP21).
        let holder = self.holder(range.start().get());
        let Some(index) = holder.filter(|index| self.allocations[*index].range.covers(range)) else {
            return refused(Kind::SpansAllocations);
        };
        if self.each(range).any(|page| self.committed(page).is_none()) {
            return refused(Kind::NotCommitted);
        }
        if copy {
            return Err(Refused::with(Kind::BadProtection));
        }
        let old = self.committed(range.start().get()).map(|page| page.protection);
        let pages = self.each(range);
        let allocation = &mut self.allocations[index];
        let protection = allocation.recorded(request.protection);
        pages.for_each(|page| allocation.protect(page, protection));
        old.ok_or(Refused::with(Kind::NotCommitted))
    }

    fn committed_mut(&mut self, at: u64) -> Option<&mut Page> {
        let (index, page) = (self.holder(at)?, self.page_of(at));
        self.allocations[index].pages.get_mut(&page)
    }

    /// What stands at `at`, and how far the pages after it are alike: same state,
    /// same protection, same allocation (section VQ). Wiring does not count.
    ///
    /// # Errors
    /// Above the user range (VQ22).
    pub fn query(&self, at: u64) -> Result<Info, Refused> {
        if at > self.geometry.highest {
            return Err(Refused::with(Kind::BadAddress));
        }
        let base = self.page_of(at);
        let Some(index) = self.holder(at) else {
            let above = self.allocated().map(|range| range.start().get()).filter(|start| *start > at);
            let end = above.min().unwrap_or(self.geometry.user_end());
            return Ok(Info { base, size: end - base, state: State::Free });
        };
        let allocation = &self.allocations[index];
        let state = allocation.state(base);
        let mut end = base + self.geometry.page;
        while end < allocation.end() && allocation.state(end) == state {
            end += self.geometry.page;
            if let State::Reserved { .. } = state {
                // Nothing but the next committed page ends it: no need to walk terabytes.
                let next = allocation.pages.range(end..).next();
                end = next.map_or(allocation.end(), |(at, _)| *at);
            }
        }
        Ok(Info { base, size: end - base, state })
    }

    /// The guard that a call of ours met at `at` is gone (GP09, GP10). Where nothing would
    /// get through anyway there is none to meet: no caller can ask for that (GP19).
    pub fn meet(&mut self, at: u64) {
        if let Some(page) = self.committed_mut(at).filter(|page| page.lets(|p| !p.rights.is_empty())) {
            page.protection.guard = Guard::Clear;
        }
    }

    /// Whether the next access to the page at `at` meets a guard.
    pub fn is_guarded(&self, at: u64) -> bool {
        self.committed(at).is_some_and(|page| page.protection.guard == Guard::Armed)
    }

    /// The bytes from `at`, up to the first that cannot be loaded.
    pub fn read(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let Some(here) = at.checked_add(bytes.len() as u64) else { break };
            let page = self.committed(here).filter(|page| page.lets(can_load));
            let Some(page) = page else { break };
            let offset = (here - self.page_of(here)) as usize;
            let count = (self.geometry.page as usize - offset).min(length - bytes.len());
            self.store.load(page.bytes, offset, count, &mut bytes);
        }
        bytes
    }

    /// Stores bytes at `at`, up to the first that cannot be; returns how many.
    pub fn write(&mut self, at: u64, from: &[u8]) -> usize {
        let mut done = 0;
        while done < from.len() {
            let Some(here) = at.checked_add(done as u64) else { break };
            let offset = (here - self.page_of(here)) as usize;
            let page = self.committed(here).filter(|page| page.lets(can_store));
            let Some(name) = page.map(|page| page.bytes) else { break };
            let count = (self.geometry.page as usize - offset).min(from.len() - done);
            self.store.store(name, offset, &from[done..done + count]);
            self.note_store(name);
            done += count;
        }
        done
    }
}
