//! A caller's end of a ring.

use super::layout::{DATA_LEN, Info, Memory, SLOTS, Slot};
use super::protocol::Progress;
use super::{Frame, Kernel, RingError, spin_turns};
use crate::sys::{self, Errno, Fd};
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Acquire;

/// How long a caller looks out for its answer before it sleeps.
const SPIN_NANOS: u64 = 30_000;
/// How long it sleeps at most before it asks whether the resident still lives.
const STEP_NANOS: u64 = 20_000_000;
/// How long it waits between two attempts to get a slot.
const CLAIM_NANOS: u64 = 1_000_000;

/// A connection to a resident: at most one call at a time, through at most one slot.
///
/// A slot stays claimed between calls, which saves two system calls each time; whoever calls rarely
/// should [`Client::release`] it, because there are only [`SLOTS`]. Dropping the client gives it back, and so
/// does the death of this process, however it comes about.
#[derive(Debug)]
pub struct Client {
    memory: Memory,
    slot: Option<usize>,
    turns: u32,
    /// The process that holds the lock: a forked child shares it without being another owner.
    owner: i32,
}

/// Waits for news of a resident, without a slot of its ring.
#[derive(Debug)]
pub struct Bulletin {
    memory: Memory,
}

impl Bulletin {
    /// Takes over the ring behind a descriptor, as [`Client::open`] does.
    pub fn open(fd: Fd) -> Result<Self, RingError> {
        Memory::open(fd).map(|memory| Self { memory })
    }

    /// How many news there were: look here, then ask, then wait for another number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.memory.news().load(Acquire)
    }

    /// Sleeps until the number is another one than `seen`, at most `nanos`, or for no reason.
    pub fn wait(&self, seen: u32, nanos: u64) {
        // Woken, timed out, changed meanwhile: the caller looks again in every case.
        let _ = sys::futex_wait(self.memory.news(), seen, sys::Timespec::from_nanos(nanos));
    }
}

impl Client {
    /// Takes over the ring behind a descriptor: of `/proc/PID/task/TID/fd/0`, opened for reading and
    /// writing *by this client alone*, since the lock of a slot belongs to the open file.
    pub fn open(fd: Fd) -> Result<Client, RingError> {
        let memory = Memory::open(fd)?;
        Ok(Client { memory, slot: None, turns: spin_turns(SPIN_NANOS), owner: sys::getpid() })
    }

    /// What the resident says about itself.
    pub fn info(&self) -> Result<Info, RingError> {
        self.check_owner()?;
        self.memory.info()
    }

    /// The slot that is ours, if any.
    #[must_use]
    pub const fn slot(&self) -> Option<usize> {
        self.slot
    }

