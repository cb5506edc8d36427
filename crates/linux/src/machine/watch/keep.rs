//! What is known of watched pages while they are moved into an object.
//!
//! ```text
//!   before   which were stored to; of the others, their bytes; which were stored to by now
//!   move     nothing is noted: only one userfaultfd can look after a page
//!   after    armed again; what was stored to stays so, and so does what has other bytes now
//! ```
//!
//! So a store in between gets lost only if it changed nothing.

use alloc::vec::Vec;

use pagewright_core::{After, Content, PageRange, Showing};

use super::super::Linux;
use super::super::pages::{PageList, Scratch, Which};
use super::list;
use crate::sys::{self, Errno, OpenMode};

/// Bytes that are compared at a time.
const CHUNK: usize = 64 << 10;

/// A watched part of a place that is moved.
#[derive(Debug)]
pub(in super::super) struct Kept {
    /// How far behind the start of its place it begins.
    offset: u64,
    range: PageRange,
    stored: Vec<PageRange>,
    /// The bytes of the pages that were not, zeros elsewhere; `None`: they could not be had.
    before: Option<Scratch>,
}

impl Linux {
    /// Remembers what is known of `places`, and lets go of them.
    pub(in super::super) fn keep_watch(&mut self, places: &[Showing]) -> Vec<Kept> {
        let mut kept = Vec::new();
        if self.watched.regions.is_empty() {
            return kept;
        }
        for place in places {
            let parts = self.watched.regions.inside(place.range).into_iter();
            let parts: Vec<_> = parts.chain(self.watched.views.inside(place.range)).collect();
            for range in parts {
                let offset = range.start().get() - place.range.start().get();
                kept.push(self.keep_part(offset, range));
            }
        }
        kept
    }

    fn keep_part(&mut self, offset: u64, range: PageRange) -> Kept {
        let first = self.noted(range);
        let before = first.and_then(|stored| bytes_beside(range, &stored)).ok();
        // Stores until here are noted, and those from here on change the bytes.
        let stored = self.noted(range);
        self.disarm_stores(range);
        match stored {
            Ok(stored) => Kept { offset, range, stored, before },
            Err(_) => Kept { offset, range, stored: Vec::new(), before: None },
        }
    }

    fn noted(&mut self, range: PageRange) -> sys::Result<Vec<PageRange>> {
        let mut stored = self.watched.pending.inside(range);
        let scanned = self.scan_stores(range, u64::MAX, After::Keep, &mut list::Listed(&mut stored));
        scanned.map_err(|stop| stop.error)?;
        Ok(list::joined(stored))
    }

    /// Arms again what was let go of: places that show `content` now, or what they did if
    /// that is `None`.
    pub(in super::super) fn resume_watch(&mut self, kept: Vec<Kept>, content: Option<Content>) {
        for part in kept {
            if self.arm_stores(part.range).is_err() {
                self.doubt(part.range);
                continue;
            }
            let changed = content.and_then(|content| self.changed(&part, content).ok());
            match changed {
                Some(changed) => part.stored.into_iter().chain(changed).for_each(|run| self.doubt(run)),
                None => self.doubt(part.range),
            }
        }
    }

    /// Pages count as stored to: those of regions themselves, and those that show the same as
    /// a view does.
    fn doubt(&mut self, run: PageRange) {
        for part in self.watched.regions.inside(run) {
            self.watched.pending.add(part);
        }
        if self.watched.views.overlaps(run) {
            self.tell_twins(run, run);
        }
    }

    /// The pages of a part that have other bytes in the object than they had before.
    fn changed(&self, part: &Kept, content: Content) -> sys::Result<Vec<PageRange>> {
        let before = part.before.as_ref().ok_or(Errno::EIO)?.as_slice();
        let descriptor = self.descriptor(content.object).ok_or(Errno::EBADF)?;
        let page = self.geometry.page;
        let base = content.first * page + part.offset;
        let mut now = Scratch::new(CHUNK)?;
        let mut changed = Vec::new();
        for (index, was) in before.chunks(CHUNK).enumerate() {
            let start = (index * CHUNK) as u64;
            let is = &mut now.bytes()[..was.len()];
            if sys::pread(descriptor, is, base + start)? != was.len() {
                return Err(Errno::EIO);
            }
            let pages = is.chunks(page as usize).zip(was.chunks(page as usize)).enumerate();
            let differ = pages.filter(|(_, (is, was))| is != was).filter_map(|(index, _)| {
                let at = part.range.start().get() + start + index as u64 * page;
                PageRange::between(at, at + page)
            });
            changed.extend(differ.filter(|page| !part.stored.iter().any(|run| run.covers(*page))));
        }
        Ok(changed)
    }
}

/// The bytes of the pages of `range` beside those of `stored`; zeros for the others, and for
/// pages without memory.
fn bytes_beside(range: PageRange, stored: &[PageRange]) -> sys::Result<Scratch> {
    let mut scratch = Scratch::new(range.bytes() as usize)?;
    // Reads of it pass over protections.
    let memory = sys::open(c"/proc/thread-self/mem", OpenMode::Read)?;
    let list = PageList::open()?;
    let mut at = range.start().get();
    let ends = stored.iter().map(|run| (run.start().get(), run.end().get()));
    for (start, end) in ends.chain([(range.end().get(), range.end().get())]) {
        if let Some(clean) = PageRange::between(at, start) {
            list.each(clean, Which::Filled, &mut |run| {
                let low = (run.start().get() - range.start().get()) as usize;
                let into = &mut scratch.bytes()[low..low + run.bytes() as usize];
                let got = sys::pread(memory.raw(), into, run.start().get())?;
                if got == into.len() { Ok(()) } else { Err(Errno::EIO) }
            })?;
        }
        at = end;
    }
    Ok(scratch)
}
