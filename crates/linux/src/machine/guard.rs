//! Armed guards as inaccessible pages, for whoever notices that by a signal.
//!
//! ```text
//!   untouched     a marker, as before the commit, under the access of the neighbours
//!   with content  no access: a marker would erase it
//! ```
//!
//! So pages that nobody touched cost no mapping. Which of the two an armed page has is not
//! known for sure: whoever meets the guard opens the page without asking this machine
//! ([`open_page`]). What is recorded are the pages that may have a marker although they are
//! committed: the calls that give access to them, or put something else there, take it off.

use alloc::vec::Vec;

use pagewright_core::{Access, Opening, PageRange, Refusal, Showing, Watch};

use super::commit::Stretch;
use super::pages::{PageList, Which};
use super::watch::reopen;
use super::{Chunk, Linux, Strategy, Uniformity, addr, len, prot};
use crate::sys::{self, Advice};

/// Lets through what a page permits whose guard was met. Needs no machine, takes no lock and no
/// memory: for signal handlers.
///
/// # Errors
/// The page is not there, or the kernel has no room for another mapping; it is as it was.
pub fn open_page(opening: &Opening, strategy: Strategy) -> Result<(), Refusal> {
    let page = opening.page;
    // Access first: while the marker stands nobody sees the page with that of its neighbours.
    let opened = match opening.watch {
        Watch::On => reopen(page, opening.access).unwrap_or_else(|| give_access(opening)),
        Watch::Off => give_access(opening),
    };
    opened.map_err(|error| Refusal::Other(error.raw() as u16))?;
    if strategy == Strategy::Markers {
        take_marker(page);
    }
    Ok(())
}

/// Takes a marker off that was left behind; nothing happens where there is none. As signal-safe
/// as [`open_page`].
pub fn take_marker(page: PageRange) {
    // Not every kernel looks for them in files; there are none.
    // SAFETY: a committed page of ours; its content is left alone.
    let _ = unsafe { sys::madvise(addr(page), len(page), Advice::GuardRemove) };
}

fn give_access(opening: &Opening) -> sys::Result<()> {
    let page = opening.page;
    // SAFETY: the page is ours, and whoever accesses it from here on may.
    unsafe { sys::mprotect(addr(page), len(page), prot(opening.access)) }
}

impl Linux {
    /// Commits pages that have no memory with an armed guard: their markers stay.
    pub(super) fn commit_armed(
        &mut self,
        region: PageRange,
        range: PageRange,
        access: Access,
    ) -> Result<(), Refusal> {
        for Stretch { known, part, chunk } in self.stretches(region, range) {
            match chunk {
                None => self.open_armed(known, part, access.unguarded())?,
                Some(Chunk::Split) => self.mprotect(part, access)?,
                Some(Chunk::Marked { access: common, .. }) => {
                    // They have a marker already, unless their decommit went wrong half-way.
                    match self.advise(part, Advice::GuardInstall) {
                        Ok(()) => self.marked.add(part),
                        Err(_) => self.mprotect(part, access)?,
                    }
                    // Met guards are opened without a word to this machine.
                    if common != access.unguarded() || !self.marked.overlaps(part) {
                        self.mark_mixed(known, common);
                    }
                }
            }
        }
        Ok(())
    }

    /// Opens closed pieces: markers everywhere, then the access that armed pages have once met.
    fn open_armed(&mut self, pieces: PageRange, part: PageRange, met: Access) -> Result<(), Refusal> {
        if self.advise(pieces, Advice::GuardInstall).is_err() {
            // A closed piece is inaccessible, and has no markers.
            let _ = self.advise(pieces, Advice::GuardRemove);
            self.record(pieces, Chunk::Split);
            return Ok(());
        }
        if let Err(refusal) = self.mprotect(pieces, met) {
            let _ = self.advise(pieces, Advice::GuardRemove);
            return Err(refusal);
        }
        self.record(pieces, Chunk::Marked { access: met, uniformity: Uniformity::Uniform });
        self.marked.add(part);
        Ok(())
    }

