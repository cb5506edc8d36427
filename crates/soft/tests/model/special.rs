//! Steps about stores that are noted, content that may go, and frames that are set aside.

use pagewright_core::{After, Machine, PageKind, PageRange, Refusal, Survival, Traits, Watch};

use super::Pair;
use super::naive::{Bytes, Naive, Shows};

impl Pair {
    pub(super) fn reserve_special(&mut self) {
        let (pages, access) = (self.some_pages(), self.some_access());
        let kind = [PageKind::Ordinary, PageKind::Window, PageKind::Large][self.random.below(3) as usize];
        let access = Some(access).filter(|_| kind != PageKind::Window);
        let watch = if kind == PageKind::Large { Watch::Off } else { Watch::On };
        let traits = Traits { watch, pages: kind, node: None };
        let told = self.mmu.reserve_special(self.range(&pages), access, traits);
        let free = self.model.pages.range(pages.clone()).next().is_none();
        if Self::expect(told, free, Refusal::Occupied) {
            let backed = kind == PageKind::Large;
            let fresh = Naive { watched: watch == Watch::On, backed, ..self.model.fresh(access) };
            self.model.pages.extend(pages.map(|page| (page, fresh.clone())));
        }
    }

    /// Some of the pages that were stored to, and perhaps they are forgotten.
    pub(super) fn written(&mut self) {
        let pages = self.some_pages();
        let (limit, range) = (self.random.below(6), self.range(&pages));
        let after = if self.random.below(3) == 0 { After::Keep } else { After::Forget };
        let mut runs = Vec::new();
        let told = self.mmu.written(range, range, limit, after, &mut |run| runs.push(run));
        if !Self::expect(told, self.all(&pages, |page| page.watched), Refusal::Denied) {
            return;
        }
        let stored = self.model.pages.range(pages).filter(|(_, page)| page.stored);
        let stored: Vec<u64> = stored.map(|(number, _)| *number).take(limit as usize).collect();
        assert_eq!(self.numbers(&runs), stored);
        if after == After::Forget {
            for number in stored {
                self.model.each(number..number + 1, |page| page.stored = false);
            }
        }
        if self.random.below(4) == 0 {
            let pages = self.some_pages();
            let range = self.range(&pages);
            let told = self.mmu.forget_written(range, range);
            if Self::expect(told, self.all(&pages, |page| page.watched), Refusal::Denied) {
                self.model.each(pages, |page| page.stored = false);
            }
        }
    }

    fn numbers(&self, runs: &[PageRange]) -> Vec<u64> {
        assert!(runs.windows(2).all(|pair| pair[0].end() < pair[1].start()), "ascending and joined");
        runs.iter().flat_map(|run| run.start().get() / self.page..run.end().get() / self.page).collect()
    }

    pub(super) fn yield_content(&mut self) {
        let pages = self.some_pages();
        let range = self.range(&pages);
        // Wired pages are not to be yielded, and this model knows of none.
        let plain = |page: &Naive| {
            let own = matches!(page.shows, Shows::Own(_));
            page.access.is_none() || (own && !page.watched && !page.backed && page.bytes != Bytes::Dropped)
        };
        if !self.all(&pages, plain) {
            return;
        }
        self.mmu.unwire(range).expect("letting go cannot fail");
        let told = self.mmu.yield_content(range, range);
        if Self::expect(told, self.all(&pages, |page| page.access.is_some()), Refusal::Unmapped) {
            self.model.each(pages, |page| page.bytes = Bytes::Yielded);
        }
    }

    pub(super) fn keep(&mut self) {
        let pages = self.some_pages();
        let range = self.range(&pages);
        let told = self.mmu.keep(range, range);
        if !self.all(&pages, |_| true) {
            return assert_eq!(told, Err(Refusal::Unmapped));
        }
        let has = |bytes| self.model.pages.range(pages.clone()).any(|(_, page)| page.bytes == bytes);
        match (has(Bytes::Dropped), has(Bytes::Perhaps)) {
            (true, _) => assert_eq!(told, Ok(Survival::Lost)),
            (false, true) => assert!(told.is_ok()),
            (false, false) => assert_eq!(told, Ok(Survival::Intact)),
        }
        self.model.each(pages, |page| page.bytes = Bytes::Kept);
    }

    /// Yielded bytes are zeros now.
    pub(super) fn drop_yielded(&mut self) {
        let before = self.mmu.frames_used();
        let freed = self.mmu.drop_yielded();
        assert_eq!(self.mmu.frames_used(), before - freed);
        assert_eq!(self.mmu.drop_yielded(), 0, "nothing is left");
        let zeros = self.model.zeros();
        for page in self.model.pages.values_mut().filter(|page| page.bytes == Bytes::Yielded) {
            let Shows::Own(bytes) = &mut page.shows else { panic!("only private pages are yielded") };
            page.bytes = if *bytes == zeros { Bytes::Perhaps } else { Bytes::Dropped };
            bytes.clone_from(&zeros);
        }
    }

    /// All stores, seen in both.
    pub(super) fn compare_stores(&mut self) {
        let watched: Vec<u64> =
            self.model.pages.iter().filter(|(_, page)| page.watched).map(|(number, _)| *number).collect();
        for number in watched {
            let range = self.range(&(number..number + 1));
            let mut runs = Vec::new();
            self.mmu.written(range, range, 1, After::Keep, &mut |run| runs.push(run)).expect("watched");
            assert_eq!(runs.len(), usize::from(self.model.pages[&number].stored), "page {number}");
        }
    }
}
