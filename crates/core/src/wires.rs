//! How often pages are wired.

use crate::geometry::PageRange;
use crate::interval::IntervalMap;
use crate::object::{cut_with, put};

/// The counts of pages that are wired by count, by address; others have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wires {
    map: IntervalMap<u32>,
}

impl Wires {
    /// The runs of `range` that are wired, each with its count, ascending.
    pub(crate) fn runs(&self, range: PageRange) -> impl Iterator<Item = (PageRange, u32)> + '_ {
        self.map.iter_from(range.start().get()).map_while(move |entry| {
            let run = PageRange::between(entry.start, entry.end)?;
            Some((run.intersection(range)?, *entry.value))
        })
    }

    /// The part of `range` around `at` that is wired equally often, and how often.
    pub(crate) fn around(&self, range: PageRange, at: u64) -> (PageRange, u32) {
        let (run, entry) = self.map.around(range, at);
        (run, entry.map_or(0, |entry| *entry.value))
    }

    /// Everything that is wired, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PageRange, u32)> + '_ {
        self.map.iter().filter_map(|entry| Some((PageRange::between(entry.start, entry.end)?, *entry.value)))
    }

    /// Once more.
    pub(crate) fn more(&mut self, range: PageRange) {
        let mut at = range.start().get();
        let end = range.end().get();
        for (start, stop, count) in cut_with(&mut self.map, at, end, |count, _| count) {
            if at < start {
                put(&mut self.map, at, start, 1);
            }
            put(&mut self.map, start, stop, count.saturating_add(1));
            at = stop;
        }
        if at < end {
            put(&mut self.map, at, end, 1);
        }
    }

    /// Once less, where there is a count.
    pub(crate) fn less(&mut self, range: PageRange) {
        let (start, end) = (range.start().get(), range.end().get());
        for (start, stop, count) in cut_with(&mut self.map, start, end, |count, _| count) {
            if count > 1 {
                put(&mut self.map, start, stop, count - 1);
            }
        }
    }

    /// Not at all.
    #[inline]
    pub(crate) fn clear(&mut self, range: PageRange) {
        let (start, end) = (range.start().get(), range.end().get());
        if self.map.overlaps(start, end) {
            cut_with(&mut self.map, start, end, |count, _| count);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first * 0x1000, end * 0x1000).expect("not empty")
    }

    #[test]
    fn counts_stack_by_page() {
        let mut wires = Wires::default();
        wires.more(range(2, 6));
        wires.more(range(4, 8));
        let runs: Vec<_> = wires.iter().collect();
        assert_eq!(runs, [(range(2, 4), 1), (range(4, 6), 2), (range(6, 8), 1)]);
        wires.less(range(0, 5));
        let runs: Vec<_> = wires.runs(range(0, 7)).collect();
        assert_eq!(runs, [(range(4, 5), 1), (range(5, 6), 2), (range(6, 7), 1)]);
        wires.clear(range(5, 7));
        let runs: Vec<_> = wires.iter().collect();
        assert_eq!(runs, [(range(4, 5), 1), (range(7, 8), 1)]);
        wires.more(range(5, 7));
        assert_eq!(wires.iter().collect::<Vec<_>>(), [(range(4, 8), 1)]);
    }
}
