//! Placing a thread of ours in another process, and taking it away again.
//!
//! The target is halted once, for some 0.2 ms, and only one of its threads. That thread maps memory
//! for us and starts a new thread in it; from then on the new thread does what is to be done, and
//! the target never stops again.
//!
//! ```text
//!  caller ── checks, blob, address, thread ──┐                         (nothing is halted yet)
//!                                            ▼
//!  guardian   seize · interrupt · save ── mmap · write · mprotect · clone ── restore · detach
//!                                                                    │
//!  target     one thread: ···asleep···│ works for us               │··asleep, as before···
//!                                                                    └─▶ the new thread
//! ```
//!
//! The blob's contract: its entry point is a `syscall` instruction. The new thread comes to life
//! behind it with `rax` = 0, `rsp` = the top of its stack (16-byte aligned), `rbx` = start of the
//! mapping, `rbp` = its length, `r12` to `r15` = [`Plan::args`], every signal blocked, and the
//! other registers without meaning. The mapping holds the image, the stack and the tail, in this
//! order; all of it is writable except the image's code.
//!
//! Files: `target.rs` who; `choose` which thread; `place` where; `image` what; `session` the halt
//! itself; `orphan` what a forked child has of a resident; `restart` calls that Linux does not
//! restart; `seccomp` filters; `guardian` who holds the tracer's end; `sys` the system calls.

mod choose;
mod error;
mod guardian;
mod image;
mod orphan;
mod place;
mod restart;
mod seccomp;
mod session;
mod sys;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::target::{Bits, State, Target, status_field};

use self::choose::{Candidate, Rank};
pub(crate) use self::error::{Denied, Forbidden, InjectError, Reason};
use self::image::{Image, PAGE};
pub(crate) use self::orphan::{Orphan, orphan};
use self::session::{Job, Outcome, Place, Work};

/// How long to go on looking for a thread that can be halted.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait for another caller that is at it.
const OTHERS: Duration = Duration::from_millis(20);
/// How many addresses are tried.
const PLACES: usize = 16;
/// Room for the extended registers, AMX tiles included.
const EXTENDED: usize = 16 << 10;

/// What is to be placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// A static position-independent ELF file; see the module's text for its contract.
    pub(crate) blob: &'a [u8],
    /// Bytes of stack for the new thread; rounded up to whole pages.
    pub(crate) stack: usize,
    /// Bytes of zeroed memory behind the stack, for whatever the caller likes; rounded up to whole
    /// pages.
    pub(crate) tail: usize,
    /// What the new thread finds in `r12` to `r15`.
    pub(crate) args: [u64; 4],
}

/// A thread that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Injected {
    /// The new thread, as numbered here.
    pub(crate) tid: i32,
    /// Start of the one mapping that was made.
    pub(crate) base: u64,
    /// Its length in bytes. The tail is at its end.
    pub(crate) len: u64,
    /// The entry point.
    pub(crate) entry: u64,
    /// How long a thread of the target stood still.
    pub(crate) stopped: Duration,
}

/// Places the blob in the target and starts a thread there. On error the target is as it was.
pub(crate) fn inject(target: &Target, plan: &Plan<'_>) -> Result<Injected, InjectError> {
    one_at_a_time(|| inject_once(target, plan)).map_err(|reason| InjectError { pid: target.pid, reason })
}

/// Starts a thread on an image that was inherited by `fork`, in the memory and with the stack that
/// it had in the parent. On error the target is as it was.
pub(crate) fn adopt(target: &Target, plan: &Plan<'_>, orphan: Orphan) -> Result<Injected, InjectError> {
    one_at_a_time(|| adopt_once(target, plan, orphan))
        .map_err(|reason| InjectError { pid: target.pid, reason })
}

/// Takes away a thread that [`inject`] placed: it unmaps `ranges` and ends, and is gone when this
/// returns. None of the target's own threads is halted, and it does not matter whether job control
/// or a debugger holds them.
pub(crate) fn remove(target: &Target, tid: i32, ranges: &[Range<u64>]) -> Result<(), InjectError> {
    one_at_a_time(|| remove_once(target, tid, ranges))
        .map_err(|reason| InjectError { pid: target.pid, reason })
}

/// Another caller like us traces the target for less than a millisecond; a debugger stays.
fn one_at_a_time<T>(mut attempt: impl FnMut() -> Result<T, Reason>) -> Result<T, Reason> {
    let limit = Instant::now() + OTHERS;
    loop {
        match attempt() {
            Err(Reason::Traced { .. }) if Instant::now() < limit => std::thread::sleep(OTHERS / 100),
            result => return result,
        }
    }
}

