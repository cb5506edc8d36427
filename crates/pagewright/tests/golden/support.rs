//! What the row tests of the Win32 calls share.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::cell::RefCell;
use std::ffi::c_void;
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use pagewright::soft::Guest;
use pagewright::win32::{
    CloseHandle, Failure, GetLastError, HANDLE, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE,
    MEMORY_BASIC_INFORMATION, OpenProcess, PROCESS_ACCESS_RIGHTS, PROCESS_ALL_ACCESS, ReadProcessMemory,
    SetLastError, VirtualAllocEx, VirtualFreeEx, VirtualLock, VirtualProtectEx, VirtualQueryEx,
    VirtualUnlock, WriteProcessMemory, read_memory, virtual_alloc, virtual_free, virtual_lock,
    virtual_protect, virtual_query, virtual_unlock, write_memory,
};

pub(crate) const PAGE: usize = 0x1000;
/// What the last error is before a call, to see that success leaves it alone.
pub(crate) const SENTINEL: u32 = 0xdead_beef;
pub(crate) const SELF: HANDLE = ptr::without_provenance_mut(usize::MAX);
/// Names the guest of the thread, which has no handle: the calls are its system calls then.
pub(crate) const GUEST: HANDLE = ptr::without_provenance_mut(0x6e57);
pub(crate) const BOTH: u32 = MEM_RESERVE | MEM_COMMIT;
/// The first address that is not a user's.
pub(crate) const TOP: usize = 0x7fff_ffff_f000;

/// A free place of 16 MiB that is a test's alone, below where anybody else allocates.
pub(crate) fn arena() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0x0200_0000_0000);
    NEXT.fetch_add(0x100_0000, Ordering::Relaxed)
}

pub(crate) fn pointer(address: usize) -> *mut c_void {
    ptr::without_provenance_mut(address)
}

pub(crate) fn last_error() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetLastError() }
}

fn fresh() {
    // SAFETY: no conditions.
    unsafe { SetLastError(SENTINEL) };
}

/// The answer of a call, or its error; on success the last error must be as before.
fn settled<T>(worked: bool, value: T) -> Result<T, u32> {
    if !worked {
        return Err(last_error());
    }
    assert_eq!(last_error(), SENTINEL, "VA76: success leaves the last error alone");
    Ok(value)
}

thread_local! {
    /// An emulated guest, for `everywhere`.
    static MMU: RefCell<Guest> = RefCell::new(Guest::new());
}

/// Works on the guest of the thread.
pub(crate) fn with_guest<T>(work: impl FnOnce(&mut Guest) -> T) -> T {
    MMU.with_borrow_mut(work)
}

/// A call of the guest, with its code.
fn on_guest<T>(call: impl FnOnce(&Guest) -> Result<T, Failure>) -> Result<T, u32> {
    with_guest(|guest| call(guest).map_err(|failure| failure.code()))
}

/// The calls on any process, or on a guest, with results instead of a last error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On(pub(crate) HANDLE);

impl On {
    pub(crate) fn is_guest(self) -> bool {
        self.0 == GUEST
    }

    pub(crate) fn alloc(self, at: usize, size: usize, kind: u32, protect: u32) -> Result<usize, u32> {
        if self.is_guest() {
            let call = |guest: &Guest| virtual_alloc(guest, at as u64, size as u64, kind, protect);
            return on_guest(call).map(|base| base as usize);
        }
        fresh();
        // SAFETY: tests name fresh memory, or memory that they allocated.
        let base = unsafe { VirtualAllocEx(self.0, pointer(at), size, kind, protect) };
        settled(!base.is_null(), base.expose_provenance())
    }

    pub(crate) fn free(self, at: usize, size: usize, kind: u32) -> Result<(), u32> {
        if self.is_guest() {
            return on_guest(|guest| virtual_free(guest, at as u64, size as u64, kind));
        }
        fresh();
        // SAFETY: tests free what they allocated.
        settled(unsafe { VirtualFreeEx(self.0, pointer(at), size, kind) } != 0, ())
    }

