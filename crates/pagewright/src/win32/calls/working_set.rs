//! Working sets: their limits, what is in them, and what comes in. `K32…` are the same calls
//! under the names that `kernel32` has for those of `psapi`.

use std::ffi::c_void;
use std::ptr;

use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::records::{PSAPI_WORKING_SET_EX_INFORMATION, PSAPI_WS_WATCH_INFORMATION};
use super::super::residency::PageTable;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE, SETPROCESSWORKINGSETSIZEEX_FLAGS};
use super::super::{limits, working_set};
use super::answer;
use super::memory::require_pointer;

/// Sets the limits of the working set of a process, in bytes; -1 for both trims it. The minimum
/// says how much may be locked. FALSE and a last error on failure.
///
/// # Safety
/// None: any values are answered.
pub unsafe extern "system" fn SetProcessWorkingSetSize(
    hprocess: HANDLE,
    dwminimumworkingsetsize: usize,
    dwmaximumworkingsetsize: usize,
) -> BOOL {
    // SAFETY: no conditions.
    unsafe { SetProcessWorkingSetSizeEx(hprocess, dwminimumworkingsetsize, dwmaximumworkingsetsize, 0) }
}

/// [`SetProcessWorkingSetSize`] with flags that say how hard the limits are: kept, reported,
/// and without effect.
///
/// # Safety
/// None: any values are answered.
pub unsafe extern "system" fn SetProcessWorkingSetSizeEx(
    hprocess: HANDLE,
    dwminimumworkingsetsize: usize,
    dwmaximumworkingsetsize: usize,
    flags: SETPROCESSWORKINGSETSIZEEX_FLAGS,
) -> BOOL {
    let (minimum, maximum) = (dwminimumworkingsetsize, dwmaximumworkingsetsize);
    answer(handles::through(hprocess, Need::Quota, |process| {
        if minimum == usize::MAX && maximum == usize::MAX {
            return working_set::empty(process); // VL30
        }
        let limits = limits::of(process)?.changed(minimum as u64, maximum as u64, flags)?;
        limits::set(process, limits)
    }))
}

/// Says what the limits of the working set of a process are, in bytes. FALSE and a last error
/// on failure.
///
/// # Safety
/// The pointers are NULL or valid.
pub unsafe extern "system" fn GetProcessWorkingSetSize(
    hprocess: HANDLE,
    lpminimumworkingsetsize: *mut usize,
    lpmaximumworkingsetsize: *mut usize,
) -> BOOL {
    let mut flags = 0;
    let (minimum, maximum) = (lpminimumworkingsetsize, lpmaximumworkingsetsize);
    // SAFETY: the caller vouches for its pointers.
    unsafe { GetProcessWorkingSetSizeEx(hprocess, minimum, maximum, &raw mut flags) }
}

/// [`GetProcessWorkingSetSize`], and how hard the limits are.
///
/// # Safety
/// The pointers are NULL or valid.
pub unsafe extern "system" fn GetProcessWorkingSetSizeEx(
    hprocess: HANDLE,
    lpminimumworkingsetsize: *mut usize,
    lpmaximumworkingsetsize: *mut usize,
    flags: *mut u32,
) -> BOOL {
    let is_null = lpminimumworkingsetsize.is_null() || lpmaximumworkingsetsize.is_null() || flags.is_null();
    let limits = require_pointer(is_null, "pointer for a limit")
        .and_then(|()| handles::through(hprocess, Need::Query, limits::of));
    answer(limits.map(|limits| {
        // SAFETY: none is NULL, and the caller vouches for them then.
        unsafe {
            lpminimumworkingsetsize.write_unaligned(limits.minimum as usize);
            lpmaximumworkingsetsize.write_unaligned(limits.maximum as usize);
            flags.write_unaligned(limits.flags);
        }
    }))
}

/// Lets a process have as little in memory as possible. FALSE and a last error on failure.
///
/// # Safety
/// None.
pub unsafe extern "system" fn EmptyWorkingSet(hprocess: HANDLE) -> BOOL {
    answer(handles::through(hprocess, Need::Quota, working_set::empty))
}

/// [`EmptyWorkingSet`].
///
/// # Safety
/// None.
pub unsafe extern "system" fn K32EmptyWorkingSet(hprocess: HANDLE) -> BOOL {
    // SAFETY: no conditions.
    unsafe { EmptyWorkingSet(hprocess) }
}

