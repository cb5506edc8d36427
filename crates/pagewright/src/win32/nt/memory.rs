//! `NtAllocateVirtualMemory`, `NtFreeVirtualMemory`, `NtProtectVirtualMemory`.

use std::ffi::c_void;

use pagewright_core::{Disposal, Geometry};

use super::super::alloc::{Plan, Shape};
use super::super::failure::Failure;
use super::super::free;
use super::super::handles::{self, Need};
use super::super::kind::Words;
use super::super::status::NtStatus;
use super::super::types::{HANDLE, MEM_EXTENDED_PARAMETER};
use super::super::{NTSTATUS, extended, protect, protection, range};
use super::{InOut, require_pointer, zero_bits};

const HIGHEST: u64 = Geometry::X86_64.highest;

/// Reserves or commits memory of a process. Base and size are rounded and written back on
/// success, and left alone on failure.
///
/// `zerobits` limits the address where that is chosen: a count below 32 of upper bits of 32 that
/// are zero, or a mask.
///
/// # Safety
/// As [`VirtualAllocEx`](super::super::VirtualAllocEx). The pointers are NULL or valid.
pub unsafe extern "system" fn NtAllocateVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    zerobits: usize,
    regionsize: *mut usize,
    allocationtype: u32,
    protect: u32,
) -> NTSTATUS {
    let place = InOut { base: baseaddress, size: regionsize };
    let highest = zero_bits::highest(zerobits, NtStatus::INVALID_PARAMETER_3);
    // SAFETY: the caller vouches for the pointers.
    let plan = highest.and_then(|highest| unsafe {
        Ok(decode(place, allocationtype, protect, Words::Plain)?.below(highest)) // ZB12: only where it is chosen
    });
    // SAFETY: as above.
    unsafe { place.answer(plan.and_then(|plan| carry_out(processhandle, &plan))) }
}

/// [`NtAllocateVirtualMemory`] with extended parameters instead: address requirements, a node,
/// and attributes for the kind of large pages.
///
/// # Safety
/// As there; `extendedparameters` points to `extendedparametercount` of them, and the pointers
/// in them are valid.
pub unsafe extern "system" fn NtAllocateVirtualMemoryEx(
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    regionsize: *mut usize,
    allocationtype: u32,
    pageprotection: u32,
    extendedparameters: *mut MEM_EXTENDED_PARAMETER,
    extendedparametercount: u32,
) -> NTSTATUS {
    let place = InOut { base: baseaddress, size: regionsize };
    // SAFETY: the caller vouches for the parameters.
    let extended = unsafe { extended::decode(extendedparameters, extendedparametercount) };
    let plan = extended.and_then(|extended| {
        // SAFETY: the caller vouches for the pointers.
        extended.refine(unsafe { decode(place, allocationtype, pageprotection, Words::Extended) }?, HIGHEST)
    });
    // SAFETY: as above.
    unsafe { place.answer(plan.and_then(|plan| carry_out(processhandle, &plan))) }
}

/// The words, then the pointers, then the range (introduction of the VA rows).
///
/// # Safety
/// The pointers are NULL or valid.
unsafe fn decode(place: InOut, kind: u32, protect: u32, words: Words) -> Result<Plan, Failure> {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        let shape = Shape::decode(place.peek(), kind, protect, words)?;
        let (at, size) = place.load()?;
        shape.at(at, size, HIGHEST)
    }
}

fn carry_out(process: HANDLE, plan: &Plan) -> Result<(u64, u64), Failure> {
    handles::through(process, Need::Operate, |process| plan.carry_out(process))
}

/// Decommits or releases memory of a process: whole allocations with a size of 0, and any
/// part of one. Base and size are rounded and written back on success, and left alone on failure.
///
/// # Safety
/// Nobody may rely on what is freed. The pointers are NULL or valid.
pub unsafe extern "system" fn NtFreeVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    regionsize: *mut usize,
    freetype: u32,
) -> NTSTATUS {
    let place = InOut { base: baseaddress, size: regionsize };
    let freed = free::disposal(freetype).and_then(|disposal| {
        // SAFETY: the caller vouches for the pointers.
        let (at, size) = unsafe { place.load() }?;
        let request = free::request(disposal, at, size, HIGHEST)?;
        let range =
            handles::through(processhandle, Need::Operate, |process| free::perform(process, &request))?;
        // VF10: of all that is decommitted only the base is told.
        let all = size == 0 && disposal == Disposal::Decommit;
        Ok((range.start().get(), if all { 0 } else { range.bytes() }))
    });
    // SAFETY: as above.
    unsafe { place.answer(freed) }
}

/// Changes the protection of memory of a process. Base and size are rounded and written back
/// on success, and left alone on failure.
///
/// # Safety
/// Nobody may rely on access that is taken away. The pointers are NULL or valid.
pub unsafe extern "system" fn NtProtectVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *mut *mut c_void,
    regionsize: *mut usize,
    newprotect: u32,
    oldprotect: *mut u32,
) -> NTSTATUS {
    let place = InOut { base: baseaddress, size: regionsize };
    // SAFETY: the caller vouches for the pointers.
    let range = protection::decode_protection(newprotect)
        .and_then(|protection| unsafe { Ok((protection, place.load()?)) });
    let changed = range.and_then(|(protection, (at, size))| {
        require_pointer(oldprotect.is_null(), "pointer for the old protection")?; // VP01
        let request = protect::decode(at, size, protection, HIGHEST)?;
        let old =
            handles::through(processhandle, Need::Operate, |process| protect::perform(process, &request));
        if let Some(old) = protect::told(&old) {
            // SAFETY: it is not NULL, and the caller vouches for it then.
            unsafe { oldprotect.write_unaligned(old) };
        }
        old.map(|_| range::rounded(at, size))
    });
    // SAFETY: as above.
    unsafe { place.answer(changed) }
}
