//! Content: whose bytes a page shows.
//!
//! ```text
//!   private    memory of this range alone; nothing is recorded for it
//!   shared     pages of an object: a store through one view is seen through all
//!   snapshot   pages of an object that nobody changes any more: a store privatises
//! ```
//!
//! An alias is two shared views of the same pages. A lazy copy is two snapshots of
//! them. The pages of one object that are shown here are, page by page, either all
//! shared or all frozen.

use alloc::vec::Vec;

use crate::access::Rights;
use crate::geometry::{Geometry, PageRange};
use crate::interval::IntervalMap;

/// The name of an object in one address space. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u64);

/// How a range shows the pages of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// Stores go to the object.
    Shared,
    /// Stores go to a private copy of the page.
    Snapshot,
}

/// What the first page of a run shows; the pages after it show the next ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// Whose pages.
    pub object: ObjectId,
    /// The number of the first one, from the start of the object.
    pub first: u64,
    /// How.
    pub view: View,
}

impl Content {
    /// What the page `pages` further on shows.
    #[must_use]
    pub const fn after(self, pages: u64) -> Self {
        Self { first: self.first + pages, ..self }
    }

    /// The same pages, shown another way.
    #[must_use]
    pub const fn viewed(self, view: View) -> Self {
        Self { view, ..self }
    }
}

/// Pages of one object in a row, for another view of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Whose pages.
    pub object: ObjectId,
    /// The number of the first one.
    pub first: u64,
    /// How many.
    pub pages: u64,
    /// What any view of them may be given at most.
    pub ceiling: Rights,
}

/// Who can show the pages of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// This address space alone: its count of views is the whole truth, so pages that
    /// nobody shows can be discarded, and pages that are shown once be frozen.
    Home,
    /// Other address spaces as well.
    Abroad,
    /// Memory that the program mapped itself, which nobody counts: the object is known as
    /// long as the address space is.
    Program,
    /// This address space alone, which owns the pages as frames, whether it shows them or
    /// not: an object of them is known as long as one is owned.
    Frames,
}

/// Whether the memory of a page counts against the commit limit before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Promise {
    /// From the moment it is committed: the worst case (Win32, Windows CE).
    #[default]
    Full,
    /// Never here; the kernel counts it when it is written (Mach).
    OnWrite,
}

impl Promise {
    /// What of an amount of memory is charged.
    pub(crate) const fn charge(self, amount: u64) -> u64 {
        match self {
            Self::Full => amount,
            Self::OnWrite => 0,
        }
    }
}

/// Memory with a name of its own: bytes that several ranges can show.
#[derive(Clone, Debug)]
pub struct MemoryObject {
    /// How many pages it has.
    pub pages: u64,
    /// Who can show them.
    pub reach: Reach,
    /// What any view may be given at most.
    pub ceiling: Rights,
    /// Whether its shared pages are charged.
    pub promise: Promise,
    /// Which pages have memory, and who answers for it.
    pub supply: Supply,
    /// How many names it has: a named object stays although nobody shows it.
    pub(crate) names: u32,
    /// How many regions here are views of it, whether their pages have memory or not.
    pub(crate) views: u32,
    /// How often each page is shown here, and how; pages that nobody shows have no entry.
    uses: IntervalMap<Use>,
}

/// Which pages of an object have memory, and who answers for it.
#[derive(Clone, Debug, Default)]
pub enum Supply {
    /// All; each is charged while it is shown.
    #[default]
    Shown,
    /// All, charged from the start (a section that is committed).
    Whole,
    /// Those that were committed through any view; they stay so (fact SR02).
    OnDemand(IntervalMap<()>),
    /// All; they are those of a file, which nobody charges.
    File,
}

impl Supply {
    /// The runs of `first..end` that have memory.
    pub(crate) fn runs(&self, first: u64, end: u64) -> Vec<(u64, u64)> {
        match self {
            Self::Shown | Self::Whole | Self::File => Vec::from([(first, end)]),
            Self::OnDemand(filled) => {
                let runs = filled.iter_from(first).take_while(|run| run.start < end);
                runs.map(|run| (run.start.max(first), run.end.min(end))).collect()
            }
        }
    }
}

