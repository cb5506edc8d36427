//! What the tests of sections and views share.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::ffi::c_void;
use std::fs::File;
use std::io::Read;
use std::process::{Child, Command};
use std::ptr;

use pagewright::win32::*;

pub(crate) const PAGE: usize = 0x1000;
pub(crate) const GRANULE: usize = 0x1_0000;
pub(crate) const ACCESS_DENIED: u32 = 5;
pub(crate) const INVALID_HANDLE: u32 = 6;
pub(crate) const INVALID_PARAMETER: u32 = 87;
pub(crate) const INVALID_ADDRESS: u32 = 487;

pub(crate) fn last() -> u32 {
    // SAFETY: memory, handles and names of this test's own.
    unsafe { GetLastError() }
}

pub(crate) fn ok(handle: HANDLE) -> HANDLE {
    assert!(!handle.is_null(), "refused: {}", last());
    handle
}

/// A section of memory without a name.
pub(crate) fn section(protect: u32, size: usize) -> HANDLE {
    // SAFETY: memory, handles and names of this test's own.
    unsafe { CreateFileMappingW(INVALID_HANDLE_VALUE, ptr::null(), protect, 0, size as u32, ptr::null()) }
}

pub(crate) fn section_of(file: HANDLE, protect: u32, size: usize) -> HANDLE {
    // SAFETY: memory, handles and names of this test's own.
    unsafe { CreateFileMappingW(file, ptr::null(), protect, 0, size as u32, ptr::null()) }
}

/// The view, or the code of the refusal.
pub(crate) fn view(section: HANDLE, access: u32, size: usize) -> Result<usize, u32> {
    // SAFETY: memory, handles and names of this test's own.
    let view = unsafe { MapViewOfFile(section, access, 0, 0, size) };
    if view.Value.is_null() { Err(last()) } else { Ok(view.Value.addr()) }
}

pub(crate) fn unmap(at: usize) -> Result<(), u32> {
    let address = MEMORY_MAPPED_VIEW_ADDRESS { Value: at as *mut c_void };
    // SAFETY: memory, handles and names of this test's own.
    if unsafe { UnmapViewOfFile(address) } == TRUE { Ok(()) } else { Err(last()) }
}

pub(crate) fn close(handle: HANDLE) {
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { CloseHandle(handle) }, TRUE);
}

pub(crate) fn duplicate(handle: HANDLE, access: u32) -> HANDLE {
    let mut new = ptr::null_mut();
    // SAFETY: memory, handles and names of this test's own.
    let own = unsafe { GetCurrentProcess() };
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { DuplicateHandle(own, handle, own, &raw mut new, access, FALSE, 0) }, TRUE);
    new
}

pub(crate) fn query(at: usize) -> MEMORY_BASIC_INFORMATION {
    let mut record = MEMORY_BASIC_INFORMATION::default();
    let size = size_of_val(&record);
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { VirtualQuery(at as *const c_void, &raw mut record, size) }, size, "{}", last());
    record
}

/// State, protection, size and type of the run at an address.
pub(crate) fn run(at: usize) -> (u32, u32, usize, u32) {
    let record = query(at);
    (record.State, record.Protect, record.RegionSize, record.Type)
}

/// The old protection, or the code of the refusal.
pub(crate) fn protect(at: usize, size: usize, protection: u32) -> Result<u32, u32> {
    let mut old = 0;
    // SAFETY: memory, handles and names of this test's own.
    let done = unsafe { VirtualProtect(at as *const c_void, size, protection, &raw mut old) };
    if done == TRUE { Ok(old) } else { Err(last()) }
}

pub(crate) fn allocate(at: usize, size: usize, kind: u32, protection: u32) -> Result<usize, u32> {
    // SAFETY: memory, handles and names of this test's own.
    let made = unsafe { VirtualAlloc(at as *const c_void, size, kind, protection) };
    if made.is_null() { Err(last()) } else { Ok(made.addr()) }
}

pub(crate) fn free(at: usize, size: usize, kind: u32) -> Result<(), u32> {
    // SAFETY: memory, handles and names of this test's own.
    if unsafe { VirtualFree(at as *mut c_void, size, kind) } == TRUE { Ok(()) } else { Err(last()) }
}

pub(crate) fn store(at: usize, byte: u8) {
    // SAFETY: memory, handles and names of this test's own.
    unsafe { ptr::write_volatile(at as *mut u8, byte) }
}

pub(crate) fn load(at: usize) -> u8 {
    // SAFETY: memory, handles and names of this test's own.
    unsafe { ptr::read_volatile(at as *const u8) }
}

