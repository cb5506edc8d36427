//! Physical pages (AWE). The calls that map have no process in Windows; ours with `Ex` have.

use std::ffi::c_void;

use pagewright_linux::sys;

use super::super::constants::{INVALID_HANDLE_VALUE, NUMA_NO_PREFERRED_NODE};
use super::super::failure::Failure;
use super::super::frames;
use super::super::handles::{self, Need};
use super::super::local;
use super::super::range::PAGE;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::answer;
use super::memory::require_pointer;

/// Takes physical pages for a process. `numberofpages` says how many, and afterwards
/// how many came. FALSE and a last error on failure: 1314 without the privilege.
///
/// # Safety
/// `numberofpages` is NULL or valid; `pagearray` is NULL or has room for that many.
pub unsafe extern "system" fn AllocateUserPhysicalPages(
    hprocess: HANDLE,
    numberofpages: *mut usize,
    pagearray: *mut usize,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { AllocateUserPhysicalPagesNuma(hprocess, numberofpages, pagearray, NUMA_NO_PREFERRED_NODE) }
}

/// [`AllocateUserPhysicalPages`], near a node of the machine if that has some.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn AllocateUserPhysicalPagesNuma(
    hprocess: HANDLE,
    numberofpages: *mut usize,
    pagearray: *mut usize,
    nndpreferred: u32,
) -> BOOL {
    // SAFETY: the caller vouches for the pointers.
    answer(unsafe { take(hprocess, numberofpages, pagearray, nndpreferred) })
}

/// Takes physical pages for a process.
///
/// # Errors
/// Those of the rows LP24 and LP32; nothing was taken.
///
/// # Safety
/// `number` is NULL or valid; `pages` is NULL or has room for that many.
pub(in crate::win32) unsafe fn take(
    process: HANDLE,
    number: *mut usize,
    pages: *mut usize,
    node: u32,
) -> Result<(), Failure> {
    require_pointer(number.is_null(), "pointer to the number of pages")?;
    // SAFETY: it is not NULL, and the caller vouches for it then.
    let count = unsafe { number.read_unaligned() };
    require_pointer(count != 0 && pages.is_null(), "array for the pages")?;
    require_room(pages, count)?;
    let came = handles::through(process, Need::Operate, |process| {
        frames::allocate_user_physical_pages(process, count as u64, node)
    })?;
    for (index, frame) in came.iter().enumerate() {
        // SAFETY: no more came than were asked for, and the caller vouches for room for those.
        unsafe { pages.add(index).write_unaligned(*frame as usize) };
    }
    // SAFETY: as above.
    unsafe { number.write_unaligned(came.len()) };
    Ok(())
}

/// An array of that many numbers can exist.
fn require_room(first: *const usize, count: usize) -> Result<(), Failure> {
    let bytes = count.checked_mul(size_of::<usize>());
    if bytes.is_some_and(|bytes| local::in_user_range(first.addr(), bytes)) {
        return Ok(());
    }
    let fix = "no array has room for them; give the number of pages";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER, "number of pages", count as u64, fix))
}

/// Gives physical pages of a process back. `numberofpages` says how many, and afterwards
/// how many went. FALSE and a last error on failure.
///
/// # Safety
/// Nobody may use the pages any more. `numberofpages` is NULL or valid; `pagearray` is NULL
/// or has that many.
pub unsafe extern "system" fn FreeUserPhysicalPages(
    hprocess: HANDLE,
    numberofpages: *mut usize,
    pagearray: *const usize,
) -> BOOL {
    // SAFETY: the caller vouches for the pointers.
    answer(unsafe { give_back(hprocess, numberofpages, pagearray) })
}

/// Gives physical pages of a process back.
///
/// # Errors
/// Those of the row LP29; nothing was given back.
///
/// # Safety
/// `number` is NULL or valid; `pages` is NULL or has that many.
pub(in crate::win32) unsafe fn give_back(
    process: HANDLE,
    number: *mut usize,
    pages: *const usize,
) -> Result<(), Failure> {
    require_pointer(number.is_null(), "pointer to the number of pages")?;
    // SAFETY: it is not NULL, and the caller vouches for it then.
    let count = unsafe { number.read_unaligned() };
    require_pointer(count != 0 && pages.is_null(), "array of the pages")?;
    // SAFETY: the caller vouches for the array.
    let pages = unsafe { list(pages, count) }?.unwrap_or_default();
    let went = handles::through(process, Need::Operate, |process| {
        frames::free_user_physical_pages(process, &pages)
    })?;
    // SAFETY: as above.
    unsafe { number.write_unaligned(went as usize) };
    Ok(())
}

