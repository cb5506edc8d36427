//! The NT calls with results, for the tests of their rows.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::ffi::c_void;
use std::ptr;

use pagewright::win32::{
    HANDLE, NTSTATUS, NtAllocateVirtualMemory, NtAllocateVirtualMemoryEx, NtFreeVirtualMemory,
    NtProtectVirtualMemory, NtReadVirtualMemory, NtStatus, NtWriteVirtualMemory, SetLastError,
};

use crate::support::{On, SENTINEL, last_error, pointer};

/// What a pointer has that a call must leave alone.
pub(crate) const UNTOUCHED: usize = 0x5555_5555_5555;

/// The answer of an NT call, which never touches the last error.
pub(crate) fn call(call: impl FnOnce() -> NTSTATUS) -> Result<(), NtStatus> {
    // SAFETY: no conditions.
    unsafe { SetLastError(SENTINEL) };
    let status = call();
    assert_eq!(last_error(), SENTINEL, "NT calls have no last error");
    if status == 0 { Ok(()) } else { Err(NtStatus(status as u32)) }
}

/// A call that rounds a range: the rounded one, or the status; then nothing was written.
pub(crate) fn rounded(
    at: usize,
    size: usize,
    ask: impl FnOnce(*mut *mut c_void, *mut usize) -> NTSTATUS,
) -> Result<(usize, usize), NtStatus> {
    let (mut base, mut bytes) = (pointer(at), size);
    let answer = call(|| ask(&raw mut base, &raw mut bytes));
    let found = (base.expose_provenance(), bytes);
    if answer.is_err() {
        assert_eq!(found, (at, size), "a call that fails leaves base and size alone");
    }
    answer.map(|()| found)
}

pub(crate) trait Nt {
    fn handle(self) -> HANDLE;

    fn nt_alloc(self, at: usize, bits: usize, size: usize, kind: u32, protect: u32) -> Range
    where
        Self: Sized,
    {
        let process = self.handle();
        // SAFETY: tests name fresh memory, or memory that they allocated.
        rounded(at, size, |base, size| unsafe {
            NtAllocateVirtualMemory(process, base, bits, size, kind, protect)
        })
    }

    fn nt_alloc_ex(self, at: usize, size: usize, kind: u32, protect: u32) -> Range
    where
        Self: Sized,
    {
        let process = self.handle();
        // SAFETY: tests name fresh memory, or memory that they allocated.
        rounded(at, size, |base, size| unsafe {
            NtAllocateVirtualMemoryEx(process, base, size, kind, protect, ptr::null_mut(), 0)
        })
    }

    fn nt_free(self, at: usize, size: usize, kind: u32) -> Range
    where
        Self: Sized,
    {
        let process = self.handle();
        // SAFETY: tests free what they allocated.
        rounded(at, size, |base, size| unsafe { NtFreeVirtualMemory(process, base, size, kind) })
    }

    /// The range and the old protection.
    fn nt_protect(self, at: usize, size: usize, protect: u32) -> Result<(usize, usize, u32), NtStatus>
    where
        Self: Sized,
    {
        let (process, mut old) = (self.handle(), SENTINEL);
        // SAFETY: tests protect what they allocated.
        let range = rounded(at, size, |base, size| unsafe {
            NtProtectVirtualMemory(process, base, size, protect, &raw mut old)
        });
        range.map(|(at, size)| (at, size, old))
    }

    fn nt_read(self, at: usize, into: &mut [u8]) -> (Result<(), NtStatus>, usize)
    where
        Self: Sized,
    {
        let (process, mut count) = (self.handle(), UNTOUCHED);
        // SAFETY: the buffer is the test's.
        let done = call(|| unsafe {
            NtReadVirtualMemory(process, pointer(at), into.as_mut_ptr().cast(), into.len(), &raw mut count)
        });
        (done, count)
    }

    fn nt_write(self, at: usize, from: &[u8]) -> (Result<(), NtStatus>, usize)
    where
        Self: Sized,
    {
        let (process, mut count) = (self.handle(), UNTOUCHED);
        // SAFETY: tests write to what they allocated.
        let done = call(|| unsafe {
            NtWriteVirtualMemory(process, pointer(at), from.as_ptr().cast(), from.len(), &raw mut count)
        });
        (done, count)
    }
}

pub(crate) type Range = Result<(usize, usize), NtStatus>;

impl Nt for On {
    fn handle(self) -> HANDLE {
        self.0
    }
}
