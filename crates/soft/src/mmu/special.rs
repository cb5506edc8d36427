//! Watched pages, yielded content, and memory that is set aside.
//!
//! ```text
//!   watched, clean     not among the stores of the TLB      first store: marked, and entered
//!   watched, stored    may be among them                    a store costs what it always does
//!   yielded            not among them                       first store: in use again
//! ```
//!
//! So whoever makes a page clean, or yields it, takes its entry for stores away, and a hit
//! asks for nothing. A page that several places show is stored to by whoever has an entry
//! for any of them: it has one only if all watched places are marked.

use core::mem::replace;
use core::ops::{ControlFlow, Range};

use alloc::vec::Vec;

use pagewright_core::{Access, PageKind, PageRange, Refusal, Survival, Traits, View, Watch};

use super::Mmu;
use crate::frame::{Exhausted, Frame};
use crate::table::{Marks, Page};

impl Mmu {
    /// Sets how many NUMA nodes the guest's machine has; 1 until then. Frames are the
    /// same on all of them.
    pub const fn set_nodes(&mut self, nodes: u16) {
        self.nodes = nodes;
    }

    /// How many NUMA nodes the guest's machine has.
    pub const fn nodes(&self) -> u16 {
        self.nodes
    }

    /// Drops the content of every page that was yielded and not stored to since, and
    /// returns how many frames that made free. The limit of frames does so by itself when
    /// it is reached; an embedder does it to have memory back before.
    pub fn drop_yielded(&mut self) -> usize {
        let (pages, before) = (replace(&mut self.yielded, 0..0), self.frames.used());
        if pages.is_empty() {
            return 0;
        }
        let frames = &mut self.frames;
        self.table.update(pages, |old| {
            let page = old?;
            if !page.marks.contains(Marks::YIELDED) {
                return old;
            }
            let Some(frame) = page.frame else { return old };
            frames.give(frame);
            let marks = page.marks.difference(Marks::YIELDED).union(Marks::DROPPED);
            Some(Page { frame: None, ..page.with(marks) })
        });
        let dropped = before - self.frames.used();
        if dropped > 0 {
            self.forget_all();
        }
        dropped
    }

    /// Sees to it that as many frames as `needed` says can be taken; content that was
    /// yielded goes for it. On error none can.
    pub(super) fn prepare(&mut self, needed: impl Fn(&Self) -> u64) -> Result<(), Exhausted> {
        let count = needed(self);
        if self.frames.prepare(count).is_ok() {
            return Ok(());
        }
        self.drop_yielded();
        // What was dropped may be needed again.
        let count = needed(self);
        self.frames.prepare(count)
    }

    /// A frame like another, which is not yielded, or of zeros.
    pub(super) fn take_frame(&mut self, like: Option<Frame>) -> Result<Frame, Exhausted> {
        self.prepare(|_| 1)?;
        self.frames.take(like)
    }

    /// Reserves pages of something special. On error nothing changed.
    pub(super) fn reserve_pages(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        let pages = self.pages(range).ok_or(Refusal::Denied)?;
        if !self.table.all(pages.clone(), |state| state.is_none()) {
            return Err(Refusal::Occupied);
        }
        self.has_node(traits.node)?;
        let mut marks = Marks::empty();
        match (traits.pages, access) {
            (PageKind::Ordinary | PageKind::Joined | PageKind::Window, _) => {}
            (PageKind::Large | PageKind::Huge, None) => return Err(Refusal::Denied),
            (PageKind::Large | PageKind::Huge, Some(_)) => {
                self.set_apart(pages.end - pages.start)?;
                marks |= Marks::BACKED;
            }
        }
        if traits.watch == Watch::On {
            marks |= Marks::WATCHED;
            self.watched.push(pages.clone());
        }
        self.table.update(pages, |_| Some(Page::fresh(access).with(marks)));
        Ok(())
    }

