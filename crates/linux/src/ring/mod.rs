//! The mailbox between callers in any process and one resident thread.
//!
//! ```text
//!   caller (holds the lock of slot 2)                resident
//!   request frame, data ──► slot 2                   spins a little, then sleeps on `pending`
//!   state = Posted
//!   pending |= 1 << 2  ─────────────────────────────► takes all bits; Posted → Serving
//!   spins a little, then sleeps on `state` ◄───────── reply frame, data; state = Done
//!   reply frame ◄── slot 2;  state = Idle
//! ```
//!
//! The memory is a memfd whose size is sealed, so that no access to it can fail. The resident made
//! it and keeps it as descriptor 0 of its own table; a caller opens it there. A slot belongs to the
//! caller that holds the kernel's lock on the byte with the slot's number: the kernel gives the lock
//! back when the caller dies, and the next owner cleans up.
//!
//! Both sides distrust each other. Every shared word is an atomic, whatever is read is copied before
//! it is judged, indexes and lengths never come from the other side unchecked, and a word that makes
//! no sense is [`RingError::Protocol`]. The worst that a hostile peer can do is to waste time.
//!
//! What happens without being asked for (a guard was met) is not sent: a word rises, callers who wait for
//! it are woken ([`Bulletin`]) and ask. Another thread of the resident's process can ring, too ([`Nudge`]).
//!
//! Every wait is bounded and then asks whether the other side still lives.

#![allow(unexpected_cfgs, reason = "cfg(loom) is how loom is switched on")]

mod client;
mod layout;
#[cfg(all(test, loom))]
mod model;
mod protocol;
mod server;
#[cfg(test)]
mod tests;

use crate::sys::{self, Errno};
use core::fmt;
use core::sync::atomic::AtomicU32;

pub use client::{Bulletin, Client};
pub use layout::{DATA_LEN, DataArea, Info, LAYOUT_VERSION, RING_LEN, SLOTS, State};
pub use server::{Handler, Identity, Next, Nudge, Server};

/// A request or a reply: sixteen words whose meaning is the two ends' business.
pub type Frame = [u64; 16];

/// Why a call through the ring, or opening one, did not work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RingError {
    /// What was opened is not a ring.
    NotARing,
    /// A ring, but its resident has not filled it in yet: try again.
    NotReady,
    /// A ring of another layout.
    Version(u32),
    /// Every slot belongs to a caller.
    Busy,
    /// The resident has stopped, or is stopping. The request was not served.
    Stopped,
    /// The other side is gone. The request was not served and never will be.
    Gone,
    /// The other side went away, or fell silent, while it served: nobody knows how far it came.
    Unanswered,
    /// This process inherited the client from its parent by `fork`; it needs its own.
    Inherited,
    /// A shared word has a value that the protocol does not know.
    Protocol,
    /// The kernel refused.
    Kernel(Errno),
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RingError::NotARing => f.write_str("not a mailbox of Pagewright"),
            RingError::NotReady => f.write_str("the resident has not started yet"),
            RingError::Version(found) => {
                write!(f, "the resident speaks layout {found}, not {LAYOUT_VERSION}")
            }
            RingError::Busy => write!(f, "all {SLOTS} slots are taken by other callers"),
            RingError::Stopped => f.write_str("the resident has stopped"),
            RingError::Gone => f.write_str("the resident is gone; the request was not served"),
            RingError::Unanswered => f.write_str("the resident fell silent while it served"),
            RingError::Inherited => f.write_str("the connection belongs to the parent process"),
            RingError::Protocol => f.write_str("the mailbox holds a value that makes no sense"),
            RingError::Kernel(error) => write!(f, "the kernel refused: {error}"),
        }
    }
}

impl core::error::Error for RingError {}

impl From<Errno> for RingError {
    fn from(error: Errno) -> Self {
        RingError::Kernel(error)
    }
}

/// The kernel's futex, as the protocol wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel;

impl protocol::Futex<AtomicU32> for Kernel {
    fn wait(&self, word: &AtomicU32, expected: u32, nanos: u64) {
        // Woken, timed out, interrupted, changed meanwhile: the caller looks again in every case.
        let _ = sys::futex_wait(word, expected, sys::Timespec::from_nanos(nanos));
    }

    fn wake(&self, word: &AtomicU32) {
        // A wake-up can only fail for a bad address; and every wait is bounded.
        let _ = sys::futex_wake(word, i32::MAX as u32);
    }
}

/// How many turns of a spin loop take about `nanos` here: 0 on a machine with one processor, where
/// the other side cannot run while we spin.
fn spin_turns(nanos: u64) -> u32 {
    const SAMPLE: u32 = 128;
    if sys::processors() < 2 {
        return 0;
    }
    // The shortest of three, since the scheduler can only make a sample longer.
    let sample = || {
        let start = sys::monotonic_nanos();
        (0..SAMPLE).for_each(|_| core::hint::spin_loop());
        sys::monotonic_nanos().saturating_sub(start).max(1)
    };
    let shortest = sample().min(sample()).min(sample());
    u32::try_from(nanos * u64::from(SAMPLE) / shortest).unwrap_or(u32::MAX).clamp(16, 1 << 16)
}
