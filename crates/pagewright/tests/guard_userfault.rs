//! Guards of the own process that are met by waiting, in a program that owns `SIGSEGV`.

#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pagewright::guard::{self, AccessKind, Delivery, GuardHit, Verdict};
use pagewright::{
    Alias, Allocate, Consent, CopyRange, Free, Memory, Onto, Place, Process, Protect, Protection, State,
    Window,
};

const RW: Protection = Protection::READ_WRITE;
const ARMED: Protection = Protection::READ_WRITE.guarded();
const PAGE: u64 = 4096;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// What the program's own handler has seen, and what the functions have.
static FAULTS: AtomicU64 = AtomicU64::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static AT: AtomicU64 = AtomicU64::new(0);
static HITS: AtomicU64 = AtomicU64::new(0);
static STORES: AtomicU64 = AtomicU64::new(0);
static SEEN: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_fault(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel hands over a structure that lives as long as the handler runs.
    let (code, at) = unsafe { ((*info).si_code, (*info).si_addr() as u64) };
    CODE.store(code, SeqCst);
    AT.store(at, SeqCst);
    if FAULTS.fetch_add(1, SeqCst) > 100 {
        // SAFETY: ends the process.
        unsafe { libc::_exit(99) };
    }
}

/// The program owns `SIGSEGV`, and guards are met by waiting.
fn begin() -> MutexGuard<'static, ()> {
    let held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    guard::set_delivery(Delivery::Userfault);
    // SAFETY: a handler that touches atomics only.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
    }
    for word in [&FAULTS, &AT, &HITS, &STORES, &SEEN] {
        word.store(0, SeqCst);
    }
    held
}

fn count(hit: &GuardHit) -> Verdict {
    HITS.fetch_add(1, SeqCst);
    STORES.fetch_add(u64::from(hit.kind == AccessKind::Write), SeqCst);
    SEEN.store(hit.address, SeqCst);
    Verdict::Continue
}

fn allocate(pages: u64, protection: Protection) -> u64 {
    let request = Allocate::new(pages * PAGE).protection(protection);
    Process::current().allocate(&request).unwrap_or_else(|error| panic!("{error}")).start().get()
}

fn protect(at: u64, pages: u64, protection: Protection) -> Protection {
    let request = Protect { at, size: pages * PAGE, protection };
    Process::current().protect(&request).unwrap_or_else(|error| panic!("{error}"))
}

fn release(at: u64) {
    Process::current().free(&Free::release(at)).unwrap_or_else(|error| panic!("{error}"));
}

fn protection(at: u64) -> Protection {
    match Process::current().query(at).expect("ours").state {
        State::Committed { protection, .. } => protection,
        other => panic!("{other:?}"),
    }
}

fn load(at: u64) -> u8 {
    // SAFETY: a page of the test's.
    unsafe { (at as *const u8).read_volatile() }
}

fn store(at: u64, value: u8) {
    // SAFETY: a page of the test's.
    unsafe { (at as *mut u8).write_volatile(value) }
}

// Rows: GP01 GP02 GP03
#[test]
fn a_function_is_told_and_the_handler_of_the_program_is_not() {
    let _held = begin();
    let told = guard::on_hit(count);
    let at = allocate(2, ARMED);
    assert_eq!(load(at + 9), 0);
    assert_eq!((HITS.load(SeqCst), SEEN.load(SeqCst) / PAGE, STORES.load(SeqCst)), (1, at / PAGE, 0));
    store(at + PAGE + 1, 5);
    assert_eq!((HITS.load(SeqCst), STORES.load(SeqCst)), (2, 1));
    assert_eq!((load(at + PAGE + 1), protection(at), protection(at + PAGE)), (5, RW, RW));
    assert_eq!((HITS.load(SeqCst), FAULTS.load(SeqCst)), (2, 0));
    // The byte is told, too. In one run of some forty the kernel told only the page of the first
    // fault of all, so several are asked.
    let exact = |offset: u64| {
        protect(at, 1, ARMED);
        load(at + offset);
        SEEN.load(SeqCst) == at + offset
    };
    assert!((9..14).map(exact).filter(|exact| *exact).count() >= 4, "the byte that was accessed");
    told.remove();
    release(at);
}

