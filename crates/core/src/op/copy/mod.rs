//! Copying bytes from place to place: as if at once, and lazily where that pays.
//!
//! ```text
//!   source   head | whole pages ........................ | tail
//!   target   head | whole pages ........................ | tail
//!            bytes  runs that share their pages from now   bytes
//!                   on (lazy), runs of bytes (eager)
//! ```
//!
//! A lazy run costs two mappings whatever its length: source and target become
//! snapshots of the same pages, and the kernel copies a page when one of them is
//! stored to. What cannot be frozen (pages with other views, wired pages, memory of
//! the program's own) and what is too short to be worth it is copied now.

mod detour;
mod lazy;
pub(super) mod plan;

use alloc::vec::Vec;

use crate::access::{Access, Protection};
use crate::contract::{Machine, Showing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{PageRange, Va};
use crate::object::View;
use crate::op::alias::Progress;
use crate::space::{AddressSpace, Done};
use plan::{How, Segment};

/// A request to copy bytes within one address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyRange {
    /// The first byte to copy.
    pub source: u64,
    /// How many bytes; none is a copy that is done.
    pub size: u64,
    /// Where the first byte goes.
    pub target: u64,
}

/// What a copy asks of every page, and what went wrong first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

impl AddressSpace {
    /// Copies bytes as if all were read before any is written: the ranges may overlap.
    /// Answers how many. Bytes outside of the target stay as they are, and the target
    /// keeps its protection and its attributes. A page that the target shows twice ends
    /// with what goes to its higher address.
    ///
    /// Everything is checked first, the whole source before the target, each in
    /// ascending order (mach.md, section 8). A copy is an access, so it meets guards.
    ///
    /// # Errors
    /// [`Kind::GuardHit`] for the first armed guard, which is gone: nothing was copied.
    /// Else nothing has changed: [`Kind::BadAddress`], [`Kind::BadSize`] for the arguments;
    /// [`Kind::NotCommitted`] where nothing is, [`Kind::NoAccess`] where the source may
    /// not be read or the target not be written. Only when the memory changes
    /// meanwhile, or the kernel runs out of memory half-way ([`Kind::OutOfMemory`]), a
    /// part may have been copied.
    pub fn copy<M: Machine>(
        &self,
        machine: &mut M,
        request: &CopyRange,
    ) -> Result<Done<Result<u64, Error>>, Error> {
        let CopyRange { source, size, target } = *request;
        if size == 0 {
            return Ok(Done::unchanged(Ok(0)));
        }
        for (at, side) in [(source, Side::Source), (target, Side::Target)] {
            if let Some((page, protection)) = self.check_side(machine, at, size, side)? {
                let fail = |kind| Error::new(Verb::Copy, kind, page.start().get(), size);
                let (_, edit) = self.disarm(machine, page, protection).map_err(fail)?;
                return Ok(Done::new(Err(fail(Kind::GuardHit)), edit));
            }
        }
        if source == target {
            return Ok(Done::unchanged(Ok(size)));
        }
        let mut progress = Progress::default();
        let done = self.copy_checked(machine, request, &mut progress);
        self.settle(machine, &progress);
        let fail = |kind| Error::new(Verb::Copy, kind, target, size);
        Ok(progress.done(done.map(|()| size).map_err(fail)))
    }

    /// Whether every page of one side is there and permits it; the first that does not
    /// is named. Answers the first page with an armed guard, if there is one.
    fn check_side<M: Machine>(
        &self,
        machine: &M,
        at: u64,
        size: u64,
        side: Side,
    ) -> Result<Option<(PageRange, Protection)>, Error> {
        let fail = |kind| Error::new(Verb::Copy, kind, at, size);
        let range = self.geometry.touched(at, size).map_err(|bad| fail(bad.into()))?;
        let mut guarded = None;
        self.walk(machine, range, &mut |piece| {
            let protection = piece.protection().ok_or(Kind::NotCommitted)?;
            guarded = guarded.or_else(|| self.armed_at(piece.range.start().get()));
            let permits = match side {
                Side::Source => plan::may_be_read(protection),
                Side::Target => plan::may_be_written(protection),
            };
            let permits = permits && !piece.is_offered();
            if permits { Ok(()) } else { Err(Kind::NoAccess) }
        })
        .map_err(fail)?;
        Ok(guarded)
    }

    fn copy_checked<M: Machine>(
        &self,
        machine: &mut M,
        request: &CopyRange,
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        if self.is_entangled(request)? {
            return self.copy_by_detour(machine, request);
        }
        for segment in self.plan_copy(request) {
            match segment.how {
                How::Eager => self.copy_bytes(machine, segment)?,
                How::Lazy => self.copy_lazily(machine, segment, progress)?,
            }
        }
        Ok(())
    }

    /// Copies the bytes of a segment now.
    fn copy_bytes<M: Machine>(&self, machine: &mut M, segment: Segment) -> Result<(), Kind> {
        self.copy_held(machine, segment, &self.held(segment.source, segment.size))
    }

    /// The same, when it is known who shows the source.
    fn copy_held<M: Machine>(&self, machine: &mut M, segment: Segment, held: &[Showing]) -> Result<(), Kind> {
        let target = self.geometry.touched(segment.target, segment.size)?;
        // Memory for stores alone can be copied to, although no store reaches it.
        let closed = self.open(machine, target, plan::STORABLE)?;
        let (from, to) = (Va::new(segment.source), Va::new(segment.target));
        let copied = machine.transfer(held, from, to, segment.size);
        self.shut(machine, &closed);
        copied.map_err(Kind::from)
    }

    /// The places of ours that show the pages of a source.
    pub(super) fn held(&self, at: u64, size: u64) -> Vec<Showing> {
        let mut held = Vec::new();
        let Ok(range) = self.geometry.touched(at, size) else { return held };
        // Each page once, however often the source shows it.
        let mut pages = Vec::new();
        for (run, content) in self.contents_of(range) {
            match content {
                Some(content) if content.view == View::Shared => {
                    let end = content.first + run.bytes() / self.geometry.page;
                    pages.push((content.object, content.first, end));
                }
                Some(_) | None => self.each_showing(run, &mut |showing| held.push(showing)),
            }
        }
        pages.sort_unstable();
        pages.dedup_by(|next, last| {
            let joins = next.0 == last.0 && next.1 <= last.2;
            if joins {
                last.2 = last.2.max(next.2);
            }
            joins
        });
        for (object, first, end) in pages {
            self.each_view(object, first, end, &mut |showing| held.push(showing));
        }
        held
    }

    /// Gives pages of ours that lack it this access for the time of a copy. Answers what
    /// they had; on error they have it again.
    pub(super) fn open<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        access: Access,
    ) -> Result<Vec<Showing>, Kind> {
        let mut closed = Vec::new();
        self.each_showing(range, &mut |showing| {
            if !showing.access.contains(access) {
                closed.push(showing);
            }
        });
        for (index, showing) in closed.iter().enumerate() {
            if let Err(refusal) = machine.protect(showing.region, showing.range, access) {
                self.shut(machine, &closed[..=index]);
                return Err(refusal.into());
            }
        }
        Ok(closed)
    }

    /// Gives pages the access back that they had.
    pub(super) fn shut<M: Machine>(&self, machine: &mut M, closed: &[Showing]) {
        for showing in closed {
            if machine.protect(showing.region, showing.range, showing.access).is_err()
                && let Some((whole, region)) = self.region_at(showing.range.start())
            {
                machine.resync(whole, showing.range, &self.truth(region, showing.range));
            }
        }
    }
}
