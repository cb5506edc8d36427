//! Aliases with other processes: what is lent to them, and what is shown of theirs.

use alloc::vec::Vec;

use pagewright_core::wire::{Answer, ExportRequest, FileId, Holder, ImportRequest, LEASE, Lease};
use pagewright_core::{Error, Export, Import, Kind, Managed, PageRange, Receiver, Rights, Verb};
use pagewright_linux::lease;
use pagewright_linux::machine::Linux;
use pagewright_linux::ring::DataArea;
use pagewright_linux::sys::{self, Fd};

/// What this side of an alias needs beside the map: a file that was made for the other side to fill.
#[derive(Debug, Default)]
pub struct Desk {
    lent: Option<Fd>,
}

impl Desk {
    /// In a forked child: the number means somebody else's file, or none.
    pub fn forget(&mut self) {
        if let Some(fd) = self.lent.take() {
            let _ = fd.into_raw();
        }
    }

    /// Makes a file of `pages` pages; the one before, if nobody came for it, goes.
    pub fn lend(&mut self, managed: &mut Managed<Linux>, pages: u64) -> Result<Answer, Error> {
        let fail = |kind| Error::new(Verb::Alias, kind, 0, 0);
        self.lent = None;
        let fd = managed.machine_mut().new_file(pages).map_err(|refusal| fail(refusal.into()))?;
        let (device, inode) = sys::file_id(fd.raw()).map_err(|_| fail(Kind::NoObject))?;
        let holder = Holder { descriptor: fd.raw().unsigned_abs(), ..me() };
        self.lent = Some(fd);
        Ok(Answer::File(FileId { device, inode }, holder))
    }

    /// Makes pages available, and leaves the leases in the data area.
    pub fn export(
        &mut self,
        managed: &mut Managed<Linux>,
        request: &ExportRequest,
        data: &DataArea<'_>,
    ) -> Result<Answer, Error> {
        let fail = |kind| Error::new(Verb::Alias, kind, request.source, request.size);
        let into = match request.into {
            None => Receiver::New,
            Some((file, holder)) => {
                let pages = request.size.div_ceil(managed.space().geometry().page).max(1);
                let lease = Lease { first: 0, pages, ceiling: Rights::USUAL, file, holder };
                let (space, machine) = managed.parts_mut();
                let given = lease::borrow(machine, space, &[lease], Rights::USUAL, &mut None);
                Receiver::Given(given.map_err(fail)?[0].object)
            }
        };
        let ExportRequest { source, size, rights, consent, .. } = *request;
        let export = Export { source, size, rights, consent, into };
        let extents = managed.export(&export);
        if let Receiver::Given(object) = into {
            // All pages were in objects already, or nothing came of it.
            managed.drop_unknown(object);
        }
        let leases = lease::lend(managed.machine_mut(), &extents?, me()).map_err(fail)?;
        for (index, lease) in leases.iter().enumerate() {
            for (word, value) in lease.encode().into_iter().enumerate() {
                data.write(index * LEASE + word, &value.to_ne_bytes());
            }
        }
        Ok(Answer::Count(leases.len() as u64))
    }

    /// Shows the pages of the leases in the data area.
    pub fn import(
        &mut self,
        managed: &mut Managed<Linux>,
        request: &ImportRequest,
        data: &DataArea<'_>,
    ) -> Result<PageRange, Error> {
        let fail = |kind| Error::new(Verb::Alias, kind, 0, 0);
        let count = usize::try_from(request.leases).unwrap_or(usize::MAX);
        if count > lease::MOST {
            return Err(fail(Kind::Protocol));
        }
        let leases: Option<Vec<Lease>> = (0..count).map(|index| read_lease(data, index)).collect();
        let leases = leases.ok_or(fail(Kind::Protocol))?;
        let (space, machine) = managed.parts_mut();
        let rights = request.protection.rights;
        let extents = lease::borrow(machine, space, &leases, rights, &mut self.lent).map_err(fail)?;
        managed.import(&Import { extents: &extents, onto: request.onto, protection: request.protection })
    }
}

fn read_lease(data: &DataArea<'_>, index: usize) -> Option<Lease> {
    let mut words = [0; LEASE];
    for (word, value) in words.iter_mut().enumerate() {
        let mut bytes = [0; 8];
        (data.read(index * LEASE + word, &mut bytes) == 8).then_some(())?;
        *value = u64::from_ne_bytes(bytes);
    }
    Lease::decode(&words)
}

/// This thread, as it is numbered here; callers know what it is called where they are.
fn me() -> Holder {
    Holder { pid: sys::getpid().unsigned_abs(), tid: sys::gettid().unsigned_abs(), descriptor: 0 }
}
