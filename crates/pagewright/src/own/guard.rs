//! How the guards of this process are delivered, and what a fault does to one.
//!
//! ```text
//!   a verb arms      the machine is told, then both copies of the truth: each page has a bit
//!   a fault          writers are kept out; the bit is set; the page is opened by two system
//!                    calls; the program is told
//!   a verb disarms   as any change of protection
//! ```
//!
//! A fault may have happened before a verb that was on its way: so whoever finds a page that
//! lets the access through by now makes it again.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use pagewright_core::{
    Access, AddressSpace, Done, Geometry, Guard, Machine, PageRange, Protection, Standing, Tripped, Va, Verb,
};
use pagewright_linux::machine::{Guarding, Linux, Strategy, open_page, take_marker};
use pagewright_linux::sys;

use super::sentry::Otherwise;
use super::{OWN, chosen, perform, sentry};
use crate::environment;
use crate::error::Result;
use crate::guard::AccessKind;
use crate::signals::{self, Fault, Purpose};

/// Who notices that a guard is met.
///
/// The variable `PAGEWRIGHT_GUARD` chooses (`signal`, `userfault`, `off`), or
/// [`crate::guard::set_delivery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Delivery {
    /// A handler of `SIGSEGV`, in front of the one that the program has.
    #[default]
    Signal = 1,
    /// A thread that the kernel tells, for programs that keep `SIGSEGV` to themselves.
    Userfault = 2,
    /// Nobody: armed pages are inaccessible, and nothing of ours is in place.
    Off = 3,
}

/// What was chosen; 0 until somebody asks.
static CHOSEN: AtomicU8 = AtomicU8::new(0);
/// Whether pages without content may be marked instead of protected.
static MARKERS: AtomicBool = AtomicBool::new(false);

/// How often a fault looks again for what another one is about to open.
const LOOKS: u32 = 3;

/// What a fault was, as far as guards go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It met a guard: the page is open now, and permits this.
    Hit(Protection),
    /// It is gone, or there was none: the page permits the access.
    Permitted,
    /// It is not about guards.
    NotMine,
}

/// How guards are delivered. Safe in a signal handler once it was asked.
pub(crate) fn delivery() -> Delivery {
    match wish() {
        Delivery::Signal if signals::leaves_sigsegv() => Delivery::Userfault,
        wish => wish,
    }
}

fn wish() -> Delivery {
    of(CHOSEN.load(Ordering::Relaxed)).unwrap_or_else(|| {
        let wanted = named(environment::GUARD.value().unwrap_or_default());
        // Who is first decides: a function may have been called meanwhile.
        let _ = CHOSEN.compare_exchange(0, wanted as u8, Ordering::Relaxed, Ordering::Relaxed);
        of(CHOSEN.load(Ordering::Relaxed)).unwrap_or_default()
    })
}

/// Chooses from now on.
pub(crate) fn choose(delivery: Delivery) {
    CHOSEN.store(delivery as u8, Ordering::Relaxed);
}

fn named(word: &str) -> Delivery {
    match word {
        "userfault" => Delivery::Userfault,
        "off" => Delivery::Off,
        _ => Delivery::Signal,
    }
}

const fn of(number: u8) -> Option<Delivery> {
    match number {
        1 => Some(Delivery::Signal),
        2 => Some(Delivery::Userfault),
        3 => Some(Delivery::Off),
        _ => None,
    }
}

/// Called before memory of this process may get this protection.
pub(super) fn prepare(protection: Protection) {
    match (protection.guard, delivery()) {
        (Guard::Armed, Delivery::Signal) => {
            MARKERS.store(chosen_strategy() == Strategy::Markers, Ordering::Relaxed);
            sentry::retire(Guarding::Signal);
            signals::need(Purpose::Guards);
        }
        (Guard::Armed, Delivery::Userfault) => sentry::need(otherwise()),
        (Guard::Armed, Delivery::Off) => sentry::retire(Guarding::Closed),
        (Guard::Clear, _) => {}
    }
}

