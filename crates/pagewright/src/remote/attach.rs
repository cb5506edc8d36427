//! Finding the resident, placing it, and taking it out.

use std::time::{Duration, Instant};

use pagewright_core::wire::{Frame, OPERATIONS, decode_result};
use pagewright_core::{Kind, Verb};
use pagewright_linux::machine::{Faults, Freezing, Strategy, WatchWay};
use pagewright_linux::ring::{RING_LEN, RingError};
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::link::{FAILED_NAME, Link, THREAD_NAME};
use super::{Broken, Remote, TRIES};
use crate::error::{Error, Result};
use crate::inject::{self, InjectError, Injected, Orphan, Plan, Reason};
use crate::own::{chosen, chosen_faults, chosen_freezing, chosen_watch};
use crate::process::Attached;

/// The resident's program, built and embedded by this crate's build script.
const RESIDENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/resident.elf"));

/// Bytes of stack that the resident gets.
const STACK: usize = 64 << 10;

/// How long a resident may take to get ready. It needs a few microseconds; a machine
/// that is overloaded may not give it those at once.
const READY: Duration = Duration::from_secs(5);

/// How long another caller may take to attach or to detach; and how often to look.
const OTHERS: Duration = Duration::from_secs(7);
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// The most that a resident's own memory can be.
const LARGEST_REGION: u64 = 64 << 20;

/// The request that makes a resident give back what it holds and park.
const STOP: u64 = OPERATIONS + 2;

/// In the first argument of a resident: commit by `mprotect`; go on with an inherited map.
const FORCE_MPROTECT: u64 = 1;
const ADOPT: u64 = 2;
/// And whose stores it may hold back.
const FREEZE_USER: u64 = 4;
const FREEZE_NONE: u64 = 8;
/// And what of userfaultfd it uses for guards and watched memory.
const FAULTS_PLAIN: u64 = 16;
const FAULTS_NONE: u64 = 32;
/// And that stores are to be noted in another way than by the kernel alone.
const WATCH_FAULTS: u64 = 64;
/// See there.
const WATCH_SYNC: u64 = 128;

