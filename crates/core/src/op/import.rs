//! Showing pages that another address space made available.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::access::{Protection, Rights};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::object::{Extent, Promise, Reach};
use crate::op::alias::{Onto, Progress, usual};
use crate::op::allocate::Place;
use crate::op::section::Seen;
use crate::region::Origin;
use crate::space::{AddressSpace, Done, Edit};

/// A request to show pages that another address space made available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import<'a> {
    /// Which pages, in order. Objects that are new here have been made known to the
    /// machine under the next names of this space.
    pub extents: &'a [Extent],
    /// Where to.
    pub onto: Onto,
    /// What the view may be used for.
    pub protection: Protection,
}

impl AddressSpace {
    /// Shows pages that another address space made available. Answers the range.
    ///
    /// # Errors
    /// As those of [`Self::alias`] about its target; nothing has changed, and the
    /// machine has forgotten the objects that were new.
    pub fn import<M: Machine>(
        &self,
        machine: &mut M,
        request: &Import<'_>,
    ) -> Result<Done<PageRange>, Error> {
        let at = request.onto.address();
        let bytes = self.bytes_of(request.extents).map_err(|kind| Error::new(Verb::Alias, kind, at, 0))?;
        let fail = |kind| Error::new(Verb::Alias, kind, at, bytes);
        let mut progress = Progress::default();
        let done = self.check_import(request, bytes).and_then(|()| {
            self.introduce(request.extents, &mut progress);
            self.show_all(machine, request, &mut progress)
        });
        match done {
            Ok(range) => Ok(progress.done(range)),
            Err(kind) => {
                self.forget_new(machine, request.extents);
                Err(fail(kind))
            }
        }
    }

    /// How many bytes extents are, which may come from anybody.
    pub(super) fn bytes_of(&self, extents: &[Extent]) -> Result<u64, Kind> {
        let add = |sum: u64, extent: &Extent| {
            extent.first.checked_add(extent.pages)?;
            sum.checked_add(extent.pages.checked_mul(self.geometry.page)?)
        };
        extents.iter().try_fold(0, add).filter(|bytes| *bytes <= self.geometry.highest).ok_or(Kind::BadSize)
    }

    fn check_import(&self, request: &Import<'_>, bytes: u64) -> Result<(), Kind> {
        let rights = match request.onto {
            Onto::View(_) => request.protection.rights.intersection(Rights::USUAL),
            Onto::Reserved(_) | Onto::Fresh(_) => usual(request.protection)?,
        };
        if request.extents.iter().any(|extent| !extent.ceiling.contains(rights)) {
            return Err(Kind::AboveCeiling);
        }
        self.check_onto(request.onto, bytes)?;
        let fresh =
            request.extents.iter().map(|extent| self.unpromised(extent.object, extent.first, extent.pages));
        self.afford_pages(fresh.sum())
    }

    /// Objects that are known to the machine, and not yet here.
    fn introduce(&self, extents: &[Extent], progress: &mut Progress) {
        let mut last = None;
        for extent in extents {
            let known = self.objects.contains_key(&extent.object) || last >= Some(extent.object);
            if !known {
                let (object, ceiling) = (extent.object, extent.ceiling);
                let pages = extents.iter().filter(|other| other.object == object);
                let pages = pages.map(|other| other.first + other.pages).max().unwrap_or(0);
                let (reach, promise) = (Reach::Abroad, Promise::Full);
                progress.edits.push(Edit::Object { object, pages, reach, ceiling, promise });
                last = Some(object);
            }
        }
    }

    fn forget_new<M: Machine>(&self, machine: &mut M, extents: &[Extent]) {
        let objects: BTreeSet<_> = extents.iter().map(|extent| extent.object).collect();
        for object in objects {
            if !self.objects.contains_key(&object) {
                machine.close(object);
            }
        }
    }

    /// Shows a part of one object as a view; other pages cannot be one.
    pub(super) fn show_import<M: Machine>(
        &self,
        machine: &mut M,
        place: Place,
        bytes: u64,
        request: &Import<'_>,
        progress: &mut Progress,
    ) -> Result<PageRange, Kind> {
        let [Extent { object, first, pages, ceiling }] = *request.extents else {
            return Err(Kind::Special);
        };
        let origin = Origin { object, first };
        let seen = Seen { origin, bytes, supplied: Vec::from([(first, first + pages)]), ceiling };
        self.show_view(machine, place, &seen, request.protection, progress)
    }
}
