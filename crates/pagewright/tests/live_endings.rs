//! Processes that end, fork, start another program, stop or are traced: each has its own outcome, none hangs.

mod live;

use std::process::Command;
use std::time::{Duration, Instant};

use pagewright::{
    Allocate, Error, Free, Kind, Leftovers, Memory, Owner, Process, Protect, Protection, State,
};

use live::calls::{CHANGES, LOOKS, all_refused};
use live::exercise::{allocate, holds_bytes, info, is_inaccessible, release, visit};
use live::guest::{Grandchild, Guest, compiled, python};
use live::kernel::{Allocates, PAGE, agrees, faults, own_runs, peek, traces};
use live::{is_a_sentence, pass_with_mprotect, refused, wait_until, within};

const GONE: &[Kind] = &[Kind::Gone];

#[test]
fn a_process_that_was_reaped_is_gone_for_every_call() {
    for attached in [false, true] {
        let guest = Guest::sleeper("100");
        let process = guest.process();
        if attached {
            allocate(&process, Allocate::new(PAGE));
        }
        let pid = guest.reap();
        all_refused(&process, LOOKS, GONE);
        all_refused(&process, CHANGES, GONE);
        assert!(process.has_ended());
        if let Err(error) = Process::open(pid) {
            assert_eq!(error.kind(), Kind::NoProcess);
            is_a_sentence(&error.to_string(), pid);
        }
    }
}

#[test]
fn a_zombie_is_gone_for_every_call() {
    for attached in [false, true] {
        let mut guest = Guest::sleeper("100");
        let process = guest.process();
        if attached {
            allocate(&process, Allocate::new(PAGE));
        }
        guest.kill();
        guest.wait_for_state('Z');
        let late = Process::open(guest.pid()).expect("a zombie still has its number");
        for process in [process, late] {
            all_refused(&process, LOOKS, GONE);
            all_refused(&process, CHANGES, GONE);
            assert!(process.has_ended());
        }
    }
}

/// Allocates and frees until a call is refused.
fn until_refused(process: &Process) -> Error {
    loop {
        let base = match process.allocate(&Allocate::new(0x2_0000)) {
            Ok(range) => range.start().get(),
            Err(error) => return error,
        };
        let steps = [
            process.query(base).map(drop),
            process.protect(&Protect { at: base, size: 1, protection: Protection::READ }).map(drop),
            process.free(&Free::release(base)).map(drop),
        ];
        if let Some(error) = steps.into_iter().find_map(Result::err) {
            return error;
        }
    }
}

#[test]
fn a_process_that_ends_while_it_is_worked_on_is_gone() {
    for round in 0..20 {
        let guest = Guest::start(Command::new("sleep").arg(format!("0.{:03}", 40 + round * 3)));
        let process = guest.process();
        let error = within(10, "working on it", move || until_refused(&process));
        refused(Err::<(), _>(error), guest.pid(), GONE);
        assert_eq!(guest.finish().code, Some(0), "round {round}");
    }
}

#[test]
fn a_process_that_is_killed_while_it_is_worked_on_is_gone() {
    for round in 0..20 {
        let mut guest = Guest::sleeper("100");
        let (process, second) = (guest.process(), guest.process());
        process.attach().expect("it lives");
        let errors = within(15, "working on it", move || {
            let other = std::thread::spawn(move || until_refused(&second));
            let killer = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_micros(round * 700));
                guest.kill();
                guest
            });
            let errors = [until_refused(&process), other.join().expect("no panic")];
            (errors, killer.join().expect("no panic"))
        });
        let pid = errors.1.pid();
        errors.0.into_iter().for_each(|error| refused(Err::<(), _>(error), pid, GONE));
    }
}

/// Waits for a line, then becomes `sleep`.
fn shell_that_becomes_a_sleeper(seconds: &str) -> Guest {
    Guest::start(Command::new("sh").args(["-c", &format!("read x; exec sleep {seconds}")]))
        .asleep_in(libc::SYS_read)
}

