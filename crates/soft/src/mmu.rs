//! The MMU: table, TLB and frames together, as a machine.

mod guest;
mod special;
mod views;

use core::fmt;
use core::mem::replace;
use core::ops::{ControlFlow, Range};

use alloc::vec::Vec;

use pagewright_core::{
    Access, After, Backing, Content, ForeignRun, Geometry, Machine, ObjectId, PageRange, Protection, Refusal,
    Showing, Standing, Survival, Traits, Truth, Va, View,
};

use crate::fault::{Fault, FaultKind, Reason};
use crate::frame::{Exhausted, Frame, Frames, Place};
use crate::object::{Objects, Window};
use crate::table::{Marks, Page, Table};
use crate::tlb::Tlb;

/// The address space of one guest: a software MMU with its memory.
///
/// As a [`Machine`] it is told what is mapped, most often by
/// [`pagewright_core::Managed`]; the guest's accesses go through [`Self::load`],
/// [`Self::store`] and [`Self::fetch`]. A clone is a snapshot: it has frames of its
/// own.
#[derive(Clone)]
pub struct Mmu {
    geometry: Geometry,
    /// The binary logarithm of the page size.
    shift: u32,
    /// The truth of this machine: every frame in use is named here or in `objects`,
    /// once.
    table: Table<Option<Page>>,
    /// Which object the pages with a view show.
    windows: Table<Option<Window>>,
    objects: Objects,
    /// A cache of `table`: whoever changes the one forgets in the other.
    tlb: Tlb,
    frames: Frames,
    /// The pages of watched allocations, run by run.
    watched: Vec<Range<u64>>,
    /// Where yielded pages with frames may be: none elsewhere.
    yielded: Range<u64>,
    /// How many NUMA nodes the guest's machine has.
    nodes: u16,
}

impl Mmu {
    /// An empty address space without a limit of frames.
    ///
    /// # Panics
    /// If no page table can have this shape: pages are a power of two of at least
    /// 8 bytes and fit into the host's memory, and the user range is whole pages.
    pub fn new(geometry: Geometry) -> Self {
        let page = usize::try_from(geometry.page).expect("a page fits into the host's memory");
        assert!(page.is_power_of_two() && page >= 8, "pages of {page} bytes");
        let end = geometry.highest.checked_add(1).expect("the user range ends below 2^64");
        assert!(end.is_multiple_of(geometry.page), "a user range up to {end:#x}");
        let shift = page.trailing_zeros();
        Self {
            geometry,
            shift,
            table: Table::new(end >> shift),
            windows: Table::new(end >> shift),
            objects: Objects::default(),
            tlb: Tlb::new(shift),
            frames: Frames::new(page),
            watched: Vec::new(),
            yielded: 0..0,
            nodes: 1,
        }
    }

    /// Sets how many pages may have memory of their own at a time: the RAM of an
    /// emulated machine. `None` is as many as the host can give.
    ///
    /// Pages that have memory keep it, even above a lower limit.
    pub fn set_frame_limit(&mut self, frames: Option<u32>) {
        self.frames.set_limit(frames);
    }

    /// How many pages may have memory of their own; `None` without a limit.
    pub const fn frame_limit(&self) -> Option<u32> {
        self.frames.limit()
    }

    /// How many pages have memory of their own: those that were stored to, and the
    /// wired ones. What several places show counts once.
    pub fn frames_used(&self) -> usize {
        self.frames.used()
    }

