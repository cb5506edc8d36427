//! A process whose memory can be worked on.

use std::sync::Arc;
use std::time::Duration;

use pagewright_core::{
    Alias, Allocate, AttributeRange, CopyRange, FrameCall, Free, Info, Lock, Map, Mark, PageRange, Protect,
    Protection, Recycle, Remap, Restrict, Rights, Surveyed, Survival, Unmap, WireRange, Written,
};

use pagewright_core::wire::GuardDelivery;
use pagewright_core::{Error as CoreError, Kind, Verb};

use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::own;
use crate::remote::{GuardHits, Remote};
use crate::win32::advice::{self, Advice, Span};

/// This process, or another live one.
///
/// Opening another process is harmless: nothing happens to it. Reading, writing
/// and asking go through the kernel. The first call that must run *in* the process
/// (allocate, free, protect, lock) attaches: it places the resident there, with one
/// stop of one thread for less than a millisecond; after that the process is not
/// stopped again. What was allocated belongs to the process and outlives the handle.
///
/// Cheap to clone; clones are the same handle. Holds a pidfd, so it can never mean
/// another process that got the same number later. Usable from several threads.
#[derive(Clone, Debug)]
pub struct Process {
    pub(crate) which: Which,
}

#[derive(Clone, Debug)]
pub(crate) enum Which {
    Own,
    Other(Arc<Remote>),
}

/// What happens to allocated memory when the resident leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftovers {
    /// It stays, as ordinary memory of the process; nobody remembers it.
    Keep,
    /// It is released first.
    Release,
}

/// Whether and how a process is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the resident is there. For the own process: always.
    pub attached: bool,
    /// The version of the resident (the library's own if it is not there).
    pub version: String,
    /// The resident's thread; 0 if it is not there, or for the own process.
    pub tid: u32,
    /// Regions that were allocated.
    pub regions: u64,
    /// Bytes committed.
    pub committed: u64,
    /// Bytes that may be committed.
    pub limit: u64,
    /// Bytes that the resident itself uses in the process.
    pub overhead: u64,
    /// Milliseconds since it was attached.
    pub uptime_ms: u64,
    /// How commits are made there: `markers` or `mprotect`.
    pub strategy: String,
}

/// What an attach did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The resident's thread.
    pub tid: u32,
    /// Whether it was there already, placed by an earlier caller.
    pub found: bool,
    /// How long one thread of the process stood still, in nanoseconds; 0 if found.
    pub stopped_ns: u64,
}

impl Process {
    /// This process.
    pub fn current() -> Self {
        Self { which: Which::Own }
    }

    /// The process with this id. Nothing happens to it.
    ///
    /// # Errors
    /// [`pagewright_core::Kind::NoProcess`] when there is none,
    /// [`pagewright_core::Kind::AccessDenied`] for threads of the kernel.
    pub fn open(pid: u32) -> Result<Self> {
        if pid == std::process::id() {
            return Ok(Self::current());
        }
        Ok(Self { which: Which::Other(Arc::new(Remote::open(pid)?)) })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        match &self.which {
            Which::Own => std::process::id(),
            Which::Other(remote) => remote.pid(),
        }
    }

    /// Whether this is the calling process.
    pub fn is_current(&self) -> bool {
        match self.which {
            Which::Own => true,
            Which::Other(_) => false,
        }
    }

    /// Whether it has ended: a zombie has.
    pub fn has_ended(&self) -> bool {
        match &self.which {
            Which::Own => false,
            Which::Other(remote) => remote.has_ended(),
        }
    }

    /// Whether the kernel lets this caller trace it, which every call but `query`
    /// of nothing needs. Harmless.
    ///
    /// # Errors
    /// [`pagewright_core::Kind::AccessDenied`] and a sentence that says why not;
    /// [`pagewright_core::Kind::Gone`] when it has ended.
    pub fn check_access(&self) -> Result<()> {
        match &self.which {
            Which::Own => Ok(()),
            Which::Other(remote) => remote.check_access(),
        }
    }

