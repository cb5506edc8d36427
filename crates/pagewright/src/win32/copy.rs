//! `ReadProcessMemory`, `WriteProcessMemory`: what is copied, and what is counted.
//!
//! ```text
//!   read    source in chunks of 14 pages: a bad page anywhere in one, and the whole
//!           chunk does not count (RW13, RW33); up to 512 bytes are exact (RW34)
//!   write   the first page decides: writable = store, exact count;
//!           execute without write = as a debugger does; else refused (RW20 to RW30)
//! ```

use pagewright_core::{Guard, Info, Kind, Protection, Rights, State, Verb};

use super::failure::Failure;
use super::local::Buffer;
use super::range;
use super::status::NtStatus;
use crate::memory::Memory;

/// What is probed at once: 14 pages.
pub(super) const CHUNK: usize = 14 * 0x1000;
/// Up to here copies go byte by byte (RW34).
const SMALL: usize = 512;

/// Copies out of `memory`. Answers the number of bytes, which is all of them.
///
/// # Errors
/// 998 when the range leaves the user range; 299 when a part of it cannot be read,
/// then [`Failure::transferred`] says how much counts. Bytes of `into` behind that
/// count are unspecified.
pub fn read_memory<M: Memory + ?Sized>(memory: &M, at: u64, into: &mut [u8]) -> Result<usize, Failure> {
    if !check(Verb::Read, memory, at, into.len())? {
        return Ok(0); // RW03
    }
    let done = memory.read(at, into).map_err(|error| Failure::from(error).after(0))?;
    if done == into.len() {
        Ok(done)
    } else {
        Err(partial(Verb::Read, at, into.len(), counted(done, into.len())))
    }
}

/// Copies into `memory`. Answers the number of bytes, which is all of them.
///
/// # Errors
/// 998 when the first page may be read at most, 487 when it has no memory, 299 when
/// a later byte cannot be stored; [`Failure::transferred`] says what to report.
pub fn write_memory<M: Memory + ?Sized>(memory: &M, at: u64, from: &[u8]) -> Result<usize, Failure> {
    write_from(memory, at, from.len(), Patch::Code, |offset, into| {
        into.copy_from_slice(&from[offset..offset + into.len()]);
        into.len()
    })
}

/// Reads into a buffer that may not be there: its own faults count exactly (RW09).
pub(super) fn read_into<M: Memory + ?Sized>(memory: &M, at: u64, into: &Buffer) -> Result<usize, Failure> {
    let size = into.size();
    if !check(Verb::Read, memory, at, size)? {
        return Ok(0);
    }
    let mut bounce = vec![0; size.min(CHUNK)];
    let mut done = 0;
    while done < size {
        let chunk = &mut bounce[..CHUNK.min(size - done)];
        let read = memory.read(at + done as u64, chunk);
        let read = read.map_err(|error| Failure::from(error).after(done))?;
        let whole = read == chunk.len();
        // The source comes first: a chunk of it that is not whole is not stored.
        let good = if whole || size <= SMALL { read } else { 0 };
        let stored = into.store(done, &chunk[..good]);
        done += stored;
        if !whole || stored < good {
            return Err(partial(Verb::Read, at, size, done));
        }
    }
    Ok(done)
}

/// Writes what `load` gives: from an offset as many bytes as fit, or fewer if the
/// source ends to be readable.
pub(super) fn write_from<M: Memory + ?Sized>(
    memory: &M,
    at: u64,
    size: usize,
    patch: Patch,
    load: impl Fn(usize, &mut [u8]) -> usize,
) -> Result<usize, Failure> {
    if !check(Verb::Write, memory, at, size)? {
        return Ok(0); // RW04
    }
    let mut bounce = vec![0; size.min(CHUNK)];
    let mut way = Way::Store;
    let mut done = 0;
    while done < size {
        let chunk = &mut bounce[..CHUNK.min(size - done)];
        let loaded = load(done, chunk);
        let whole = loaded == chunk.len();
        // RW07: a bad page in the source, and the chunk does not count.
        let good = if whole || size <= SMALL { loaded } else { 0 };
        let here = at + done as u64;
        let mut stored = way.copy(memory, here, &chunk[..good], done)?;
        if stored == 0 && done == 0 && good != 0 && patch == Patch::Code {
            way = way_in(memory, at, size as u64)?;
            // A page that can be stored to stopped the copy all the same: its guard did (GP10).
            if way == Way::Poke {
                stored = way.copy(memory, here, &chunk[..good], done)?;
            }
        }
        done += stored;
        if !whole || stored < good {
            return Err(partial(Verb::Write, at, size, done));
        }
    }
    Ok(done)
}

