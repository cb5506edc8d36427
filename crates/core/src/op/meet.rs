//! Meeting a guard: the one-shot alarm goes off.
//!
//! ```text
//!   a call of ours        the verb below, or another one that found the guard: it changes the
//!                         truth like any other, fails, and works when it is made again
//!   an access             where a machine tells of it: the verb again
//!   a fault of our own    `trip`, in the signal handler: no lock, no memory, no edit
//! ```

use alloc::vec;
use alloc::vec::Vec;

use crate::access::{Access, Guard, Offer, Protection, Slot};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::{Geometry, PageRange};
use crate::guards::Met;
use crate::pages::Found;
use crate::region::{Region, pages_of};
use crate::space::{AddressSpace, Change, Done, Edit};
use crate::traits::Watch;

/// What an access met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// An armed guard, which is gone now; what the page permits from here on.
    Guard(Protection),
    /// None: nothing of ours, or a page without an armed guard.
    Nothing,
}

/// What a fault met, and what the machine has to let through from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tripped {
    /// An armed guard: this fault has disarmed it, and no other will be told so.
    Guard(Opening),
    /// A guard that another access has disarmed, perhaps a moment ago.
    Late(Opening),
    /// A page of ours with memory and without a guard.
    Plain(Opening),
    /// Nothing of ours, or no memory.
    Nothing,
}

/// A page that has no armed guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The page.
    pub page: PageRange,
    /// What it permits.
    pub protection: Protection,
    /// What it lets through.
    pub access: Access,
    /// Whether stores to it are watched.
    pub watch: Watch,
}

impl AddressSpace {
    /// Disarms the guard of the page at `at`, if there is one (facts GP02 to GP05).
    ///
    /// # Errors
    /// Nothing has changed: the machine refused.
    pub fn meet<M: Machine>(&self, machine: &mut M, at: u64) -> Result<Done<Meeting>, Error> {
        let Some((page, protection)) = self.armed_at(at) else {
            return Ok(Done::unchanged(Meeting::Nothing));
        };
        let fail = |kind| Error::new(Verb::Read, kind, at, 1);
        let (plain, edit) = self.disarm(machine, page, protection).map_err(fail)?;
        Ok(Done::new(Meeting::Guard(plain), edit))
    }

    /// Whether the guard of the page at `at` is armed. Takes no lock and no memory.
    pub fn is_armed(&self, at: u64) -> bool {
        self.armed_at(at).is_some()
    }

    /// Has the machine enforce the armed guards of a range anew, from the truth: a machine may
    /// stand in the way of what passes over protections until it has. Answers whether there
    /// are any.
    pub fn rederive_armed<M: Machine>(&self, machine: &mut M, at: u64, size: u64) -> bool {
        let Ok(range) = self.geometry.touched(at, size) else { return false };
        let mut any = false;
        for (whole, part) in self.ours_in(range) {
            let Some((_, region)) = self.region_at(whole.start()) else { continue };
            let armed = |slot: &Slot| slot.access().is_some_and(|access| access.contains(Access::GUARD));
            for (run, _) in region.runs(&self.geometry, part).filter(|(_, slot)| armed(slot)) {
                machine.resync(whole, run, &self.truth(region, run));
                any = true;
            }
        }
        any
    }

    /// The page at `at` and its protection, if its guard is armed.
    pub(super) fn armed_at(&self, at: u64) -> Option<(PageRange, Protection)> {
        let (page, region) = self.page_at(at)?;
        let slot = region.pages.slot(self.geometry.page_number(page.start().get()));
        let armed = slot.access().is_some_and(|access| access.contains(Access::GUARD));
        Some((page, slot.protection().filter(|_| armed)?))
    }

    fn page_at(&self, at: u64) -> Option<(PageRange, &Region)> {
        let page = self.geometry.page_at(at).ok()?;
        let (_, region) = self.region_at(page.start())?;
        Some((page, region))
    }

