//! The line to a resident that was found.

use pagewright_core::Info;
use pagewright_core::wire::{Frame, LEASE, Lease, RECORD, decode_info};
use pagewright_linux::ring::{Client, RingError, SLOTS, State};
use pagewright_linux::sys::{self, Fd};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, IntoRawFd, OwnedFd};
use rustix::fs::OFlags;

use crate::target::{Target, status_field};

/// What the resident calls its thread; how one is found among the target's threads.
pub(super) const THREAD_NAME: &str = "pagewright";

/// What one calls itself that could not start.
pub(super) const FAILED_NAME: &str = "pagewright-fail";

/// The slots that their callers keep between calls, which saves two system calls each time. The
/// others are had for one call, so that handles that do nothing keep nobody out.
const KEPT: usize = SLOTS / 2;

/// How long to wait for a slot of the mailbox before saying that it is busy.
const PATIENCE_NS: u64 = 1_000_000_000;

/// How long a request may take in a process that runs: locking many gigabytes into
/// memory takes seconds, and a machine may be overloaded.
const ANSWER_NS: u64 = 60_000_000_000;

/// How long to wait for a process that job control, a tracer or a freezer has stopped.
const STOPPED_NS: u64 = 2_000_000_000;

/// The mailbox of one resident.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    /// The slot that was had last.
    slot: usize,
    info: pagewright_linux::ring::Info,
    tid: i32,
    /// `/proc/PID/task/TID`: stays bound to the thread, and fails once it is gone.
    thread: OwnedFd,
    pidfd: OwnedFd,
}

/// Why a resident did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is not there any more.
    Dead,
    /// It, or its mailbox, is busy for longer than anybody should wait.
    Busy,
    /// What it says makes no sense.
    Nonsense,
}

impl From<RingError> for Broken {
    fn from(error: RingError) -> Self {
        match error {
            RingError::Gone | RingError::Stopped | RingError::NotReady | RingError::Inherited => Self::Dead,
            RingError::Busy | RingError::Unanswered => Self::Busy,
            RingError::NotARing | RingError::Version(_) | RingError::Protocol | RingError::Kernel(_) => {
                Self::Nonsense
            }
        }
    }
}

impl Link {
    /// Opens the mailbox of the thread `tid`, if that is a resident and ready.
    pub(super) fn open(target: &Target, tid: i32) -> Result<Self, RingError> {
        let gone = |_| RingError::Gone;
        let path = format!("task/{tid}");
        let thread = target.open_file(&path, OFlags::PATH | OFlags::DIRECTORY).map_err(gone)?;
        let mailbox =
            target.open_file(&format!("{path}/fd/0"), OFlags::RDWR).map_err(|_| RingError::NotReady)?;
        // SAFETY: the number comes out of an owner that gave it up, so it is open and ours.
        let client = Client::open(unsafe { Fd::from_raw(mailbox.into_raw_fd()) })?;
        let info = client.info()?;
        match info.state {
            State::Ready => {}
            State::Starting => return Err(RingError::NotReady),
            State::Stopping | State::Parked => return Err(RingError::Stopped),
            State::Failed => return Err(RingError::Protocol),
        }
        if !is_called(target, tid, info.tid) {
            return Err(RingError::NotReady);
        }
        let pidfd = target.pidfd.try_clone().map_err(|_| RingError::Busy)?;
        Ok(Self { client, slot: 0, info, tid, thread, pidfd })
    }

    /// What the thread `tid` says of itself, if it is a resident that has parked.
    pub(super) fn parked(target: &Target, tid: i32) -> Option<pagewright_linux::ring::Info> {
        let name = target.read(&format!("task/{tid}/comm")).ok()?;
        if !name.starts_with(THREAD_NAME) {
            return None;
        }
        let mailbox = target.open_file(&format!("task/{tid}/fd/0"), OFlags::RDWR).ok()?;
        // SAFETY: the number comes out of an owner that gave it up, so it is open and ours.
        let client = Client::open(unsafe { Fd::from_raw(mailbox.into_raw_fd()) }).ok()?;
        client.info().ok().filter(|info| info.state == State::Parked && is_called(target, tid, info.tid))
    }

    pub(super) fn tid(&self) -> u32 {
        self.tid.unsigned_abs()
    }

    /// What it said about itself when it was found.
    pub(super) fn info(&self) -> &pagewright_linux::ring::Info {
        &self.info
    }

    pub(super) fn uptime_ms(&self) -> u64 {
        sys::monotonic_nanos().saturating_sub(self.info.started) / 1_000_000
    }

    /// Whether the thread is still there, in a process that has not ended.
    pub(super) fn is_alive(&self) -> bool {
        condition(&self.thread, &self.pidfd) != Condition::Gone
            && self.client.info().is_ok_and(|info| info.state == State::Ready)
    }

    /// Whether the line belongs to the parent of this forked process.
    pub(super) fn is_inherited(&self) -> bool {
        matches!(self.client.info(), Err(RingError::Inherited))
    }

    /// Asks, and waits for the answer as long as there can be one.
    pub(super) fn call(&mut self, request: &Frame) -> Result<Frame, Broken> {
        self.claim()?;
        let (thread, pidfd) = (&self.thread, &self.pidfd);
        let start = sys::monotonic_nanos();
        let mut late = false;
        let alive = || {
            let patience = match condition(thread, pidfd) {
                Condition::Gone => return false,
                Condition::Running => ANSWER_NS,
                Condition::Stopped => STOPPED_NS,
            };
            late = sys::monotonic_nanos().saturating_sub(start) > patience;
            !late
        };
        let answer = self.client.call(request, alive);
        match answer {
            Ok(frame) => Ok(frame),
            Err(_) if late => Err(Broken::Busy),
            Err(RingError::Unanswered) => Err(Broken::Dead),
            Err(error) => Err(error.into()),
        }
    }

