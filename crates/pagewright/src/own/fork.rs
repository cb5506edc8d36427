//! Forks of this process.
//!
//! ```text
//!   prepare   other writers are kept out; what the child shall have a copy of is taken
//!             out of shared views
//!   parent    goes on
//!   child     drops what it did not get, shows its own copies, goes on
//! ```
//!
//! A child that was made without these (by `clone` itself, or in a signal handler that
//! interrupted a change) finds out at its first change what it has; see [`repair`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pagewright_core::{AddressSpace, Fork};
use pagewright_linux::machine::Linux;

use super::twin::Torn;
use super::{OWN, held, machine as fresh_machine};

/// What the thread that is forking has prepared. Only a thread that keeps all other
/// writers out puts anything here, so nobody ever waits for the lock.
static PREPARED: Mutex<Option<Fork>> = Mutex::new(None);

/// From now on forks are prepared.
pub(crate) fn watch() {
    // Nobody waits for who is first: in a child of a fork at that moment it is not there any more.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.load(Ordering::Relaxed) || BEGUN.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: the three functions live as long as this code, and neither unwind nor
    // wait for a thread that a child does not have.
    let watched = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    if watched != 0 {
        tracing::warn!(error = watched, "forks are not prepared: a child shares what is aliased");
    }
}

fn prepared() -> MutexGuard<'static, Option<Fork>> {
    PREPARED.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn prepare() {
    held::take();
    let Some(own) = OWN.get() else { return };
    let decide = |space: &AddressSpace, machine: &mut Linux| Ok::<_, ()>(space.before_fork(machine));
    // Refused in a signal handler that interrupted a change: then nothing is prepared.
    if let Ok(Ok(done)) = own.hold(repair, decide, AddressSpace::apply) {
        *prepared() = Some(done.value);
    }
}

extern "C" fn parent() {
    if let Some(fork) = prepared().take()
        && let Some(own) = OWN.get()
    {
        own.resume(|space, machine| space.after_fork(machine, &fork), |_, ()| {});
    }
    held::let_go();
}

extern "C" fn child() {
    if let Some(fork) = prepared().take()
        && let Some(own) = OWN.get()
    {
        own.adopt();
        let decide = |space: &AddressSpace, machine: &mut Linux| {
            machine.reidentify();
            space.in_fork(machine, &fork)
        };
        own.resume(decide, AddressSpace::apply);
    }
    held::let_go();
    super::sentry::in_child();
}

/// In a child of a fork that was not prepared: the machine works on this process now,
/// what is not there is forgotten, and what a thread of the parent was in the middle of
/// is re-derived from the truth.
pub(super) fn repair(
    space: &AddressSpace,
    machine: &mut Linux,
    torn: Torn,
) -> Option<impl Fn(&mut AddressSpace) + use<>> {
    match torn {
        Torn::No => machine.reidentify(),
        Torn::Perhaps => {
            // Its bookkeeping may be half-changed, so it is not even dropped.
            let fresh = fresh_machine(*space.geometry(), machine.choice());
            std::mem::forget(std::mem::replace(machine, fresh));
        }
    }
    let done = space.in_bare_fork(machine);
    if torn == Torn::Perhaps {
        let mut mended = space.clone();
        mended.apply(&done);
        mended.rederive(machine);
    }
    Some(move |space: &mut AddressSpace| space.apply(&done))
}
