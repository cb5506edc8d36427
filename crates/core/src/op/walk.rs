//! What stands in a range, piece by piece: ours, others', or nothing.

use crate::access::{Access, Offer, Protection, Slot};
use crate::contract::{Backing, Machine, Standing};
use crate::error::Kind;
use crate::geometry::{PageRange, Va};
use crate::object::Promise;
use crate::space::AddressSpace;

/// A part of a range that is one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: PageRange,
    pub(super) what: What,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Nobody's, or promised without memory.
    Hole,
    /// Memory of ours: the allocation that it lies in, and the state of its pages.
    Ours(PageRange, Slot, Protection),
    /// Memory that others mapped.
    Others(Protection, Backing),
}

impl Piece {
    /// The protection now, if there is memory.
    pub(super) const fn protection(&self) -> Option<Protection> {
        match self.what {
            What::Hole => None,
            What::Ours(_, _, protection) | What::Others(protection, _) => Some(protection),
        }
    }

    /// Whether nobody can access it until it is reclaimed.
    pub(super) fn is_offered(&self) -> bool {
        match self.what {
            What::Ours(_, slot, _) => slot.offer() == Offer::Offered,
            What::Hole | What::Others(..) => false,
        }
    }

    /// What the machine enforces, if there is memory: offered pages let nothing through,
    /// whatever their protection.
    pub(super) fn access(&self) -> Option<Access> {
        match self.what {
            What::Hole => None,
            What::Ours(_, slot, _) => slot.access(),
            What::Others(protection, _) => Some(protection.effective()),
        }
    }
}

impl AddressSpace {
    /// Visits `range` in ascending order, until the visitor refuses.
    pub(super) fn walk<M: Machine>(
        &self,
        machine: &M,
        range: PageRange,
        visit: &mut dyn FnMut(Piece) -> Result<(), Kind>,
    ) -> Result<(), Kind> {
        let mut at = range.start();
        while let Some(rest) = PageRange::between(at.get(), range.end().get()) {
            at = match self.region_at(at) {
                Some((whole, region)) => {
                    let part = whole.intersection(rest).unwrap_or(rest);
                    for (run, slot) in region.runs(&self.geometry, part) {
                        let ours = |protection| What::Ours(whole, slot, protection);
                        visit(Piece { range: run, what: slot.protection().map_or(What::Hole, ours) })?;
                    }
                    part.end()
                }
                None => self.walk_outside(machine, rest, visit)?,
            };
        }
        Ok(())
    }

    /// Visits what stands at the start of `rest`, where no region of ours is, and answers
    /// where it ends.
    fn walk_outside<M: Machine>(
        &self,
        machine: &M,
        rest: PageRange,
        visit: &mut dyn FnMut(Piece) -> Result<(), Kind>,
    ) -> Result<Va, Kind> {
        let run = machine.foreign(rest.start())?;
        let end = self.foreign_end(rest.start(), &run).min(rest.end().get());
        let range = PageRange::between(rest.start().get(), end).ok_or(Kind::NotCommitted)?;
        let what = match run.standing {
            Standing::Free => What::Hole,
            Standing::Mapped { protection, backing, .. } => What::Others(protection, backing),
        };
        visit(Piece { range, what })?;
        Ok(range.end())
    }

    /// Whether pages can get other access, other content or other wiring one by one: not
    /// those of large pages and windows, and not those that are offered.
    pub(super) fn malleable(&self, range: PageRange) -> Result<(), Kind> {
        for (whole, part) in self.ours_in(range) {
            let Some((_, region)) = self.region_at(whole.start()) else { continue };
            if region.traits.pages.is_fixed() {
                return Err(Kind::Fixed);
            }
            let mut slots = region.runs(&self.geometry, part).map(|(_, slot)| slot);
            if slots.any(|slot| slot.offer() == Offer::Offered) {
                return Err(Kind::NoAccess);
            }
        }
        Ok(())
    }

    /// Whether the memory of `range` is charged before it is used, when it lives in one
    /// object: unless none of it is.
    pub(super) fn promise_over(&self, range: PageRange) -> Promise {
        let mut left = range.bytes();
        for (whole, part) in self.ours_in(range) {
            let region = self.region_at(whole.start());
            if region.is_none_or(|(_, region)| region.promise == Promise::Full) {
                return Promise::Full;
            }
            left -= part.bytes();
        }
        if left == 0 { Promise::OnWrite } else { Promise::Full }
    }

    /// The parts of `range` that regions of ours cover, each with its region, ascending.
    pub(crate) fn ours_in(&self, range: PageRange) -> impl Iterator<Item = (PageRange, PageRange)> + '_ {
        self.regions.iter_from(range.start().get()).map_while(move |entry| {
            let whole = PageRange::between(entry.start, entry.end)?;
            Some((whole, whole.intersection(range)?))
        })
    }
}
