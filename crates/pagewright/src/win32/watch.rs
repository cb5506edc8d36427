//! `GetWriteWatch`, `ResetWriteWatch`, and what other processes and devices need.

use pagewright_core::{After, Mark, Stores, Verb, Written};

use super::constants::WRITE_WATCH_FLAG_RESET;
use super::failure::Failure;
use super::range::{self, PAGE};
use super::status::NtStatus;
use crate::memory::Memory;

/// What `GetWriteWatch` does: the bases of at most `count` pages that were stored to,
/// ascending (WW04 to WW19).
///
/// # Errors
/// 87 for a count of 0, unknown flags, or a range that does not lie in one watched
/// allocation (WW28, WW32 to WW37). Nothing is forgotten then.
pub fn get_write_watch<M: Memory + ?Sized>(
    memory: &M,
    flags: u32,
    address: u64,
    size: u64,
    count: u64,
) -> Result<Vec<u64>, Failure> {
    let request = decode(flags, address, size, count, memory.highest())?;
    let mut pages = Vec::new();
    list(memory, &request, &mut |page| pages.push(page))?;
    Ok(pages)
}

/// What `ResetWriteWatch` does: no page of the range counts as stored to.
///
/// # Errors
/// As [`get_write_watch`]; nothing is forgotten then.
pub fn reset_write_watch<M: Memory + ?Sized>(memory: &M, address: u64, size: u64) -> Result<(), Failure> {
    mark(memory, address, size, Stores::Forget)
}

/// Counts all pages of the range as stored to: for writes that no processor makes, such
/// as those of a device.
///
/// # Errors
/// As [`get_write_watch`]; nothing is noted then.
pub fn note_write_watch<M: Memory + ?Sized>(memory: &M, address: u64, size: u64) -> Result<(), Failure> {
    mark(memory, address, size, Stores::Note)
}

/// Checks everything that can be checked before the process is known.
pub(super) fn decode(flags: u32, at: u64, size: u64, limit: u64, highest: u64) -> Result<Written, Failure> {
    let after = match flags {
        0 => After::Keep,
        WRITE_WATCH_FLAG_RESET => After::Forget,
        other => return Err(refused("flags", other.into(), "give 0 or WRITE_WATCH_FLAG_RESET")), // WW32
    };
    if limit == 0 {
        return Err(refused("count", 0, "give the number of addresses that the array has room for")); // WW28
    }
    range::check(Verb::Watch, at, size, highest)?;
    Ok(Written { at, size, limit, after })
}

/// Reports the base of every page that was stored to.
pub(super) fn list<M: Memory + ?Sized>(
    memory: &M,
    request: &Written,
    report: &mut dyn FnMut(u64),
) -> Result<(), Failure> {
    for run in memory.written(request)? {
        (run.start().get()..run.end().get()).step_by(PAGE as usize).for_each(&mut *report);
    }
    Ok(())
}

/// The checks of a range to mark, which come before the process is known.
pub(super) fn decode_mark(at: u64, size: u64, stores: Stores, highest: u64) -> Result<Mark, Failure> {
    range::check(Verb::Watch, at, size, highest)?;
    Ok(Mark { at, size, stores })
}

fn mark<M: Memory + ?Sized>(memory: &M, at: u64, size: u64, stores: Stores) -> Result<(), Failure> {
    memory.mark(&decode_mark(at, size, stores, memory.highest())?)?;
    Ok(())
}

fn refused(what: &'static str, value: u64, fix: &'static str) -> Failure {
    Failure::argument(NtStatus::INVALID_PARAMETER, what, value, fix)
}
