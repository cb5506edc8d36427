//! Pages that show an object: aliases, and lazy copies.
//!
//! ```text
//!   private    frame of its own             store: there
//!   shared     none: its object's           store: there; all views see it
//!   snapshot   none: its object's, frozen   store: takes a frame of its own first
//! ```

use core::ops::{ControlFlow, Range};

use alloc::vec::Vec;

use pagewright_core::{Access, Content, ObjectId, Refusal, View};

use super::Mmu;
use super::special::wrong_marks;
use crate::fault::FaultKind;
use crate::frame::{Exhausted, Frame};
use crate::object::{Slot, Window};
use crate::table::{Marks, Page};

/// A page of the guest, and a frame with its bytes.
type Held = (u64, Frame);

/// The bytes behind pages that are to move into an object.
#[derive(Default)]
struct Bytes {
    /// In frames that the pages own.
    own: Vec<Held>,
    /// In frames of other objects.
    below: Vec<Held>,
    /// The pages whose place in the object is to be what they show now. The others show
    /// that place already.
    moving: Vec<Range<u64>>,
}

impl Mmu {
    /// Shows groups of pages that are equal and look through one window, ascending.
    pub(super) fn walk<B>(
        &self,
        pages: Range<u64>,
        mut see: impl FnMut(Range<u64>, Option<Page>, Option<Window>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.table.visit(pages, |group, state| match state.and_then(|page| page.view) {
            None => see(group, state, None),
            Some(View::Shared | View::Snapshot) => {
                self.windows.visit(group, |part, window| see(part, state, window))
            }
        })
    }

    /// What page `number` shows of an object.
    pub(super) fn slot(&self, number: u64) -> Option<Slot> {
        self.windows.get(number).map(|window| window.of(number))
    }

    /// The frame that its object has for page `number`.
    pub(super) fn frame_below(&self, number: u64) -> Option<Frame> {
        self.objects.frame(self.slot(number)?)
    }

    /// `NoObject` unless the object has all that `pages` pages of `content` show.
    pub(super) fn require(&self, content: Content, pages: &Range<u64>) -> Result<(), Refusal> {
        let enough = self.objects.holds(content.object, content.first, pages.end - pages.start);
        if enough { Ok(()) } else { Err(Refusal::NoObject) }
    }

    /// Makes pages show `content`, which there is, and nothing else.
    pub(super) fn show_anew(&mut self, pages: Range<u64>, content: Content, access: Access) {
        let window = Window::new(pages.start, content);
        let page = Page { view: Some(content.view), ..Page::fresh(Some(access)) };
        self.clear(pages.clone(), Some(page), Some(window));
        if content.view == View::Shared && self.is_watched_in(&pages) {
            // Stores through the other views are seen here from now on.
            self.tlb.forget_stores(&(0..self.table.count()));
        }
    }

    /// Makes pages show `content` where they do not; there they keep their bytes.
    pub(super) fn keep_shown(&mut self, pages: Range<u64>, content: Content, access: Access) {
        let window = Window::new(pages.start, content);
        let mut others = Vec::new();
        let _ = self.walk(pages.clone(), |group, state, seen| {
            let view = state.and_then(|page| page.view);
            if (view, seen) != (Some(content.view), Some(window)) {
                others.push(group);
            }
            ControlFlow::<()>::Continue(())
        });
        if self.require(content, &pages).is_ok() {
            for group in others {
                let content = content.after(group.start - pages.start);
                self.show_anew(group, content, access);
            }
        }
        self.set_access(pages, access);
    }

    /// Makes pages private, with the bytes that they show. Where there is no frame for
    /// the bytes of an object, the page goes on to show it.
    pub(super) fn keep_private(&mut self, pages: Range<u64>, access: Access) {
        let mut viewed = Vec::new();
        let _ = self.walk(pages.clone(), |group, state, window| {
            viewed.extend(state.zip(window).map(|(page, _)| (group, page)));
            ControlFlow::<()>::Continue(())
        });
        for (group, page) in viewed {
            for number in group {
                // Best effort, as the contract has it.
                let _ = self.detach(number, page);
            }
        }
        self.set_access(pages, access);
    }

    /// Makes one page private, with the bytes that it shows. On error nothing changed.
    fn detach(&mut self, number: u64, page: Page) -> Result<(), Exhausted> {
        let frame = match (page.frame, self.frame_below(number)) {
            (Some(frame), _) => Some(frame),
            (None, Some(below)) => Some(self.take_frame(Some(below))?),
            (None, None) => None,
        };
        self.table.update(number..number + 1, |_| Some(Page { frame, view: None, ..page }));
        self.windows.update(number..number + 1, |_| None);
        self.tlb.forget(number..number + 1);
        Ok(())
    }

    /// Moves the bytes of the first place into `content`, which there is, and shows that
    /// at all places. On error nothing changed.
    pub(super) fn promote_pages(
        &mut self,
        places: &[(Range<u64>, Access)],
        content: Content,
    ) -> Result<(), Exhausted> {
        let Some((source, _)) = places.first() else { return Ok(()) };
        let window = Window::new(source.start, content);
        self.prepare(|mmu| mmu.bytes_behind(source.clone(), window).below.len() as u64)?;
        let Bytes { mut own, below, moving } = self.bytes_behind(source.clone(), window);
        for (number, frame) in below {
            own.push((number, self.frames.take(Some(frame))?));
        }
        for pages in moving {
            let first = window.of(pages.start).page;
            self.drop_frames(content.object, first..first + (pages.end - pages.start));
        }
        for (number, frame) in own {
            self.objects.set(window.of(number), frame);
            // It is the object's now.
            let moved = |page: Page| Page { frame: None, ..page.with(page.marks.difference(Marks::BACKED)) };
            self.table.update(number..number + 1, |old| old.map(moved));
        }
        for (pages, access) in places {
            // The bytes are the same, and so is what is known of them.
            let stored = self.stored_runs(pages.clone(), u64::MAX);
            self.show_anew(pages.clone(), content, *access);
            stored.into_iter().for_each(|run| self.mark_stored(run));
        }
        // A snapshot's bytes can go back to where others show what was there before.
        self.forget_all();
        Ok(())
    }

    fn bytes_behind(&self, pages: Range<u64>, target: Window) -> Bytes {
        let mut bytes = Bytes::default();
        let _ = self.walk(pages, |group, state, window| {
            match (state.and_then(|page| page.frame), window) {
                // A group of one: no other page has this frame.
                (Some(frame), _) => bytes.own.push((group.start, frame)),
                (None, Some(window)) if window == target => return ControlFlow::<()>::Continue(()),
                (None, Some(window)) => {
                    let Slot { object, page } = window.of(group.start);
                    let shown = page..page + (group.end - group.start);
                    self.objects.each(object, shown, |at, frame| {
                        bytes.below.push((group.start + (at - page), frame))
                    });
                }
                (None, None) => {}
            }
            bytes.moving.push(group);
            ControlFlow::Continue(())
        });
        bytes
    }

    /// Makes pages of an object zeros, and their frames free again.
    pub(super) fn drop_frames(&mut self, object: ObjectId, pages: Range<u64>) {
        let (frames, mut dropped) = (&mut self.frames, false);
        self.objects.clear(object, pages, |frame| {
            frames.give(frame);
            dropped = true;
        });
        if dropped {
            // Nobody shows these pages, says the contract. If somebody does, it must not
            // read or write what the frames are used for next.
            self.forget_all();
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.tlb.forget(0..self.table.count());
    }

    /// What pages show if all of them show one object, and none has bytes of its own.
    pub(super) fn shown_by_all(&self, pages: Range<u64>) -> Option<Content> {
        let (number, view) = (pages.start, self.table.get(pages.start)?.view?);
        let Slot { object, page } = self.slot(number)?;
        let content = Content { object, first: page, view };
        let expected = Window::new(number, content);
        let all = self.walk(pages, |_, state, window| {
            let alike = state.is_some_and(|page| page.frame.is_none() && page.view == Some(view));
            if alike && window == Some(expected) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        all.is_continue().then_some(content)
    }

    /// How many frames it takes until every mapped page of these has one to store to. A
    /// page of an object that several of them share counts once.
    pub(super) fn lacking(&self, pages: Range<u64>) -> u64 {
        let (mut lacking, mut shared) = (0, Vec::new());
        let _ = self.walk(pages, |group, state, window| {
            let count = group.end - group.start;
            match (state, window.map(|window| window.of(group.start))) {
                (Some(Page { view: Some(View::Shared), .. }), Some(slot)) => shared.push((slot, count)),
                (Some(Page { marks, .. }), _) if marks.contains(Marks::BACKED) => {}
                (Some(Page { frame: None, .. }), _) => lacking += count,
                (Some(_) | None, _) => {}
            }
            ControlFlow::<()>::Continue(())
        });
        shared.sort_unstable();
        let mut counted = Slot { object: ObjectId(0), page: 0 };
        for (Slot { object, page }, count) in shared {
            let seen = if object == counted.object { counted.page } else { 0 };
            let (start, end) = (page.max(seen), page + count);
            if start < end {
                lacking += self.objects.missing(object, start..end);
                counted = Slot { object, page: end };
            }
        }
        lacking
    }

    /// Whether `bytes` bytes from `at` on can be stored: `Unmapped` unless the guest
    /// may, `OutOfMemory` if there are not enough frames.
    pub(super) fn check_stores(&mut self, at: u64, bytes: u64) -> Result<(), Refusal> {
        let Some(more) = bytes.checked_sub(1) else { return Ok(()) };
        let last = at.checked_add(more).ok_or(Refusal::Unmapped)?;
        let pages = at >> self.shift..(last >> self.shift) + 1;
        for number in pages.clone() {
            self.page_for(FaultKind::Store, number << self.shift).map_err(|_| Refusal::Unmapped)?;
        }
        self.prepare(|mmu| mmu.lacking(pages.clone())).map_err(|Exhausted| Refusal::OutOfMemory)
    }

    /// Proves what holds for pages that are equal and look through one window.
    pub(super) fn check_pages(
        &self,
        pages: Range<u64>,
        page: Page,
        window: Option<Window>,
    ) -> ControlFlow<&'static str> {
        let wrong = if page.access.is_none() && (page.frame.is_some() || page.view.is_some()) {
            "a reserved page has bytes"
        } else if page.view == Some(View::Shared) && page.frame.is_some() {
            "a shared page has a frame of its own"
        } else if page.view.is_some() != window.is_some() {
            "a page does not know what it shows"
        } else if window.is_some_and(|window| !self.has(window.of(pages.start), &pages)) {
            "a page shows what its object has not"
        } else if page.marks.contains(Marks::WIRED) && self.lacking(pages) > 0 {
            "a wired page has no frame"
        } else if let Some(wrong) = wrong_marks(page) {
            wrong
        } else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(wrong)
    }

    fn has(&self, slot: Slot, pages: &Range<u64>) -> bool {
        self.objects.holds(slot.object, slot.page, pages.end - pages.start)
    }

    /// Proves that only pages with a view have a window.
    pub(super) fn check_windows(&self) -> Result<(), &'static str> {
        let seen = self.windows.visit(0..self.windows.count(), |group, window| {
            let viewed = |state: Option<Page>| state.is_some_and(|page| page.view.is_some());
            if window.is_none() || self.table.all(group, viewed) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if seen.is_continue() { Ok(()) } else { Err("a window is kept for a page that shows nothing") }
    }
}
