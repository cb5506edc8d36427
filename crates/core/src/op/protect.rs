//! Changing protection, all or nothing.

use crate::access::{Guard, Latch, Protection, Rights};
use crate::contract::{Backing, Machine, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{PageRange, Va};
use crate::op::written::latching;
use crate::region::{Form, Region};
use crate::space::{AddressSpace, Change, Done, Edit};

/// A request for another protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protect {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched changes.
    pub size: u64,
    /// What for.
    pub protection: Protection,
}

impl AddressSpace {
    /// Gives every page of the range a protection; the answer is the one that the
    /// first page had (facts VP02 to VP13). Memory that others mapped is taken as
    /// well; there the whole range must be mapped, and guards cannot be set.
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::ZeroSize`], [`Kind::BadAddress`],
    /// [`Kind::BadSize`], [`Kind::BadProtection`] for the arguments;
    /// [`Kind::NotCommitted`], [`Kind::SpansAllocations`], [`Kind::Fixed`], [`Kind::AboveCeiling`] for
    /// what is there;
    /// [`Kind::MapBudget`], [`Kind::OutOfMemory`], [`Kind::AccessDenied`] when the
    /// kernel refuses.
    pub fn protect<M: Machine>(&self, machine: &mut M, request: &Protect) -> Result<Done<Protection>, Error> {
        let fail = |kind| Error::new(Verb::Protect, kind, request.at, request.size);
        let range = self.geometry.touched(request.at, request.size).map_err(|e| fail(e.into()))?;
        let done = match self.region_at(range.start()) {
            Some((whole, region)) => self.protect_own(machine, whole, range, region, request),
            None => self.protect_foreign(machine, range, request),
        };
        done.map_err(fail)
    }

    fn protect_own<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        range: PageRange,
        region: &Region,
        request: &Protect,
    ) -> Result<Done<Protection>, Kind> {
        if let Form::View(_) = region.form {
            let range = if whole.covers(range) { range } else { return Err(Kind::SpansAllocations) };
            let (old, edits) = self.protect_view(machine, whole, range, region, request.protection)?;
            return Ok(Done::new(old, Edit::Batch(edits)));
        }
        if request.protection.rights.contains(Rights::COPY) {
            return Err(Kind::BadProtection);
        }
        if !whole.covers(range) {
            return Err(Kind::SpansAllocations);
        }
        if region.traits.pages.is_fixed() {
            return Err(Kind::Fixed);
        }
        let mut first = None;
        for (_, slot) in region.runs(&self.geometry, range) {
            let current = slot.protection().ok_or(Kind::NotCommitted)?;
            first = first.or(Some(current));
        }
        self.permit(region, range, request.protection.rights)?;
        let old = first.ok_or(Kind::NotCommitted)?;
        let protection = region.protection_of(request.protection);
        let stored = self.stored_before(machine, (whole, region), range)?;
        let access = protection.effective();
        let mut parts = self.in_use(region, range).into_iter();
        match parts.try_for_each(|part| machine.protect(whole, part, access)) {
            Ok(()) => {
                let change = Change::Protect(protection);
                Ok(Done::new(old, latching(Edit::Pages { range, change }, stored, Latch::Set)))
            }
            Err(refusal) => {
                machine.resync(whole, range, &self.truth(region, range));
                Err(refusal.into())
            }
        }
    }

    /// Whether the pages of `range` that have memory may ever be given these rights.
    pub(super) fn permit(&self, region: &Region, range: PageRange, rights: Rights) -> Result<(), Kind> {
        let mut slots = region.runs(&self.geometry, range).map(|(_, slot)| slot);
        let permitted = slots.all(|slot| slot.attributes().maximum.contains(rights))
            && (self.contents.is_private(range) || self.ceiling_of(range).contains(rights));
        if permitted { Ok(()) } else { Err(Kind::AboveCeiling) }
    }

    fn protect_foreign<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        request: &Protect,
    ) -> Result<Done<Protection>, Kind> {
        let mut at = range.start();
        let mut old = None;
        while at < range.end() {
            // A range that begins with others' memory must not reach into ours.
            if self.region_at(at).is_some() {
                return Err(Kind::SpansAllocations);
            }
            let run = machine.foreign(at)?;
            let Standing::Mapped { protection, backing, .. } = run.standing else {
                // Free memory at the start is an address in no allocation (VP16),
                // further on a hole in the range (VP21): the same code.
                return Err(Kind::SpansAllocations);
            };
            if !foreign_can_be(backing, request.protection) {
                return Err(Kind::BadProtection);
            }
            let end = self.foreign_end(at, &run);
            old = old.or_else(|| {
                let run = PageRange::between(at.get(), end)?;
                Some(self.image_as_stored(machine, run, protection, backing).0)
            });
            at = Va::new(end);
        }
        let old = old.ok_or(Kind::SpansAllocations)?;
        machine.protect_foreign(range, request.protection.effective())?;
        Ok(Done::unchanged(old))
    }
}

/// Whether memory that others mapped can have a protection: we keep no state of
/// it, so no guards, and copy-on-write only where the mapping is one.
fn foreign_can_be(backing: Backing, protection: Protection) -> bool {
    let copies = match backing {
        Backing::Image => true,
        Backing::Private | Backing::View => false,
    };
    protection.guard == Guard::Clear && (copies || !protection.rights.contains(Rights::COPY))
}
