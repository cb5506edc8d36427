//! Locks that a forked child finds free.
//!
//! A child has a copy of every lock and of one thread only: what another thread of the
//! parent held, nobody there ever lets go. So the thread that forks takes them all first,
//! and lets them go on both sides.

use std::any::Any;
use std::cell::RefCell;
use std::sync::{Mutex, RwLock, TryLockError};
use std::time::{Duration, Instant};

use pagewright_linux::sys;

/// A lock that is held.
pub(crate) type Held = Box<dyn Any>;

/// How long one lock is waited for: a handler of signals that forks may have interrupted
/// its holder, who then never lets go.
const PATIENCE: Duration = Duration::from_secs(1);

thread_local! {
    /// What this thread took to fork.
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// Takes every lock that outlives a call, outermost first. Those of the address space
/// come after them.
pub(super) fn take() {
    let all = crate::wince::hold_locks().into_iter().chain(crate::win32::hold_locks());
    let all = all.chain(crate::mach::hold_locks());
    let all = all.chain([mutex(&super::MAKING), super::sentry::hold()]);
    let held: Vec<Held> = all.flatten().collect();
    // A thread that is ending keeps nothing: it lets go at once, and forks as it can.
    let _ = HELD.try_with(|kept| kept.borrow_mut().extend(held));
}

/// Lets go what [`take`] took.
pub(super) fn let_go() {
    let held = HELD.try_with(RefCell::take).unwrap_or_default();
    // The innermost first.
    held.into_iter().rev().for_each(drop);
}

/// Takes a lock, unless it cannot be had.
pub(crate) fn mutex<T>(lock: &'static Mutex<T>) -> Option<Held> {
    patiently(|| match lock.try_lock() {
        Ok(guard) => Some(Box::new(guard)),
        Err(TryLockError::Poisoned(poisoned)) => Some(Box::new(poisoned.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    })
}

/// As [`mutex`], from all readers and writers.
pub(crate) fn rw_lock<T>(lock: &'static RwLock<T>) -> Option<Held> {
    patiently(|| match lock.try_write() {
        Ok(guard) => Some(Box::new(guard)),
        Err(TryLockError::Poisoned(poisoned)) => Some(Box::new(poisoned.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    })
}

fn patiently(attempt: impl Fn() -> Option<Held>) -> Option<Held> {
    let begun = Instant::now();
    loop {
        let held = attempt();
        if held.is_some() || begun.elapsed() > PATIENCE {
            return held;
        }
        sys::sched_yield();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LOCK: Mutex<u32> = Mutex::new(1);

    #[test]
    fn what_is_held_is_let_go_and_what_cannot_be_had_is_left() {
        let held = mutex(&LOCK).expect("it is free");
        assert!(LOCK.try_lock().is_err());
        assert!(mutex(&LOCK).is_none());
        drop(held);
        assert!(LOCK.try_lock().is_ok());
    }
}
