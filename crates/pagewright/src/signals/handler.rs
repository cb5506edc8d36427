//! The handler. Everything here takes no locks and no memory.

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};

use pagewright_core::Protection;

use super::action::{Action, Handler, bit, set_of};
use super::fault::{ACCERR, Fault, met_by_waiting, register, violation};
use super::{Purpose, Served, is_needed, watch};
use crate::guard::{self, Verdict as Told};
use crate::own::{Fate, meet_guard, meet_guard_or_pass};
use crate::win32::exception::{self, Answer, Cause, Violation};

/// The code of `SIGBUS` for an address that is of no use.
const BUS_ADRERR: c_int = 2;
/// How far below and above the stack pointer the guard of a stack is hit.
const BELOW_STACK: u64 = 256 << 10;
const ABOVE_STACK: u64 = 4 << 10;

/// A disposition that a handler can read while another thread stores the next one.
pub(super) struct Slot {
    handler: AtomicUsize,
    flags: AtomicI32,
    mask: AtomicU64,
}

impl Slot {
    pub(super) const fn new() -> Self {
        Self { handler: AtomicUsize::new(libc::SIG_DFL), flags: AtomicI32::new(0), mask: AtomicU64::new(0) }
    }

    pub(super) fn load(&self) -> Action {
        Action {
            handler: self.handler.load(Ordering::Relaxed),
            flags: self.flags.load(Ordering::Relaxed),
            mask: self.mask.load(Ordering::Relaxed),
        }
    }

    pub(super) fn store(&self, action: Action) {
        self.handler.store(action.handler, Ordering::Relaxed);
        self.flags.store(action.flags, Ordering::Relaxed);
        self.mask.store(action.mask, Ordering::Relaxed);
    }
}

/// What was there when ours was first installed, and, in turns, when it was installed last.
static SLOTS: [Slot; 3] = [Slot::new(), Slot::new(), Slot::new()];
const FIRST: usize = 0;
/// How often ours was installed; tells which slot is the last one.
static INSTALLED: AtomicUsize = AtomicUsize::new(0);

/// Notes what ours is about to replace. One caller at a time.
pub(super) fn remember(action: Action) {
    let count = INSTALLED.load(Ordering::Relaxed);
    if count == 0 {
        SLOTS[FIRST].store(action);
    }
    SLOTS[last(count + 1)].store(action);
    INSTALLED.store(count + 1, Ordering::Release);
}

/// What ours has replaced.
pub(super) fn previous() -> Action {
    SLOTS[last(INSTALLED.load(Ordering::Acquire))].load()
}

const fn last(count: usize) -> usize {
    1 + count % 2
}

/// What a fault is to Mach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Memory is there, and forbids it.
    Forbidden,
    /// Anything else.
    Other,
}

pub(super) extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the place of this thread's error number.
    let errno = unsafe { *libc::__errno_location() };
    serve(signal, info, context);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn serve(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // Who chains to us after we have chained to them gets what was there before both.
    match Round::of(info, context) {
        Round::First => {}
        Round::Second => {
            hand_over(SLOTS[FIRST].load(), None, signal, info, context);
            return;
        }
        Round::Third => return end(Action::DEFAULT, signal, info),
    }
    if let Some(violation) = met_by_waiting(info) {
        return pass_on(&violation, signal, info, context);
    }
    if let Some(fault) = Fault::of(info, context) {
        match stages(&fault) {
            Stage::Hit(protection) => return report(&fault.hit(protection), signal, info, context),
            Stage::Again => return,
            Stage::Next => {}
        }
    }
    let violation = violation(info, context);
    if violation.is_some_and(|violation| ask_handlers(&violation, context) == Answer::Continue) {
        return;
    }
    match judge(info, context) {
        Verdict::Forbidden if is_needed(Purpose::Mach) => become_bus(info, context),
        Verdict::Forbidden | Verdict::Other => {
            hand_over(previous(), violation.as_ref(), signal, info, context);
        }
    }
}

/// What the stages before the program's own handlers did with a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It met a guard.
    Hit(Protection),
    /// The access can be made again.
    Again,
    /// It is for somebody else.
    Next,
}

fn stages(fault: &Fault) -> Stage {
    let fate = match meet_guard(fault) {
        fate @ Fate::Hit(_) => fate,
        Fate::Permitted | Fate::NotMine if watch(fault) == Served::Handled => return Stage::Again,
        Fate::Permitted => meet_guard_or_pass(fault),
        Fate::NotMine => return Stage::Next,
    };
    match fate {
        Fate::Hit(protection) => Stage::Hit(protection),
        Fate::Permitted => Stage::Again,
        Fate::NotMine => Stage::Next,
    }
}