/// How often a page is shown, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    shared: u32,
    snapshots: u32,
}

impl Use {
    const fn count(self) -> u32 {
        self.shared + self.snapshots
    }

    const fn of(&mut self, view: View) -> &mut u32 {
        match view {
            View::Shared => &mut self.shared,
            View::Snapshot => &mut self.snapshots,
        }
    }
}

impl MemoryObject {
    /// An object that nobody shows yet.
    pub(crate) fn new(pages: u64, reach: Reach, ceiling: Rights, promise: Promise) -> Self {
        let (supply, uses) = (Supply::Shown, IntervalMap::default());
        Self { pages, reach, ceiling, promise, supply, names: 0, views: 0, uses }
    }

    /// How often a page is shown here.
    pub fn count(&self, page: u64) -> u32 {
        self.uses.get(page).map_or(0, |entry| entry.value.count())
    }

    /// Whether nobody here shows any of it, or can say that it is to be shown.
    pub fn is_idle(&self) -> bool {
        self.uses.is_empty() && !self.is_kept()
    }

    /// Whether no page of it is shown.
    pub(crate) fn is_unshown(&self) -> bool {
        self.uses.is_empty()
    }

    /// Whether it stays although nobody shows any of it.
    pub(crate) const fn is_kept(&self) -> bool {
        self.names > 0 || self.views > 0
    }

    /// The pages that are charged whether they are shown or not.
    pub(crate) fn supplied(&self) -> u64 {
        match &self.supply {
            Supply::Shown | Supply::File => 0,
            Supply::Whole => self.pages,
            Supply::OnDemand(filled) => filled.iter().map(|run| run.end - run.start).sum(),
        }
    }

    /// Pages get memory.
    pub(crate) fn fill(&mut self, first: u64, end: u64) {
        if let Supply::OnDemand(filled) = &mut self.supply {
            cut_out(filled, first, end);
            put(filled, first, end, ());
        }
    }

    /// Whether it goes, since nobody here shows any of it.
    pub(crate) fn is_forgotten(&self) -> bool {
        match self.reach {
            Reach::Home | Reach::Abroad => self.is_idle(),
            Reach::Program | Reach::Frames => false,
        }
    }

    /// The runs of `first..end` that are shown equally often: start, end, count.
    pub fn counts(&self, first: u64, end: u64) -> impl Iterator<Item = (u64, u64, u32)> + '_ {
        let mut at = first;
        core::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let start = at;
            let (stop, count) = match self.uses.at_or_after(at) {
                Some(entry) if entry.start <= at => (entry.end.min(end), entry.value.count()),
                Some(entry) => (entry.start.min(end), 0),
                None => (end, 0),
            };
            at = stop;
            Some((start, stop, count))
        })
    }

    /// Pages that are shown shared, for the commit charge.
    pub(crate) fn shared_pages(&self, first: u64, end: u64) -> u64 {
        self.uses
            .iter_from(first)
            .take_while(|entry| entry.start < end)
            .filter(|entry| entry.value.shared > 0)
            .map(|entry| entry.end.min(end) - entry.start.max(first))
            .sum()
    }

    /// One more view of `first..end`.
    pub(crate) fn gain(&mut self, first: u64, end: u64, view: View) {
        self.recount(first, end, |mut uses| {
            *uses.of(view) += 1;
            uses
        });
    }

    /// One view less.
    pub(crate) fn lose(&mut self, first: u64, end: u64, view: View) {
        self.recount(first, end, |mut uses| {
            let count = uses.of(view);
            *count = count.saturating_sub(1);
            uses
        });
    }

    fn recount(&mut self, first: u64, end: u64, change: impl Fn(Use) -> Use) {
        let cut = cut_out(&mut self.uses, first, end);
        let mut at = first;
        for (start, stop, value) in cut.into_iter().chain([(end, end, Use::default())]) {
            for (from, to, old) in [(at, start, Use::default()), (start, stop, value)] {
                let new = change(old);
                if from < to && new.count() > 0 {
                    put(&mut self.uses, from, to, new);
                }
            }
            at = stop;
        }
    }

    /// Whether nothing is left of it once the uses that `leaving` counts are gone.
    pub(crate) fn is_left_by(&self, leaving: &Self) -> bool {
        self.names == 0 && self.views == leaving.views && self.matches(leaving)
    }

    /// Proves that the uses are those of `counted`, by page.
    pub(crate) fn matches(&self, counted: &Self) -> bool {
        self.uses.iter().map(plain).eq(counted.uses.iter().map(plain))
    }
}

