//! A program that meets guards when it is told to: this test program itself, started again.
//!
//! It reads commands from its input, one per line, and answers each with one line.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pagewright::{Allocate, Memory, Process, Protect, Protection};

pub(crate) const PAGE: u64 = 4096;

/// What an answer begins with: the test harness writes lines of its own.
const MARK: &str = "= ";

/// Set for the program that is started.
const ROLE: &str = "PAGEWRIGHT_TEST_GUARD_TARGET";

/// The program, as the test has it.
pub(crate) struct Target {
    child: Child,
    input: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    pub(crate) process: Process,
}

/// What the program has noticed of faults so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noticed {
    pub(crate) faults: u64,
    pub(crate) code: i64,
    pub(crate) at: u64,
}

impl Target {
    /// Starts it and attaches.
    pub(crate) fn start() -> Self {
        Self::start_with("probed")
    }

    /// The same, with what of userfaultfd is to be used there.
    pub(crate) fn start_with(faults: &str) -> Self {
        let target = Self::start_alone();
        target.attach(faults);
        target
    }

    /// Attaches, with what of userfaultfd is to be used there.
    pub(crate) fn attach(&self, faults: &str) {
        // The variable is read at the attach, and belongs to the whole of this test program.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: nobody else in this program changes the environment, or reads it but at an attach.
        unsafe { std::env::set_var("PAGEWRIGHT_FAULTS", faults) };
        let attached = self.process.attach();
        drop(held);
        attached.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts it.
    pub(crate) fn start_alone() -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a name"));
        command.args(["--exact", "serve_as_a_target", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the program starts");
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        let process = Process::open(child.id()).expect("it runs");
        let mut target = Self { child, input, lines, process };
        assert_eq!(target.answer(), "ready");
        target
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&mut self, command: &str) {
        let input = self.input.as_mut().expect("not closed");
        writeln!(input, "{command}").expect("it reads");
        input.flush().expect("it reads");
    }

    pub(crate) fn answer(&mut self) -> String {
        self.try_answer().expect("the program has ended without an answer")
    }

    /// `None`: it has ended.
    pub(crate) fn try_answer(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line).expect("readable") == 0 {
                return None;
            }
            if let Some(at) = line.find(MARK) {
                return Some(line[at + MARK.len()..].trim_end().to_owned());
            }
        }
    }

    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.answer()
    }

    pub(crate) fn load(&mut self, at: u64) -> u8 {
        self.ask(&format!("load {at}")).parse().expect("a byte")
    }

    pub(crate) fn store(&mut self, at: u64, value: u8) {
        assert_eq!(self.ask(&format!("store {at} {value}")), "stored");
    }

    pub(crate) fn noticed(&mut self) -> Noticed {
        let answer = self.ask("noticed");
        let mut words = answer.split(' ');
        let mut next = || words.next().expect("three words").parse::<i64>().expect("a number");
        Noticed { faults: next() as u64, code: next(), at: next() as u64 }
    }

    pub(crate) fn allocate(&self, pages: u64, protection: Protection) -> u64 {
        let request = Allocate::new(pages * PAGE).protection(protection);
        self.process.allocate(&request).unwrap_or_else(|error| panic!("{error}")).start().get()
    }

    pub(crate) fn protect(&self, at: u64, pages: u64, protection: Protection) -> Protection {
        let request = Protect { at, size: pages * PAGE, protection };
        self.process.protect(&request).unwrap_or_else(|error| panic!("{error}"))
    }

    /// How it ended by itself.
    pub(crate) fn end_status(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("a child of ours")
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
    }

    /// The names of its threads.
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it lives");
        let name = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("comm")).ok();
        let names = tasks.flatten().filter_map(name);
        names.map(|name| name.trim_end().to_owned()).collect()
    }

    /// A line of its status.
    pub(crate) fn status(&self, field: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it lives");
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.expect("the field").trim().to_owned()
    }

    /// Its mappings but for what the kernel and its heap change by themselves.
    pub(crate) fn mappings(&self) -> Vec<String> {
        let text = std::fs::read_to_string(format!("/proc/{}/maps", self.pid())).expect("it lives");
        text.lines()
            .filter(|line| !line.contains("[stack]") && !line.contains("[heap]"))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.input = None;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A caller that armed a guard and was killed: where that is.
pub(crate) struct KilledCaller {
    pub(crate) at: u64,
}

/// Set for a caller: whose memory it works on.
const ON: &str = "PAGEWRIGHT_TEST_GUARD_ON";

/// Has another process arm a guard in `pid`, ask for hits, and be killed while it waits for one.
pub(crate) fn killed_caller(pid: u32) -> KilledCaller {
    let mut command = Command::new(std::env::current_exe().expect("this program has a name"));
    command.args(["--exact", "serve_as_a_target", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, "1").env(ON, pid.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let at = lines.find_map(|line| line.ok()?.split_once(MARK)?.1.trim().parse().ok());
    std::thread::sleep(Duration::from_millis(20));
    child.kill().expect("a child of ours");
    child.wait().expect("a child of ours");
    KilledCaller { at: at.expect("an address") }
}

fn call(pid: u32) -> ! {
    let process = Process::open(pid).expect("it lives");
    let request = Allocate::new(PAGE).protection(Protection::READ_WRITE.guarded());
    let at = process.allocate(&request).unwrap_or_else(|error| panic!("{error}")).start().get();
    say(&at.to_string());
    loop {
        let _ = process.guard_hits(Duration::from_secs(60));
    }
}

static FAULTS: AtomicU64 = AtomicU64::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static AT: AtomicU64 = AtomicU64::new(0);
/// What the handler itself does with the page: 0 nothing, 1 loads, 2 adds 7 to its first word.
static TOUCHES: AtomicU32 = AtomicU32::new(0);
/// After so many faults the handler gives up.
const MOST: u64 = 1000;

extern "C" fn on_fault(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel hands over a structure that lives as long as the handler runs.
    let (code, at) = unsafe { ((*info).si_code, (*info).si_addr() as u64) };
    CODE.store(code, SeqCst);
    AT.store(at, SeqCst);
    if FAULTS.fetch_add(1, SeqCst) > MOST {
        // SAFETY: ends the process.
        unsafe { libc::_exit(99) };
    }
    let word = (at & !7) as *mut u64;
    match TOUCHES.load(SeqCst) {
        // SAFETY: the page is open by now; if not, this is what the test is to find.
        1 => drop(unsafe { word.read_volatile() }),
        // SAFETY: as above.
        2 => unsafe { word.write_volatile(word.read_volatile() + 7) },
        _ => {}
    }
}

fn take_faults() {
    // SAFETY: a handler that only touches atomics and memory that it is told to.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
    }
}

fn leave_faults() {
    // SAFETY: back to what is usual.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
}

fn say(answer: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{answer}").expect("somebody reads");
    out.flush().expect("somebody reads");
}

fn load(at: u64) -> u8 {
    // SAFETY: what the test tells to do.
    unsafe { (at as *const u8).read_volatile() }
}

fn store(at: u64, value: u8) {
    // SAFETY: what the test tells to do.
    unsafe { (at as *mut u8).write_volatile(value) }
}

/// The program's life, if this is the program.
pub(crate) fn serve() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    if let Ok(pid) = std::env::var(ON) {
        call(pid.parse().expect("a number"));
    }
    take_faults();
    say("ready");
    let mut hammers: Vec<Hammer> = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line.expect("readable");
        let mut words = line.split(' ');
        let command = words.next().unwrap_or_default();
        let numbers: Vec<u64> = words.map(|word| word.parse().expect("a number")).collect();
        let answer = match (command, &numbers[..]) {
            ("load", [at]) => load(*at).to_string(),
            ("store", [at, value]) => {
                store(*at, *value as u8);
                "stored".to_owned()
            }
            ("add", [at]) => {
                // SAFETY: what the test tells to do.
                let word = unsafe { &*(*at as *const AtomicU64) };
                word.fetch_add(0x100, SeqCst).to_string()
            }
            ("noticed", []) => {
                format!("{} {} {}", FAULTS.load(SeqCst), CODE.load(SeqCst), AT.load(SeqCst))
            }
            ("touch", [how]) => {
                TOUCHES.store(*how as u32, SeqCst);
                "so".to_owned()
            }
            ("filter", []) => filter().to_string(),
            ("usual", []) => {
                leave_faults();
                "so".to_owned()
            }
            ("kernel", [at, bytes]) => kernel_read(*at, *bytes),
            ("many", [at, threads]) => many(*at, *threads),
            ("fork", [at]) => forked(*at),
            ("clone", []) => cloned(),
            ("hammer", [at, pages, threads]) => {
                hammers.push(Hammer::start(*at, *pages, *threads));
                "begun".to_owned()
            }
            ("rest", []) => hammers.drain(..).map(Hammer::stop).collect::<Vec<_>>().join(" "),
            ("exec", []) => {
                say("gone");
                let error = std::os::unix::process::CommandExt::exec(Command::new("sleep").arg("5"));
                format!("exec failed: {error}")
            }
            other => panic!("unknown: {other:?}"),
        };
        say(&answer);
    }
    // Not by way of the harness, which would print.
    std::process::exit(0);
}