fn inject_once(target: &Target, plan: &Plan<'_>) -> Result<Injected, Reason> {
    check(target)?;
    let image = Image::parse(plan.blob).map_err(Reason::BadImage)?;
    let stack_end = image.len() + (plan.stack as u64).next_multiple_of(PAGE);
    let len = stack_end + (plan.tail as u64).next_multiple_of(PAGE);
    for _ in 0..PLACES {
        let base = place::base(len);
        let bytes = image.relocated(base);
        let mut work = Work::Place(Place {
            image: Some(&bytes),
            base,
            len,
            code: &image.code,
            entry: base + image.entry,
            stack_top: base + stack_end,
            args: plan.args,
            child: 0,
        });
        match halt_some_thread(target, &mut work) {
            Ok(stopped) => return Ok(injected(target, &work, stopped)),
            // Something is there already: elsewhere, then.
            Err(Reason::Failed { errno: libc::EEXIST, .. }) => {}
            Err(reason) => return Err(reason),
        }
    }
    Err(Reason::Failed { step: "finding room", errno: libc::EEXIST })
}

fn adopt_once(target: &Target, plan: &Plan<'_>, orphan: Orphan) -> Result<Injected, Reason> {
    check(target)?;
    let image = Image::parse(plan.blob).map_err(Reason::BadImage)?;
    let Orphan { base, len } = orphan;
    let mut work = Work::Place(Place {
        image: None,
        base,
        len,
        code: &image.code,
        entry: base + image.entry,
        stack_top: base + len - (plan.tail as u64).next_multiple_of(PAGE),
        args: plan.args,
        child: 0,
    });
    match halt_some_thread(target, &mut work) {
        Ok(stopped) => Ok(injected(target, &work, stopped)),
        // It was there a moment ago, so the process has become another program.
        Err(Reason::Failed { errno: libc::ENOMEM, .. }) => Err(Reason::Died),
        Err(reason) => Err(reason),
    }
}

fn remove_once(target: &Target, tid: i32, ranges: &[Range<u64>]) -> Result<(), Reason> {
    match check(target) {
        Ok(()) | Err(Reason::Stopped | Reason::Traced { .. }) => {}
        Err(reason) => return Err(reason),
    }
    if tid == target.pid || !target.threads().is_ok_and(|all| all.contains(&tid)) {
        return Err(Reason::NoSuchProcess);
    }
    let gadget = find_gadget(target, tid, ranges)?;
    let thread = Candidate { tid, rank: Rank::Restarts, filtered: false, blocked: None };
    let patience = Instant::now() + PATIENCE;
    loop {
        match halt(target, &thread, gadget, &mut Work::Leave(ranges)) {
            (Outcome::Late, _) if Instant::now() < patience => {}
            (outcome, _) => return verdict(target, outcome),
        }
    }
}

fn find_gadget(target: &Target, tid: i32, avoid: &[Range<u64>]) -> Result<u64, Reason> {
    // A process that is ending, or in the middle of `exec`, has no memory at all.
    let gone = || target.read(&format!("task/{tid}/maps")).map_or(true, |maps| maps.is_empty());
    place::gadget(target, tid, avoid)
        .ok_or_else(|| if gone() { Reason::Died } else { Reason::NoSyscallInstruction })
}

/// Everything that can be known without touching the target.
fn check(target: &Target) -> Result<(), Reason> {
    if target.is_kernel_thread() {
        return Err(Reason::KernelThread);
    }
    match target.state() {
        State::Live => {}
        State::Ended => return Err(Reason::Ended),
        State::Traced { by } => return Err(Reason::Traced { by }),
        State::Stopped => return Err(Reason::Stopped),
    }
    match target.may_trace() {
        Ok(()) => {}
        Err(Errno::ACCESS | Errno::PERM) => return Err(Reason::NotPermitted(why_denied(target))),
        Err(_) => return Err(Reason::Died),
    }
    match target.bits() {
        Ok(Bits::SixtyFour) => Ok(()),
        Ok(Bits::ThirtyTwo) => Err(Reason::Bits32),
        Err(errno) => {
            Err(Reason::Failed { step: "reading the kind of program", errno: errno.raw_os_error() })
        }
    }
}

fn why_denied(target: &Target) -> Denied {
    let ours = rustix::process::geteuid().as_raw();
    let uid = target
        .read("status")
        .ok()
        .and_then(|s| status_field(&s, "Uid")?.split_whitespace().next()?.parse().ok());
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope")
        .ok()
        .and_then(|s| s.trim().parse().ok());
    match (uid, scope, target.proc_owner()) {
        (Some(uid), _, _) if uid != ours && ours != 0 => Denied::OtherUser { uid },
        (_, Some(scope @ 1..), _) => Denied::Yama { scope },
        (_, _, Ok(0)) if ours != 0 => Denied::NotDumpable,
        _other => Denied::Capability,
    }
}

/// Has one thread of the target do the work, whichever can be halted.
fn halt_some_thread(target: &Target, work: &mut Work<'_>) -> Result<Duration, Reason> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let mut obstacle = Reason::Busy;
        for candidate in choose::candidates(target)? {
            match find_gadget(target, candidate.tid, &[]) {
                Err(reason) => obstacle = reason,
                Ok(gadget) => match halt(target, &candidate, gadget, work) {
                    // This one would not, or has ended, or has become another program: the next.
                    (Outcome::Late | Outcome::Gone, _) => {}
                    (outcome, stopped) => return verdict(target, outcome).map(|()| stopped),
                },
            }
            match target.is_ended() {
                true => return Err(Reason::Ended),
                false if Instant::now() < patience => {}
                false if is_frozen(target) => return Err(Reason::Frozen),
                false => return Err(obstacle),
            }
        }
    }
}