// Rows: GP02 GP03
#[test]
fn without_a_function_the_programs_handler_gets_a_fault_like_the_kernels() {
    let _held = begin();
    let at = allocate(1, RW);
    store(at, 77);
    assert_eq!(protect(at, 1, ARMED), RW);
    assert_eq!(load(at), 77, "what was there is there");
    assert_eq!((FAULTS.load(SeqCst), CODE.load(SeqCst), AT.load(SeqCst)), (1, 2, at));
    store(at, 78);
    assert_eq!((load(at), FAULTS.load(SeqCst)), (78, 1));
    release(at);
}

fn meets_another(hit: &GuardHit) -> Verdict {
    if HITS.fetch_add(1, SeqCst) == 0 {
        // The neighbour is guarded, too, and this thread is the one that tells.
        SEEN.store(u64::from(load(hit.address + PAGE)) + 1, SeqCst);
        // And it arms the page again, as stacks that grow do.
        protect(hit.address + PAGE, 1, ARMED);
    }
    Verdict::Continue
}

// Rows: GP02
#[test]
fn a_function_that_meets_a_guard_itself_goes_on() {
    let _held = begin();
    let told = guard::on_hit(meets_another);
    let at = allocate(2, RW);
    store(at + PAGE, 6);
    protect(at, 2, ARMED);
    assert_eq!(load(at), 0);
    assert_eq!((SEEN.load(SeqCst), HITS.load(SeqCst)), (7, 1));
    assert_eq!(protection(at + PAGE), ARMED);
    assert_eq!(load(at + PAGE), 6);
    assert_eq!(HITS.load(SeqCst), 2);
    told.remove();
    release(at);
}

// Rows: GP02
#[test]
fn of_many_threads_one_meets_the_guard() {
    let _held = begin();
    let told = guard::on_hit(count);
    let at = allocate(1, RW);
    for round in 1..=100 {
        store(at, 3);
        protect(at, 1, ARMED);
        let go = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while !go.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                    assert_eq!(load(at), 3);
                });
            }
            go.store(true, SeqCst);
        });
        assert_eq!(HITS.load(SeqCst), round);
    }
    told.remove();
    release(at);
}

#[test]
fn no_store_is_lost_when_pages_in_use_are_guarded() {
    let _held = begin();
    let told = guard::on_hit(count);
    let at = allocate(8, RW);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let stop = &stop;
            scope.spawn(move || {
                let mut round = 0_u64;
                while !stop.load(SeqCst) {
                    for page in 0..8 {
                        let word = (at + page * PAGE + thread * 8) as *mut u64;
                        // SAFETY: each thread has words of its own.
                        unsafe {
                            assert_eq!(word.read_volatile(), round, "a store was lost");
                            word.write_volatile(round + 1);
                        }
                    }
                    round += 1;
                }
            });
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(500) {
            protect(at, 8, ARMED);
            protect(at + PAGE, 2, RW);
        }
        stop.store(true, SeqCst);
    });
    assert!(HITS.load(SeqCst) > 0);
    told.remove();
    release(at);
}

// Rows: GP09
#[test]
fn a_system_call_with_a_guard_as_its_buffer_fails() {
    let _held = begin();
    let at = allocate(1, ARMED);
    // SAFETY: the kernel checks the address.
    let got = unsafe {
        let zeros = libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY);
        let got = libc::read(zeros, at as *mut libc::c_void, 16);
        let error = std::io::Error::last_os_error().raw_os_error();
        libc::close(zeros);
        (got, error)
    };
    assert_eq!(got, (-1, Some(libc::EFAULT)));
    assert_eq!(protection(at), ARMED);
    release(at);
}