/// Gives this thread a filter that permits everything: 0, or the number of the error.
fn filter() -> i32 {
    const ALLOW: u32 = 0x7fff_0000;
    let mut all = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: ALLOW };
    let program = libc::sock_fprog { len: 1, filter: &raw mut all };
    // SAFETY: the kernel copies the program; what it permits stays as it was.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const program, 0, 0) == 0
    };
    if done { 0 } else { std::io::Error::last_os_error().raw_os_error().unwrap_or(-1) }
}

/// `read` of zeros into memory: how many, or the number of the error.
fn kernel_read(at: u64, bytes: u64) -> String {
    // SAFETY: what the test tells to do; the kernel checks the address.
    unsafe {
        let zeros = libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY);
        let got = libc::read(zeros, at as *mut libc::c_void, bytes as usize);
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        libc::close(zeros);
        if got < 0 { format!("error {error}") } else { format!("{got}") }
    }
}

/// Many threads load one byte at the same time; the sum of what they got.
fn many(at: u64, threads: u64) -> String {
    let go = AtomicBool::new(false);
    let sum: u64 = std::thread::scope(|scope| {
        let each: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while !go.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                    u64::from(load(at))
                })
            })
            .collect();
        go.store(true, SeqCst);
        each.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    sum.to_string()
}

