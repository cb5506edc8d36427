//! The NT calls about sections: a status as the answer, and more to choose.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::protection;
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::constants::SECTION_QUERY;
use super::map;
use super::object::{Body, Section};
use super::types::{
    NTSTATUS, OBJECT_INFORMATION_CLASS, PUBLIC_OBJECT_BASIC_INFORMATION, SECTION_BASIC_INFORMATION,
    SECTION_INFORMATION_CLASS, SECTION_INHERIT,
};

/// Maps a view of a section in a process. What it gets is written back: the address, the
/// bytes, and the offset.
///
/// # Safety
/// `baseaddress` and `viewsize` are valid, `sectionoffset` is NULL or valid.
pub unsafe extern "system" fn NtMapViewOfSection(
    sectionhandle: HANDLE,
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    zerobits: usize,
    commitsize: usize,
    sectionoffset: *mut i64,
    viewsize: *mut usize,
    inheritdisposition: SECTION_INHERIT,
    allocationtype: u32,
    win32protect: u32,
) -> NTSTATUS {
    if baseaddress.is_null() || viewsize.is_null() {
        return NtStatus::ACCESS_VIOLATION.0 as NTSTATUS;
    }
    // SAFETY: they are not NULL, so the caller vouches for them.
    let (base, size) =
        unsafe { (baseaddress.read_unaligned().addr() as u64, viewsize.read_unaligned() as u64) };
    // SAFETY: as above.
    let offset = if sectionoffset.is_null() { 0 } else { unsafe { sectionoffset.read_unaligned() } };
    let view = protection::decode_protection(win32protect).and_then(|protection| {
        let section = handles::section(sectionhandle, map::needed(protection))?;
        handles::through(processhandle, Need::Operate, |process| {
            plain(zerobits, commitsize, inheritdisposition, &section)?;
            let offset = offset as u64;
            let wanted = map::Wanted { base, offset, size, protection, kind: allocationtype };
            map::map(&section, process, &wanted)
        })
    });
    match view {
        Ok((base, size)) => {
            // SAFETY: as above.
            unsafe {
                baseaddress.write_unaligned(ptr::with_exposed_provenance_mut(base as usize));
                viewsize.write_unaligned(size as usize);
            }
            NtStatus::SUCCESS.0 as NTSTATUS
        }
        Err(failure) => failure.status.0 as NTSTATUS,
    }
}

/// What is not served: a limit of address bits, and memory for a part of a view (which is
/// committed through it afterwards).
fn plain(
    zero_bits: usize,
    commit: usize,
    inherit: SECTION_INHERIT,
    section: &Section,
) -> Result<(), Failure> {
    if zero_bits != 0 {
        let fix = "give 0, and an address to say where the view goes";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_4, "zero bits", zero_bits as u64, fix));
    }
    if commit as u64 > section.size || commit != 0 && section.body != Body::Committed {
        let fix = "give 0, and commit pages of the view afterwards"; // MV51, MV52
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_5, "commit size", commit as u64, fix));
    }
    if !(1..=2).contains(&inherit) {
        let fix = "give ViewShare or ViewUnmap";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_8, "inheritance", inherit as u64, fix));
    }
    Ok(())
}

/// Unmaps the view of a process that holds an address.
///
/// # Safety
/// Nobody may rely on the view.
pub unsafe extern "system" fn NtUnmapViewOfSection(
    processhandle: HANDLE,
    baseaddress: *const c_void,
) -> NTSTATUS {
    let at = baseaddress.addr() as u64;
    status(handles::through(processhandle, Need::Operate, |process| map::unmap(process, at)))
}