    /// Proves that table, TLB and frames agree; for tests and for debugging.
    ///
    /// # Errors
    /// The first thing that does not hold, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        self.table.check()?;
        self.windows.check()?;
        let mut owned = Vec::new();
        let seen = self.walk(0..self.table.count(), |pages, state, window| {
            let Some(page) = state else { return ControlFlow::Continue(()) };
            owned.extend(page.frame);
            self.check_pages(pages, page, window)
        });
        if let ControlFlow::Break(what) = seen {
            return Err(what);
        }
        self.check_windows()?;
        self.objects.check(|frame| owned.push(frame))?;
        self.frames.check(owned)?;
        self.check_special()?;
        if self.tlb.entries().any(|entry| self.is_stale(entry)) {
            return Err("the TLB permits what the table does not");
        }
        Ok(())
    }

    fn is_stale(&self, (kind, at, place): (FaultKind, u64, Place)) -> bool {
        let number = at >> self.shift;
        match self.page_for(kind, at) {
            Err(_) => true,
            Ok(page) if kind == FaultKind::Store => {
                let frame = self.frame_to_store(number, page);
                let moved = frame.is_none_or(|frame| self.frames.place(Some(frame), 0) != place);
                moved || !self.is_noted(number, page)
            }
            Ok(page) => {
                let frame = self.frame_to_load(number, page);
                self.frames.place(frame, 0) != place || !is_steady(page, frame)
            }
        }
    }

    /// The page of `at`, if the guest may make this kind of access to it.
    fn page_for(&self, kind: FaultKind, at: u64) -> Result<Page, Fault> {
        let fault = |reason| Fault { at, kind, reason };
        let page = self.table.get(at >> self.shift).ok_or(fault(Reason::Unmapped))?;
        let access = page.access.ok_or(fault(Reason::Reserved))?;
        if access.contains(Access::GUARD) {
            // Met before anything is asked for rights (fact GP05).
            return Err(fault(Reason::Guard));
        }
        if access.contains(kind.needs()) { Ok(page) } else { Err(fault(Reason::Access)) }
    }

    /// Where the byte at `at` stands, in the frame of its page.
    fn place(&self, frame: Option<Frame>, at: u64) -> Place {
        let inside = at & (self.geometry.page - 1);
        self.frames.place(frame, inside as usize)
    }

    /// The frame with the bytes of page `number`; `None` is zeros.
    fn frame_to_load(&self, number: u64, page: Page) -> Option<Frame> {
        match page.view {
            None => page.frame,
            Some(View::Shared | View::Snapshot) => page.frame.or_else(|| self.frame_below(number)),
        }
    }

    /// The frame that takes the stores to page `number`, unless it first needs one.
    fn frame_to_store(&self, number: u64, page: Page) -> Option<Frame> {
        match page.view {
            None | Some(View::Snapshot) => page.frame,
            Some(View::Shared) => self.frame_below(number),
        }
    }

    /// Gives page `number` a frame to store to, with the bytes that it shows: of its own
    /// or, if it is shared, its object's. On error nothing changed.
    fn back(&mut self, number: u64, page: Page) -> Result<Frame, Exhausted> {
        let frame = match self.frame_to_load(number, page) {
            None if page.marks.contains(Marks::BACKED) => self.frames.take_promised()?,
            like => self.take_frame(like)?,
        };
        match (page.view, self.slot(number)) {
            (Some(View::Shared), Some(slot)) => self.objects.set(slot, frame),
            (Some(View::Shared | View::Snapshot) | None, _) => {
                let backed = Page { frame: Some(frame), ..page };
                self.table.update(number..number + 1, |_| Some(backed));
                // Loads and fetches may have cached what stood for it.
                self.tlb.forget(number..number + 1);
            }
        }
        Ok(frame)
    }

    /// A range by page numbers, or `None` if it leaves the user range.
    fn pages(&self, range: PageRange) -> Option<Range<u64>> {
        let (start, end) = (range.start().get(), range.end().get());
        debug_assert!(start % self.geometry.page == 0 && end % self.geometry.page == 0, "{range}");
        (end <= self.geometry.user_end()).then(|| start >> self.shift..end >> self.shift)
    }

    /// As [`Self::pages`], if all of them are as `fits` wants it.
    fn mapped(&self, range: PageRange, fits: impl Fn(Page) -> bool) -> Result<Range<u64>, Refusal> {
        let pages = self.pages(range).ok_or(Refusal::Unmapped)?;
        let all = self.table.all(pages.clone(), |state| state.is_some_and(&fits));
        if all { Ok(pages) } else { Err(Refusal::Unmapped) }
    }

    /// Makes every page of a range what `state` is, without memory, showing what
    /// `window` says. The frames that they had, or that were set aside, are free again.
    fn clear(&mut self, pages: Range<u64>, state: Option<Page>, window: Option<Window>) {
        let unused = self.set_aside(pages.clone());
        let frames = &mut self.frames;
        frames.unpromise(unused);
        let mut changed = window.is_some();
        self.table.update(pages.clone(), |old| {
            if let Some(page) = old {
                page.frame.into_iter().for_each(|frame| frames.give(frame));
                changed |= page.view.is_some();
            }
            let lasting = old.map_or(Marks::empty(), |page| page.marks.intersection(Marks::LASTING));
            state.map(|page| page.with(lasting))
        });
        if changed {
            self.windows.update(pages.clone(), |_| window);
        }
        self.tlb.forget(pages);
    }

    /// Makes every page of a range committed with `access`; content stays.
    fn set_access(&mut self, pages: Range<u64>, access: Access) {
        self.table.update(pages.clone(), |old| {
            let page = old.unwrap_or(Page::fresh(None));
            Some(Page { access: Some(access), ..page })
        });
        self.tlb.forget(pages);
    }

    fn bytes(&self, pages: &Range<u64>) -> Option<PageRange> {
        PageRange::between(pages.start << self.shift, pages.end << self.shift)
    }

    /// The bytes from `at` to the end of its page, at most `most`.
    const fn rest_of_page(&self, at: u64, most: usize) -> usize {
        let rest = self.geometry.page - (at & (self.geometry.page - 1));
        if rest < most as u64 { rest as usize } else { most }
    }

    /// Where the byte at `at` stands for a store; the page gets a frame if it has
    /// none. On error nothing changed.
    fn place_to_store(&mut self, at: u64) -> Result<Place, Fault> {
        let page = self.page_for(FaultKind::Store, at)?;
        let number = at >> self.shift;
        let frame = match self.frame_to_store(number, page) {
            Some(frame) => frame,
            None => self.back(number, page).map_err(|Exhausted| no_frame(at))?,
        };
        self.note_store(number, page);
        Ok(self.place(Some(frame), at))
    }
}

