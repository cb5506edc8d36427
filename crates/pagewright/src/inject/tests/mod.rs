//! Attaching to real processes.

mod killed;
mod quiet;
mod refused;
mod storms;

use std::arch::global_asm;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::target::Target;

use super::{Injected, Plan, inject, remove, sys};

// A resident in 60 bytes: notes what it was given at the end of its memory, then waits for ever.
global_asm!(
    ".pushsection .text.pagewright_stand_in, \"ax\"",
    ".globl pagewright_stand_in",
    ".globl pagewright_stand_in_end",
    "pagewright_stand_in:",
    "syscall",
    "test rax, rax",
    "jz 2f",
    "ud2",
    "2:",
    "mov rax, [rbx + 0x2000]",
    "mov [rbx + rbp - 16], rax",
    "mov [rbx + rbp - 24], rsp",
    "lea rax, [r12 + r13]",
    "add rax, r14",
    "add rax, r15",
    "mov [rbx + rbp - 8], rax",
    "3:",
    "mov eax, 34",
    "syscall",
    "jmp 3b",
    "pagewright_stand_in_end:",
    ".popsection",
);

unsafe extern "C" {
    static pagewright_stand_in: u8;
    static pagewright_stand_in_end: u8;
}

/// An ELF file around the code above: header, code and data on a page each, and one relocated word.
pub(super) fn blob() -> Vec<u8> {
    let (start, end) = (&raw const pagewright_stand_in, &raw const pagewright_stand_in_end);
    // SAFETY: both labels enclose the instructions above, in one section that nothing else is put
    // in.
    let code = unsafe { std::slice::from_raw_parts(start, end as usize - start as usize) };
    let mut file = vec![0u8; 0x3000];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[3, 0, 62, 0, 1, 0, 0, 0]);
    put(24, &0x1000u64.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, 4, 0, 64, 0]);
    let headers: [(u32, u32, u64, u64, u64); 4] = [
        (1, 4, 0, 0x200, 0x200),
        (1, 5, 0x1000, 0x1000, 0x1000),
        (1, 6, 0x2000, 0x800, 0x1800),
        (2, 6, 0x2100, 64, 64),
    ];
    for (i, (kind, flags, at, in_file, in_memory)) in headers.into_iter().enumerate() {
        let words = [at, at, at, in_file, in_memory, 0x1000].map(u64::to_le_bytes).concat();
        put(64 + i * 56, &[&kind.to_le_bytes()[..], &flags.to_le_bytes(), &words].concat());
    }
    put(0x1000, code);
    // DT_RELA, DT_RELASZ, DT_RELAENT, end; then one row.
    let dynamic = [7u64, 0x2200, 8, 24, 9, 24, 0, 0].map(u64::to_le_bytes).concat();
    put(0x2100, &dynamic);
    put(0x2200, &[0x2000u64, 8, 0x2345].map(u64::to_le_bytes).concat());
    file
}

/// A program that a test started, ended with it.
pub(super) struct Guest {
    child: Child,
    started: Instant,
}

impl Guest {
    pub(super) fn start(command: &mut Command) -> Self {
        let started = Instant::now();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self { child: child.expect("the program starts"), started }
    }

    pub(super) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub(super) fn target(&self) -> Target {
        Target::open(self.pid()).expect("it runs")
    }

    /// Waits until its first thread sleeps in call `nr`.
    pub(super) fn sleeping_in(self, nr: i64) -> Self {
        let file = format!("/proc/{}/syscall", self.pid());
        let wanted = format!("{nr} ");
        wait_until("it sleeps", || fs::read_to_string(&file).is_ok_and(|s| s.starts_with(&wanted)));
        self
    }

    /// Its exit code and how long it lived.
    pub(super) fn finish(mut self) -> (Option<i32>, Duration, String) {
        drop(self.child.stdin.take());
        let mut text = String::new();
        let _ = self.child.stdout.take().map(|mut pipe| pipe.read_to_string(&mut text));
        let _ = self.child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut text));
        let status = self.child.wait().expect("it is ours");
        (status.code(), self.started.elapsed(), text)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What must be the same after a visit: threads, descriptors, mappings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Traces {
    threads: usize,
    descriptors: usize,
    mappings: Vec<String>,
}

