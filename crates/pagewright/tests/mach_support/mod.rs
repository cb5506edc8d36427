//! What the row tests of the Mach calls share.
#![allow(dead_code, reason = "every test file uses a part of it")]

pub(crate) mod fault;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pagewright::mach::{
    KERN_SUCCESS, MACH_PORT_NULL, VM_FLAGS_ANYWHERE, VM_FLAGS_FIXED, VM_REGION_BASIC_INFO_64,
    VM_REGION_BASIC_INFO_COUNT_64, mach_port_deallocate, mach_task_self, mach_vm_allocate,
    mach_vm_behavior_set, mach_vm_copy, mach_vm_deallocate, mach_vm_inherit, mach_vm_machine_attribute,
    mach_vm_map, mach_vm_msync, mach_vm_protect, mach_vm_read, mach_vm_read_overwrite, mach_vm_region,
    mach_vm_remap, mach_vm_write, task_for_pid, vm_region_basic_info_64,
};
use pagewright::{Consent, Memory, Process};

pub(crate) const P: u64 = 0x1000;
/// Large enough to be lazy, small enough to be quick.
pub(crate) const L: u64 = 64 << 10;
pub(crate) const ANY: i32 = VM_FLAGS_ANYWHERE;
pub(crate) const FIXED: i32 = VM_FLAGS_FIXED;
/// The last page boundary.
pub(crate) const LAST: u64 = u64::MAX - (P - 1);
/// The first address that is not a user's.
pub(crate) const TOP: u64 = 0x7fff_ffff_f000;
/// What an address is that a call left alone.
const UNTOUCHED: u64 = 0x5afe_5afe_5afe;

pub(crate) const OK: i32 = 0;
pub(crate) const ADDR: i32 = 1;
pub(crate) const PROT: i32 = 2;
pub(crate) const NOSPC: i32 = 3;
pub(crate) const ARG: i32 = 4;
pub(crate) const FAIL: i32 = 5;
pub(crate) const SHORT: i32 = 6;
pub(crate) const MEMERR: i32 = 10;
pub(crate) const NAME: i32 = 15;
pub(crate) const TASK: i32 = 16;
pub(crate) const RIGHT: i32 = 17;
pub(crate) const VALUE: i32 = 18;
pub(crate) const HOST: i32 = 22;
pub(crate) const OBJ: i32 = 29;
pub(crate) const SENDDEST: i32 = 0x1000_0003;
pub(crate) const SENDMEM: i32 = 0x1000_000c;

pub(crate) const NONE: i32 = 0;
pub(crate) const R: i32 = 1;
pub(crate) const W: i32 = 2;
pub(crate) const RW: i32 = 3;
pub(crate) const X: i32 = 4;
pub(crate) const RX: i32 = 5;
pub(crate) const ALL: i32 = 7;

pub(crate) const SHARE: u32 = 0;
pub(crate) const COPY: u32 = 1;
pub(crate) const INHERIT_NONE: u32 = 2;

/// A call's answer, or its code.
pub(crate) type Answer<T> = Result<T, i32>;

/// Tests of one program run one after the other: some count what is mapped, and some choose
/// a profile.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A free place of 16 MiB that is a test's alone, below where anybody else allocates.
pub(crate) fn arena() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0x0300_0000_0000);
    NEXT.fetch_add(0x100_0000, Ordering::Relaxed)
}

fn settled<T>(code: i32, value: T) -> Answer<T> {
    if code == KERN_SUCCESS { Ok(value) } else { Err(code) }
}

/// The calls on any task, with results instead of pointers.
#[derive(Clone, Debug)]
pub(crate) struct On {
    pub(crate) task: u32,
    pub(crate) process: Process,
}

/// What a task is asked to map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) at: u64,
    pub(crate) size: u64,
    pub(crate) mask: u64,
    pub(crate) flags: i32,
    pub(crate) object: u32,
    pub(crate) offset: u64,
    pub(crate) copy: bool,
    pub(crate) cur: i32,
    pub(crate) max: i32,
    pub(crate) inherit: u32,
}

