//! `NtQueryVirtualMemory` and the Win32 calls that ask for one of its classes.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]
#![allow(non_upper_case_globals, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

use super::super::constants::{FALSE, TRUE};
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::last_error;
use super::super::section::NTSTATUS;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE, MEMORY_BASIC_INFORMATION};
use super::classes;
use super::types::{
    MEMORY_IMAGE_INFORMATION, MEMORY_INFORMATION_CLASS, MEMORY_REGION_INFORMATION, MemoryBasicInformation,
    MemoryImageInformation, MemoryMappedFilenameInformation, MemoryRegionInfo, MemoryRegionInformation,
    UNICODE_STRING, WIN32_MEMORY_INFORMATION_CLASS, WIN32_MEMORY_REGION_INFORMATION,
};

/// Bytes of a [`MEMORY_REGION_INFORMATION`] that must be asked for; later fields may be
/// left out (VQ37, VQ38).
const LEAST_OF_REGION: usize = std::mem::offset_of!(MEMORY_REGION_INFORMATION, CommitSize);

/// Where an answer goes.
#[derive(Clone, Copy, Debug)]
struct Into {
    buffer: *mut c_void,
    room: usize,
}

/// Says what stands at an address of a process, by class. The returned length is that of
/// the answer, or what an answer needs where that is known.
///
/// # Safety
/// `memoryinformation` is NULL or has room for `memoryinformationlength` bytes;
/// `returnlength` is NULL or valid.
pub unsafe extern "system" fn NtQueryVirtualMemory(
    processhandle: HANDLE,
    baseaddress: *const c_void,
    memoryinformationclass: MEMORY_INFORMATION_CLASS,
    memoryinformation: *mut c_void,
    memoryinformationlength: usize,
    returnlength: *mut usize,
) -> NTSTATUS {
    let into = Into { buffer: memoryinformation, room: memoryinformationlength };
    let at = baseaddress.addr() as u64;
    let mut length = None;
    // SAFETY: the caller vouches for the buffer.
    let answer = unsafe { ask(processhandle, at, memoryinformationclass, into, &mut length) };
    if let Some(length) = length
        && !returnlength.is_null()
    {
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { returnlength.write_unaligned(length) };
    }
    match answer {
        Ok(()) => NtStatus::SUCCESS.0 as NTSTATUS,
        Err(failure) => failure.status.0 as NTSTATUS,
    }
}

/// # Safety
/// The buffer is NULL or has the room that it says.
unsafe fn ask(
    handle: HANDLE,
    at: u64,
    class: MEMORY_INFORMATION_CLASS,
    into: Into,
    length: &mut Option<usize>,
) -> Result<(), Failure> {
    // Of names the address is looked at before the length (VQ50), of the others after.
    *length = Some(match class {
        MemoryBasicInformation => {
            into.need(size_of::<MEMORY_BASIC_INFORMATION>())?;
            let record = handles::through(handle, Need::Query, |process| super::virtual_query(process, at))?;
            // SAFETY: the caller vouches for the buffer.
            unsafe { into.store(&record) }?
        }
        MemoryRegionInformation => {
            into.need(LEAST_OF_REGION)?;
            let record = handles::through(handle, Need::Query, |process| classes::region(process, at))?;
            // SAFETY: the caller vouches for the buffer.
            unsafe { into.store(&record) }?
        }
        MemoryImageInformation => {
            into.need(size_of::<MEMORY_IMAGE_INFORMATION>())?;
            let record = handles::through(handle, Need::Query, |process| classes::image(process, at))?;
            // SAFETY: the caller vouches for the buffer.
            unsafe { into.store(&record) }?
        }
        MemoryMappedFilenameInformation => {
            let name = handles::through(handle, Need::Query, |process| classes::file_name(process, at))?;
            *length = Some(needed(&name));
            // SAFETY: the caller vouches for the buffer.
            unsafe { into.store_name(&name) }?
        }
        other => return Err(classes::unknown(other)), // VQ52
    });
    Ok(())
}

