//! Physical pages (AWE). The calls that map have no process in Windows; ours with `Ex` have.

use std::ffi::c_void;

use pagewright_linux::sys;

use super::super::constants::{INVALID_HANDLE_VALUE, NUMA_NO_PREFERRED_NODE};
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::range::PAGE;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::super::{frames, last_error};
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
    let came = require_pointer(numberofpages.is_null(), "pointer to the number of pages").and_then(|()| {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        let count = unsafe { numberofpages.read_unaligned() };
        require_pointer(count != 0 && pagearray.is_null(), "array for the pages")?;
        handles::through(hprocess, Need::Operate, |process| {
            frames::allocate_user_physical_pages(process, count as u64, nndpreferred)
        })
    });
    let Some(came) = last_error::note(came) else { return 0 };
    for (index, frame) in came.iter().enumerate() {
        // SAFETY: no more came than were asked for, and the caller vouches for room for those.
        unsafe { pagearray.add(index).write_unaligned(*frame as usize) };
    }
    // SAFETY: as above.
    unsafe { numberofpages.write_unaligned(came.len()) };
    1
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
    let went = require_pointer(numberofpages.is_null(), "pointer to the number of pages").and_then(|()| {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        let count = unsafe { numberofpages.read_unaligned() };
        require_pointer(count != 0 && pagearray.is_null(), "array of the pages")?;
        // SAFETY: the caller vouches for the array.
        let pages = unsafe { list(pagearray, count) }?.unwrap_or_default();
        handles::through(hprocess, Need::Operate, |process| frames::free_user_physical_pages(process, &pages))
    });
    let Some(went) = last_error::note(went) else { return 0 };
    // SAFETY: as above.
    unsafe { numberofpages.write_unaligned(went as usize) };
    1
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
    let pages = unsafe { list(pagearray, numberofpages) };
    let (at, count) = (virtualaddress.addr() as u64, numberofpages as u64);
    answer(pages.and_then(|pages| {
        handles::through(hprocess, Need::Operate, |process| {
            frames::map_user_physical_pages(process, at, count, pages.as_deref())
        })
    }))
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
    let places = require_pointer(virtualaddresses.is_null(), "array of the addresses").and_then(|()| {
        // SAFETY: a pointer is as wide as the number of its address; the caller vouches for both arrays.
        let lists =
            unsafe { (list(virtualaddresses.cast(), numberofpages)?, list(pagearray, numberofpages)?) };
        Ok((lists.0.unwrap_or_default(), lists.1))
    });
    answer(places.and_then(|(addresses, pages)| {
        handles::through(hprocess, Need::Operate, |process| {
            frames::map_user_physical_pages_scatter(process, &addresses, pages.as_deref())
        })
    }))
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
