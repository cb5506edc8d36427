//! Aliases and copies, eagerly: an alias is the same name, a copy is bytes copied now.

use pagewright_core::{
    Action, Alias, Allocate, Consent, CopyRange, Guard, Kind, Onto, PageRange, Place, Protection, Rights,
    Traits,
};

use super::store::Name;
use super::{Allocation, Model, Page, Refused, Standing};
use crate::room::Room;

/// What is asked of every page of one side of a copy.
type Permits = fn(Protection) -> bool;

/// The source needs the right to read, whatever the processor would let through
/// (mach.md, C9 and C10).
fn can_be_read(protection: Protection) -> bool {
    protection.rights.contains(Rights::READ)
}

/// The target needs the right to write, and no more (C16, C18).
fn can_be_written(protection: Protection) -> bool {
    protection.rights.intersects(Rights::WRITE | Rights::COPY)
}

/// Where an alias goes, found to be right.
enum Landing {
    /// Into the reservation of this number.
    Into(usize, PageRange),
    /// Into a new one; the view is its end.
    New(PageRange, PageRange),
}

impl Model {
    /// Shows the pages of a source in a second place. `chosen` is where the subject says
    /// it did. Of several refusals no row says which comes first.
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged.
    pub fn alias(&mut self, request: &Alias, chosen: Option<PageRange>) -> Result<PageRange, Refused> {
        let mut reasons = Vec::new();
        reasons.extend(request.protection.rights.contains(Rights::COPY).then_some(Kind::BadProtection));
        let shown = collect(self.names(request), &mut reasons)?;
        let landing = self.landing(request, chosen);
        if self.shows_offered(request) {
            // Whether there is room elsewhere then is all the same.
            reasons.push(Kind::NoAccess);
            reasons.extend(landing.err().into_iter().flat_map(|refused| refused.any_of));
            return Err(Refused { any_of: reasons, why: "" });
        }
        let landing = collect(landing, &mut reasons)?;
        let (Some(shown), Some(landing), true) = (shown, landing, reasons.is_empty()) else {
            return Err(Refused { any_of: reasons, why: "" });
        };
        let (index, range) = match landing {
            Landing::Into(index, range) => (index, range),
            Landing::New(whole, range) => {
                self.allocations.push(Allocation::reserved(whole, request.protection, Traits::PLAIN));
                (self.allocations.len() - 1, range)
            }
        };
        let pages = self.each(range);
        let allocation = &mut self.allocations[index];
        let protection = allocation.recorded(request.protection);
        for (at, name) in pages.zip(shown) {
            self.store.watch(name);
            allocation.pages.insert(at, Page::new(protection, name));
        }
        Ok(range)
    }

    /// Whether a page of the source or of the target is offered: it shows its content to nobody,
    /// and stays so until it is reclaimed (PF15).
    fn shows_offered(&self, request: &Alias) -> bool {
        let onto = match request.onto {
            Onto::Reserved(at) => Some(at),
            Onto::View(_) | Onto::Fresh(_) => None,
        };
        [Some(request.source), onto].into_iter().flatten().any(|at| {
            let range = self.touched(at, request.size);
            range.is_ok_and(|range| self.each_committed(range).any(|page| page.offered))
        })
    }

    /// Whole pages: nothing is rounded (wince.md 3.1, row 9).
    fn whole_pages(&self, at: u64, size: u64) -> Result<PageRange, Refused> {
        let touched = self.touched(at, size)?;
        let whole = at == touched.start().get() && size == touched.bytes();
        if whole { Ok(touched) } else { Err(Refused::with(Kind::Misaligned)) }
    }

    /// What the pages of the source show. Every one must be committed (3.1, rows 5 and 11),
    /// its protection does not matter.
    fn names(&self, request: &Alias) -> Result<Vec<Name>, Refused> {
        let source = self.whole_pages(request.source, request.size)?;
        let mut names = Vec::new();
        for at in self.each(source) {
            match self.committed(at) {
                Some(page) => names.push(page.bytes),
                // Elsewhere there may be memory of others.
                None if self.knows(at) || request.consent == Consent::Foreign => {
                    return Err(Refused::with(Kind::NotCommitted));
                }
                None => {
                    return Err(Refused { any_of: vec![Kind::NotCommitted, Kind::NoConsent], why: "" });
                }
            }
        }
        Ok(names)
    }

