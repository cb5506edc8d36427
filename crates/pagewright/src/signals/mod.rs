//! The one handler of `SIGSEGV` that this library has, for everything that needs one.
//!
//! ```text
//!   kernel ── SIGSEGV ──► ours ──┬─ an armed guard: it is gone; the program is told of it
//!                                ├─ a store that is watched: noted
//!                                ├─ forbidden memory, for Mach: SIGBUS to this thread, which
//!                                │  the kernel delivers when ours returns
//!                                └─ else: the handler that was there before ours
//! ```
//!
//! It is put in place when the first of these is needed, and again when the program has put
//! its own over it and needs one of them after that.

mod action;
mod fault;
mod handler;

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use action::Action;
pub(crate) use fault::Fault;

use crate::own;

/// What the handler is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// Guards of this process.
    Guards = 1,
    /// Stores to watched memory, where no better way is.
    #[allow(dead_code, reason = "only kernels that lack userfaultfd need it")]
    Watch = 2,
    /// Faults as Mach tells them.
    Mach = 4,
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
    PURPOSES.fetch_or(purpose as u8, Ordering::Relaxed);
    if !Action::is_current(libc::SIGSEGV, handler::on_fault)
        // Whoever holds it is installing, or was when this process was forked.
        && let Ok(_turn) = TURN.try_lock()
    {
        install();
    }
}

/// As [`need`], after whoever is taking the handler away.
pub(crate) fn insist(purpose: Purpose) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    PURPOSES.fetch_or(purpose as u8, Ordering::Relaxed);
    install();
}

/// The handler is not needed for this any more. The one that was there before is there
/// again if ours is needed for nothing else, and the program has not put another one in
/// place since.
pub(crate) fn spare(purpose: Purpose) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = PURPOSES.fetch_and(!(purpose as u8), Ordering::Relaxed);
    if before & !(purpose as u8) == 0 && Action::is_current(libc::SIGSEGV, handler::on_fault) {
        handler::previous().set(libc::SIGSEGV);
    }
}

/// Gives the second stage to somebody: it is called for page faults that met no guard, in
/// the signal handler. So it takes no locks and no memory.
#[allow(dead_code, reason = "only kernels that lack userfaultfd need it")]
pub(crate) fn serve_watches(stage: Stage) {
    WATCH.store(stage as usize, Ordering::Release);
    need(Purpose::Watch);
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
