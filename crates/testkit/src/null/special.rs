//! Memory that is watched, yielded, or made of something special.

use std::collections::BTreeSet;
use std::ops::Range;

use pagewright_core::{Access, After, PageKind, PageRange, Refusal, Survival, Traits, Watch, Wiring};

use super::objects::Shows;
use super::{Null, Page};

/// A range of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    /// The address behind it.
    pub(super) end: u64,
    pub(super) traits: Traits,
}

/// What special memory the machine has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stock {
    /// Bytes of large pages, those in use included.
    large: u64,
    /// How many NUMA nodes.
    nodes: u16,
}

impl Stock {
    /// All the large pages that anybody wants, and one node.
    pub(super) const USUAL: Self = Self { large: u64::MAX, nodes: 1 };
}

/// Whether a page was stored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Not since it was made, or since that was forgotten.
    Clean,
    /// It was.
    Dirty,
}

/// What became of a page's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Yielding {
    /// It is in use.
    Kept,
    /// It may be dropped.
    Yielded,
    /// It was.
    Dropped,
}

/// When content that was yielded is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaping {
    /// Only when [`Null::reap`] is called.
    Never,
    /// As soon as it is yielded.
    AtOnce,
}

impl Null {
    /// The same, dropping yielded content as told.
    #[must_use]
    pub fn reaping(self, reaping: Reaping) -> Self {
        Self { reaping, ..self }
    }

    /// Large pages of so many bytes are all there are from now on; those in use count.
    pub const fn set_large_bytes(&mut self, bytes: u64) {
        self.stock.large = bytes;
    }

    /// So many NUMA nodes there are from now on.
    pub const fn set_nodes(&mut self, nodes: u16) {
        self.stock.nodes = nodes;
    }

    /// `NoNode` if a node is named that there is not.
    pub(super) fn has_node(&self, node: Option<u16>) -> Result<(), Refusal> {
        if node.is_some_and(|node| node >= self.stock.nodes) { Err(Refusal::NoNode) } else { Ok(()) }
    }

    /// Memory is short: the content of every page that was yielded is dropped, but for those
    /// that were wired since.
    pub fn reap(&mut self) {
        let free = |page: &&mut Page| page.yielding == Yielding::Yielded && page.wiring == Wiring::Pageable;
        for page in self.pages.values_mut().filter(free) {
            (page.shows, page.yielding) = (Shows::ZEROS, Yielding::Dropped);
        }
    }

    /// The pages whose content may be dropped, or was and nobody has asked yet. Not a
    /// part of what makes machines equal: yielding is best effort.
    pub fn yielded(&self) -> BTreeSet<u64> {
        let yielded = self.pages.iter().filter(|(_, page)| page.yielding != Yielding::Kept);
        yielded.map(|(at, _)| *at).collect()
    }

    /// The watched pages that were stored to.
    pub(crate) fn stored(&self) -> BTreeSet<u64> {
        let stored = self.pages.iter().filter(|(_, page)| page.stored == Stored::Dirty);
        stored.map(|(at, _)| *at).filter(|at| self.is_watched(*at)).collect()
    }

    /// The same machine, as if nobody had stored to it yet.
    pub(crate) fn clean(&self) -> Self {
        let mut clean = self.clone();
        clean.pages.values_mut().for_each(|page| page.stored = Stored::Clean);
        clean
    }

    /// The pages of a range, by address.
    pub(crate) fn pages_of(&self, range: PageRange) -> impl Iterator<Item = u64> + use<> {
        self.each(range)
    }