pub(super) fn traces(pid: i32) -> Traces {
    let count = |dir: &str| fs::read_dir(format!("/proc/{pid}/{dir}")).map_or(0, Iterator::count);
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    Traces {
        threads: count("task"),
        descriptors: count("fd"),
        mappings: maps.lines().map(str::to_owned).collect(),
    }
}

pub(super) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < limit, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(super) fn plan(blob: &[u8]) -> Plan<'_> {
    Plan { blob, stack: 16 << 10, tail: 4096, args: [1, 20, 300, 4000] }
}

fn word(target: &Target, at: u64) -> u64 {
    let mut bytes = [0; 8];
    assert_eq!(sys::peek(target.pid, at, &mut bytes), Ok(8));
    u64::from_le_bytes(bytes)
}

/// Places the stand-in, and checks that it came to life as promised.
pub(super) fn visit(target: &Target) -> Injected {
    let placed = inject(target, &plan(&blob())).unwrap_or_else(|e| panic!("{e}"));
    let end = placed.base + placed.len;
    wait_until("the stand-in speaks", || word(target, end - 8) == 4321);
    assert_eq!(word(target, end - 16), placed.base + 0x2345, "relocation");
    let stack = word(target, end - 24);
    assert!(stack == end - 4096, "stack at {stack:#x}");
    let status = target.read(&format!("task/{}/status", placed.tid)).expect("the thread exists");
    assert!(status.contains("SigBlk:\tfffffffffffbfeff"), "every signal is blocked");
    placed
}

pub(super) fn depart(target: &Target, placed: &Injected) {
    let range = placed.base..placed.base + placed.len;
    remove(target, placed.tid, std::slice::from_ref(&range)).unwrap_or_else(|e| panic!("{e}"));
}

/// Comes and goes, and checks that nothing is left.
pub(super) fn visit_and_depart(guest: &Guest) {
    let target = guest.target();
    let before = traces(guest.pid());
    let placed = visit(&target);
    depart(&target, &placed);
    assert_eq!(traces(guest.pid()), before);
}

/// A directory for the programs of these tests, beside the test program itself.
pub(super) fn scratch_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("we run");
    let dir = exe.with_file_name("pagewright-inject-programs");
    fs::create_dir_all(&dir).expect("a place for programs");
    dir
}

/// Compiles a C program; `None`, said aloud, where that cannot be done.
pub(super) fn compiled(name: &str, source: &str, flags: &[&str]) -> Option<PathBuf> {
    let program = scratch_dir().join(name);
    // Another run of these tests may be executing a program of that name.
    let fresh = program.with_extension(std::process::id().to_string());
    let file = fresh.with_extension(format!("{}.c", std::process::id()));
    fs::write(&file, source).expect("the place is writable");
    let mut compiler = Command::new("cc");
    let built = compiler.args(["-O2", "-pthread"]).args(flags).arg(&file).arg("-o").arg(&fresh).output();
    let _ = fs::remove_file(&file);
    let _ = fs::rename(&fresh, &program);
    match built {
        Ok(output) if output.status.success() => Some(program),
        Ok(output) => skipped(name, &String::from_utf8_lossy(&output.stderr)),
        Err(error) => skipped(name, &format!("no C compiler: {error}")),
    }
}

/// Starts Python itself: the command may be a shell script that looks for it.
pub(super) fn python(script: &str) -> Option<Guest> {
    let found = Command::new("python3").args(["-c", "import sys;print(sys.executable,end='')"]).output();
    match found {
        Ok(output) if output.status.success() => {
            let program = String::from_utf8_lossy(&output.stdout).into_owned();
            Some(Guest::start(Command::new(program).args(["-c", script])))
        }
        _missing => skipped("a python3 target", "python3 is not installed"),
    }
}

pub(super) fn skipped<T>(name: &str, why: &str) -> Option<T> {
    println!("SKIPPED {name}: {why}");
    None
}