impl Wish {
    /// Zeros anywhere.
    pub(crate) fn new(size: u64) -> Self {
        Self {
            at: 0,
            size,
            mask: 0,
            flags: ANY,
            object: MACH_PORT_NULL,
            offset: 0,
            copy: false,
            cur: RW,
            max: ALL,
            inherit: COPY,
        }
    }

    pub(crate) fn at(self, at: u64) -> Self {
        Self { at, flags: self.flags & !ANY, ..self }
    }

    pub(crate) fn of(self, object: u32) -> Self {
        Self { object, ..self }
    }
}

/// A second mapping: where, and what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remapped {
    pub(crate) at: u64,
    pub(crate) cur: i32,
    pub(crate) max: i32,
}

/// What `vm_region` says, with plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) base: u64,
    pub(crate) size: u64,
    pub(crate) cur: i32,
    pub(crate) max: i32,
    pub(crate) inherit: u32,
    pub(crate) shared: bool,
    pub(crate) behavior: i32,
    pub(crate) wired: u16,
}

/// This task.
pub(crate) fn me() -> On {
    // SAFETY: no conditions.
    On { task: unsafe { mach_task_self() }, process: Process::current() }
}

impl On {
    pub(crate) fn allocate(&self, at: u64, size: u64, flags: i32) -> Answer<u64> {
        let mut address = at;
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        let code = unsafe { mach_vm_allocate(self.task, &raw mut address, size, flags) };
        assert!(code == OK || address == at, "A15: a failed call leaves the address alone");
        settled(code, address)
    }

    /// Zeros anywhere.
    pub(crate) fn fresh(&self, size: u64) -> u64 {
        self.allocate(0, size, ANY).expect("there is room")
    }

    /// Zeros in a free place.
    pub(crate) fn fresh_at(&self, at: u64, size: u64) -> u64 {
        assert_eq!(self.allocate(at, size, FIXED), Ok(at));
        at
    }

