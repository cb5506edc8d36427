//! Re-deriving a range from the truth.
//!
//! Best effort, by contract: each step that fails leaves its pages to the next operation
//! on them, which is why chunks count as mixed afterwards.

use pagewright_core::{Access, Content, PageRange, Showing, Standing, Truth, View};

use super::commit::Stretch;
use super::{Chunk, Linux, Sharing, Strategy, Uniformity, addr, foreign, len};
use crate::sys::{self, Backing, Place, Prot};

impl Linux {
    pub(super) fn rederive(&mut self, region: PageRange, range: PageRange, truth: &dyn Truth) {
        let mut rest = Some(range);
        while let Some(left) = rest {
            let (end, access) = truth.run(left.start());
            let (stop, content) = truth.content(left.start());
            let end = end.min(stop).min(left.end()).get();
            // A truth that does not get on is asked again for the page behind.
            let end = end.max(left.start().get() + self.geometry.page);
            let Some(run) = PageRange::between(left.start().get(), end) else { return };
            match access {
                Some(access) => self.rederive_memory(region, run, content, access),
                None => self.rederive_nothing(region, run),
            }
            rest = PageRange::between(end, left.end().get());
        }
    }

    /// Pages without memory.
    fn rederive_nothing(&mut self, region: PageRange, run: PageRange) {
        if let Some(hull) = self.shown.hull(run)
            && self.wipe(hull).is_ok()
        {
            self.shown.forget(hull);
        }
        self.each_stretch(region, run, &mut |machine, &Stretch { known, part, chunk }| match chunk {
            Some(Chunk::Marked { access, .. }) => {
                let _ = machine.mark(known, part, access, Uniformity::Mixed);
                machine.mark_mixed(known, access);
            }
            None | Some(Chunk::Split) => {
                let _ = machine.wipe(part);
            }
        });
    }

    /// Pages with memory: first what they show, then what may be done with them.
    fn rederive_memory(
        &mut self,
        region: PageRange,
        run: PageRange,
        content: Option<Content>,
        access: Access,
    ) {
        let mut rest = Some(run);
        while let Some(left) = rest {
            let (part, shown) = self.shown.first(left);
            let pages = (part.start().get() - run.start().get()) / self.geometry.page;
            let wanted = content.map(|content| content.after(pages));
            if shown != wanted {
                self.rederive_content(region, part, (shown, wanted), access);
            }
            rest = PageRange::between(part.end().get(), left.end().get());
        }
        if self.mprotect(run, access).is_err() {
            self.fill(run, access);
            let _ = self.mprotect(run, access);
        }
        if self.choice.strategy == Strategy::Markers && self.unmark(run).is_ok() {
            self.marked.remove(run);
        }
        self.each_stretch(region, run, &mut |machine, &Stretch { known, chunk, .. }| match chunk {
            Some(Chunk::Marked { access, .. }) => machine.mark_mixed(known, access),
            // A closed piece must not have committed pages: opening it would erase them.
            None if machine.choice.strategy == Strategy::Markers => machine.record(known, Chunk::Split),
            None | Some(Chunk::Split) => {}
        });
    }

    /// Makes a run show what it should, without a loss of bytes.
    fn rederive_content(
        &mut self,
        region: PageRange,
        run: PageRange,
        (shown, wanted): (Option<Content>, Option<Content>),
        access: Access,
    ) {
        match (shown, wanted) {
            // Its bytes are in the object. As a snapshot that nobody else has, they are
            // this range's alone again, and not a forked child's.
            (Some(shown), None) if shown.view == View::Shared => {
                let _ = self.show_pages(region, run, shown.viewed(View::Snapshot), access);
            }
            (_, None) => {}
            (None, Some(wanted)) if self.stands(run, wanted) => self.shown.set(run, wanted),
            // What was stored to the snapshot goes back to the object.
            (Some(shown), Some(wanted)) if shown == wanted.viewed(View::Snapshot) => {
                let _ = self.promote_places(&[Showing { region, range: run, access }], wanted);
            }
            (_, Some(wanted)) => {
                let _ = self.show_pages(region, run, wanted, access);
            }
        }
    }

    /// Whether a run shows an object although nothing of it is recorded, as in a forked
    /// child that began its records anew. Then the object is known from here on.
    fn stands(&mut self, run: PageRange, wanted: Content) -> bool {
        let page = self.geometry.page;
        let mut file = None;
        let mut at = run.start().get();
        while at < run.end().get() {
            let found = self.maps.at_or_after(at).ok().flatten().filter(|mapping| mapping.start <= at);
            let Some(mapping) = found else { return false };
            let offset = (wanted.first * page).wrapping_add(at - run.start().get());
            let is_wanted = mapping.offset + (at - mapping.start) == offset
                && match wanted.view {
                    View::Shared => mapping.sharing == Sharing::Shared,
                    View::Snapshot => mapping.sharing == Sharing::Private,
                };
            if !is_wanted || mapping.file.is_none() || mapping.file != *file.get_or_insert(mapping.file) {
                return false;
            }
            at = mapping.end;
        }
        let Some(Some(file)) = file else { return false };
        if self.objects.get(wanted.object).is_some_and(|object| object.file != file) {
            return false;
        }
        self.objects.learn(wanted.object, file, wanted.first + run.bytes() / page);
        true
    }

    /// Maps what is missing of `range`: a release that a fork cut off, so that its thread
    /// never got to say so, leaves a hole in a region.
    fn fill(&mut self, range: PageRange, access: Access) {
        let (mut at, end) = (range.start().get(), range.end().get());
        while at < end {
            let Ok(run) = foreign(&self.maps, at, end) else { return };
            let hole = PageRange::between(at, run.end.min(end));
            if let (Standing::Free, Some(hole)) = (run.standing, hole) {
                self.fill_hole(hole, access);
            }
            at = run.end.max(at + self.geometry.page);
        }
    }

    fn fill_hole(&mut self, hole: PageRange, access: Access) {
        // SAFETY: a mapping that replaces nothing, inside of a region of ours.
        let _ =
            unsafe { sys::mmap(Place::Free(addr(hole)), len(hole), Prot::NONE, Backing::AnonymousNoReserve) };
        self.watched.mapped_anew(hole, Access::empty());
        let mut rest = Some(hole);
        while let Some(left) = rest {
            let (run, content) = self.shown.first(left);
            if let Some(content) = content {
                let _ = self.map_object(run, content, access);
            }
            rest = PageRange::between(run.end().get(), left.end().get());
        }
    }
}