/// Bytes of a name with its header and its zero (VQ47).
const fn needed(name: &[u16]) -> usize {
    size_of::<UNICODE_STRING>() + 2 * (name.len() + 1)
}

fn too_short(status: NtStatus, room: usize) -> Failure {
    Failure::argument(status, "length", room as u64, "give the length that is needed")
}

impl Into {
    fn need(self, bytes: usize) -> Result<(), Failure> {
        if self.room >= bytes { Ok(()) } else { Err(too_short(NtStatus::INFO_LENGTH_MISMATCH, self.room)) }
    }

    /// The start of the buffer.
    fn start(self) -> Result<*mut u8, Failure> {
        if self.buffer.is_null() {
            let fix = "give the address of one";
            return Err(Failure::argument(NtStatus::ACCESS_VIOLATION, "buffer", 0, fix)); // VQ48
        }
        Ok(self.buffer.cast())
    }

    /// Writes as much of a record as there is room for, and answers how much.
    ///
    /// # Safety
    /// The buffer is NULL or has the room.
    unsafe fn store<T: Copy>(self, record: &T) -> Result<usize, Failure> {
        let (start, bytes) = (self.start()?, self.room.min(size_of::<T>()));
        // SAFETY: it is not NULL, so there is room; the record is plain numbers.
        unsafe { ptr::copy_nonoverlapping(ptr::from_ref(record).cast::<u8>(), start, bytes) };
        Ok(bytes)
    }

    /// Writes a name behind its header, and answers how much that is (VQ46 to VQ49).
    ///
    /// # Safety
    /// The buffer is NULL or has the room.
    unsafe fn store_name(self, name: &[u16]) -> Result<usize, Failure> {
        self.need(size_of::<UNICODE_STRING>())?;
        if self.room < needed(name) {
            return Err(too_short(NtStatus::BUFFER_OVERFLOW, self.room));
        }
        let start = self.start()?;
        // SAFETY: there is room for header, name and zero, which was just looked at; nothing
        // is said about the alignment.
        unsafe {
            let text = start.add(size_of::<UNICODE_STRING>()).cast::<u16>();
            let header = UNICODE_STRING {
                Length: (2 * name.len()) as u16,
                MaximumLength: (2 * name.len() + 2) as u16,
                Buffer: text,
            };
            start.cast::<UNICODE_STRING>().write_unaligned(header);
            for (index, unit) in name.iter().chain([&0]).enumerate() {
                text.add(index).write_unaligned(*unit);
            }
        }
        Ok(needed(name))
    }
}

/// Says what is known of the allocation at an address of a process. FALSE and a last error
/// on failure.
///
/// # Safety
/// `memoryinformation` is NULL or has room for `memoryinformationsize` bytes; `returnsize`
/// is NULL or valid.
pub unsafe extern "system" fn QueryVirtualMemoryInformation(
    process: HANDLE,
    virtualaddress: *const c_void,
    memoryinformationclass: WIN32_MEMORY_INFORMATION_CLASS,
    memoryinformation: *mut c_void,
    memoryinformationsize: usize,
    returnsize: *mut usize,
) -> BOOL {
    let into = Into { buffer: memoryinformation, room: memoryinformationsize };
    let at = virtualaddress.addr() as u64;
    let answer = (|| {
        if memoryinformationclass != MemoryRegionInfo {
            return Err(classes::unknown(memoryinformationclass));
        }
        into.need(size_of::<WIN32_MEMORY_REGION_INFORMATION>())?;
        let known = handles::through(process, Need::Query, |process| classes::region(process, at))?;
        let record = WIN32_MEMORY_REGION_INFORMATION {
            AllocationBase: known.AllocationBase,
            AllocationProtect: known.AllocationProtect,
            RegionSize: known.RegionSize,
            CommitSize: known.CommitSize,
            ..Default::default()
        };
        // SAFETY: the caller vouches for the buffer.
        unsafe { into.store(&record) }
    })();
    let Some(length) = last_error::note(answer) else { return FALSE };
    if !returnsize.is_null() {
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { returnsize.write_unaligned(length) };
    }
    TRUE
}
