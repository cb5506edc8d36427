//! What the tests of watched memory share: a place where memory can be watched and stored to,
//! and what must hold in each.

#![allow(dead_code, reason = "every test file uses a part of it")]

pub(crate) mod bodies;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pagewright::{
    After, Allocate, Error, Free, Mark, Memory, PageRange, Process, Protect, Protection, Stores, Traits,
    Watch, Written,
};

pub(crate) const PAGE: u64 = 0x1000;

/// The variable that says how stores are noted.
pub(crate) const WAY: &str = "PAGEWRIGHT_WATCH";

/// A process whose memory is watched.
pub(crate) trait World {
    fn memory(&self) -> &Process;

    /// The program itself stores a byte.
    fn store(&self, at: u64, byte: u8);

    /// The program itself loads a byte.
    fn load(&self, at: u64) -> u8;

    /// A system call of the program stores bytes, and all of them.
    fn read_into(&self, at: u64, bytes: u64);
}

/// This process.
pub(crate) struct Own(Process);

impl Own {
    pub(crate) fn new() -> Self {
        Self(Process::current())
    }
}

impl World for Own {
    fn memory(&self) -> &Process {
        &self.0
    }

    fn store(&self, at: u64, byte: u8) {
        // SAFETY: the tests store to memory that they allocated, and that is writable.
        unsafe { (at as *mut u8).write_volatile(byte) };
    }

    fn load(&self, at: u64) -> u8 {
        // SAFETY: the tests load from memory that they allocated, and that is readable.
        unsafe { (at as *const u8).read_volatile() }
    }

    fn read_into(&self, at: u64, bytes: u64) {
        // SAFETY: the tests name memory that they allocated, and that is writable.
        let got = unsafe {
            let zero = libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            let got = libc::read(zero, at as *mut libc::c_void, bytes as usize);
            libc::close(zero);
            got
        };
        assert_eq!(got, bytes as isize, "{}", std::io::Error::last_os_error());
    }
}

/// Another process, which stores when it is told to.
pub(crate) struct Live {
    process: Process,
    child: Child,
    to: std::cell::RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

/// Says that a process of a test binary is such a one.
const SERVANT: &str = "PAGEWRIGHT_TEST_SERVANT";

impl Live {
    /// Starts the test `servant` of this binary, which must call [`serve`].
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("known"))
            .args(["servant", "--exact", "--nocapture", "--test-threads=1"])
            .env(SERVANT, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be run");
        let to = child.stdin.take().expect("piped");
        let from = BufReader::new(child.stdout.take().expect("piped"));
        let process = Process::open(child.id()).expect("it lives");
        let live = Self { process, child, to: std::cell::RefCell::new((to, from)) };
        live.ask("hello");
        live
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has a thread of it store to one page after the other, until it is to rest.
    pub(crate) fn begin(&self, at: u64, pages: u64) {
        self.ask(&format!("begin {at} {pages}"));
    }

    /// Ends that: how often all pages were stored to. All of them hold that number then.
    pub(crate) fn rest(&self) -> u64 {
        self.ask("rest")
    }

    /// Has it fork a child that does nothing.
    pub(crate) fn fork(&self) -> u32 {
        self.ask("fork") as u32
    }

    /// Ends that.
    pub(crate) fn end(&self, child: u32) {
        self.ask(&format!("end {child}"));
    }

    fn ask(&self, request: &str) -> u64 {
        let (to, from) = &mut *self.to.borrow_mut();
        writeln!(to, "{request}").expect("it listens");
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(from.read_line(&mut line).expect("it answers"), 0, "it ended");
            // The test harness writes to the same stream.
            if let Some(at) = line.find("answer ") {
                return line[at + 7..].trim().parse().expect("a number");
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // It is our own child, and not yet waited for: its number is still its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World for Live {
    fn memory(&self) -> &Process {
        &self.process
    }

    fn store(&self, at: u64, byte: u8) {
        self.ask(&format!("store {at} {byte}"));
    }

    fn load(&self, at: u64) -> u8 {
        self.ask(&format!("load {at} 0")) as u8
    }

    fn read_into(&self, at: u64, bytes: u64) {
        self.ask(&format!("read {at} {bytes}"));
    }
}

/// Does what [`Live`] asks for, if this process was started for that.
pub(crate) fn serve() {
    if std::env::var_os(SERVANT).is_none() {
        return;
    }
    let own = Own::new();
    let mut busy = None;
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let words: Vec<_> = line.split(' ').collect();
        let number = |index: usize| words[index].parse::<u64>().expect("a number");
        let answer = match words[0] {
            "store" => {
                own.store(number(1), number(2) as u8);
                0
            }
            "load" => u64::from(own.load(number(1))),
            "read" => {
                own.read_into(number(1), number(2));
                0
            }
            "begin" => {
                busy = Some(Busy::start(number(1), number(2)));
                0
            }
            "rest" => busy.take().map_or(0, Busy::stop),
            "fork" => fork(),
            "end" => end(number(1)),
            _ => 0,
        };
        println!("answer {answer}");
    }
    std::process::exit(0);
}

/// A thread that stores.
struct Busy {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Busy {
    fn start(at: u64, pages: u64) -> Self {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut rounds = 0;
            while !told.load(std::sync::atomic::Ordering::SeqCst) {
                rounds += 1;
                for page in 0..pages {
                    // SAFETY: what the test tells to do.
                    unsafe { ((at + page * PAGE) as *mut u64).write_volatile(rounds) };
                }
            }
            rounds
        });
        Self { stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        self.thread.join().expect("no panic")
    }
}

/// A child that does nothing: its number.
fn fork() -> u64 {
    // SAFETY: the child only waits for its end.
    unsafe {
        match libc::fork() {
            0 => loop {
                libc::pause();
            },
            child => u64::from(child.unsigned_abs()),
        }
    }
}

fn end(child: u64) -> u64 {
    // SAFETY: a child of ours that was not waited for.
    unsafe {
        libc::kill(child as i32, libc::SIGKILL);
        libc::waitpid(child as i32, std::ptr::null_mut(), 0);
    }
    0
}

/// A watched allocation of some pages, released at the end.
pub(crate) struct Watched<'a> {
    pub(crate) world: &'a dyn World,
    pub(crate) base: u64,
    pub(crate) pages: u64,
}

impl<'a> Watched<'a> {
    /// Reserved and committed.
    pub(crate) fn new(world: &'a dyn World, pages: u64) -> Self {
        Self::of(world, pages, Allocate::new(pages * PAGE))
    }

