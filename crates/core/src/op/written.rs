//! Write watch: which pages were stored to.
//!
//! Three places know of a store to a watched page:
//!
//! ```text
//!   the machine   stores since the page was made or forgotten; gone with its memory
//!   the latch     a bit of the page's state: stores that the machine cannot see, those that
//!                 had been made when the protection changed (fact WW17), and more than
//!                 a caller had room for
//! ```
//!
//! A page counts as stored to while one of them says so.

use alloc::vec::Vec;

use crate::access::Latch;
use crate::contract::{After, Machine};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::region::Region;
use crate::space::{AddressSpace, Change, Done, Edit, join};
use crate::traits::Watch;

/// The most runs that there is room for before they are counted.
const FORESEEN: u64 = 8192;

/// A question which pages were stored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
    /// How many pages to report at most; the lowest are.
    pub limit: u64,
    /// Whether those that are reported are forgotten.
    pub after: After,
}

/// What is to be known of stores that the machine did not see, or is to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
    /// What.
    pub stores: Stores,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// All pages with memory count as stored to: a device wrote them.
    Note,
    /// None does.
    Forget,
}

/// A part of a watched allocation.
#[derive(Clone, Copy, Debug)]
struct Site<'a> {
    whole: PageRange,
    range: PageRange,
    region: &'a Region,
}

/// Pages that are alike, and who knows of stores to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    range: PageRange,
    memory: bool,
    latch: Latch,
}

/// The answer so far.
#[derive(Debug, Default)]
struct Found {
    runs: Vec<PageRange>,
    /// Latches that are to be opened.
    told: Vec<PageRange>,
    /// Pages that were forgotten and could not be told: they are latched.
    kept: Vec<PageRange>,
}

