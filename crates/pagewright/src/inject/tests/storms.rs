//! Things that happen while we are at it.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::target::{State, Target};

use super::super::choose::{Candidate, Rank};
use super::super::session::{Outcome, Work};
use super::super::{Reason, guardian, inject, place, prepare, remove};
use super::{Guest, blob, compiled, depart, plan, traces, visit, visit_and_depart, wait_until};

fn signal(pid: i32, number: i32) {
    // SAFETY: a signal to a child of ours.
    unsafe { libc::kill(pid, number) };
}

#[test]
fn job_control_in_the_middle_takes_effect_and_does_no_harm() {
    let Some(program) = compiled("stopped", include_str!("busy.c"), &[]) else { return };
    let guest = Guest::start(Command::new(program).arg("100"));
    let (pid, target) = (guest.pid(), guest.target());
    let (mut came, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            for i in 0..400u64 {
                signal(pid, libc::SIGSTOP);
                std::thread::sleep(Duration::from_micros(i * 97 % 1500));
                signal(pid, libc::SIGCONT);
                std::thread::sleep(Duration::from_micros(i * 61 % 1500));
            }
        });
        while !storm.is_finished() {
            match inject(&target, &plan(&blob())) {
                Ok(placed) => {
                    came += 1;
                    depart(&target, &placed);
                }
                Err(error) => {
                    refused += 1;
                    assert!(matches!(error.reason, Reason::Stopped | Reason::Busy), "{error}");
                }
            }
        }
    });
    println!("came {came} times, was refused {refused} times");
    signal(pid, libc::SIGSTOP);
    wait_until("it stops once more", || target.state() == State::Stopped);
    signal(pid, libc::SIGCONT);
    assert_eq!(traces(pid).threads, 4);
    signal(pid, libc::SIGTERM);
    assert_eq!(guest.finish().0, Some(7));
}

#[test]
fn a_process_that_ends_or_becomes_another_program_is_an_ordinary_error() {
    let script = "i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; exec sh -c 'exec sleep 0.003'";
    for round in 0..150u64 {
        let guest = Guest::start(Command::new("sh").args(["-c", script]));
        let Ok(target) = Target::open(guest.pid()) else { continue };
        std::thread::sleep(Duration::from_micros(round * 83 % 4000));
        while !target.is_ended() {
            match inject(&target, &plan(&blob())) {
                Ok(placed) => {
                    let _ = remove(
                        &target,
                        placed.tid,
                        std::slice::from_ref(&(placed.base..placed.base + placed.len)),
                    );
                }
                Err(error) => assert!(
                    matches!(
                        error.reason,
                        Reason::Died
                            | Reason::Ended
                            | Reason::NoSuchProcess
                            | Reason::Failed { .. }
                            // While it becomes another program, it is not the caller's to trace.
                            | Reason::NotPermitted(_)
                    ),
                    "{error}"
                ),
            }
        }
        assert_eq!(guest.finish().0, Some(0), "round {round}");
    }
}

/// Catches every system call outside libc, then waits for a signal.
const CATCHER: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
static volatile int caught, asked;
static volatile char selector;
static void on_sys(int s) { (void)s; caught = 1; }
static void on_usr(int s) { (void)s; asked = 1; }
int main(void) {
    unsigned long from = ~0ul, to = 0, a, b;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "libc.so") && sscanf(line, "%lx-%lx", &a, &b) == 2) { if (a < from) from = a; if (b > to) to = b; }
    fclose(maps);
    signal(SIGSYS, on_sys);
    signal(SIGUSR1, on_usr);
    if (prctl(59, 1, from, to - from, &selector)) return 50;
    selector = 1;
    pause();
    long pid;
    __asm__ volatile("syscall" : "=a"(pid) : "a"(39) : "rcx", "r11", "memory");
    selector = 0;
    return asked && caught ? 7 : 51;
}
"#;

