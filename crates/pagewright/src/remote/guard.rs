//! Guards of another process: how it learns that one was met, and who has met which.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pagewright_core::wire::{Answer, GuardDelivery, GuardHit, GuardRequest, HIT, Request, decode_result};
use pagewright_core::{Kind, Verb};
use pagewright_linux::ring::Bulletin;
use pagewright_linux::sys::Fd;
use rustix::fd::IntoRawFd;
use rustix::fs::OFlags;

use super::{Placing, Remote};
use crate::error::{Error, Result};
use crate::target::State;

/// Bytes of a page.
const PAGE: u64 = 0x1000;

/// How long to sleep at most before asking whether the process still lives.
const STEP: Duration = Duration::from_millis(100);

/// Guards that were met.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GuardHits {
    /// In the order in which they were met.
    pub hits: Vec<GuardHit>,
    /// How many more there were that were overwritten before anybody took them.
    pub lost: u64,
}

impl Remote {
    pub(crate) fn set_guard_delivery(&self, delivery: GuardDelivery) -> Result<()> {
        let request = Request::Guard(GuardRequest::Deliver(delivery));
        match self.ask(Verb::Protect, &request, Placing::IfMissing)? {
            Some(Answer::Count(_)) => Ok(()),
            Some(_) | None => Err(self.nonsense(Verb::Protect)),
        }
    }

    /// The hits since the last call, waiting up to `patience` for the first.
    pub(crate) fn guard_hits(&self, patience: Duration) -> Result<GuardHits> {
        let start = Instant::now();
        let mut bulletin: Option<Bulletin> = None;
        loop {
            let seen = bulletin.as_ref().map(Bulletin::number);
            let found = self.take_hits()?;
            let left = patience.saturating_sub(start.elapsed());
            if !found.hits.is_empty() || left.is_zero() {
                return Ok(found);
            }
            match (&bulletin, seen) {
                // Whatever happens from here on raises the number that was seen before asking.
                (Some(bulletin), Some(seen)) => {
                    bulletin.wait(seen, u64::try_from(left.min(STEP).as_nanos()).unwrap_or(u64::MAX));
                }
                // First the bulletin, then ask once more, then wait.
                (_, _) => bulletin = Some(self.bulletin()?),
            }
        }
    }

    /// Disarms the guard that a copy of bytes has stopped at, if it has (fact GP10): `done` of
    /// `length` bytes from `at` were copied. Only a handle that has the resident's ear asks; where
    /// that cannot answer, the guard stays, and the next access meets it.
    pub(super) fn met_by_copy(&self, verb: Verb, at: u64, done: usize, length: usize) {
        let Some(stop) = at.checked_add(done as u64).filter(|_| done < length) else { return };
        let mut link = self.lock_link();
        self.drop_dead(&mut link);
        if link.is_some() && self.target.state() == State::Live {
            let _ = self.ask_on(&mut link, verb, &Request::Meet(stop), Placing::Never);
        }
    }

    /// Writes under the guard of the page at `at`, where that is armed: how many bytes, none of
    /// another page.
    pub(super) fn write_under(&self, at: u64, from: &[u8]) -> usize {
        let from = &from[..from.len().min((PAGE - at % PAGE) as usize)];
        let mut link = self.lock_link();
        self.drop_dead(&mut link);
        // The bytes lie in the slot of one resident: it must be that which is asked.
        let Some(open) = link.as_mut().filter(|_| self.target.state() == State::Live) else { return 0 };
        let request = Request::WriteUnder(at, from.len() as u64).encode();
        let answer = open.leave_bytes(from).and_then(|()| open.call(&request));
        match answer.map(|frame| decode_result(&frame, Verb::Write)) {
            Ok(Ok(Answer::Bytes(bytes))) => from.len().min(usize::try_from(bytes).unwrap_or(0)),
            Ok(_) | Err(_) => 0,
        }
    }

    /// The hits that nobody has taken by way of this handle.
    fn take_hits(&self) -> Result<GuardHits> {
        let mut link = self.lock_link();
        let taken = self.taken.load(Ordering::Relaxed);
        let request = Request::Guard(GuardRequest::Hits(taken));
        let count = match self.ask_on(&mut link, Verb::Query, &request, Placing::Never)? {
            Some(Answer::Count(count)) => count,
            Some(_) => return Err(self.nonsense(Verb::Query)),
            None => return Err(self.not_attached()),
        };
        let words = link.as_ref().and_then(|link| link.numbers(count.checked_mul(HIT as u64)?));
        let words = words.ok_or_else(|| self.nonsense(Verb::Query))?;
        let (records, _) = words.as_chunks::<HIT>();
        let hits: Option<Vec<_>> = records.iter().map(GuardHit::decode).collect();
        let hits = hits.ok_or_else(|| self.nonsense(Verb::Query))?;
        let first = hits.first().map_or(0, |hit| hit.number);
        if let Some(last) = hits.last() {
            self.taken.store(last.number, Ordering::Relaxed);
        }
        Ok(GuardHits { lost: first.saturating_sub(taken.saturating_add(1)), hits })
    }

    /// Where the resident says that there are news, opened beside the link: who waits must not
    /// keep others from calling.
    fn bulletin(&self) -> Result<Bulletin> {
        let tid = self.lock_link().as_ref().map(super::Link::tid).ok_or_else(|| self.not_attached())?;
        let file = self.target.open_file(&format!("task/{tid}/fd/0"), OFlags::RDWR);
        let file = file.map_err(|errno| self.cannot_open(Verb::Query, errno))?;
        // SAFETY: the number comes out of an owner that gave it up, so it is open and ours.
        Bulletin::open(unsafe { Fd::from_raw(file.into_raw_fd()) }).map_err(|_| self.nonsense(Verb::Query))
    }

    fn not_attached(&self) -> Error {
        let pid = self.pid();
        let sentence = format!(
            "process {pid} is not attached (any more), so no guards are armed in it; arm one, then ask who met it"
        );
        Error::because(Verb::Query, Kind::Gone, pid, sentence)
    }
}
