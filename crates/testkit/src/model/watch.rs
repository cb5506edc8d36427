//! Write watch: which pages were stored to.

use pagewright_core::{After, Kind, Mark, PageRange, Protection, Stores, Watch, Written};

use super::store::Name;
use super::{Allocation, Model, Refused};

/// How sure it is that a page counts as stored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    /// No row decides; the subject may say so or not.
    Perhaps,
    /// It does.
    Certain,
}

impl Allocation {
    pub(super) fn is_watched(&self) -> bool {
        self.traits.watch == Watch::On
    }

    /// A change of protection latches what is known of stores (WW17), and changes nothing else
    /// of it (WW12, WW13).
    pub(super) fn protect(&mut self, at: u64, protection: Protection) {
        if let Some(page) = self.pages.get_mut(&at) {
            page.protection = protection;
            if page.stored {
                self.latched.insert(at, Sure::Certain);
            }
        }
    }

    /// How sure it is that the page at `at` counts as stored to; `None`: it does not.
    fn stored(&self, at: u64) -> Option<Sure> {
        let known = self.pages.get(&at).filter(|page| page.stored).map(|_| Sure::Certain);
        known.max(self.latched.get(&at).copied())
    }

    fn forget(&mut self, at: u64) {
        self.latched.remove(&at);
        self.pages.entry(at).and_modify(|page| page.stored = false);
    }
}

impl Model {
    /// A store to these bytes is seen in every watched page that shows them.
    pub(super) fn note_store(&mut self, name: Name) {
        for allocation in self.allocations.iter_mut().filter(|allocation| allocation.is_watched()) {
            allocation.pages.values_mut().for_each(|page| page.stored |= page.bytes == name);
        }
    }

    /// There may have been a store to these bytes.
    pub(super) fn doubt_store(&mut self, name: Name) {
        for allocation in self.allocations.iter_mut().filter(|allocation| allocation.is_watched()) {
            let pages = allocation.pages.iter().filter(|(_, page)| page.bytes == name);
            let doubtful: Vec<u64> = pages.map(|(at, _)| *at).collect();
            for at in doubtful {
                allocation.latched.entry(at).or_insert(Sure::Perhaps);
            }
        }
    }

    /// The watched allocation that holds all of a range (WW34 to WW37).
    fn watched_range(&self, at: u64, size: u64) -> Result<(usize, PageRange), Refused> {
        let range = self.touched(at, size)?;
        let holder = self.holder(range.start().get()).filter(|index| {
            let allocation = &self.allocations[*index];
            allocation.range.covers(range) && allocation.is_watched()
        });
        holder.map(|index| (index, range)).ok_or(Refused::with(Kind::NotWatched))
    }

    /// The pages that were stored to (WW04 to WW19). `said` is what the subject says: right
    /// if it has all that are certain, up to the limit, and none that cannot be.
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged.
    pub fn written(
        &mut self,
        request: &Written,
        said: Option<&[PageRange]>,
    ) -> Result<Vec<PageRange>, Refused> {
        let (index, range) = self.watched_range(request.at, request.size)?;
        let allocation = &self.allocations[index];
        let known = |at: &u64| Some((*at, allocation.stored(*at)?));
        let pages: Vec<(u64, Sure)> = self.each(range).filter_map(|at| known(&at)).collect();
        let named: Vec<u64> = said.unwrap_or(&[]).iter().flat_map(|run| self.each(*run)).collect();
        let full = named.len() as u64 >= request.limit;
        // Up to the last that is named, or to the end if there was room for more.
        let last = if full { named.last().copied() } else { Some(u64::MAX) };
        let judged = |at: u64| last.is_some_and(|last| at <= last);
        let expected =
            pages.iter().filter(|(at, sure)| named.contains(at) || (*sure == Sure::Certain && judged(*at)));
        let expected: Vec<u64> = expected.map(|(at, _)| *at).take(request.limit as usize).collect();
        if expected == named && request.after == After::Forget {
            named.iter().for_each(|at| self.allocations[index].forget(*at));
        }
        if expected == named && request.after == After::Keep {
            // Whatever it was, it is known now.
            for (at, _) in pages.iter().filter(|(at, _)| judged(*at) && !named.contains(at)) {
                self.allocations[index].latched.remove(at);
            }
        }
        // Which pages counts, not how they are put together.
        Ok(said.filter(|_| expected == named).map_or_else(|| self.joined(&expected), <[_]>::to_vec))
    }

    fn joined(&self, pages: &[u64]) -> Vec<PageRange> {
        let size = self.geometry.page;
        let runs = pages.chunk_by(|low, high| low + size == *high);
        runs.filter_map(|run| PageRange::between(run[0], run[run.len() - 1] + size)).collect()
    }

    /// Notes stores that nobody saw, or forgets all (WW06, WW09).
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged.
    pub fn mark(&mut self, request: &Mark) -> Result<(), Refused> {
        let (index, range) = self.watched_range(request.at, request.size)?;
        for at in self.each(range) {
            let allocation = &mut self.allocations[index];
            match request.stores {
                Stores::Note if allocation.pages.contains_key(&at) => {
                    // What a device wrote was a store: a decommit ends it, or does not.
                    allocation.pages.entry(at).and_modify(|page| page.stored = true);
                    allocation.latched.entry(at).or_insert(Sure::Perhaps);
                }
                Stores::Note => {}
                Stores::Forget => allocation.forget(at),
            }
        }
        Ok(())
    }
}