    pub(crate) fn release(self, at: usize) {
        assert_eq!(self.free(at, 0, MEM_RELEASE), Ok(()), "release of {at:#x}");
    }

    pub(crate) fn decommit(self, at: usize, size: usize) -> Result<(), u32> {
        self.free(at, size, MEM_DECOMMIT)
    }

    pub(crate) fn protect(self, at: usize, size: usize, protect: u32) -> Result<u32, u32> {
        if self.is_guest() {
            return on_guest(|guest| virtual_protect(guest, at as u64, size as u64, protect));
        }
        fresh();
        let mut old = SENTINEL;
        // SAFETY: tests protect what they allocated; `old` is valid.
        let worked = unsafe { VirtualProtectEx(self.0, pointer(at), size, protect, &raw mut old) };
        settled(worked != 0, old)
    }

    pub(crate) fn query(self, at: usize) -> Result<Record, u32> {
        if self.is_guest() {
            return on_guest(|guest| virtual_query(guest, at as u64)).map(Record::from);
        }
        fresh();
        let mut record = MEMORY_BASIC_INFORMATION::default();
        let size = size_of_val(&record);
        // SAFETY: the record has room.
        let written = unsafe { VirtualQueryEx(self.0, pointer(at), &raw mut record, size) };
        settled(written == size, Record::from(record))
    }

    /// Locks pages of this process or of the guest: the call has no form for others.
    pub(crate) fn lock(self, at: usize, size: usize) -> Result<(), u32> {
        if self.is_guest() {
            return on_guest(|guest| virtual_lock(guest, at as u64, size as u64));
        }
        assert_eq!(self.0, SELF, "only the own process");
        fresh();
        // SAFETY: locking changes nothing that anybody relies on.
        settled(unsafe { VirtualLock(pointer(at), size) } != 0, ())
    }

    pub(crate) fn unlock(self, at: usize, size: usize) -> Result<(), u32> {
        if self.is_guest() {
            return on_guest(|guest| virtual_unlock(guest, at as u64, size as u64));
        }
        assert_eq!(self.0, SELF, "only the own process");
        fresh();
        // SAFETY: nobody relies on the lock.
        settled(unsafe { VirtualUnlock(pointer(at), size) } != 0, ())
    }
}

/// A query record with plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) base: usize,
    pub(crate) allocation: usize,
    pub(crate) initial: u32,
    pub(crate) size: usize,
    pub(crate) state: u32,
    pub(crate) protect: u32,
    pub(crate) kind: u32,
}

impl From<MEMORY_BASIC_INFORMATION> for Record {
    fn from(raw: MEMORY_BASIC_INFORMATION) -> Self {
        assert_eq!(raw.PartitionId, 0);
        Self {
            base: raw.BaseAddress.addr(),
            allocation: raw.AllocationBase.addr(),
            initial: raw.AllocationProtect,
            size: raw.RegionSize,
            state: raw.State,
            protect: raw.Protect,
            kind: raw.Type,
        }
    }
}

/// A live process that does nothing, ended and reaped on drop.
#[derive(Debug)]
pub(crate) struct Sleeper {
    child: Child,
}

