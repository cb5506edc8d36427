//! Mapping pages of an object.

use pagewright_core::{Access, Content, PageRange, Refusal, Showing, View};

use super::object::Object;
use super::{Chunk, Linux, Uniformity, addr, len, object_view, prot};
use crate::sys::{self, Place};

/// What is made of a piece that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It stays: memory that is not ours has no pieces.
    Stays,
    /// It is split: opening it would erase what it shows.
    Splits,
}

impl Linux {
    pub(super) fn show_pages(
        &mut self,
        region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        self.budget.need(self.cuts(range))?;
        self.map_object(range, content, access)?;
        self.yielded.forget(range);
        self.note_shown(region, range, content, access, Closed::Splits);
        Ok(())
    }

    /// How many mappings more there may be once `range` is one of its own: none at an end
    /// where one ends already.
    fn cuts(&self, range: PageRange) -> u64 {
        let ends = [range.start(), range.end()].map(|at| u64::from(!self.shown.is_edge(at.get())));
        ends.iter().sum()
    }

    /// Maps pages of an object over `range`, in one step.
    pub(super) fn map_object(
        &mut self,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        let object = self.objects.holder(content, range.bytes() / self.geometry.page)?;
        if object.master.is_some() {
            return self.map_frames(range, content, access);
        }
        let Some(descriptor) = object.descriptor() else {
            return self.map_duplicate(range, content, access);
        };
        let backing = object_view(descriptor.raw(), content, self.geometry.page);
        // SAFETY: the range is ours, or its owner gave it for this; what it showed is not
        // wanted any more, or is in the object.
        let mapped = unsafe { sys::mmap(Place::Over(addr(range)), len(range), prot(access), backing) };
        self.told(mapped.map(drop))?;
        self.watched.mapped_anew(range, access);
        self.withhold(range);
        Ok(())
    }

    /// The same without a descriptor: another shared view can be had twice.
    fn map_duplicate(&mut self, range: PageRange, content: Content, access: Access) -> Result<(), Refusal> {
        let from = match content.view {
            View::Shared => self.live_place(content).ok_or(Refusal::NoObject)?,
            View::Snapshot => return Err(Refusal::NoObject),
        };
        let copy = sys::mremap_duplicate(from as usize, len(range));
        let copy = copy.map_err(|error| self.refusal(error))?;
        // SAFETY: the copy was made just now, and nobody knows it; the range is as above.
        let placed = unsafe {
            sys::mprotect(copy, len(range), prot(access))
                .and_then(|()| sys::mremap_over(copy, len(range), addr(range)))
        };
        if placed.is_err() {
            // SAFETY: as above.
            let _ = unsafe { sys::munmap(copy, len(range)) };
        }
        self.told(placed)?;
        self.watched.mapped_anew(range, access);
        self.withhold(range);
        Ok(())
    }

    /// A place where the first page of `content` is shown shared at this moment.
    fn live_place(&self, content: Content) -> Option<u64> {
        let file = self.objects.get(content.object).map(|object: &Object| object.file)?;
        let offset = content.first * self.geometry.page;
        self.shown.places(content.object, content.first).find(|at| {
            let mapping = self.maps.at_or_after(*at).ok().flatten();
            mapping.is_some_and(|mapping| mapping.shows(*at) == Some((file, offset)))
        })
    }

    /// Records what a place that was promoted shows now.
    pub(super) fn note_promoted(&mut self, place: &Showing, content: Content) {
        self.withhold(place.range);
        self.note_shown(place.region, place.range, content, place.access, Closed::Stays);
    }

    /// Records what a range shows now, and what that means for its pieces: markers never
    /// stand on pages of an object.
    pub(super) fn note_shown(
        &mut self,
        region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
        closed: Closed,
    ) {
        self.shown.set(range, content);
        self.note_views(range, content);
        self.marked.remove(range);
        if !self.commits_by_marker(range) {
            return;
        }
        self.each_stretch(region, range, &mut |machine, stretch| {
            let whole = stretch.part == stretch.known;
            match (stretch.chunk, closed) {
                (None, Closed::Stays) | (Some(Chunk::Split), _) => {}
                (None, Closed::Splits) if !whole => machine.record(stretch.known, Chunk::Split),
                (Some(Chunk::Marked { access: common, .. }), _) if !whole => {
                    if common != access {
                        machine.mark_mixed(stretch.known, common);
                    }
                }
                (None | Some(Chunk::Marked { .. }), _) => {
                    machine.record(stretch.known, Chunk::Marked { access, uniformity: Uniformity::Uniform });
                }
            }
        });
    }
}
