//! Letting the system have content that can be made again, and taking it back.
//!
//! ```text
//!   reset      the content may go; access stays            undo      it may not any more
//!   offer      the content may go; nobody has access       reclaim   it may not, and all is as before
//!   discard    the content is not wanted
//! ```
//!
//! State and protection of the pages stay what they are. Only the content of memory that
//! nobody else sees and nobody insists on may go: shared pages and snapshots, wired pages
//! (fact RS13) and watched ones (RS18) keep theirs, which every row permits.

use alloc::vec::Vec;

use crate::access::{Access, Offer, Protection, Slot, Wiring};
use crate::contract::{Machine, Refusal, Survival};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::region::{Form, Region};
use crate::space::{AddressSpace, Change, Done, Edit};
use crate::traits::Watch;

/// A request to let content go, or to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recycle {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant. Offers, reclaims and discards are of
    /// whole pages.
    pub size: u64,
    /// What becomes of the content.
    pub fate: Fate,
}

/// What becomes of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may be dropped, until it is stored to (`MEM_RESET`).
    Reset,
    /// It may not be dropped any more (`MEM_RESET_UNDO`).
    UndoReset,
    /// It may be dropped, and nobody can access it (`OfferVirtualMemory`).
    Offer,
    /// It may not be dropped any more, and can be accessed (`ReclaimVirtualMemory`).
    Reclaim,
    /// It is not wanted (`DiscardVirtualMemory`).
    Discard,
}

/// The part of an allocation that a request is about.
#[derive(Clone, Copy)]
struct Scope<'a> {
    whole: PageRange,
    range: PageRange,
    region: &'a Region,
}