/// Maps physical pages of this process into a window that was allocated with
/// `MEM_PHYSICAL`; with NULL for the pages it unmaps them. FALSE and a last error on failure.
///
/// # Safety
/// Nobody may rely on what was mapped. `pagearray` is NULL or has `numberofpages` of them.
pub unsafe extern "system" fn MapUserPhysicalPages(
    virtualaddress: *const c_void,
    numberofpages: usize,
    pagearray: *const usize,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { MapUserPhysicalPagesEx(INVALID_HANDLE_VALUE, virtualaddress, numberofpages, pagearray) }
}

/// [`MapUserPhysicalPages`] in any process. Windows has no such call. The handle needs
/// `PROCESS_VM_OPERATION`.
///
/// # Safety
/// As there, for that process.
pub unsafe extern "system" fn MapUserPhysicalPagesEx(
    hprocess: HANDLE,
    virtualaddress: *const c_void,
    numberofpages: usize,
    pagearray: *const usize,
) -> BOOL {
    // SAFETY: the caller vouches for the array.
    answer(unsafe { map(hprocess, virtualaddress, numberofpages, pagearray) })
}

/// Maps physical pages into a window of a process, or unmaps.
///
/// # Errors
/// Those of the rows LP26 and LP28; nothing has changed.
///
/// # Safety
/// `pages` is NULL or has `number` of them.
pub(in crate::win32) unsafe fn map(
    process: HANDLE,
    at: *const c_void,
    number: usize,
    pages: *const usize,
) -> Result<(), Failure> {
    // SAFETY: the caller vouches for the array.
    let pages = unsafe { list(pages, number) }?;
    handles::through(process, Need::Operate, |process| {
        frames::map_user_physical_pages(process, at.addr() as u64, number as u64, pages.as_deref())
    })
}

/// Maps each physical page of this process at its own address; with NULL for the pages it
/// unmaps all addresses. FALSE and a last error on failure.
///
/// # Safety
/// Nobody may rely on what was mapped. `virtualaddresses` has `numberofpages` of them,
/// `pagearray` is NULL or has as many.
pub unsafe extern "system" fn MapUserPhysicalPagesScatter(
    virtualaddresses: *const *const c_void,
    numberofpages: usize,
    pagearray: *const usize,
) -> BOOL {
    let this = INVALID_HANDLE_VALUE;
    // SAFETY: the caller vouches for the same.
    unsafe { MapUserPhysicalPagesScatterEx(this, virtualaddresses, numberofpages, pagearray) }
}

/// [`MapUserPhysicalPagesScatter`] in any process. Windows has no such call. The handle
/// needs `PROCESS_VM_OPERATION`.
///
/// # Safety
/// As there, for that process.
pub unsafe extern "system" fn MapUserPhysicalPagesScatterEx(
    hprocess: HANDLE,
    virtualaddresses: *const *const c_void,
    numberofpages: usize,
    pagearray: *const usize,
) -> BOOL {
    // SAFETY: the caller vouches for the arrays.
    answer(unsafe { scatter(hprocess, virtualaddresses, numberofpages, pagearray) })
}

/// Maps each physical page at its own address of a process, or unmaps.
///
/// # Errors
/// As [`map`]; nothing has changed.
///
/// # Safety
/// `places` is NULL or has `number` of them; `pages` is NULL or has as many.
pub(in crate::win32) unsafe fn scatter(
    process: HANDLE,
    places: *const *const c_void,
    number: usize,
    pages: *const usize,
) -> Result<(), Failure> {
    require_pointer(places.is_null(), "array of the addresses")?;
    // SAFETY: a pointer is as wide as the number of its address; the caller vouches for both arrays.
    let (places, pages) = unsafe { (list(places.cast(), number)?, list(pages, number)?) };
    handles::through(process, Need::Operate, |process| {
        frames::map_user_physical_pages_scatter(process, &places.unwrap_or_default(), pages.as_deref())
    })
}

/// The numbers of an array; `None` for NULL.
///
/// # Safety
/// `first` is NULL or points to `count` numbers.
unsafe fn list(first: *const usize, count: usize) -> Result<Option<Vec<u64>>, Failure> {
    if first.is_null() {
        return Ok(None);
    }
    // Nobody owns more pages than there are, and an array of more is not read.
    let most = sys::total_memory().map_or(u64::MAX, |(ram, swap)| ram.saturating_add(swap)) / PAGE;
    if count as u64 > most {
        let fix = "the machine has fewer; give the number of pages";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "number of pages", count as u64, fix));
    }
    // SAFETY: the caller vouches for it.
    Ok(Some((0..count).map(|index| unsafe { first.add(index).read_unaligned() } as u64).collect()))
}
