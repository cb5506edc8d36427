//! Memory for stacks: `RtlCreateUserStack`, `RtlFreeUserStack`, and the class of
//! `NtSetInformationProcess` that reserves one.
//!
//! Threads of Linux get their stacks from their C library. These are for programs that run
//! code on stacks of their own: fibers, emulated threads.
#![allow(non_upper_case_globals, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

use pagewright_core::{Allocate, Free, Geometry, Kind, Protection, Verb, Window};

use super::super::NTSTATUS;
use super::super::calls::require_pointer;
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles::{self, Need};
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::{status, zero_bits};
use crate::memory::Memory;
use crate::process::Process;

const PAGE: u64 = 0x1000;
/// What a stack that says nothing reserves, and the unit of smaller ones (GP31).
const RESERVE: u64 = 0x10_0000;
const HIGHEST: u64 = Geometry::X86_64.highest;

/// The class of [`NtSetInformationProcess`] that reserves memory for a stack.
pub const ProcessThreadStackAllocation: PROCESSINFOCLASS = 41;

/// What [`NtSetInformationProcess`] is about.
pub type PROCESSINFOCLASS = i32;

/// Where a stack is, as a thread would be started with.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct INITIAL_TEB {
    /// The base of an older form; NULL.
    pub OldStackBase: *mut c_void,
    /// The limit of that; NULL.
    pub OldStackLimit: *mut c_void,
    /// The address behind the stack, where it begins.
    pub StackBase: *mut c_void,
    /// The lowest page that has memory and no guard.
    pub StackLimit: *mut c_void,
    /// The base of the allocation, for [`RtlFreeUserStack`].
    pub StackAllocationBase: *mut c_void,
}

/// What [`ProcessThreadStackAllocation`] takes and answers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PROCESS_STACK_ALLOCATION_INFORMATION {
    /// Bytes to reserve.
    pub ReserveSize: usize,
    /// As for [`NtAllocateVirtualMemory`](super::NtAllocateVirtualMemory).
    pub ZeroBits: usize,
    /// Where it was reserved.
    pub StackBase: *mut c_void,
}

/// The same behind a node, which is a wish that is not heard.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PROCESS_STACK_ALLOCATION_INFORMATION_EX {
    /// A NUMA node.
    pub PreferredNode: u32,
    /// Not used.
    pub Reserved0: u32,
    /// Not used.
    pub Reserved1: u32,
    /// Not used.
    pub Reserved2: u32,
    /// What is asked for.
    pub AllocInfo: PROCESS_STACK_ALLOCATION_INFORMATION,
}

/// Allocates a stack in this process: `commit` bytes of memory at its upper end, a guard page
/// below them, and the rest reserved. 0 bytes mean a page and 1 MiB. What is reserved
/// holds what is committed, and is at least 1 MiB; both are rounded up to their alignments,
/// which are powers of two of at least a page.
///
/// `INVALID_PARAMETER` for an alignment of 0 or another that is none, `ACCESS_VIOLATION` for
/// NULL; else as `NtAllocateVirtualMemory`. On error nothing was allocated, and nothing written.
///
/// # Safety
/// The pointer is NULL or valid.
pub unsafe extern "system" fn RtlCreateUserStack(
    commit: usize,
    reserve: usize,
    zerobits: u32,
    commitalign: usize,
    reservealign: usize,
    initialteb: *mut INITIAL_TEB,
) -> NTSTATUS {
    let sizes = sizes(commit as u64, reserve as u64, commitalign as u64, reservealign as u64);
    let made = sizes.and_then(|sizes| {
        require_pointer(initialteb.is_null(), "pointer for the stack")?;
        let highest = zero_bits::highest(zerobits as usize, NtStatus::INVALID_PARAMETER_3)?;
        caught(|| create(&Process::current(), sizes, highest))
    });
    status(made.map(|stack| {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        unsafe { initialteb.write_unaligned(stack) };
    }))
}

/// Frees a stack, all of it, by the base of its allocation. What is none is left alone.
///
/// # Safety
/// Nobody runs on it.
pub unsafe extern "system" fn RtlFreeUserStack(allocationbase: *mut c_void) {
    // The call has no answer that could tell.
    let _ = caught(|| Ok(Process::current().free(&Free::release(allocationbase.addr() as u64))?));
}