#[test]
fn another_program_in_the_same_process_starts_with_nothing_of_ours() {
    let mut guest = shell_that_becomes_a_sleeper("1.5");
    let (process, second) = (guest.process(), guest.process());
    let base = allocate(&process, Allocate::new(0x2_0000));
    assert!(second.status().expect("it lives").attached);
    guest.tell("go");
    guest.wait_for_call(libc::SYS_clock_nanosleep);
    for process in [&process, &second] {
        assert_eq!(info(process, base).state, State::Free);
        assert!(!process.status().expect("it lives").attached);
        assert!(own_runs(process).is_empty());
        let stale = process.free(&Free::release(base)).map_err(|error| error.kind());
        assert_eq!(stale, Err(Kind::NotAllocated));
        process.detach(Leftovers::Release).expect("there is nothing to do");
    }
    visit(&second, Allocates::Nothing);
    let again = allocate(&process, Allocate::new(PAGE));
    holds_bytes(&second, again, 16);
    release(&second, again);
    assert_eq!(guest.finish().code, Some(0));
}

/// Starts another program 300 times, then sleeps.
const CHAIN: &str = "i=${1:-0}; [ $i -lt 300 ] && exec sh -c \"$0\" \"$0\" $((i+1)); exec sleep 2";

/// Allocates and frees until the process has become `sleep`, or it takes too long; says what was refused.
fn until_asleep(process: &Process) -> Vec<Error> {
    let (mut done, mut refusals, start) = (0, Vec::new(), Instant::now());
    let name = format!("/proc/{}/comm", process.pid());
    while std::fs::read_to_string(&name).is_ok_and(|name| name != "sleep\n") && start.elapsed().as_secs() < 60
    {
        let allocated = process.allocate(&Allocate::new(PAGE));
        match allocated.and_then(|range| process.free(&Free::release(range.start().get()))) {
            Ok(_) => done += 1,
            Err(error) => refusals.push(error),
        }
    }
    println!("{done} done, {} refused", refusals.len());
    refusals
}

#[test]
fn a_process_that_starts_program_after_program_is_never_harmed() {
    let guest = Guest::start(Command::new("sh").args(["-c", CHAIN, CHAIN]));
    let process = guest.process();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| until_asleep(&process).iter().for_each(|error| meanwhile(error, guest.pid())));
        }
    });
    let base = allocate(&process, Allocate::new(PAGE));
    holds_bytes(&process, base, 16);
    process.detach(Leftovers::Release).expect("attached");
    assert_eq!(guest.finish().code, Some(0));
}

/// What may be said of a process that is starting another program.
fn meanwhile(error: &Error, pid: u32) {
    is_a_sentence(&error.to_string(), pid);
    match error.kind() {
        // The program that was attached to is gone, or the one that is on its way in is not there yet; or the
        // allocation went with the program that held it.
        Kind::Gone | Kind::Busy | Kind::NotAllocated => {}
        other => panic!("{other:?}: {error}"),
    }
}

/// Forks when told to; the child reads its memory at the address that it is told, and both end with their own code.
const FORKER: &str = "
import os, sys, ctypes
ctypes.CDLL(None).prctl(1, 9)
address = int(sys.stdin.readline())
r, w = os.pipe()
child = os.fork()
if child == 0:
    ctypes.CDLL(None).prctl(1, 9)
    os.read(r, 1)
    os._exit(33 if ctypes.string_at(address, 6) == b'common' else 34)
print(child, flush=True)
sys.stdin.readline()
os.write(w, b'x')
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(code, ctypes.string_at(address, 6).decode(), flush=True)
sys.exit(6)
";

#[test]
fn a_forked_child_has_the_memory_and_the_parent_stays_attached() {
    let Some(mut command) = python("a process that forks", FORKER) else { return };
    let mut guest = Guest::start(&mut command).asleep_in(libc::SYS_read);
    let parent = guest.process();
    let base = allocate(&parent, Allocate::new(0x10_0000).reserve());
    allocate(&parent, Allocate::new(2 * PAGE).commit().at(base));
    assert_eq!(parent.write(base, b"common"), Ok(6));
    guest.tell(&base.to_string());
    let child = Grandchild::new(guest.hear().parse().expect("the child's pid"));
    the_child_can_be_worked_on(child.pid, base);
    assert_eq!(parent.write(base, b"parent"), Ok(6));
    assert!(parent.status().expect("it lives").attached);
    assert_eq!((info(&parent, base).size, own_runs(&parent).len()), (2 * PAGE, 2));
    allocate(&parent, Allocate::new(PAGE).commit().at(base + 4 * PAGE));
    agrees(&parent);
    guest.tell("go on");
    assert_eq!(guest.hear(), "33 parent");
    parent.detach(Leftovers::Release).expect("attached");
    assert_eq!(guest.finish().code, Some(6));
}

