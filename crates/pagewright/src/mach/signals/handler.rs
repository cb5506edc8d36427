//! The handler. Everything here takes no locks and no memory.

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};

use super::action::{Action, Handler, bit, set_of};

/// The code of `SIGSEGV` for memory that is there and may not be accessed that way.
const ACCERR: c_int = 2;
/// The code of `SIGBUS` for an address that is of no use.
const BUS_ADRERR: c_int = 2;
/// How far below and above the stack pointer the guard of a stack is hit.
const BELOW_STACK: u64 = 256 << 10;
const ABOVE_STACK: u64 = 4 << 10;

/// A disposition that a handler can read while another thread stores the next one.
struct Slot {
    handler: AtomicUsize,
    flags: AtomicI32,
    mask: AtomicU64,
}

impl Slot {
    const fn new() -> Self {
        Self { handler: AtomicUsize::new(libc::SIG_DFL), flags: AtomicI32::new(0), mask: AtomicU64::new(0) }
    }

    fn load(&self) -> Action {
        Action {
            handler: self.handler.load(Ordering::Relaxed),
            flags: self.flags.load(Ordering::Relaxed),
            mask: self.mask.load(Ordering::Relaxed),
        }
    }

    fn store(&self, action: Action) {
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

/// The call of an earlier handler that is going on: the fault's context, and our frame.
static SERVED: AtomicUsize = AtomicUsize::new(0);
static SERVED_FRAME: AtomicUsize = AtomicUsize::new(0);

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
    match judge(info, context) {
        Verdict::Forbidden => become_bus(info, context),
        Verdict::Other => pass_on(signal, info, context),
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
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
    let stack = stack_pointer(context);
    if stack.saturating_sub(BELOW_STACK) <= at && at < stack.saturating_add(ABOVE_STACK) {
        return Verdict::Other;
    }
    Verdict::Forbidden
}

fn stack_pointer(context: *const c_void) -> u64 {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel hands a valid context to a handler.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_RSP as usize] }.cast_unsigned()
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
    send(SIGBUS, &bus);
}

/// Does what would have been done without us.
fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let frame = (&raw const signal).addr();
    // Who chains to us after we have chained to them gets what was there before both.
    let again =
        SERVED.load(Ordering::Relaxed) == context.addr() && frame < SERVED_FRAME.load(Ordering::Relaxed);
    let action = if again { SLOTS[FIRST].load() } else { previous() };
    if action.handler == libc::SIG_DFL || action.handler == libc::SIG_IGN || action.is(on_fault) {
        return end(action, signal, info);
    }
    SERVED_FRAME.store(frame, Ordering::Relaxed);
    SERVED.store(context.addr(), Ordering::Relaxed);
    call(action, signal, info, context);
    SERVED.store(0, Ordering::Relaxed);
}

/// Calls a handler as the kernel would. Signals that it wants blocked are let go when ours
/// returns to the kernel.
fn call(action: Action, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if action.flags & libc::SA_RESETHAND != 0 {
        Action::DEFAULT.set(signal);
    }
    if !is_blocked(SIGBUS, context) {
        change_mask(libc::SIG_UNBLOCK, bit(SIGBUS)); // That was our wish only.
    }
    if action.flags & libc::SA_NODEFER != 0 {
        change_mask(libc::SIG_UNBLOCK, bit(signal));
    }
    change_mask(libc::SIG_BLOCK, action.mask);
    if action.flags & libc::SA_SIGINFO != 0 {
        // SAFETY: the program installed it as a handler of this kind.
        let handler = unsafe { std::mem::transmute::<usize, Handler>(action.handler) };
        handler(signal, info, context);
    } else {
        // SAFETY: as above, of the older kind.
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(action.handler) };
        handler(signal);
    }
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
fn send(signal: c_int, info: *const siginfo_t) {
    // SAFETY: numbers, and a valid record that the kernel reads.
    unsafe {
        let thread = libc::syscall(libc::SYS_gettid);
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, libc::getpid(), thread, signal, info);
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

fn change_mask(how: c_int, mask: u64) {
    if mask != 0 {
        let set = set_of(mask);
        // SAFETY: a valid set.
        unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
    }
}

const _: () = assert!(SIGSEGV == 11 && SIGBUS == 7, "the numbers that tests look for");
