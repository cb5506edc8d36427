//! What a process does about a signal, as plain numbers.

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, c_void, siginfo_t};

/// A handler that is told everything.
pub(super) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// A disposition: handler, flags, and what is blocked meanwhile, a bit for each signal from
/// 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) handler: usize,
    pub(super) flags: c_int,
    pub(super) mask: u64,
}

impl Action {
    /// What happens when nobody says anything.
    pub(super) const DEFAULT: Self = Self { handler: libc::SIG_DFL, flags: 0, mask: 0 };

    /// A handler of ours: on the thread's signal stack, restarting calls. Nothing is blocked
    /// meanwhile, so that whoever is told of a guard may meet the next one.
    pub(super) fn ours(handler: Handler) -> Self {
        let flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_NODEFER;
        Self { handler: handler as usize, flags, mask: 0 }
    }

    /// What happens now. Safe in a signal handler.
    pub(super) fn current(signal: c_int) -> Self {
        let raw = now(signal);
        let mask = (1..=64).fold(0, |mask, signal| {
            // SAFETY: the set is valid, and the number that of a signal.
            let is_in = unsafe { libc::sigismember(&raw const raw.sa_mask, signal) } == 1;
            mask | u64::from(is_in) << (signal - 1)
        });
        Self { handler: raw.sa_sigaction, flags: raw.sa_flags, mask }
    }

    /// Makes this happen from now on. Safe in a signal handler.
    pub(super) fn set(self, signal: c_int) {
        let raw = libc::sigaction {
            sa_sigaction: self.handler,
            sa_mask: set_of(self.mask),
            sa_flags: self.flags,
            sa_restorer: None,
        };
        // SAFETY: the handler is ours, or was one before.
        unsafe { libc::sigaction(signal, &raw const raw, ptr::null_mut()) };
    }

    /// Whether this handler is called.
    pub(super) fn is(self, handler: Handler) -> bool {
        self.handler == handler as usize
    }

    /// Whether nobody handles it now.
    pub(super) fn is_default(signal: c_int) -> bool {
        now(signal).sa_sigaction == libc::SIG_DFL
    }

    /// Whether this handler is called now. One system call, and nothing else.
    pub(super) fn is_current(signal: c_int, handler: Handler) -> bool {
        now(signal).sa_sigaction == handler as usize
    }
}

/// What happens now, as the C library says it.
fn now(signal: c_int) -> libc::sigaction {
    let mut raw = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed, and there is room for the answer.
    unsafe { libc::sigaction(signal, ptr::null(), raw.as_mut_ptr()) };
    // SAFETY: all zeros is a valid value, and so is what was written over it.
    unsafe { raw.assume_init() }
}

/// One signal as a mask.
pub(super) const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Some signals as a set.
pub(super) fn set_of(mask: u64) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: there is room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in (1..=64).filter(|signal| mask >> (signal - 1) & 1 == 1) {
        // SAFETY: the set was made empty, and the number is that of a signal.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: it was made empty above.
    unsafe { set.assume_init() }
}

/// Lets a signal through on this thread.
pub(super) fn unblock(signal: c_int) {
    let set = set_of(bit(signal));
    // SAFETY: a valid set.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
}