fn plain(entry: crate::interval::Entry<'_, Use>) -> (u64, u64, Use) {
    (entry.start, entry.end, *entry.value)
}

/// Takes what lies in `start..end` out of a map, cutting entries at both ends; the
/// values that are cut off are changed by nothing, so they must not depend on where
/// their entry starts.
fn cut_out<V: Copy>(map: &mut IntervalMap<V>, start: u64, end: u64) -> Vec<(u64, u64, V)> {
    cut_with(map, start, end, |value, _| value)
}

/// As [`cut_out`], `after` telling what an entry is worth when it begins later.
pub(crate) fn cut_with<V: Copy>(
    map: &mut IntervalMap<V>,
    start: u64,
    end: u64,
    after: impl Fn(V, u64) -> V,
) -> Vec<(u64, u64, V)> {
    let mut parts = Vec::new();
    while let Some(found) = map.at_or_after(start).filter(|entry| entry.start < end) {
        let Some((low, high, value)) = map.remove(found.start) else { break };
        if low < start {
            map.insert(low, start, value);
        }
        if end < high {
            map.insert(end, high, after(value, end - low));
        }
        let from = low.max(start);
        parts.push((from, high.min(end), after(value, from - low)));
    }
    parts
}

/// Adds a range and joins it with a neighbour below and above that is equal.
pub(crate) fn put<V: Copy + PartialEq>(map: &mut IntervalMap<V>, start: u64, end: u64, value: V) {
    let (mut low, mut high) = (start, end);
    if start > 0
        && let Some(before) = map.get(start - 1).filter(|entry| *entry.value == value)
    {
        low = before.start;
    }
    if let Some(after) = map.get(end).filter(|entry| *entry.value == value) {
        high = after.end;
    }
    if low < start {
        map.remove(low);
    }
    if high > end {
        map.remove(end);
    }
    map.insert(low, high, value);
}

/// What every range shows that is not private, by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    map: IntervalMap<Content>,
}