/// One session with one thread.
fn halt(target: &Target, thread: &Candidate, gadget: u64, work: &mut Work<'_>) -> (Outcome, Duration) {
    let mut job = prepare(target, thread, gadget, std::mem::replace(work, Work::Leave(&[])));
    let ran = guardian::run(&mut job);
    if ran.is_err() || job.outcome == Outcome::Refused(libc::EPERM) {
        job.outcome = Outcome::Pending;
        if let Err(errno) = guardian::run_on_thread(&mut job) {
            job.outcome = Outcome::Failed { step: "starting the tracer", errno };
        }
    }
    *work = job.work;
    (job.outcome, Duration::from_nanos(job.stopped))
}

fn prepare<'a>(target: &Target, thread: &Candidate, gadget: u64, work: Work<'a>) -> Job<'a> {
    Job {
        tid: thread.tid,
        pidfd: target.pidfd.as_raw_fd(),
        proc: target.proc.as_raw_fd(),
        call_file: format!("task/{}/syscall\0", thread.tid),
        gadget,
        filtered: thread.filtered,
        blocked: thread.blocked,
        work,
        extended: vec![0; EXTENDED],
        filter: Box::new([sys::Insn::default(); sys::FILTER_MAX]),
        outcome: Outcome::Pending,
        stopped: 0,
    }
}

/// What an outcome means to the caller.
fn verdict(target: &Target, outcome: Outcome) -> Result<(), Reason> {
    Err(match outcome {
        Outcome::Done => return Ok(()),
        Outcome::Late | Outcome::Failed { errno: libc::ETIMEDOUT, .. } if is_frozen(target) => Reason::Frozen,
        Outcome::Late | Outcome::Failed { errno: libc::ETIMEDOUT, .. } => Reason::Busy,
        Outcome::Stopped => Reason::Stopped,
        Outcome::Pending | Outcome::Gone if target.is_ended() => Reason::Ended,
        Outcome::Pending | Outcome::Gone => Reason::Died,
        Outcome::Forbidden(Some(call)) => Reason::Seccomp(Forbidden::Call(call)),
        Outcome::Forbidden(None) => Reason::Seccomp(Forbidden::Unreadable),
        // It passed the check a moment ago, so something has changed since.
        Outcome::Refused(_) if target.is_ended() => Reason::Ended,
        Outcome::Refused(libc::EPERM) => match (target.state(), target.may_trace()) {
            (State::Traced { by }, _) => Reason::Traced { by },
            // We may, so somebody else does: one whom we cannot see, or who has just left.
            (State::Live | State::Stopped | State::Ended, Ok(())) => Reason::Traced { by: 0 },
            (State::Live | State::Stopped | State::Ended, Err(_)) => Reason::NotPermitted(why_denied(target)),
        },
        Outcome::Refused(errno) => Reason::Failed { step: "halting a thread", errno },
        Outcome::Failed { step, errno } => Reason::Failed { step, errno },
    })
}

/// Whether the target's control group is frozen, in either version of that facility.
fn is_frozen(target: &Target) -> bool {
    let groups = target.read("cgroup").unwrap_or_default();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // Where hierarchies are mounted: the fifth word; what they are: behind the dash.
    let mounted = |kind: &str, option: &str| {
        let is_it = |line: &&str| {
            line.split_once(" - ").is_some_and(|(_, w)| w.starts_with(kind) && w.ends_with(option))
        };
        mounts.lines().find(is_it).and_then(|line| line.split(' ').nth(4))
    };
    let says = |mount: Option<&str>, middle: &str, file: &str, word: &str| {
        let group = groups.lines().find_map(|line| line.split_once(middle)).map_or("/", |(_, group)| group);
        let path = mount.map(|mount| format!("{mount}{group}/{file}")).unwrap_or_default();
        std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line == word))
    };
    says(mounted("cgroup2 ", ""), "0::", "cgroup.events", "frozen 1")
        || says(mounted("cgroup ", "freezer"), ":freezer:", "freezer.state", "FROZEN")
}

fn injected(target: &Target, work: &Work<'_>, stopped: Duration) -> Injected {
    match work {
        Work::Place(place) => Injected {
            tid: numbered_here(target, place.child),
            base: place.base,
            len: place.len,
            entry: place.entry,
            stopped,
        },
        Work::Leave(_) => unreachable!("only placing is asked for here"),
    }
}

/// A thread's number in our pid namespace; it was told to us in the target's own.
fn numbered_here(target: &Target, theirs: i32) -> i32 {
    let says = |tid: i32| {
        let status = target.read(&format!("task/{tid}/status")).ok()?;
        status_field(&status, "NSpid")?.split_whitespace().last()?.parse::<i32>().ok()
    };
    let elsewhere = || target.threads().ok()?.into_iter().rev().find(|tid| says(*tid) == Some(theirs));
    // The same number, unless a namespace lies between.
    if says(theirs) == Some(theirs) { theirs } else { elsewhere().unwrap_or(theirs) }
}
