//! What the tests of the Windows CE calls share: the calls with results instead of a last
//! error, and ways to say which process is meant.
#![allow(dead_code, unused_imports, reason = "every test file uses a part of it")]

#[path = "../golden/support.rs"]
pub(crate) mod golden;

use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;

use pagewright::win32::{
    HANDLE, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, MEMORY_BASIC_INFORMATION, PAGE_NOACCESS,
    PAGE_READWRITE,
};
use pagewright::wince::{
    self, CURRENT_PROCESS, GetLastError, KernelMode, Permit, PhysicalWindow, SetLastError, WindowId,
    grant_physical_window,
};

pub(crate) use golden::{
    PAGE, Record, SELF, SENTINEL, Sleeper, TOP, arena, load, load_faults, pointer, store, store_faults,
};

pub(crate) const GRANULE: usize = 0x1_0000;
/// The current process by its pseudo handle.
pub(crate) const HERE: On = On(CURRENT_PROCESS);

fn fresh() {
    // SAFETY: no conditions.
    unsafe { SetLastError(SENTINEL) };
}

pub(crate) fn last_error() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetLastError() }
}

/// The answer of a call, or its error; on success the last error must be as before.
fn settled<T>(worked: bool, value: T) -> Result<T, u32> {
    if !worked {
        return Err(last_error());
    }
    assert_eq!(last_error(), SENTINEL, "s8: success leaves the last error alone");
    Ok(value)
}

/// The answer of any call: TRUE and an untouched last error, or the last error.
pub(crate) fn said(call: impl FnOnce() -> i32) -> Result<(), u32> {
    fresh();
    settled(call() != 0, ())
}

/// The same for calls that answer an address.
pub(crate) fn gave(call: impl FnOnce() -> *mut std::ffi::c_void) -> Result<usize, u32> {
    fresh();
    let base = call();
    settled(!base.is_null(), base.expose_provenance())
}

/// A process as the calls name it: a handle, a pseudo handle, or an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct On(pub(crate) HANDLE);

impl On {
    /// By its id.
    pub(crate) fn id(pid: u32) -> Self {
        Self(pointer(pid as usize))
    }

    pub(crate) fn alloc(self, at: usize, size: usize, kind: u32, protect: u32) -> Result<usize, u32> {
        // SAFETY: tests name fresh memory, or memory that they allocated.
        gave(|| unsafe { wince::VirtualAllocEx(self.0, pointer(at), size as u32, kind, protect) })
    }

    /// Memory, readable and writable.
    pub(crate) fn memory(self, size: usize) -> usize {
        self.alloc(0, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE).expect("there is room")
    }

    /// Pages that are only reserved.
    pub(crate) fn reserved(self, size: usize) -> usize {
        self.alloc(0, size, MEM_RESERVE, PAGE_NOACCESS).expect("there is room")
    }

    pub(crate) fn free(self, at: usize, size: usize, kind: u32) -> Result<(), u32> {
        // SAFETY: tests free what they allocated.
        said(|| unsafe { wince::VirtualFreeEx(self.0, pointer(at), size as u32, kind) })
    }

    pub(crate) fn release(self, at: usize) {
        assert_eq!(self.free(at, 0, MEM_RELEASE), Ok(()), "release of {at:#x}");
    }

    pub(crate) fn decommit(self, at: usize, size: usize) {
        assert_eq!(self.free(at, size, MEM_DECOMMIT), Ok(()), "decommit of {at:#x}");
    }

    pub(crate) fn protect(self, at: usize, size: usize, protect: u32) -> Result<u32, u32> {
        let mut old = SENTINEL;
        // SAFETY: tests protect what they allocated; `old` is valid.
        let done = said(|| unsafe {
            wince::VirtualProtectEx(self.0, pointer(at), size as u32, protect, &raw mut old)
        });
        done.map(|()| old)
    }

    pub(crate) fn query(self, at: usize) -> Record {
        let mut record = MEMORY_BASIC_INFORMATION::default();
        let size = size_of_val(&record) as u32;
        fresh();
        // SAFETY: the record has room.
        let written = unsafe { wince::VirtualQueryEx(self.0, pointer(at), &raw mut record, size) };
        settled(written == size, Record::from(record)).expect("a user address")
    }

    /// State and size of the run at an address.
    pub(crate) fn state(self, at: usize) -> (u32, usize) {
        let record = self.query(at);
        (record.state, record.size)
    }