#[test]
fn a_program_that_catches_its_own_system_calls_goes_on_catching_them() {
    let Some(program) = compiled("catcher", CATCHER, &[]) else { return };
    let guest = Guest::start(&mut Command::new(program)).sleeping_in(libc::SYS_pause);
    for _ in 0..3 {
        visit_and_depart(&guest);
    }
    signal(guest.pid(), libc::SIGUSR1);
    assert_eq!(guest.finish().0, Some(7));
}

/// Counts in a 32-bit code segment of a 64-bit process, as Wine does.
const NARROW: &str = r#"
#include <signal.h>
volatile unsigned counter, over;
unsigned long long saved;
static void on_usr(int s) { (void)s; over = 1; }
int main(void) {
    signal(SIGUSR1, on_usr);
    unsigned sum = 0;
    while (!over) {
        __asm__ volatile(
            "mov %%rsp, saved(%%rip)\n lea stack_top(%%rip), %%rsp\n push $0x23\n push $1f\n lretq\n"
            ".code32\n 1: mov $2000000, %%ecx\n xor %%edx, %%edx\n"
            "2: inc %%edx\n dec %%ecx\n jnz 2b\n ljmp $0x33, $3f\n .code64\n"
            "3: mov saved(%%rip), %%rsp\n"
            ".pushsection .bss\n .balign 16\n .skip 65536\n stack_top: .skip 64\n .popsection\n"
            : "=d"(sum) : : "rcx", "memory", "cc");
        if (sum != 2000000) return 99;
        counter++;
    }
    return 7;
}
"#;

#[test]
fn a_thread_in_32_bit_code_of_a_64_bit_program_is_put_back_there() {
    let flags = ["-static", "-no-pie", "-fno-pie", "-mno-red-zone", "-O1"];
    let Some(program) = compiled("narrow-code", NARROW, &flags) else { return };
    let guest = Guest::start(&mut Command::new(program));
    let target = guest.target();
    std::thread::sleep(Duration::from_millis(50));
    for _ in 0..50 {
        let placed = visit(&target);
        depart(&target, &placed);
    }
    signal(guest.pid(), libc::SIGUSR1);
    assert_eq!(guest.finish().0, Some(7));
}

#[test]
fn without_a_guardian_a_thread_of_the_caller_does_it() {
    let guest = Guest::start(Command::new("sleep").arg("0.5")).sleeping_in(libc::SYS_clock_nanosleep);
    let (target, before) = (guest.target(), traces(guest.pid()));
    let placed = visit(&target);
    let candidate = Candidate { tid: placed.tid, rank: Rank::Restarts, filtered: false, blocked: None };
    let gadget = place::gadget(&target, placed.tid, &[]).expect("there is a vDSO");
    let range = placed.base..placed.base + placed.len;
    let mut job = prepare(&target, &candidate, gadget, Work::Leave(std::slice::from_ref(&range)));
    assert_eq!(guardian::run_on_thread(&mut job), Ok(()));
    assert_eq!(job.outcome, Outcome::Done);
    assert_eq!(traces(guest.pid()), before);
    assert_eq!(guest.finish().0, Some(0));
}

#[test]
fn two_callers_at_once_are_both_served_or_told_so() {
    let guest = Guest::start(Command::new("sleep").arg("2")).sleeping_in(libc::SYS_clock_nanosleep);
    let before = traces(guest.pid());
    let come_and_go = || {
        let target = guest.target();
        let limit = Instant::now() + Duration::from_millis(700);
        while Instant::now() < limit {
            match inject(&target, &plan(&blob())) {
                Ok(placed) => wait_until("the other one is out of the way", || {
                    remove(
                        &target,
                        placed.tid,
                        std::slice::from_ref(&(placed.base..placed.base + placed.len)),
                    )
                    .is_ok()
                }),
                Err(error) => assert!(matches!(error.reason, Reason::Traced { .. }), "{error}"),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(come_and_go);
        scope.spawn(come_and_go);
    });
    assert_eq!(traces(guest.pid()), before);
    assert_eq!(guest.finish().0, Some(0));
}