/// Says of single pages of a process whether they are in memory, and how: `pv` is an array of
/// [`PSAPI_WORKING_SET_EX_INFORMATION`] of `cb` bytes, with the addresses filled in. FALSE and
/// a last error on failure.
///
/// # Safety
/// `pv` is NULL or has `cb` bytes.
pub unsafe extern "system" fn QueryWorkingSetEx(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL {
    let pages = pv.cast::<PSAPI_WORKING_SET_EX_INFORMATION>();
    let size = size_of::<PSAPI_WORKING_SET_EX_INFORMATION>();
    let checked = check_length(cb as usize, size).and_then(|()| require_pointer(pv.is_null(), "array"));
    answer(checked.and_then(|()| {
        handles::through(hprocess, Need::Inspect, |process| {
            let table = PageTable::open(process)?;
            for index in 0..cb as usize / size {
                // SAFETY: it is one of those that fit into `cb` bytes.
                let page = unsafe { pages.add(index) };
                // SAFETY: as above; nothing is said about the alignment.
                let mut entry = unsafe { page.read_unaligned() };
                let known = table.look(process, entry.VirtualAddress.addr() as u64)?;
                entry.VirtualAttributes.Flags = known.bits();
                // SAFETY: as above.
                unsafe { page.write_unaligned(entry) };
            }
            Ok(())
        })
    }))
}

/// [`QueryWorkingSetEx`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn K32QueryWorkingSetEx(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { QueryWorkingSetEx(hprocess, pv, cb) }
}

/// Begins to watch which pages come into the memory of a process. FALSE and a last error on
/// failure.
///
/// # Safety
/// None.
pub unsafe extern "system" fn InitializeProcessForWsWatch(hprocess: HANDLE) -> BOOL {
    answer(handles::through(hprocess, Need::Inspect, working_set::watch))
}

/// [`InitializeProcessForWsWatch`].
///
/// # Safety
/// None.
pub unsafe extern "system" fn K32InitializeProcessForWsWatch(hprocess: HANDLE) -> BOOL {
    // SAFETY: no conditions.
    unsafe { InitializeProcessForWsWatch(hprocess) }
}

/// Lists the pages that came into the memory of a process since this was asked last, and an
/// entry of zeros behind them. FALSE and a last error on failure: 122 when `cb` bytes do not
/// suffice (the pages are listed the next time), 259 when none came.
///
/// Linux does not tell which instruction met a page, so `FaultingPc` is only not NULL; and a
/// page that came and went in between is not listed.
///
/// # Safety
/// `lpwatchinfo` is NULL or has `cb` bytes.
pub unsafe extern "system" fn GetWsChanges(
    hprocess: HANDLE,
    lpwatchinfo: *mut PSAPI_WS_WATCH_INFORMATION,
    cb: u32,
) -> BOOL {
    let room = cb as usize / size_of::<PSAPI_WS_WATCH_INFORMATION>();
    answer(require_pointer(lpwatchinfo.is_null(), "array").and_then(|()| {
        handles::through(hprocess, Need::Inspect, |process| {
            working_set::changes(process, |pages| {
                if pages.len() >= room {
                    let fix = "give room for more entries";
                    return Err(Failure::argument(NtStatus::BUFFER_TOO_SMALL, "size", cb.into(), fix));
                }
                let entries =
                    pages.iter().map(|page| came(*page)).chain([PSAPI_WS_WATCH_INFORMATION::default()]);
                for (index, entry) in entries.enumerate() {
                    // SAFETY: there is room for all, and one more.
                    unsafe { lpwatchinfo.add(index).write_unaligned(entry) };
                }
                Ok(())
            })
        })
    }))
}

/// [`GetWsChanges`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn K32GetWsChanges(
    hprocess: HANDLE,
    lpwatchinfo: *mut PSAPI_WS_WATCH_INFORMATION,
    cb: u32,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { GetWsChanges(hprocess, lpwatchinfo, cb) }
}

/// What stands for an instruction that nobody knows.
const UNKNOWN: *mut c_void = ptr::without_provenance_mut(1);

const fn came(page: u64) -> PSAPI_WS_WATCH_INFORMATION {
    let FaultingVa = ptr::without_provenance_mut(page as usize);
    PSAPI_WS_WATCH_INFORMATION { FaultingPc: UNKNOWN, FaultingVa }
}

/// An array of whole entries.
fn check_length(bytes: usize, entry: usize) -> Result<(), Failure> {
    if bytes >= entry && bytes.is_multiple_of(entry) {
        return Ok(());
    }
    let fix = "give the size of one or more entries";
    Err(Failure::argument(NtStatus::INFO_LENGTH_MISMATCH, "size", bytes as u64, fix))
}
