//! The NT calls about sections: a status as the answer, and more to choose.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

use pagewright_core::{Action, Allocate, Place, Protection, Traits, Window};

use super::super::constants::MEM_RESERVE;
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::kind::Words;
use super::super::nt::{InOut, status, zero_bits};
use super::super::status::NtStatus;
use super::super::types::{HANDLE, MEM_EXTENDED_PARAMETER};
use super::super::{extended, protection};
use super::constants::SECTION_QUERY;
use super::object::{Body, Section};
use super::types::{
    NTSTATUS, OBJECT_INFORMATION_CLASS, PUBLIC_OBJECT_BASIC_INFORMATION, SECTION_BASIC_INFORMATION,
    SECTION_INFORMATION_CLASS, SECTION_INHERIT,
};
use super::{calls, map};
use crate::memory::Memory;
use crate::process::Process;

/// Maps a view of a section in a process. What it gets is written back: the address and the
/// bytes.
///
/// # Safety
/// The pointers are NULL or valid.
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
    let place = InOut { base: baseaddress, size: viewsize };
    // SAFETY: the caller vouches for the pointers.
    let (range, offset) = unsafe { (place.load(), optional(sectionoffset)) };
    let view = range.and_then(|(base, size)| {
        let protection = protection::decode_protection(win32protect)?;
        let section = handles::section(sectionhandle, map::needed(protection))?;
        handles::through(processhandle, Need::Operate, |process| {
            let within = Window { highest: highest(zerobits, base)?, ..Window::ANYWHERE };
            check(commitsize, inheritdisposition, allocationtype, &section)?;
            let wanted = map::Wanted {
                base,
                offset,
                size,
                protection,
                kind: allocationtype,
                words: Words::Plain,
                within,
            };
            let view = map::map(&section, process, &wanted)?;
            commit(process, &section, view, commitsize as u64, protection)?;
            Ok(view)
        })
    });
    // SAFETY: as above.
    unsafe { place.answer(view) }
}

/// [`NtMapViewOfSection`] with extended parameters that say where the view may be.
///
/// # Safety
/// The pointers are NULL or valid; `extendedparameters` points to `extendedparametercount` of
/// them, and the pointers in them are valid.
pub unsafe extern "system" fn NtMapViewOfSectionEx(
    sectionhandle: HANDLE,
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    sectionoffset: *mut i64,
    viewsize: *mut usize,
    allocationtype: u32,
    pageprotection: u32,
    extendedparameters: *mut MEM_EXTENDED_PARAMETER,
    extendedparametercount: u32,
) -> NTSTATUS {
    let place = InOut { base: baseaddress, size: viewsize };
    // SAFETY: the caller vouches for the pointers.
    let (range, offset) = unsafe { (place.load(), optional(sectionoffset)) };
    let view = range.and_then(|(base, size)| {
        let at = ptr::without_provenance(base as usize);
        // SAFETY: the caller vouches for the parameters.
        let within = unsafe { extended::view_window(extendedparameters, extendedparametercount, at) }?;
        let protection = protection::decode_protection(pageprotection)?;
        let section = handles::section(sectionhandle, map::needed(protection))?;
        let wanted = map::Wanted {
            base,
            offset,
            size,
            protection,
            kind: allocationtype,
            words: Words::Extended,
            within,
        };
        handles::through(processhandle, Need::Operate, |process| map::map(&section, process, &wanted))
    });
    // SAFETY: as above.
    unsafe { place.answer(view) }
}

/// The offset in a section; 0 without one.
///
/// # Safety
/// It is NULL or valid.
unsafe fn optional(offset: *const i64) -> u64 {
    // SAFETY: it is not NULL, so the caller vouches for it.
    if offset.is_null() { 0 } else { unsafe { offset.read_unaligned() as u64 } }
}

/// The highest address of a view (MV30, MV31, MV59).
fn highest(zero_bits: usize, base: u64) -> Result<u64, Failure> {
    let highest = zero_bits::highest(zero_bits, NtStatus::INVALID_PARAMETER_4)?;
    if base > highest {
        let fix = "the address has more bits; give 0";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_4, "zero bits", zero_bits as u64, fix));
    }
    Ok(highest)
}

/// How much is committed at once, and who gets the view.
fn check(bytes: usize, inherit: SECTION_INHERIT, kind: u32, section: &Section) -> Result<(), Failure> {
    if bytes as u64 > section.size || bytes != 0 && section.body == Body::File && kind & MEM_RESERVE == 0 {
        let fix = "give no more than the view has, and 0 for files"; // MV51, MV52
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_5, "commit size", bytes as u64, fix));
    }
    if !(1..=2).contains(&inherit) {
        let fix = "give ViewShare or ViewUnmap";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_8, "inheritance", inherit as u64, fix));
    }
    Ok(())
}

/// Commits the first pages of a new view, where they are not all committed (MV53, SR19).
fn commit(
    process: &Process,
    section: &Section,
    (base, _): (u64, u64),
    size: u64,
    protection: Protection,
) -> Result<(), Failure> {
    if size == 0 || section.body != Body::OnDemand {
        return Ok(());
    }
    let (place, action, traits) = (Place::At(base), Action::Commit, Traits::default());
    process.allocate(&Allocate { place, size, action, protection, traits }).map(drop).map_err(|error| {
        // The call maps all that it was asked for, or nothing.
        let _ = map::unmap(process, base, map::Leave::Nothing);
        error.into()
    })
}

/// Unmaps the view of a process that holds an address.
///
/// # Safety
/// Nobody may rely on the view.
pub unsafe extern "system" fn NtUnmapViewOfSection(
    processhandle: HANDLE,
    baseaddress: *const c_void,
) -> NTSTATUS {
    status(calls::unmap(processhandle, baseaddress, 0))
}

/// [`NtUnmapViewOfSection`] with flags: 0, or `MEM_PRESERVE_PLACEHOLDER`, which leaves the placeholder
/// whose place the view took.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn NtUnmapViewOfSectionEx(
    processhandle: HANDLE,
    baseaddress: *const c_void,
    flags: u32,
) -> NTSTATUS {
    status(calls::unmap(processhandle, baseaddress, flags))
}

/// One more handle of this process for what a handle stands for, with the same rights or
/// with others.
///
/// # Safety
/// `targethandle` is NULL or valid.
pub unsafe extern "system" fn NtDuplicateObject(
    sourceprocesshandle: HANDLE,
    sourcehandle: HANDLE,
    targetprocesshandle: HANDLE,
    targethandle: *mut HANDLE,
    desiredaccess: u32,
    _handleattributes: u32,
    options: u32,
) -> NTSTATUS {
    let (from, to) = (sourceprocesshandle, targetprocesshandle);
    status(calls::duplicate(from, sourcehandle, to, desiredaccess, options).map(|handle| {
        if !targethandle.is_null() {
            // SAFETY: it is not NULL, so the caller vouches for it.
            unsafe { targethandle.write_unaligned(handle) };
        }
    }))
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
