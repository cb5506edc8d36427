//! Watched memory beside what the kernel itself takes, measured in turns in one run.
//!
//! `cargo bench -p pagewright --bench watch`: a table of medians. Absolute times depend on the machine
//! and on what else it does; compare the ratios. Needs Linux 6.8.

use std::os::fd::AsRawFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use pagewright::{After, Allocate, Leftovers, Memory, Process, Traits, Watch, Written};
use pagewright_linux::sys::{
    self, Backing, Catch, Fd, PageRun, Place, Prot, Rearm, Stores, Waiters, userfault,
};

const PAGE: u64 = 0x1000;
/// Bytes that are scanned, and how many pages of them were stored to.
const BYTES: u64 = 64 << 20;
const DIRTY: u64 = 8000;
const ROUNDS: usize = 41;

/// Raw memory that is watched by hand.
struct Raw {
    fault: Fd,
    pages: std::fs::File,
    at: u64,
    runs: Vec<PageRun>,
}

impl Raw {
    fn new() -> Self {
        let fault = sys::userfaultfd(Waiters::Program).expect("userfaultfd is permitted");
        let features =
            userfault::WRITE_PROTECT | userfault::WRITE_PROTECT_UNTOUCHED | userfault::WRITE_PROTECT_ASYNC;
        sys::userfault_enable(fault.raw(), features).expect("Linux 6.7");
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe {
            sys::mmap(Place::Anywhere, BYTES as usize, Prot::READ_WRITE, Backing::AnonymousNoReserve)
        };
        let at = at.expect("there is room") as u64;
        // SAFETY: nobody ever waits for such stores.
        unsafe { sys::userfault_register(fault.raw(), at as usize, BYTES as usize, Catch::Stores) }
            .expect("anonymous memory");
        let pages = std::fs::File::open("/proc/self/pagemap").expect("readable");
        let runs = vec![PageRun { start: 0, end: 0, categories: 0 }; DIRTY as usize + 1];
        let raw = Self { fault, pages, at, runs };
        raw.arm();
        raw
    }

    fn arm(&self) {
        // SAFETY: nobody ever waits for such stores.
        unsafe { sys::userfault_protect(self.fault.raw(), self.at as usize, BYTES as usize, Stores::Wait) }
            .expect("it is registered");
    }

    fn scan(&mut self) -> usize {
        scan_once(self.pages.as_raw_fd(), self.at, &mut self.runs)
    }
}

/// One question to the kernel, which also arms again.
fn scan_once(pages: i32, at: u64, runs: &mut [PageRun]) -> usize {
    let range = (at as usize, (at + BYTES) as usize);
    sys::scan_written(pages, range, Rearm::Yes, u64::MAX, runs).expect("it is registered").0
}

fn dirty(base: u64) {
    for page in 0..DIRTY {
        // SAFETY: memory of this benchmark, readable and writable.
        unsafe { ((base + 2 * page * PAGE) as *mut u8).write_volatile(1) };
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn watched(memory: &Process) -> u64 {
    let traits = Traits { watch: Watch::On, ..Traits::PLAIN };
    memory.allocate(&Allocate::new(BYTES).of(traits)).expect("there is a way").start().get()
}

fn ask(memory: &Process, base: u64) -> usize {
    let request = Written { at: base, size: BYTES, limit: u64::MAX, after: After::Forget };
    memory.written(&request).expect("it is watched").len()
}

/// The least question.
fn ask_one(memory: &Process, base: u64) {
    let request = Written { at: base, size: PAGE, limit: 1, after: After::Keep };
    memory.written(&request).expect("it is watched");
}

fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64()
}

/// Measures two things in turns, and says how they compare.
fn row(name: &str, per: f64, mut ours: impl FnMut() -> Duration, mut limit: impl FnMut() -> Duration) {
    let (mut mine, mut raw) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Who is first changes, so that nobody always finds warm caches.
        if round % 2 == 0 {
            mine.push(ours());
            raw.push(limit());
        } else {
            raw.push(limit());
            mine.push(ours());
        }
    }
    let (mine, raw) = (median(mine) / per, median(raw) / per);
    println!("{name:<45} {:>9.3} us {:>9.3} us {:>6.2}x   1.2 x", mine * 1e6, raw * 1e6, mine / raw);
}

/// A process that sleeps until it is dropped.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        // It is our own child, and not yet waited for: its number is still its own.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() {
    println!("{:<45} {:>12} {:>12} {:>7}   bar", "work", "ours", "raw", "ratio");
    let me = Process::current();
    let base = watched(&me);
    let mut raw = Raw::new();
    dirty(base);
    dirty(raw.at);
    row(
        "first store to a watched page",
        DIRTY as f64,
        || {
            ask(&me, base);
            timed(|| dirty(base))
        },
        || {
            raw.scan();
            timed(|| dirty(raw.at))
        },
    );
    row(
        "scan of 64 MiB, 8,000 dirty pages, at home",
        1.0,
        || {
            dirty(base);
            timed(|| assert_eq!(ask(&me, base), DIRTY as usize))
        },
        || {
            dirty(raw.at);
            timed(|| assert_eq!(raw.scan(), DIRTY as usize))
        },
    );
    row(
        "scan of 64 MiB, all clean, at home",
        1.0,
        || timed(|| assert_eq!(ask(&me, base), 0)),
        || timed(|| assert_eq!(raw.scan(), 0)),
    );
    other_process();
}

/// The raw scan is one of the same memory, from outside.
fn other_process() {
    let sleeper = Sleeper(Command::new("sleep").arg("1000").spawn().expect("sleep can be run"));
    let process = Process::open(sleeper.0.id()).expect("it lives");
    let base = watched(&process);
    let pages = std::fs::File::open(format!("/proc/{}/pagemap", sleeper.0.id())).expect("readable");
    let mut runs = vec![PageRun { start: 0, end: 0, categories: 0 }; DIRTY as usize + 1];
    let fill = || {
        for page in 0..DIRTY {
            assert_eq!(process.write(base + 2 * page * PAGE, &[1]).expect("it lives"), 1);
        }
    };
    // Between two questions the resident falls asleep; to wake it takes as long as the system needs.
    for (name, awake) in
        [("scan of 64 MiB, 8,000 dirty pages, elsewhere", false), ("  the same, its resident awake", true)]
    {
        row(
            name,
            1.0,
            || {
                fill();
                if awake {
                    ask_one(&process, base);
                }
                timed(|| assert_eq!(ask(&process, base), DIRTY as usize))
            },
            || {
                fill();
                timed(|| assert_eq!(scan_once(pages.as_raw_fd(), base, &mut runs), DIRTY as usize))
            },
        );
    }
    process.free(&pagewright::Free::release(base)).expect("ours");
    process.detach(Leftovers::Release).expect("nothing is left");
}
