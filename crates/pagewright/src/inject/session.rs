//! One ptrace session: halt one thread, let it make a few system calls for us, put it back exactly
//! as it was.
//!
//! This code runs in the guardian (see `guardian.rs`): no allocation, no panic, no libc. Everything
//! it needs is in the [`Job`], which the caller prepared; everything it finds out goes back there.
//!
//! What makes the thread come out as if nothing had happened:
//! - every signal is blocked while it works for us, so no handler of its program runs in between;
//!   signals that arrive stay pending and are delivered after we leave;
//! - its registers are put back in a stop *inside the kernel's signal path*, not in the exit stop
//!   of our last call. Only there the kernel goes on to look at the restored `orig_rax` and return
//!   value, and restarts the call that we interrupted (`ERESTARTSYS`, `ERESTARTNOHAND`,
//!   `ERESTARTNOINTR`, `ERESTART_RESTARTBLOCK`);
//! - calls that Linux does not restart are issued again (see `restart.rs`);
//! - it never single-steps: that would raise SIGTRAP by force and reset the program's handler for
//!   it;
//! - the red zone below `rsp` is never written.

use std::ops::{Range, RangeInclusive};

use super::restart::{self, Again, Blocked};
use super::seccomp;
use super::sys::{self, Insn, PTRACE_CONT, PTRACE_SYSCALL, Regs, UserDispatch};

/// How long one thread may take to come to a halt before another one is tried.
const HALT_LIMIT: u64 = 100_000_000;
/// How long one remote call may take before the session gives up and leaves.
const CALL_LIMIT: u64 = 1_000_000_000;
/// All signals; the kernel leaves SIGKILL and SIGSTOP out by itself.
const EVERY_SIGNAL: u64 = !0;
/// The kernel's own error numbers that mean "again".
const ERESTART: RangeInclusive<i32> = 512..=516;
/// How often a call is tried that job control keeps interrupting.
const ATTEMPTS: u32 = 64;
/// The trap flag: a thread that is being single-stepped by its own program must not step through
/// our calls.
const TRAP_FLAG: u64 = 0x100;
const USER_CODE: u64 = 0x33;
const USER_STACK: u64 = 0x2b;

/// Everything that a session needs and finds out.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// The thread to halt.
    pub(super) tid: i32,
    /// The process's pidfd and `/proc/PID`.
    pub(super) pidfd: i32,
    pub(super) proc: i32,
    /// `task/TID/syscall`, below `proc`, with a zero byte at the end.
    pub(super) call_file: String,
    /// A `syscall` instruction outside the memory that is worked on.
    pub(super) gadget: u64,
    /// Whether the thread has a seccomp filter that must be asked first.
    pub(super) filtered: bool,
    /// The call it was last seen sleeping in, if Linux does not restart that one.
    pub(super) blocked: Option<Blocked>,
    pub(super) work: Work<'a>,
    /// Room for the extended registers and for one seccomp filter.
    pub(super) extended: Vec<u8>,
    pub(super) filter: Box<[Insn; sys::FILTER_MAX]>,
    pub(super) outcome: Outcome,
    /// From the halt to the departure, in nanoseconds.
    pub(super) stopped: u64,
}

/// What the thread is to do.
#[derive(Debug)]
pub(super) enum Work<'a> {
    Place(Place<'a>),
    /// Unmap these ranges, then end.
    Leave(&'a [Range<u64>]),
}

/// A mapping to be made and a thread to be started in it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// What is to be written there; `None`: mapping and image are there already.
    pub(super) image: Option<&'a [u8]>,
    pub(super) base: u64,
    pub(super) len: u64,
    pub(super) code: &'a [Range<u64>],
    pub(super) entry: u64,
    pub(super) stack_top: u64,
    pub(super) args: [u64; 4],
    /// The new thread, numbered as the target sees it.
    pub(super) child: i32,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The session never ran to its end.
    Pending,
    Done,
    /// `PTRACE_SEIZE` was refused.
    Refused(i32),
    /// The thread did not halt in time.
    Late,
    /// Job control stopped the process.
    Stopped,
    /// The thread ended.
    Gone,
    /// The seccomp filter forbids a call; `None`: it cannot be read.
    Forbidden(Option<&'static str>),
    /// A step failed; the thread is as it was.
    Failed {
        step: &'static str,
        errno: i32,
    },
}

/// Why a stretch of work ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Gone,
    Forbidden(Option<&'static str>),
    Step(&'static str, i32),
}

/// What a wait saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// At the entry or the exit of a system call.
    Call,
    /// In the signal path, by interrupt (SIGTRAP) or by job control (its signal).
    Event(i32),
    /// In the signal path, about to receive this signal.
    Signal(i32),
    Gone,
    Late,
}

/// The halted thread and what it was like.
struct Tracee {
    tid: i32,
    gadget: u64,
    regs: Regs,
    mask: u64,
    dispatch: UserDispatch,
    extended: u64,
    /// Whether it stands in the signal path, where its registers may be put back.
    in_signal_path: bool,
}

/// Runs the session that `job` describes.
pub(super) fn run(job: &mut Job<'_>) {
    // A thread that is to end may do so while job control holds the others.
    let when_stopped =
        if matches!(job.work, Work::Leave(_)) { WhenStopped::GoOn } else { WhenStopped::GiveUp };
    job.outcome = match halt(job.tid, when_stopped) {
        Ok(()) => with_halted(job),
        Err(outcome) => outcome,
    };
}

/// What to do with a thread that job control has stopped already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenStopped {
    GoOn,
    GiveUp,
}

