//! `GetWriteWatch` and its kin.

use std::ffi::c_void;
use std::ptr;

use pagewright_core::{After, Geometry, Stores};

use super::super::constants::INVALID_HANDLE_VALUE;
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::range::PAGE;
use super::super::types::HANDLE;
use super::super::{last_error, watch};
use super::memory::require_pointer;
use crate::memory::Memory;

const HIGHEST: u64 = Geometry::X86_64.highest;

/// Lists the pages of a watched range of this process that were stored to: their bases
/// in `lpaddresses`, their number in `lpdwcount`, which says at first how many there is room for.
/// With [`WRITE_WATCH_FLAG_RESET`](super::super::WRITE_WATCH_FLAG_RESET) those that were listed are
/// forgotten, each in one step with being listed. 0, or `u32::MAX` and a last error.
///
/// # Safety
/// `lpaddresses` is NULL or has room for `*lpdwcount` addresses; the other pointers are
/// NULL or valid.
pub unsafe extern "system" fn GetWriteWatch(
    dwflags: u32,
    lpbaseaddress: *const c_void,
    dwregionsize: usize,
    lpaddresses: *mut *mut c_void,
    lpdwcount: *mut usize,
    lpdwgranularity: *mut u32,
) -> u32 {
    let (base, size) = (lpbaseaddress, dwregionsize);
    // SAFETY: the caller vouches for the same.
    unsafe {
        GetWriteWatchEx(INVALID_HANDLE_VALUE, dwflags, base, size, lpaddresses, lpdwcount, lpdwgranularity)
    }
}

/// [`GetWriteWatch`] for any process. Windows has no such call.
///
/// The handle needs `PROCESS_QUERY_INFORMATION`; with `WRITE_WATCH_FLAG_RESET` also
/// `PROCESS_VM_OPERATION`.
///
/// # Safety
/// As [`GetWriteWatch`].
pub unsafe extern "system" fn GetWriteWatchEx(
    hprocess: HANDLE,
    dwflags: u32,
    lpbaseaddress: *const c_void,
    dwregionsize: usize,
    lpaddresses: *mut *mut c_void,
    lpdwcount: *mut usize,
    lpdwgranularity: *mut u32,
) -> u32 {
    let listed = require_pointer(lpdwcount.is_null(), "pointer to the count") // WW29
        .and_then(|()| require_pointer(lpdwgranularity.is_null(), "pointer for the granularity")) // WW30
        .and_then(|()| {
            // SAFETY: it is not NULL, and the caller vouches for it then.
            let room = unsafe { lpdwcount.read_unaligned() };
            let (at, size) = (lpbaseaddress.addr() as u64, dwregionsize as u64);
            let request = watch::decode(dwflags, at, size, room as u64, HIGHEST)?;
            require_pointer(lpaddresses.is_null(), "array for the addresses")?; // WW31
            let need = match request.after {
                After::Keep => Need::Inspect,
                After::Forget => Need::Recount,
            };
            let mut listed = 0;
            handles::through(hprocess, need, |process| {
                watch::list(process, &request, &mut |page| {
                    // SAFETY: no more pages are listed than there is room for, and the
                    // caller vouches for the array.
                    unsafe {
                        lpaddresses
                            .add(listed)
                            .write_unaligned(ptr::with_exposed_provenance_mut(page as usize))
                    };
                    listed += 1;
                })
            })?;
            Ok(listed)
        });
    let Some(listed) = last_error::note(listed) else { return FAILED };
    // SAFETY: neither is NULL, and the caller vouches for them then.
    unsafe {
        lpdwcount.write_unaligned(listed);
        lpdwgranularity.write_unaligned(PAGE as u32);
    }
    0
}

/// Forgets all stores to a watched range of this process. 0, or `u32::MAX` and a last error.
///
/// # Safety
/// Nobody may rely on what is forgotten.
pub unsafe extern "system" fn ResetWriteWatch(lpbaseaddress: *const c_void, dwregionsize: usize) -> u32 {
    // SAFETY: the caller vouches for the same.
    unsafe { ResetWriteWatchEx(INVALID_HANDLE_VALUE, lpbaseaddress, dwregionsize) }
}

/// [`ResetWriteWatch`] for any process. Windows has no such call. The handle needs
/// `PROCESS_VM_OPERATION` and `PROCESS_QUERY_INFORMATION`.
///
/// # Safety
/// As [`ResetWriteWatch`], for that process.
pub unsafe extern "system" fn ResetWriteWatchEx(
    hprocess: HANDLE,
    lpbaseaddress: *const c_void,
    dwregionsize: usize,
) -> u32 {
    mark(hprocess, lpbaseaddress, dwregionsize, Stores::Forget)
}

/// Counts a range of a process as stored to: for writes that no processor makes, such as
/// those of a device. Windows has no such call. 0, or `u32::MAX` and a last error. The handle
/// needs `PROCESS_VM_OPERATION` and `PROCESS_QUERY_INFORMATION`.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "system" fn NoteWriteWatchEx(
    hprocess: HANDLE,
    lpbaseaddress: *const c_void,
    dwregionsize: usize,
) -> u32 {
    mark(hprocess, lpbaseaddress, dwregionsize, Stores::Note)
}

/// What the calls answer that failed.
const FAILED: u32 = u32::MAX;

fn mark(process: HANDLE, base: *const c_void, size: usize, stores: Stores) -> u32 {
    let request = watch::decode_mark(base.addr() as u64, size as u64, stores, HIGHEST);
    let marked = request.and_then(|request| {
        handles::through(process, Need::Recount, |process| process.mark(&request).map_err(Failure::from))
    });
    last_error::note(marked).map_or(FAILED, |()| 0)
}