impl AddressSpace {
    /// Lets content go, or takes it back; the answer is whether all of it is there
    /// (facts RS01 to RS18, PF13 to PF17).
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::ZeroSize`], [`Kind::BadAddress`], [`Kind::BadSize`]
    /// for the arguments, and [`Kind::Misaligned`] for what takes whole pages only;
    /// [`Kind::NotReserved`] unless all of it lies in one
    /// allocation of ours, [`Kind::Conflict`] for a view of a file, and for an offer or a
    /// reclaim of any view, whose bytes are not its alone; [`Kind::Fixed`] for large pages and windows. An offer, a reclaim and a discard also
    /// need memory: [`Kind::NotCommitted`]; and a discard private pages that can be
    /// stored to: [`Kind::BadProtection`].
    pub fn recycle<M: Machine>(&self, machine: &mut M, request: &Recycle) -> Result<Done<Survival>, Error> {
        let fail = |kind| Error::new(Verb::Recycle, kind, request.at, request.size);
        let scope = self.decode_recycle(request).map_err(fail)?;
        let done = match request.fate {
            Fate::Reset => Ok(self.reset(machine, scope)),
            Fate::UndoReset => self.undo_reset(machine, scope),
            Fate::Offer => self.offer(machine, scope),
            Fate::Reclaim => self.reclaim(machine, scope),
            Fate::Discard => self.discard(machine, scope),
        };
        done.map_err(fail)
    }

    fn decode_recycle(&self, request: &Recycle) -> Result<Scope<'_>, Kind> {
        let range = self.geometry.touched(request.at, request.size)?;
        let whole_pages = range.start().get() == request.at && range.bytes() == request.size;
        let (needs_pages, needs_memory) = match request.fate {
            Fate::Reset | Fate::UndoReset => (false, false),
            Fate::Offer | Fate::Reclaim | Fate::Discard => (true, true),
        };
        if needs_pages && !whole_pages {
            return Err(Kind::Misaligned);
        }
        let (whole, region) = self.region_at(range.start()).ok_or(Kind::NotReserved)?;
        if !whole.covers(range) {
            return Err(Kind::NotReserved);
        }
        if region.traits.pages.is_fixed() {
            return Err(Kind::Fixed);
        }
        if self.shows_file(region) || takes_access(request.fate) && is_view(region) {
            return Err(Kind::Conflict); // RS07
        }
        if needs_memory && region.committed_bytes(&self.geometry, range) < range.bytes() {
            return Err(Kind::NotCommitted);
        }
        Ok(Scope { whole, range, region })
    }

    fn reset<M: Machine>(&self, machine: &mut M, scope: Scope<'_>) -> Done<Survival> {
        for run in self.disposable(scope) {
            // What the machine cannot let go stays, and that is as good.
            let _ = machine.yield_content(scope.whole, run);
        }
        Done::unchanged(Survival::Intact)
    }

    fn undo_reset<M: Machine>(&self, machine: &mut M, scope: Scope<'_>) -> Result<Done<Survival>, Kind> {
        let mut survival = Survival::Intact;
        for run in self.offered_runs(scope, Offer::Kept) {
            survival = survival.and(machine.keep(scope.whole, run)?);
        }
        Ok(Done::unchanged(survival))
    }

    /// Nobody can access the pages any more, and then their content may go: in this
    /// order a call that fails has lost nothing.
    fn offer<M: Machine>(&self, machine: &mut M, scope: Scope<'_>) -> Result<Done<Survival>, Kind> {
        let range = scope.range;
        if self.has_wired(scope)
            && let Err(refusal) = machine.unwire(range)
        {
            let _ = self.rewire(machine, range);
            return Err(refusal.into());
        }
        for run in self.offered_runs(scope, Offer::Kept) {
            if let Err(refusal) = machine.protect(scope.whole, run, Access::empty()) {
                machine.resync(scope.whole, range, &self.truth(scope.region, range));
                let _ = self.rewire(machine, range);
                return Err(refusal.into());
            }
        }
        for run in self.yieldable(scope, |slot| slot.offer() == Offer::Kept && may_go(slot)) {
            let _ = machine.yield_content(scope.whole, run);
        }
        let changes = [Change::Wire(Wiring::Pageable), Change::Offer(Offer::Offered)];
        let edits = changes.map(|change| Edit::Pages { range, change });
        Ok(Done::new(Survival::Intact, Edit::Batch(edits.into())))
    }

    fn reclaim<M: Machine>(&self, machine: &mut M, scope: Scope<'_>) -> Result<Done<Survival>, Kind> {
        let range = scope.range;
        match self.take_back(machine, scope) {
            Ok(survival) => {
                let change = Change::Offer(Offer::Kept);
                Ok(Done::new(survival, Edit::Pages { range, change }))
            }
            Err(kind) => {
                machine.resync(scope.whole, range, &self.truth(scope.region, range));
                Err(kind)
            }
        }
    }

    /// Gives offered pages their access again, and says whether their content is there.
    fn take_back<M: Machine>(&self, machine: &mut M, scope: Scope<'_>) -> Result<Survival, Kind> {
        let mut survival = Survival::Intact;
        for (run, slot) in scope.region.runs(&self.geometry, scope.range) {
            let offered = slot.protection().filter(|_| slot.offer() == Offer::Offered);
            let Some(access) = offered.map(Protection::effective) else { continue };
            for (part, content) in self.contents_of(run) {
                // An object's bytes are not let go, and it may forbid stores.
                let needed = if content.is_none() { Access::READ | Access::WRITE } else { Access::empty() };
                survival = survival.and(regain(machine, (scope.whole, part), access, needed)?);
            }
        }
        Ok(survival)
    }

    /// The content is not wanted. What stays is as good as what goes.
    fn discard<M: Machine>(&self, machine: &mut M, scope: Scope<'_>) -> Result<Done<Survival>, Kind> {
        let suits = |slot: Slot| slot.access().is_some_and(|access| access.contains(Access::WRITE));
        let mut slots = scope.region.runs(&self.geometry, scope.range).map(|(_, slot)| slot);
        // Views of sections are not for this. Memory that was aliased or copied lazily is as
        // private to its program as before: its content stays.
        if is_view(scope.region) || !slots.all(suits) {
            return Err(Kind::BadProtection);
        }
        Ok(self.reset(machine, scope))
    }

    fn has_wired(&self, scope: Scope<'_>) -> bool {
        let mut slots = scope.region.runs(&self.geometry, scope.range).map(|(_, slot)| slot);
        slots.any(|slot| slot.wiring() == Wiring::Wired)
    }

    /// The runs of pages with memory that are offered, or that are not.
    fn offered_runs(&self, scope: Scope<'_>, offer: Offer) -> Vec<PageRange> {
        let runs = scope.region.runs(&self.geometry, scope.range);
        runs.filter(|(_, slot)| slot.is_committed() && slot.offer() == offer).map(|(run, _)| run).collect()
    }

    /// The runs whose content may be dropped while their program uses them.
    fn disposable(&self, scope: Scope<'_>) -> Vec<PageRange> {
        self.yieldable(scope, |slot| {
            slot.offer() == Offer::Kept && slot.wiring() == Wiring::Pageable && may_go(slot)
        })
    }

    /// The runs of pages with memory of their own that `suits` selects.
    fn yieldable(&self, scope: Scope<'_>, suits: impl Fn(Slot) -> bool) -> Vec<PageRange> {
        if scope.region.traits.watch == Watch::On {
            return Vec::new();
        }
        let runs = scope.region.runs(&self.geometry, scope.range);
        let committed = runs.filter(|(_, slot)| slot.is_committed() && suits(*slot)).map(|(run, _)| run);
        let contents = committed.flat_map(|run| self.contents_of(run));
        contents.filter(|(_, content)| content.is_none()).map(|(run, _)| run).collect()
    }

    /// The parts of `range` that are not offered: those whose access a verb may change.
    /// Offered pages stay inaccessible until they are reclaimed, whatever protection is
    /// recorded for them meanwhile (fact PF15).
    pub(super) fn in_use(&self, region: &Region, range: PageRange) -> Vec<PageRange> {
        let mut parts: Vec<PageRange> = Vec::new();
        for (run, slot) in region.runs(&self.geometry, range) {
            match slot.offer() {
                Offer::Offered => {}
                Offer::Kept => match parts.last_mut().filter(|last| last.end() == run.start()) {
                    Some(last) => {
                        *last = PageRange::between(last.start().get(), run.end().get()).unwrap_or(*last);
                    }
                    None => parts.push(run),
                },
            }
        }
        parts
    }
}

/// Gives pages their access again, and says whether their content is there. What lacks the
/// access that is needed to keep it has it for that moment.
fn regain<M: Machine>(
    machine: &mut M,
    (whole, range): (PageRange, PageRange),
    access: Access,
    needed: Access,
) -> Result<Survival, Refusal> {
    if access.now().contains(needed & Access::WRITE) {
        machine.protect(whole, range, access)?;
        return machine.keep(whole, range);
    }
    machine.protect(whole, range, needed)?;
    let survival = machine.keep(whole, range)?;
    machine.protect(whole, range, access)?;
    Ok(survival)
}

/// Whether it is a matter of who may access the pages, and not only of their content.
const fn takes_access(fate: Fate) -> bool {
    match fate {
        Fate::Offer | Fate::Reclaim => true,
        Fate::Reset | Fate::UndoReset | Fate::Discard => false,
    }
}

/// Whether content is of a kind that is ever let go: that which its program may store to.
fn may_go(slot: Slot) -> bool {
    slot.protection().is_some_and(|protection| protection.effective().now().contains(Access::WRITE))
}

/// Whether a region is a view of a section, which is not private to its program.
const fn is_view(region: &Region) -> bool {
    match region.form {
        Form::View(_) => true,
        Form::Memory | Form::Placeholder => false,
    }
}