    pub(crate) fn deallocate(&self, at: u64, size: u64) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_deallocate(self.task, at, size) }, ())
    }

    pub(crate) fn free(&self, at: u64, size: u64) {
        assert_eq!(self.deallocate(at, size), Ok(()), "deallocate({at:#x}, {size:#x})");
    }

    pub(crate) fn protect(&self, at: u64, size: u64, prot: i32) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_protect(self.task, at, size, 0, prot) }, ())
    }

    pub(crate) fn restrict(&self, at: u64, size: u64, prot: i32) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_protect(self.task, at, size, 1, prot) }, ())
    }

    pub(crate) fn inherit(&self, at: u64, size: u64, inherit: u32) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_inherit(self.task, at, size, inherit) }, ())
    }

    pub(crate) fn copy(&self, source: u64, size: u64, dest: u64) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_copy(self.task, source, size, dest) }, ())
    }

    /// Where the copy is, and how many bytes it has.
    pub(crate) fn read(&self, at: u64, size: u64) -> Answer<(u64, u32)> {
        let (mut data, mut count) = (UNTOUCHED as usize, u32::MAX);
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        let code = unsafe { mach_vm_read(self.task, at, size, &raw mut data, &raw mut count) };
        let untouched = (data as u64, count) == (UNTOUCHED, u32::MAX);
        assert!(code == OK || untouched, "a failed call leaves its pointers alone");
        settled(code, (data as u64, count))
    }

    /// How many bytes came to `data` of this task.
    pub(crate) fn read_overwrite(&self, at: u64, size: u64, data: u64) -> Answer<u64> {
        let mut count = UNTOUCHED;
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        let code = unsafe { mach_vm_read_overwrite(self.task, at, size, data, &raw mut count) };
        assert!(code == OK || count == UNTOUCHED, "O2: a failed call leaves the size alone");
        settled(code, count)
    }

    pub(crate) fn write(&self, at: u64, data: u64, count: u32) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_write(self.task, at, data as usize, count) }, ())
    }

    pub(crate) fn region(&self, at: u64) -> Answer<Region> {
        let (mut base, mut size, mut count) = (at, UNTOUCHED, VM_REGION_BASIC_INFO_COUNT_64);
        let mut info = vm_region_basic_info_64::default();
        let mut name = 77;
        let words = (&raw mut info).cast();
        let flavor = VM_REGION_BASIC_INFO_64;
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        let code = unsafe {
            mach_vm_region(
                self.task,
                &raw mut base,
                &raw mut size,
                flavor,
                words,
                &raw mut count,
                &raw mut name,
            )
        };
        assert!(code == OK || (base, size, name) == (at, UNTOUCHED, 77), "{base:#x} {size:#x}");
        assert!(code != OK || name == MACH_PORT_NULL);
        let region = Region {
            base,
            size,
            cur: info.protection,
            max: info.max_protection,
            inherit: info.inheritance,
            shared: info.shared != 0,
            behavior: info.behavior,
            wired: info.user_wired_count,
        };
        settled(code, region)
    }

    /// The region that holds `at`, which must be there.
    pub(crate) fn at(&self, at: u64) -> Region {
        let region = self.region(at).expect("something is there");
        assert!(region.base <= at, "nothing is at {at:#x}");
        region
    }

    /// Whether nothing is at `at`.
    pub(crate) fn is_hole(&self, at: u64) -> bool {
        self.region(at).map_or(true, |region| region.base > at)
    }

    pub(crate) fn map(&self, wish: Wish) -> Answer<u64> {
        let Wish { at, size, mask, flags, object, offset, copy, cur, max, inherit } = wish;
        let mut address = at;
        let to = &raw mut address;
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        let code = unsafe {
            mach_vm_map(self.task, to, size, mask, flags, object, offset, u32::from(copy), cur, max, inherit)
        };
        assert!(code == OK || address == at, "A15");
        settled(code, address)
    }

    /// `vm_remap` to this task.
    pub(crate) fn remap_from(&self, from: &Self, source: u64, copy: bool, wish: Wish) -> Answer<Remapped> {
        let Wish { at, size, mask, flags, inherit, .. } = wish;
        let (mut address, mut cur, mut max) = (at, 77, 78);
        let to = &raw mut address;
        let (c, m) = (&raw mut cur, &raw mut max);
        let copy = u32::from(copy);
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        let code = unsafe {
            mach_vm_remap(self.task, to, size, mask, flags, from.task, source, copy, c, m, inherit)
        };
        assert!(code == OK || (address, cur, max) == (at, 77, 78), "A15");
        settled(code, Remapped { at: address, cur, max })
    }

    /// A second mapping in this task, anywhere.
    pub(crate) fn again(&self, source: u64, size: u64, copy: bool) -> u64 {
        self.remap_from(self, source, copy, Wish::new(size)).expect("it can be mapped again").at
    }

    pub(crate) fn behave(&self, at: u64, size: u64, behavior: i32) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_behavior_set(self.task, at, size, behavior) }, ())
    }

    pub(crate) fn msync(&self, at: u64, size: u64, flags: u32) -> Answer<()> {
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_msync(self.task, at, size, flags) }, ())
    }

    pub(crate) fn attribute(&self, at: u64, size: u64, attribute: u32, value: i32) -> Answer<()> {
        let mut value = value;
        // SAFETY: the test names fresh memory, or memory that it allocated; all pointers are to locals.
        settled(unsafe { mach_vm_machine_attribute(self.task, at, size, attribute, &raw mut value) }, ())
    }

    /// Bytes of the task, past all protection.
    pub(crate) fn bytes(&self, at: u64, size: u64) -> Vec<u8> {
        let file = std::fs::File::open(format!("/proc/{}/mem", self.process.pid())).expect("it lives");
        let mut bytes = vec![0xee; size as usize];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, at).expect("memory is there");
        bytes
    }

    /// Stores bytes, as the program would.
    pub(crate) fn store(&self, at: u64, bytes: &[u8]) {
        assert_eq!(self.process.write(at, bytes), Ok(bytes.len()), "store at {at:#x}");
    }

    /// Fills with a pattern that differs from page to page, and answers it.
    pub(crate) fn fill(&self, at: u64, size: u64, seed: u8) -> Vec<u8> {
        let bytes: Vec<u8> = pattern(size, seed);
        self.store(at, &bytes);
        bytes
    }

    pub(crate) fn reads(&self, at: u64, expected: &[u8]) {
        let found = self.bytes(at, expected.len() as u64);
        if found == expected {
            return;
        }
        if let Some(wrong) = found.iter().zip(expected).position(|(a, b)| a != b) {
            panic!("at {at:#x} + {wrong:#x}: {:#x} instead of {:#x}", found[wrong], expected[wrong]);
        }
    }

    pub(crate) fn reads_zero(&self, at: u64, size: u64) {
        self.reads(at, &vec![0; size as usize]);
    }
}

