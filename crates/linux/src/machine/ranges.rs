//! A set of pages, as ranges.

use alloc::vec::Vec;

use pagewright_core::PageRange;
use pagewright_core::interval::IntervalMap;

/// Disjoint ranges; those that touch are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    map: IntervalMap<()>,
}

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    #[inline]
    pub(super) fn overlaps(&self, range: PageRange) -> bool {
        self.map.overlaps(range.start().get(), range.end().get())
    }

    /// All of them, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = PageRange> + '_ {
        self.map.iter().filter_map(|entry| PageRange::between(entry.start, entry.end))
    }

    /// What of `range` is in the set, ascending.
    pub(super) fn inside(&self, range: PageRange) -> Vec<PageRange> {
        let end = range.end().get();
        let entries = self.map.iter_from(range.start().get()).take_while(|entry| entry.start < end);
        entries.filter_map(|entry| PageRange::between(entry.start, entry.end)?.intersection(range)).collect()
    }

    /// What of `range` is not, ascending.
    pub(super) fn outside(&self, range: PageRange) -> Vec<PageRange> {
        let mut parts = Vec::new();
        let mut at = range.start().get();
        for inside in self.inside(range) {
            parts.extend(PageRange::between(at, inside.start().get()));
            at = inside.end().get();
        }
        parts.extend(PageRange::between(at, range.end().get()));
        parts
    }

    pub(super) fn add(&mut self, range: PageRange) {
        let (mut start, mut end) = (range.start().get(), range.end().get());
        while let Some(found) =
            self.map.at_or_after(start.saturating_sub(1)).filter(|entry| entry.start <= end)
        {
            (start, end) = (start.min(found.start), end.max(found.end));
            if self.map.remove(found.start).is_none() {
                break;
            }
        }
        self.map.insert(start, end, ());
    }

    #[inline]
    pub(super) fn remove(&mut self, range: PageRange) {
        // Most often there is nothing to look for.
        if !self.map.is_empty() {
            self.cut_out(range);
        }
    }

    fn cut_out(&mut self, range: PageRange) {
        let (low, high) = (range.start().get(), range.end().get());
        while let Some(found) = self.map.at_or_after(low).filter(|entry| entry.start < high) {
            let Some((start, end, ())) = self.map.remove(found.start) else { return };
            if start < low {
                self.map.insert(start, low, ());
            }
            if high < end {
                self.map.insert(high, end, ());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first << 12, end << 12).expect("not empty")
    }

    #[test]
    fn ranges_are_joined_and_cut() {
        let mut ranges = Ranges::default();
        for (first, end) in [(4, 6), (8, 9), (6, 8), (12, 14), (1, 2)] {
            ranges.add(range(first, end));
        }
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [range(1, 2), range(4, 9), range(12, 14)]);
        ranges.remove(range(5, 13));
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [range(1, 2), range(4, 5), range(13, 14)]);
        assert_eq!(ranges.inside(range(1, 20)), [range(1, 2), range(4, 5), range(13, 14)]);
        assert_eq!(ranges.outside(range(0, 14)), [range(0, 1), range(2, 4), range(5, 13)]);
        assert!(ranges.overlaps(range(4, 9)) && !ranges.overlaps(range(5, 9)));
        ranges.add(range(0, 40));
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [range(0, 40)]);
    }
}