/// Whether the bytes of a page, `frame`, stay where they are until its entry in the
/// table changes.
///
/// Zeros that are shared do not: the first store through any view gives all of them a
/// frame, and only one of them is at hand then.
const fn is_steady(page: Page, frame: Option<Frame>) -> bool {
    match page.view {
        None | Some(View::Snapshot) => true,
        Some(View::Shared) => frame.is_some(),
    }
}

const fn no_frame(at: u64) -> Fault {
    Fault { at, kind: FaultKind::Store, reason: Reason::OutOfMemory }
}

impl fmt::Debug for Mmu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the table: it can be longer than anybody's patience.
        f.debug_struct("Mmu")
            .field("geometry", &self.geometry)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// Nothing fails half-way here: whatever can refuse, refuses before the first
/// change. A range outside of the user range is `Denied` to [`Self::reserve`] and
/// `Unmapped` to the others.
impl Machine for Mmu {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn reserve(&mut self, range: PageRange, access: Option<Access>) -> Result<(), Refusal> {
        let pages = self.pages(range).ok_or(Refusal::Denied)?;
        if !self.table.all(pages.clone(), |state| state.is_none()) {
            return Err(Refusal::Occupied);
        }
        // The TLB knows nothing of unmapped pages: nothing to forget.
        self.table.update(pages, |_| Some(Page::fresh(access)));
        Ok(())
    }

    fn reserve_special(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        self.reserve_pages(range, access, traits)
    }

