//! The address space of this process.
//!
//! One map for the whole process, made at the first call. Everything may be called
//! from any thread; `query` also from signal handlers, whatever they interrupted.
//! A forked child has a copy of the map, like of the memory that it describes.

mod fork;
mod guard;
mod held;
mod lease;
mod mapping;
mod section;
mod sentry;
mod special;
mod twin;
mod watch;

pub(crate) use fork::watch as watch_forks;
pub use guard::Delivery;
pub(crate) use guard::{Fate, choose as choose_delivery, delivery, meet_guard, meet_guard_or_pass};
pub(crate) use held::{Held, mutex as hold_mutex, rw_lock as hold_rw_lock};
pub(crate) use lease::{export, holder, import, import_descriptor};
pub(crate) use mapping::{attribute, map, remap, restrict, survey, unmap, wire_range};
pub(crate) use section::{close_section, create_section, file_section, lend_section, map_view};
pub(crate) use special::{frames, mark, recycle, written};
pub(crate) use watch::chosen_watch;

use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, OnceLock, PoisonError};

use pagewright_core::{
    AddressSpace, Alias, Allocate, CopyRange, Done, Error as CoreError, Free, Geometry, Info, Kind, Lock,
    Machine, PageRange, Protect, Protection, State, Verb,
};
use pagewright_linux::machine::{
    Choice, Faults, Freezer, Freezing, Linux, MapsFile, Strategy, open_trapped, scattered_geometry,
};
use pagewright_linux::sys;

use crate::environment;
use crate::error::{Error, Result};
use crate::process::Status;
use fork::repair;
use twin::{Reentered, Twin};

type Own = Twin<AddressSpace, Linux>;

static OWN: OnceLock<Own> = OnceLock::new();

/// Held while the map is made: a thread that forks waits for that, because a child would for ever.
static MAKING: Mutex<()> = Mutex::new(());

fn own() -> &'static Own {
    OWN.get().unwrap_or_else(make)
}

#[cold]
fn make() -> &'static Own {
    fork::watch();
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    OWN.get_or_init(|| {
        let geometry = scattered_geometry();
        let space = AddressSpace::new(geometry, default_limit());
        Twin::new(space, machine(geometry, chosen()))
    })
}

/// This process, as the environment wants it to work.
fn machine(geometry: Geometry, choice: Choice) -> Linux {
    let mut machine = Linux::with(geometry, MapsFile::OnDemand, choice);
    if let Some(freezing) = chosen_freezing() {
        machine.set_freezer(Freezer::forced(freezing));
    }
    machine.set_faults(chosen_faults());
    machine.set_watch(chosen_watch(), watch::HELP);
    machine
}

/// What of userfaultfd the environment lets be used.
pub(crate) fn chosen_faults() -> Faults {
    match environment::FAULTS.value() {
        Some("plain") => Faults::Plain,
        Some("none") => Faults::None,
        Some(_) | None => Faults::Probed,
    }
}

/// Whose stores the environment lets be held back; `None`: as far as the kernel permits.
pub(crate) fn chosen_freezing() -> Option<Freezing> {
    match environment::FREEZE.value() {
        Some("full") => Some(Freezing::Full),
        Some("user") => Some(Freezing::User),
        Some("none") => Some(Freezing::None),
        Some(_) | None => None,
    }
}

/// The strategy that the environment names, else the one that works.
pub(crate) fn chosen() -> Choice {
    match environment::COMMIT.value() {
        Some("mprotect") => Choice::forced(Strategy::Mprotect),
        Some("markers") => Choice::forced(Strategy::Markers),
        Some(_) | None => Choice::probe(),
    }
}

/// RAM plus swap.
pub(crate) fn default_limit() -> u64 {
    sys::total_memory().map_or(u64::MAX, |(ram, swap)| ram.saturating_add(swap))
}

/// Why nothing was done yet.
enum Hindrance<F> {
    /// This is to be known first; what is to be decided then.
    Noticed(Done<()>, F),
    /// The verb was refused.
    Refused(CoreError),
}