    /// Disarms the guards of `range`, pages of one region and one protection. Answers the
    /// protection that is left, and the edit.
    pub(super) fn disarm<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        protection: Protection,
    ) -> Result<(Protection, Edit), Kind> {
        let plain = Protection { guard: Guard::Clear, ..protection };
        let (whole, region) = self.region_at(range.start()).ok_or(Kind::NotCommitted)?;
        if let Err(refusal) = machine.protect(whole, range, plain.effective()) {
            machine.resync(whole, range, &self.truth(region, range));
            return Err(refusal.into());
        }
        Ok((plain, Edit::Pages { range, change: Change::Protect(plain) }))
    }

    /// Meets the guard at `at` without a change of this truth: the page counts as disarmed in
    /// every copy of it from now on. Takes no lock and no memory, so it may run in a signal
    /// handler; only guards that were armed by an edit that went through [`Done::armed`] can
    /// be met like this. The caller opens the page.
    pub fn trip(&self, at: u64) -> Tripped {
        let Some((page, region)) = self.page_at(at) else { return Tripped::Nothing };
        let number = self.geometry.page_number(page.start().get());
        let opening = |slot: Slot| {
            let (protection, access) = (slot.protection()?, slot.access()?);
            Some(Opening { page, protection, access, watch: region.traits.watch })
        };
        let as_found = |found: Found| match found {
            Found::Guard(slot) => opening(slot).map(Tripped::Guard),
            Found::Met(slot) => opening(slot).map(Tripped::Late),
            Found::Plain(slot) => opening(slot).map(Tripped::Plain),
        };
        // An offered page lets nothing through, and so nobody to its guard.
        let slot = region.pages.slot(number);
        let found =
            if slot.offer() == Offer::Offered { Found::Plain(slot) } else { region.pages.trip(number) };
        as_found(found).unwrap_or(Tripped::Nothing)
    }
}

impl<T> Done<T> {
    /// The same change, with bits for the guards that it arms: for an owner whose faults
    /// disarm guards by [`AddressSpace::trip`].
    pub fn armed(mut self, geometry: &Geometry) -> Self {
        self.arm(geometry);
        self
    }

    /// The same, in place.
    #[inline]
    pub fn arm(&mut self, geometry: &Geometry) {
        if may_arm(&self.edit) {
            self.edit.arm(geometry);
        }
    }
}

impl Edit {
    /// Adds bits for the guards that it arms.
    fn arm(&mut self, geometry: &Geometry) {
        let mut armed = Vec::new();
        each_armed(self, &mut |range| armed.push(range));
        if armed.is_empty() {
            return;
        }
        let arm = |range: PageRange| {
            let (first, end) = pages_of(geometry, range);
            Edit::Arm { range, met: Met::none(first, end) }
        };
        let mut edits = vec![core::mem::replace(self, Self::None)];
        edits.extend(armed.into_iter().map(arm));
        *self = Self::Batch(edits);
    }
}

/// Whether it is worth to look closer at what an edit arms: of one change of pages, the most
/// frequent edit, it can be told at once.
#[inline]
fn may_arm(edit: &Edit) -> bool {
    match edit {
        Edit::None => false,
        Edit::Pages { change, .. } => is_armed(change.protection()),
        Edit::Batch(_)
        | Edit::Insert { .. }
        | Edit::Object { .. }
        | Edit::Reach { .. }
        | Edit::Show { .. }
        | Edit::Form { .. }
        | Edit::Ground { .. }
        | Edit::Section { .. }
        | Edit::Wires { .. }
        | Edit::Frames(_)
        | Edit::Arm { .. }
        | Edit::Remove { .. } => true,
    }
}

fn is_armed(protection: Option<Protection>) -> bool {
    protection.is_some_and(|protection| protection.guard == Guard::Armed)
}

/// Visits the ranges that an edit arms.
fn each_armed(edit: &Edit, visit: &mut dyn FnMut(PageRange)) {
    let (range, protection) = match *edit {
        Edit::Batch(ref edits) => return edits.iter().for_each(|edit| each_armed(edit, visit)),
        Edit::Insert { range, committed, .. } => (range, committed),
        Edit::Pages { range, change } => (range, change.protection()),
        Edit::None
        | Edit::Object { .. }
        | Edit::Reach { .. }
        | Edit::Show { .. }
        | Edit::Form { .. }
        | Edit::Ground { .. }
        | Edit::Section { .. }
        | Edit::Wires { .. }
        | Edit::Frames(_)
        | Edit::Arm { .. }
        | Edit::Remove { .. } => return,
    };
    if is_armed(protection) {
        visit(range);
    }
}

impl Change {
    /// The protection that it gives.
    const fn protection(&self) -> Option<Protection> {
        match *self {
            Self::Commit { protection, .. } | Self::Protect(protection) => Some(protection),
            Self::Decommit { .. } | Self::Wire(_) | Self::Attribute(_) | Self::Latch(_) | Self::Offer(_) => {
                None
            }
        }
    }
}