    /// The target: pages of one reservation without memory (3.1, rows 1 to 3), or new.
    fn landing(&self, request: &Alias, chosen: Option<PageRange>) -> Result<Landing, Refused> {
        match request.onto {
            Onto::Reserved(at) => {
                let range = self.whole_pages(at, request.size)?;
                let holder = self.holder(at);
                let Some(index) = holder.filter(|index| self.allocations[*index].range.covers(range)) else {
                    return Err(Refused::with(Kind::NotReserved));
                };
                if self.allocations[index].standing == Standing::Placeholder {
                    return Err(Refused::with(Kind::Conflict));
                }
                if self.each_committed(range).next().is_some() {
                    return Err(Refused::with(Kind::TargetCommitted));
                }
                Ok(Landing::Into(index, range))
            }
            // The model has no views.
            Onto::View(_) => Err(Refused::with(Kind::Special)),
            Onto::Fresh(place) => self.fresh_landing(place, request, chosen),
        }
    }

    fn fresh_landing(
        &self,
        place: Place,
        request: &Alias,
        chosen: Option<PageRange>,
    ) -> Result<Landing, Refused> {
        let (size, protection) = (request.size, request.protection);
        let reserve = Allocate { place, size, action: Action::Reserve, protection, traits: Traits::PLAIN };
        match place {
            Place::Placeholder(_) => Err(Refused::with(Kind::BadFlags)),
            Place::At(at) => {
                let shown = self.whole_pages(at, size)?;
                let whole = self.judge_fixed(at, &reserve, chosen)?;
                Ok(Landing::New(whole, shown))
            }
            Place::Window(_) | Place::Near(_) => {
                let room = Room::of(&self.geometry, &reserve)?;
                let whole = self.judge_choice(&room, &reserve, chosen)?;
                Ok(Landing::New(whole, whole))
            }
        }
    }

    /// Copies bytes as if all were read before any is written (mach.md, section 8). `said` is
    /// how the subject refused, if it did.
    ///
    /// # Errors
    /// The refusals that are right; the model is unchanged, but for a guard that was met.
    pub fn copy(&mut self, request: &CopyRange, said: Option<Kind>) -> Result<u64, Refused> {
        let CopyRange { source, size, target } = *request;
        // Nothing else is looked at (C2).
        if size == 0 {
            return Ok(0);
        }
        // The whole source first (8.1), each side in ascending order (C12).
        self.permits(source, size, can_be_read, said)?;
        self.permits(target, size, can_be_written, said)?;
        let mut bytes = Vec::new();
        for (name, offset, count) in self.pieces(source, size) {
            self.store.watch(name);
            self.store.load(name, offset, count, &mut bytes);
        }
        let mut rest = &bytes[..];
        for (name, offset, count) in self.pieces(target, size) {
            self.store.store(name, offset, &rest[..count]);
            rest = &rest[count..];
            match source == target {
                // Whether bytes that are copied onto themselves are stored, says no row.
                true => self.doubt_store(name),
                false => self.note_store(name),
            }
        }
        Ok(size)
    }

    /// The first page of one side that forbids it is named. Whether that or a guard is met
    /// first, says no row; a guard that is met is gone (GP09).
    fn permits(&mut self, at: u64, size: u64, permits: Permits, said: Option<Kind>) -> Result<(), Refused> {
        let range = self.touched(at, size)?;
        let judge = |page: u64| match self.committed(page) {
            None => Some(Kind::NotCommitted),
            Some(page) if !page.lets(permits) => Some(Kind::NoAccess),
            Some(_) => None,
        };
        let mut reasons: Vec<Kind> = self.each(range).find_map(judge).into_iter().collect();
        let armed = |page: &Page| page.lets(|p| p.guard == Guard::Armed && !p.rights.is_empty());
        if let Some(guard) = self.each(range).find(|page| self.committed(*page).is_some_and(armed)) {
            reasons.push(Kind::GuardHit);
            if said == Some(Kind::GuardHit) {
                self.meet(guard);
            }
        }
        Refused::unless_empty(reasons)
    }

    /// The committed pages of a range: whose bytes, from where in the page, how many.
    fn pieces(&self, at: u64, size: u64) -> Vec<(Name, usize, usize)> {
        let mut pieces = Vec::new();
        let mut here = at;
        while here < at + size {
            let page = self.page_of(here);
            let stop = (page + self.geometry.page).min(at + size);
            let name = self.committed(here).map(|page| page.bytes);
            pieces.extend(name.map(|name| (name, (here - page) as usize, (stop - here) as usize)));
            here = stop;
        }
        pieces
    }
}

/// Adds the kinds of a refusal to the others; one that is none of them is final.
fn collect<T>(found: Result<T, Refused>, reasons: &mut Vec<Kind>) -> Result<Option<T>, Refused> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(refused) if refused.any_of.is_empty() && reasons.is_empty() => Err(refused),
        Err(refused) => {
            reasons.extend(refused.any_of);
            Ok(None)
        }
    }
}