/// Brings the thread to a halt in the kernel's signal path. No signal is sent.
fn halt(tid: i32, when_stopped: WhenStopped) -> Result<(), Outcome> {
    sys::seize(tid).map_err(|e| if e == libc::ESRCH { Outcome::Gone } else { Outcome::Refused(e) })?;
    sys::interrupt(tid).map_err(|_| Outcome::Gone)?;
    let limit = sys::now().wrapping_add(HALT_LIMIT);
    loop {
        let signal = match wait(tid, limit) {
            Stop::Event(libc::SIGTRAP) => return Ok(()),
            Stop::Event(_) if when_stopped == WhenStopped::GoOn => return Ok(()),
            // A group stop that came since we looked. Detaching leaves it in force.
            Stop::Event(_) => {
                let _ = sys::detach(tid, 0);
                return Err(Outcome::Stopped);
            }
            // A signal was on its way before our interrupt: hand it over, the interrupt follows.
            Stop::Signal(signal) => signal,
            Stop::Call => 0,
            Stop::Gone => return Err(Outcome::Gone),
            // A running thread cannot be let go. Our exit does that: the kernel frees the tracees
            // of a dead tracer.
            Stop::Late => return Err(Outcome::Late),
        };
        sys::resume(tid, PTRACE_CONT, signal).map_err(|_| Outcome::Gone)?;
    }
}

fn with_halted(job: &mut Job<'_>) -> Outcome {
    let since = sys::now();
    let outcome = match Tracee::save(job) {
        Ok(mut tracee) => match job.work {
            Work::Place(_) => place(job, &mut tracee, since),
            Work::Leave(ranges) => retire(&mut tracee, ranges),
        },
        Err(errno) => {
            let _ = sys::detach(job.tid, 0);
            Outcome::Failed { step: "reading the thread's registers", errno }
        }
    };
    if job.stopped == 0 {
        job.stopped = sys::now().wrapping_sub(since);
    }
    outcome
}

/// Places the image, starts the new thread and puts the old one back.
fn place(job: &mut Job<'_>, tracee: &mut Tracee, since: u64) -> Outcome {
    let allowed = seccomp::first_forbidden(job.tid, &mut job.filter, job.filtered);
    let result = match (allowed, &mut job.work) {
        (Ok(()), Work::Place(place)) => tracee.check_gadget().and_then(|()| tracee.place(place)),
        (Err(call), _) => Err(Broken::Forbidden(call)),
        (Ok(()), Work::Leave(_)) => Err(Broken::Gone),
    };
    let left = tracee.leave(job);
    job.stopped = sys::now().wrapping_sub(since);
    if let Ok(Some(again)) = &left {
        again.settle(job.proc, job.call_file.as_bytes());
    }
    match (result, left) {
        (Err(Broken::Gone), _) | (_, Err(_)) => Outcome::Gone,
        (Err(Broken::Forbidden(call)), Ok(_)) => Outcome::Forbidden(call),
        (Err(Broken::Step(step, errno)), Ok(_)) => Outcome::Failed { step, errno },
        (Ok(_), Ok(_)) => Outcome::Done,
    }
}

