//! Kernel mode: who may alias across processes.
//!
//! ```text
//!   KernelMode    a token of one thread; calls that need it take it by reference
//!   enter, leave  the same as a count, for callers that cannot hold a value (C)
//!   mode()        what the calls under their C names look at: either of the two
//! ```
//!
//! On Windows CE 6 a thread is in kernel mode if its module is loaded in the kernel
//! process. Here it is a decision of the program: one that mixes trusted and other
//! code forbids it after its start, or is started with `PAGEWRIGHT_KERNEL_MODE=deny`.
//! It guards against mistakes; what the kernel allows this process is its own limit.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::Failure;
use crate::environment::KERNEL_MODE;

thread_local! {
    /// Tokens of this thread that are alive.
    static TOKENS: Cell<u32> = const { Cell::new(0) };
    /// Calls of `enter_kernel_mode` that were not left yet.
    static ENTRIES: Cell<u32> = const { Cell::new(0) };
}

static FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// The proof that this thread is in kernel mode, which ends with it.
///
/// It stays with its thread:
///
/// ```compile_fail
/// let mode = pagewright::wince::KernelMode::enter().unwrap();
/// std::thread::spawn(move || drop(mode));
/// ```
#[derive(Debug)]
#[must_use = "kernel mode ends when the token is dropped"]
pub struct KernelMode {
    /// Neither `Send` nor `Sync`: it speaks for one thread.
    thread: PhantomData<*const ()>,
}

/// What the calling thread may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    User,
    Kernel,
}

impl KernelMode {
    /// Enters kernel mode. May be nested.
    ///
    /// # Errors
    /// `ERROR_ACCESS_DENIED` when it is forbidden.
    pub fn enter() -> Result<Self, Failure> {
        check_permitted()?;
        Ok(Self::held())
    }

    /// A further token, if this thread is in kernel mode already; also after it was
    /// forbidden.
    pub fn current() -> Option<Self> {
        match mode() {
            Mode::Kernel => Some(Self::held()),
            Mode::User => None,
        }
    }

    fn held() -> Self {
        TOKENS.set(TOKENS.get() + 1);
        Self { thread: PhantomData }
    }
}

impl Drop for KernelMode {
    fn drop(&mut self) {
        TOKENS.set(TOKENS.get() - 1);
    }
}

/// Enters kernel mode without a token. Every call wants a [`leave_kernel_mode`].
///
/// # Errors
/// `ERROR_ACCESS_DENIED` when it is forbidden.
pub fn enter_kernel_mode() -> Result<(), Failure> {
    check_permitted()?;
    ENTRIES.set(ENTRIES.get().saturating_add(1));
    Ok(())
}

/// Takes one [`enter_kernel_mode`] back. Without one, nothing happens; tokens are not
/// touched.
pub fn leave_kernel_mode() {
    ENTRIES.set(ENTRIES.get().saturating_sub(1));
}

/// From now on no thread of this process enters kernel mode, and no child of it that
/// is forked. Threads that are in it stay until they leave. Cannot be undone.
pub fn forbid_kernel_mode() {
    FORBIDDEN.store(true, Ordering::Release);
}

/// Whether the calling thread is in kernel mode.
pub fn in_kernel_mode() -> bool {
    match mode() {
        Mode::Kernel => true,
        Mode::User => false,
    }
}

pub(super) fn mode() -> Mode {
    if TOKENS.get() > 0 || ENTRIES.get() > 0 { Mode::Kernel } else { Mode::User }
}

fn check_permitted() -> Result<(), Failure> {
    if FORBIDDEN.load(Ordering::Acquire) || denied_at_start() {
        return Err(Failure::denied(
            "kernel mode is forbidden in this process: by forbid_kernel_mode, or by PAGEWRIGHT_KERNEL_MODE=deny when it was started",
        ));
    }
    Ok(())
}

/// What the environment said when the process was started: a program that removes the
/// variable later gets nothing by it.
fn denied_at_start() -> bool {
    static DENIED: OnceLock<bool> = OnceLock::new();
    *DENIED.get_or_init(|| {
        let wanted = format!("{}=deny", KERNEL_MODE.name()).into_bytes();
        let now = KERNEL_MODE.value() == Some("deny");
        // Where /proc is not mounted, what is left of the environment decides.
        let start = std::fs::read("/proc/self/environ").unwrap_or_default();
        now || start.split(|byte| *byte == 0).any(|entry| entry == wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_entries_are_counted_apart() {
        assert_eq!(mode(), Mode::User);
        leave_kernel_mode();
        let outer = KernelMode::enter().expect("nobody forbids it here");
        let inner = KernelMode::current().expect("this thread is in it");
        drop(outer);
        leave_kernel_mode();
        assert_eq!(mode(), Mode::Kernel, "a token is left");
        drop(inner);
        assert_eq!(mode(), Mode::User);
        enter_kernel_mode().expect("nobody forbids it here");
        assert!(std::thread::spawn(|| mode() == Mode::User).join().expect("it ends"), "one thread alone");
        leave_kernel_mode();
        assert!(!in_kernel_mode());
        assert!(KernelMode::current().is_none());
    }
}
