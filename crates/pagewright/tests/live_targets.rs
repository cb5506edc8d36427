//! Real programs: whatever is done to their memory, they finish their own work, on time and with the right answer,
//! and nothing of ours is left in them.

mod live;

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use pagewright::{Allocate, Free, Leftovers, Memory, Owner, Process, Protect, Protection, State};

use live::exercise::{allocate, everything, holds_bytes, info, release, visit};
use live::guest::{Guest, compiled, python};
use live::kernel::{Allocates, PAGE, agrees, own_runs, peek, traces};
use live::{Dice, half, pass_with_mprotect, passes, target_of_half, wait_until};

#[test]
fn a_sleeper_wakes_on_time() {
    let guest = Guest::sleeper("1.5");
    visit(&guest.process(), Allocates::Nothing);
    visit(&guest.process(), Allocates::Nothing);
    guest.finish().is(0, 1.5);
}

#[test]
fn a_blocked_read_goes_on_and_gets_what_is_sent_then() {
    let mut guest = Guest::start(&mut Command::new("cat")).asleep_in(libc::SYS_read);
    visit(&guest.process(), Allocates::Nothing);
    guest.tell("good day");
    assert_eq!(guest.hear(), "good day");
    assert_eq!(guest.finish().code, Some(0));
}

const FUTEX: &str = r#"
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    int word = 5;
    struct timespec limit = {1, 500000000}, a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    long r = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &limit, 0, 0);
    int error = errno;
    clock_gettime(CLOCK_MONOTONIC, &b);
    double waited = (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9;
    return r == -1 && error == ETIMEDOUT && waited > 1.49 && waited < 4.5 ? 7 : 1;
}
"#;

#[test]
fn a_futex_waiter_times_out_on_time() {
    let Some(program) = compiled("a futex waiter", FUTEX, &[]) else { return };
    let guest = Guest::start(&mut program.command()).asleep_in(libc::SYS_futex);
    visit(&guest.process(), Allocates::Nothing);
    visit(&guest.process(), Allocates::Nothing);
    guest.finish().is(7, 1.5);
}

#[test]
fn eight_busy_threads_keep_their_vector_registers() {
    let Some(program) = compiled("eight busy threads", include_str!("live/busy.c"), &[]) else { return };
    let guest = Guest::start(program.command().arg("100"));
    let threads = format!("/proc/{}/task", guest.pid());
    wait_until("it has eight threads", || std::fs::read_dir(&threads).is_ok_and(|all| all.count() == 8));
    for _ in 0..4 {
        visit(&guest.process(), Allocates::Nothing);
    }
    // A loaded machine may take long over the visits; but nothing holds the program up afterwards.
    let asked = Instant::now();
    guest.signal(libc::SIGTERM);
    let end = guest.finish();
    assert_eq!(end.code, Some(7), "{}", end.text);
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?} to end", asked.elapsed());
}

