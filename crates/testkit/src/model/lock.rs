//! Wiring: no counts, a probe that loads from every page, and a quota.

use pagewright_core::{Guard, Kind, Lock, PageRange, Wiring};

use super::watch::Sure;
use super::{Model, Refused, can_load};

impl Model {
    /// Wires or lets go. `said` is how the subject refused, if it did.
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged, but for a guard that
    /// was met.
    pub fn lock(&mut self, request: &Lock, said: Option<Kind>) -> Result<PageRange, Refused> {
        let range = self.touched(request.at, request.size)?;
        match request.wiring {
            Wiring::Wired => {
                self.probe(request, range, said)?;
                self.each(range).for_each(|page| self.note_wiring(page));
            }
            // All of them, or none (VL11 to VL13).
            Wiring::Pageable => {
                let wired = |page| self.committed(page).is_some_and(|p| p.wiring == Wiring::Wired);
                if !self.each(range).all(wired) {
                    return Err(Refused::with(Kind::NotLocked));
                }
            }
        }
        // There is no count (VL09, VL10).
        for page in self.each(range) {
            if let Some(page) = self.committed_mut(page) {
                page.wiring = request.wiring;
            }
        }
        Ok(range)
    }

    /// A lock loads from every page (VL02 to VL06); a guard that is met is gone
    /// (GP06). Of a guard, an inaccessible page behind it, and a quota that is too small, no
    /// row says which is met.
    fn probe(&mut self, request: &Lock, range: PageRange, said: Option<Kind>) -> Result<(), Refused> {
        let mut guard = None;
        let mut bad = false;
        for at in self.each(range) {
            match self.committed(at) {
                Some(page) if page.lets(|p| p.guard == Guard::Armed) => guard = guard.or(Some(at)),
                Some(page) => bad = !page.lets(can_load),
                None => bad = true,
            }
            if bad {
                break;
            }
        }
        let mut reasons = Vec::new();
        reasons.extend(guard.map(|_| Kind::GuardHit));
        reasons.extend(bad.then_some(Kind::NoAccess));
        let over = request.quota.is_some_and(|quota| self.wired_after(range) > quota);
        reasons.extend(over.then_some(Kind::LockQuota));
        if said == Some(Kind::GuardHit)
            && let Some(page) = guard.and_then(|at| self.committed_mut(at))
        {
            page.protection.guard = Guard::Clear;
        }
        Refused::unless_empty(reasons)
    }

    /// Bytes that are wired once those of `range` are: each page once (VL17, VL19).
    fn wired_after(&self, range: PageRange) -> u64 {
        let pages = self.allocations.iter().flat_map(|allocation| &allocation.pages);
        let within = range.start().get()..range.end().get();
        let others = pages.filter(|(at, page)| page.wiring == Wiring::Wired && !within.contains(at));
        others.count() as u64 * self.geometry.page + range.bytes()
    }

    /// A page that is brought in counts as stored to (GP15). Of one that was in already, no
    /// row tells.
    fn note_wiring(&mut self, at: u64) {
        let Some(index) = self.holder(at).filter(|index| self.allocations[*index].is_watched()) else {
            return;
        };
        let allocation = &mut self.allocations[index];
        if let Some(page) = allocation.pages.get_mut(&at) {
            page.stored |= page.wiring == Wiring::Pageable;
            allocation.latched.entry(at).or_insert(Sure::Perhaps);
        }
    }
}