/// Makes the thread unmap `ranges` and end. It is never put back once the first range is gone.
fn retire(tracee: &mut Tracee, ranges: &[Range<u64>]) -> Outcome {
    if tracee.check_gadget().is_err() {
        return tracee.put_back().map_or(Outcome::Gone, |()| Outcome::Gone);
    }
    let mut failed = None;
    let mut undoable = true;
    for range in ranges {
        let args = [range.start, range.end.wrapping_sub(range.start), 0, 0, 0, 0];
        match tracee.perform("unmapping the resident", &tracee.registers_for(libc::SYS_munmap, args)) {
            Ok(_) => undoable = false,
            Err(Broken::Gone) => return Outcome::Gone,
            Err(Broken::Forbidden(call)) => return Outcome::Forbidden(call),
            Err(Broken::Step(step, errno)) => failed = failed.or(Some(Outcome::Failed { step, errno })),
        }
    }
    if let (true, Some(outcome)) = (undoable, failed) {
        return tracee.put_back().map_or(Outcome::Gone, |()| outcome);
    }
    tracee.end().map_or_else(|_| failed.unwrap_or(Outcome::Gone), |()| failed.unwrap_or(Outcome::Done))
}

impl Tracee {
    /// Notes everything that must be the same afterwards.
    fn save(job: &mut Job<'_>) -> Result<Self, i32> {
        let tid = job.tid;
        Ok(Self {
            tid,
            gadget: job.gadget,
            regs: sys::registers(tid)?,
            mask: sys::signal_mask(tid)?,
            // Kernels before 6.4 cannot tell; see `place` for what happens there.
            dispatch: sys::user_dispatch(tid).unwrap_or_default(),
            extended: sys::extended(tid, &mut job.extended).unwrap_or(0),
            in_signal_path: true,
        })
    }

    /// The instruction was looked up before the halt, and the process may have started another
    /// program since.
    fn check_gadget(&self) -> Result<(), Broken> {
        let mut code = [0u8; 2];
        let read = sys::peek(self.tid, self.gadget, &mut code);
        if read == Ok(2) && code == sys::SYSCALL { Ok(()) } else { Err(Broken::Gone) }
    }

    /// Registers that make system call `nr` happen at the gadget, with no trace of the interrupted
    /// call.
    fn registers_for(&self, nr: i64, a: [u64; 6]) -> Regs {
        let [rdi, rsi, rdx, r10, r8, r9] = a;
        let eflags = self.regs.eflags & !TRAP_FLAG;
        let (rax, orig_rax, rip) = (nr.cast_unsigned(), u64::MAX, self.gadget);
        // The thread may be in a 32-bit code segment (Wine); our instruction is a 64-bit one.
        let (cs, ss) = (USER_CODE, USER_STACK);
        Regs { rdi, rsi, rdx, r10, r8, r9, rax, orig_rax, rip, eflags, cs, ss, ..self.regs }
    }

    /// Makes one remote call and gives its result.
    fn perform(&mut self, step: &'static str, regs: &Regs) -> Result<u64, Broken> {
        let mut errno = libc::EINTR;
        for _ in 0..ATTEMPTS {
            self.set(regs)?;
            self.run_to_call_stop()?;
            self.run_to_call_stop()?;
            let value = sys::registers(self.tid).map_err(|_| Broken::Gone)?.rax.cast_signed();
            errno = match value {
                -4095..0 => value.wrapping_neg() as i32,
                _success => return Ok(value.cast_unsigned()),
            };
            // `clone` wants to be restarted when job control interrupts it. The next run begins
            // with that stop.
            if !ERESTART.contains(&errno) {
                break;
            }
        }
        Err(Broken::Step(step, errno))
    }

    fn set(&self, regs: &Regs) -> Result<(), Broken> {
        sys::set_registers(self.tid, regs).map_err(|_| Broken::Gone)
    }