/// The memory of the parent is in the child, and so is what is known of it; the child is attached to by itself.
fn the_child_can_be_worked_on(pid: u32, base: u64) {
    let child = Process::open(pid).expect("it lives");
    let before = traces(pid, Allocates::Nothing);
    assert!(!child.status().expect("it lives").attached);
    assert!(matches!(info(&child, base).state, State::Committed { .. }));
    assert_eq!(peek(pid, base, 6).as_deref(), Some(&b"common"[..]));
    assert!(faults(pid, base + 2 * PAGE), "what was not committed is not accessible in the child either");
    let own = allocate(&child, Allocate::new(PAGE));
    holds_bytes(&child, own, 100);
    let run = info(&child, base);
    assert!(
        matches!(run.state, State::Committed { owner: Owner::Own, allocation, .. } if allocation == base)
    );
    assert_eq!(
        (run.size, own_runs(&child).len()),
        (2 * PAGE, 3),
        "the two runs of the parent, and a new one"
    );
    allocate(&child, Allocate::new(PAGE).commit().at(base + 8 * PAGE));
    holds_bytes(&child, base + 8 * PAGE, 100);
    assert_eq!(peek(pid, base, 6).as_deref(), Some(&b"common"[..]));
    agrees(&child);
    release(&child, own);
    child.free(&Free::decommit(base + 8 * PAGE, PAGE)).expect("ours");
    child.detach(Leftovers::Keep).expect("attached");
    assert!(traces(pid, Allocates::Nothing).is_within(&before), "nothing is left but what was there");
}

#[test]
fn a_stopped_process_is_not_attached_to_and_stays_stopped() {
    let guest = Guest::sleeper("100");
    guest.signal(libc::SIGSTOP);
    guest.wait_for_state('T');
    let (process, before) = (guest.process(), traces(guest.pid(), Allocates::Nothing));
    all_refused(&process, CHANGES, &[Kind::AccessDenied]);
    let refusal = process.attach().expect_err("it is stopped").to_string();
    assert!(refusal.contains("stopped"), "{refusal}");
    // What the kernel does alone needs no running target.
    let code = live::kernel::code_of(guest.pid());
    assert!(matches!(info(&process, code).state, State::Committed { .. }));
    assert_eq!(process.read(code, &mut [0; 4]), Ok(4));
    process.detach(Leftovers::Keep).expect("there is nothing to do");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    guest.wait_for_state('T');
    guest.signal(libc::SIGCONT);
    guest.wait_for_call(libc::SYS_restart_syscall);
    visit(&process, Allocates::Nothing);
}

type CallAt = fn(&Process, u64) -> Result<(), Error>;

#[test]
fn a_process_that_is_stopped_later_is_busy_until_it_goes_on() {
    let guest = Guest::sleeper("100");
    let process = guest.process();
    let base = allocate(&process, Allocate::new(PAGE));
    guest.signal(libc::SIGSTOP);
    guest.wait_for_state('T');
    let calls: [CallAt; 3] = [
        |process, _| process.allocate(&Allocate::new(PAGE)).map(drop),
        |process, base| process.query(base).map(drop),
        |process, _| process.detach(Leftovers::Keep),
    ];
    let asked: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let process = guest.process();
            std::thread::spawn(move || within(8, "a call to a stopped process", move || call(&process, base)))
        })
        .collect();
    for asked in asked {
        let answer = asked.join().expect("no panic");
        assert!(answer.as_ref().is_err_and(|error| error.to_string().contains("stopped")), "{answer:?}");
        refused(answer, guest.pid(), &[Kind::Busy]);
    }
    guest.wait_for_state('T');
    guest.signal(libc::SIGCONT);
    assert!(process.status().expect("it lives").attached);
    assert_eq!(own_runs(&process).len(), 1, "what was refused did not happen later");
    release(&process, base);
    process.detach(Leftovers::Keep).expect("attached");
}