/// Tells the program that a guard was met. The page is open by now, so unless somebody goes
/// on, the end has to be brought about.
fn report(hit: &guard::GuardHit, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    match guard::tell(hit) {
        Told::Continue => {}
        Told::Pass => {
            let violation = Violation { cause: Cause::Guard, kind: hit.kind, at: hit.address };
            pass_on(&violation, signal, info, context);
        }
    }
}

/// The same, after those that are told first.
fn pass_on(violation: &Violation, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if ask_handlers(violation, context) == Answer::Continue {
        return;
    }
    if hand_over(previous(), Some(violation), signal, info, context) == Passed::Unserved {
        Action::DEFAULT.set(signal);
        // It shall end where the access was made.
        change_mask(libc::SIG_BLOCK, bit(signal));
        unblock(signal, context);
        send(signal, info);
    }
}

fn ask_handlers(violation: &Violation, context: *mut c_void) -> Answer {
    // SAFETY: what the kernel hands to a handler, and so do those who chain.
    unsafe { exception::ask_handlers(violation, context) }
}

fn ask_filter(violation: Option<&Violation>, context: *mut c_void) -> Answer {
    // SAFETY: as above.
    violation.map_or(Answer::Search, |violation| unsafe { exception::ask_filter(violation, context) })
}

/// The kernel has told in the code what it found, so nobody has to look again: by now
/// another thread may have changed it, and this may be a small stack.
fn judge(info: *const siginfo_t, context: *const c_void) -> Verdict {
    // SAFETY: the kernel hands a valid record to a handler, and so do those who chain.
    let code = unsafe { (*info).si_code };
    if code != ACCERR {
        return Verdict::Other; // Nothing is there, or somebody sent it.
    }
    // SAFETY: as above, and faults have an address.
    let at = unsafe { (*info).si_addr() }.addr() as u64;
    let stack = register(context, libc::REG_RSP).cast_unsigned();
    if stack.saturating_sub(BELOW_STACK) <= at && at < stack.saturating_add(ABOVE_STACK) {
        return Verdict::Other;
    }
    Verdict::Forbidden
}

/// Sends this thread the same fault as `SIGBUS`. It is delivered as soon as our handler has
/// returned, as if the kernel had said so in the first place.
fn become_bus(info: *const siginfo_t, context: *mut c_void) {
    // SAFETY: a valid record, which is plain numbers.
    let mut bus = unsafe { ptr::read(info) };
    bus.si_signo = SIGBUS;
    bus.si_code = BUS_ADRERR;
    let handler = Action::current(SIGBUS).handler;
    // A fault cannot be ignored or put off: then it is the end.
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN || is_blocked(SIGBUS, context) {
        Action::DEFAULT.set(SIGBUS);
        unblock(SIGBUS, context);
    }
    change_mask(libc::SIG_BLOCK, bit(SIGBUS));
    send(SIGBUS, &bus);
}

/// What became of a fault that was passed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// A handler of the program returned.
    Served,
    /// There is none, or it has put the default action in place: the access shall be the end.
    Unserved,
}

/// How often one signal has come to our handler. The record says so itself while an earlier handler is
/// called: whoever leaves that by a jump, or is interrupted by another thread's fault, changes
/// nothing for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    First,
    Second,
    Third,
}

/// The last word of the record, which the kernel leaves at 0.
const MARK_AT: usize = size_of::<siginfo_t>() / 8 - 1;
const MARK: u64 = 0x7061_6765_7772_6900;

impl Round {
    pub(super) fn of(info: *const siginfo_t, context: *const c_void) -> Self {
        // SAFETY: inside of the record, and aligned as it is.
        match unsafe { info.cast::<u64>().add(MARK_AT).read() } ^ context.addr() as u64 {
            MARK => Self::Second,
            word if word == MARK + 1 => Self::Third,
            _ => Self::First,
        }
    }

    /// Notes in the record that this one is being served; what was there before.
    pub(super) fn note(self, info: *mut siginfo_t, context: *const c_void) -> u64 {
        let word = match self {
            Self::First => MARK,
            Self::Second | Self::Third => MARK + 1,
        };
        write_mark(info, word ^ context.addr() as u64)
    }
}