/// Who leaves `SIGSEGV` alone gets what can be had without; who wants to wait is told if he cannot.
pub(super) fn otherwise() -> Otherwise {
    match wish() {
        Delivery::Signal => Otherwise::Close,
        Delivery::Userfault | Delivery::Off => Otherwise::Refuse,
    }
}

fn chosen_strategy() -> Strategy {
    static STRATEGY: std::sync::OnceLock<Strategy> = std::sync::OnceLock::new();
    *STRATEGY.get_or_init(|| chosen().strategy)
}

/// What a fault does to a guard. In the signal handler: it takes no memory, and waits for
/// writers only as long as they can be expected to end.
pub(crate) fn meet_guard(fault: &Fault) -> Fate {
    meet(fault, |_| Fate::Permitted)
}

/// The same for an access that the truth permitted, when nobody else has a reason to forbid
/// it: whether it came before a call that was under way, or before another one that met the
/// guard, and goes through by now. Else it is the program itself that forbids it, and serves the
/// fault.
pub(crate) fn meet_guard_or_pass(fault: &Fault) -> Fate {
    meet(fault, |page| {
        for _ in 0..LOOKS {
            if kernel_permits(fault) {
                if strategy() == Strategy::Markers {
                    take_marker(page);
                }
                return Fate::Permitted;
            }
            // Only who could not wait for his turn may still be about to open it.
            sys::sched_yield();
        }
        Fate::NotMine
    })
}

fn meet(fault: &Fault, permitted: impl Fn(PageRange) -> Fate) -> Fate {
    let (Some(Delivery::Signal), Some(own)) = (of(CHOSEN.load(Ordering::Relaxed)), OWN.get()) else {
        return Fate::NotMine;
    };
    own.read_alone(|space| match space.trip(fault.at) {
        Tripped::Guard(opening) => match open_page(&opening, strategy()) {
            Ok(()) => Fate::Hit(opening.protection),
            Err(_) => Fate::NotMine,
        },
        Tripped::Late(opening) | Tripped::Plain(opening) if permits(opening.access, fault.kind) => {
            permitted(opening.page)
        }
        Tripped::Late(_) | Tripped::Plain(_) | Tripped::Nothing => Fate::NotMine,
    })
}

fn kernel_permits(fault: &Fault) -> bool {
    match Linux::viewer(Geometry::X86_64).foreign(Va::new(fault.at)).map(|run| run.standing) {
        Ok(Standing::Mapped { protection, .. }) => permits(protection.effective(), fault.kind),
        Ok(Standing::Free) | Err(_) => false,
    }
}

const fn permits(access: Access, kind: AccessKind) -> bool {
    access.now().contains(match kind {
        AccessKind::Read => Access::READ,
        AccessKind::Write => Access::WRITE,
        AccessKind::Execute => Access::EXECUTE,
    })
}

fn strategy() -> Strategy {
    if MARKERS.load(Ordering::Relaxed) { Strategy::Markers } else { Strategy::Mprotect }
}

/// Disarms the guard that a copy of bytes has stopped at, if it has: `done` of `length`
/// bytes from `at` were copied.
pub(super) fn met_by_copy(at: u64, done: usize, length: usize) -> Result<()> {
    let stop = at.wrapping_add(done as u64);
    let Some(own) = OWN.get().filter(|_| done < length) else { return Ok(()) };
    let armed = |space: &AddressSpace| space.is_armed(stop);
    if own.read(armed) {
        perform(Verb::Read, |space, machine| space.meet(machine, stop))?;
    }
    Ok(())
}

/// Writes bytes past all protections: a guard of a page that nobody touched is a marker, which
/// stops even that, until it is enforced in another way. Guards stay armed.
pub(super) fn write_under(at: u64, from: &[u8], write: impl Fn(u64, &[u8]) -> usize) -> Result<usize> {
    let done = write(at, from);
    if done == from.len() {
        return Ok(done);
    }
    let (at, rest) = (at.wrapping_add(done as u64), &from[done..]);
    let any = perform(Verb::Write, |space, machine| {
        Ok(Done::unchanged(space.rederive_armed(machine, at, rest.len() as u64)))
    })?;
    Ok(done + if any { write(at, rest) } else { 0 })
}