impl AddressSpace {
    /// The runs of pages that were stored to since they were committed, or since that was
    /// forgotten, in ascending order (facts WW04 to WW19). Protection plays no part; pages
    /// without memory are passed over, unless a store to them is latched.
    ///
    /// With [`After::Forget`] exactly the reported pages are forgotten (WW11).
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::ZeroSize`], [`Kind::BadAddress`], [`Kind::BadSize`],
    /// and [`Kind::NotWatched`] unless all of the range lies in one watched allocation.
    pub fn written<M: Machine>(
        &self,
        machine: &mut M,
        request: &Written,
    ) -> Result<Done<Vec<PageRange>>, Error> {
        let site = self.watched(request.at, request.size)?;
        let segments = self.segments(site);
        let fail = |kind| Error::new(Verb::Watch, kind, request.at, request.size);
        // With room for all of them the machine is asked at once, whatever is latched between.
        let found = if request.limit >= site.range.bytes() / self.geometry.page {
            let mut found = self.find(machine, site, &whole(&segments), request).map_err(fail)?;
            found.add_latched(&segments);
            found
        } else {
            self.find(machine, site, &segments, request).map_err(fail)?
        };
        let edit = match request.after {
            After::Keep => Edit::None,
            After::Forget => latching(latching(Edit::None, found.told, Latch::Open), found.kept, Latch::Set),
        };
        Ok(Done::new(found.runs, edit))
    }

    /// Notes stores that the machine cannot see, or forgets all, also those that are latched
    /// on pages without memory.
    ///
    /// # Errors
    /// As for [`Self::written`].
    pub fn mark<M: Machine>(&self, machine: &mut M, request: &Mark) -> Result<Done<()>, Error> {
        let site = self.watched(request.at, request.size)?;
        let segments = self.segments(site);
        let memory = || whole(&segments).into_iter().map(|segment| segment.range);
        match request.stores {
            Stores::Note => Ok(Done::new((), latching(Edit::None, memory().collect(), Latch::Set))),
            Stores::Forget => {
                for run in memory() {
                    machine
                        .forget_written(site.whole, run)
                        .map_err(|why| Error::new(Verb::Watch, why.into(), request.at, request.size))?;
                }
                let latched = segments.iter().filter(|segment| segment.latch == Latch::Set);
                let latched = latched.map(|segment| segment.range).collect();
                Ok(Done::new((), latching(Edit::None, latched, Latch::Open)))
            }
        }
    }

    /// The watched allocation that all of a range lies in.
    fn watched(&self, at: u64, size: u64) -> Result<Site<'_>, Error> {
        let fail = |kind| Error::new(Verb::Watch, kind, at, size);
        let range = self.geometry.touched(at, size).map_err(|bad| fail(bad.into()))?;
        let found = self.region_at(range.start());
        let found = found.filter(|(whole, region)| whole.covers(range) && region.is_watched());
        let (whole, region) = found.ok_or(fail(Kind::NotWatched))?;
        Ok(Site { whole, range, region })
    }

    /// What a range consists of, as far as stores go; what has neither memory nor a latch is
    /// left out.
    fn segments(&self, site: Site<'_>) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for (range, slot) in site.region.runs(&self.geometry, site.range) {
            let next = Segment { range, memory: slot.is_committed(), latch: slot.latch() };
            if next.memory || next.latch == Latch::Set {
                join_last(&mut segments, next, |last| last.memory == next.memory && last.latch == next.latch);
            }
        }
        segments
    }

    /// Asks for each segment in turn, as long as there is room.
    ///
    /// On error nothing was forgotten. If the machine fails when it may have forgotten something
    /// already, what it could not tell counts as stored to: nothing gets lost.
    fn find<M: Machine>(
        &self,
        machine: &mut M,
        site: Site<'_>,
        segments: &[Segment],
        request: &Written,
    ) -> Result<Found, Kind> {
        let (mut found, page) = (Found::default(), self.geometry.page);
        let mut room = request.limit;
        // At once, because many allocators give memory that grew back to the system each time.
        let pages = site.range.bytes() / page;
        found.runs.reserve(FORESEEN.min(request.limit).min(pages.div_ceil(2)) as usize);
        for segment in segments {
            let first = first_pages(segment.range, room, page);
            let Some(first) = first else { break };
            let known = found.runs.len();
            let asked = match segment.latch {
                Latch::Set => {
                    found.told.push(first);
                    found.runs.push(first);
                    match request.after {
                        After::Forget if segment.memory => machine.forget_written(site.whole, first),
                        After::Forget | After::Keep => Ok(()),
                    }
                }
                Latch::Open => {
                    machine.written_list(site.whole, segment.range, room, request.after, &mut found.runs)
                }
            };
            if let Err(refusal) = asked {
                let begun = segment.latch == Latch::Open && found.runs.len() > known;
                if request.after == After::Keep || known == 0 && !begun {
                    return Err(refusal.into());
                }
                found.doubt(known, first);
            }
            let told: u64 = found.runs[known..].iter().map(|run| run.bytes()).sum();
            room = room.saturating_sub(told / page);
        }
        Ok(found)
    }

    /// The pages of `range`, all of it memory of one allocation, that were stored to: what a
    /// change of their protection latches (fact WW17). None if the allocation is not watched.
    ///
    /// # Errors
    /// Nothing has changed.
    pub(super) fn stored_before<M: Machine>(
        &self,
        machine: &mut M,
        (whole, region): (PageRange, &Region),
        range: PageRange,
    ) -> Result<Vec<PageRange>, Kind> {
        let mut stored = Vec::new();
        if region.is_watched() {
            machine.written(whole, range, u64::MAX, After::Keep, &mut |run| stored.push(run))?;
        }
        Ok(stored)
    }

    /// The parts of `range` that lie in watched allocations.
    pub(super) fn watched_in(&self, range: PageRange) -> Vec<PageRange> {
        let parts = self.ours_in(range).filter(|(whole, _)| {
            self.region_at(whole.start()).is_some_and(|(_, region)| region.is_watched())
        });
        parts.map(|(_, part)| part).collect()
    }
}

impl Region {
    /// Whether stores to it are noted.
    pub(crate) const fn is_watched(&self) -> bool {
        matches!(self.traits.watch, Watch::On)
    }
}

impl Found {
    /// Counts pages as stored to of which the machine failed to tell all, when it had told what is
    /// behind the first `known` runs.
    fn doubt(&mut self, known: usize, first: PageRange) {
        self.kept = self.runs.split_off(known);
        self.runs.push(first);
    }

    /// Adds what is latched.
    fn add_latched(&mut self, segments: &[Segment]) {
        let latched = segments.iter().filter(|segment| segment.latch == Latch::Set);
        self.told = latched.map(|segment| segment.range).collect();
        if !self.told.is_empty() {
            self.runs.extend_from_slice(&self.told);
            self.runs.sort_unstable_by_key(|run| run.start());
            self.runs = join(core::mem::take(&mut self.runs)).into_vec();
        }
    }
}

/// All that has memory, latched or not, as the machine is asked for it.
fn whole(segments: &[Segment]) -> Vec<Segment> {
    let mut memory = Vec::new();
    for segment in segments.iter().filter(|segment| segment.memory) {
        join_last(&mut memory, Segment { latch: Latch::Open, ..*segment }, |_| true);
    }
    memory
}

/// Adds a segment to ascending ones, joined with the last if that is alike and ends there.
fn join_last(segments: &mut Vec<Segment>, next: Segment, is_alike: impl Fn(&Segment) -> bool) {
    if let Some(last) =
        segments.last_mut().filter(|last| last.range.end() == next.range.start() && is_alike(last))
        && let Some(wider) = PageRange::between(last.range.start().get(), next.range.end().get())
    {
        last.range = wider;
    } else {
        segments.push(next);
    }
}

/// An edit, and after it latches on runs of pages.
pub(super) fn latching(edit: Edit, runs: Vec<PageRange>, latch: Latch) -> Edit {
    if runs.is_empty() {
        return edit;
    }
    let change = Change::Latch(latch);
    let latches = runs.into_iter().map(|range| Edit::Pages { range, change });
    Edit::Batch(core::iter::once(edit).chain(latches).collect())
}

/// As much of a run as makes `limit` pages.
fn first_pages(run: PageRange, limit: u64, page: u64) -> Option<PageRange> {
    let end = run.start().get().saturating_add(limit.saturating_mul(page)).min(run.end().get());
    PageRange::between(run.start().get(), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first << 12, end << 12).expect("not empty")
    }

    #[test]
    fn a_run_is_cut_where_there_is_no_more_room() {
        let run = range(4, 6);
        for (limit, expected) in [(0, None), (1, Some(range(4, 5))), (2, Some(run)), (u64::MAX, Some(run))] {
            assert_eq!(first_pages(run, limit, 0x1000), expected, "{limit}");
        }
    }

    #[test]
    fn memory_is_asked_for_at_once_whatever_is_latched() {
        let segment = |first, end, memory, latch| Segment { range: range(first, end), memory, latch };
        let segments = [
            segment(1, 2, true, Latch::Open),
            segment(2, 3, true, Latch::Set),
            segment(3, 4, false, Latch::Set),
            segment(4, 6, true, Latch::Open),
        ];
        let memory = [segment(1, 3, true, Latch::Open), segment(4, 6, true, Latch::Open)];
        assert_eq!(whole(&segments), memory);
        let mut found = Found { runs: std::vec![range(1, 2), range(5, 6)], ..Found::default() };
        found.add_latched(&segments);
        assert_eq!(found.runs, [range(1, 4), range(5, 6)]);
    }
}