/// Traces a process from a thread of its own, until dropped.
struct Tracer {
    over: std::sync::mpsc::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Tracer {
    fn of(pid: u32) -> Self {
        let (over, wait) = std::sync::mpsc::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // SAFETY: seizing reads no memory of ours; the thread's end lets the process go.
            let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid.cast_signed(), 0, 0) };
            ready.send(seized).expect("somebody waits");
            let _ = wait.recv();
        });
        assert_eq!(is_ready.recv(), Ok(0), "nobody else traces it");
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.over.send(());
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn a_process_under_a_debugger_is_refused_and_one_attached_before_is_served() {
    let guest = Guest::sleeper("100");
    let (process, before) = (guest.process(), traces(guest.pid(), Allocates::Nothing));
    let tracer = Tracer::of(guest.pid());
    all_refused(&process, CHANGES, &[Kind::AccessDenied]);
    let refusal = process.attach().expect_err("it is traced").to_string();
    assert!(refusal.contains("traced by process"), "{refusal}");
    assert_eq!(process.query(0x1_0000).map(|info| info.state), Ok(State::Free));
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    drop(tracer);
    let base = allocate(&process, Allocate::new(PAGE));
    let tracer = Tracer::of(guest.pid());
    holds_bytes(&process, base, 16);
    release(&process, base);
    process.detach(Leftovers::Keep).expect("attached");
    drop(tracer);
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
}

/// Uses the memory that it is told about, after everybody has left.
const HEIR: &str = "
import sys, ctypes
address = int(sys.stdin.readline())
found = ctypes.string_at(address, 4)
ctypes.memmove(address + 8192 - 4, b'mine', 4)
print(found.decode(), ctypes.string_at(address + 8188, 4).decode(), flush=True)
sys.stdin.readline()
sys.exit(8)
";

#[test]
fn memory_that_is_kept_stays_usable_by_the_program() {
    let Some(mut command) = python("a program that inherits memory", HEIR) else { return };
    let mut guest = Guest::start(&mut command).asleep_in(libc::SYS_read);
    let process = guest.process();
    let base = allocate(&process, Allocate::new(0x40_0000).reserve());
    allocate(&process, Allocate::new(2 * PAGE).commit().at(base));
    assert_eq!(process.write(base, b"left"), Ok(4));
    process.detach(Leftovers::Keep).expect("attached");
    assert!(own_runs(&process).is_empty(), "nobody remembers it");
    is_inaccessible(&process, base + 2 * PAGE);
    guest.tell(&base.to_string());
    assert_eq!(guest.hear(), "left mine");
    assert_eq!(peek(guest.pid(), base + 8188, 4).as_deref(), Some(&b"mine"[..]));
    let forgotten = process.free(&Free::release(base)).map_err(|error| error.kind());
    assert_eq!(forgotten, Err(Kind::NotAllocated), "it is the program's own now");
    assert_eq!(guest.finish().code, Some(8));
}

#[test]
fn leaving_with_release_gives_everything_back() {
    let guest = Guest::sleeper("100");
    let (process, before) = (guest.process(), traces(guest.pid(), Allocates::Nothing));
    process.detach(Leftovers::Release).expect("not attached: there is nothing to do");
    process.detach(Leftovers::Keep).expect("not attached: there is nothing to do");
    for _ in 0..20 {
        let base = allocate(&process, Allocate::new(3 << 20));
        process.free(&Free::decommit(base + PAGE, PAGE)).expect("ours");
    }
    process.detach(Leftovers::Release).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    process.detach(Leftovers::Release).expect("not attached any more: there is nothing to do");
}

/// The first thread ends alone when told to, with code 7; the other one when the input ends. No libc counts them.
const HEADLESS: &str = r#"
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
static int p[2];
static void *wait_for_end(void *unused) {
    char c;
    while (read(p[0], &c, 1) < 0) {}
    while (read(0, &c, 1) > 0) {}
    syscall(SYS_exit, 3);
    return unused;
}
int main(void) {
    char c;
    pthread_t thread;
    if (pipe(p)) return 1;
    pthread_create(&thread, NULL, wait_for_end, NULL);
    if (read(0, &c, 1) != 1 || write(p[1], &c, 1) != 1) return 1;
    syscall(SYS_exit, 7);
    return 2;
}
"#;

/// What the program ends with when nobody visits it: kernels differ in whose code counts.
fn code_without_a_visit(program: &live::guest::Program) -> Option<i32> {
    let mut guest = Guest::start(&mut program.command()).asleep_in(libc::SYS_read);
    guest.tell("end");
    guest.wait_for_state('Z');
    guest.finish().code
}