/// Decides, tells the machine, and applies the edit to both copies.
fn perform<T>(
    verb: Verb,
    mut decide: impl FnOnce(&AddressSpace, &mut Linux) -> std::result::Result<Done<T>, CoreError>,
) -> Result<T> {
    let _quiet = sentry::quiet();
    loop {
        let attempt = |space: &AddressSpace, machine: &mut Linux| {
            if let Some(noticed) = space.notice_forks(machine) {
                return Err(Hindrance::Noticed(noticed, decide));
            }
            let mut done = decide(space, machine).map_err(Hindrance::Refused)?;
            done.arm(space.geometry());
            Ok(done)
        };
        match whole(|| own().write(repair, attempt, AddressSpace::apply)) {
            Ok(Ok(done)) => return Ok(done.value),
            Ok(Err(Hindrance::Refused(error))) => return Err(ours(error)),
            Ok(Err(Hindrance::Noticed(noticed, later))) => {
                // A refusal is said by the next attempt.
                let _ = own().write(repair, |_, _| Ok::<_, ()>(noticed), AddressSpace::apply);
                decide = later;
            }
            Err(Reentered) => return Err(reentered(verb)),
        }
    }
}

/// Passes a panic on, which is a mistake of ours, once the machine is as the truth has it: the
/// next call works.
fn whole<T>(write: impl FnOnce() -> T) -> T {
    panic::catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|cause| {
        let decide = |space: &AddressSpace, machine: &mut Linux| {
            space.rederive(machine);
            Ok::<_, ()>(())
        };
        let _ = own().write(repair, decide, |_, ()| {});
        panic::resume_unwind(cause)
    })
}

fn reentered(verb: Verb) -> Error {
    Error::because(
        verb,
        Kind::Busy,
        std::process::id(),
        "this thread is inside of another call already: a signal handler may query, and \
         do everything else only after faults of the program's own",
    )
}

fn ours(error: CoreError) -> Error {
    Error::of(error, std::process::id())
}

pub(crate) fn allocate(request: &Allocate) -> Result<PageRange> {
    guard::prepare(request.protection);
    perform(Verb::Allocate, |space, machine| space.allocate(machine, request))
}

pub(crate) fn free(request: &Free) -> Result<PageRange> {
    perform(Verb::Free, |space, machine| space.free(machine, request))
}

pub(crate) fn protect(request: &Protect) -> Result<Protection> {
    guard::prepare(request.protection);
    perform(Verb::Protect, |space, machine| space.protect(machine, request))
}

pub(crate) fn lock(request: &Lock) -> Result<PageRange> {
    perform(Verb::Lock, |space, machine| space.lock(machine, request))?.map_err(ours)
}

pub(crate) fn alias(request: &Alias) -> Result<PageRange> {
    guard::prepare(request.protection);
    perform(Verb::Alias, |space, machine| space.alias(machine, request))?.map_err(ours)
}

pub(crate) fn copy(request: &CopyRange) -> Result<u64> {
    perform(Verb::Copy, |space, machine| space.copy(machine, request))?.map_err(ours)
}

/// Safe in a signal handler: no locks, no memory.
pub(crate) fn query_raw(at: u64) -> std::result::Result<Info, CoreError> {
    let look = |space: &AddressSpace| match space.query_known(at) {
        Some(info) => Ok(info),
        None => space.query(&Linux::viewer(*space.geometry()), at),
    };
    match OWN.get() {
        Some(own) => own.read(look),
        None => look(&AddressSpace::new(Geometry::X86_64, 0)),
    }
}

pub(crate) fn query(at: u64) -> Result<Info> {
    query_raw(at).map_err(ours)
}

pub(crate) fn runs() -> Result<Vec<Info>> {
    let mut runs = Vec::new();
    let mut at = 0;
    let end = Geometry::X86_64.user_end();
    while at < end {
        let info = query(at)?;
        at = info.base + info.size.max(Geometry::X86_64.page);
        if info.state != State::Free {
            runs.push(info);
        }
    }
    Ok(runs)
}

