//! Commit, decommit and protect on chunks.
//!
//! A *piece* is the part of a chunk that belongs to one region. A closed piece has
//! no entry: it is inaccessible and unmarked, and has no committed page. An open
//! one is `Marked`, or `Split` where the kernel takes no markers.

use pagewright_core::{Access, PageRange, Refusal, Va};

use super::{CHUNK, Chunk, Linux, Uniformity};
use crate::sys::{Advice, Errno};

/// Whether a decommit has passed the point where it could still be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Nothing,
    Content,
}

/// A run of whole pieces of which one thing is known, and the part of it that is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) known: PageRange,
    pub(super) part: PageRange,
    pub(super) chunk: Option<Chunk>,
}

impl Linux {
    pub(super) fn commit_pages(
        &mut self,
        region: PageRange,
        range: PageRange,
        access: Access,
    ) -> Result<(), Refusal> {
        if !self.commits_by_marker(range) {
            return self.mprotect(range, access);
        }
        let access = match access.contains(Access::GUARD) {
            // A marker would be noted as a store.
            true if self.is_watched(range) => Access::empty(),
            true => return self.commit_armed(region, range, access),
            false => access,
        };
        for (piece, part) in split(region, range) {
            if part == piece {
                self.commit_whole(piece, access)?;
            } else {
                self.commit_part(piece, part, access)?;
            }
        }
        self.marked.remove(range);
        Ok(())
    }

    /// All pages of a run of whole pieces.
    fn commit_whole(&mut self, span: PageRange, access: Access) -> Result<(), Refusal> {
        let open = self.chunks.overlaps(span.start().get(), span.end().get());
        if !self.is_uniform(span, access) {
            self.mprotect(span, access)?;
        }
        if open {
            self.unmark(span)?;
        }
        self.record(span, Chunk::Marked { access, uniformity: Uniformity::Uniform });
        Ok(())
    }

    /// Some pages of one piece.
    fn commit_part(&mut self, piece: PageRange, part: PageRange, access: Access) -> Result<(), Refusal> {
        match self.chunk_at(piece) {
            None => self.open(piece, part, access),
            Some(Chunk::Marked { access: common, uniformity: Uniformity::Uniform }) if common == access => {
                self.unmark(part)
            }
            Some(Chunk::Marked { access: common, .. }) => {
                // Access first: while the marker stands nobody sees the page with
                // the access of the others.
                self.mprotect(part, access)?;
                self.unmark(part)?;
                if common != access {
                    self.mark_mixed(piece, common);
                }
                Ok(())
            }
            Some(Chunk::Split) => self.mprotect(part, access),
        }
    }

    /// Takes the markers away. Pages of an object have none, and not every kernel would
    /// look for them there (before Linux 6.15).
    pub(super) fn unmark(&mut self, range: PageRange) -> Result<(), Refusal> {
        let mut rest = Some(range);
        while let Some(left) = rest {
            let (run, content) = self.shown.first(left);
            if content.is_none() {
                let removed = self.advise(run, Advice::GuardRemove);
                self.told(removed)?;
            }
            rest = PageRange::between(run.end().get(), left.end().get());
        }
        Ok(())
    }

    /// Opens a closed piece: markers everywhere but on `part`, then access.
    fn open(&mut self, piece: PageRange, part: PageRange, access: Access) -> Result<(), Refusal> {
        match self.advise(piece, Advice::GuardInstall) {
            Ok(()) => {}
            // Locked mappings take no markers (a host that called mlockall, say).
            Err(Errno::EINVAL) => {
                self.mprotect(part, access)?;
                self.record(piece, Chunk::Split);
                return Ok(());
            }
            Err(error) => {
                let _ = self.advise(piece, Advice::GuardRemove);
                return Err(self.refusal(error));
            }
        }
        let opened = self
            .advise(part, Advice::GuardRemove)
            .map_err(|error| self.refusal(error))
            .and_then(|()| self.mprotect(piece, access));
        match opened {
            Ok(()) => {
                self.record(piece, Chunk::Marked { access, uniformity: Uniformity::Uniform });
                Ok(())
            }
            Err(refusal) => {
                // A closed piece has no markers.
                let _ = self.advise(piece, Advice::GuardRemove);
                Err(refusal)
            }
        }
    }