impl Remote {
    /// The resident of the target, whoever placed it.
    pub(super) fn find(&self) -> Result<Option<Link>> {
        let Ok(mut threads) = self.target.threads() else { return Ok(None) };
        // Younger threads last; the resident is most often the youngest.
        threads.sort_unstable();
        for tid in threads.into_iter().rev() {
            let name = self.target.read(&format!("task/{tid}/comm"));
            if !name.is_ok_and(|name| name.trim_end() == THREAD_NAME) {
                continue;
            }
            match Link::open(&self.target, tid) {
                Ok(link) => return Ok(Some(link)),
                Err(RingError::Version(_)) => return Err(self.other_version()),
                Err(RingError::Busy) => return Err(self.not_answering(Verb::Attach)),
                // A thread that only has the name, or a resident on its way in or out.
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Whether the target has, as a forked child, the map of its parent's resident, and
    /// no thread that serves it. The kernel is asked, and the target not disturbed.
    pub(super) fn has_orphan(&self) -> bool {
        inject::orphan(&self.target, RESIDENT).is_some()
    }

    /// Places the resident, unless somebody else does so first; once more if the process
    /// starts another program meanwhile.
    pub(super) fn place(&self, link: &mut Option<Link>) -> Result<Attached> {
        for _ in 0..TRIES {
            match self.place_once(link) {
                Err(error) if error.kind() == Kind::Gone && !self.target.is_ended() => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                done => return done,
            }
        }
        Err(self.restless(Verb::Attach))
    }

    fn place_once(&self, link: &mut Option<Link>) -> Result<Attached> {
        let _serialised = self.serialise()?;
        if let Some(found) = self.find()? {
            let tid = found.tid();
            *link = Some(found);
            return Ok(Attached { tid, found: true, stopped_ns: 0 });
        }
        if RESIDENT.is_empty() {
            let sentence = "this build of Pagewright has no resident; build it on x86-64 Linux";
            return Err(Error::because(Verb::Attach, Kind::Unsupported, self.pid(), sentence));
        }
        let orphan = inject::orphan(&self.target, RESIDENT);
        let placed = self.start(orphan).map_err(|error| self.cannot_attach(&error))?;
        let opened = match self.wait_ready(placed.tid) {
            Ok(opened) => opened,
            Err(error) => {
                // It parks when it cannot start; take it out again, and report the start.
                // What was inherited stays: it may hold the map still.
                let region = placed.base..placed.base.saturating_add(placed.len);
                let ranges = if orphan.is_some() { &[][..] } else { std::slice::from_ref(&region) };
                let _ = inject::remove(&self.target, placed.tid, ranges);
                return Err(error);
            }
        };
        *link = Some(opened);
        let stopped_ns = u64::try_from(placed.stopped.as_nanos()).unwrap_or(u64::MAX);
        Ok(Attached { tid: placed.tid.unsigned_abs(), found: false, stopped_ns })
    }

    /// Starts the resident on what the target inherited, or on memory of its own.
    fn start(&self, orphan: Option<Orphan>) -> std::result::Result<Injected, InjectError> {
        let plan = |flags| Plan { blob: RESIDENT, stack: STACK, tail: 0, args: [flags, 0, 0, 0] };
        let freezing = match chosen_freezing() {
            Some(Freezing::User) => FREEZE_USER,
            Some(Freezing::None) => FREEZE_NONE,
            Some(Freezing::Full) | None => 0,
        };
        let faults = match chosen_faults() {
            Faults::Plain => FAULTS_PLAIN,
            Faults::None => FAULTS_NONE,
            Faults::Probed => 0,
        };
        let watch = match chosen_watch() {
            Some(WatchWay::Mprotect) => WATCH_FAULTS,
            Some(WatchWay::Sync) => WATCH_SYNC,
            Some(WatchWay::Async) | None => 0,
        };
        let strategy = match chosen().strategy {
            Strategy::Mprotect => FORCE_MPROTECT,
            Strategy::Markers => 0,
        };
        match orphan {
            Some(orphan) => inject::adopt(&self.target, &plan(ADOPT), orphan),
            None => inject::inject(&self.target, &plan(strategy | freezing | faults | watch)),
        }
    }

    fn wait_ready(&self, tid: i32) -> Result<Link> {
        let start = Instant::now();
        loop {
            let error = match self.open_named(tid) {
                Ok(link) => return Ok(link),
                Err(error) => error,
            };
            if error == RingError::Gone || self.target.is_ended() {
                return Err(self.gone(Verb::Attach));
            }
            let may_come = matches!(error, RingError::NotReady | RingError::NotARing);
            if !may_come || start.elapsed() >= READY {
                let pid = self.pid();
                let sentence = format!("the resident was placed in process {pid} but did not start: {error}");
                return Err(Error::because(Verb::Attach, Kind::Protocol, pid, sentence));
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    /// Opens the mailbox of a resident that was just placed. Until it has its name it
    /// shares the target's descriptors, which are not to be opened.
    fn open_named(&self, tid: i32) -> std::result::Result<Link, RingError> {
        let name = self.target.read(&format!("task/{tid}/comm")).map_err(|_| RingError::Gone)?;
        match name.trim_end() {
            THREAD_NAME => Link::open(&self.target, tid),
            FAILED_NAME => Err(RingError::Stopped),
            _ => Err(RingError::NotReady),
        }
    }

    /// Removes residents that were told to stop by a caller that died before it could
    /// take them out.
    pub(super) fn sweep(&self) -> Result<()> {
        let _serialised = self.serialise()?;
        for tid in self.target.threads().unwrap_or_default() {
            let Some(info) = Link::parked(&self.target, tid) else { continue };
            if info.ring.1 != RING_LEN as u64 || info.region.1 > LARGEST_REGION {
                continue;
            }
            let ranges = [info.ring, info.region].map(|(base, len)| base..base.saturating_add(len));
            // The next detach tries again what does not work now.
            let _ = inject::remove(&self.target, tid, &ranges);
        }
        Ok(())
    }

    /// Stops the resident and removes its thread and its memory.
    pub(super) fn remove(&self, mut link: Link) -> Result<()> {
        let _serialised = self.serialise()?;
        // Whether it may be traced decides, before anything is given up.
        self.check_access()?;
        let mut request: Frame = [0; 16];
        request[0] = STOP;
        match link.call(&request) {
            Ok(answer) => {
                // It stays when it holds what the program could not do without.
                decode_result(&answer, Verb::Attach).map_err(|error| self.refused(error))?;
            }
            Err(Broken::Dead) => {}
            Err(Broken::Busy) => return Err(self.not_answering(Verb::Attach)),
            Err(Broken::Nonsense) => return Err(self.nonsense(Verb::Attach)),
        }
        let (tid, info) = (link.tid(), *link.info());
        drop(link);
        self.await_parking(tid.cast_signed());
        let plausible = info.ring.1 == RING_LEN as u64 && info.region.1 <= LARGEST_REGION;
        if !plausible {
            return Err(self.nonsense(Verb::Attach));
        }
        let ranges = [info.ring, info.region].map(|(base, len)| base..base.saturating_add(len));
        match inject::remove(&self.target, tid.cast_signed(), &ranges) {
            Ok(()) => Ok(()),
            Err(_) if self.target.is_ended() => Ok(()),
            // Somebody else took it out, or the process started another program.
            Err(error) if matches!(error.reason, Reason::NoSuchProcess | Reason::Died) => Ok(()),
            Err(error) => Err(self.cannot_attach(&error)),
        }
    }

    /// The resident answers first and gives back what it holds then: taken out before it has
    /// parked, it would leave its heap behind.
    fn await_parking(&self, tid: i32) {
        let start = Instant::now();
        let is_there = || self.target.open_file(&format!("task/{tid}"), OFlags::PATH).is_ok();
        while Link::parked(&self.target, tid).is_none() && is_there() && start.elapsed() < OTHERS {
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Keeps other callers from attaching or detaching at the same time. The kernel
    /// gives the lock back when this process dies; a caller that is stopped keeps it, so
    /// nobody waits for ever.
    fn serialise(&self) -> Result<OwnedFd> {
        let directory = self.target.open_file(".", OFlags::RDONLY | OFlags::DIRECTORY);
        let directory = directory.map_err(|errno| self.cannot_open(Verb::Attach, errno))?;
        let start = Instant::now();
        loop {
            match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(directory),
                Err(Errno::WOULDBLOCK) if start.elapsed() < OTHERS => std::thread::sleep(LOOK_AGAIN),
                Err(Errno::WOULDBLOCK) => return Err(self.crowded()),
                Err(errno) => return Err(self.cannot_open(Verb::Attach, errno)),
            }
        }
    }

    fn crowded(&self) -> Error {
        let pid = self.pid();
        let sentence = format!(
            "another caller is attaching to process {pid} or leaving it, and does not finish; end that caller \
             and try again"
        );
        Error::because(Verb::Attach, Kind::Busy, pid, sentence)
    }

    fn other_version(&self) -> Error {
        let pid = self.pid();
        let sentence = format!(
            "process {pid} is attached by another version of Pagewright; detach it with that version first"
        );
        Error::because(Verb::Attach, Kind::Busy, pid, sentence)
    }

    fn cannot_attach(&self, error: &InjectError) -> Error {
        let kind = match error.reason {
            Reason::NoSuchProcess | Reason::Ended | Reason::Died => Kind::Gone,
            Reason::Bits32 => Kind::Unsupported,
            Reason::KernelThread
            | Reason::NotPermitted(_)
            | Reason::Traced { .. }
            | Reason::Stopped
            | Reason::Frozen
            | Reason::Seccomp(_) => Kind::AccessDenied,
            Reason::Busy => Kind::Busy,
            Reason::NoSyscallInstruction | Reason::BadImage(_) => Kind::Unsupported,
            // Memory, mappings or threads: the process has reached a limit of its own.
            Reason::Failed { errno: libc::ENOMEM | libc::EAGAIN, .. } => Kind::OutOfMemory,
            Reason::Failed { errno, .. } => Kind::Machine(u16::try_from(errno).unwrap_or(0)),
        };
        Error::because(Verb::Attach, kind, self.pid(), error)
    }
}
