//! Faults as Mach tells them: an access to memory that is not allocated is `SIGSEGV`, one
//! that is allocated and forbids it is `SIGBUS`. Linux says `SIGSEGV` for both; the handler
//! of [`crate::signals`] translates.
//!
//! It is put in place when the personality is first used on the own task, and again when the
//! program has put its own over it and uses the personality after that. Every mapping counts
//! as allocated, whoever made it, but for the guards of stacks: so do pages that another
//! personality has only reserved, as far as the kernel has them mapped.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::signals::{self, Purpose};

/// Whether faults are told apart as Mach does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FaultSignals {
    /// Forbidden memory is `SIGBUS`, missing memory is `SIGSEGV`.
    On,
    /// Both are `SIGSEGV`, as Linux has it. No handler is in place for this.
    Off,
}

/// What the program wants; at the beginning [`FaultSignals::On`].
static WANTED: AtomicU8 = AtomicU8::new(FaultSignals::On as u8);

/// Turns the translation of faults on, at once, or off; then the handler that was there
/// before is there again, unless the program has put another one in place since, or guards
/// need ours.
///
/// Programs that handle `SIGSEGV` for memory of their own making (runtimes that poll for
/// safe points, say) turn it off, or turn it on before they install their handler.
/// Not for signal handlers.
pub fn set_fault_signals(signals: FaultSignals) {
    WANTED.store(signals as u8, Ordering::Relaxed);
    match signals {
        FaultSignals::On => signals::insist(Purpose::Mach),
        FaultSignals::Off => signals::spare(Purpose::Mach),
    }
}

/// Called by what may make memory of this process inaccessible.
pub(super) fn watch_own_task() {
    if WANTED.load(Ordering::Relaxed) == FaultSignals::On as u8 {
        signals::need(Purpose::Mach);
    }
}