    /// Exact, through whatever view a store was made. `Denied` if a page is not watched.
    fn written(
        &mut self,
        _region: PageRange,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal> {
        let pages = self.watched_pages(range)?;
        let runs = self.stored_runs(pages, limit);
        match after {
            After::Keep => {}
            After::Forget => self.forget_stores(&runs),
        }
        runs.iter().filter_map(|run| self.bytes(run)).for_each(report);
        Ok(())
    }

    fn forget_written(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let pages = self.watched_pages(range)?;
        self.forget_stores(&[pages]);
        Ok(())
    }

    /// The content goes when there are no other frames, or by [`Mmu::drop_yielded`].
    /// Pages that are watched, wired, or show an object are left alone.
    fn yield_content(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let pages = self.mapped(range, |page| page.access.is_some())?;
        self.yield_pages(pages);
        Ok(())
    }

    fn keep(&mut self, _region: PageRange, range: PageRange) -> Result<Survival, Refusal> {
        let pages = self.mapped(range, |_| true)?;
        Ok(self.keep_pages(pages))
    }

    fn commit(&mut self, _region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        self.set_access(pages, access);
        Ok(())
    }

    fn decommit(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        self.clear(pages, Some(Page::fresh(None)), None);
        Ok(())
    }

    fn protect(&mut self, _region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        let pages = self.mapped(range, |page| page.access.is_some())?;
        self.set_access(pages, access);
        Ok(())
    }

    fn release(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        self.unmap(pages);
        Ok(())
    }

    /// Gives every page a frame, so that no later store to it can fault for want of
    /// one. `OutOfMemory` if there are not enough; `Unmapped` if a page has no
    /// memory or no access.
    fn wire(&mut self, range: PageRange) -> Result<(), Refusal> {
        let pages = self.mapped(range, |page| page.access.is_some_and(|access| !access.now().is_empty()))?;
        self.prepare(|mmu| mmu.lacking(pages.clone())).map_err(|Exhausted| Refusal::OutOfMemory)?;
        for number in pages.clone() {
            let page = self.table.get(number).filter(|page| self.frame_to_store(number, *page).is_none());
            if let Some(page) = page {
                self.back(number, page).map_err(|Exhausted| Refusal::OutOfMemory)?;
            }
        }
        let wired = |page: Page| page.with(page.marks.difference(Marks::YIELDED).union(Marks::WIRED));
        self.table.update(pages, |old| old.map(wired));
        Ok(())
    }

    fn unwire(&mut self, range: PageRange) -> Result<(), Refusal> {
        let pages = self.pages(range).ok_or(Refusal::Unmapped)?;
        let unwired = |page: Page| page.with(page.marks.difference(Marks::WIRED));
        self.table.update(pages, |old| old.map(unwired));
        Ok(())
    }

    fn resync(&mut self, _region: PageRange, range: PageRange, truth: &dyn Truth) {
        let Some(pages) = self.pages(range) else { return };
        let mut at = pages.start;
        while at < pages.end {
            let here = Va::new(at << self.shift);
            let ((end, access), (stop, content)) = (truth.run(here), truth.content(here));
            // Whatever a truth says, the walk goes on and stays inside.
            let end = (end.min(stop).get() >> self.shift).clamp(at + 1, pages.end);
            match (access, content) {
                (None, _) => self.clear(at..end, Some(Page::fresh(None)), None),
                (Some(access), None) => self.keep_private(at..end, access),
                (Some(access), Some(content)) => self.keep_shown(at..end, content, access),
            }
            at = end;
        }
    }

    fn create(&mut self, object: ObjectId, pages: u64) -> Result<(), Refusal> {
        self.objects.create(object, pages)
    }

    /// `OutOfMemory` unless so many more pages could have memory of their own now; the
    /// frames are taken when the pages are stored to.
    fn create_frames(&mut self, object: ObjectId, pages: u64, node: Option<u16>) -> Result<(), Refusal> {
        self.has_node(node)?;
        self.prepare(|_| pages).map_err(|Exhausted| Refusal::OutOfMemory)?;
        self.objects.create(object, pages)
    }

    fn discard(&mut self, object: ObjectId, first: u64, pages: u64) {
        self.drop_frames(object, first..first.saturating_add(pages));
    }

    fn close(&mut self, object: ObjectId) {
        self.drop_frames(object, 0..u64::MAX);
        self.objects.close(object);
    }

    /// Takes no frame, so it is never short of one; `NoObject` if the object has not
    /// these pages. The pages are not wired afterwards.
    fn show(
        &mut self,
        _region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        self.require(content, &pages)?;
        self.show_anew(pages, content, access);
        Ok(())
    }

    /// The frames of private pages become the object's, and no byte is copied. Bytes that
    /// another object holds are copied: `OutOfMemory` if there are no frames for them.
    /// The places are not wired afterwards.
    fn promote(&mut self, places: &[Showing], content: Content) -> Result<(), Refusal> {
        let access = |showing: &Showing| {
            let pages = self.mapped(showing.range, |page| page.access.is_some())?;
            self.require(content, &pages).map(|()| (pages, showing.access))
        };
        let places = places.iter().map(access).collect::<Result<Vec<_>, _>>()?;
        self.promote_pages(&places, content).map_err(|Exhausted| Refusal::OutOfMemory)
    }

    /// What the embedder mapped past the address space is its own; it shows an object
    /// once the address space promoted it, until the embedder maps it anew.
    fn recognise(&self, range: PageRange) -> Option<Content> {
        self.shown_by_all(self.pages(range)?)
    }

    /// Exact, with one exception: wired pages count as stored to. `Unmapped` if a page
    /// is not.
    fn privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        let own = |page: Page| page.view == Some(View::Snapshot) && page.frame.is_some();
        self.report_runs(pages, own, report);
        Ok(())
    }