#[test]
fn a_forked_child_has_content_and_guards() {
    let _held = begin();
    let at = allocate(2, RW);
    store(at, 50);
    protect(at, 2, ARMED);
    // SAFETY: the child only loads, looks at atomics, and exits.
    let status = unsafe {
        let child = libc::fork();
        if child == 0 {
            let first = load(at);
            let faults = FAULTS.load(SeqCst);
            let second = load(at + PAGE);
            let all = FAULTS.load(SeqCst);
            libc::_exit(i32::from(!(first == 50 && faults == 1 && second == 0 && all == 2)));
        }
        let mut status = 0;
        libc::waitpid(child, &mut status, 0);
        status
    };
    assert!(libc::WIFEXITED(status), "{status:#x}");
    assert_eq!(libc::WEXITSTATUS(status), 0);
    assert_eq!(FAULTS.load(SeqCst), 0, "the parent has met nothing");
    assert_eq!(load(at), 50);
    assert_eq!(FAULTS.load(SeqCst), 1);
    release(at);
}

#[test]
fn guards_of_both_kinds_can_stand_side_by_side() {
    let _held = begin();
    let told = guard::on_hit(count);
    let waiting = allocate(1, ARMED);
    guard::set_delivery(Delivery::Signal);
    let trapping = allocate(1, ARMED);
    guard::set_delivery(Delivery::Userfault);
    assert_eq!((load(waiting), HITS.load(SeqCst)), (0, 1));
    release(waiting);
    release(trapping);
    told.remove();
}

/// What the handler of signals below looks at.
static LOOKED_AT: AtomicU64 = AtomicU64::new(0);

extern "C" fn look(_: i32) {
    // SAFETY: a page of the test that may be loaded from once its guard is met.
    unsafe { (LOOKED_AT.load(SeqCst) as *const u64).read_volatile() };
}

#[test]
fn a_signal_handler_that_meets_a_guard_never_waits_for_the_call_that_it_interrupted() {
    let _held = begin();
    let handler = guard::on_hit(count);
    let at = allocate(2, ARMED);
    LOOKED_AT.store(at, SeqCst);
    // SAFETY: a handler that loads a word.
    unsafe { libc::signal(libc::SIGUSR1, look as *const () as usize) };
    // SAFETY: a thread has a number.
    let me = unsafe { libc::pthread_self() };
    let round = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut last, mut since) = (0, Instant::now());
            while !done.load(SeqCst) {
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(me, libc::SIGUSR1) };
                std::thread::sleep(Duration::from_micros(50));
                if round.load(SeqCst) != last {
                    (last, since) = (round.load(SeqCst), Instant::now());
                } else if since.elapsed() > Duration::from_secs(20) {
                    eprintln!("the handler waits for ever, in round {last}");
                    // SAFETY: ends the process, which could not end otherwise.
                    unsafe { libc::_exit(98) };
                }
            }
        });
        for _ in 0..2000 {
            protect(at, 1, ARMED);
            protect(at + PAGE, 1, RW);
            round.fetch_add(1, SeqCst);
        }
        done.store(true, SeqCst);
    });
    // SAFETY: nobody sends it any more.
    unsafe { libc::signal(libc::SIGUSR1, libc::SIG_IGN) };
    assert!(HITS.load(SeqCst) > 0, "some signal came while the guard stood");
    handler.remove();
    release(at);
}