    /// `NoNode` if a node is named that there is not.
    pub(super) fn has_node(&self, node: Option<u16>) -> Result<(), Refusal> {
        if node.is_some_and(|node| node >= self.nodes) { Err(Refusal::NoNode) } else { Ok(()) }
    }

    /// Sets frames aside. On error nothing changed but what was yielded.
    fn set_apart(&mut self, count: u64) -> Result<(), Refusal> {
        self.prepare(|_| count).and_then(|()| self.frames.promise(count)).map_err(|_| Refusal::NoLargePages)
    }

    /// How many frames are set aside for pages of a range.
    pub(super) fn set_aside(&self, pages: Range<u64>) -> u64 {
        let mut count = 0;
        if self.frames.promised() > 0 {
            let waits = |page: Page| page.marks.contains(Marks::BACKED) && page.frame.is_none();
            let _ = self.table.visit(pages, |group, state| {
                count += if state.is_some_and(waits) { group.end - group.start } else { 0 };
                ControlFlow::<()>::Continue(())
            });
        }
        count
    }

    /// Takes pages out of the address space.
    pub(super) fn unmap(&mut self, pages: Range<u64>) {
        let cut = self.watched.iter().flat_map(|run| {
            let below = run.start..run.end.min(pages.start);
            let above = run.start.max(pages.end)..run.end;
            [below, above].into_iter().filter(|part| !part.is_empty())
        });
        self.watched = cut.collect();
        self.clear(pages, None, None);
    }

    /// The pages of a range, if all are watched.
    pub(super) fn watched_pages(&self, range: PageRange) -> Result<Range<u64>, Refusal> {
        self.mapped(range, |page| page.marks.contains(Marks::WATCHED)).map_err(|_| Refusal::Denied)
    }

    /// Whether any of these pages is watched.
    pub(super) fn is_watched_in(&self, pages: &Range<u64>) -> bool {
        self.watched.iter().any(|run| run.start < pages.end && pages.start < run.end)
    }