    pub(crate) fn of(world: &'a dyn World, pages: u64, request: Allocate) -> Self {
        let traits = Traits { watch: Watch::On, ..Traits::PLAIN };
        let range = world.memory().allocate(&request.of(traits)).expect("there is room");
        Self { world, base: range.start().get(), pages }
    }

    pub(crate) fn at(&self, page: u64) -> u64 {
        self.base + page * PAGE
    }

    pub(crate) fn store(&self, pages: &[u64]) {
        pages.iter().for_each(|page| self.world.store(self.at(*page) + 8, 0x5a));
    }

    pub(crate) fn ask(
        &self,
        first: u64,
        count: u64,
        limit: u64,
        after: After,
    ) -> Result<Vec<PageRange>, Error> {
        let request = Written { at: self.at(first), size: count * PAGE, limit, after };
        self.world.memory().written(&request)
    }

    /// The pages that were stored to, by number.
    pub(crate) fn pages_of(&self, runs: &[PageRange]) -> Vec<u64> {
        let number = |at: u64| (at - self.base) / PAGE;
        runs.iter().flat_map(|run| number(run.start().get())..number(run.end().get())).collect()
    }

    /// Which pages of all were stored to.
    pub(crate) fn written(&self) -> Vec<u64> {
        self.pages_of(&self.ask(0, self.pages, u64::MAX, After::Keep).expect("it is watched"))
    }

    /// The same, and they are forgotten.
    pub(crate) fn take(&self) -> Vec<u64> {
        self.pages_of(&self.ask(0, self.pages, u64::MAX, After::Forget).expect("it is watched"))
    }

    pub(crate) fn reset(&self, first: u64, count: u64) {
        self.mark(first, count, Stores::Forget);
    }

    pub(crate) fn mark(&self, first: u64, count: u64, stores: Stores) {
        let request = Mark { at: self.at(first), size: count * PAGE, stores };
        self.world.memory().mark(&request).expect("it is watched");
    }

    pub(crate) fn protect(&self, first: u64, count: u64, protection: Protection) {
        let request = Protect { at: self.at(first), size: count * PAGE, protection };
        self.world.memory().protect(&request).expect("it is committed");
    }

    pub(crate) fn commit(&self, first: u64, count: u64) {
        let request = Allocate::new(count * PAGE).commit().at(self.at(first));
        self.world.memory().allocate(&request).expect("it is reserved");
    }

    pub(crate) fn decommit(&self, first: u64, count: u64) {
        let request = Free::decommit(self.at(first), count * PAGE);
        self.world.memory().free(&request).expect("it is committed");
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let _ = self.world.memory().free(&Free::release(self.base));
    }
}

/// Runs a test of this binary again, with stores noted another way. False if that is not to
/// be had here.
pub(crate) fn again(test: &str, way: &str) {
    let run = Command::new(std::env::current_exe().expect("known"))
        .args([test, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"])
        .env(WAY, way)
        .output()
        .expect("this program can be run");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{test} by {way}: {}\n{out}\n{err}", run.status);
    assert!(out.contains("1 passed"), "{test} was not run by {way}:\n{out}");
}