    /// Runs to the next entry or exit of a system call, past whatever else comes in between.
    fn run_to_call_stop(&mut self) -> Result<(), Broken> {
        let mut limit = sys::now().wrapping_add(CALL_LIMIT);
        let mut signal = 0;
        loop {
            self.in_signal_path = false;
            sys::resume(self.tid, PTRACE_SYSCALL, signal).map_err(|_| Broken::Gone)?;
            let mut stop = wait(self.tid, limit);
            let late = stop == Stop::Late;
            if late {
                // Frozen by its control group, or stuck in the kernel. In the first case an
                // interrupt gets it into the signal path, where it can be put back; in the second
                // nothing can be done but wait.
                sys::interrupt(self.tid).map_err(|_| Broken::Gone)?;
                limit = u64::MAX;
                stop = wait(self.tid, limit);
            }
            self.in_signal_path = matches!(stop, Stop::Event(_) | Stop::Signal(_));
            signal = match stop {
                Stop::Call => return Ok(()),
                Stop::Event(_) if late => return Err(Broken::Step("a system call", libc::ETIMEDOUT)),
                // Job control: the others stop; this thread does so too when we have left.
                Stop::Event(_) => 0,
                // Our call was caught by the program's own filter (user dispatch on an old kernel).
                // Not for its eyes.
                Stop::Signal(libc::SIGSYS) => return Err(Broken::Step("a system call", libc::ENOSYS)),
                Stop::Signal(signal) => signal,
                Stop::Gone | Stop::Late => return Err(Broken::Gone),
            };
        }
    }

    /// The work of an attach. On failure nothing is left mapped that was not there before.
    fn place(&mut self, place: &mut Place<'_>) -> Result<(), Broken> {
        if self.dispatch.mode != 0 {
            sys::set_user_dispatch(self.tid, UserDispatch::default()).map_err(|_| Broken::Gone)?;
        }
        // A forced SIGSYS that is blocked resets the program's handler for it, so it stays open
        // until the first call has shown that nobody catches calls here.
        self.block(EVERY_SIGNAL & !(1 << (libc::SIGSYS - 1)))?;
        let Some(image) = place.image else {
            // Changes nothing, unless the image is not there any more.
            self.protect(place)?;
            self.block(EVERY_SIGNAL)?;
            return self.start(place);
        };
        self.map(place)?;
        self.block(EVERY_SIGNAL)?;
        let filled = self.fill(place, image);
        if filled.is_err() {
            let _ = self.unmap(place.base, place.len);
        }
        filled
    }

    fn map(&mut self, place: &Place<'_>) -> Result<(), Broken> {
        let step = "mapping memory";
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let args = [place.base, place.len, prot as u64, flags as u64, u64::MAX, 0];
        let at = self.perform(step, &self.registers_for(libc::SYS_mmap, args))?;
        if at == place.base {
            return Ok(());
        }
        // Kernels before 4.17 take the flag for a hint.
        self.unmap(at, place.len)?;
        Err(Broken::Step(step, libc::EEXIST))
    }

    fn unmap(&mut self, base: u64, len: u64) -> Result<u64, Broken> {
        self.perform("unmapping memory", &self.registers_for(libc::SYS_munmap, [base, len, 0, 0, 0, 0]))
    }

    fn fill(&mut self, place: &mut Place<'_>, image: &[u8]) -> Result<(), Broken> {
        sys::poke(self.tid, place.base, image).map_err(|e| Broken::Step("writing the resident", e))?;
        self.protect(place)?;
        self.start(place)
    }

    fn protect(&mut self, place: &Place<'_>) -> Result<(), Broken> {
        for code in place.code {
            let prot = (libc::PROT_READ | libc::PROT_EXEC) as u64;
            let args =
                [place.base.wrapping_add(code.start), code.end.wrapping_sub(code.start), prot, 0, 0, 0];
            self.perform("making the resident executable", &self.registers_for(libc::SYS_mprotect, args))?;
        }
        Ok(())
    }

    /// Starts the new thread. The `syscall` instruction is the resident's own first one: the child
    /// goes on behind it, with our registers except `rax` and `rsp`, while the parent stops at its
    /// exit and never executes another.
    fn start(&mut self, place: &mut Place<'_>) -> Result<(), Broken> {
        let flags =
            libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
        let flags = (flags | libc::CLONE_SYSVSEM) as u64;
        let [r12, r13, r14, r15] = place.args;
        let regs = Regs {
            rip: place.entry,
            rbx: place.base,
            rbp: place.len,
            r12,
            r13,
            r14,
            r15,
            ..self.registers_for(libc::SYS_clone, [flags, place.stack_top, 0, 0, 0, 0])
        };
        place.child = self.perform("starting a thread", &regs)? as i32;
        Ok(())
    }

    fn block(&self, mask: u64) -> Result<(), Broken> {
        sys::set_signal_mask(self.tid, mask).map_err(|_| Broken::Gone)
    }

