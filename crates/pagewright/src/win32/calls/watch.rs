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
    let (at, size) = (lpbaseaddress.addr() as u64, dwregionsize as u64);
    let into = Into { addresses: lpaddresses, count: lpdwcount, granularity: lpdwgranularity };
    // SAFETY: the caller vouches for the pointers.
    last_error::note(unsafe { list(hprocess, dwflags, at, size, into) }).map_or(FAILED, |()| 0)
}

/// Where the pages go that were stored to.
#[derive(Clone, Copy, Debug)]
pub(in crate::win32) struct Into<G> {
    pub(in crate::win32) addresses: *mut *mut c_void,
    /// How many there is room for, and then how many there are.
    pub(in crate::win32) count: *mut usize,
    /// The size of a page, as wide as the call has it.
    pub(in crate::win32) granularity: *mut G,
}

/// Lists the pages of a process that were stored to.
///
/// # Errors
/// Those of the rows WW28 to WW37. Nothing was forgotten.
///
/// # Safety
/// The array is NULL or has room for as many addresses as are asked for; the other pointers
/// are NULL or valid.
pub(in crate::win32) unsafe fn list<G: From<u16>>(
    process: HANDLE,
    flags: u32,
    at: u64,
    size: u64,
    into: Into<G>,
) -> Result<(), Failure> {
    let Into { addresses, count, granularity } = into;
    require_pointer(count.is_null(), "pointer to the count")?; // WW29
    require_pointer(granularity.is_null(), "pointer for the granularity")?; // WW30
    // SAFETY: it is not NULL, and the caller vouches for it then.
    let room = unsafe { count.read_unaligned() };
    let request = watch::decode(flags, at, size, room as u64, HIGHEST)?;
    require_pointer(addresses.is_null(), "array for the addresses")?; // WW31
    let need = match request.after {
        After::Keep => Need::Inspect,
        After::Forget => Need::Recount,
    };
    let mut listed = 0;
    handles::through(process, need, |process| {
        watch::list(process, &request, &mut |page| {
            let page = ptr::with_exposed_provenance_mut(page as usize);
            // SAFETY: no more pages are listed than there is room for, and the caller vouches
            // for the array.
            unsafe { addresses.add(listed).write_unaligned(page) };
            listed += 1;
        })
    })?;
    // SAFETY: neither is NULL, and the caller vouches for them then.
    unsafe {
        count.write_unaligned(listed);
        granularity.write_unaligned(G::from(PAGE as u16));
    }
    Ok(())
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
    marked(mark(hprocess, lpbaseaddress, dwregionsize, Stores::Forget))
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
    marked(mark(hprocess, lpbaseaddress, dwregionsize, Stores::Note))
}

/// What the calls answer that failed.
const FAILED: u32 = u32::MAX;

fn marked(result: Result<(), Failure>) -> u32 {
    last_error::note(result).map_or(FAILED, |()| 0)
}

/// Notes or forgets stores to a watched range of a process.
///
/// # Errors
/// Those of the rows WW36 to WW38; nothing has changed.
pub(in crate::win32) fn mark(
    process: HANDLE,
    base: *const c_void,
    size: usize,
    stores: Stores,
) -> Result<(), Failure> {
    let request = watch::decode_mark(base.addr() as u64, size as u64, stores, HIGHEST)?;
    handles::through(process, Need::Recount, |process| process.mark(&request).map_err(Failure::from))
}
