//! How much memory a process uses.

use std::fs;

use pagewright_core::{Kind, Verb};

use super::super::calls::{answer, require_pointer};
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::records::{
    PROCESS_MEMORY_COUNTERS, PROCESS_MEMORY_COUNTERS_EX, PROCESS_MEMORY_COUNTERS_EX2,
};
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::text::figure;
use crate::process::Process;

/// Says how much memory a process uses, in the longest of the records
/// [`PROCESS_MEMORY_COUNTERS`], `…_EX` and `…_EX2` that has room in `cb` bytes. FALSE and a last
/// error on failure: 122 if there is room for none.
///
/// The kernel's count of private memory that can be stored to stands for what is promised. Its peak
/// nobody notes: it is what it is now. Of memory of the system itself there are page tables.
///
/// # Safety
/// `ppsmemcounters` is NULL or has `cb` bytes.
pub unsafe extern "system" fn GetProcessMemoryInfo(
    process: HANDLE,
    ppsmemcounters: *mut PROCESS_MEMORY_COUNTERS,
    cb: u32,
) -> BOOL {
    answer(handles::through(process, Need::Query, |process| {
        let size = record(cb as usize)?;
        require_pointer(ppsmemcounters.is_null(), "record")?;
        let counters = counters(process, size as u32)?;
        // SAFETY: it is not NULL, so the caller vouches for `cb` bytes, of which there are `size`;
        // each record is how the longest begins.
        unsafe { ppsmemcounters.cast::<u8>().copy_from((&raw const counters).cast(), size) };
        Ok(())
    }))
}

/// [`GetProcessMemoryInfo`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn K32GetProcessMemoryInfo(
    process: HANDLE,
    ppsmemcounters: *mut PROCESS_MEMORY_COUNTERS,
    cb: u32,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { GetProcessMemoryInfo(process, ppsmemcounters, cb) }
}

/// Bytes of the longest record that has room.
fn record(room: usize) -> Result<usize, Failure> {
    let sizes = [
        size_of::<PROCESS_MEMORY_COUNTERS_EX2>(),
        size_of::<PROCESS_MEMORY_COUNTERS_EX>(),
        size_of::<PROCESS_MEMORY_COUNTERS>(),
    ];
    let fix = "give at least the size of PROCESS_MEMORY_COUNTERS";
    let short = || Failure::argument(NtStatus::BUFFER_TOO_SMALL, "size", room as u64, fix);
    sizes.into_iter().find(|size| *size <= room).ok_or_else(short)
}

fn counters(process: &Process, size: u32) -> Result<PROCESS_MEMORY_COUNTERS_EX2, Failure> {
    let file = |name| fs::read_to_string(format!("/proc/{}/{name}", process.pid()));
    let counters = file("status").ok().zip(file("stat").ok()).and_then(|(status, stat)| read(&status, &stat));
    let counters = counters.ok_or_else(|| Failure::core(Verb::Query, Kind::Gone, 0, 0))?;
    if process.has_ended() {
        // The number may be that of another process now.
        return Err(Failure::core(Verb::Query, Kind::Gone, 0, 0));
    }
    Ok(PROCESS_MEMORY_COUNTERS_EX2 { cb: size, ..counters })
}

/// What the kernel says in `status` and `stat`.
fn read(status: &str, stat: &str) -> Option<PROCESS_MEMORY_COUNTERS_EX2> {
    let bytes = |name| figure(status, name).map(|bytes| bytes as usize);
    let (resident, tables) = (bytes("VmRSS:")?, bytes("VmPTE:").unwrap_or(0));
    let private = bytes("VmData:")? + bytes("VmStk:")?;
    Some(PROCESS_MEMORY_COUNTERS_EX2 {
        cb: 0,
        PageFaultCount: faults(stat)?,
        // It is counted on several processors, and the highest noted now and then.
        PeakWorkingSetSize: bytes("VmHWM:")?.max(resident),
        WorkingSetSize: resident,
        QuotaPeakPagedPoolUsage: 0,
        QuotaPagedPoolUsage: 0,
        QuotaPeakNonPagedPoolUsage: tables,
        QuotaNonPagedPoolUsage: tables,
        PagefileUsage: private,
        PeakPagefileUsage: private,
        PrivateUsage: private,
        PrivateWorkingSetSize: bytes("RssAnon:")?,
        SharedCommitUsage: bytes("RssShmem:")? as u64,
    })
}

/// Faults, with and without a disk; the count begins anew after 2^32.
fn faults(stat: &str) -> Option<u32> {
    // The name of the program, in parentheses, may hold anything.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace().skip(7);
    let minor: u64 = rest.next()?.parse().ok()?;
    let major: u64 = rest.nth(1)?.parse().ok()?;
    Some(minor.wrapping_add(major) as u32)
}

#[cfg(test)]
mod tests {
    use super::{faults, record};

    #[test]
    fn the_longest_record_with_room_is_filled() {
        let sizes: Vec<_> = [71, 72, 79, 80, 95, 96, 1000].map(|room| record(room).ok()).into();
        assert_eq!(sizes, [None, Some(72), Some(72), Some(80), Some(80), Some(96), Some(96)]);
    }

    #[test]
    fn faults_are_found_behind_any_name() {
        assert_eq!(faults("7 (a) 1 2) S 1 2 3 4 5 6 40 0 2 0 9"), Some(42));
        assert_eq!(faults("7 (a"), None);
    }
}