/// What the kernel says of the mapping at an address: permissions and sharing.
pub(crate) fn kernel(at: usize) -> String {
    let mut maps = String::new();
    File::open("/proc/self/maps").expect("/proc").read_to_string(&mut maps).expect("text");
    let holds = |line: &&str| {
        let (start, end) = line.split(' ').next().expect("a range").split_once('-').expect("two ends");
        let number = |hex| usize::from_str_radix(hex, 16).expect("hex");
        (number(start)..number(end)).contains(&at)
    };
    let line = maps.lines().find(holds).unwrap_or_default();
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

pub(crate) fn granted(handle: HANDLE) -> u32 {
    let mut record = PUBLIC_OBJECT_BASIC_INFORMATION::default();
    let size = size_of_val(&record) as u32;
    // SAFETY: memory, handles and names of this test's own.
    let status = unsafe { NtQueryObject(handle, 0, (&raw mut record).cast(), size, ptr::null_mut()) };
    assert_eq!(status, 0);
    record.GrantedAccess
}

/// Attributes and size.
pub(crate) fn about(handle: HANDLE) -> Result<(u32, i64), i32> {
    let mut record =
        SECTION_BASIC_INFORMATION { BaseAddress: ptr::null_mut(), AllocationAttributes: 0, MaximumSize: 0 };
    let (size, mut length) = (size_of_val(&record), 0);
    // SAFETY: memory, handles and names of this test's own.
    let status = unsafe { NtQuerySection(handle, 0, (&raw mut record).cast(), size, &raw mut length) };
    if status < 0 {
        return Err(status);
    }
    assert_eq!(length, size);
    Ok((record.AllocationAttributes, record.MaximumSize))
}

pub(crate) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// A program that sleeps, and a handle of it.
pub(crate) struct Other(Child, pub(crate) HANDLE);

impl Other {
    pub(crate) fn new() -> Self {
        let child = Command::new("sleep").arg("1000").spawn().expect("sleep starts");
        let asleep = format!("{} ", libc::SYS_clock_nanosleep);
        let syscall = format!("/proc/{}/syscall", child.id());
        while !std::fs::read_to_string(&syscall).expect("our own child").starts_with(&asleep) {
            std::thread::yield_now();
        }
        // SAFETY: memory, handles and names of this test's own.
        let handle = unsafe { OpenProcess(PROCESS_ALL_ACCESS, FALSE, child.id()) };
        Self(child, ok(handle))
    }

    pub(crate) fn map(&self, section: HANDLE, protection: u32) -> Result<usize, NtStatus> {
        let (mut base, mut size) = (ptr::null_mut(), 0);
        // SAFETY: memory, handles and names of this test's own.
        let status = unsafe {
            let (base, size) = (&raw mut base, &raw mut size);
            NtMapViewOfSection(section, self.1, base, 0, 0, ptr::null_mut(), size, ViewUnmap, 0, protection)
        };
        if status < 0 { Err(NtStatus(status as u32)) } else { Ok(base.addr()) }
    }

    pub(crate) fn query(&self, at: usize) -> MEMORY_BASIC_INFORMATION {
        let mut record = MEMORY_BASIC_INFORMATION::default();
        let size = size_of_val(&record);
        // SAFETY: memory, handles and names of this test's own.
        let got = unsafe { VirtualQueryEx(self.1, at as *const c_void, &raw mut record, size) };
        assert_eq!(got, size, "{}", last());
        record
    }

    pub(crate) fn write(&self, at: usize, byte: u8) -> bool {
        let from = (&raw const byte).cast();
        // SAFETY: memory, handles and names of this test's own.
        unsafe { WriteProcessMemory(self.1, at as *const c_void, from, 1, ptr::null_mut()) == TRUE }
    }

    pub(crate) fn read(&self, at: usize) -> u8 {
        let mut byte = 0;
        let into = (&raw mut byte).cast();
        // SAFETY: memory, handles and names of this test's own.
        let done = unsafe { ReadProcessMemory(self.1, at as *const c_void, into, 1, ptr::null_mut()) };
        assert_eq!(done, TRUE, "{}", last());
        byte
    }

    pub(crate) fn end(&mut self) {
        self.0.kill().expect("our own child");
        // It stays a zombie until it is dropped.
        let mut record = MEMORY_BASIC_INFORMATION::default();
        // SAFETY: memory, handles and names of this test's own.
        while unsafe { VirtualQueryEx(self.1, ptr::null(), &raw mut record, size_of_val(&record)) } != 0 {
            std::thread::yield_now();
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        close(self.1);
        let _ = self.0.kill();
        self.0.wait().expect("our own child");
    }
}
