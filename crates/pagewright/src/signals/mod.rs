//! The one handler of `SIGSEGV` that this library has, for everything that needs one; and how a
//! program keeps the signal to itself.
//!
//! ```text
//!   kernel ── SIGSEGV ──► ours ──┬─ an armed guard: it is gone; the program is told of it
//!                                ├─ a store that is watched: noted
//!                                ├─ an exception: the vectored handlers of Win32
//!                                ├─ forbidden memory, for Mach: SIGBUS to this thread, which
//!                                │  the kernel delivers when ours returns
//!                                ├─ else: the handler that was there before ours
//!                                └─ nobody wants it: the filter of Win32, then the end
//! ```
//!
//! It is put in place when the first of these is needed, and again when the program has put
//! its own over it and needs one of them after that. A handler that the program installs later
//! is above it, and may pass on what is not its own.
//!
//! With [`leave_sigsegv`], or the variable `PAGEWRIGHT_SIGSEGV` set to `leave`, it never is.

mod action;
mod fault;
mod handler;
mod left;
mod step;

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use action::Action;
pub(crate) use fault::Fault;
pub use left::{leave_sigsegv, leaves_sigsegv};
pub(crate) use step::need_steps;

use crate::own;

/// What the handler is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// Guards of this process.
    Guards = 1,
    /// Stores to watched memory, where no better way is.
    Watch = 2,
    /// Faults as Mach tells them.
    Mach = 4,
    /// Vectored handlers, and the filter of last resort.
    Exceptions = 8,
}

/// What a stage did with a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The access can be made again.
    Handled,
    /// It is not about this.
    NotMine,
}

/// A stage that others fill.
pub(crate) type Stage = fn(&Fault) -> Served;

/// The sum of what it is needed for.
static PURPOSES: AtomicU8 = AtomicU8::new(0);
/// Installing and restoring take turns.
static TURN: Mutex<()> = Mutex::new(());
/// What serves stores to watched memory; 0 if nobody does.
static WATCH: AtomicUsize = AtomicUsize::new(0);

/// Puts the handler in place, unless it is. One system call if it is.
pub(crate) fn need(purpose: Purpose) {
    if leaves_sigsegv() {
        return;
    }
    PURPOSES.fetch_or(purpose as u8, Ordering::SeqCst);
    ensure();
}

fn ensure() {
    if !Action::is_current(libc::SIGSEGV, handler::on_fault)
        // Whoever holds it is installing, or looks again when he is done, or was there when this
        // process was forked.
        && let Ok(_turn) = TURN.try_lock()
    {
        install();
    }
}

/// As [`need`], after whoever is taking the handler away.
pub(crate) fn insist(purpose: Purpose) {
    if leaves_sigsegv() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    PURPOSES.fetch_or(purpose as u8, Ordering::SeqCst);
    install();
}

/// The handler is not needed for this any more. The one that was there before is there
/// again if ours is needed for nothing else, and the program has not put another one in
/// place since.
pub(crate) fn spare(purpose: Purpose) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    PURPOSES.fetch_and(!(purpose as u8), Ordering::SeqCst);
    retire();
    drop(turn);
    look_again();
}

/// As [`spare`], if it turns out that nobody has begun to need it meanwhile. Waits for nobody, so it
/// may be called from a signal handler: who is installing meanwhile leaves the handler in place.
pub(crate) fn spare_unless(purpose: Purpose, is_needed: fn() -> bool) {
    let Ok(turn) = TURN.try_lock() else { return };
    PURPOSES.fetch_and(!(purpose as u8), Ordering::SeqCst);
    if is_needed() {
        PURPOSES.fetch_or(purpose as u8, Ordering::SeqCst);
    }
    retire();
    drop(turn);
    look_again();
}

/// Puts the handler back that was there before ours, if nobody needs that. One caller at a time.
fn retire() {
    if PURPOSES.load(Ordering::SeqCst) == 0 && Action::is_current(libc::SIGSEGV, handler::on_fault) {
        handler::previous().set(libc::SIGSEGV);
    }
}

/// Somebody may have begun to need it while it was his turn who put it out of place.
fn look_again() {
    if PURPOSES.load(Ordering::SeqCst) != 0 {
        ensure();
    }
}

/// Gives the second stage to somebody: it is called for page faults that met no guard, in
/// the signal handler. So it takes no locks and no memory. Whether it will be called.
pub(crate) fn serve_watches(stage: Stage) -> bool {
    if leaves_sigsegv() {
        return false;
    }
    WATCH.store(stage as usize, Ordering::Release);
    need(Purpose::Watch);
    true
}

/// Keeps everybody else from installing, for a fork.
pub(crate) fn hold() -> Option<own::Held> {
    own::hold_mutex(&TURN)
}

fn is_needed(purpose: Purpose) -> bool {
    PURPOSES.load(Ordering::Relaxed) & purpose as u8 != 0
}

fn watch(fault: &Fault) -> Served {
    match WATCH.load(Ordering::Acquire) {
        0 => Served::NotMine,
        stage => {
            // SAFETY: the number was made from a function of this type.
            let stage = unsafe { std::mem::transmute::<usize, Stage>(stage) };
            stage(fault)
        }
    }
}

fn install() {
    let now = Action::current(libc::SIGSEGV);
    if !now.is(handler::on_fault) {
        handler::remember(now);
        Action::ours(handler::on_fault).set(libc::SIGSEGV);
    }
}

/// Ends the process by a signal, once whoever handles it has been told.
pub(crate) fn end_by(signal: libc::c_int) -> ! {
    // SAFETY: numbers.
    unsafe { libc::raise(signal) };
    // It was blocked, ignored, or handled by somebody who returned.
    Action::DEFAULT.set(signal);
    action::unblock(signal);
    // SAFETY: as above.
    unsafe { libc::raise(signal) };
    std::process::abort()
}