    pub(crate) fn read<const N: usize>(self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        let mut count = u32::MAX;
        // SAFETY: the buffer is ours, the count is valid.
        let done = said(|| unsafe {
            wince::ReadProcessMemory(self.0, pointer(at), bytes.as_mut_ptr().cast(), N as u32, &raw mut count)
        });
        assert_eq!((done, count), (Ok(()), N as u32), "read at {at:#x}");
        bytes
    }

    pub(crate) fn write(self, at: usize, bytes: &[u8]) {
        let (size, mut count) = (bytes.len() as u32, u32::MAX);
        // SAFETY: tests write to what they allocated; the count is valid.
        let done = said(|| unsafe {
            wince::WriteProcessMemory(self.0, pointer(at), bytes.as_ptr().cast(), size, &raw mut count)
        });
        assert_eq!((done, count), (Ok(()), size), "write at {at:#x}");
    }
}

/// `VirtualCopy`.
pub(crate) fn copy(to: usize, from: usize, size: usize, protect: u32) -> Result<(), u32> {
    // SAFETY: tests alias what they allocated.
    said(|| unsafe { wince::VirtualCopy(pointer(to), pointer(from), size as u32, protect) })
}

/// `VirtualCopyEx`: target first.
pub(crate) fn copy_ex(to: (On, usize), from: (On, usize), size: usize, protect: u32) -> Result<(), u32> {
    // SAFETY: tests alias what they allocated.
    said(|| unsafe {
        wince::VirtualCopyEx(to.0.0, pointer(to.1), from.0.0, pointer(from.1), size as u32, protect)
    })
}

/// `VirtualAllocCopyEx`: source first.
pub(crate) fn alloc_copy(from: (On, usize), to: On, size: usize, protect: u32) -> Result<usize, u32> {
    // SAFETY: tests alias what they allocated.
    gave(|| unsafe { wince::VirtualAllocCopyEx(from.0.0, to.0, pointer(from.1), size as u32, protect) })
}

/// Kernel mode for as long as a test wants it.
pub(crate) fn kernel() -> KernelMode {
    KernelMode::enter().expect("nobody forbids it here")
}

/// A store on either side is seen on the other.
pub(crate) fn see_each_other(a: (On, usize), b: (On, usize)) {
    for (word, (from, to)) in [(0x1122_3344_u32, (a, b)), (0x5566_7788, (b, a))] {
        from.0.write(from.1, &word.to_le_bytes());
        assert_eq!(to.0.read::<4>(to.1), word.to_le_bytes(), "{from:x?} -> {to:x?}");
    }
}

/// A memory file that stands for a device: its pages, and what it shows.
pub(crate) fn device(pages: usize) -> std::fs::File {
    let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create(c"device", flags).expect("memory files exist");
    rustix::fs::ftruncate(&file, (pages * PAGE) as u64).expect("there is room");
    file.into()
}

pub(crate) fn dup(file: &std::fs::File) -> OwnedFd {
    file.as_fd().try_clone_to_owned().expect("a descriptor")
}

/// A physical address that is this test's alone, with 16 MiB of room.
pub(crate) fn physical_place() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0x40_0000_0000);
    NEXT.fetch_add(0x100_0000, Ordering::Relaxed)
}

/// Grants a window of `pages` pages of a memory file from its page `first` on: where.
pub(crate) fn window(file: &std::fs::File, first: usize, pages: usize, permit: Permit) -> (WindowId, u64) {
    let base = physical_place();
    let (length, offset) = ((pages * PAGE) as u64, (first * PAGE) as u64);
    let window = PhysicalWindow { base, length, descriptor: dup(file), offset, permit };
    (grant_physical_window(&kernel(), window).expect("it is in order"), base)
}

/// This very test program, to run one of its ignored tests in a process of its own.
pub(crate) fn alone(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("we run"));
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("PAGEWRIGHT_ALONE", "1");
    command
}

/// Whether an ignored test runs in a process of its own, as it must.
pub(crate) fn is_alone() -> bool {
    std::env::var_os("PAGEWRIGHT_ALONE").is_some()
}

pub(crate) fn passes(command: &mut Command) {
    let end = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&end.stdout);
    let noise = String::from_utf8_lossy(&end.stderr);
    assert!(end.status.success() && text.contains("1 passed"), "{:?}: {text}{noise}", end.status);
}