    pub(super) fn decommit_pages(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        if !self.commits_by_marker(range) {
            self.wipe(range)?;
            self.shown.forget(range);
            return Ok(());
        }
        // Markers may stay where they are: from here on they mean what they always do.
        self.marked.remove(range);
        // What needs mappings goes first, while nothing is lost.
        let hull = self.shown.hull(range);
        let mut lost = match hull {
            Some(hull) => self.unshow(region, hull)?,
            None => Loss::Nothing,
        };
        if hull == Some(range) && self.is_split(range) {
            return Ok(());
        }
        // Less than that closes no chunk.
        if range.bytes() >= CHUNK {
            lost = self.close_whole(region, range, lost)?;
        }
        for (piece, part) in split(region, range) {
            let mut at = part.start();
            while let Some(Stretch { known, part, chunk }) = self.stretch(piece, part, at) {
                at = part.end();
                let done = match chunk {
                    None => continue,
                    Some(Chunk::Split) => self.wipe(part),
                    Some(Chunk::Marked { access, uniformity }) => self.mark(known, part, access, uniformity),
                };
                match (done, lost) {
                    (Ok(()), _) => lost = Loss::Content,
                    (Err(refusal), Loss::Nothing) => return Err(refusal),
                    // There is no way back, and none that needs memory forward: the pages
                    // lose their content now, and stay accessible until they are next used.
                    (Err(_), Loss::Content) => {
                        let _ = self.advise(part, Advice::DontNeed);
                    }
                }
            }
        }
        Ok(())
    }

    /// Closes the whole chunks of a range.
    fn close_whole(&mut self, region: PageRange, range: PageRange, before: Loss) -> Result<Loss, Refusal> {
        let mut lost = before;
        for (piece, part) in split(region, range) {
            let closes = part == piece && piece.bytes() >= CHUNK;
            if closes && self.chunks.overlaps(piece.start().get(), piece.end().get()) {
                self.wipe(piece)?;
                self.forget(piece);
                lost = Loss::Content;
            }
        }
        Ok(lost)
    }

    /// Takes away what shows an object, from the first to the last, and all that lies between: a
    /// marker would only hide it. One step, so nothing is lost if it is refused.
    fn unshow(&mut self, region: PageRange, hull: PageRange) -> Result<Loss, Refusal> {
        self.wipe(hull)?;
        self.shown.forget(hull);
        self.each_stretch(region, hull, &mut |machine, stretch| match stretch.chunk {
            Some(Chunk::Marked { access, .. }) => machine.mark_mixed(stretch.known, access),
            Some(Chunk::Split) | None => {}
        });
        Ok(Loss::Content)
    }

    /// Takes the content of open pages and puts markers in its place.
    pub(super) fn mark(
        &mut self,
        known: PageRange,
        part: PageRange,
        access: Access,
        uniformity: Uniformity,
    ) -> Result<(), Refusal> {
        if let Err(error) = self.advise(part, Advice::GuardInstall) {
            // Locked in the meantime, or no memory for page tables.
            let refusal = self.refusal(error);
            self.wipe(part).map_err(|_| refusal)?;
            // Fresh and inaccessible pages without markers: as good, but different.
            self.mark_mixed(known, access);
            return Ok(());
        }
        if uniformity == Uniformity::Mixed {
            // Back to the access of the chunk, which merges the mappings again. If
            // it fails, the pages are marked all the same.
            let _ = self.mprotect(part, access);
        }
        Ok(())
    }

    pub(super) fn protect_pages(
        &mut self,
        region: PageRange,
        range: PageRange,
        access: Access,
    ) -> Result<(), Refusal> {
        self.mprotect(range, access)?;
        if !self.commits_by_marker(range) {
            return Ok(());
        }
        if access.contains(Access::GUARD) {
            return self.arm_protected(region, range, access);
        }
        self.unmark_armed(range)?;
        self.each_stretch(region, range, &mut |machine, &Stretch { known, part, chunk }| match chunk {
            None | Some(Chunk::Split) => {}
            Some(Chunk::Marked { .. }) if part == known => {
                machine.record(known, Chunk::Marked { access, uniformity: Uniformity::Uniform });
            }
            Some(Chunk::Marked { access: common, .. }) if common != access => {
                machine.mark_mixed(known, common);
            }
            Some(Chunk::Marked { .. }) => {}
        });
        Ok(())
    }

    /// Visits what is known of `range`, piece by piece. What is learnt about a stretch may
    /// be recorded while it is visited.
    pub(super) fn each_stretch(
        &mut self,
        region: PageRange,
        range: PageRange,
        visit: &mut dyn FnMut(&mut Self, &Stretch),
    ) {
        for (piece, part) in split(region, range) {
            let mut at = part.start();
            while let Some(stretch) = self.stretch(piece, part, at) {
                at = stretch.part.end();
                visit(self, &stretch);
            }
        }
    }

