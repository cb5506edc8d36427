//! The pages that a process has in memory, all of them.

use std::ffi::c_void;

use super::super::calls::{answer, require_pointer};
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::records::PSAPI_WORKING_SET_BLOCK;
use super::super::residency::PageTable;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};

const WORD: usize = size_of::<usize>();

/// Lists the pages that a process has in memory: how many, and a [`PSAPI_WORKING_SET_BLOCK`] for
/// each, ascending. Large pages are none of them (LP08). FALSE and a last error on failure: 24 when
/// `cb` bytes do not suffice; the number is that of the pages then too, if there is room for it.
///
/// # Safety
/// `pv` is NULL or has `cb` bytes.
pub unsafe extern "system" fn QueryWorkingSet(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL {
    answer(handles::through(hprocess, Need::List, |process| {
        let room = cb as usize / WORD;
        let short = || {
            let fix = "give room for the number and as many entries";
            Failure::argument(NtStatus::INFO_LENGTH_MISMATCH, "size", cb.into(), fix)
        };
        require_pointer(pv.is_null(), "array")?;
        let after_number = room.checked_sub(1).ok_or_else(short)?;
        let pages = PageTable::open(process)?.census(process)?;
        let into = pv.cast::<usize>();
        // SAFETY: there is room for one word at least.
        unsafe { into.write_unaligned(pages.len()) };
        if pages.len() > after_number {
            return Err(short());
        }
        for (index, page) in pages.iter().enumerate() {
            let entry = PSAPI_WORKING_SET_BLOCK { Flags: *page };
            // SAFETY: there is room for all behind the number.
            unsafe { into.add(1 + index).cast::<PSAPI_WORKING_SET_BLOCK>().write_unaligned(entry) };
        }
        Ok(())
    }))
}

/// [`QueryWorkingSet`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn K32QueryWorkingSet(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { QueryWorkingSet(hprocess, pv, cb) }
}
