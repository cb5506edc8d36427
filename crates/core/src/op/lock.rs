//! Wiring pages into memory, and letting them go.

use alloc::vec::Vec;

use crate::access::{Access, Guard, Protection, Wiring};
use crate::contract::{Machine, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{PageRange, Va};
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
        let readable = |access: Access| access.contains(Access::READ);
        let mut guarded = None;
        self.each_run(machine, range, |run, protection, _| match protection {
            Some(protection) if protection.guard == Guard::Armed => {
                guarded = guarded.or(Some((run, protection)));
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
        self.each_run(machine, range, |_, protection, wiring| match (protection, wiring) {
            (None, _) | (Some(_), Some(Wiring::Pageable)) => Err(Kind::NotLocked),
            // Of others' memory we do not know whether it is locked; the kernel's
            // unlock is harmless either way.
            (Some(_), Some(Wiring::Wired) | None) => Ok(()),
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

    /// Visits `range` run by run: the pages, their protection if they have memory,
    /// and their wiring if they are ours.
    pub(super) fn each_run<M: Machine>(
        &self,
        machine: &M,
        range: PageRange,
        mut visit: impl FnMut(PageRange, Option<Protection>, Option<Wiring>) -> Result<(), Kind>,
    ) -> Result<(), Kind> {
        let mut at = range.start();
        while at < range.end() {
            let Some(rest) = PageRange::between(at.get(), range.end().get()) else { break };
            if let Some((whole, region)) = self.region_at(at) {
                let part = whole.intersection(rest).unwrap_or(rest);
                for (run, slot) in region.runs(&self.geometry, part) {
                    visit(run, slot.protection(), Some(slot.wiring()))?;
                }
                at = part.end();
                continue;
            }
            let run = machine.foreign(at)?;
            let end = self.foreign_end(at, &run).min(range.end().get());
            let part = PageRange::between(at.get(), end).ok_or(Kind::NoAccess)?;
            match run.standing {
                Standing::Free => visit(part, None, None)?,
                Standing::Mapped { protection, .. } => visit(part, Some(protection), None)?,
            }
            at = Va::new(end);
        }
        Ok(())
    }
}

impl AddressSpace {
    /// Wires again what the truth calls wired, after a call that failed or that mapped pages
    /// anew, and answers what could not be. A page that was made inaccessible after it was
    /// wired cannot be: the machine has it pageable.
    pub(super) fn rewire<M: Machine>(&self, machine: &mut M, range: PageRange) -> Vec<PageRange> {
        let mut lost = Vec::new();
        for entry in self.regions.iter_from(range.start().get()) {
            let (whole, region) = (PageRange::between(entry.start, entry.end), entry.value);
            let Some(part) = whole.and_then(|whole| whole.intersection(range)) else { break };
            for (run, slot) in region.runs(&self.geometry, part) {
                let accessible = slot.protection().is_some_and(|p| !p.effective().is_empty());
                if slot.wiring() == Wiring::Wired && accessible && machine.wire(run).is_err() {
                    lost.push(run);
                }
            }
        }
        lost
    }
}

/// A page that could not be brought in cannot be accessed.
fn wire_refused(kind: Kind) -> Kind {
    if kind == Kind::NotCommitted { Kind::NoAccess } else { kind }
}