/// A forked child loads a byte: what it got, or the signal that ended it.
fn forked(at: u64) -> String {
    // SAFETY: the child only loads and exits.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            libc::_exit(i32::from(load(at)));
        }
        let mut status = 0;
        libc::waitpid(child, &mut status, 0);
        if libc::WIFEXITED(status) {
            format!("got {}", libc::WEXITSTATUS(status))
        } else {
            format!("signal {}", libc::WTERMSIG(status))
        }
    }
}

/// A forked child that serves on, in place of its parent, which waits for it: its number.
fn cloned() -> String {
    // SAFETY: only this thread reads commands.
    let child = unsafe { libc::fork() };
    if child == 0 {
        return format!("child {}", std::process::id());
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    unsafe { libc::waitpid(child, &mut status, 0) };
    std::process::exit(i32::from(status != 0));
}

/// Threads that store at full speed, each to words of its own.
struct Hammer {
    stop: std::sync::Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<(u64, u64)>>,
}

impl Hammer {
    fn start(at: u64, pages: u64, threads: u64) -> Self {
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let threads = (0..threads)
            .map(|thread| {
                let stop = stop.clone();
                std::thread::spawn(move || hammer(at, pages, thread, &stop))
            })
            .collect();
        Self { stop, threads }
    }

    fn stop(self) -> String {
        self.stop.store(true, SeqCst);
        let each = self.threads.into_iter().map(|thread| thread.join().expect("no panic"));
        let (rounds, lost) = each.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        format!("rounds {rounds} lost {lost}")
    }
}

/// How many rounds were made, and how many words were not what had been stored last.
fn hammer(at: u64, pages: u64, thread: u64, stop: &AtomicBool) -> (u64, u64) {
    let word = |page: u64| (at + page * PAGE + thread * 8 + 64) as *mut u64;
    let (mut round, mut lost) = (0, 0);
    while !stop.load(SeqCst) {
        for page in 0..pages {
            // SAFETY: what the test tells to do: each thread has words of its own.
            unsafe {
                if round > 0 && word(page).read_volatile() != round {
                    lost += 1;
                }
                word(page).write_volatile(round + 1);
            }
        }
        round += 1;
    }
    (round, lost)
}
