//! Wiring pages into memory, and letting them go.

use alloc::vec::Vec;

use crate::access::{Access, Guard, Protection, Wiring};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::op::walk::What;
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
            Wiring::Wired => self.wire(machine, range, fail),
            Wiring::Pageable => self.unwire(machine, range, fail),
        }
    }

    fn wire<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        fail: impl Fn(Kind) -> Error,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let readable = |access: Access| access.now().contains(Access::READ);
        let mut guarded = None;
        self.walk(machine, range, &mut |piece| match piece.protection() {
            Some(protection) if protection.guard == Guard::Armed => {
                guarded = guarded.or(Some((piece.range, protection)));
                Ok(())
            }
            Some(protection) if readable(protection.effective()) => Ok(()),
            Some(_) | None => Err(Kind::NoAccess),
        })
        .map_err(&fail)?;
        if let Some((run, protection)) = guarded {
            return self.meet_guard(machine, run, protection, fail);
        }
        if let Err(refusal) = machine.wire(range) {
            // Best effort: the pages were wired a moment ago, under the same quota.
            let _ = self.rewire(machine, range);
            return Err(fail(wire_refused(refusal.into())));
        }
        let edit = Edit::Pages { range, change: Change::Wire(Wiring::Wired) };
        Ok(Done::new(Ok(range), edit))
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
        let plain = Protection { guard: Guard::Clear, ..protection };
        let Some((whole, region)) = self.region_at(page.start()) else {
            return Err(fail(Kind::NoAccess));
        };
        if let Err(refusal) = machine.protect(whole, page, plain.effective()) {
            machine.resync(whole, page, &self.truth(region, page));
            return Err(fail(refusal.into()));
        }
        let edit = Edit::Pages { range: page, change: Change::Protect(plain) };
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

/// A page that could not be brought in cannot be accessed.
fn wire_refused(kind: Kind) -> Kind {
    if kind == Kind::NotCommitted { Kind::NoAccess } else { kind }
}