    /// Captures the whole source before it stores, so that places which show the same
    /// bytes overlap as the same addresses do. Nobody else stores meanwhile: the guest
    /// needs the machine for it.
    ///
    /// `OutOfMemory` if there are no frames for the target, or the host has no memory
    /// for what is captured; nothing was copied then.
    fn transfer(&mut self, _held: &[Showing], from: Va, to: Va, bytes: u64) -> Result<(), Refusal> {
        self.check_stores(to.get(), bytes)?;
        let count = usize::try_from(bytes).map_err(|_| Refusal::OutOfMemory)?;
        let mut captured = Vec::new();
        captured.try_reserve_exact(count).map_err(|_| Refusal::OutOfMemory)?;
        captured.resize(count, 0);
        if self.read(from, &mut captured) < count || self.write(to, &captured) < count {
            return Err(Refusal::Unmapped);
        }
        Ok(())
    }

    /// For a clone that is to be the child of a fork.
    fn forsake(&mut self, range: PageRange) {
        if let Some(pages) = self.pages(range) {
            self.unmap(pages);
        }
    }

    fn occupied(&self, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        self.report_runs(0..self.table.count(), |_| true, report);
        Ok(())
    }

    /// What the embedder mapped past the address space is its own, and foreign to
    /// the address space: private memory with the access it has, or a view of an object
    /// once it was promoted.
    fn foreign(&self, at: Va) -> Result<ForeignRun, Refusal> {
        let number = at.get() >> self.shift;
        if number >= self.table.count() {
            return Err(Refusal::Unmapped);
        }
        let look = |state: Option<Page>| {
            state.map(|page| (page.access.unwrap_or(Access::empty()), page.view.is_some()))
        };
        let here = look(self.table.get(number));
        let mut run = self.table.run(number, |state| look(state) == here);
        if here.is_some_and(|(_, shows)| shows) {
            let window = self.windows.get(number);
            let same = self.windows.run(number, |other| other == window);
            run = run.start.max(same.start)..run.end.min(same.end);
        }
        let standing = here.map_or(Standing::Free, |(access, shows)| {
            let backing = if shows { Backing::View } else { Backing::Private };
            self.embedded(number, access.as_protection(), backing)
        });
        Ok(ForeignRun { start: run.start << self.shift, end: run.end << self.shift, standing })
    }

    /// `Unmapped` as long as the embedder maps nothing past the address space:
    /// what is there is then nobody's.
    fn protect_foreign(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.protect(range, range, access)
    }

    fn read(&self, at: Va, into: &mut [u8]) -> usize {
        let mut done = 0;
        while done < into.len() {
            let here = at.get().wrapping_add(done as u64);
            let Ok(page) = self.page_for(FaultKind::Load, here) else { break };
            let count = self.rest_of_page(here, into.len() - done);
            let frame = self.frame_to_load(here >> self.shift, page);
            self.frames.copy_out(self.place(frame, here), &mut into[done..done + count]);
            done += count;
        }
        done
    }

    fn write(&mut self, at: Va, from: &[u8]) -> usize {
        let mut done = 0;
        while done < from.len() {
            let here = at.get().wrapping_add(done as u64);
            let Ok(place) = self.place_to_store(here) else { break };
            let count = self.rest_of_page(here, from.len() - done);
            self.frames.copy_in(place, &from[done..done + count]);
            done += count;
        }
        done
    }
}

impl Mmu {
    fn embedded(&self, number: u64, protection: Protection, backing: Backing) -> Standing {
        let whole = self.table.run(number, |state| state.is_some());
        Standing::Mapped { protection, initial: protection, allocation: whole.start << self.shift, backing }
    }

    /// Reports the runs of mapped pages that `fit`.
    fn report_runs(&self, pages: Range<u64>, fits: impl Fn(Page) -> bool, report: &mut dyn FnMut(PageRange)) {
        let mut open = 0..0;
        let mut close = |run: Range<u64>| {
            if let Some(range) = self.bytes(&run) {
                report(range);
            }
        };
        let _ = self.table.visit(pages, |group, state| {
            if !state.is_some_and(&fits) {
                return ControlFlow::<()>::Continue(());
            }
            if group.start == open.end {
                open.end = group.end;
            } else {
                close(replace(&mut open, group));
            }
            ControlFlow::Continue(())
        });
        close(open);
    }
}
