//! Releasing whatever of ours lies in a range.

use alloc::vec::Vec;

use crate::contract::{Backing, Machine};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::op::alias::Progress;
use crate::op::walk::What;
use crate::space::{AddressSpace, Done, Edit};

/// A request to release every page of ours in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmap {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
}

impl AddressSpace {
    /// Releases every page of ours in the range, whichever allocations they belong to;
    /// holes are passed over, and wired pages are let go (mach.md, rows D2, D3, D8). The
    /// answer is the range, rounded out.
    ///
    /// # Errors
    /// Nothing has changed: [`Kind::ZeroSize`], [`Kind::BadAddress`], [`Kind::BadSize`];
    /// [`Kind::ForeignView`], [`Kind::NotAllocated`] when others mapped a part of it;
    /// [`Kind::MapBudget`], [`Kind::OutOfMemory`] when the kernel cannot cut. Only when
    /// it can cut at one end and not at the other, one end is gone.
    pub fn unmap<M: Machine>(
        &self,
        machine: &mut M,
        request: &Unmap,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let fail = |kind| Error::new(Verb::Free, kind, request.at, request.size);
        let range = self.geometry.touched(request.at, request.size).map_err(|bad| fail(bad.into()))?;
        self.walk(machine, range, &mut |piece| match piece.what {
            What::Hole | What::Ours(..) => Ok(()),
            What::Others(_, Backing::Private) => Err(Kind::NotAllocated),
            What::Others(_, Backing::View | Backing::Image) => Err(Kind::ForeignView),
        })
        .map_err(fail)?;
        self.spares_fixed(range).map_err(fail)?;
        let mut progress = Progress::default();
        let released = self.release_parts(machine, range, &mut progress);
        Ok(progress.done(released.map(|()| range).map_err(fail)))
    }

    /// Whether no part of large pages or of a window would be left.
    pub(super) fn spares_fixed(&self, range: PageRange) -> Result<(), Kind> {
        let cut = |(whole, part): (PageRange, PageRange)| {
            whole != part
                && self.region_at(whole.start()).is_some_and(|(_, region)| region.traits.pages.is_fixed())
        };
        if self.ours_in(range).any(cut) { Err(Kind::Fixed) } else { Ok(()) }
    }

    fn release_parts<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let mut parts: Vec<_> = self.ours_in(range).collect();
        // What must be cut can be refused, so it goes first.
        parts.sort_by_key(|(whole, part)| whole == part);
        let mut lost = Vec::new();
        let mut released = Ok(());
        for (whole, part) in parts {
            released = machine.release(whole, part).map_err(Kind::from);
            if released.is_err() {
                break;
            }
            lost.push(part);
        }
        self.let_go(machine, &lost, &[]);
        progress.edits.extend(lost.into_iter().map(|range| Edit::Remove { range }));
        released
    }
}