    /// Places the resident now rather than at the first call that needs it.
    ///
    /// # Errors
    /// A sentence that says why it cannot be done; the process is as before.
    pub fn attach(&self) -> Result<Attached> {
        match &self.which {
            Which::Own => Ok(Attached { tid: 0, found: true, stopped_ns: 0 }),
            Which::Other(remote) => remote.attach(),
        }
    }

    /// Whether the resident is there, and what it holds. Does not attach.
    ///
    /// # Errors
    /// When the process has ended or may not be looked at.
    pub fn status(&self) -> Result<Status> {
        match &self.which {
            Which::Own => Ok(own::status()),
            Which::Other(remote) => remote.status(),
        }
    }

    /// Takes the resident out again, without a trace. For a process that is not
    /// attached, and for the own process, only `Leftovers::Release` does anything.
    ///
    /// # Errors
    /// When the process has ended or may not be traced; then it is as before.
    pub fn detach(&self, leftovers: Leftovers) -> Result<()> {
        match &self.which {
            Which::Own => match leftovers {
                Leftovers::Keep => Ok(()),
                Leftovers::Release => own::release_all(),
            },
            Which::Other(remote) => remote.detach(leftovers),
        }
    }

    /// Every run of the user range that is not free, ascending: ours, and what
    /// others mapped. A picture of a moving target: the process goes on meanwhile.
    ///
    /// # Errors
    /// When the process has ended or may not be looked at.
    pub fn regions(&self) -> Result<Vec<Info>> {
        match &self.which {
            Which::Own => own::runs(),
            Which::Other(remote) => remote.runs(),
        }
    }

    /// How this process learns that one of its threads has met a guard, from now on. It attaches. For the own
    /// process see [`crate::guard`].
    ///
    /// # Errors
    /// [`pagewright_core::Kind::Unsupported`] for the own process; else when the process has ended or cannot
    /// be attached.
    pub fn set_guard_delivery(&self, delivery: GuardDelivery) -> Result<()> {
        match &self.which {
            Which::Own => Err(own_guards()),
            Which::Other(remote) => remote.set_guard_delivery(delivery),
        }
    }

    /// Who has met which guard since this handle was last asked: at once if anybody has, else with the
    /// first, else after `patience` with none. The last 256 are kept, whoever asks: callers do not take
    /// them from each other. Any thread may wait; nobody who meets a guard waits for this call.
    ///
    /// # Errors
    /// [`pagewright_core::Kind::Gone`] when the process has ended, or is not attached;
    /// [`pagewright_core::Kind::Unsupported`] for the own process, which learns of its guards by [`crate::guard`].
    pub fn guard_hits(&self, patience: Duration) -> Result<GuardHits> {
        match &self.which {
            Which::Own => Err(own_guards()),
            Which::Other(remote) => remote.guard_hits(patience),
        }
    }

    /// Says that every page touched by these bytes will be used soon, so that the kernel may
    /// bring it in. Advice: it changes nothing, and what is not there is passed over. It does not
    /// attach.
    ///
    /// # Errors
    /// [`Kind::ZeroSize`], [`Kind::BadAddress`] for the range; [`Kind::Gone`] when the process
    /// has ended.
    pub fn prefetch(&self, at: u64, size: u64) -> Result<()> {
        let fail = |kind| Error::of(CoreError::new(Verb::Query, kind, at, size), self.pid());
        let kind = if size == 0 { Kind::ZeroSize } else { Kind::BadAddress };
        let span = Span::touching(at, size, self.highest()).ok_or_else(|| fail(kind))?;
        if self.has_ended() {
            return Err(fail(Kind::Gone));
        }
        advice::give(self, &[span], Advice::WillNeed);
        Ok(())
    }

    /// Sets how many bytes may be committed. What is committed stays so.
    ///
    /// # Errors
    /// When the process has ended or cannot be attached.
    pub fn set_commit_limit(&self, bytes: u64) -> Result<()> {
        match &self.which {
            Which::Own => {
                own::set_limit(bytes);
                Ok(())
            }
            Which::Other(remote) => remote.set_limit(bytes),
        }
    }
}

