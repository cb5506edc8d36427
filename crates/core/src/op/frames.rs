//! Frames of physical memory, and windows onto them (AWE).
//!
//! ```text
//!   window   | reserved | frame 7 | frame 8 | reserved | frame 3 |     address space
//!                           │         │                    │
//!   frames            3     7         8  9                 3           owned, mapped or not
//! ```
//!
//! A frame is mapped at one place at most. Each call looks at everything first; then it
//! takes one step of the machine for each run of frames in a row.

use alloc::vec::Vec;

use crate::access::{Access, Protection, Rights};
use crate::contract::{Machine, Refusal};
use crate::error::{Error, Kind, Verb};
use crate::frame::FrameChange;
use crate::geometry::PageRange;
use crate::object::{Content, ObjectId, Promise, Reach};
use crate::region::Region;
use crate::space::{AddressSpace, Change, Done, Edit};
use crate::traits::PageKind;

/// A call about frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameCall<'a> {
    /// Takes that many, near this node if there is a wish; perhaps fewer come.
    Allocate {
        /// How many.
        count: u64,
        /// The node.
        node: Option<u16>,
    },
    /// Gives these back; those that are mapped are unmapped first.
    Free(&'a [u64]),
    /// Maps these, one per page from this address on, instead of what is there.
    Map {
        /// The first page, in a window.
        at: u64,
        /// The frames.
        frames: &'a [u64],
    },
    /// Unmaps that many pages.
    Unmap {
        /// The first page, in a window.
        at: u64,
        /// How many.
        count: u64,
    },
    /// Maps or unmaps single pages: address, and frame or none.
    Scatter(&'a [(u64, Option<u64>)]),
}

/// Pages of a window in a row, and what they are to show: frames in a row, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pane {
    range: PageRange,
    shows: Option<Content>,
}

/// Frames in a row: the number of the first, how many, and what shows them.
#[derive(Clone, Copy, Debug)]
struct Row {
    first: u64,
    count: u64,
    content: Content,
}

/// What a mapped page permits: a window is for loads and stores (fact LP18).
const MAPPED: Protection = Protection::READ_WRITE;