// The process by way of this thread: its first one may have ended.

pub(crate) fn read(at: u64, into: &mut [u8]) -> Result<usize> {
    let done = crate::copy::read(sys::gettid(), at, into).unwrap_or(0);
    guard::met_by_copy(at, done, into.len()).map(|()| done)
}

pub(crate) fn write(at: u64, from: &[u8]) -> Result<usize> {
    open_trapped(at, from.len() as u64);
    let done = crate::copy::write(sys::gettid(), at, from).unwrap_or(0);
    guard::met_by_copy(at, done, from.len()).map(|()| done)
}

pub(crate) fn poke(at: u64, from: &[u8]) -> Result<usize> {
    let from = &from[..crate::copy::committed(from.len(), at, query)?];
    let denied = |error: std::io::Error| {
        let sentence =
            format!("cannot write to /proc/thread-self/mem ({error}); change the protection first");
        Error::because(Verb::Write, Kind::AccessDenied, std::process::id(), sentence)
    };
    let memory = std::fs::OpenOptions::new().write(true).open("/proc/thread-self/mem").map_err(denied)?;
    guard::write_under(at, from, |at, from| memory.write_at(from, at).unwrap_or(0))
}

pub(crate) fn set_limit(bytes: u64) {
    // A refusal is impossible outside of a signal handler that interrupted a call.
    let _ = own().write(repair, |_, _| Ok::<_, ()>(bytes), |space, limit| space.set_limit(*limit));
}

pub(crate) fn release_all() -> Result<()> {
    loop {
        let first = own().read(|space| {
            let at = space.regions().next()?.0.start().get();
            Some((at, space.whole_disposal(at)))
        });
        let Some((at, disposal)) = first else { return Ok(()) };
        free(&Free { at, size: 0, disposal })?;
    }
}

pub(crate) fn status() -> Status {
    let choice = chosen();
    own().read(|space| Status {
        attached: true,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tid: 0,
        regions: space.region_count() as u64,
        committed: space.charge().used(),
        limit: space.charge().limit(),
        overhead: 0,
        uptime_ms: 0,
        strategy: strategy_name(choice.strategy as u64).to_owned(),
    })
}

/// The word for a strategy that came as a number.
pub(crate) const fn strategy_name(number: u64) -> &'static str {
    if number == Strategy::Markers as u64 { "markers" } else { "mprotect" }
}

// The machine is used through the contract; this is the proof that it is one.
const _: fn() = || {
    const fn is_machine<M: Machine>() {}
    is_machine::<Linux>();
};

#[cfg(test)]
mod tests {
    use pagewright_core::{Action, Free, Place, Protection, Traits, Window};

    use super::*;

    /// The kernel was told half of something when the mistake happened: it is as the truth has it.
    #[test]
    fn a_panic_in_a_verb_leaves_memory_and_calls_as_they_were() {
        let (place, action) = (Place::Window(Window::ANYWHERE), Action::ReserveCommit);
        let protection = Protection::READ_WRITE;
        let request = Allocate { place, size: 0x3000, action, protection, traits: Traits::default() };
        let base = allocate(&request).expect("memory").start().get();
        assert_eq!(write(base, &[7]), Ok(1));
        let mistake = || {
            perform::<()>(Verb::Protect, |_, _| {
                let at = std::ptr::with_exposed_provenance_mut(base as usize);
                // SAFETY: nobody else uses the memory.
                assert_eq!(unsafe { libc::mprotect(at, 0x1000, libc::PROT_NONE) }, 0);
                panic!("a mistake that a test makes")
            })
        };
        assert!(panic::catch_unwind(AssertUnwindSafe(mistake)).is_err());
        let mut byte = [0];
        assert_eq!((read(base, &mut byte), byte), (Ok(1), [7]), "the kernel permits it again");
        let request = Protect { at: base, size: 0x1000, protection: Protection::READ };
        assert_eq!(protect(&request), Ok(Protection::READ_WRITE));
        assert!(free(&Free::release(base)).is_ok());
    }
}
