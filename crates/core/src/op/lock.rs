//! Wiring pages into memory, and letting them go.

use alloc::vec::Vec;

use crate::access::{Access, Guard, Latch, Protection, Wiring};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::{Geometry, PageRange};
use crate::op::walk::{Piece, What};
use crate::op::written::latching;
use crate::region::Region;
use crate::space::{AddressSpace, Change, Done, Edit};

/// A request to wire a range, or to let it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
    /// Which of the two.
    pub wiring: Wiring,
    /// How many bytes may be wired here altogether afterwards, counting each wired page once;
    /// `None`: as many as the machine permits. Beyond that: [`Kind::LockQuota`].
    pub quota: Option<u64>,
}

impl AddressSpace {
    /// Wires pages into memory, or lets them go. There is no count: locked twice
    /// is unlocked once (facts VL09, VL10). The answer is the range, rounded out.
    ///
    /// # Errors
    /// Nothing has changed, but for [`Kind::GuardHit`], which has disarmed the
    /// guards that were met first (GP06). [`Kind::ZeroSize`],
    /// [`Kind::BadAddress`], [`Kind::BadSize`] for the arguments;
    /// [`Kind::NoAccess`] when a page has no memory or may not be read,
    /// [`Kind::NotLocked`], [`Kind::LockQuota`].
    pub fn lock<M: Machine>(
        &self,
        machine: &mut M,
        request: &Lock,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let verb = match request.wiring {
            Wiring::Wired => Verb::Lock,
            Wiring::Pageable => Verb::Unlock,
        };
        let fail = |kind| Error::new(verb, kind, request.at, request.size);
        let range = self.geometry.touched(request.at, request.size).map_err(|e| fail(e.into()))?;
        match request.wiring {
            Wiring::Wired => self.wire(machine, request, range, fail),
            Wiring::Pageable => self.unwire(machine, range, fail),
        }
    }

    fn wire<M: Machine>(
        &self,
        machine: &mut M,
        request: &Lock,
        range: PageRange,
        fail: impl Fn(Kind) -> Error,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let readable = |access: Access| access.now().contains(Access::READ);
        self.refuse_fixed(range).map_err(&fail)?;
        let (mut guarded, mut fresh) = (None, 0);
        self.walk(machine, range, &mut |piece| {
            fresh += if piece.wiring() == Wiring::Pageable { piece.range.bytes() } else { 0 };
            match piece.protection() {
                Some(protection) if protection.guard == Guard::Armed && !piece.is_offered() => {
                    guarded = guarded.or(Some((piece.range, protection)));
                    Ok(())
                }
                Some(_) if piece.access().is_some_and(readable) => Ok(()),
                Some(_) | None => Err(Kind::NoAccess),
            }
        })
        .map_err(&fail)?;
        if let Some((run, protection)) = guarded {
            return self.meet_guard(machine, run, protection, fail);
        }
        if request.quota.is_some_and(|quota| self.wired * self.geometry.page + fresh > quota) {
            return Err(fail(Kind::LockQuota)); // VL17
        }
        if let Err(refusal) = machine.wire(range) {
            // Best effort: the pages were wired a moment ago, under the same quota.
            let _ = self.rewire(machine, range);
            return Err(fail(wire_refused(refusal.into())));
        }
        let edit = Edit::Pages { range, change: Change::Wire(Wiring::Wired) };
        // Watched memory that was brought in counts as stored to (fact GP15).
        Ok(Done::new(Ok(range), latching(edit, self.watched_in(range), Latch::Set)))
    }

    /// The probe of a lock is an access: it disarms the guard and fails.
    fn meet_guard<M: Machine>(
        &self,
        machine: &mut M,
        run: PageRange,
        protection: Protection,
        fail: impl Fn(Kind) -> Error,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let page = PageRange::between(run.start().get(), run.start().get() + self.geometry.page)
            .ok_or(fail(Kind::NoAccess))?;
        let (_, edit) = self.disarm(machine, page, protection).map_err(&fail)?;
        Ok(Done::new(Err(fail(Kind::GuardHit)), edit))
    }