    /// Arms the guards of a fresh mapping, which is inaccessible. Nothing can go wrong: what
    /// takes no markers stays so.
    pub(super) fn arm_reserved(&mut self, range: PageRange, access: Access) {
        let met = access.unguarded();
        let marked = self.advise(range, Advice::GuardInstall).is_ok();
        let chunk = if marked && self.mprotect(range, met).is_ok() {
            self.marked.add(range);
            Chunk::Marked { access: met, uniformity: Uniformity::Uniform }
        } else {
            let _ = self.advise(range, Advice::GuardRemove);
            Chunk::Split
        };
        self.record(range, chunk);
    }

    /// Arms the guards of committed pages, which were made inaccessible just now.
    pub(super) fn arm_protected(
        &mut self,
        region: PageRange,
        range: PageRange,
        access: Access,
    ) -> Result<(), Refusal> {
        let met = access.unguarded();
        for Stretch { known, part, chunk } in self.stretches(region, range) {
            let Some(Chunk::Marked { access: common, .. }) = chunk else { continue };
            let all = self.mark_untouched(part, common)?;
            if all == Extent::Part || common != met {
                self.mark_mixed(known, common);
            }
        }
        Ok(())
    }

    fn stretches(&mut self, region: PageRange, range: PageRange) -> Vec<Stretch> {
        let mut all = Vec::new();
        self.each_stretch(region, range, &mut |_, stretch| all.push(*stretch));
        all
    }

    /// Puts markers on what nobody touched of pages that are inaccessible, and gives those the
    /// access of their chunk: then their mappings are one with their neighbours' again.
    fn mark_untouched(&mut self, range: PageRange, common: Access) -> Result<Extent, Refusal> {
        let untouched = if self.takes_markers(range) { untouched(range) } else { Vec::new() };
        let mut bytes = 0;
        for run in untouched {
            // Locked memory takes none.
            if self.advise(run, Advice::GuardInstall).is_err() {
                continue;
            }
            self.marked.add(run);
            self.mprotect(run, common)?;
            bytes += run.bytes();
        }
        Ok(if bytes == range.bytes() { Extent::Whole } else { Extent::Part })
    }

    /// Whether pages of a range of ours that have no content can be marked: memory that shows an
    /// object has its content elsewhere, and of watched memory the markers would be noted.
    fn takes_markers(&self, range: PageRange) -> bool {
        self.shown.hull(range).is_none() && !self.is_watched(range)
    }

    /// Takes the markers off that armed guards have: from here on nobody is to meet them.
    pub(super) fn unmark_armed(&mut self, range: PageRange) -> Result<(), Refusal> {
        for part in self.marked.inside(range) {
            self.unmark(part)?;
            self.marked.remove(part);
        }
        Ok(())
    }

    /// Has the armed guards of these places by protection only: what moves their bytes takes a
    /// marker for content that cannot be loaded.
    ///
    /// On error some are, and all are armed.
    pub(super) fn protect_armed(&mut self, places: &[Showing]) -> Result<(), Refusal> {
        for place in places {
            for part in self.marked.inside(place.range) {
                self.mprotect(part, Access::empty())?;
                self.unmark(part)?;
                self.marked.remove(part);
                self.each_stretch(place.region, part, &mut |machine, stretch| {
                    if let Some(Chunk::Marked { access, .. }) = stretch.chunk {
                        machine.mark_mixed(stretch.known, access);
                    }
                });
            }
        }
        Ok(())
    }
}

/// How much of a range is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

/// The runs of pages without content, as far as that is known. Nobody can touch them, so they
/// stay so.
fn untouched(range: PageRange) -> Vec<PageRange> {
    let (mut runs, mut at) = (Vec::new(), range.start().get());
    let listed = PageList::open().and_then(|list| {
        list.each(range, Which::Filled, &mut |run| {
            runs.extend(PageRange::between(at, run.start().get()));
            at = run.end().get();
            Ok(())
        })
    });
    if listed.is_err() {
        return Vec::new();
    }
    runs.extend(PageRange::between(at, range.end().get()));
    runs
}