    /// Tries to get one slot. `false`: it is somebody else's.
    pub fn claim(&mut self, slot: usize) -> Result<bool, RingError> {
        self.release()?;
        if slot >= SLOTS {
            return Ok(false);
        }
        match sys::lock_byte(self.memory.fd(), slot as u64) {
            Ok(()) => self.slot = Some(slot),
            Err(Errno::EAGAIN | Errno::EACCES) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Gets any slot, waiting up to `patience` nanoseconds for one: [`RingError::Busy`].
    pub fn claim_any(&mut self, patience: u64) -> Result<usize, RingError> {
        let start = sys::monotonic_nanos();
        loop {
            for slot in 0..SLOTS {
                if self.claim(slot)? {
                    return Ok(slot);
                }
            }
            if sys::monotonic_nanos().saturating_sub(start) >= patience {
                return Err(RingError::Busy);
            }
            // Nobody announces a slot that the kernel took from a dead caller, so: look again soon.
            let nobody = AtomicU32::new(0);
            let _ = sys::futex_wait(&nobody, 0, sys::Timespec::from_nanos(CLAIM_NANOS));
        }
    }

    /// Gives the slot back.
    pub fn release(&mut self) -> Result<(), RingError> {
        self.check_owner()?;
        match self.slot.take() {
            Some(slot) => Ok(sys::unlock_byte(self.memory.fd(), slot as u64)?),
            None => Ok(()),
        }
    }

    /// Sends a request and waits for the answer.
    ///
    /// `alive` is asked at least every 20 ms while the caller sleeps; when it says `false` the call
    /// ends with [`RingError::Gone`] (nothing happened) or [`RingError::Unanswered`] (something may
    /// have). Needs a claimed slot: [`RingError::Busy`].
    pub fn call(&mut self, request: &Frame, mut alive: impl FnMut() -> bool) -> Result<Frame, RingError> {
        let (number, slot) = self.own_slot()?;
        self.settle(slot, &mut alive)?;
        slot.write_request(request);
        slot.line().post();
        // A closed ring may still have served us just before it closed: only what we can take back
        // was certainly not served.
        if !self.memory.bell().ring(number, &Kernel) && slot.line().withdraw() {
            return Err(RingError::Stopped);
        }
        self.wait(slot, &mut alive)?;
        let reply = slot.read_reply();
        slot.line().clear();
        Ok(reply)
    }

    /// Copies bytes into the data area, for the next call; says how many fitted.
    /// Needs a claimed slot; waits, as [`Client::call`] does, for what a dead caller left in it.
    pub fn copy_data_in(&mut self, from: &[u8], mut alive: impl FnMut() -> bool) -> Result<usize, RingError> {
        let (_, slot) = self.own_slot()?;
        self.settle(slot, &mut alive)?;
        Ok(slot.data().write(0, from))
    }

    /// Copies bytes out of the data area, after a call; says how many there were.
    pub fn copy_data_out(&self, into: &mut [u8]) -> Result<usize, RingError> {
        let (_, slot) = self.own_slot()?;
        Ok(slot.data().read(0, into))
    }

    /// The first words of the data area, after a call; `None` if there are fewer.
    pub fn data_words(&self, count: usize) -> Result<Option<alloc::vec::Vec<u64>>, RingError> {
        let (_, slot) = self.own_slot()?;
        Ok(slot.data().read_words(count))
    }

    /// The most that the data area holds.
    #[must_use]
    pub const fn data_len(&self) -> usize {
        DATA_LEN
    }

    fn own_slot(&self) -> Result<(usize, Slot<'_>), RingError> {
        self.check_owner()?;
        let number = self.slot.ok_or(RingError::Busy)?;
        Ok((number, self.memory.slot(number).ok_or(RingError::Busy)?))
    }

    /// A forked child has our memory and shares our locks, but the parent speaks with the resident.
    fn check_owner(&self) -> Result<(), RingError> {
        if sys::getpid() == self.owner { Ok(()) } else { Err(RingError::Inherited) }
    }

    /// Makes the slot idle, whatever its last owner left behind.
    fn settle(&self, slot: Slot<'_>, alive: &mut dyn FnMut() -> bool) -> Result<(), RingError> {
        let line = slot.line();
        if line.is_idle() || line.withdraw() {
            return Ok(());
        }
        match self.wait(slot, alive) {
            // Its answer, or that there is none, interests nobody any more.
            Ok(()) | Err(RingError::Stopped) => line.clear(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Waits until the slot is done.
    fn wait(&self, slot: Slot<'_>, alive: &mut dyn FnMut() -> bool) -> Result<(), RingError> {
        let line = slot.line();
        let mut progress = line.glance();
        for _ in 0..self.turns {
            if !matches!(progress, Progress::Pending(_)) {
                break;
            }
            core::hint::spin_loop();
            progress = line.glance();
        }
        if let Progress::Pending(_) = progress {
            progress = line.sleep(&Kernel, STEP_NANOS, alive);
        }
        match progress {
            Progress::Done => Ok(()),
            Progress::Refused => Err(RingError::Stopped),
            Progress::Nonsense => Err(RingError::Protocol),
            Progress::Pending(_) if line.withdraw() => Err(RingError::Gone),
            Progress::Pending(_) => Err(RingError::Unanswered),
        }
    }
}