/// What becomes of pages that permit no stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// The copy ends before them, as `NtWriteVirtualMemory` does (RW21 to RW27).
    Nothing,
    /// Code is overwritten all the same, as `WriteProcessMemory` does.
    Code,
}

/// How bytes get into the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Where its protection permits stores.
    Store,
    /// Regardless of it.
    Poke,
}

impl Way {
    fn copy<M: Memory + ?Sized>(
        self,
        memory: &M,
        at: u64,
        from: &[u8],
        done: usize,
    ) -> Result<usize, Failure> {
        let copied = match self {
            Self::Store => memory.write(at, from),
            Self::Poke => memory.poke(at, from),
        };
        copied.map_err(|error| Failure::from(error).after(done))
    }
}

/// How to write where the first page permits no stores.
///
/// The call first asks for everything to be writable and looks at what the first
/// page was: so code is patched (RW22), read-only data is not (RW20, RW28).
fn way_in<M: Memory + ?Sized>(memory: &M, at: u64, size: u64) -> Result<Way, Failure> {
    let first = memory.query(at).map_err(|error| Failure::from(error).after(0))?;
    let (allocation, protection) = match committed(&first) {
        Some(found) => found,
        // RW29: there is no protection to change. The count stays as it is.
        None => return Err(Failure::core(Verb::Write, Kind::NotCommitted, at, size)),
    };
    let rights = protection.rights;
    let writable = rights.intersects(Rights::WRITE | Rights::COPY);
    if !writable && !rights.contains(Rights::EXECUTE) {
        return Err(Failure::core(Verb::Write, Kind::NoAccess, at, size)); // RW20, RW28
    }
    if writable || protection.guard == Guard::Armed {
        // A guard that was met is gone by now, and the copy fails (GP10): nothing is stored.
        return Ok(Way::Store);
    }
    if all_committed(memory, at, size, allocation)? { Ok(Way::Poke) } else { Ok(Way::Store) }
}

/// Whether all of the range is memory of one allocation. If not, its protection
/// cannot be changed as a whole, and a plain store is all that is tried (RW30).
fn all_committed<M: Memory + ?Sized>(
    memory: &M,
    at: u64,
    size: u64,
    allocation: u64,
) -> Result<bool, Failure> {
    let end = at + size;
    let mut next = at;
    while next < end {
        let info = memory.query(next).map_err(|error| Failure::from(error).after(0))?;
        if committed(&info).is_none_or(|(base, _)| base != allocation) {
            return Ok(false);
        }
        next = info.base + info.size;
    }
    Ok(true)
}

fn committed(info: &Info) -> Option<(u64, Protection)> {
    match info.state {
        State::Committed { allocation, protection, .. } => Some((allocation, protection)),
        State::Free | State::Reserved { .. } => None,
    }
}

/// Whether there is anything to copy; refuses a range that leaves the user range
/// (RW35).
fn check<M: Memory + ?Sized>(verb: Verb, memory: &M, at: u64, size: usize) -> Result<bool, Failure> {
    if size == 0 {
        return Ok(false);
    }
    range::check(verb, at, size as u64, memory.highest()).map_err(|failure| failure.after(0))?;
    Ok(true)
}

/// How much of a read counts that met a bad page after `done` bytes.
pub(super) const fn counted(done: usize, size: usize) -> usize {
    if size <= SMALL { done } else { done - done % CHUNK }
}

fn partial(verb: Verb, at: u64, size: usize, done: usize) -> Failure {
    let failure = Failure::core(verb, Kind::PartialCopy, at, size as u64);
    debug_assert!(failure.status == NtStatus::PARTIAL_COPY, "the one status of an incomplete copy");
    failure.after(done)
}