impl Contents {
    /// The runs of `range`, each showing one thing; private runs too.
    pub(crate) fn runs<'a>(
        &'a self,
        geometry: &Geometry,
        range: PageRange,
    ) -> impl Iterator<Item = (PageRange, Option<Content>)> + 'a {
        let (mut at, end, page) = (range.start().get(), range.end().get(), geometry.page);
        core::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let start = at;
            let (stop, content) = match self.map.at_or_after(at) {
                Some(entry) if entry.start <= at => {
                    (entry.end.min(end), Some(entry.value.after((at - entry.start) / page)))
                }
                Some(entry) => (entry.start.min(end), None),
                None => (end, None),
            };
            at = stop;
            PageRange::between(start, stop).map(|run| (run, content))
        })
    }

    /// The part of `range` around `at` that shows one thing, and what its first page does.
    pub(crate) fn around(
        &self,
        geometry: &Geometry,
        range: PageRange,
        at: u64,
    ) -> (PageRange, Option<Content>) {
        let (run, entry) = self.map.around(range, at);
        let content = entry.map(|entry| {
            let skipped = run.start().get().saturating_sub(entry.start);
            entry.value.after(skipped / geometry.page)
        });
        (run, content)
    }

    /// Everything that is not private, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PageRange, Content)> + '_ {
        self.map.iter().filter_map(|entry| Some((PageRange::between(entry.start, entry.end)?, *entry.value)))
    }

    /// Whether all of `range` is private.
    #[inline]
    pub(crate) fn is_private(&self, range: PageRange) -> bool {
        !self.map.overlaps(range.start().get(), range.end().get())
    }

    /// Replaces what `range` shows, and answers what it showed, private parts left out.
    pub(crate) fn replace(
        &mut self,
        geometry: &Geometry,
        range: PageRange,
        content: Option<Content>,
    ) -> Vec<(PageRange, Content)> {
        let page = geometry.page;
        let (start, end) = (range.start().get(), range.end().get());
        let cut = cut_with(&mut self.map, start, end, |content, bytes| content.after(bytes / page));
        if let Some(content) = content {
            self.insert(page, start, end, content);
        }
        cut.into_iter().filter_map(|(low, high, old)| Some((PageRange::between(low, high)?, old))).collect()
    }

    /// Adds a run, joined with neighbours that go on where it begins or ends.
    fn insert(&mut self, page: u64, start: u64, end: u64, content: Content) {
        let (mut low, mut high, mut first) = (start, end, content);
        if start > 0
            && let Some(before) = self.map.get(start - 1)
            && before.value.after((start - before.start) / page) == content
        {
            (low, first) = (before.start, *before.value);
        }
        if let Some(after) = self.map.get(end)
            && content.after((end - start) / page) == *after.value
        {
            high = after.end;
        }
        if low < start {
            self.map.remove(low);
        }
        if high > end {
            self.map.remove(end);
        }
        self.map.insert(low, high, first);
    }

    /// How many runs there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.map.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GEOMETRY: Geometry = Geometry::X86_64;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first * 0x1000, end * 0x1000).expect("not empty")
    }

    fn shows(object: u64, first: u64) -> Content {
        Content { object: ObjectId(object), first, view: View::Shared }
    }

    #[test]
    fn contents_are_cut_and_joined_by_page() {
        let mut contents = Contents::default();
        assert!(contents.replace(&GEOMETRY, range(10, 20), Some(shows(1, 0))).is_empty());
        contents.replace(&GEOMETRY, range(20, 24), Some(shows(1, 10)));
        assert_eq!(contents.len(), 1, "what goes on is one run");
        let old = contents.replace(&GEOMETRY, range(12, 22), Some(shows(2, 5)));
        assert_eq!(old, [(range(12, 22), shows(1, 2))]);
        let runs: Vec<_> = contents.runs(&GEOMETRY, range(9, 25)).collect();
        assert_eq!(
            runs,
            [
                (range(9, 10), None),
                (range(10, 12), Some(shows(1, 0))),
                (range(12, 22), Some(shows(2, 5))),
                (range(22, 24), Some(shows(1, 12))),
                (range(24, 25), None),
            ]
        );
        contents.replace(&GEOMETRY, range(0, 30), None);
        assert!(contents.is_private(range(0, 30)));
    }

    #[test]
    fn uses_are_counted_by_page() {
        let mut object = MemoryObject::new(8, Reach::Home, Rights::all(), Promise::Full);
        object.gain(0, 8, View::Shared);
        object.gain(2, 4, View::Shared);
        assert_eq!((object.count(1), object.count(2), object.count(4)), (1, 2, 1));
        let counts: Vec<_> = object.counts(1, 9).collect();
        assert_eq!(counts, [(1, 2, 1), (2, 4, 2), (4, 8, 1), (8, 9, 0)]);
        object.lose(0, 3, View::Shared);
        assert_eq!((object.count(0), object.count(2), object.count(3)), (0, 1, 2));
        assert_eq!(object.shared_pages(0, 8), 6);
        object.lose(2, 8, View::Shared);
        object.lose(3, 4, View::Shared);
        assert!(object.is_idle());
    }
}
