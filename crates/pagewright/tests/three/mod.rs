//! The three machines that the Win32 rows are shown on: this process, a live one, and an
//! emulated guest.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::process::{Child, Command, Stdio};

use pagewright::soft::Guest;
use pagewright::win32::{
    Failure, MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, MEMORY_BASIC_INFORMATION, PAGE_READWRITE, virtual_alloc,
    virtual_free, virtual_protect, virtual_query,
};
use pagewright::{Memory, Process};

pub(crate) const PAGE: u64 = 0x1000;
pub(crate) const BOTH: u32 = MEM_RESERVE | MEM_COMMIT;

/// Runs a test on each of the three.
pub(crate) fn everywhere(test: impl Fn(&On<'_>)) {
    test(&On { name: "this process", memory: &Process::current() });
    let sleeper = Sleeper::new();
    let process = Process::open(sleeper.0.id()).expect("our own child");
    test(&On { name: "a live process", memory: &process });
    test(&On { name: "a guest", memory: &Guest::new() });
}

/// One of the three. Codes are those that `GetLastError` would show.
pub(crate) struct On<'a> {
    pub(crate) name: &'static str,
    pub(crate) memory: &'a dyn Memory,
}

/// The code of a refusal.
pub(crate) fn code<T>(result: Result<T, Failure>) -> Result<T, u32> {
    result.map_err(|failure| failure.code())
}

impl On<'_> {
    pub(crate) fn alloc(&self, at: u64, size: u64, kind: u32, protect: u32) -> Result<u64, u32> {
        code(virtual_alloc(self.memory, at, size, kind, protect))
    }

    /// Memory that can be read and written, of that many pages.
    pub(crate) fn pages(&self, count: u64) -> u64 {
        self.alloc(0, count * PAGE, BOTH, PAGE_READWRITE).expect("memory is free")
    }

    pub(crate) fn free(&self, at: u64, size: u64, kind: u32) -> Result<(), u32> {
        code(virtual_free(self.memory, at, size, kind))
    }

    pub(crate) fn release(&self, at: u64) {
        assert_eq!(self.free(at, 0, MEM_RELEASE), Ok(()), "{}: release of {at:#x}", self.name);
    }

    pub(crate) fn protect(&self, at: u64, size: u64, protect: u32) -> Result<u32, u32> {
        code(virtual_protect(self.memory, at, size, protect))
    }

    pub(crate) fn query(&self, at: u64) -> MEMORY_BASIC_INFORMATION {
        virtual_query(self.memory, at).expect("a user address")
    }

    /// State, protection and size of what is at `at`.
    pub(crate) fn stands(&self, at: u64) -> (u32, u32, u64) {
        let record = self.query(at);
        (record.State, record.Protect, record.RegionSize as u64)
    }

    pub(crate) fn store(&self, at: u64, value: u8) {
        assert_eq!(self.memory.write(at, &[value]).expect("the process lives"), 1, "{}: {at:#x}", self.name);
    }

    /// The byte there; `None` if it cannot be read.
    pub(crate) fn load(&self, at: u64) -> Option<u8> {
        let mut byte = [0];
        let read = self.memory.read(at, &mut byte).expect("the process lives");
        (read == 1).then_some(byte[0])
    }
}

/// A live process that does nothing, ended and reaped on drop.
#[derive(Debug)]
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        let child = Command::new("sleep").arg("1000").stdout(Stdio::null()).spawn().expect("sleep starts");
        // `spawn` returns while the kernel still builds the new program.
        let asleep = format!("{} ", libc::SYS_clock_nanosleep);
        let syscall = format!("/proc/{}/syscall", child.id());
        while !std::fs::read_to_string(&syscall).expect("our own child").starts_with(&asleep) {
            std::thread::yield_now();
        }
        Self(child)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
