//! The address space of the process that the resident lives in, as a service.

use pagewright_core::wire::{Answer, Frame, RECORD, Request, Stats, encode_info, encode_result};
use pagewright_core::{Error, Guard, Kind, Managed, Meeting, Protection, Verb};
use pagewright_linux::lease;
use pagewright_linux::machine::{
    Choice, Faults, Freezer, Freezing, Guarding, Linux, MapsFile, Strategy, WatchHelp, WatchWay,
    scattered_geometry,
};
use pagewright_linux::ring::{DATA_LEN, DataArea};
use pagewright_linux::sys::{self, OpenMode};

use crate::guard::{Watchman, Wires};
use crate::list::Lists;
use crate::share::Desk;
use crate::{special, stores};

/// Bytes of a page.
const PAGE: u64 = 0x1000;

/// The core on the Linux machine, answering words.
#[derive(Debug)]
pub struct Space {
    managed: Managed<Linux>,
    desk: Desk,
    watchman: Watchman,
    lists: Lists,
}

impl Space {
    /// An empty address space; RAM plus swap may be committed.
    pub fn new(
        strategy: Option<Strategy>,
        freezing: Option<Freezing>,
        faults: Faults,
        watch: Option<WatchWay>,
    ) -> Self {
        let choice = strategy.map_or_else(Choice::probe, Choice::forced);
        let limit = sys::total_memory().map_or(u64::MAX, |(ram, swap)| ram.saturating_add(swap));
        let mut machine = Linux::with(scattered_geometry(), maps(), choice);
        if let Some(freezing) = freezing {
            machine.set_freezer(Freezer::forced(freezing));
        }
        machine.set_guarding(Guarding::Userfault);
        machine.set_faults(faults);
        machine.set_watch(watch, WatchHelp { serve: Some(stores::serve), catch: None });
        Self {
            managed: Managed::new(machine, limit),
            desk: Desk::default(),
            watchman: Watchman::default(),
            lists: Lists::default(),
        }
    }

    /// Says how the guards of this process reach the resident and its callers.
    pub fn connect(&mut self, wires: Wires) {
        self.watchman.connect(wires);
        self.watchman.rearm(&mut self.managed);
    }

    /// Accesses wait at guards.
    pub fn attend(&mut self) {
        self.watchman.attend(&mut self.managed);
    }

    /// There is nothing to do.
    pub fn rest(&mut self) {
        self.watchman.attend(&mut self.managed);
        self.watchman.rest(&mut self.managed);
        self.lists.rest();
    }

    /// How many threads serve it.
    pub fn threads(&self) -> u32 {
        self.watchman.threads() + stores::threads()
    }

    /// Nobody will serve this any more.
    ///
    /// # Errors
    /// See [`Watchman::leave`]: then it must be served on.
    pub fn leave(&mut self) -> Result<(), Error> {
        self.watchman.leave(&mut self.managed)?;
        stores::stop();
        self.managed.machine_mut().leave_watched();
        Ok(())
    }

    /// Makes sure that a guard which is about to be armed is noticed when it is met.
    fn ready(&mut self, request: &Request) -> Result<(), Error> {
        let guarded = |protection: &Protection| protection.guard == Guard::Armed;
        let verb = match request {
            Request::Allocate(request) if guarded(&request.protection) => Verb::Allocate,
            Request::Protect(request) if guarded(&request.protection) => Verb::Protect,
            Request::Alias(request) if guarded(&request.protection) => Verb::Alias,
            Request::Import(request) if guarded(&request.protection) => Verb::Alias,
            _other => return Ok(()),
        };
        let ready = self.watchman.ready(self.managed.machine_mut());
        ready.map_err(|kind| Error::new(verb, kind, 0, 0))
    }

    /// This is a forked child, and nobody but this thread has ever used its copy.
    pub fn inherit(&mut self) {
        self.managed.machine_mut().inherit(maps());
        self.managed.in_bare_fork();
        self.desk.forget();
        self.watchman.forget();
        stores::forget();
        self.lists = Lists::default();
    }

    /// The answer to what makes no sense.
    pub fn protocol_error() -> Frame {
        encode_result(&Err(Error::new(Verb::Attach, Kind::Protocol, 0, 0)))
    }

