//! The MMU: table, TLB and frames together, as a machine.

mod guest;

use core::fmt;
use core::mem::replace;
use core::ops::{ControlFlow, Range};

use alloc::vec::Vec;

use pagewright_core::{
    Access, Backing, ForeignRun, Geometry, Machine, PageRange, Protection, Refusal, Standing, Truth, Va,
    Wiring,
};

use crate::fault::{Fault, FaultKind, Reason};
use crate::frame::{Exhausted, Frame, Frames, Place};
use crate::table::{Page, Table};
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
    /// The truth of this machine: every frame in use is named here, once.
    table: Table,
    /// A cache of `table`: whoever changes the one forgets in the other.
    tlb: Tlb,
    frames: Frames,
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
            tlb: Tlb::new(shift),
            frames: Frames::new(page),
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
    /// wired ones.
    pub fn frames_used(&self) -> usize {
        self.frames.used()
    }

    /// Proves that table, TLB and frames agree; for tests and for debugging.
    ///
    /// # Errors
    /// The first thing that does not hold, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        self.table.check()?;
        let mut owned = Vec::new();
        let seen = self.table.visit(0..self.table.count(), |_, state| {
            owned.extend(state.and_then(|page| page.frame));
            state.map_or(ControlFlow::Continue(()), check_page)
        });
        if let ControlFlow::Break(what) = seen {
            return Err(what);
        }
        self.frames.check(owned)?;
        let stale = |(kind, at, place): (FaultKind, u64, Place)| match self.page_for(kind, at) {
            Ok(page) if kind == FaultKind::Store && page.frame.is_none() => true,
            Ok(page) => self.place(page, at) != place,
            Err(_) => true,
        };
        if self.tlb.entries().any(stale) { Err("the TLB permits what the table does not") } else { Ok(()) }
    }

    /// The page of `at`, if the guest may make this kind of access to it.
    fn page_for(&self, kind: FaultKind, at: u64) -> Result<Page, Fault> {
        let fault = |reason| Fault { at, kind, reason };
        let page = self.table.get(at >> self.shift).ok_or(fault(Reason::Unmapped))?;
        let access = page.access.ok_or(fault(Reason::Reserved))?;
        if access.contains(kind.needs()) { Ok(page) } else { Err(fault(Reason::Access)) }
    }

    /// Where the byte at `at` stands, `page` being its page.
    fn place(&self, page: Page, at: u64) -> Place {
        let inside = at & (self.geometry.page - 1);
        self.frames.place(page.frame, inside as usize)
    }

    /// Gives a page a frame of its own, full of zeros. On error nothing changed.
    fn back(&mut self, number: u64, page: Page) -> Result<Frame, Exhausted> {
        let frame = self.frames.take()?;
        let backed = Page { frame: Some(frame), ..page };
        self.table.update(number..number + 1, |_| Some(backed));
        // Loads and fetches may have cached the frame of zeros.
        self.tlb.forget(number..number + 1);
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

    /// Makes every page of a range what `state` is, without memory. The frames that
    /// they had are free again.
    fn clear(&mut self, pages: Range<u64>, state: Option<Page>) {
        let frames = &mut self.frames;
        self.table.update(pages.clone(), |old| {
            if let Some(frame) = old.and_then(|page| page.frame) {
                frames.give(frame);
            }
            state
        });
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
        if page.frame.is_some() {
            return Ok(self.place(page, at));
        }
        let frame = self.back(at >> self.shift, page).map_err(|Exhausted| no_frame(at))?;
        Ok(self.place(Page { frame: Some(frame), ..page }, at))
    }
}

const fn no_frame(at: u64) -> Fault {
    Fault { at, kind: FaultKind::Store, reason: Reason::OutOfMemory }
}

