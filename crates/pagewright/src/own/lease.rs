//! Aliases between this process and others.

use std::os::fd::{IntoRawFd, OwnedFd};

use pagewright_core::wire::{ExportRequest, Holder, Lease};
use pagewright_core::{
    Error as CoreError, Export, Extent, Import, Machine, Onto, PageRange, Protection, Receiver, Refusal,
    Rights, Verb,
};
use pagewright_linux::lease;
use pagewright_linux::sys::{self, Fd};

use super::{ours, perform};
use crate::error::Result;

/// This process, as others find its descriptors.
pub(crate) fn holder() -> Holder {
    let pid = sys::getpid().unsigned_abs();
    Holder { pid, tid: sys::gettid().unsigned_abs(), descriptor: 0 }
}

/// Makes pages available to another process.
pub(crate) fn export(request: &ExportRequest) -> Result<Vec<Lease>> {
    let fail = |kind| CoreError::new(Verb::Alias, kind, request.source, request.size);
    perform(Verb::Alias, |space, machine| {
        let into = match request.into {
            None => Receiver::New,
            Some((file, holder)) => {
                let pages = request.size.div_ceil(space.geometry().page).max(1);
                let lease = Lease { first: 0, pages, ceiling: Rights::USUAL, file, holder };
                let given = lease::borrow(machine, space, &[lease], Rights::USUAL, &mut None);
                Receiver::Given(given.map_err(fail)?[0].object)
            }
        };
        let ExportRequest { source, size, rights, consent, .. } = *request;
        let done = space.export(machine, &Export { source, size, rights, consent, into });
        let used = |extents: &[Extent], object| extents.iter().any(|extent| extent.object == object);
        if let Receiver::Given(object) = into
            && !done.as_ref().is_ok_and(|done| done.value.as_ref().is_ok_and(|extents| used(extents, object)))
            && space.objects().all(|(known, _)| known != object)
        {
            machine.close(object);
        }
        let mut lend = |extents: Vec<Extent>| lease::lend(machine, &extents, holder()).map_err(fail);
        Ok(done?.map(|extents| extents.and_then(&mut lend)))
    })?
    .map_err(ours)
}

/// Shows pages of another process.
pub(crate) fn import(leases: &[Lease], onto: Onto, protection: Protection) -> Result<PageRange> {
    perform(Verb::Alias, |space, machine| {
        let fail = |kind| CoreError::new(Verb::Alias, kind, 0, 0);
        let extents = lease::borrow(machine, space, leases, protection.rights, &mut None).map_err(fail)?;
        space.import(machine, &Import { extents: &extents, onto, protection })
    })
}

/// Shows pages of a descriptor that this process was given, `first` being the number of
/// the first one. It is closed when nothing shows them any more.
pub(crate) fn import_descriptor(
    descriptor: OwnedFd,
    (first, pages): (u64, u64),
    ceiling: Rights,
    onto: Onto,
    protection: Protection,
) -> Result<PageRange> {
    perform(Verb::Alias, |space, machine| {
        let object = space.next_object();
        // SAFETY: the number is handed over with what it stands for.
        let fd = unsafe { Fd::from_raw(descriptor.into_raw_fd()) };
        let fail = |refusal: Refusal| CoreError::new(Verb::Alias, refusal.into(), 0, 0);
        machine.adopt_descriptor(object, fd, first + pages).map_err(fail)?;
        let extents = [Extent { object, first, pages, ceiling }];
        space.import(machine, &Import { extents: &extents, onto, protection })
    })
}