    /// Serves one request; `None`, which makes no sense, is answered with a protocol error.
    pub fn serve(&mut self, request: Option<Request>, data: &DataArea<'_>, overhead: u64) -> Frame {
        let Some(request) = request else { return Self::protocol_error() };
        if let Err(error) = self.ready(&request) {
            return encode_result(&Err(error));
        }
        let answer = match request {
            Request::Allocate(request) => self.managed.allocate(&request).map(Answer::Range),
            Request::Free(request) => self.managed.free(&request).map(Answer::Range),
            Request::Protect(request) => self.managed.protect(&request).map(Answer::Protection),
            Request::Lock(request) => self.managed.lock(&request).map(Answer::Range),
            Request::Query(at) => self.managed.query(at).map(Answer::Info),
            Request::Runs(at) => self.runs(at, data).map(Answer::Count),
            Request::Stats => Ok(Answer::Stats(self.stats(overhead))),
            Request::SetLimit(limit) => {
                self.managed.space_mut().set_limit(limit);
                Ok(Answer::Done)
            }
            Request::ReleaseAll => self.managed.release_all().map(|()| Answer::Done),
            Request::Alias(request) => self.managed.alias(&request).map(Answer::Range),
            Request::Copy(request) => self.managed.copy(&request).map(Answer::Bytes),
            Request::Export(request) => self.desk.export(&mut self.managed, &request, data),
            Request::Import(request) => {
                self.desk.import(&mut self.managed, &request, data).map(Answer::Range)
            }
            Request::Lend(pages) => self.desk.lend(&mut self.managed, pages),
            Request::CanReach(holder) => Ok(Answer::Count(lease::can_reach(holder).into())),
            Request::Map(request) => self.managed.map(&request).map(Answer::Range),
            Request::Unmap(request) => self.managed.unmap(&request).map(Answer::Range),
            Request::Restrict(request) => self.managed.restrict(&request).map(Answer::Range),
            Request::Attribute(request) => self.managed.attribute(&request).map(Answer::Range),
            Request::WireRange(request) => self.managed.wire_range(&request).map(Answer::Range),
            Request::Remap(request) => self
                .managed
                .remap(&request)
                .map(|(range, current, maximum)| Answer::Remapped(range, current, maximum)),
            Request::Survey(at) => self.managed.survey(at).map(Answer::Surveyed),
            Request::Written(request) => {
                special::written(&mut self.managed, &request, data).map(Answer::Count)
            }
            Request::Mark(request) => self.managed.mark(&request).map(|()| Answer::Done),
            Request::Recycle(request) => self.managed.recycle(&request).map(Answer::Survival),
            Request::Frames(request) => {
                special::frames(&mut self.managed, &mut self.lists, request, data).map(Answer::Count)
            }
            Request::Guard(request) => Ok(Answer::Count(self.watchman.serve(request, data))),
            Request::Meet(at) => self.managed.meet(at).map(|met| Answer::Count(guards(met))),
            Request::WriteUnder(at, size) => Ok(Answer::Bytes(self.write_under(at, size, data))),
        };
        encode_result(&answer)
    }

    /// Writes to one page at most.
    fn write_under(&mut self, at: u64, size: u64, data: &DataArea<'_>) -> u64 {
        let mut bytes = [0; PAGE as usize];
        let bytes = &mut bytes[..size.min(PAGE - at % PAGE) as usize];
        data.read(0, bytes);
        match self.managed.machine_mut().write_under(at, bytes) {
            Ok(()) => bytes.len() as u64,
            Err(_) => 0,
        }
    }

    /// Writes runs from `at` on, free ones too, until the area is full or the user
    /// range ends; answers how many.
    fn runs(&self, at: u64, data: &DataArea<'_>) -> Result<u64, Error> {
        let mut at = at;
        let mut count = 0;
        while at < self.managed.space().geometry().user_end() && (count + 1) * RECORD * 8 <= DATA_LEN {
            let info = self.managed.query(at)?;
            for (offset, word) in encode_info(&info).into_iter().enumerate() {
                data.write(count * RECORD + offset, &word.to_ne_bytes());
            }
            at = info.base.saturating_add(info.size);
            count += 1;
        }
        Ok(count as u64)
    }

    fn stats(&self, overhead: u64) -> Stats {
        let space = self.managed.space();
        Stats {
            regions: space.region_count() as u64,
            committed: space.charge().used(),
            limit: space.charge().limit(),
            strategy: self.managed.machine().choice().strategy as u64,
            overhead,
        }
    }
}

/// How many guards were met.
const fn guards(met: Meeting) -> u64 {
    match met {
        Meeting::Guard(_) => 1,
        Meeting::Nothing => 0,
    }
}

/// The list of mappings; kept open, since nobody else has this descriptor table.
fn maps() -> MapsFile {
    sys::open(c"/proc/thread-self/maps", OpenMode::Read).map_or(MapsFile::OnDemand, MapsFile::Held)
}
