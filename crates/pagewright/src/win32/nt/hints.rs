//! What will be used soon, and code that was written.

use std::ffi::c_void;

use super::super::NTSTATUS;
use super::super::calls::{prefetch, process};
use super::super::failure::Failure;
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::status;
use super::types::{MEMORY_RANGE_ENTRY, VIRTUAL_MEMORY_INFORMATION_CLASS, VmPrefetchInformation};

/// Says that ranges of a process will be used soon: the class is [`VmPrefetchInformation`], and
/// the information a number of 32 bits that is 0.
///
/// # Safety
/// `virtualaddresses` is NULL or has `numberofentries` of them; `vminformation` is NULL or has
/// room for `vminformationlength` bytes.
pub unsafe extern "system" fn NtSetInformationVirtualMemory(
    processhandle: HANDLE,
    vminformationclass: VIRTUAL_MEMORY_INFORMATION_CLASS,
    numberofentries: usize,
    virtualaddresses: *const MEMORY_RANGE_ENTRY,
    vminformation: *const c_void,
    vminformationlength: u32,
) -> NTSTATUS {
    let flags = check(vminformationclass, vminformation, vminformationlength).map(|()| {
        // SAFETY: it is not NULL and long enough.
        unsafe { vminformation.cast::<u32>().read_unaligned() }
    });
    // SAFETY: the caller vouches for the ranges.
    status(flags.and_then(|flags| unsafe {
        prefetch::prefetch(processhandle, numberofentries, virtualaddresses, flags)
    }))
}

/// PF06 to PF08.
fn check(
    class: VIRTUAL_MEMORY_INFORMATION_CLASS,
    information: *const c_void,
    length: u32,
) -> Result<(), Failure> {
    let refuse = |status, what, value, fix| Err(Failure::argument(status, what, value, fix));
    if class != VmPrefetchInformation {
        let fix = "give VmPrefetchInformation";
        return refuse(NtStatus::INVALID_PARAMETER_2, "class", class as u64, fix);
    }
    if information.is_null() {
        return refuse(NtStatus::INVALID_PARAMETER_5, "information", 0, "give the address of flags");
    }
    if length as usize != size_of::<u32>() {
        return refuse(NtStatus::INVALID_PARAMETER_6, "length", length.into(), "give 4");
    }
    Ok(())
}

/// Makes written code visible to execution. x86 does that by itself, so only the handle is
/// checked.
///
/// # Safety
/// None.
pub unsafe extern "system" fn NtFlushInstructionCache(
    processhandle: HANDLE,
    _baseaddress: *const c_void,
    _length: usize,
) -> NTSTATUS {
    status(process::flush_code(processhandle))
}