fn own_guards() -> Error {
    let sentence =
        "guards of the own process are told to its handlers (see pagewright::guard); ask another process";
    Error::because(Verb::Query, Kind::Unsupported, std::process::id(), sentence)
}

impl Memory for Process {
    fn allocate(&self, request: &Allocate) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::allocate(request),
            Which::Other(remote) => remote.allocate(request),
        }
    }

    fn free(&self, request: &Free) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::free(request),
            Which::Other(remote) => remote.free(request),
        }
    }

    fn protect(&self, request: &Protect) -> Result<Protection> {
        match &self.which {
            Which::Own => own::protect(request),
            Which::Other(remote) => remote.protect(request),
        }
    }

    fn lock(&self, request: &Lock) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::lock(request),
            Which::Other(remote) => remote.lock(request),
        }
    }

    fn alias(&self, request: &Alias) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::alias(request),
            Which::Other(remote) => remote.alias(request),
        }
    }

    fn copy(&self, request: &CopyRange) -> Result<u64> {
        match &self.which {
            Which::Own => own::copy(request),
            Which::Other(remote) => remote.copy_range(request),
        }
    }

    fn map(&self, request: &Map) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::map(request),
            Which::Other(remote) => remote.map(request),
        }
    }

    fn unmap(&self, request: &Unmap) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::unmap(request),
            Which::Other(remote) => remote.unmap(request),
        }
    }

    fn restrict(&self, request: &Restrict) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::restrict(request),
            Which::Other(remote) => remote.restrict(request),
        }
    }

    fn attribute(&self, request: &AttributeRange) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::attribute(request),
            Which::Other(remote) => remote.attribute(request),
        }
    }

    fn wire_range(&self, request: &WireRange) -> Result<PageRange> {
        match &self.which {
            Which::Own => own::wire_range(request),
            Which::Other(remote) => remote.wire_range(request),
        }
    }

    fn remap(&self, request: &Remap) -> Result<(PageRange, Rights, Rights)> {
        match &self.which {
            Which::Own => own::remap(request),
            Which::Other(remote) => remote.remap(request),
        }
    }

    fn written(&self, request: &Written) -> Result<Vec<PageRange>> {
        match &self.which {
            Which::Own => own::written(request),
            Which::Other(remote) => remote.written(request),
        }
    }

    fn mark(&self, request: &Mark) -> Result<()> {
        match &self.which {
            Which::Own => own::mark(request),
            Which::Other(remote) => remote.mark(request),
        }
    }

    fn recycle(&self, request: &Recycle) -> Result<Survival> {
        match &self.which {
            Which::Own => own::recycle(request),
            Which::Other(remote) => remote.recycle(request),
        }
    }

    fn frames(&self, call: FrameCall<'_>) -> Result<Vec<u64>> {
        match &self.which {
            Which::Own => own::frames(call),
            Which::Other(remote) => remote.frames(call),
        }
    }

    fn survey(&self, at: u64) -> Result<Surveyed> {
        match &self.which {
            Which::Own => own::survey(at),
            Which::Other(remote) => remote.survey(at),
        }
    }

    fn query(&self, at: u64) -> Result<Info> {
        match &self.which {
            Which::Own => own::query(at),
            Which::Other(remote) => remote.query(at),
        }
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<usize> {
        match &self.which {
            Which::Own => own::read(at, into),
            Which::Other(remote) => remote.read(at, into),
        }
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<usize> {
        match &self.which {
            Which::Own => own::write(at, from),
            Which::Other(remote) => remote.write(at, from),
        }
    }

    fn poke(&self, at: u64, from: &[u8]) -> Result<usize> {
        match &self.which {
            Which::Own => own::poke(at, from),
            Which::Other(remote) => remote.poke(at, from),
        }
    }

    fn highest(&self) -> u64 {
        pagewright_core::Geometry::X86_64.highest
    }
}