impl AddressSpace {
    /// Takes, maps, unmaps and gives back frames; all or nothing, but that fewer may be
    /// taken than asked for (facts LP14 to LP33). The answer is the frames that were taken
    /// or given back.
    ///
    /// Frames are charged as long as they are owned. A page that shows one is committed,
    /// readable and writable; the other pages of a window are reserved.
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::ZeroSize`] for no frames at all,
    /// [`Kind::BadAddress`], [`Kind::BadSize`], [`Kind::BadPlace`] for a page that is named
    /// twice; [`Kind::NotReserved`] unless the pages lie in a window,
    /// [`Kind::BadFrame`] for a frame that is not owned, named twice, or mapped elsewhere;
    /// [`Kind::NoNode`], [`Kind::CommitLimit`], [`Kind::OutOfMemory`],
    /// [`Kind::MapBudget`], [`Kind::NoObject`] for what is left.
    pub fn frames<M: Machine>(&self, machine: &mut M, call: FrameCall<'_>) -> Result<Done<Vec<u64>>, Error> {
        let page = self.geometry.page;
        let (at, pages) = match call {
            FrameCall::Allocate { count, .. } => (0, count),
            FrameCall::Free(frames) => (0, frames.len() as u64),
            FrameCall::Map { at, frames } => (at, frames.len() as u64),
            FrameCall::Unmap { at, count } => (at, count),
            FrameCall::Scatter(pairs) => (pairs.first().map_or(0, |pair| pair.0), pairs.len() as u64),
        };
        let fail = |kind| Error::new(Verb::Frames, kind, at, pages.saturating_mul(page));
        if pages == 0 {
            return Err(fail(Kind::ZeroSize));
        }
        let done = match call {
            FrameCall::Allocate { count, node } => self.take_frames(machine, count, node),
            FrameCall::Free(frames) => self.give_frames(machine, frames),
            FrameCall::Map { at, frames } => {
                self.panes(at, frames).and_then(|panes| self.arrange(machine, panes))
            }
            FrameCall::Unmap { at, count } => {
                let range = self.window_pages(at, count);
                range.and_then(|range| self.arrange(machine, Vec::from([Pane { range, shows: None }])))
            }
            FrameCall::Scatter(pairs) => self.scattered(pairs).and_then(|panes| self.arrange(machine, panes)),
        };
        done.map_err(fail)
    }

    /// As many frames as asked for, or as there is memory for (LP25).
    fn take_frames<M: Machine>(
        &self,
        machine: &mut M,
        count: u64,
        node: Option<u16>,
    ) -> Result<Done<Vec<u64>>, Kind> {
        let object = self.next_object;
        let left = self.charge.limit().saturating_sub(self.charge.used()) / self.geometry.page;
        let mut pages = count.min(left);
        if pages == 0 {
            return Err(Kind::CommitLimit);
        }
        let mut numbers = loop {
            match list_of(pages).and_then(|list| machine.create_frames(object, pages, node).map(|()| list)) {
                Ok(list) => break list,
                Err(Refusal::OutOfMemory) if pages > 1 => pages /= 2,
                Err(refusal) => return Err(refusal.into()),
            }
        };
        let first = self.frames.next();
        numbers.extend(first..first + pages);
        let (reach, ceiling, promise) = (Reach::Frames, Rights::USUAL, Promise::OnWrite);
        let made = Edit::Object { object, pages, reach, ceiling, promise };
        let taken = Edit::Frames(FrameChange::Taken { object, pages });
        Ok(Done::new(numbers, Edit::Batch(Vec::from([made, taken]))))
    }

    fn give_frames<M: Machine>(&self, machine: &mut M, frames: &[u64]) -> Result<Done<Vec<u64>>, Kind> {
        let mut sorted = frames.to_vec();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Kind::BadFrame);
        }
        let rows = self.rows(&sorted)?;
        let mut edits = self.place_all(machine, &self.shown_at(&rows))?;
        edits.extend(
            rows.iter().map(|row| Edit::Frames(FrameChange::Given { first: row.first, count: row.count })),
        );
        self.drop_frames(machine, &rows);
        Ok(Done::new(frames.to_vec(), Edit::Batch(edits)))
    }

    /// Where frames are mapped, to show nothing from here on.
    fn shown_at(&self, rows: &[Row]) -> Vec<Pane> {
        let page = self.geometry.page;
        let mut spans: Vec<_> = rows.iter().map(Row::span).collect();
        spans.sort_unstable();
        let mut panes = Vec::new();
        for (range, content) in self.contents.iter() {
            let last = content.first + range.bytes() / page;
            let from = spans.partition_point(|span| (span.0, span.2) <= (content.object, content.first));
            let ours = spans[from..].iter().take_while(|span| span.0 == content.object && span.1 < last);
            panes.extend(ours.filter_map(|(_, first, end)| {
                let start = range.start().get() + (*first.max(&content.first) - content.first) * page;
                let stop = range.start().get() + (*end.min(&last) - content.first) * page;
                Some(Pane { range: PageRange::between(start, stop)?, shows: None })
            }));
        }
        panes
    }

    /// Tells the machine which bytes, and which objects, are not wanted any more. Nothing
    /// can be refused from here on.
    fn drop_frames<M: Machine>(&self, machine: &mut M, rows: &[Row]) {
        let mut left = self.frames.objects().clone();
        for row in rows {
            left.entry(row.content.object).and_modify(|left| *left -= row.count);
        }
        for row in rows {
            match left.get_mut(&row.content.object) {
                Some(0) => {
                    left.remove(&row.content.object);
                    machine.close(row.content.object);
                }
                Some(_) => machine.discard(row.content.object, row.content.first, row.count),
                // It was closed just now.
                None => {}
            }
        }
    }

    /// The rows that frames form, in the given order.
    fn rows(&self, frames: &[u64]) -> Result<Vec<Row>, Kind> {
        let mut rows: Vec<Row> = Vec::new();
        let mut rest = frames;
        while let Some(first) = rest.first().copied() {
            let (content, follow) = self.frame_content(first)?;
            let most = usize::try_from(follow).unwrap_or(usize::MAX);
            let alike = |(index, number): (usize, &u64)| *number == first.wrapping_add(index as u64);
            let count = rest.iter().take(most).enumerate().take_while(|pair| alike(*pair)).count();
            rows.push(Row { first, count: count as u64, content });
            rest = &rest[count..];
        }
        Ok(rows)
    }

    /// Frames laid out from `at` on.
    fn panes(&self, at: u64, frames: &[u64]) -> Result<Vec<Pane>, Kind> {
        let range = self.window_pages(at, frames.len() as u64)?;
        let mut start = range.start().get();
        let rows = self.rows(frames)?.into_iter();
        Ok(rows
            .filter_map(|row| {
                let pane = PageRange::between(start, start + row.count * self.geometry.page)?;
                start = pane.end().get();
                Some(Pane { range: pane, shows: Some(row.content) })
            })
            .collect())
    }

    /// Single pages as panes, joined where pages and frames go on.
    fn scattered(&self, pairs: &[(u64, Option<u64>)]) -> Result<Vec<Pane>, Kind> {
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable();
        let mut panes: Vec<Pane> = Vec::new();
        for (at, frame) in sorted {
            let range = self.window_pages(at, 1)?;
            let shows = frame.map(|frame| self.frame_content(frame)).transpose()?.map(|found| found.0);
            let last = panes.last_mut().filter(|last| self.goes_on(last, range, shows));
            let joined = last.and_then(|last| {
                last.range = PageRange::between(last.range.start().get(), range.end().get())?;
                Some(())
            });
            if joined.is_none() {
                panes.push(Pane { range, shows });
            }
        }
        Ok(panes)
    }

    /// Whether a page is the next one of a pane, in pages, frames and window.
    fn goes_on(&self, pane: &Pane, range: PageRange, shows: Option<Content>) -> bool {
        let pages = pane.range.bytes() / self.geometry.page;
        let window = self.region_at(pane.range.start()).map(|(whole, _)| whole);
        pane.range.end() == range.start()
            && pane.shows.map(|content| content.after(pages)) == shows
            && window.is_some_and(|whole| whole.covers(range))
    }

    /// `count` pages from the one that holds `at`, all in one window.
    fn window_pages(&self, at: u64, count: u64) -> Result<PageRange, Kind> {
        let start = self.geometry.page_down(at);
        let bytes = count.checked_mul(self.geometry.page).ok_or(Kind::BadSize)?;
        let range = self.geometry.touched(start, bytes)?;
        let (whole, region) = self.region_at(range.start()).ok_or(Kind::NotReserved)?;
        let is_window = region.traits.pages == PageKind::Window;
        if is_window && whole.covers(range) { Ok(range) } else { Err(Kind::NotReserved) }
    }

    /// Makes panes show what they are to show, instead of what they do.
    fn arrange<M: Machine>(&self, machine: &mut M, mut panes: Vec<Pane>) -> Result<Done<Vec<u64>>, Kind> {
        panes.sort_unstable_by_key(|pane| pane.range.start());
        if panes.windows(2).any(|pair| pair[0].range.overlaps(pair[1].range)) {
            return Err(Kind::BadPlace);
        }
        self.check_frames(&panes)?;
        let edits = self.place_all(machine, &panes)?;
        Ok(Done::new(Vec::new(), Edit::Batch(edits)))
    }

    /// Whether every frame is named once, and mapped nowhere but where it is replaced
    /// (LP26, LP30).
    fn check_frames(&self, panes: &[Pane]) -> Result<(), Kind> {
        let pages = |pane: &Pane| pane.range.bytes() / self.geometry.page;
        let contents = panes.iter().filter_map(|pane| Some((pane.shows?, pages(pane))));
        let mut named: Vec<_> =
            contents.map(|(content, pages)| (content.object, content.first, content.first + pages)).collect();
        named.sort_unstable();
        if named.windows(2).any(|pair| pair[0].0 == pair[1].0 && pair[1].1 < pair[0].2) {
            return Err(Kind::BadFrame);
        }
        // A frame is mapped once, so those that are mapped here are mapped nowhere else.
        let here = panes.iter().flat_map(|pane| self.contents_of(pane.range));
        let mut here: Vec<_> = here
            .filter_map(|(run, content)| {
                let content = content?;
                Some((content.object, content.first, content.first + run.bytes() / self.geometry.page))
            })
            .collect();
        here.sort_unstable();
        for (id, first, end) in named {
            let object = self.objects.get(&id).ok_or(Kind::BadFrame)?;
            let mut mapped = object.counts(first, end).filter(|run| run.2 > 0);
            if !mapped.all(|(first, end, _)| is_covered((id, first, end), &here)) {
                return Err(Kind::BadFrame);
            }
        }
        Ok(())
    }

    /// Tells the machine, pane by pane, and answers what changes.
    fn place_all<M: Machine>(&self, machine: &mut M, panes: &[Pane]) -> Result<Vec<Edit>, Kind> {
        let mut edits = Vec::with_capacity(2 * panes.len());
        for (index, pane) in panes.iter().enumerate() {
            let (whole, region) = self.region_at(pane.range.start()).ok_or(Kind::NotReserved)?;
            if let Err(refusal) = self.place_pane(machine, whole, region, *pane, &mut edits) {
                for pane in &panes[..=index] {
                    if let Some((whole, region)) = self.region_at(pane.range.start()) {
                        machine.resync(whole, pane.range, &self.truth(region, pane.range));
                    }
                }
                return Err(refusal.into());
            }
        }
        Ok(edits)
    }

    fn place_pane<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        region: &Region,
        Pane { range, shows }: Pane,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Refusal> {
        let mapped = region.committed_bytes(&self.geometry, range);
        match shows {
            Some(content) => {
                machine.show(whole, range, content, Access::READ | Access::WRITE)?;
                let fresh = region.promise.charge(range.bytes() - mapped);
                let protection = region.protection_of(MAPPED);
                edits.push(Edit::Pages { range, change: Change::Commit { protection, fresh } });
                edits.push(Edit::Show { range, content: Some(content) });
            }
            None if mapped == 0 => {}
            None => {
                machine.decommit(whole, range)?;
                let freed = self.charged(region, range);
                edits.push(Edit::Pages { range, change: Change::Decommit { freed } });
            }
        }
        Ok(())
    }
}

/// Room for so many numbers: whoever asks for more frames than there can be gets fewer.
fn list_of(count: u64) -> Result<Vec<u64>, Refusal> {
    let mut list = Vec::new();
    let count = usize::try_from(count).map_err(|_| Refusal::OutOfMemory)?;
    list.try_reserve_exact(count).map_err(|_| Refusal::OutOfMemory)?;
    Ok(list)
}

/// Pages of an object in a row: whose, the first, and the one behind the last.
type Span = (ObjectId, u64, u64);

impl Row {
    const fn span(&self) -> Span {
        (self.content.object, self.content.first, self.content.first + self.count)
    }
}

/// Whether spans, in ascending order and disjoint, cover all of another one.
fn is_covered((object, mut first, end): Span, spans: &[Span]) -> bool {
    for span in &spans[spans.partition_point(|span| (span.0, span.2) <= (object, first))..] {
        if span.0 != object || span.1 > first {
            return false;
        }
        first = span.2;
        if first >= end {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_what_they_cover_together() {
        let span = |object, first, end| (ObjectId(object), first, end);
        let spans = [span(1, 0, 4), span(1, 4, 6), span(1, 8, 9), span(2, 6, 8)];
        for (object, first, end) in [(1, 0, 6), (1, 2, 5), (1, 5, 6), (1, 8, 9), (2, 6, 7)] {
            assert!(is_covered(span(object, first, end), &spans), "{object} {first} {end}");
        }
        for (object, first, end) in [(1, 0, 7), (1, 6, 8), (1, 7, 9), (2, 0, 8), (2, 7, 9), (3, 0, 1)] {
            assert!(!is_covered(span(object, first, end), &spans), "{object} {first} {end}");
        }
    }
}
