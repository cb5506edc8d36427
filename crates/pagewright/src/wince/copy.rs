//! `ReadProcessMemory`, `WriteProcessMemory` as Windows CE has them: all or nothing.

use pagewright_core::{Guard, Kind, Rights, State, Verb};

use super::failure::Failure;
use crate::memory::Memory;

/// Copies out of `memory`, all of it.
///
/// # Errors
/// 87 when a part has no memory, 5 when a part may not be read. What `into` holds then is
/// unspecified.
pub fn read_memory<M: Memory + ?Sized>(memory: &M, at: u64, into: &mut [u8]) -> Result<(), Failure> {
    check_readable(memory, at, into.len() as u64)?;
    if memory.read(at, into)? == into.len() { Ok(()) } else { Err(meanwhile(Verb::Read, at, into.len())) }
}

/// Copies into `memory`, all of it.
///
/// # Errors
/// 87 when a part has no memory, 5 when a part may not be written; nothing is written.
/// Only if the program takes memory away while the bytes are copied, some may be: 299.
pub fn write_memory<M: Memory + ?Sized>(memory: &M, at: u64, from: &[u8]) -> Result<(), Failure> {
    check_writable(memory, at, from.len() as u64)?;
    if memory.write(at, from)? == from.len() { Ok(()) } else { Err(meanwhile(Verb::Write, at, from.len())) }
}

fn meanwhile(verb: Verb, at: u64, size: usize) -> Failure {
    Failure::core(verb, Kind::PartialCopy, at, size as u64)
}

pub(super) fn check_readable<M: Memory + ?Sized>(memory: &M, at: u64, size: u64) -> Result<(), Failure> {
    check(memory, Verb::Read, at, size, Rights::READ)
}

pub(super) fn check_writable<M: Memory + ?Sized>(memory: &M, at: u64, size: u64) -> Result<(), Failure> {
    check(memory, Verb::Write, at, size, Rights::WRITE)
}

/// Whether all of a range has memory, and if any rights are named, can be used like this.
/// The kernel's copies stop where they cannot go on, so it is asked before.
pub(super) fn check<M: Memory + ?Sized>(
    memory: &M,
    verb: Verb,
    at: u64,
    size: u64,
    rights: Rights,
) -> Result<(), Failure> {
    let fail = |kind| Failure::core(verb, kind, at, size);
    let end = at.checked_add(size).filter(|end| *end <= memory.highest() + 1).ok_or(fail(Kind::BadSize))?;
    let mut next = at;
    while next < end {
        let info = memory.query(next)?;
        let State::Committed { protection, .. } = info.state else { return Err(fail(Kind::NotCommitted)) };
        let usable = protection.guard == Guard::Clear && usable(protection.rights).contains(rights);
        if !rights.is_empty() && !usable {
            return Err(fail(Kind::NoAccess));
        }
        next = info.base + info.size;
    }
    Ok(())
}

/// What can be done with memory: who may fetch may load, who may privatise may store.
fn usable(rights: Rights) -> Rights {
    let mut usable = rights;
    usable.set(Rights::READ, !rights.is_empty());
    usable.set(Rights::WRITE, rights.intersects(Rights::WRITE | Rights::COPY));
    usable
}
