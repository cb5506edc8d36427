//! What is mapped from objects, and where.
//!
//! The truth says what a range is to show; this says what it does show. The machine has
//! to know because such pages need other calls: a marker over a page of an object hides
//! the bytes and does not drop them, and mapping a snapshot a second time would.

use alloc::vec::Vec;

use pagewright_core::interval::{Entry, IntervalMap};
use pagewright_core::{Content, ObjectId, PageRange, View};

/// What ranges show that are not memory of their own.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    map: IntervalMap<Content>,
    page: u64,
}

impl Shown {
    pub(super) fn new(page: u64) -> Self {
        Self { map: IntervalMap::default(), page }
    }

    /// The run of equal content at the start of `range`, cut to it.
    #[inline]
    pub(super) fn first(&self, range: PageRange) -> (PageRange, Option<Content>) {
        if self.map.is_empty() { (range, None) } else { self.first_of_some(range) }
    }

    fn first_of_some(&self, range: PageRange) -> (PageRange, Option<Content>) {
        let (start, end) = (range.start().get(), range.end().get());
        let (stop, content) = match self.map.at_or_after(start) {
            Some(entry) if entry.start <= start => {
                (entry.end.min(end), Some(entry.value.after((start - entry.start) / self.page)))
            }
            Some(entry) => (entry.start.min(end), None),
            None => (end, None),
        };
        (PageRange::between(start, stop).unwrap_or(range), content)
    }

