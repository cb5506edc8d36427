//! Guard pages of this process: who is told when one is met, and how.
//!
//! A page whose protection has its guard armed ([`Protection::guarded`]) raises an alarm at
//! the next access, once: the guard is gone before anybody is told, and what the page holds
//! is kept. The access is made again after that, and works as far as the rest of the
//! protection permits.
//!
//! ```
//! use pagewright::guard::{self, GuardHit, Verdict};
//! use pagewright::{Allocate, Free, Memory, Process, Protection};
//!
//! # fn main() -> Result<(), pagewright::Error> {
//! fn on_hit(_: &GuardHit) -> Verdict {
//!     Verdict::Continue
//! }
//! let handler = guard::on_hit(on_hit);
//! let me = Process::current();
//! let at = me.allocate(&Allocate::new(4096).protection(Protection::READ_WRITE.guarded()))?.start().get();
//! // SAFETY: a page of this example.
//! unsafe { (at as *mut u8).write_volatile(1) }; // Meets the guard, and works.
//! handler.remove();
//! me.free(&Free::release(at))?;
//! # Ok(())
//! # }
//! ```
//!
//! Told are, in this order, until one goes on: the functions given to [`on_hit`], the first
//! one first; the vectored exception handlers ([`crate::win32::AddVectoredExceptionHandler`]); the
//! handler of `SIGSEGV` that the program had before ours, which only has to return. If there is
//! none, or if it puts the default action in place, the filter of
//! [`crate::win32::SetUnhandledExceptionFilter`] is asked; then the process ends by `SIGSEGV`, as an
//! unhandled guard violation ends it on Windows.
//!
//! Calls of this library that meet a guard disarm it too, fail, and work when made again:
//! locking and copying with [`Kind::GuardHit`], reading and writing of bytes by stopping short.
//! System calls that are given a guarded page as their buffer fail with `EFAULT` and leave
//! the guard armed: the kernel raises no fault that anybody could see.
//!
//! The recipe for a stack that grows is in `docs/guards.md`.
//!
//! [`Kind::GuardHit`]: crate::Kind::GuardHit

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use pagewright_core::Protection;

use crate::own;
pub use crate::own::Delivery;
use crate::signals::Fault;

/// How memory was accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// A load.
    Read,
    /// A store, or an instruction that loads and stores.
    Write,
    /// The fetch of an instruction.
    Execute,
}

impl AccessKind {
    /// The number that Win32 has for it, in the first parameter of the exception.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Execute => 8,
        }
    }
}

/// A guard that was met. It is disarmed by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardHit {
    /// The byte that was accessed.
    pub address: u64,
    /// How it was accessed.
    pub kind: AccessKind,
    /// The instruction that did.
    pub ip: u64,
    /// What the page permits from now on: a store to a page for loads faults again, as
    /// any such store does.
    pub protection: Protection,
}

/// What becomes of a guard that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was meant for this function: the access is made again.
    Continue,
    /// Somebody else is to be asked.
    Pass,
}

/// A function that is told of guards.
///
/// It runs on the thread that made the access, inside of the signal handler, on the thread's
/// alternative signal stack if it has one. The access is the program's own, so unlike in
/// other signal handlers the calls of this library may be made (not if the access was made
/// by another signal handler, which had interrupted such a call: then they fail with
/// [`crate::Kind::Busy`]); they need 64 KiB of stack. For everything else the usual rules
/// hold: it must not wait for a lock that the thread may have, the one of the heap for
/// example, unless it is known that it has not.
pub type OnHit = fn(&GuardHit) -> Verdict;

/// One function of the list. Entries stay where they are for ever.
#[derive(Debug)]
struct Entry {
    /// The function; 0 when it was removed.
    function: AtomicUsize,
    next: AtomicPtr<Entry>,
}

static FIRST: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());

/// A function that was given to [`on_hit`].
#[derive(Debug)]
pub struct HitHandler(&'static Entry);

/// Has a function told of every guard of this process that is met from now on, after those
/// that were given before. From any thread; not for signal handlers.
pub fn on_hit(function: OnHit) -> HitHandler {
    loop {
        let (free, end) = free_places();
        if let Some(entry) = free {
            if entry
                .function
                .compare_exchange(0, function as usize, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                return HitHandler(entry);
            }
            continue;
        }
        let fresh = Box::into_raw(Box::new(Entry {
            function: AtomicUsize::new(function as usize),
            next: AtomicPtr::new(ptr::null_mut()),
        }));
        let added = end.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Relaxed);
        if added.is_ok() {
            // SAFETY: it was made above, and nobody ever frees what is in the list.
            return HitHandler(unsafe { &*fresh });
        }
        // SAFETY: it was made above, and nobody else knows it.
        drop(unsafe { Box::from_raw(fresh) });
    }
}

impl HitHandler {
    /// Has it told of no more guards. A call that has begun on another thread goes on.
    pub fn remove(self) {
        self.0.function.store(0, Ordering::Release);
    }
}

/// The first entry behind all that are in use, if there is one, and where the list ends.
fn free_places() -> (Option<&'static Entry>, &'static AtomicPtr<Entry>) {
    let (mut free, mut end) = (None, &FIRST);
    while let Some(entry) = entry_at(end) {
        match (entry.function.load(Ordering::Acquire), free) {
            (0, None) => free = Some(entry),
            (0, Some(_)) => {}
            (_, _) => free = None,
        }
        end = &entry.next;
    }
    (free, end)
}

fn entry_at(place: &'static AtomicPtr<Entry>) -> Option<&'static Entry> {
    // SAFETY: what is in the list is valid, and stays so.
    unsafe { place.load(Ordering::Acquire).as_ref() }
}

/// Tells the functions. In the signal handler: no lock, no memory.
pub(crate) fn tell(hit: &GuardHit) -> Verdict {
    let mut place = &FIRST;
    while let Some(entry) = entry_at(place) {
        let function = entry.function.load(Ordering::Acquire);
        if function != 0 {
            // SAFETY: the number was made from a function of this type.
            let function = unsafe { std::mem::transmute::<usize, OnHit>(function) };
            match function(hit) {
                Verdict::Continue => return Verdict::Continue,
                Verdict::Pass => {}
            }
        }
        place = &entry.next;
    }
    Verdict::Pass
}

/// Chooses how guards of this process are noticed, instead of the variable
/// `PAGEWRIGHT_GUARD`. For guards that are armed from now on; before the first one is best.
///
/// With [`Delivery::Off`] armed pages are inaccessible, and nothing of ours is in place.
pub fn set_delivery(delivery: Delivery) {
    own::choose_delivery(delivery);
}

/// How guards of this process are noticed.
pub fn delivery() -> Delivery {
    own::delivery()
}

impl Fault {
    pub(crate) const fn hit(&self, protection: Protection) -> GuardHit {
        GuardHit { address: self.at, kind: self.kind, ip: self.ip, protection }
    }
}
