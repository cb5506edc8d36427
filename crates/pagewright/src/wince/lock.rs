//! `LockPages`, `UnlockPages`: locked n times, a page wants n unlocks.
//!
//! Linux, and so the address space below, knows no count. It is kept here, for each
//! process by its number and the moment of its start: a process that gets a number again
//! inherits nothing. A forked child begins without locks, as everywhere on Linux.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use pagewright_core::{Geometry, Kind, Lock, PageRange, Rights, Verb, Wiring};

use super::constants::{LOCKFLAG_QUERY_ONLY, LOCKFLAG_READ, LOCKFLAG_WRITE};
use super::copy;
use super::failure::Failure;
use super::mode::KernelMode;
use crate::memory::Memory;
use crate::own;
use crate::process::Process;

/// How often each page of each process is locked.
static COUNTS: Mutex<Option<Counts>> = Mutex::new(None);

type Counts = HashMap<Identity, BTreeMap<u64, u32>>;

/// A process: its number, and when it was started.
type Identity = (u32, u64);

/// What `LockPages` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locking {
    /// The first byte; every page touched is meant.
    pub at: u64,
    /// How many bytes.
    pub size: u64,
    /// What the pages must permit. Other writers are not kept out.
    pub rights: Rights,
    /// Whether to lock at all.
    pub purpose: Purpose,
}

/// Whether pages are locked, or only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Lock them, once more.
    Lock,
    /// Say whether they could be used so.
    Query,
}

impl Locking {
    pub(super) fn decode(at: u64, size: u64, options: u32) -> Result<Self, Failure> {
        if options & !(LOCKFLAG_WRITE | LOCKFLAG_QUERY_ONLY | LOCKFLAG_READ) != 0 {
            let fix = "give LOCKFLAG_READ, LOCKFLAG_WRITE, LOCKFLAG_QUERY_ONLY or none";
            return Err(Failure::argument("options", u64::from(options), fix));
        }
        let mut rights = Rights::empty();
        rights.set(Rights::READ, options & LOCKFLAG_READ != 0);
        rights.set(Rights::WRITE, options & LOCKFLAG_WRITE != 0);
        let purpose = if options & LOCKFLAG_QUERY_ONLY != 0 { Purpose::Query } else { Purpose::Lock };
        Ok(Self { at, size, rights, purpose })
    }
}

/// Locks pages into memory, once more than before.
///
/// # Errors
/// 87 when a page has no memory, 5 when it does not permit what `request` says or cannot
/// be read, 8 when more would be locked than the process may lock. Nothing is locked that
/// was not before.
pub fn lock_pages(_: &KernelMode, process: &Process, request: &Locking) -> Result<(), Failure> {
    let Locking { at, size, rights, purpose } = *request;
    let range = pages(Verb::Lock, at, size)?;
    copy::check(process, Verb::Lock, range.start().get(), range.bytes(), rights)?;
    match purpose {
        Purpose::Query => return Ok(()),
        Purpose::Lock => {}
    }
    own::watch_forks();
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    process.lock(&Lock { at, size, wiring: Wiring::Wired, quota: None })?;
    let counts = counts.get_or_insert_default().entry(identity(process)).or_default();
    for page in numbers(range) {
        let count = counts.entry(page).or_default();
        *count = count.saturating_add(1);
    }
    Ok(())
}

/// Takes one lock of each page back; those that have none left can leave memory.
///
/// # Errors
/// 87 when a page of the range is not locked; then nothing has changed.
pub fn unlock_pages(_: &KernelMode, process: &Process, at: u64, size: u64) -> Result<(), Failure> {
    let range = pages(Verb::Unlock, at, size)?;
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let counts = counts.get_or_insert_default().entry(identity(process)).or_default();
    if counts.range(numbers(range)).count() as u64 != range.bytes() / PAGE {
        return Err(Failure::core(Verb::Unlock, Kind::NotLocked, at, size));
    }
    for page in numbers(range) {
        let left = counts.get(&page).map_or(0, |count| count - 1);
        if left > 0 {
            counts.insert(page, left);
            continue;
        }
        counts.remove(&page);
        // A page that was decommitted meanwhile is unlocked already.
        let _ = process.lock(&Lock { at: page * PAGE, size: PAGE, wiring: Wiring::Pageable, quota: None });
    }
    Ok(())
}

/// Keeps everybody else from the counts, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_mutex(&COUNTS)
}

/// Pages that were freed are locked no more.
pub(super) fn forget(process: &Process, range: PageRange) {
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(counts) = counts.as_mut().filter(|counts| !counts.is_empty()) else { return };
    let Some(counts) = counts.get_mut(&identity(process)) else { return };
    let gone: Vec<u64> = counts.range(numbers(range)).map(|(page, _)| *page).collect();
    for page in gone {
        counts.remove(&page);
    }
}

const PAGE: u64 = Geometry::X86_64.page;

fn pages(verb: Verb, at: u64, size: u64) -> Result<PageRange, Failure> {
    Geometry::X86_64.touched(at, size).map_err(|bad| Failure::core(verb, bad.into(), at, size))
}

const fn numbers(range: PageRange) -> Range<u64> {
    range.start().get() / PAGE..range.end().get() / PAGE
}

/// The 22nd word of `/proc/PID/stat` is when the process was started; the second one may
/// hold anything.
fn identity(process: &Process) -> Identity {
    let pid = process.pid();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let mut words = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    (pid, words.nth(19).and_then(|word| word.parse().ok()).unwrap_or(0))
}