const STATIC: &str = r#"
#include <stdint.h>
#include <time.h>
int main(void) {
    struct timespec a, b, nap = {0, 20000000};
    uint64_t sum = 0;
    clock_gettime(CLOCK_MONOTONIC, &a);
    do {
        sum = 0;
        for (uint64_t i = 1; i <= 1000000; i++) { sum += i; __asm__ volatile("" : "+r"(sum)); }
        if (sum != 500000500000) return 1;
        nanosleep(&nap, 0);
        clock_gettime(CLOCK_MONOTONIC, &b);
    } while ((b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9 < 1.5);
    return 7;
}
"#;

#[test]
fn a_static_binary_computes_on() {
    let Some(program) = compiled("a static binary", STATIC, &["-static"]) else { return };
    let guest = Guest::start(&mut program.command());
    wait_until("it runs its own code", || guest.process().regions().is_ok_and(|runs| runs.len() > 4));
    std::thread::sleep(Duration::from_millis(50));
    visit(&guest.process(), Allocates::Nothing);
    visit(&guest.process(), Allocates::Nothing);
    guest.finish().is(7, 1.5);
}

/// Builds and drops dictionaries until its input ends; each must come out the same.
const PYTHON: &str = "
import sys, select
n, sums = 0, set()
print('ready', flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    table = {i: [str(i) * 3, bytes(i % 70000)] for i in range(3000)}
    sums.add(sum(len(a) + len(b) for a, b in table.values()))
    n += 1
print('same' if len(sums) == 1 and n > 3 else (n, sums))
sys.exit(5)
";

#[test]
fn python_computes_on_with_all_its_allocations() {
    let Some(mut command) = python("a python target", PYTHON) else { return };
    let mut guest = Guest::start(&mut command);
    assert_eq!(guest.hear(), "ready");
    visit(&guest.process(), Allocates::ByItself);
    visit(&guest.process(), Allocates::ByItself);
    std::thread::sleep(Duration::from_millis(500));
    let end = guest.finish();
    assert_eq!((end.code, end.text.trim()), (Some(5), "same"));
}

/// Allocates, fills, checks and frees, until the time is over.
fn work_for(process: &Process, tag: u8, time: Duration) -> u32 {
    let (start, mut rounds) = (Instant::now(), 0);
    while start.elapsed() < time {
        let base = allocate(process, Allocate::new(0x2_0000).reserve());
        allocate(process, Allocate::new(2 * PAGE).commit().at(base + PAGE));
        assert_eq!(process.write(base + PAGE, &[tag; 8192]), Ok(8192));
        let protect = Protect { at: base + PAGE, size: 1, protection: Protection::READ };
        assert_eq!(process.protect(&protect), Ok(Protection::READ_WRITE));
        let run = info(process, base + PAGE);
        assert!(
            matches!(run.state, State::Committed { owner: Owner::Own, allocation, .. } if allocation == base)
        );
        let mut back = [0; 8192];
        assert_eq!(process.read(base + PAGE, &mut back), Ok(8192));
        assert_eq!(back, [tag; 8192], "somebody else wrote here");
        process.free(&Free::release(base)).unwrap_or_else(|error| panic!("{error}"));
        rounds += 1;
    }
    rounds
}

#[test]
fn threads_of_one_caller_are_served_together() {
    let guest = Guest::sleeper("2");
    let before = traces(guest.pid(), Allocates::Nothing);
    let shared = guest.process();
    let handles = [shared.clone(), shared, guest.process(), guest.process()];
    std::thread::scope(|scope| {
        for (number, process) in handles.iter().enumerate() {
            scope
                .spawn(move || assert!(work_for(process, number as u8 + 1, Duration::from_millis(700)) > 10));
        }
    });
    agrees(&handles[0]);
    assert!(own_runs(&handles[0]).is_empty());
    handles[0].detach(Leftovers::Keep).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    guest.finish().is(0, 2.0);
}

#[test]
#[ignore = "the other half of two_programs_work_on_one_target"]
fn works_for_a_while() {
    let Some(pid) = target_of_half() else { return };
    let process = Process::open(pid).expect("it runs");
    let tag = std::process::id() as u8;
    assert!(work_for(&process, tag, Duration::from_millis(800)) > 10);
}

#[test]
fn two_programs_work_on_one_target() {
    let guest = Guest::sleeper("3");
    let before = traces(guest.pid(), Allocates::Nothing);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| passes(&mut half("works_for_a_while", guest.pid())));
        }
    });
    let process = guest.process();
    assert!(process.attach().expect("it lives").found, "the resident of the others is still there");
    agrees(&process);
    assert!(own_runs(&process).is_empty());
    everything(&process);
    process.detach(Leftovers::Keep).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    guest.finish().is(0, 3.0);
}

#[test]
#[ignore = "the other half of a_second_program_finds_what_the_first_allocated"]
fn finds_what_another_allocated() {
    let Some(pid) = target_of_half() else { return };
    let process = Process::open(pid).expect("it runs");
    let runs = own_runs(&process);
    let [first, second] = runs[..] else { panic!("two runs, not {runs:x?}") };
    let mut bytes = [0; 11];
    assert_eq!(process.read(first.base, &mut bytes), Ok(11));
    assert_eq!(&bytes, b"handed over");
    assert_eq!((first.size, second.size), (PAGE, 0xf000));
    allocate(&process, Allocate::new(PAGE).commit().at(second.base));
    assert_eq!(process.write(second.base, b"and back"), Ok(8));
}

#[test]
fn a_second_program_finds_what_the_first_allocated() {
    let guest = Guest::sleeper("2");
    let process = guest.process();
    let base = allocate(&process, Allocate::new(0x1_0000).reserve());
    allocate(&process, Allocate::new(PAGE).commit().at(base));
    assert_eq!(process.write(base, b"handed over"), Ok(11));
    passes(&mut half("finds_what_another_allocated", guest.pid()));
    assert_eq!(peek(guest.pid(), base + PAGE, 8).as_deref(), Some(&b"and back"[..]));
    assert_eq!(info(&process, base).size, 2 * PAGE);
    // A third one comes while the first is still there, and takes the resident out with all it holds.
    guest.process().detach(Leftovers::Release).expect("attached");
    assert_eq!(info(&process, base).state, State::Free);
    let again = allocate(&process, Allocate::new(PAGE));
    holds_bytes(&process, again, 100);
    guest.finish().is(0, 2.0);
}

