//! Another process: its resident if there is one, else what the kernel tells.
//!
//! ```text
//!   query, regions      the resident, if it is there; else /proc: nothing of ours is in the process
//!   read, write, poke   the kernel copies; the resident is told where a copy stopped: a guard that
//!                       stands there is gone then, or written under
//!   free                the resident, if it is there, or was in the parent of a forked child, whose
//!                       copy of the map is then adopted; else there is nothing to free
//!   allocate, protect,  the resident, which is placed first if need be
//!   lock, set_limit
//! ```
//!
//! Locks, outermost first: `Remote::link`, then the advisory lock on `/proc/PID`
//! that serialises attaching and detaching between callers.

mod attach;
mod guard;
mod lease;
mod link;
mod mapping;
mod outside;
mod special;

pub use guard::GuardHits;

use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pagewright_core::wire::{Answer, Request, Stats, decode_result};
use pagewright_core::{
    AddressSpace, Alias, Allocate, CopyRange, Error as CoreError, Free, Geometry, Info, Kind, Lock, Machine,
    PageRange, Protect, Protection, State, Verb, Wiring,
};
use pagewright_linux::sys::Errno;
use rustix::fs::OFlags;

use crate::copy::{self, committed};
use crate::error::{Error, Result};
use crate::own::strategy_name;
use crate::process::{Attached, Leftovers, Status};
use crate::target::{State as TargetState, Target, TargetError};
use link::{Broken, Link};
use outside::Outside;

/// A process that is not ours.
#[derive(Debug)]
pub(crate) struct Remote {
    target: Target,
    /// The mailbox of its resident, once found.
    link: Mutex<Option<Link>>,
    /// The number of the last guard hit that was taken by way of this handle.
    taken: AtomicU64,
}

/// The link, in use by one call.
struct Held<'a>(MutexGuard<'a, Option<Link>>);

impl Deref for Held<'_> {
    type Target = Option<Link>;

    fn deref(&self) -> &Option<Link> {
        &self.0
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Option<Link> {
        &mut self.0
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(link) = &mut *self.0 {
            link.rest();
        }
    }
}

/// How often a call is made again because the resident went away.
const TRIES: u32 = 4;

/// Whether a call may place the resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placing {
    IfMissing,
    /// Only where a forked child has the map of its parent.
    IfInherited,
    Never,
}