    /// What is known of `part` of `piece` from `at` on: pieces that come as one may be known
    /// differently, and some of them not at all.
    fn stretch(&self, piece: PageRange, part: PageRange, at: Va) -> Option<Stretch> {
        let rest = PageRange::between(at.get(), part.end().get())?;
        let next = self.chunks.at_or_after(at.get());
        if let Some(entry) = next.as_ref().filter(|entry| entry.start <= at.get()) {
            let known = PageRange::between(entry.start, entry.end)?.intersection(piece)?;
            return Some(Stretch { known, part: known.intersection(rest)?, chunk: Some(*entry.value) });
        }
        let end = next.map_or(u64::MAX, |entry| entry.start).min(piece.end().get());
        let start = if part == piece { at } else { piece.start() };
        let known = PageRange::between(start.get(), end)?;
        Some(Stretch { known, part: known.intersection(rest)?, chunk: None })
    }

    /// What is known of a piece.
    fn chunk_at(&self, piece: PageRange) -> Option<Chunk> {
        self.chunks.get(piece.start().get()).map(|entry| *entry.value)
    }

    /// Whether all of `span` is open with exactly this access.
    fn is_uniform(&self, span: PageRange, access: Access) -> bool {
        let wanted = Chunk::Marked { access, uniformity: Uniformity::Uniform };
        let mut at = span.start().get();
        while at < span.end().get() {
            match self.chunks.get(at) {
                Some(entry) if *entry.value == wanted => at = entry.end,
                Some(_) | None => return false,
            }
        }
        true
    }

    /// Whether the kernel takes no markers anywhere in `span`.
    fn is_split(&self, span: PageRange) -> bool {
        let entry = self.chunks.get(span.start().get());
        entry.is_some_and(|entry| *entry.value == Chunk::Split && span.end().get() <= entry.end)
    }

    pub(super) fn mark_mixed(&mut self, piece: PageRange, access: Access) {
        self.record(piece, Chunk::Marked { access, uniformity: Uniformity::Mixed });
    }

    /// Replaces what is known of `span`.
    pub(super) fn record(&mut self, span: PageRange, chunk: Chunk) {
        let known = self.chunks.get(span.start().get());
        if known.is_some_and(|entry| *entry.value == chunk && span.end().get() <= entry.end) {
            return;
        }
        self.forget(span);
        self.chunks.insert(span.start().get(), span.end().get(), chunk);
    }

    /// Drops what is known of `span`, cutting entries at its ends.
    pub(super) fn forget(&mut self, span: PageRange) {
        let (low, high) = (span.start().get(), span.end().get());
        while let Some(entry) = self.chunks.at_or_after(low).filter(|entry| entry.start < high) {
            let Some((start, end, chunk)) = self.chunks.remove(entry.start) else { return };
            if start < low {
                self.chunks.insert(start, low, chunk);
            }
            if high < end {
                self.chunks.insert(high, end, chunk);
            }
        }
    }
}

/// Splits `range` into pieces: each with the part of it that is meant. Neighbouring
/// pieces that are meant in full come as one.
fn split(region: PageRange, range: PageRange) -> impl Iterator<Item = (PageRange, PageRange)> {
    let mut at = range.start().get();
    core::iter::from_fn(move || {
        let end = range.end().get();
        if at >= end {
            return None;
        }
        let low = (at & !(CHUNK - 1)).max(region.start().get());
        let high = ((at & !(CHUNK - 1)) + CHUNK).min(region.end().get());
        let whole_from_here = at == low;
        let mut stop = high.min(end);
        let mut piece = PageRange::between(low, high)?;
        if whole_from_here && end >= high {
            // Everything up to the last boundary that the range reaches.
            let last = if end == region.end().get() { end } else { end & !(CHUNK - 1) };
            stop = last.max(high);
            piece = PageRange::between(low, stop)?;
        }
        let part = PageRange::between(at, stop)?;
        at = stop;
        Some((piece, part))
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn range(start: u64, end: u64) -> PageRange {
        PageRange::between(start, end).expect("not empty")
    }

    #[test]
    fn a_range_splits_into_parts_and_one_run_of_whole_pieces() {
        let region = range(CHUNK / 2, 5 * CHUNK + 0x1000);
        let parts: Vec<_> = split(region, range(CHUNK / 2 + 0x1000, 4 * CHUNK + 0x2000)).collect();
        assert_eq!(
            parts,
            [
                (range(CHUNK / 2, CHUNK), range(CHUNK / 2 + 0x1000, CHUNK)),
                (range(CHUNK, 4 * CHUNK), range(CHUNK, 4 * CHUNK)),
                (range(4 * CHUNK, 5 * CHUNK), range(4 * CHUNK, 4 * CHUNK + 0x2000)),
            ]
        );
        let all: Vec<_> = split(region, region).collect();
        assert_eq!(all, [(region, region)]);
    }

    #[test]
    fn a_small_region_is_one_piece() {
        let region = range(0x1_0000, 0x2_0000);
        assert_eq!(split(region, region).collect::<Vec<_>>(), [(region, region)]);
        let page = range(0x1_1000, 0x1_2000);
        assert_eq!(split(region, page).collect::<Vec<_>>(), [(region, page)]);
    }
}
