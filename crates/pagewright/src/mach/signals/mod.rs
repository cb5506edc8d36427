//! Faults as Mach tells them: an access to memory that is not allocated is `SIGSEGV`, one
//! that is allocated and forbids it is `SIGBUS`. Linux says `SIGSEGV` for both.
//!
//! ```text
//!   kernel ── SIGSEGV ──► ours ──┬─ forbidden: SIGBUS to this thread, with the address;
//!                                │             the kernel delivers it when ours returns
//!                                └─ else: the handler that was there before ours
//! ```
//!
//! Ours is put in place when the personality is first used on the own task, and again when
//! the program has put its own over it and uses the personality after that. Every mapping
//! counts as allocated, whoever made it, but for the guards of stacks: so do pages that
//! another personality has only reserved, as far as the kernel has them mapped.

mod action;
mod handler;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use action::Action;

use crate::own;

/// Whether faults are told apart as Mach does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FaultSignals {
    /// Forbidden memory is `SIGBUS`, missing memory is `SIGSEGV`.
    On,
    /// Both are `SIGSEGV`, as Linux has it. No handler of ours is in place.
    Off,
}

/// What the program wants; at the beginning [`FaultSignals::On`].
static WANTED: AtomicU8 = AtomicU8::new(FaultSignals::On as u8);
/// Installing and restoring take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Turns the translation of faults on, at once, or off; then the handler that was there
/// before is there again, unless the program has put another one in place since.
///
/// Programs that handle `SIGSEGV` for memory of their own making (runtimes that poll for
/// safe points, say) turn it off, or turn it on before they install their handler.
/// Not for signal handlers.
pub fn set_fault_signals(signals: FaultSignals) {
    WANTED.store(signals as u8, Ordering::Relaxed);
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    match signals {
        FaultSignals::On => install(),
        FaultSignals::Off => {
            if Action::current(libc::SIGSEGV).is(handler::on_fault) {
                handler::previous().set(libc::SIGSEGV);
            }
        }
    }
}

/// Called by what may make memory of this process inaccessible.
pub(super) fn watch_own_task() {
    if WANTED.load(Ordering::Relaxed) == FaultSignals::On as u8
        && !Action::is_current(libc::SIGSEGV, handler::on_fault)
        // Whoever holds it is installing, or was when this process was forked.
        && let Ok(_turn) = TURN.try_lock()
    {
        install();
    }
}

/// Keeps everybody else from installing, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_mutex(&TURN)
}

fn install() {
    let now = Action::current(libc::SIGSEGV);
    if !now.is(handler::on_fault) {
        handler::remember(now);
        Action::ours(handler::on_fault).set(libc::SIGSEGV);
    }
}