    /// The runs of pages that were stored to, up to so many pages.
    pub(super) fn stored_runs(&self, pages: Range<u64>, limit: u64) -> Vec<Range<u64>> {
        let (mut runs, mut left) = (Vec::<Range<u64>>::new(), limit);
        let _ = self.table.visit(pages, |group, state| {
            if !state.is_some_and(|page| page.marks.contains(Marks::STORED)) {
                return ControlFlow::Continue(());
            }
            let end = group.end.min(group.start.saturating_add(left));
            left -= end - group.start;
            match runs.last_mut() {
                Some(run) if run.end == group.start => run.end = end,
                Some(_) | None if end > group.start => runs.push(group.start..end),
                Some(_) | None => {}
            }
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        runs
    }

    /// Makes pages count as stored to.
    pub(super) fn mark_stored(&mut self, pages: Range<u64>) {
        self.table.update(pages, |old| old.map(Page::stored));
    }

    /// Makes pages clean: in ascending order, and nothing between the runs is stored to,
    /// or it is a run itself.
    pub(super) fn forget_stores(&mut self, runs: &[Range<u64>]) {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return };
        let (pages, mut shared) = (first.start..last.end, false);
        self.table.update(pages.clone(), |old| {
            old.map(|page| {
                shared |= page.view == Some(View::Shared);
                page.with(page.marks.difference(Marks::STORED))
            })
        });
        let others = 0..self.table.count();
        self.tlb.forget_stores(if shared { &others } else { &pages });
    }

    /// Remembers a store to page `number`: there, and wherever else watched pages show
    /// the same bytes.
    pub(super) fn note_store(&mut self, number: u64, page: Page) {
        if page.marks.intersects(Marks::LET_GO) || page.marks.contains(Marks::WATCHED) {
            self.mark_stored(number..number + 1);
        }
        if page.view == Some(View::Shared) && !self.watched.is_empty() {
            for other in self.watched_views(number) {
                self.mark_stored(other..other + 1);
            }
        }
    }

    /// The watched pages that show what page `number` shows.
    fn watched_views(&self, number: u64) -> Vec<u64> {
        let (mut views, Some(slot)) = (Vec::new(), self.slot(number)) else { return Vec::new() };
        for run in &self.watched {
            let _ = self.walk(run.clone(), |group, state, window| {
                let shared = state.is_some_and(|page| page.view == Some(View::Shared));
                let other = window.filter(|_| shared).and_then(|window| window.page_of(slot));
                views.extend(other.filter(|other| group.contains(other)));
                ControlFlow::<()>::Continue(())
            });
        }
        views
    }

    /// Whether nothing more is to be noted of stores to page `number`.
    pub(super) fn is_noted(&self, number: u64, page: Page) -> bool {
        let marked = |page: Page| page == page.stored();
        let others = || self.watched_views(number).into_iter().filter_map(|other| self.table.get(other));
        marked(page) && (page.view != Some(View::Shared) || others().all(marked))
    }

    pub(super) fn yield_pages(&mut self, pages: Range<u64>) {
        let kept = Marks::WATCHED.union(Marks::WIRED).union(Marks::BACKED).union(Marks::DROPPED);
        self.table.update(pages.clone(), |old| {
            let plain = |page: &Page| page.view.is_none() && !page.marks.intersects(kept);
            match old.filter(plain) {
                Some(page) => Some(page.with(page.marks.union(Marks::YIELDED))),
                None => old,
            }
        });
        let hull = self.yielded.start.min(pages.start)..self.yielded.end.max(pages.end);
        self.yielded = if self.yielded.is_empty() { pages.clone() } else { hull };
        self.tlb.forget_stores(&pages);
    }

    pub(super) fn keep_pages(&mut self, pages: Range<u64>) -> Survival {
        let mut survival = Survival::Intact;
        self.table.update(pages, |old| {
            old.map(|page| {
                if page.marks.contains(Marks::DROPPED) {
                    survival = Survival::Lost;
                }
                page.with(page.marks.difference(Marks::LET_GO))
            })
        });
        survival
    }

    /// Proves what holds for watched, yielded and backed pages, beside what their marks say.
    pub(super) fn check_special(&self) -> Result<(), &'static str> {
        if self.set_aside(0..self.table.count()) != self.frames.promised() {
            return Err("frames are set aside for nobody");
        }
        let listed = |number: u64| self.watched.iter().any(|run| run.contains(&number));
        let seen = self.table.visit(0..self.table.count(), |group, state| {
            let marks = state.map_or(Marks::empty(), |page| page.marks);
            if marks.contains(Marks::WATCHED) != listed(group.start) {
                return ControlFlow::Break("a page is watched, or is not, against the list");
            }
            let held = state.is_some_and(|page| page.frame.is_some());
            if marks.contains(Marks::YIELDED) && held && !self.yielded.contains(&group.start) {
                return ControlFlow::Break("a yielded page would not be found");
            }
            ControlFlow::Continue(())
        });
        seen.break_value().map_or(Ok(()), Err)
    }
}

/// What is wrong with what a page has marks for.
pub(super) fn wrong_marks(page: Page) -> Option<&'static str> {
    let marks = page.marks;
    let plain = page.access.is_some() && page.view.is_none();
    if marks.contains(Marks::STORED) && (!marks.contains(Marks::WATCHED) || page.access.is_none()) {
        Some("a page was stored to that is not watched, or has no memory")
    } else if marks.intersects(Marks::LET_GO.union(Marks::BACKED)) && !plain {
        Some("a page is yielded, or backed, that has no bytes of its own")
    } else if marks.contains(Marks::YIELDED) && marks.intersects(Marks::WATCHED.union(Marks::WIRED)) {
        Some("a page is yielded that is in use")
    } else {
        None
    }
}