    fn claim(&mut self) -> Result<(), RingError> {
        if self.client.slot().is_none() && !self.client.claim(self.slot)? {
            self.slot = self.client.claim_any(PATIENCE_NS)?;
        }
        Ok(())
    }

    /// After a call, and after what its answer left in the slot was read: gives the slot
    /// back if it is one of those that are not kept.
    pub(super) fn rest(&mut self) {
        if self.client.slot().is_some_and(|slot| slot >= KEPT) {
            // A refusal leaves it to the kernel, which gives it back with the descriptor.
            let _ = self.client.release();
        }
    }

    /// The runs that the last answer left in the data area; `None` if they make no sense.
    pub(super) fn records(&self, count: u64) -> Option<Vec<Info>> {
        self.words(count)?.iter().map(decode_info).collect()
    }

    /// As [`Self::records`], leases.
    pub(super) fn leases(&self, count: u64) -> Option<Vec<Lease>> {
        self.words(count)?.iter().map(Lease::decode).collect()
    }

    /// As [`Self::records`], plain numbers.
    pub(super) fn numbers(&self, count: u64) -> Option<Vec<u64>> {
        self.client.data_words(usize::try_from(count).ok()?).ok()?
    }

    /// The records of eight words that the last answer left.
    fn words(&self, count: u64) -> Option<Vec<[u64; RECORD]>> {
        let words = self.area(usize::try_from(count).ok()?.checked_mul(RECORD * 8)?)?;
        let (records, _) = words.as_chunks::<RECORD>();
        Some(records.to_vec())
    }

    /// So many bytes of the data area, as words.
    fn area(&self, bytes: usize) -> Option<Vec<u64>> {
        if bytes > self.client.data_len() {
            return None;
        }
        let mut area = vec![0; bytes];
        if self.client.copy_data_out(&mut area).ok()? != bytes {
            return None;
        }
        let (words, _) = area.as_chunks::<8>();
        Some(words.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect())
    }

    /// Leaves leases in the data area for the next call.
    pub(super) fn leave(&mut self, leases: &[Lease]) -> Result<(), Broken> {
        let words: Vec<u64> = leases.iter().flat_map(Lease::encode).collect();
        self.leave_numbers(&words)
    }

    /// Leaves numbers in the data area for the next call.
    pub(super) fn leave_numbers(&mut self, words: &[u64]) -> Result<(), Broken> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.leave_bytes(&bytes)
    }

    /// The same for bytes.
    pub(super) fn leave_bytes(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.claim()?;
        let (thread, pidfd) = (&self.thread, &self.pidfd);
        let start = sys::monotonic_nanos();
        let alive = || {
            condition(thread, pidfd) == Condition::Running
                && sys::monotonic_nanos().saturating_sub(start) < STOPPED_NS
        };
        let copied = self.client.copy_data_in(bytes, alive)?;
        if copied == bytes.len() { Ok(()) } else { Err(Broken::Nonsense) }
    }
}

const _: () = assert!(RECORD == LEASE);

/// Whether the thread `tid` is the one that has this number where it lives. A resident has a second
/// thread for guards, which has the same descriptors, and its name until it has given itself another.
fn is_called(target: &Target, tid: i32, number: u32) -> bool {
    let status = target.read(&format!("task/{tid}/status")).unwrap_or_default();
    let numbers = status_field(&status, "NSpid");
    numbers.and_then(|all| all.split_whitespace().last()?.parse().ok()).is_none_or(|last: u32| last == number)
}

/// How it stands with the resident's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// It runs, or sleeps until it is called.
    Running,
    /// Somebody has stopped it.
    Stopped,
    /// It has ended, or the whole process has.
    Gone,
}

fn condition(thread: &OwnedFd, pidfd: &OwnedFd) -> Condition {
    let mut ended = [PollFd::new(pidfd, PollFlags::IN)];
    let nothing_to_wait_for = Timespec { tv_sec: 0, tv_nsec: 0 };
    if rustix::event::poll(&mut ended, Some(&nothing_to_wait_for)).is_ok_and(|ready| ready != 0) {
        return Condition::Gone;
    }
    // A thread that has ended has no files to look at; a process that called `exec`
    // has no thread of this number.
    rustix::fs::openat(thread.as_fd(), "stat", OFlags::RDONLY | OFlags::CLOEXEC, rustix::fs::Mode::empty())
        .and_then(|stat| {
            let mut text = [0; 256];
            let length = rustix::io::read(stat, &mut text)?;
            Ok(state(&text[..length]))
        })
        .unwrap_or(Condition::Gone)
}

/// What a line of `stat` says, behind the name, which ends with the last parenthesis.
fn state(stat: &[u8]) -> Condition {
    let behind = stat.iter().rposition(|byte| *byte == b')').map(|at| &stat[at + 1..]);
    match behind.and_then(|rest| rest.get(1)) {
        None | Some(b'Z' | b'X' | b'x') => Condition::Gone,
        Some(b'T' | b't') => Condition::Stopped,
        Some(_) => Condition::Running,
    }
}