// Rows: GP02 GP03
#[test]
fn views_of_an_object_are_guarded_each_for_itself() {
    let _held = begin();
    let told = guard::on_hit(count);
    let at = allocate(32, RW);
    (0..4).for_each(|page| store(at + page * PAGE, page as u8 + 1));
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let alias = Alias { source: at, size: 4 * PAGE, onto, protection: RW, consent: Consent::OwnOnly };
    let other = Process::current().alias(&alias).expect("plain memory").start().get();
    protect(at, 4, ARMED);
    store(other + PAGE, 20);
    assert_eq!((load(other), load(other + PAGE), HITS.load(SeqCst)), (1, 20, 0));
    assert_eq!((load(at + PAGE), load(at), HITS.load(SeqCst)), (20, 1, 2));
    // What was copied, and stored to since.
    let (one, two) = (allocate(32, RW), allocate(32, RW));
    (0..4).for_each(|page| store(one + page * PAGE, page as u8 + 1));
    let copy = CopyRange { source: one, size: 32 * PAGE, target: two };
    assert_eq!(Process::current().copy(&copy).map_err(|error| error.kind()), Ok(32 * PAGE));
    store(one + PAGE, 30);
    store(two + 2 * PAGE, 40);
    protect(one, 32, ARMED);
    protect(two, 32, ARMED);
    let seen = |base: u64| [0, 1, 2, 3].map(|page| load(base + page * PAGE));
    assert_eq!((seen(one), seen(two), HITS.load(SeqCst)), ([1, 30, 3, 4], [1, 2, 40, 4], 10));
    assert_eq!((protection(one), protection(one + 4 * PAGE), FAULTS.load(SeqCst)), (RW, ARMED, 0));
    told.remove();
    [at, other, one, two].into_iter().for_each(release);
}

/// Says that this is the program that closes its descriptors.
const CLOSES: &str = "PAGEWRIGHT_TEST_GUARD_CLOSES";

/// Closes everything but the three that every program has, and opens other files under the numbers.
fn close_all() {
    // SAFETY: nobody else in this program uses descriptors by now; that is what the test is about.
    unsafe {
        assert_eq!(libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0), 0);
        let zeros = libc::open(c"/dev/zero".as_ptr(), libc::O_RDWR);
        for least in [3, 1024] {
            (0..16).for_each(|_| assert!(libc::fcntl(zeros, libc::F_DUPFD, least) >= least));
        }
    }
}

/// Whether another thread's descriptor can be had (Linux 6.9).
fn can_have_descriptors_again() -> bool {
    // SAFETY: opens a descriptor of this thread, which stays.
    unsafe { libc::syscall(libc::SYS_pidfd_open, libc::gettid(), libc::O_EXCL) >= 0 }
}

#[test]
fn a_program_that_closes_all_its_descriptors_keeps_guards_and_content() {
    const NAME: &str = "a_program_that_closes_all_its_descriptors_keeps_guards_and_content";
    if !can_have_descriptors_again() {
        return println!("skipped {NAME}: pidfd_open knows no threads here (before Linux 6.9)");
    }
    if std::env::var_os(CLOSES).is_none() {
        let run = std::process::Command::new(std::env::current_exe().expect("known"))
            .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
            .env(CLOSES, "1")
            .output()
            .expect("this program can be run");
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success() && out.contains("1 passed"), "{}\n{out}\n{err}", run.status);
        return;
    }
    let _held = begin();
    let told = guard::on_hit(count);
    let at = allocate(4, RW);
    store(at, 41);
    store(at + PAGE, 42);
    protect(at, 3, ARMED);
    close_all();
    assert_eq!((load(at), HITS.load(SeqCst)), (41, 1), "what was kept aside is there");
    assert_eq!((load(at + 2 * PAGE), HITS.load(SeqCst)), (0, 2));
    close_all();
    assert_eq!(protect(at + PAGE, 1, RW), ARMED, "calls have the descriptor again");
    assert_eq!((load(at + PAGE), HITS.load(SeqCst)), (42, 2));
    for round in 0..5 {
        protect(at, 2, ARMED);
        close_all();
        store(at, round);
        assert_eq!((load(at), load(at + PAGE)), (round, 42));
        assert_eq!(HITS.load(SeqCst), 4 + 2 * u64::from(round));
    }
    assert_eq!(FAULTS.load(SeqCst), 0);
    told.remove();
    release(at);
}