    /// The holdings that lie in `range`, wholly or in part.
    pub(super) fn holdings(&self, range: PageRange) -> impl Iterator<Item = Holding> + '_ {
        let (from, to) = (range.start().get(), range.end().get());
        self.ours.range(..to).map(|(_, holding)| *holding).filter(move |holding| holding.end > from)
    }

    pub(super) fn is_watched(&self, page: u64) -> bool {
        let holding = self.ours.range(..=page).next_back().map(|(_, holding)| holding);
        holding.is_some_and(|holding| page < holding.end && holding.traits.watch == Watch::On)
    }

    pub(super) fn hold(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        if !self.is_free(range) {
            return Err(Refusal::Occupied);
        }
        self.ours.insert(range.start().get(), Holding { end: range.end().get(), traits });
        if let Some(access) = access {
            self.give(range, access);
        }
        Ok(())
    }

    /// Large pages are whole ones and committed; a window begins empty.
    pub(super) fn expect_whole(&mut self, range: PageRange, access: Option<Access>, traits: Traits) {
        let holds = match traits.pages {
            PageKind::Ordinary | PageKind::Joined => true,
            PageKind::Large | PageKind::Huge => {
                let unit = traits.pages.unit();
                access.is_some()
                    && range.start().get().is_multiple_of(unit)
                    && range.bytes().is_multiple_of(unit)
            }
            PageKind::Window => access.is_none(),
        };
        self.require(holds, || format!("{range} is reserved as {traits:?} with {access:?}"));
    }

    /// Whether there is enough of what a range is to be made of.
    pub(super) fn stock_has(&self, range: PageRange, traits: Traits) -> Result<(), Refusal> {
        self.has_node(traits.node)?;
        let is_large = |traits: Traits| traits.pages.unit() > 0;
        let large = self.ours.iter().filter(|(_, holding)| is_large(holding.traits));
        let used: u64 = large.map(|(start, holding)| holding.end - start).sum();
        if is_large(traits) && used.saturating_add(range.bytes()) > self.stock.large {
            return Err(Refusal::NoLargePages);
        }
        Ok(())
    }

    /// Single pages of large pages and of windows never change.
    pub(super) fn expect_changeable(&mut self, range: PageRange, what: &str) {
        let odd = self.holdings(range).find(|holding| holding.traits.pages.is_fixed());
        self.require(odd.is_none(), || format!("{range} is {what}, and is held as {odd:?}"));
    }

    /// Large pages go as a whole, by being released. A window loses what it shows.
    pub(super) fn expect_soluble(&mut self, range: PageRange) {
        let odd = self.holdings(range).find(|holding| holding.traits.pages.unit() > 0);
        self.require(odd.is_none(), || format!("{range} is decommitted, and is held as {odd:?}"));
    }

    pub(super) fn expect_watched(&mut self, region: PageRange, range: PageRange) {
        self.expect_ours(region, range);
        let odd = self.holdings(range).find(|holding| holding.traits.watch == Watch::Off);
        self.require(odd.is_none(), || format!("{range} is not watched: {odd:?}"));
    }

    /// Remembers a store: at the page, and wherever the same bytes are shown.
    pub(super) fn note_store(&mut self, page: u64) {
        let mut pages = vec![page];
        if let Some(Shows::Shared(spot)) = self.pages.get(&page).map(|page| &page.shows) {
            pages.extend(self.showings().filter(|(_, other)| other == spot).map(|(at, _)| at));
        }
        for at in pages {
            self.pages.entry(at).and_modify(|page| page.stored = Stored::Dirty);
        }
        self.pages.entry(page).and_modify(|page| page.yielding = Yielding::Kept);
    }

    pub(super) fn report_stored(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) {
        let size = self.geometry.page;
        let mut runs: Vec<Range<u64>> = Vec::new();
        let pages = self.pages.range_mut(range.start().get()..range.end().get());
        let dirty = pages.filter(|(_, page)| page.stored == Stored::Dirty);
        for (&at, page) in dirty.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            match after {
                After::Keep => {}
                After::Forget => page.stored = Stored::Clean,
            }
            match runs.last_mut() {
                Some(run) if run.end == at => run.end = at + size,
                Some(_) | None => runs.push(at..at + size),
            }
        }
        runs.into_iter().filter_map(|run| PageRange::between(run.start, run.end)).for_each(report);
    }

    pub(super) fn yield_pages(&mut self, range: PageRange) {
        for at in self.each(range) {
            let page = self.pages.get(&at);
            let own = page
                .is_some_and(|page| page.wiring == Wiring::Pageable && matches!(page.shows, Shows::Own(_)));
            let plain = own && !self.is_watched(at);
            self.require(plain, || format!("{at:#x} is yielded, and is not plain memory"));
        }
        self.pages_in(range).for_each(|page| page.yielding = Yielding::Yielded);
        match self.reaping {
            Reaping::Never => {}
            Reaping::AtOnce => self.reap(),
        }
    }

    pub(super) fn keep_pages(&mut self, range: PageRange) -> Survival {
        let mut survival = Survival::Intact;
        for page in self.pages_in(range) {
            if page.yielding == Yielding::Dropped {
                survival = Survival::Lost;
            }
            page.yielding = Yielding::Kept;
        }
        survival
    }
}