fn check_page(page: Page) -> ControlFlow<&'static str> {
    if page.frame.is_some() && page.access.is_none() {
        return ControlFlow::Break("a reserved page has a frame");
    }
    if page.wiring == Wiring::Wired && page.frame.is_none() {
        return ControlFlow::Break("a wired page has no frame");
    }
    ControlFlow::Continue(())
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

    fn commit(&mut self, _region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        self.set_access(pages, access);
        Ok(())
    }

    fn decommit(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        self.clear(pages, Some(Page::fresh(None)));
        Ok(())
    }

    fn protect(&mut self, _region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        let pages = self.mapped(range, |page| page.access.is_some())?;
        self.set_access(pages, access);
        Ok(())
    }

    fn release(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let pages = self.mapped(range, |_| true)?;
        self.clear(pages, None);
        Ok(())
    }

    /// Gives every page a frame, so that no later store to it can fault for want of
    /// one. `OutOfMemory` if there are not enough; `Unmapped` if a page has no
    /// memory or no access.
    fn wire(&mut self, range: PageRange) -> Result<(), Refusal> {
        let pages = self.mapped(range, |page| page.access.is_some_and(|access| !access.is_empty()))?;
        let mut missing = 0;
        let _ = self.table.visit(pages.clone(), |group, state| {
            if state.is_some_and(|page| page.frame.is_none()) {
                missing += group.end - group.start;
            }
            ControlFlow::<()>::Continue(())
        });
        self.frames.prepare(missing).map_err(|Exhausted| Refusal::OutOfMemory)?;
        for number in pages.clone() {
            if let Some(page) = self.table.get(number).filter(|page| page.frame.is_none()) {
                self.back(number, page).map_err(|Exhausted| Refusal::OutOfMemory)?;
            }
        }
        self.table.update(pages, |old| old.map(|page| Page { wiring: Wiring::Wired, ..page }));
        Ok(())
    }

    fn unwire(&mut self, range: PageRange) -> Result<(), Refusal> {
        let pages = self.pages(range).ok_or(Refusal::Unmapped)?;
        self.table.update(pages, |old| old.map(|page| Page { wiring: Wiring::Pageable, ..page }));
        Ok(())
    }

    fn resync(&mut self, _region: PageRange, range: PageRange, truth: &dyn Truth) {
        let Some(pages) = self.pages(range) else { return };
        let mut at = pages.start;
        while at < pages.end {
            let (end, access) = truth.run(Va::new(at << self.shift));
            // Whatever a truth says, the walk goes on and stays inside.
            let end = (end.get() >> self.shift).clamp(at + 1, pages.end);
            match access {
                Some(access) => self.set_access(at..end, access),
                None => self.clear(at..end, Some(Page::fresh(None))),
            }
            at = end;
        }
    }

    fn occupied(&self, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        let mut open = 0..0;
        let mut close = |run: Range<u64>| {
            if let Some(range) = self.bytes(&run) {
                report(range);
            }
        };
        let _ = self.table.visit(0..self.table.count(), |group, state| {
            if state.is_some() && group.start == open.end {
                open.end = group.end;
            } else if state.is_some() {
                close(replace(&mut open, group));
            }
            ControlFlow::<()>::Continue(())
        });
        close(open);
        Ok(())
    }

    /// What the embedder mapped past the address space is its own, and foreign to
    /// the address space: private memory with the access it has.
    fn foreign(&self, at: Va) -> Result<ForeignRun, Refusal> {
        let number = at.get() >> self.shift;
        if number >= self.table.count() {
            return Err(Refusal::Unmapped);
        }
        let access = |state: Option<Page>| state.map(|page| page.access.unwrap_or(Access::empty()));
        let here = access(self.table.get(number));
        let run = self.table.run(number, |state| access(state) == here);
        let standing = match here.map(Access::as_protection) {
            None => Standing::Free,
            Some(protection) => self.embedded(number, protection),
        };
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
            self.frames.copy_out(self.place(page, here), &mut into[done..done + count]);
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
    fn embedded(&self, number: u64, protection: Protection) -> Standing {
        let whole = self.table.run(number, |state| state.is_some());
        Standing::Mapped {
            protection,
            initial: protection,
            allocation: whole.start << self.shift,
            backing: Backing::Private,
        }
    }
}