#[test]
fn a_process_whose_first_thread_has_ended_ends_with_its_other_threads() {
    let Some(program) = compiled("a process without its first thread", HEADLESS, &[]) else { return };
    println!("without a visit: {:?}", code_without_a_visit(&program));
    let mut guest = Guest::start(&mut program.command()).asleep_in(libc::SYS_read);
    let process = guest.process();
    let base = allocate(&process, Allocate::new(PAGE));
    guest.tell("end");
    guest.wait_for_state('Z');
    assert_eq!(process.write(base, b"still here"), Ok(10));
    assert_eq!(process.read(base, &mut [0; 10]), Ok(10));
    let high = allocate(&process, Allocate::new(PAGE).top_down());
    assert!(high > 0x7ff0_0000_0000, "the resident still sees what is mapped");
    process.free(&Free::release(high)).expect("ours");
    assert_eq!(own_runs(&process).len(), 1);
    assert!(!process.has_ended());
    let start = Instant::now();
    let end = guest.finish();
    assert_eq!(end.code, Some(7));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    all_refused(&process, LOOKS, GONE);
}

#[test]
fn a_process_without_its_first_thread_can_be_attached_to() {
    let Some(program) = compiled("a process without its first thread", HEADLESS, &[]) else { return };
    let mut guest = Guest::start(&mut program.command()).asleep_in(libc::SYS_read);
    guest.tell("end");
    guest.wait_for_state('Z');
    let process = guest.process();
    assert!(process.regions().expect("it lives").len() > 4);
    let base = allocate(&process, Allocate::new(PAGE));
    assert_eq!(process.write(base, b"here"), Ok(4));
    assert_eq!(process.poke(base, b"H"), Ok(1));
    process.free(&Free::release(base)).expect("ours");
    process.detach(Leftovers::Keep).expect("attached");
    let expected = code_without_a_visit(&program);
    assert_eq!(guest.finish().code, expected);
}

#[test]
fn a_caller_that_never_rests_does_not_keep_a_process_alive() {
    let Some(program) = compiled("a process without its first thread", HEADLESS, &[]) else { return };
    let mut guest = Guest::start(&mut program.command()).asleep_in(libc::SYS_read);
    let process = guest.process();
    allocate(&process, Allocate::new(PAGE));
    guest.tell("end");
    guest.wait_for_state('Z');
    let caller = std::thread::spawn(move || until_refused(&process));
    guest.hang_up();
    wait_until("the process ends", || caller.is_finished());
    refused(Err::<(), _>(caller.join().expect("no panic")), guest.pid(), GONE);
    assert_eq!(guest.finish().code, Some(7));
}

#[test]
fn these_outcomes_are_the_same_when_commits_are_made_by_mprotect() {
    pass_with_mprotect(&[
        "another_program_in_the_same_process_starts_with_nothing_of_ours",
        "a_forked_child_has_the_memory_and_the_parent_stays_attached",
        "memory_that_is_kept_stays_usable_by_the_program",
        "leaving_with_release_gives_everything_back",
    ]);
}

/// Placeholders, and what stands in place of one, go with the rest.
#[test]
fn placeholders_leave_nothing_behind() {
    let guest = Guest::sleeper("100");
    let process = guest.process();
    let before = traces(guest.pid(), Allocates::Nothing);
    let base = allocate(&process, Allocate::new(8 * PAGE).placeholder());
    for page in [0, 2, 4] {
        process.free(&Free::hold(base + page * PAGE, 2 * PAGE)).expect("a part of one");
    }
    let second = base + 2 * PAGE;
    let armed = Allocate { protection: Protection::READ_WRITE.guarded(), ..Allocate::new(2 * PAGE) };
    match process.allocate(&armed.replacing(second)) {
        Ok(_) => {
            // What is armed may be put back without having been met.
            process.free(&Free::hold(second, 2 * PAGE)).expect("it took the place of one");
        }
        Err(error) => assert_eq!(error.kind(), Kind::Unsupported, "{error}"),
    }
    is_inaccessible(&process, second);
    assert!(
        matches!(info(&process, second).state, State::Reserved { allocation, .. } if allocation == second)
    );
    allocate(&process, Allocate::new(2 * PAGE).replacing(second));
    holds_bytes(&process, second, 16);
    agrees(&process);
    process.detach(Leftovers::Release).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    assert_eq!(info(&process, base).state, State::Free);
}
