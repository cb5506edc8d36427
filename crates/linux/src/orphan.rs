//! What a forked child has of its parent's resident: image, stack and heap, with the map in them, but no thread.
//!
//! The resident keeps a [`Record`] at a place that the library knows. It says whether the copy may be used, that is,
//! whether the thread was in the middle of a change when `fork` took it along. One word is enough for that although
//! `fork` copies page after page while the thread runs on: a store to a page that was copied already faults and waits
//! until the whole copy is made, and processors of this kind make a thread's stores visible in their order. So the
//! child has all stores of the thread up to some moment, and none after it.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicU64, fence};

/// The section of the resident's program that begins with its record.
pub const SECTION: &str = ".pagewright";
/// Bytes of a record.
pub const RECORD_LEN: usize = size_of::<Record>();

const MAGIC: u64 = u64::from_le_bytes(*b"pgwrMap1");

/// Whether the map can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Phase {
    /// There is none (yet, or any more).
    Empty = 0,
    /// Nothing is being changed.
    Whole = 1,
    /// It is being changed: a copy taken now is torn.
    Busy = 2,
}

/// Where the resident says how its map is.
#[derive(Debug)]
#[repr(C)]
pub struct Record {
    magic: u64,
    phase: AtomicU32,
    spare: u32,
    region: [AtomicU64; 2],
    ring: [AtomicU64; 2],
}

// Another build looks for this: a change needs a new MAGIC.
const _: () = assert!(RECORD_LEN == 48);

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

impl Record {
    /// No map.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            magic: MAGIC,
            phase: AtomicU32::new(Phase::Empty as u32),
            spare: 0,
            region: [const { AtomicU64::new(0) }; 2],
            ring: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// The map is whole, lives in the memory `region`, and is served through `ring`.
    pub fn publish(&self, region: (u64, u64), ring: (u64, u64)) {
        for (words, (base, length)) in [(&self.region, region), (&self.ring, ring)] {
            words[0].store(base, Relaxed);
            words[1].store(length, Relaxed);
        }
        self.leave();
    }

    /// The map is about to be changed.
    pub fn enter(&self) {
        self.phase.store(Phase::Busy as u32, Relaxed);
        fence(Release);
    }

    /// It is whole again.
    pub fn leave(&self) {
        self.phase.store(Phase::Whole as u32, Release);
    }

    /// Takes a whole map over; `false`: it is not, or somebody else did.
    #[must_use]
    pub fn claim(&self) -> bool {
        self.phase.compare_exchange(Phase::Whole as u32, Phase::Busy as u32, Acquire, Relaxed).is_ok()
    }

    /// There is no map any more.
    pub fn clear(&self) {
        self.phase.store(Phase::Empty as u32, Relaxed);
        fence(Release);
    }
}

/// A record as it was read out of another process, which nobody has a reason to believe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Whether the map can be used.
    pub phase: Phase,
    /// Base and length of the memory that was injected: image and stack.
    pub region: (u64, u64),
    /// Base and length of the ring. It is not inherited, so where it is, the resident is alive.
    pub ring: (u64, u64),
}

impl Seen {
    /// `None`: these bytes are no record.
    #[must_use]
    pub fn parse(bytes: &[u8; RECORD_LEN]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |number: usize| words.get(number).map_or(0, |word| u64::from_le_bytes(*word));
        let phase = [Phase::Empty, Phase::Whole, Phase::Busy];
        let phase = phase.into_iter().find(|phase| u64::from(*phase as u32) == word(1))?;
        let seen = Self { phase, region: (word(2), word(3)), ring: (word(4), word(5)) };
        (word(0) == MAGIC).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(record: &Record) -> [u8; RECORD_LEN] {
        // SAFETY: the structure is integers without gaps, and nobody changes it meanwhile.
        unsafe { core::ptr::from_ref(record).cast::<[u8; RECORD_LEN]>().read() }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record::new();
        let empty = Seen { phase: Phase::Empty, region: (0, 0), ring: (0, 0) };
        assert_eq!(Seen::parse(&bytes(&record)), Some(empty));
        assert!(!record.claim());
        record.publish((1, 2), (3, 4));
        let whole = Seen { phase: Phase::Whole, region: (1, 2), ring: (3, 4) };
        assert_eq!(Seen::parse(&bytes(&record)), Some(whole));
        record.enter();
        assert_eq!(Seen::parse(&bytes(&record)), Some(Seen { phase: Phase::Busy, ..whole }));
        assert!(!record.claim());
        record.leave();
        assert!(record.claim() && !record.claim());
        record.clear();
        assert_eq!(Seen::parse(&bytes(&record)), Some(Seen { phase: Phase::Empty, ..whole }));
    }

    #[test]
    fn other_bytes_are_no_record() {
        assert_eq!(Seen::parse(&[0; RECORD_LEN]), None);
        let mut wrong = bytes(&Record::new());
        wrong[8] = 3;
        assert_eq!(Seen::parse(&wrong), None);
        wrong[8] = 1;
        wrong[0] ^= 1;
        assert_eq!(Seen::parse(&wrong), None);
    }
}
