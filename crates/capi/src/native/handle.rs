//! Handles of processes: numbers in the clothes of pointers, so that a wild one does no harm.
//!
//! ```text
//!   63       48 47        24 23         0
//!   |  0x5057  |    turn    |   place    |
//! ```
//!
//! No pointer looks like that: such addresses do not exist. A place that was left is taken
//! again under the next turn, so that a closed handle does not soon mean another process.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard, TryLockError};

use rust::Process;

use super::code::Code;
use super::report::{Refusal, Result};

/// A `pw_process *`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Handle(usize);

const MARK: usize = 0x5057 << 48;
const BITS: u32 = 24;
const MOST: usize = (1 << BITS) - 1;

/// One that is always open.
const CURRENT: Handle = Handle(MARK | MOST << BITS | MOST);

#[derive(Debug)]
struct Place {
    turn: usize,
    process: Option<Process>,
}

static PLACES: RwLock<Vec<Place>> = RwLock::new(Vec::new());

impl Handle {
    pub(super) const NULL: Self = Self(0);

    pub(super) const fn current() -> Self {
        CURRENT
    }

    /// What it stands for.
    pub(super) fn process(self) -> Result<Process> {
        if self == CURRENT {
            return Ok(Process::current());
        }
        let found = self.place().and_then(|(turn, place)| {
            let places = PLACES.read().unwrap_or_else(PoisonError::into_inner);
            places.get(place).filter(|found| found.turn == turn)?.process.clone()
        });
        found.ok_or_else(|| self.unknown())
    }

    /// Turn and place.
    const fn place(self) -> Option<(usize, usize)> {
        if self.0 & !0 << (2 * BITS) != MARK {
            return None;
        }
        Some((self.0 >> BITS & MOST, self.0 & MOST))
    }

    fn unknown(self) -> Refusal {
        let sentence = match self {
            Self::NULL => "process is NULL; open it, or give pw_process_current()".to_owned(),
            Self(number) => {
                format!("process is {number:#x}, which is no handle that is open; open the process first")
            }
        };
        Refusal::Argument(Code::ERR_BAD_HANDLE, sentence)
    }
}

/// Gives a process a handle.
pub(super) fn open(process: Process) -> Result<Handle> {
    follow_forks();
    let mut places = PLACES.write().unwrap_or_else(PoisonError::into_inner);
    let place = places.iter().position(|place| place.process.is_none()).unwrap_or(places.len());
    if place >= MOST {
        let sentence = format!("there are {MOST} open handles already; close some");
        return Err(Refusal::Argument(Code::ERR_NO_ROOM, sentence));
    }
    if place == places.len() {
        places.push(Place { turn: 0, process: None });
    }
    let found = &mut places[place];
    found.turn = (found.turn + 1) & MOST;
    found.process = Some(process);
    Ok(Handle(MARK | found.turn << BITS | place))
}

/// Takes a handle back.
pub(super) fn close(handle: Handle) -> Result<()> {
    if handle == CURRENT || handle == Handle::NULL {
        return Ok(());
    }
    let taken = handle.place().and_then(|(turn, place)| {
        let mut places = PLACES.write().unwrap_or_else(PoisonError::into_inner);
        places.get_mut(place).filter(|found| found.turn == turn)?.process.take()
    });
    // Dropped here, where nobody waits for the lock.
    taken.map(drop).ok_or_else(|| handle.unknown())
}

thread_local! {
    /// The lock, while this thread forks: the child shall find it free.
    static HELD: RefCell<Option<RwLockWriteGuard<'static, Vec<Place>>>> = const { RefCell::new(None) };
}

fn follow_forks() {
    // Nobody waits for who is first: in a child of a fork at that moment it is not there any more.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.load(Ordering::Relaxed) || BEGUN.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: the functions live as long as the library, which is never unloaded, and do not unwind.
    // If it cannot be done, all that is lost is a child's handles, when another thread was
    // opening one at that moment.
    let _ = unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork)) };
}

/// How often the lock is asked for: a signal handler that forks may have interrupted its holder.
const TRIES: u32 = 100_000;

extern "C" fn before_fork() {
    let _ = HELD.try_with(|held| *held.borrow_mut() = (0..TRIES).find_map(|_| free_places()));
}

fn free_places() -> Option<RwLockWriteGuard<'static, Vec<Place>>> {
    match PLACES.try_write() {
        Ok(places) => Some(places),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {
            std::thread::yield_now();
            None
        }
    }
}

extern "C" fn after_fork() {
    let _ = HELD.try_with(RefCell::take);
}
