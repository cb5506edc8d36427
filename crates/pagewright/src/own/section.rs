//! Sections of this process, and what other processes need to show them.

use std::os::fd::{IntoRawFd, OwnedFd};

use pagewright_core::wire::Lease;
use pagewright_core::{
    Error as CoreError, Extent, Kind, Machine, MapView, NewSection, ObjectId, PageRange, Refusal, Rights,
    Supply, Verb,
};
use pagewright_linux::lease;
use pagewright_linux::sys::Fd;

use super::{holder, perform};
use crate::error::Result;

/// A section of zeros.
pub(crate) fn create_section(request: &NewSection) -> Result<ObjectId> {
    perform(Verb::Allocate, |space, machine| space.create_section(machine, request))
}

/// A section of the first `size` bytes of a file, which is closed when nothing shows it.
pub(crate) fn file_section(file: OwnedFd, size: u64, ceiling: Rights) -> Result<ObjectId> {
    perform(Verb::Allocate, |space, machine| {
        let object = space.next_object();
        let fail = |refusal: Refusal| CoreError::new(Verb::Allocate, refusal.into(), 0, size);
        // SAFETY: the number is handed over with what it stands for.
        let fd = unsafe { Fd::from_raw(file.into_raw_fd()) };
        machine.adopt_descriptor(object, fd, size.div_ceil(space.geometry().page)).map_err(fail)?;
        let request = NewSection { size, supply: Supply::File, ceiling };
        space.create_section(machine, &request).inspect_err(|_| machine.close(object))
    })
}

/// Takes a section's name away; views stay.
pub(crate) fn close_section(object: ObjectId) -> Result<()> {
    perform(Verb::Free, |space, machine| space.close_section(machine, object))
}

/// Shows a part of a section in this process.
pub(crate) fn map_view(request: &MapView) -> Result<PageRange> {
    perform(Verb::Alias, |space, machine| space.map_view(machine, request))
}

/// What another process needs to show pages of a section.
pub(crate) fn lend_section(object: ObjectId, first: u64, pages: u64) -> Result<Vec<Lease>> {
    perform(Verb::Alias, |space, machine| {
        let fail = |kind| CoreError::new(Verb::Alias, kind, 0, 0);
        let known = space.objects().find(|(id, _)| *id == object).ok_or_else(|| fail(Kind::NoObject))?;
        let extents = [Extent { object, first, pages, ceiling: known.1.ceiling }];
        let leases = lease::lend(machine, &extents, holder()).map_err(fail)?;
        Ok(pagewright_core::Done { value: leases, edit: pagewright_core::Edit::None, foreign: None })
    })
}