/// Bytes that differ from page to page, and within each.
pub(crate) fn pattern(size: u64, seed: u8) -> Vec<u8> {
    let mut page: Vec<u8> = (0..P).map(|at| (at / 7) as u8 ^ seed).collect();
    let mut bytes = Vec::with_capacity(size as usize);
    for number in 0..size.div_ceil(P) {
        for part in page.chunks_exact_mut(512) {
            part[..2].copy_from_slice(&[number as u8, (number >> 8) as u8 ^ seed]);
        }
        let rest = (size - number * P).min(P) as usize;
        bytes.extend_from_slice(&page[..rest]);
    }
    bytes
}

/// Two ranges of a task with different patterns: seeds 1 and 0x80.
pub(crate) fn two(on: &On, size: u64) -> (u64, u64) {
    let (a, b) = (on.fresh(size), on.fresh(size));
    on.fill(a, size, 1);
    on.fill(b, size, 0x80);
    (a, b)
}

/// The same, with the bytes of the first one.
pub(crate) fn two_filled(on: &On, size: u64) -> (u64, u64, Vec<u8>) {
    let (a, b) = two(on, size);
    (a, b, pattern(size, 1))
}

pub(crate) fn free_all(on: &On, size: u64, ranges: &[u64]) {
    for at in ranges {
        on.free(*at, size);
    }
}

/// What this process has in memory, shared memory by its share, in bytes.
pub(crate) fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("it is there");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a figure");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
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

    pub(crate) fn task(&self) -> Opened {
        let process = Process::open(self.pid()).expect("it lives");
        Opened { on: On { task: open(self.pid()).expect("ours"), process } }
    }

    /// Ends it; it stays a zombie until it is dropped.
    pub(crate) fn end(&mut self) {
        self.child.kill().expect("our own child can be killed");
        let stat = format!("/proc/{}/stat", self.pid());
        while !std::fs::read_to_string(&stat).expect("not reaped yet").contains(") Z ") {
            std::thread::yield_now();
        }
    }

    /// Ends it for good.
    pub(crate) fn reap(&mut self) {
        self.end();
        self.child.wait().expect("it is ours");
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name of another task, let go on drop.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) on: On,
}

impl Drop for Opened {
    fn drop(&mut self) {
        assert_eq!(release(self.on.task), Ok(()));
    }
}

pub(crate) fn open(pid: u32) -> Answer<u32> {
    let mut task = 77;
    // SAFETY: a pointer to a local.
    let code = unsafe { task_for_pid(me().task, pid.cast_signed(), &raw mut task) };
    assert!(code == OK || task == 77, "a failed call leaves its pointer alone");
    settled(code, task)
}

pub(crate) fn release(name: u32) -> Answer<()> {
    // SAFETY: no conditions.
    settled(unsafe { mach_port_deallocate(me().task, name) }, ())
}

/// The test on this task, while no other one runs.
pub(crate) fn here(test: impl FnOnce(&On)) {
    let _turn = turn();
    test(&me());
}

/// The test on this task, and on that of a live child, while no other one runs.
pub(crate) fn here_and_there(mut test: impl FnMut(&On)) {
    let _turn = turn();
    test(&me());
    let sleeper = Sleeper::new();
    let opened = sleeper.task();
    test(&opened.on);
}

/// Memory that the program mapped itself, for the time of a test: not its heap, which forked
/// children would share then.
pub(crate) fn with_foreign(size: u64, test: impl FnOnce(&On, u64)) {
    here(|on| {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), size as usize, prot, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        test(on, at as u64);
        pagewright::mach::set_consent(Consent::OwnOnly);
        // SAFETY: mapped above, and nobody uses it any more.
        assert_eq!(unsafe { libc::munmap(at, size as usize) }, 0);
    });
}
