//! Aliases between a process and others, by way of its resident.

use pagewright_core::wire::{Answer, ExportRequest, FileId, Holder, ImportRequest, Lease, Request};
use pagewright_core::{Onto, PageRange, Protection, Verb};

use super::link::Link;
use super::{Broken, Placing, Remote, TRIES};
use crate::error::Result;

impl Remote {
    /// Makes pages available to another process.
    pub(crate) fn export(&self, request: &ExportRequest) -> Result<Vec<Lease>> {
        let mut link = self.lock_link();
        match self.ask_on(&mut link, Verb::Alias, &Request::Export(*request), Placing::IfMissing)? {
            Some(Answer::Count(count)) => {
                let leases = link.as_ref().and_then(|link| link.leases(count));
                let leases = leases.ok_or_else(|| self.nonsense(Verb::Alias))?;
                let tid = link.as_ref().map_or(0, Link::tid);
                let here = |lease: Lease| Lease { holder: self.named(lease.holder, tid), ..lease };
                Ok(leases.into_iter().map(here).collect())
            }
            Some(_) | None => Err(self.nonsense(Verb::Alias)),
        }
    }

    /// Shows pages of another process.
    pub(crate) fn import(&self, leases: &[Lease], onto: Onto, protection: Protection) -> Result<PageRange> {
        let request = ImportRequest { leases: leases.len() as u64, onto, protection };
        let mut link = self.lock_link();
        for _ in 0..TRIES {
            // The leases lie in the slot of one resident: it must be that which is asked.
            if self.ask_on(&mut link, Verb::Alias, &Request::Stats, Placing::IfMissing)?.is_none() {
                break;
            }
            let Some(open) = link.as_mut() else { break };
            match open.leave(leases) {
                Ok(()) => {}
                Err(Broken::Dead) => continue,
                Err(Broken::Busy) => return Err(self.not_answering(Verb::Alias)),
                Err(Broken::Nonsense) => return Err(self.nonsense(Verb::Alias)),
            }
            match self.ask_on(&mut link, Verb::Alias, &Request::Import(request), Placing::Never)? {
                Some(Answer::Range(range)) => return Ok(range),
                Some(_) => return Err(self.nonsense(Verb::Alias)),
                None => {}
            }
        }
        Err(self.restless(Verb::Alias))
    }

    /// Makes a file of `pages` pages for the next import, and says where it is.
    pub(crate) fn lend(&self, pages: u64) -> Result<(FileId, Holder)> {
        let mut link = self.lock_link();
        match self.ask_on(&mut link, Verb::Alias, &Request::Lend(pages), Placing::IfMissing)? {
            Some(Answer::File(file, holder)) => {
                let tid = link.as_ref().map_or(0, Link::tid);
                Ok((file, self.named(holder, tid)))
            }
            Some(_) | None => Err(self.nonsense(Verb::Alias)),
        }
    }

    /// Whether this process may open what another one has open.
    pub(crate) fn can_reach(&self, other: Holder) -> Result<bool> {
        match self.ask(Verb::Alias, &Request::CanReach(other), Placing::IfMissing)? {
            Some(Answer::Count(count)) => Ok(count != 0),
            Some(_) | None => Err(self.nonsense(Verb::Alias)),
        }
    }

    /// The thread whose descriptors are those of the resident.
    pub(crate) fn holder(&self) -> Result<Holder> {
        let mut link = self.lock_link();
        self.ask_on(&mut link, Verb::Alias, &Request::Stats, Placing::IfMissing)?;
        let tid = link.as_ref().map_or(0, Link::tid);
        Ok(self.named(Holder::default(), tid))
    }

    /// A descriptor of the resident by the numbers that its process has here: it may be
    /// numbered otherwise where it lives.
    fn named(&self, holder: Holder, tid: u32) -> Holder {
        Holder { pid: self.pid(), tid, ..holder }
    }
}