/// Says what a section is (SC33 to SC45): class 0 only.
///
/// # Safety
/// `sectioninformation` has room for `length` bytes; `resultlength` is NULL or valid.
pub unsafe extern "system" fn NtQuerySection(
    sectionhandle: HANDLE,
    informationclass: SECTION_INFORMATION_CLASS,
    sectioninformation: *mut c_void,
    length: usize,
    resultlength: *mut usize,
) -> NTSTATUS {
    let known = class(informationclass, length).and_then(|()| handles::section(sectionhandle, SECTION_QUERY)); // HR22
    let section = match known {
        Ok(section) if informationclass == 0 => section,
        Ok(_) => return NtStatus::SECTION_NOT_IMAGE.0 as NTSTATUS, // SC44
        Err(failure) => return failure.status.0 as NTSTATUS,
    };
    let record = SECTION_BASIC_INFORMATION {
        BaseAddress: ptr::null_mut(),
        AllocationAttributes: section.attributes,
        MaximumSize: section.size as i64,
    };
    // SAFETY: the caller vouches for the length, which was checked.
    unsafe { stored(record, sectioninformation, resultlength) }
}

/// The lengths that the classes need (SC43).
fn class(class: SECTION_INFORMATION_CLASS, length: usize) -> Result<(), Failure> {
    /// Bytes of what is known of an image.
    const IMAGE: usize = 64;
    let needed = match class {
        0 => size_of::<SECTION_BASIC_INFORMATION>(),
        1 => IMAGE,
        _ => {
            let fix = "give SectionBasicInformation";
            return Err(Failure::argument(NtStatus::INVALID_INFO_CLASS, "class", class as u64, fix));
        }
    };
    long_enough(length, needed)
}

fn long_enough(length: usize, needed: usize) -> Result<(), Failure> {
    if length >= needed {
        return Ok(());
    }
    let fix = "give at least the size of the record";
    Err(Failure::argument(NtStatus::INFO_LENGTH_MISMATCH, "length", length as u64, fix))
}

/// Says which rights a handle has: class 0 only.
///
/// # Safety
/// `objectinformation` has room for `objectinformationlength` bytes; `returnlength` is
/// NULL or valid.
pub unsafe extern "system" fn NtQueryObject(
    handle: HANDLE,
    objectinformationclass: OBJECT_INFORMATION_CLASS,
    objectinformation: *mut c_void,
    objectinformationlength: u32,
    returnlength: *mut u32,
) -> NTSTATUS {
    if objectinformationclass != 0 {
        return NtStatus::INVALID_INFO_CLASS.0 as NTSTATUS;
    }
    let needed = size_of::<PUBLIC_OBJECT_BASIC_INFORMATION>();
    let known = long_enough(objectinformationlength as usize, needed).and_then(|()| handles::thing(handle));
    let access = match known {
        Ok((_, access)) => access,
        Err(failure) => return failure.status.0 as NTSTATUS,
    };
    if !returnlength.is_null() {
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { returnlength.write_unaligned(needed as u32) };
    }
    let record = PUBLIC_OBJECT_BASIC_INFORMATION {
        GrantedAccess: access,
        HandleCount: 1,
        PointerCount: 1,
        ..Default::default()
    };
    // SAFETY: the caller vouches for the length, which was checked.
    unsafe { stored(record, objectinformation, ptr::null_mut()) }
}

/// Writes a record where the caller wants it.
///
/// # Safety
/// The buffer is NULL or has room for the record; `length` is NULL or valid.
unsafe fn stored<T>(record: T, buffer: *mut c_void, length: *mut usize) -> NTSTATUS {
    if buffer.is_null() {
        return NtStatus::ACCESS_VIOLATION.0 as NTSTATUS;
    }
    // SAFETY: it is not NULL, so it has room; nothing is said about its alignment.
    unsafe { buffer.cast::<T>().write_unaligned(record) };
    if !length.is_null() {
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { length.write_unaligned(size_of::<T>()) };
    }
    NtStatus::SUCCESS.0 as NTSTATUS
}

pub(super) fn status(result: Result<(), Failure>) -> NTSTATUS {
    match result {
        Ok(()) => NtStatus::SUCCESS.0 as NTSTATUS,
        Err(failure) => failure.status.0 as NTSTATUS,
    }
}