impl Remote {
    pub(crate) fn open(pid: u32) -> Result<Self> {
        let number = i32::try_from(pid).unwrap_or(-1);
        let target = Target::open(number).map_err(|error| match error {
            // Named by the number that was given, which may be larger than any pid.
            TargetError::NoSuchProcess { .. } => Error::because(
                Verb::Attach,
                Kind::NoProcess,
                pid,
                format!(
                    "there is no process {pid}; give the pid of a live process (not of one of its threads)"
                ),
            ),
            TargetError::Failed { errno: libc::ENOSYS, .. } => {
                Error::because(Verb::Attach, Kind::Unsupported, pid, error)
            }
            TargetError::Failed { .. } => Error::because(Verb::Attach, Kind::AccessDenied, pid, error),
        })?;
        if target.is_kernel_thread() {
            let sentence =
                format!("process {pid} is a kernel thread and has no user memory; give the pid of a program");
            return Err(Error::because(Verb::Attach, Kind::AccessDenied, pid, sentence));
        }
        Ok(Self { target, link: Mutex::new(None), taken: AtomicU64::new(0) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.target.pid.unsigned_abs()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.target.is_ended()
    }

    pub(crate) fn check_access(&self) -> Result<()> {
        self.target.may_trace().map_err(|errno| self.cannot_open(Verb::Attach, errno))
    }

    pub(crate) fn allocate(&self, request: &Allocate) -> Result<PageRange> {
        self.expect_range(Verb::Allocate, &Request::Allocate(*request), Placing::IfMissing)
    }

    pub(crate) fn free(&self, request: &Free) -> Result<PageRange> {
        match self.ask(Verb::Free, &Request::Free(*request), Placing::IfInherited)? {
            Some(Answer::Range(range)) => Ok(range),
            Some(_) => Err(self.nonsense(Verb::Free)),
            None => self.free_nothing(request),
        }
    }

    pub(crate) fn protect(&self, request: &Protect) -> Result<Protection> {
        match self.ask(Verb::Protect, &Request::Protect(*request), Placing::IfMissing)? {
            Some(Answer::Protection(old)) => Ok(old),
            Some(_) | None => Err(self.nonsense(Verb::Protect)),
        }
    }

    pub(crate) fn lock(&self, request: &Lock) -> Result<PageRange> {
        let verb = match request.wiring {
            Wiring::Wired => Verb::Lock,
            Wiring::Pageable => Verb::Unlock,
        };
        self.expect_range(verb, &Request::Lock(*request), Placing::IfMissing)
    }

    pub(crate) fn alias(&self, request: &Alias) -> Result<PageRange> {
        self.expect_range(Verb::Alias, &Request::Alias(*request), Placing::IfMissing)
    }

    pub(crate) fn copy_range(&self, request: &CopyRange) -> Result<u64> {
        match self.ask(Verb::Copy, &Request::Copy(*request), Placing::IfMissing)? {
            Some(Answer::Bytes(bytes)) => Ok(bytes),
            Some(_) | None => Err(self.nonsense(Verb::Copy)),
        }
    }

    pub(crate) fn query(&self, at: u64) -> Result<Info> {
        match self.ask(Verb::Query, &Request::Query(at), Placing::Never)? {
            Some(Answer::Info(info)) => Ok(info),
            Some(_) => Err(self.nonsense(Verb::Query)),
            None => self.query_outside(&self.outside()?, at),
        }
    }

    pub(crate) fn runs(&self) -> Result<Vec<Info>> {
        let end = Geometry::X86_64.user_end();
        let (mut runs, mut at) = (Vec::new(), 0);
        while at < end {
            let batch = self.batch(at)?;
            let Some(last) = batch.last() else { return Err(self.nonsense(Verb::Query)) };
            // Every run has bytes and does not wrap (the decoder saw to it); one that
            // does not lead on would never end.
            let next = last.base + last.size;
            if next <= at {
                return Err(self.nonsense(Verb::Query));
            }
            at = next;
            runs.extend(batch.into_iter().filter(|info| info.state != State::Free));
        }
        Ok(runs)
    }

    /// As many runs from `at` on as one message holds.
    fn batch(&self, at: u64) -> Result<Vec<Info>> {
        let mut link = self.lock_link();
        match self.ask_on(&mut link, Verb::Query, &Request::Runs(at), Placing::Never)? {
            Some(Answer::Count(count)) => {
                let records = link.as_mut().map(|link| link.records(count)).unwrap_or_default();
                records.ok_or_else(|| self.nonsense(Verb::Query))
            }
            Some(_) => Err(self.nonsense(Verb::Query)),
            None => self.batch_outside(at),
        }
    }

    /// All runs from `at` on, from outside.
    fn batch_outside(&self, at: u64) -> Result<Vec<Info>> {
        let outside = self.outside()?;
        let (mut batch, mut at) = (Vec::new(), at);
        while at < Geometry::X86_64.user_end() {
            let info = self.query_outside(&outside, at)?;
            at = info.base + info.size.max(Geometry::X86_64.page);
            batch.push(info);
        }
        Ok(batch)
    }

    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Result<usize> {
        let copied = self.copy(|pid| copy::read(pid, at, into));
        // The number of a process that has not ended cannot have changed hands, so
        // asking afterwards proves whose memory it was.
        if self.target.is_ended() {
            return Err(self.gone(Verb::Read));
        }
        let done = copied.map_err(|error| self.cannot_copy(Verb::Read, error))?;
        self.met_by_copy(Verb::Read, at, done, into.len());
        Ok(done)
    }

    pub(crate) fn write(&self, at: u64, from: &[u8]) -> Result<usize> {
        if self.target.is_ended() {
            return Err(self.gone(Verb::Write));
        }
        let copied = self.copy(|pid| copy::write(pid, at, from));
        let done = copied.map_err(|error| self.cannot_copy(Verb::Write, error))?;
        self.met_by_copy(Verb::Write, at, done, from.len());
        Ok(done)
    }

    /// Copies by way of the first thread; if that has ended before the others, of another one.
    fn copy(
        &self,
        mut copy: impl FnMut(i32) -> std::result::Result<usize, Errno>,
    ) -> std::result::Result<usize, Errno> {
        match copy(self.target.pid) {
            Err(Errno::ESRCH) if !self.target.is_ended() => copy(self.target.thread_with_memory()),
            copied => copied,
        }
    }

    pub(crate) fn poke(&self, at: u64, from: &[u8]) -> Result<usize> {
        let from = &from[..committed(from.len(), at, |at| self.query(at))?];
        let memory = self.target.open_memory("mem", OFlags::WRONLY);
        let memory = File::from(memory.map_err(|errno| self.cannot_open(Verb::Write, errno))?);
        // A hole is an error of the first byte, and a short count later on.
        let mut done = memory.write_at(from, at).unwrap_or(0);
        while done < from.len() {
            let under = self.write_under(at + done as u64, &from[done..]);
            if under == 0 {
                break;
            }
            done += under;
            done += memory.write_at(&from[done..], at + done as u64).unwrap_or(0);
        }
        Ok(done)
    }

    pub(crate) fn set_limit(&self, bytes: u64) -> Result<()> {
        match self.ask(Verb::Allocate, &Request::SetLimit(bytes), Placing::IfMissing)? {
            Some(Answer::Done) => Ok(()),
            Some(_) | None => Err(self.nonsense(Verb::Allocate)),
        }
    }

    pub(crate) fn attach(&self) -> Result<Attached> {
        let mut link = self.lock_link();
        self.drop_dead(&mut link);
        if let Some(link) = &*link {
            return Ok(Attached { tid: link.tid(), found: true, stopped_ns: 0 });
        }
        self.place(&mut link)
    }

    pub(crate) fn status(&self) -> Result<Status> {
        let mut link = self.lock_link();
        let stats = match self.ask_on(&mut link, Verb::Query, &Request::Stats, Placing::Never)? {
            Some(Answer::Stats(stats)) => Some(stats),
            Some(_) => return Err(self.nonsense(Verb::Query)),
            None => None,
        };
        if stats.is_none() {
            self.target.may_inspect().map_err(|errno| self.cannot_open(Verb::Query, errno))?;
        }
        let link = link.as_ref().filter(|_| stats.is_some());
        let Stats { regions, committed, limit, strategy, overhead } = stats.unwrap_or_default();
        Ok(Status {
            attached: link.is_some(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tid: link.map_or(0, Link::tid),
            regions,
            committed,
            limit,
            overhead,
            uptime_ms: link.map_or(0, Link::uptime_ms),
            strategy: link.map_or("", |_| strategy_name(strategy)).to_owned(),
        })
    }

    pub(crate) fn detach(&self, leftovers: Leftovers) -> Result<()> {
        let mut link = self.lock_link();
        self.drop_dead(&mut link);
        if link.is_none() {
            *link = self.find()?;
        }
        if link.is_none() && self.has_orphan() {
            // Only a resident knows all that is to be taken out with it.
            self.place(&mut link)?;
        }
        if link.is_none() {
            // Who may not trace it cannot see whether there is one.
            if self.target.is_ended() {
                return Err(self.gone(Verb::Attach));
            }
            self.check_access()?;
            return self.sweep();
        }
        if leftovers == Leftovers::Release {
            self.ask_on(&mut link, Verb::Free, &Request::ReleaseAll, Placing::Never)?;
        }
        if let Some(link) = link.take() {
            self.remove(link)?;
        }
        if self.target.is_ended() { Ok(()) } else { self.sweep() }
    }

    fn expect_range(&self, verb: Verb, request: &Request, placing: Placing) -> Result<PageRange> {
        match self.ask(verb, request, placing)? {
            Some(Answer::Range(range)) => Ok(range),
            Some(_) | None => Err(self.nonsense(verb)),
        }
    }

    fn ask(&self, verb: Verb, request: &Request, placing: Placing) -> Result<Option<Answer>> {
        self.ask_on(&mut self.lock_link(), verb, request, placing)
    }

    /// Asks the resident; `None` if there is none and none may be placed.
    ///
    /// A resident that is gone was ended by `exec`, or taken out by another caller;
    /// either way the map that it held is gone too, and a fresh one is the truth.
    fn ask_on(
        &self,
        link: &mut Option<Link>,
        verb: Verb,
        request: &Request,
        placing: Placing,
    ) -> Result<Option<Answer>> {
        for _ in 0..TRIES {
            if link.is_none() {
                *link = self.find()?;
            }
            if link.is_none() {
                match placing {
                    Placing::Never | Placing::IfInherited if self.target.is_ended() => {
                        return Err(self.gone(verb));
                    }
                    Placing::Never => return Ok(None),
                    Placing::IfInherited if !self.has_orphan() => return Ok(None),
                    Placing::IfMissing | Placing::IfInherited => {
                        self.place(link)?;
                    }
                }
            }
            let Some(open) = link.as_mut() else { break };
            match open.call(&request.encode()) {
                Ok(frame) => {
                    return decode_result(&frame, verb).map(Some).map_err(|error| self.refused(error));
                }
                Err(Broken::Dead) => *link = None,
                Err(Broken::Busy) => return Err(self.not_answering(verb)),
                Err(Broken::Nonsense) => return Err(self.nonsense(verb)),
            }
        }
        Err(self.restless(verb))
    }

    fn lock_link(&self) -> Held<'_> {
        // The link is replaced as a whole, so a panic elsewhere leaves it usable.
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.as_ref().is_some_and(Link::is_inherited) {
            // This is a forked child: the slot belongs to the parent.
            *link = None;
        }
        Held(link)
    }

    fn drop_dead(&self, link: &mut Option<Link>) {
        if link.as_ref().is_some_and(|link| !link.is_alive()) {
            *link = None;
        }
    }

    fn outside(&self) -> Result<Outside> {
        Outside::open(&self.target).map_err(|errno| self.cannot_open(Verb::Query, errno))
    }

    /// What stands at `at` in a process where nothing is ours.
    fn query_outside(&self, outside: &Outside, at: u64) -> Result<Info> {
        let empty = AddressSpace::new(outside.geometry(), 0);
        empty.query(outside, at).map_err(|error| self.refused(error))
    }

    /// Why there is nothing to free in a process without a resident.
    fn free_nothing(&self, request: &Free) -> Result<PageRange> {
        let mut outside = self.outside()?;
        let empty = AddressSpace::new(outside.geometry(), 0);
        match empty.free(&mut outside, request) {
            Ok(_) => Err(self.nonsense(Verb::Free)),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: CoreError) -> Error {
        if self.target.is_ended() { self.gone(error.verb) } else { Error::of(error, self.pid()) }
    }

    fn gone(&self, verb: Verb) -> Error {
        let sentence = format!("process {} has ended; give the pid of a live process", self.pid());
        Error::because(verb, Kind::Gone, self.pid(), sentence)
    }

    /// Whatever is placed in it is gone at once.
    fn restless(&self, verb: Verb) -> Error {
        if self.target.is_ended() {
            return self.gone(verb);
        }
        let pid = self.pid();
        let sentence = format!(
            "the resident in process {pid} keeps going away: the process ends, starts other programs, or \
             is detached by another caller; try again"
        );
        Error::because(verb, Kind::Busy, pid, sentence)
    }

    fn nonsense(&self, verb: Verb) -> Error {
        let pid = self.pid();
        let sentence =
            format!("the resident in process {pid} answered nonsense; detach from {pid}, and try again");
        Error::because(verb, Kind::Protocol, pid, sentence)
    }

    fn not_answering(&self, verb: Verb) -> Error {
        let pid = self.pid();
        let sentence = match self.target.state() {
            TargetState::Stopped => {
                format!("process {pid} is stopped by job control; continue it (kill -CONT {pid}) first")
            }
            TargetState::Traced { by } => {
                format!("process {pid} is held by its tracer, process {by}; let that continue it first")
            }
            TargetState::Ended => return self.gone(verb),
            TargetState::Live => format!("the resident in process {pid} did not answer in time; try again"),
        };
        Error::because(verb, Kind::Busy, pid, sentence)
    }

    fn cannot_open(&self, verb: Verb, errno: rustix::io::Errno) -> Error {
        use rustix::io::Errno as E;
        let pid = self.pid();
        if self.target.is_ended() || matches!(errno, E::SRCH | E::NOENT) {
            return self.gone(verb);
        }
        let sentence = format!("process {pid} may not be accessed ({errno}); act as its owner or as root");
        Error::because(verb, Kind::AccessDenied, pid, sentence)
    }

    fn cannot_copy(&self, verb: Verb, errno: Errno) -> Error {
        if errno == Errno::ESRCH {
            return self.gone(verb);
        }
        let pid = self.pid();
        let sentence =
            format!("memory of process {pid} may not be copied ({errno}); act as its owner or as root");
        Error::because(verb, Kind::AccessDenied, pid, sentence)
    }
}