    /// Puts the thread back and lets it go.
    fn leave(&mut self, job: &Job<'_>) -> Result<Option<Again>, Broken> {
        self.enter_signal_path()?;
        let extended = job.extended.get(..self.extended as usize).unwrap_or_default();
        if !extended.is_empty() {
            let _ = sys::set_extended(self.tid, extended);
        }
        let again = restart::prepare(job.tid, job.pidfd, &self.regs, job.blocked.as_ref());
        if let Some(again) = again
            && self.issue(&again.regs).is_ok()
        {
            return Ok(Some(again));
        }
        self.put_back().map(|()| None)
    }

    /// Gets from the exit of our last call into the signal path, without executing an instruction
    /// on the way.
    fn enter_signal_path(&mut self) -> Result<(), Broken> {
        let mut signal = 0;
        while !self.in_signal_path {
            sys::interrupt(self.tid).map_err(|_| Broken::Gone)?;
            sys::resume(self.tid, PTRACE_CONT, signal).map_err(|_| Broken::Gone)?;
            signal = match wait(self.tid, u64::MAX) {
                Stop::Event(_) => {
                    self.in_signal_path = true;
                    0
                }
                Stop::Signal(signal) => signal,
                Stop::Call => 0,
                Stop::Gone | Stop::Late => return Err(Broken::Gone),
            };
        }
        Ok(())
    }

    /// Restores everything in the signal path: the kernel then restarts the interrupted call as it
    /// sees fit.
    fn put_back(&mut self) -> Result<(), Broken> {
        self.enter_signal_path()?;
        self.set(&self.regs)?;
        self.catch_again();
        self.block(self.mask)?;
        sys::detach(self.tid, 0).map_err(|_| Broken::Gone)
    }

    /// Issues the interrupted call again. Signals stay blocked up to its entry, so one that came
    /// meanwhile interrupts the new call just as it would have interrupted the old one.
    ///
    /// The thread is let go by our exit, which follows: detaching wakes a halted thread in a way
    /// that looks like a signal to the call, while the end of a tracer leaves a running thread
    /// alone.
    fn issue(&mut self, regs: &Regs) -> Result<(), Broken> {
        if self.dispatch.mode != 0 {
            sys::set_user_dispatch(self.tid, UserDispatch::default()).map_err(|_| Broken::Gone)?;
        }
        self.block(EVERY_SIGNAL)?;
        self.set(regs)?;
        self.run_to_call_stop()?;
        self.catch_again();
        self.block(self.mask)?;
        sys::resume(self.tid, PTRACE_CONT, 0).map_err(|_| Broken::Gone)
    }

    /// Has the program catch its own system calls again, if it did.
    fn catch_again(&self) {
        if self.dispatch.mode != 0 {
            let _ = sys::set_user_dispatch(self.tid, self.dispatch);
        }
    }

    /// Makes the thread end, and waits until it has.
    fn end(&mut self) -> Result<(), Broken> {
        self.set(&self.registers_for(libc::SYS_exit, [0; 6]))?;
        let mut signal = 0;
        while sys::resume(self.tid, PTRACE_CONT, signal).is_ok() {
            signal = match wait(self.tid, u64::MAX) {
                Stop::Signal(signal) => signal,
                Stop::Event(_) | Stop::Call => 0,
                Stop::Gone | Stop::Late => break,
            };
        }
        Ok(())
    }
}

/// Waits until the thread stops or ends, or `limit` is past. The stops of a session are
/// microseconds apart, so it looks often at first and makes room soon, in case the thread waits for
/// this very processor.
fn wait(tid: i32, limit: u64) -> Stop {
    let mut looks = 0u32;
    loop {
        match sys::wait_now(tid) {
            Ok(Some(status)) => return classify(status),
            Ok(None) if sys::now() > limit => return Stop::Late,
            Ok(None) => looks = looks.saturating_add(1),
            Err(_) => return Stop::Gone,
        }
        match looks {
            0..50 => std::hint::spin_loop(),
            50..2000 => sys::yield_now(),
            2000.. => sys::nap(100_000),
        }
    }
}

/// Reads a wait status.
fn classify(status: i32) -> Stop {
    const STOPPED: i32 = 0x7f;
    const EVENT_STOP: i32 = 128;
    const CALL: i32 = libc::SIGTRAP | 0x80;
    match (status & 0xff, (status >> 8) & 0xff, status >> 16) {
        (STOPPED, signal, EVENT_STOP) => Stop::Event(signal),
        (STOPPED, CALL, _) => Stop::Call,
        (STOPPED, signal, _) => Stop::Signal(signal),
        _ended => Stop::Gone,
    }
}