#[cfg(test)]
mod tests {
    use pagewright_core::{Content, Geometry, Machine, ObjectId, Showing, Va, View};

    use super::*;

    const PAGE: u64 = Geometry::X86_64.page;
    const RW: Access = Access::READ.union(Access::WRITE);
    const WATCHED: Traits = Traits { watch: Watch::On, ..Traits::PLAIN };

    fn pages(first: u64, count: u64) -> PageRange {
        let base = 0x40_0000;
        PageRange::between(base + first * PAGE, base + (first + count) * PAGE).expect("not empty")
    }

    fn store(null: &mut Null, page: u64, count: usize) {
        assert_eq!(null.write(pages(page, 1).start(), &vec![7; count]), count);
    }

    /// Eight watched pages, and as many that are not.
    fn machine() -> Null {
        let mut null = Null::new(Geometry::X86_64);
        null.reserve_special(pages(0, 8), Some(RW), WATCHED).expect("nothing is mapped");
        null.reserve(pages(8, 8), Some(RW)).expect("nothing is mapped");
        null
    }

    fn written(null: &mut Null, limit: u64, after: After) -> Vec<PageRange> {
        let mut runs = Vec::new();
        null.written(pages(0, 8), pages(0, 8), limit, after, &mut |run| runs.push(run)).expect("watched");
        runs
    }

    #[test]
    fn exactly_the_reported_stores_are_forgotten() {
        let mut null = machine();
        assert_eq!(written(&mut null, 8, After::Keep), []);
        store(&mut null, 1, PAGE as usize + 1);
        store(&mut null, 5, 1);
        assert_eq!(written(&mut null, 8, After::Keep), [pages(1, 2), pages(5, 1)]);
        assert_eq!(written(&mut null, 1, After::Forget), [pages(1, 1)]);
        assert_eq!(written(&mut null, 0, After::Forget), []);
        assert_eq!(written(&mut null, 8, After::Keep), [pages(2, 1), pages(5, 1)]);
        null.forget_written(pages(0, 8), pages(3, 5)).expect("watched");
        assert_eq!(written(&mut null, 8, After::Forget), [pages(2, 1)]);
        assert_eq!(null.breach, None);
    }

    #[test]
    fn pages_that_come_anew_are_clean_and_protection_changes_nothing() {
        let mut null = machine();
        store(&mut null, 0, 4 * PAGE as usize);
        null.decommit(pages(0, 8), pages(0, 1)).expect("ours");
        null.commit(pages(0, 8), pages(0, 2), RW).expect("ours");
        null.protect(pages(0, 8), pages(2, 1), Access::READ).expect("ours");
        null.create(ObjectId(1), 1).expect("a new name");
        let content = Content { object: ObjectId(1), first: 0, view: View::Shared };
        null.show(pages(0, 8), pages(3, 1), content, RW).expect("ours");
        assert_eq!(written(&mut null, 8, After::Keep), [pages(1, 2)]);
        null.show(pages(8, 8), pages(9, 1), content, RW).expect("ours");
        store(&mut null, 9, 1);
        assert_eq!(written(&mut null, 8, After::Keep), [pages(1, 3)], "through another view");
        assert_eq!(null.breach, None);
    }

    #[test]
    fn bytes_that_move_into_an_object_take_along_what_is_known_of_them() {
        let mut null = machine();
        store(&mut null, 2, 1);
        null.create(ObjectId(1), 2).expect("a new name");
        let content = Content { object: ObjectId(1), first: 0, view: View::Shared };
        let place = Showing { region: pages(0, 8), range: pages(2, 2), access: RW };
        null.promote(&[place], content).expect("ours");
        assert_eq!(written(&mut null, 8, After::Keep), [pages(2, 1)]);
    }

