//! Writers on every core while their memory is promoted, aliased, copied and forked.
//!
//! `PAGEWRIGHT_STRESS_SECONDS` says for how long (1 by default; the bar is a minute).
//!
//! A page holds two counters, one at each end. Its writer increments the first, then
//! the second, so at any moment `first == second` or `first == second + 1`: a copy in
//! which a page says anything else is not that of one moment. What the writers count
//! beside that tells whether an increment got lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pagewright::{
    Alias, Allocate, Consent, CopyRange, Free, Memory, Onto, Place, Process, Protection, Window,
};

const PAGE: u64 = 0x1000;
const PAGES: u64 = 64;
const SIZE: u64 = PAGES * PAGE;
/// How long one region is used before the next one takes its place.
const PHASE: Duration = Duration::from_millis(150);

fn seconds() -> u64 {
    std::env::var("PAGEWRIGHT_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn writers() -> u64 {
    std::thread::available_parallelism().map_or(2, |count| count.get() as u64).max(2)
}

fn counter(at: u64) -> &'static AtomicU64 {
    // SAFETY: the address is that of an aligned word in memory that this test allocated
    // and frees only when nobody uses it any more.
    unsafe { &*(at as *const AtomicU64) }
}

fn ends(page: u64) -> (&'static AtomicU64, &'static AtomicU64) {
    (counter(page), counter(page + PAGE - 8))
}

/// Increments pages `first`, `first + step`, ... until told to stop; answers how often each.
fn write(base: u64, first: u64, step: u64, stop: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        for page in (first..PAGES).step_by(step as usize) {
            let (low, high) = ends(base + page * PAGE);
            low.fetch_add(1, Ordering::SeqCst);
            high.fetch_add(1, Ordering::SeqCst);
        }
        rounds += 1;
    }
    rounds
}

/// A page whose counters are not those of one moment.
fn torn(base: u64) -> Option<(u64, u64, u64)> {
    (0..PAGES).find_map(|page| {
        let (low, high) = ends(base + page * PAGE);
        let (high, low) = (high.load(Ordering::SeqCst), low.load(Ordering::SeqCst));
        (low != high && low != high + 1).then_some((page, low, high))
    })
}

/// A child that looks at a copy and, where the writers' stores do not reach it, at the
/// memory itself.
fn fork_and_look(copy: u64, own: Option<u64>) {
    // SAFETY: the child only loads, and leaves by `_exit`: nothing that needs other threads.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        let code = match (torn(copy), own.and_then(torn)) {
            (None, None) => 0,
            (Some(_), _) => 1,
            (None, Some(_)) => 2,
        };
        // SAFETY: as above.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: our own child, waited for once.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status), "the child died by a signal: {status:#x}");
    assert_eq!(libc::WEXITSTATUS(status), 0, "1: the copy is torn, 2: the child's own memory is");
}

/// What happens to the memory while it is written.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Copy,
    Alias,
    AliasThenCopy,
    Fork,
    Everything,
}

const DEEDS: [Deed; 5] = [Deed::Copy, Deed::Alias, Deed::AliasThenCopy, Deed::Fork, Deed::Everything];

fn copy_and_check(me: &Process, base: u64, target: u64, what: &str) {
    let copied = me.copy(&CopyRange { source: base, size: SIZE, target });
    assert_eq!(copied.expect("both are committed"), SIZE);
    assert_eq!(torn(target), None, "page, first, second of a torn page: {what}");
}

fn alias_and_check(me: &Process, base: u64) {
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let (protection, consent) = (Protection::READ, Consent::OwnOnly);
    let request = Alias { source: base, size: SIZE, onto, protection, consent };
    let view = me.alias(&request).expect("committed").start().get();
    for page in 0..PAGES {
        let before = ends(base + page * PAGE).0.load(Ordering::SeqCst);
        let through = ends(view + page * PAGE).0.load(Ordering::SeqCst);
        assert!(through >= before, "page {page}: the alias shows {through}, the source had {before}");
    }
    me.free(&Free::release(view)).expect("ours");
}

fn perform(me: &Process, deed: Deed, base: u64, target: u64) {
    match deed {
        Deed::Copy => copy_and_check(me, base, target, "copy"),
        Deed::Alias => alias_and_check(me, base),
        Deed::AliasThenCopy => {
            alias_and_check(me, base);
            copy_and_check(me, base, target, "copy after alias");
        }
        Deed::Fork => {
            copy_and_check(me, base, target, "copy before fork");
            fork_and_look(target, Some(base));
        }
        Deed::Everything => {
            copy_and_check(me, base, target, "copy");
            alias_and_check(me, base);
            // What was aliased is shared with the child.
            fork_and_look(target, None);
            copy_and_check(me, base + SIZE / 2 - PAGE * 8, target, "a part");
        }
    }
}

fn phase(me: &Process, deed: Deed) -> u64 {
    let base = me.allocate(&Allocate::new(2 * SIZE)).expect("room").start().get();
    let target = me.allocate(&Allocate::new(SIZE)).expect("room").start().get();
    let stop = AtomicBool::new(false);
    let mut deeds = 0;
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers())
            .map(|index| {
                let stop = &stop;
                scope.spawn(move || write(base, index, writers(), stop))
            })
            .collect();
        let start = Instant::now();
        while start.elapsed() < PHASE {
            perform(me, deed, base, target);
            deeds += 1;
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("a writer does not panic")).collect()
    });
    for page in 0..PAGES {
        let (low, high) = ends(base + page * PAGE);
        let counted = counts[(page % writers()) as usize];
        let found = (low.load(Ordering::SeqCst), high.load(Ordering::SeqCst));
        assert_eq!(found, (counted, counted), "page {page} after {deeds} times {deed:?}");
    }
    me.free(&Free::release(base)).expect("ours");
    me.free(&Free::release(target)).expect("ours");
    deeds
}

#[test]
fn no_increment_is_lost_and_every_copy_is_whole_by_page() {
    let me = Process::current();
    let end = Instant::now() + Duration::from_secs(seconds());
    let mut done = [0_u64; DEEDS.len()];
    for (index, deed) in DEEDS.iter().enumerate().cycle() {
        done[index] += phase(&me, *deed);
        if Instant::now() >= end {
            break;
        }
    }
    println!("{} writers, times done: {:?}", writers(), DEEDS.iter().zip(done).collect::<Vec<_>>());
}