    fn unwire<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        fail: impl Fn(Kind) -> Error,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        self.walk(machine, range, &mut |piece| match piece.what {
            What::Hole => Err(Kind::NotLocked),
            What::Ours(_, slot, _) if slot.wiring() == Wiring::Pageable => Err(Kind::NotLocked),
            // Of others' memory we do not know whether it is locked; the kernel's
            // unlock is harmless either way.
            What::Ours(..) | What::Others(..) => Ok(()),
        })
        .map_err(&fail)?;
        if let Err(refusal) = machine.unwire(range) {
            // Best effort: the pages were wired a moment ago, under the same quota.
            let _ = self.rewire(machine, range);
            return Err(fail(refusal.into()));
        }
        let edit = Edit::Pages { range, change: Change::Wire(Wiring::Pageable) };
        Ok(Done::new(Ok(range), edit))
    }
}

impl AddressSpace {
    /// Wires again what the truth calls wired, after a call that failed or that mapped pages
    /// anew, and answers what could not be. A page that was made inaccessible after it was
    /// wired cannot be: the machine has it pageable.
    pub(super) fn rewire<M: Machine>(&self, machine: &mut M, range: PageRange) -> Vec<PageRange> {
        let mut lost = Vec::new();
        self.each_committed(range, &mut |showing, _, slot| {
            let wired = slot.wiring() == Wiring::Wired && !showing.access.now().is_empty();
            if wired && machine.wire(showing.range).is_err() {
                lost.push(showing.range);
            }
        });
        lost
    }
}

impl AddressSpace {
    /// Large pages are wired as it is, and a window has none of its own (facts LP09, LP33).
    fn refuse_fixed(&self, range: PageRange) -> Result<(), Kind> {
        let mut regions = self.ours_in(range).filter_map(|(whole, _)| self.region_at(whole.start()));
        let fixed = regions.any(|(_, region)| region.traits.pages.is_fixed());
        if fixed { Err(Kind::Fixed) } else { Ok(()) }
    }

    /// Keeps the number of wired pages right for a change that is about to be made.
    pub(crate) fn recount_wired(&mut self, range: PageRange, change: Change) {
        match change {
            Change::Wire(Wiring::Wired) => {
                let (committed, wired) = self.count_wired(range);
                self.wired += committed - wired;
            }
            Change::Wire(Wiring::Pageable) | Change::Decommit { .. } if self.wired > 0 => {
                self.wired -= self.count_wired(range).1;
            }
            Change::Wire(Wiring::Pageable)
            | Change::Decommit { .. }
            | Change::Commit { .. }
            | Change::Protect(_)
            | Change::Attribute(_)
            | Change::Latch(_)
            | Change::Offer(_) => {}
        }
    }

    /// The same for a part of a region that goes.
    pub(crate) fn forget_wired(&mut self, region: &Region, range: PageRange) {
        if self.wired > 0 {
            self.wired -= wired_in(region, &self.geometry, range).1;
        }
    }

    /// The same of all regions.
    fn count_wired(&self, range: PageRange) -> (u64, u64) {
        let parts =
            self.ours_in(range).filter_map(|(whole, part)| Some((self.region_at(whole.start())?.1, part)));
        parts.fold((0, 0), |(committed, wired), (region, part)| {
            let (more, of_them) = wired_in(region, &self.geometry, part);
            (committed + more, wired + of_them)
        })
    }
}

impl Piece {
    /// Whether it is wired already, as far as is known: of others' memory it is not.
    const fn wiring(&self) -> Wiring {
        match self.what {
            What::Hole | What::Others(..) => Wiring::Pageable,
            What::Ours(_, slot, _) => slot.wiring(),
        }
    }
}

/// How many pages of `range` have memory, and how many of those are wired.
fn wired_in(region: &Region, geometry: &Geometry, range: PageRange) -> (u64, u64) {
    let committed = region.runs(geometry, range).filter(|(_, slot)| slot.is_committed());
    committed.fold((0, 0), |(all, wired), (run, slot)| {
        let pages = run.bytes() / geometry.page;
        (all + pages, wired + if slot.wiring() == Wiring::Wired { pages } else { 0 })
    })
}

/// A page that could not be brought in cannot be accessed.
fn wire_refused(kind: Kind) -> Kind {
    if kind == Kind::NotCommitted { Kind::NoAccess } else { kind }
}
