//! A guard that is met beside the least that any program can do for the same: a handler of `SIGSEGV`
//! that gives access to the page and returns.
//!
//! `cargo bench -p pagewright --bench guards`: medians from rounds that alternate between the two.
//! Absolute times depend on the machine and on what else it does; compare the ratios.

use std::mem::MaybeUninit;
use std::ptr;
use std::time::{Duration, Instant};

use libc::{c_int, c_void, siginfo_t};
use pagewright::guard::{GuardHit, Verdict, on_hit};
use pagewright::{Allocate, Memory, Process, Protect, Protection};

const PAGE: u64 = 0x1000;
/// Pages that are met one after the other, in each round.
const PAGES: u64 = 1000;
const ROUNDS: usize = 21;

const RW: Protection = Protection::READ_WRITE;

fn go_on(_: &GuardHit) -> Verdict {
    Verdict::Continue
}

/// The raw handler.
extern "C" fn open(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel hands a valid record over; the page is one of this benchmark.
    unsafe {
        let page = (*info).si_addr() as u64 & !(PAGE - 1);
        libc::mprotect(page as *mut c_void, PAGE as usize, libc::PROT_READ | libc::PROT_WRITE);
    }
}

fn handler(of: Option<usize>) -> libc::sigaction {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: valid structures; the handler is one with three arguments.
    unsafe {
        if let Some(handler) = of {
            (*action.as_mut_ptr()).sa_sigaction = handler;
            (*action.as_mut_ptr()).sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        }
        let new = if of.is_some() { action.as_ptr() } else { ptr::null() };
        libc::sigaction(libc::SIGSEGV, new, old.as_mut_ptr());
        old.assume_init()
    }
}

fn restore(action: &libc::sigaction) {
    // SAFETY: it was in place before.
    unsafe { libc::sigaction(libc::SIGSEGV, ptr::from_ref(action), ptr::null_mut()) };
}

/// Stores to each page, most of which fault once.
fn touch(at: u64) -> Duration {
    let start = Instant::now();
    for page in 0..PAGES {
        // SAFETY: memory of this benchmark; the handler gives access.
        unsafe { ((at + page * PAGE) as *mut u64).write_volatile(page) };
    }
    start.elapsed()
}

/// What is done to the pages before each round.
#[derive(Clone, Copy)]
enum State {
    /// They have content.
    Used,
    /// Nobody has touched them.
    Fresh,
}

fn prepare_ours(me: &Process, at: u64, state: State) {
    let size = PAGES * PAGE;
    me.allocate(&Allocate::new(size).commit().at(at)).expect("reserved");
    match state {
        State::Used => drop(touch(at)),
        State::Fresh => {
            me.free(&pagewright::Free::decommit(at, size)).expect("ours");
            me.allocate(&Allocate::new(size).commit().at(at)).expect("reserved");
        }
    }
    me.protect(&Protect { at, size, protection: RW.guarded() }).expect("committed");
}

fn prepare_raw(at: u64, state: State) {
    let size = (PAGES * PAGE) as usize;
    // SAFETY: memory of this benchmark.
    unsafe {
        libc::mprotect(at as *mut c_void, size, libc::PROT_READ | libc::PROT_WRITE);
        match state {
            State::Used => drop(touch(at)),
            State::Fresh => drop(libc::madvise(at as *mut c_void, size, libc::MADV_DONTNEED)),
        }
        libc::mprotect(at as *mut c_void, size, libc::PROT_NONE);
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn row(name: &str, state: State, me: &Process, ours_at: u64, raw_at: u64) {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        prepare_ours(me, ours_at, state);
        ours.push(touch(ours_at).as_secs_f64() / PAGES as f64);
        prepare_raw(raw_at, state);
        let before = handler(Some(open as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize));
        raw.push(touch(raw_at).as_secs_f64() / PAGES as f64);
        restore(&before);
    }
    let (ours, raw) = (median(ours), median(raw));
    let ratio = ours / raw;
    println!("{name:<45} {:>8.3} us {:>8.3} us {ratio:>6.2}x   2 x", ours * 1e6, raw * 1e6);
}

fn main() {
    let me = Process::current();
    let size = PAGES * PAGE;
    let ours = me.allocate(&Allocate::new(size).reserve()).expect("there is room").start().get();
    let raw = me.allocate(&Allocate::new(size)).expect("there is room").start().get();
    let handler = on_hit(go_on);
    println!("{:<45} {:>11} {:>11} {:>7}   bar", "work", "ours", "raw", "ratio");
    row("guard met, page with content", State::Used, &me, ours, raw);
    row("guard met, untouched page", State::Fresh, &me, ours, raw);
    handler.remove();
}