#[test]
#[ignore = "the other half of a_caller_that_is_killed_leaves_nothing_half_done"]
fn allocates_and_frees_until_it_is_killed() {
    let Some(pid) = target_of_half() else { return };
    let process = Process::open(pid).expect("it runs");
    process.attach().unwrap_or_else(|error| panic!("{error}"));
    println!("go");
    std::io::stdout().flush().expect("somebody listens");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        let base = allocate(&process, Allocate::new(3 << 20).reserve());
        allocate(&process, Allocate::new(5 * PAGE).commit().at(base + PAGE));
        allocate(&process, Allocate::new(1 << 20).commit().at(base + (1 << 20)));
        let protect = Protect { at: base + 2 * PAGE, size: 1, protection: Protection::READ };
        process.protect(&protect).expect("committed");
        process.free(&Free::decommit(base, 4 * PAGE)).expect("ours");
        release(&process, base);
    }
}

#[test]
fn a_caller_that_is_killed_leaves_nothing_half_done() {
    let guest = Guest::sleeper("8");
    let before = traces(guest.pid(), Allocates::Nothing);
    let mut dice = Dice(1);
    for round in 0..25 {
        let mut caller = Guest::start(&mut half("allocates_and_frees_until_it_is_killed", guest.pid()));
        while !caller.hear().ends_with("go") {}
        std::thread::sleep(Duration::from_micros(dice.roll(20_000)));
        caller.reap();
        let process = guest.process();
        agrees(&process);
        let left = own_runs(&process);
        assert!(left.iter().map(|run| run.size).sum::<u64>() <= 3 << 20, "round {round}: {left:x?}");
        assert!(work_for(&process, round, Duration::from_millis(5)) > 0);
        if round % 3 == 0 {
            process.detach(Leftovers::Release).expect("attached");
            assert_eq!(traces(guest.pid(), Allocates::Nothing), before, "round {round}");
        } else {
            left.iter().for_each(|run| give_back(&process, run.base));
        }
    }
    guest.finish().is(0, 8.0);
}

/// Frees the allocation that holds `at`, unless it is gone already.
fn give_back(process: &Process, at: u64) {
    let (State::Reserved { allocation, .. } | State::Committed { allocation, .. }) = info(process, at).state
    else {
        return;
    };
    release(process, allocation);
}

#[test]
fn all_of_this_holds_when_commits_are_made_by_mprotect() {
    pass_with_mprotect(&[
        "a_sleeper_wakes_on_time",
        "a_blocked_read_goes_on_and_gets_what_is_sent_then",
        "eight_busy_threads_keep_their_vector_registers",
        "threads_of_one_caller_are_served_together",
        "a_caller_that_is_killed_leaves_nothing_half_done",
    ]);
}

#[test]
#[ignore = "a measurement: run it alone, in release, with --nocapture"]
fn how_long_an_attach_takes() {
    let guest = Guest::sleeper("30");
    let mut rounds: Vec<(u128, u128, u128)> = (0..200).map(|_| measure(&guest.process())).collect();
    let mut line = |what: &str, pick: fn(&(u128, u128, u128)) -> u128| {
        rounds.sort_by_key(pick);
        let at = |percent: usize| pick(&rounds[rounds.len() * percent / 100]) as f64 / 1000.0;
        println!("{what}: median {:.0} µs, 95 % {:.0} µs, 99 % {:.0} µs", at(50), at(95), at(99));
    };
    line("attach", |round| round.0);
    line("  of which one thread stood still", |round| round.1);
    line("detach", |round| round.2);
}

#[test]
#[ignore = "a measurement: run it alone, in release, with --nocapture"]
fn how_long_a_call_takes() {
    let guest = Guest::sleeper("30");
    let process = guest.process();
    let base = allocate(&process, Allocate::new(PAGE));
    let shortest = |what: &str, call: &dyn Fn()| {
        let round = |_| {
            let start = Instant::now();
            (0..20_000).for_each(|_| call());
            start.elapsed().as_nanos() / 20_000
        };
        println!("{what}: {} ns", (0..10).map(round).min().expect("ten"));
    };
    shortest("query", &|| drop(process.query(base)));
    shortest("allocate and free 64 KiB", &|| {
        let at = process.allocate(&Allocate::new(0x1_0000)).expect("there is room").start().get();
        process.free(&Free::release(at)).expect("ours");
    });
}

/// Attach, stop and detach, in nanoseconds.
fn measure(process: &Process) -> (u128, u128, u128) {
    let start = Instant::now();
    let attached = process.attach().expect("it lives");
    let attach = start.elapsed().as_nanos();
    let start = Instant::now();
    process.detach(Leftovers::Keep).expect("attached");
    (attach, u128::from(attached.stopped_ns), start.elapsed().as_nanos())
}