    /// The runs of `range`, each showing one thing or nothing.
    pub(super) fn runs(&self, range: PageRange) -> impl Iterator<Item = (PageRange, Option<Content>)> + '_ {
        let mut rest = Some(range);
        core::iter::from_fn(move || {
            let (run, content) = self.first(rest?);
            rest = PageRange::between(run.end().get(), range.end().get());
            Some((run, content))
        })
    }

    /// Whether what is shown changes at an address.
    pub(super) fn is_edge(&self, at: u64) -> bool {
        let ends = at > 0 && self.map.get(at - 1).is_some_and(|entry| entry.end == at);
        ends || self.map.get(at).is_some_and(|entry| entry.start == at)
    }

    /// The least range that holds everything in `range` that shows an object.
    #[inline]
    pub(super) fn hull(&self, range: PageRange) -> Option<PageRange> {
        if self.map.is_empty() { None } else { self.hull_of_some(range) }
    }

    fn hull_of_some(&self, range: PageRange) -> Option<PageRange> {
        let (start, end) = (range.start().get(), range.end().get());
        let first = self.map.at_or_after(start).filter(|entry| entry.start < end)?;
        let last = self.map.floor(end - 1)?;
        PageRange::between(first.start.max(start), last.end.min(end))
    }

    /// A place that shows this page of an object with all others, if there is one.
    pub(super) fn places(&self, object: ObjectId, page: u64) -> impl Iterator<Item = u64> + '_ {
        self.map.iter().filter_map(move |entry| {
            let pages = (entry.end - entry.start) / self.page;
            let shows = entry.value.object == object && entry.value.view == View::Shared;
            let offset = page.checked_sub(entry.value.first).filter(|offset| shows && *offset < pages)?;
            Some(entry.start + offset * self.page)
        })
    }

    /// The parts of `range` that show pages of an object with all others.
    pub(super) fn shared_runs(&self, range: PageRange) -> impl Iterator<Item = (PageRange, Content)> + '_ {
        let shared = |(run, content): (PageRange, Option<Content>)| Some((run, content?));
        self.runs(range).filter_map(shared).filter(|(_, content)| content.view == View::Shared)
    }

    /// Every place that shows some of these `pages` pages with all others: where, and which page
    /// it begins with.
    pub(super) fn twins(&self, content: Content, pages: u64) -> Vec<(PageRange, u64)> {
        let (low, high) = (content.first, content.first + pages);
        let place = |entry: Entry<'_, Content>| {
            let (shown, count) = (entry.value, (entry.end - entry.start) / self.page);
            let (first, last) = (low.max(shown.first), high.min(shown.first + count));
            let is_one = shown.object == content.object && shown.view == View::Shared && first < last;
            let at = |page: u64| entry.start + (page - shown.first) * self.page;
            if is_one { PageRange::between(at(first), at(last)).map(|place| (place, first)) } else { None }
        };
        self.map.iter().filter_map(place).collect()
    }

    /// Records what `range` shows now.
    pub(super) fn set(&mut self, range: PageRange, content: Content) {
        self.forget(range);
        let (mut start, mut end, mut first) = (range.start().get(), range.end().get(), content);
        if let Some(before) = self.map.get(start.wrapping_sub(1))
            && before.value.after((start - before.start) / self.page) == content
        {
            (start, first) = (before.start, *before.value);
        }
        let pages = (end - range.start().get()) / self.page;
        if let Some(after) = self.map.get(end).filter(|after| *after.value == content.after(pages)) {
            end = after.end;
            self.map.remove(range.end().get());
        }
        if start < range.start().get() {
            self.map.remove(start);
        }
        self.map.insert(start, end, first);
    }

    /// Nothing shows this object any more.
    pub(super) fn forget_object(&mut self, object: ObjectId) {
        let shows = |entry: Entry<'_, Content>| (entry.value.object == object).then_some(entry.start);
        let starts: Vec<_> = self.map.iter().filter_map(shows).collect();
        for start in starts {
            self.map.remove(start);
        }
    }

    /// Nothing in `range` shows an object any more.
    pub(super) fn forget(&mut self, range: PageRange) {
        let (low, high) = (range.start().get(), range.end().get());
        while let Some(found) = self.map.at_or_after(low).filter(|entry| entry.start < high) {
            let Some((start, end, content)) = self.map.remove(found.start) else { return };
            if start < low {
                self.map.insert(start, low, content);
            }
            if high < end {
                self.map.insert(high, end, content.after((high - start) / self.page));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 0x1000;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first * PAGE, end * PAGE).expect("not empty")
    }

    fn shared(object: u64, first: u64) -> Content {
        Content { object: ObjectId(object), first, view: View::Shared }
    }

    #[test]
    fn runs_are_cut_and_joined() {
        let mut shown = Shown::new(PAGE);
        shown.set(range(10, 14), shared(1, 0));
        shown.set(range(16, 20), shared(1, 6));
        shown.set(range(14, 16), shared(1, 4));
        assert_eq!(shown.first(range(11, 30)), (range(11, 20), Some(shared(1, 1))));
        shown.set(range(12, 13), shared(2, 9));
        let runs: Vec<_> = shown.runs(range(9, 15)).collect();
        assert_eq!(
            runs,
            [
                (range(9, 10), None),
                (range(10, 12), Some(shared(1, 0))),
                (range(12, 13), Some(shared(2, 9))),
                (range(13, 15), Some(shared(1, 3))),
            ]
        );
        assert_eq!(shown.hull(range(0, 12)), Some(range(10, 12)));
        assert_eq!(shown.hull(range(0, 10)), None);
        shown.forget(range(11, 19));
        assert_eq!(shown.hull(range(0, 40)), Some(range(10, 20)));
        assert_eq!(shown.first(range(19, 20)), (range(19, 20), Some(shared(1, 9))));
    }

    #[test]
    fn pages_of_an_object_are_found_where_they_are_shown() {
        let mut shown = Shown::new(PAGE);
        shown.set(range(10, 14), shared(1, 2));
        shown.set(range(20, 30), shared(1, 0).viewed(View::Snapshot));
        shown.set(range(40, 44), shared(2, 2));
        assert_eq!(shown.places(ObjectId(1), 3).collect::<Vec<_>>(), [11 * PAGE]);
        assert_eq!(shown.places(ObjectId(1), 6).next(), None);
        shown.forget_object(ObjectId(1));
        assert_eq!(shown.hull(range(0, 50)), Some(range(40, 44)));
    }
}