impl Sleeper {
    pub(crate) fn new() -> Self {
        let child = Command::new("sleep").arg("1000").stdout(Stdio::null()).spawn().expect("sleep starts");
        // `spawn` returns while the kernel still builds the new program.
        let asleep = format!("{} ", libc::SYS_clock_nanosleep);
        let syscall = format!("/proc/{}/syscall", child.id());
        while !std::fs::read_to_string(&syscall).expect("our own child").starts_with(&asleep) {
            std::thread::yield_now();
        }
        Self { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn open(&self, access: PROCESS_ACCESS_RIGHTS) -> Opened {
        fresh();
        // SAFETY: no conditions.
        let handle = unsafe { OpenProcess(access, 0, self.pid()) };
        assert!(!handle.is_null(), "OpenProcess({access:#x}) says {}", last_error());
        Opened { on: On(handle) }
    }

    /// Ends it; it stays a zombie until it is dropped.
    pub(crate) fn end(&mut self) {
        self.child.kill().expect("our own child can be killed");
        let stat = format!("/proc/{}/stat", self.pid());
        while !std::fs::read_to_string(&stat).expect("not reaped yet").contains(") Z ") {
            std::thread::yield_now();
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A handle, closed on drop.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) on: On,
}

/// What a copy said, and its count, which is `usize::MAX` if it told none.
fn counted(said: Result<usize, Failure>) -> (Result<(), u32>, usize) {
    match said {
        Ok(count) => (Ok(()), count),
        Err(failure) => (Err(failure.code()), failure.transferred.unwrap_or(usize::MAX)),
    }
}

/// `ReadProcessMemory` into a buffer of ours: the code, and the count.
pub(crate) fn read(on: On, at: usize, into: &mut [u8]) -> (Result<(), u32>, usize) {
    if on.is_guest() {
        return counted(with_guest(|guest| read_memory(guest, at as u64, into)));
    }
    fresh();
    let mut count = usize::MAX;
    // SAFETY: the buffer is ours, the count is valid.
    let worked =
        unsafe { ReadProcessMemory(on.0, pointer(at), into.as_mut_ptr().cast(), into.len(), &raw mut count) };
    (settled(worked != 0, ()), count)
}

/// `WriteProcessMemory` from a buffer of ours: the code, and the count, which is
/// `usize::MAX` if it was left untouched.
pub(crate) fn write(on: On, at: usize, from: &[u8]) -> (Result<(), u32>, usize) {
    if on.is_guest() {
        return counted(with_guest(|guest| write_memory(guest, at as u64, from)));
    }
    fresh();
    let mut count = usize::MAX;
    // SAFETY: tests write to what they allocated, the count is valid.
    let worked =
        unsafe { WriteProcessMemory(on.0, pointer(at), from.as_ptr().cast(), from.len(), &raw mut count) };
    (settled(worked != 0, ()), count)
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: no conditions.
        assert_ne!(unsafe { CloseHandle(self.on.0) }, 0, "an open handle can be closed");
    }
}

/// This process, and a live child through a real handle with all rights.
pub(crate) fn here_and_there(mut test: impl FnMut(On)) {
    test(On(SELF));
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    test(opened.on);
}

/// This process, a live child, and an emulated guest.
pub(crate) fn everywhere(mut test: impl FnMut(On)) {
    here_and_there(&mut test);
    test(On(GUEST));
}

/// This process, and an emulated guest: for calls that have no form for other processes.
pub(crate) fn here_and_guest(mut test: impl FnMut(On)) {
    test(On(SELF));
    test(On(GUEST));
}

/// Whether a load at `at` faults, says the kernel.
pub(crate) fn load_faults(at: usize) -> bool {
    faults(|| {
        load(at);
    })
}

/// Whether a store at `at` faults, says the kernel. The store goes to a copy.
pub(crate) fn store_faults(at: usize) -> bool {
    faults(|| store(at, 1))
}

/// Makes an access in a forked child, which a fault ends.
fn faults(access: impl FnOnce()) -> bool {
    // SAFETY: the child makes one access and leaves without running anything of
    // this process.
    unsafe {
        match libc::fork() {
            0 => {
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                access();
                libc::_exit(0)
            }
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV
            }
        }
    }
}

pub(crate) fn load(at: usize) -> u8 {
    // SAFETY: who asks means memory that is there, or a child that may fault.
    unsafe { ptr::with_exposed_provenance::<u8>(at).read_volatile() }
}

pub(crate) fn store(at: usize, value: u8) {
    // SAFETY: as above, and nobody else uses the byte.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(at).write_volatile(value) }
}
