//! A machine and its objects, driven call by call.

use std::os::fd::FromRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pagewright_core::{Access, Content, Geometry, Machine, ObjectId, PageRange, Showing, Va, View};
use pagewright_linux::machine::{Choice, Freezer, Freezing, Linux, MapsFile, Strategy};
use pagewright_linux::sys;

pub(crate) const PAGE: u64 = 0x1000;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const NONE: Access = Access::empty();
pub(crate) const R: Access = Access::READ;
pub(crate) const RW: Access = Access::READ.union(Access::WRITE);

/// A machine in a part of the address space that no other test uses.
pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) machine: Linux,
    next: u64,
    objects: u64,
}

/// One for each strategy that this kernel has.
pub(crate) fn worlds() -> Vec<World> {
    let mut worlds = vec![World::with("mprotect", Choice::forced(Strategy::Mprotect))];
    if Choice::probe().strategy == Strategy::Markers {
        worlds.push(World::with("markers", Choice::forced(Strategy::Markers)));
    } else {
        println!("skipped: markers strategy, because this kernel has no guard markers");
    }
    worlds
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with("probed", Choice::probe())
    }

    fn with(name: &'static str, choice: Choice) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = Geometry::X86_64.search_from + (NEXT.fetch_add(1, Ordering::Relaxed) << 38);
        let machine = Linux::with(Geometry::X86_64, MapsFile::OnDemand, choice);
        Self { name, machine, next, objects: 0 }
    }

    /// A region, not touching the one before, at an odd place of a chunk.
    pub(crate) fn reserve(&mut self, bytes: u64) -> PageRange {
        self.next += 3 * MIB + 0x5_0000;
        let range = PageRange::between(self.next, self.next + bytes).expect("not empty");
        self.machine.reserve(range, None).expect("the room is this test's own");
        self.next += bytes;
        range
    }

    pub(crate) fn release(&mut self, range: PageRange) {
        self.machine.release(range, range).expect("ours");
    }

    pub(crate) fn create(&mut self, pages: u64) -> ObjectId {
        self.objects += 1;
        let object = ObjectId(self.objects);
        self.machine.create(object, pages).expect("there is room");
        object
    }

    /// Whether a byte can be loaded, and stored back.
    pub(crate) fn reach(&mut self, at: u64) -> (bool, bool) {
        let mut byte = [0];
        let loads = self.machine.read(Va::new(at), &mut byte) == 1;
        (loads, self.machine.write(Va::new(at), &byte) == 1)
    }

    pub(crate) fn read(&self, at: u64, bytes: u64) -> Vec<u8> {
        let mut into = vec![0; bytes as usize];
        assert_eq!(self.machine.read(Va::new(at), &mut into), into.len());
        into
    }

    pub(crate) fn write(&mut self, at: u64, from: &[u8]) {
        assert_eq!(self.machine.write(Va::new(at), from), from.len());
    }

    /// The runs of private pages in a snapshot, by page.
    pub(crate) fn privatised(&self, range: PageRange) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let page = |at: Va| (at.get() - range.start().get()) / PAGE;
        let mut report = |run: PageRange| runs.push((page(run.start()), page(run.end())));
        self.machine.privatised(range, &mut report).expect("/proc is mounted");
        runs
    }

    /// How many pages of an object have memory.
    pub(crate) fn file_pages(&self, object: ObjectId) -> u64 {
        let fd = self.machine.descriptor(object).expect("it is open");
        let copy = sys::duplicate_from(fd, 0).expect("a number").into_raw();
        // SAFETY: the copy is ours.
        let file = unsafe { std::fs::File::from_raw_fd(copy) };
        file.metadata().expect("a file").blocks() * 512 / PAGE
    }
}

/// Every way to freeze that this kernel has.
pub(crate) fn freezers() -> Vec<(&'static str, Freezer)> {
    let mut freezers = Vec::new();
    for (name, freezing) in [("full", Freezing::Full), ("user", Freezing::User)] {
        let freezer = Freezer::forced(freezing);
        if freezer.freezing() != freezing {
            println!("skipped: freezing {name}, because this kernel does not permit it");
            continue;
        }
        freezers.extend([
            (name, freezer),
            ("blind", freezer.blind()),
            ("blind, before 6.4", freezer.before_6_4().blind()),
        ]);
    }
    freezers
}

/// Some pages of a range, by number.
pub(crate) fn pages(range: PageRange, first: u64, end: u64) -> PageRange {
    let start = range.start().get();
    PageRange::between(start + first * PAGE, start + end * PAGE).expect("not empty")
}

pub(crate) fn showing(region: PageRange, range: PageRange, access: Access) -> Showing {
    Showing { region, range, access }
}

pub(crate) fn content(object: ObjectId, first: u64) -> Content {
    Content { object, first, view: View::Shared }
}

/// A load that the compiler does not leave out.
pub(crate) fn load<T>(at: u64) -> T {
    // SAFETY: tests load from memory that they made accessible; a mistake ends them.
    unsafe { std::ptr::read_volatile(at as *const T) }
}

/// A store that the compiler does not leave out.
pub(crate) fn store<T>(at: u64, value: T) {
    // SAFETY: tests store to memory that they made for it; a mistake ends them.
    unsafe { std::ptr::write_volatile(at as *mut T, value) }
}

/// Tells other threads to stop when it goes, also when a test fails.
pub(crate) struct Stops<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Numbers below a limit, the same in every run.
pub(crate) fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below.max(1)
    }
}

const ALONE: &str = "PAGEWRIGHT_TEST_ALONE";

/// Whether this process runs this one test on its only thread. If not, one that does is
/// started, and must succeed.
pub(crate) fn alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let me = std::env::current_exe().expect("it runs");
    let run = std::process::Command::new(me)
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "it ran: {said}");
    false
}

/// From now on this process may not make files larger than that.
pub(crate) fn limit_files(bytes: u64) {
    use linux_raw_sys::general as k;
    let limit = k::rlimit64 { rlim_cur: bytes, rlim_max: u64::MAX };
    let args = [0, k::RLIMIT_FSIZE as usize, &raw const limit as usize, 0, 0, 0];
    // SAFETY: the kernel reads one limit.
    unsafe { sys::syscall(k::__NR_prlimit64, args) }.expect("it can be lowered");
}

/// Runs `check` in a forked child, which has one thread, and answers its status: 0 if the
/// check is true. For tests that are [`alone`]: no other thread holds a lock that the
/// child would wait for.
pub(crate) fn forked(check: impl FnOnce() -> bool) -> i32 {
    use linux_raw_sys::general as k;
    // SAFETY: the child does nothing but the check, and ends.
    let child = unsafe { sys::syscall(k::__NR_fork, [0; 6]) }.expect("a process");
    if child == 0 {
        let code = usize::from(!check());
        // SAFETY: nothing of the child is needed any more.
        let _ = unsafe { sys::syscall(k::__NR_exit_group, [code, 0, 0, 0, 0, 0]) };
    }
    let mut status = 0_i32;
    // SAFETY: the kernel writes one status.
    unsafe { sys::syscall(k::__NR_wait4, [child, &raw mut status as usize, 0, 0, 0, 0]) }.expect("a child");
    status
}