/// Reserves memory for a stack of a process ([`ProcessThreadStackAllocation`]; other classes
/// are `INVALID_INFO_CLASS`). The handle needs `PROCESS_VM_OPERATION`.
///
/// # Safety
/// The pointer is NULL or valid for that many bytes.
pub unsafe extern "system" fn NtSetInformationProcess(
    processhandle: HANDLE,
    processinformationclass: PROCESSINFOCLASS,
    processinformation: *mut c_void,
    processinformationlength: u32,
) -> NTSTATUS {
    let reserved =
        place(processinformationclass, processinformation, processinformationlength).and_then(|at| {
            // SAFETY: it is not NULL, and the caller vouches for it then.
            let mut asked = unsafe { at.read_unaligned() };
            let highest = zero_bits::highest(asked.ZeroBits, NtStatus::INVALID_PARAMETER_3)?;
            let base = handles::through(processhandle, Need::Operate, |process| {
                reserve(process, asked.ReserveSize as u64, highest)
            })?;
            asked.StackBase = pointer(base);
            // SAFETY: as above.
            unsafe { at.write_unaligned(asked) };
            Ok(())
        });
    status(reserved)
}

/// Where the request is, in either form.
fn place(
    class: PROCESSINFOCLASS,
    at: *mut c_void,
    length: u32,
) -> Result<*mut PROCESS_STACK_ALLOCATION_INFORMATION, Failure> {
    const PLAIN: usize = size_of::<PROCESS_STACK_ALLOCATION_INFORMATION>();
    const EXTENDED: usize = size_of::<PROCESS_STACK_ALLOCATION_INFORMATION_EX>();
    if class != ProcessThreadStackAllocation {
        let fix = "only ProcessThreadStackAllocation is known";
        return Err(Failure::argument(NtStatus::INVALID_INFO_CLASS, "class", class as u64, fix));
    }
    require_pointer(at.is_null(), "pointer to the request")?;
    match length as usize {
        PLAIN => Ok(at.cast()),
        EXTENDED => Ok(at.wrapping_byte_add(EXTENDED - PLAIN).cast()),
        _ => {
            let fix = "give the size of the structure";
            Err(Failure::argument(NtStatus::INFO_LENGTH_MISMATCH, "length", length.into(), fix))
        }
    }
}

/// Bytes to commit and to reserve (GP31).
fn sizes(commit: u64, reserve: u64, commit_align: u64, reserve_align: u64) -> Result<(u64, u64), Failure> {
    for (what, align) in [("commit alignment", commit_align), ("reserve alignment", reserve_align)] {
        if !align.is_power_of_two() {
            let fix = "give a power of two";
            return Err(Failure::argument(NtStatus::INVALID_PARAMETER, what, align, fix));
        }
    }
    let rounded = |size: u64, align: u64| {
        let size = size.checked_next_multiple_of(align.max(PAGE)).filter(|size| *size <= HIGHEST);
        size.ok_or_else(|| Failure::core(Verb::Allocate, Kind::OutOfMemory, 0, u64::MAX))
    };
    let commit = rounded(if commit == 0 { PAGE } else { commit }, commit_align)?;
    let reserve = if reserve == 0 { RESERVE } else { reserve };
    let reserve = rounded(reserve.max(commit).max(RESERVE), reserve_align)?;
    Ok((commit, reserve))
}

fn create(process: &Process, (commit, size): (u64, u64), highest: u64) -> Result<INITIAL_TEB, Failure> {
    let low = reserve(process, size, highest)?;
    let limit = low + size - commit;
    let give = |at: u64, bytes: u64, protection: Protection| {
        process.allocate(&Allocate::new(bytes).commit().at(at).protection(protection))
    };
    let given = give(limit, commit, Protection::READ_WRITE).and_then(|_| match limit - low {
        0 => Ok(()),
        _ => give(limit - PAGE, PAGE, Protection::READ_WRITE.guarded()).map(drop),
    });
    if let Err(error) = given {
        // It was reserved just now.
        let _ = process.free(&Free::release(low));
        return Err(error.into());
    }
    Ok(INITIAL_TEB {
        OldStackBase: ptr::null_mut(),
        OldStackLimit: ptr::null_mut(),
        StackBase: pointer(low + size),
        StackLimit: pointer(limit),
        StackAllocationBase: pointer(low),
    })
}

fn reserve(process: &Process, size: u64, highest: u64) -> Result<u64, Failure> {
    let window = Window { highest, ..Window::ANYWHERE };
    Ok(process.allocate(&Allocate::new(size).reserve().within(window))?.start().get())
}

fn pointer(address: u64) -> *mut c_void {
    ptr::with_exposed_provenance_mut(address as usize)
}