    #[test]
    fn an_armed_guard_stops_everything_and_the_content_stays() {
        let mut null = machine();
        store(&mut null, 0, 1);
        null.protect(pages(0, 8), pages(0, 1), RW.union(Access::GUARD)).expect("ours");
        let at = pages(0, 1).start();
        let mut byte = [0];
        assert_eq!((null.read(at, &mut byte), null.write(at, &[1])), (0, 0));
        null.protect(pages(0, 8), pages(0, 1), RW).expect("ours");
        assert_eq!((null.read(at, &mut byte), byte), (1, [7]));
    }

    #[test]
    fn yielded_content_is_dropped_when_told_unless_it_was_stored_to() {
        for reaping in [Reaping::Never, Reaping::AtOnce] {
            let mut null = machine().reaping(reaping);
            store(&mut null, 8, 3 * PAGE as usize);
            null.yield_content(pages(8, 8), pages(8, 3)).expect("ours");
            assert_eq!(null.yielded().len(), 3);
            store(&mut null, 9, 1);
            assert_eq!(null.keep(pages(8, 8), pages(9, 1)), Ok(Survival::Intact));
            let lost = [Survival::Intact, Survival::Lost][usize::from(reaping == Reaping::AtOnce)];
            assert_eq!(null.keep(pages(8, 8), pages(8, 1)), Ok(lost));
            null.reap();
            assert_eq!(null.keep(pages(8, 8), pages(8, 3)), Ok(Survival::Lost));
            assert_eq!(null.keep(pages(8, 8), pages(8, 3)), Ok(Survival::Intact), "asked twice");
            let mut bytes = [1; 2];
            assert_eq!((null.read(Va::new(pages(10, 1).start().get()), &mut bytes), bytes), (2, [0; 2]));
            assert_eq!(null.breach, None);
        }
    }

    #[test]
    fn special_memory_comes_from_a_stock() {
        let mut null = Null::new(Geometry::X86_64);
        let large = Traits { pages: PageKind::Large, ..Traits::PLAIN };
        let (one, two) = (pages(0, 512), pages(512, 512));
        null.set_large_bytes(one.bytes());
        assert_eq!(null.reserve_special(one, Some(RW), large), Ok(()));
        assert_eq!(null.reserve_special(two, Some(RW), large), Err(Refusal::NoLargePages));
        null.release(one, one).expect("ours");
        assert_eq!(null.reserve_special(two, Some(RW), large), Ok(()));
        let far = Traits { node: Some(1), ..Traits::PLAIN };
        assert_eq!(null.reserve_special(one, None, far), Err(Refusal::NoNode));
        null.set_nodes(2);
        assert_eq!(null.reserve_special(one, None, far), Ok(()));
        assert_eq!(null.breach, None);
    }

    #[test]
    fn what_breaks_the_contract_is_remembered() {
        type Step = fn(&mut Null);
        let steps: [(&str, Step); 5] = [
            ("is not watched", |null| null.forget_written(pages(8, 8), pages(8, 1)).expect("a breach")),
            ("not plain memory", |null| null.yield_content(pages(0, 8), pages(0, 1)).expect("a breach")),
            ("is reserved as", |null| {
                let window = Traits { pages: PageKind::Window, ..Traits::PLAIN };
                null.reserve_special(pages(16, 1), Some(RW), window).expect("a breach");
            }),
            ("is protected", |null| {
                let large = Traits { pages: PageKind::Large, ..Traits::PLAIN };
                null.reserve_special(pages(512, 512), Some(RW), large).expect("free");
                null.protect(pages(512, 512), pages(512, 1), RW).expect("a breach");
            }),
            ("is decommitted", |null| {
                let large = Traits { pages: PageKind::Large, ..Traits::PLAIN };
                null.reserve_special(pages(512, 512), Some(RW), large).expect("free");
                null.decommit(pages(512, 512), pages(512, 512)).expect("a breach");
            }),
        ];
        for (what, step) in steps {
            let mut null = machine();
            step(&mut null);
            assert!(
                null.breach.as_ref().is_some_and(|said| said.contains(what)),
                "{what}: {:?}",
                null.breach
            );
        }
    }
}
