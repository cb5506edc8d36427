//! Content that may be dropped.

use std::collections::BTreeSet;

use pagewright_core::{Fate, Kind, PageRange, Recycle, Rights, Survival, Wiring};

use super::store::Name;
use super::{Model, Page, Refused, can_store};

impl Model {
    /// Lets content go, or takes it back (RS01 to RS18, PF13 to PF17). `said` is the answer
    /// of the subject, which alone knows whether anything was dropped.
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged.
    pub fn recycle(&mut self, request: &Recycle, said: Option<Survival>) -> Result<Survival, Refused> {
        let range = self.recyclable(request, said)?;
        match request.fate {
            Fate::Reset | Fate::Discard => {
                self.plain(range).into_iter().for_each(|name| self.store.fade(name));
                Ok(Survival::Intact)
            }
            Fate::Offer => {
                // What is locked is not any more (PF17).
                self.change(range, |page| page.wiring = Wiring::Pageable);
                self.plain(range).into_iter().for_each(|name| self.store.fade(name));
                self.change(range, |page| page.offered = true);
                Ok(Survival::Intact)
            }
            Fate::UndoReset => self.keep(range, false, said),
            Fate::Reclaim => {
                let survival = self.keep(range, true, said)?;
                self.change(range, |page| page.offered = false);
                Ok(survival)
            }
        }
    }

    /// The pages of a request that is in order: all in one allocation (RS03, RS04), and of
    /// what is offered, taken back or discarded all whole and with memory (PF13 to PF15).
    fn recyclable(&self, request: &Recycle, said: Option<Survival>) -> Result<PageRange, Refused> {
        let range = self.touched(request.at, request.size)?;
        let whole = range.start().get() == request.at && range.bytes() == request.size;
        let holder = self.holder(range.start().get());
        let one = holder.is_some_and(|index| self.allocations[index].range.covers(range));
        let mut reasons = Vec::new();
        reasons.extend((!one).then_some(Kind::NotReserved));
        match request.fate {
            Fate::Reset | Fate::UndoReset => {}
            Fate::Offer | Fate::Reclaim | Fate::Discard => {
                reasons.extend((!whole).then_some(Kind::Misaligned));
                let bare = self.each(range).take(1 << 20).any(|at| self.committed(at).is_none());
                reasons.extend(bare.then_some(Kind::NotCommitted));
            }
        }
        if request.fate == Fate::Discard {
            // PF14: pages that can be stored to. Whether a guarded one is, says no row.
            let odd = self.each_committed(range).any(|page| !page.lets(|p| p.rights.contains(Rights::WRITE)));
            let guarded = self.each_committed(range).any(|page| !page.lets(can_store));
            reasons.extend((odd || guarded && said.is_none()).then_some(Kind::BadProtection));
        }
        Refused::unless_empty(reasons).map(|()| range)
    }

    /// The bytes that more than one page shows.
    fn shared(&self) -> BTreeSet<Name> {
        let (mut once, mut shared) = (BTreeSet::new(), BTreeSet::new());
        for page in self.allocations.iter().flat_map(|allocation| allocation.pages.values()) {
            if !once.insert(page.bytes) {
                shared.insert(page.bytes);
            }
        }
        shared
    }

    fn change(&mut self, range: PageRange, change: impl Fn(&mut Page)) {
        for at in self.each(range) {
            self.committed_mut(at).into_iter().for_each(&change);
        }
    }

    /// Ends that offered content, or content in use, may be dropped.
    fn keep(&mut self, range: PageRange, offered: bool, said: Option<Survival>) -> Result<Survival, Refused> {
        let pages = self.each_committed(range).filter(|page| page.offered == offered);
        let names = pages.map(|page| page.bytes).filter(|name| self.store.is_fading(*name));
        let names: Vec<Name> = names.collect();
        let intact = said == Some(Survival::Intact);
        if said == Some(Survival::Lost) && names.is_empty() {
            return Err(Refused::because("nothing was to be dropped"));
        }
        names.into_iter().for_each(|name| self.store.keep(name, intact));
        Ok(said.unwrap_or(Survival::Intact))
    }

    /// The bytes of pages that nothing speaks against dropping: private, not wired (RS13),
    /// and not offered before.
    fn plain(&self, range: PageRange) -> Vec<Name> {
        let (pages, shared) = (self.each_committed(range), self.shared());
        let free = pages.filter(|page| page.wiring == Wiring::Pageable && !page.offered);
        free.map(|page| page.bytes).filter(|name| !shared.contains(name)).collect()
    }

    fn fading(&self, range: PageRange) -> Vec<Name> {
        let names = self.each_committed(range).map(|page| page.bytes);
        names.filter(|name| self.store.is_fading(*name)).collect()
    }

    /// Whether bytes of these pages may change by themselves.
    pub fn may_fade(&self, range: PageRange) -> bool {
        !self.fading(range).is_empty()
    }

    /// Bytes were loaded from `at` on: where there was a choice, this is it.
    pub fn learn(&mut self, at: u64, seen: &[u8]) {
        let mut done = 0;
        while done < seen.len() {
            let here = at + done as u64;
            let offset = (here - self.page_of(here)) as usize;
            let count = (self.geometry.page as usize - offset).min(seen.len() - done);
            if let Some(name) = self.committed(here).map(|page| page.bytes) {
                self.store.learn(name, offset, &seen[done..done + count]);
            }
            done += count;
        }
    }
}