/// What was there before.
pub(super) fn write_mark(info: *mut siginfo_t, word: u64) -> u64 {
    // SAFETY: inside of the record, which is the handler's to change.
    unsafe { info.cast::<u64>().add(MARK_AT).replace(word) }
}

/// Does what would have been done without us; but before an exception is the end, the filter is asked.
fn hand_over(
    action: Action,
    violation: Option<&Violation>,
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) -> Passed {
    if action.handler == libc::SIG_DFL || action.handler == libc::SIG_IGN || action.is(on_fault) {
        if ask_filter(violation, context) == Answer::Continue {
            return Passed::Served;
        }
        end(action, signal, info);
        return Passed::Unserved;
    }
    let before = Round::of(info, context).note(info, context);
    let mask = call(action, &SLOTS, signal, info, context);
    write_mark(info, before);
    // The way of handlers that have nothing to say, the one of Rust's own for example.
    let gave_up = action.flags & libc::SA_RESETHAND == 0 && Action::is_default(signal);
    if !gave_up {
        return Passed::Served;
    }
    restore_mask(&mask);
    if ask_filter(violation, context) == Answer::Search {
        return Passed::Unserved;
    }
    Action::ours(on_fault).set(signal);
    Passed::Served
}

/// Calls a handler as the kernel would; what was blocked before. Signals that it wants blocked are let
/// go when ours returns to the kernel. `slots` are those of the signal.
pub(super) fn call(
    action: Action,
    slots: &[Slot],
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) -> libc::sigset_t {
    if action.flags & libc::SA_RESETHAND != 0 {
        reset(action, slots, signal);
    }
    let itself = if action.flags & libc::SA_NODEFER != 0 { 0 } else { bit(signal) };
    let mask = change_mask(libc::SIG_BLOCK, action.mask | itself);
    if action.flags & libc::SA_SIGINFO != 0 {
        // SAFETY: the program installed it as a handler of this kind.
        let handler = unsafe { std::mem::transmute::<usize, Handler>(action.handler) };
        handler(signal, info, context);
    } else {
        // SAFETY: as above, of the older kind.
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(action.handler) };
        handler(signal);
    }
    mask
}

/// A handler for one time: it is not called again. Ours stays as long as vectored handlers are to
/// be asked first.
fn reset(action: Action, slots: &[Slot], signal: c_int) {
    if !is_needed(Purpose::Exceptions) {
        Action::DEFAULT.set(signal);
    }
    slots.iter().filter(|slot| slot.load() == action).for_each(|slot| slot.store(Action::DEFAULT));
}

/// There was no handler: the process ends, by the fault itself when the access is made again.
fn end(action: Action, signal: c_int, info: *const siginfo_t) {
    // SAFETY: a valid record.
    let was_sent = unsafe { (*info).si_code } <= 0;
    if was_sent && action.handler == libc::SIG_IGN {
        return;
    }
    Action::DEFAULT.set(signal);
    if was_sent {
        send(signal, info);
    }
}

/// Sends a signal to this thread, with a record that says anything.
pub(super) fn send(signal: c_int, info: *const siginfo_t) {
    // SAFETY: a valid record, which is plain numbers.
    let mut record = unsafe { ptr::read(info) };
    // The kernel refuses records that have anything there.
    write_mark(&raw mut record, 0);
    // SAFETY: numbers, and a record that the kernel reads.
    unsafe {
        let thread = libc::syscall(libc::SYS_gettid);
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, libc::getpid(), thread, signal, &raw const record);
    }
}

/// Whether the interrupted code had a signal blocked.
fn is_blocked(signal: c_int, context: *const c_void) -> bool {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel hands a valid context to a handler.
    unsafe { libc::sigismember(&raw const (*context).uc_sigmask, signal) == 1 }
}

/// Lets a signal through once our handler has returned.
fn unblock(signal: c_int, context: *mut c_void) {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: as above; the kernel takes the mask from there.
    unsafe { libc::sigdelset(&raw mut (*context).uc_sigmask, signal) };
}

/// Changes what is blocked on this thread until our handler returns; what was before.
fn change_mask(how: c_int, mask: u64) -> libc::sigset_t {
    let (set, mut before) = (set_of(mask), set_of(0));
    // SAFETY: a valid set, and room for another.
    unsafe { libc::pthread_sigmask(how, &raw const set, &raw mut before) };
    before
}

fn restore_mask(mask: &libc::sigset_t) {
    // SAFETY: a valid set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
}

const _: () = assert!(SIGSEGV == 11 && SIGBUS == 7, "the numbers that tests look for");
