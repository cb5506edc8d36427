//! Content that the system may have, in the own process: the kernel is made to take it.

mod live;
mod special;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pagewright::{Allocate, Fate, Process, Survival};

use live::{pass_with_mprotect, skipped};
use special::recycle::{reap, recycle};
use special::{PAGE, allocate, release};

// Rows: RS01 RS02 RS03 RS04 RS13 RS14 RS15 RS16 PF13 PF14 PF15 PF16 PF17 VL35
#[test]
fn content_goes_when_it_may_and_that_is_told() {
    if let Err(why) = special::recycle::everything(&Process::current()) {
        skipped("content_goes_when_it_may_and_that_is_told", why);
    }
}

// Rows: RS01 RS14 RS15 PF15 PF16
#[test]
fn the_same_without_markers() {
    pass_with_mprotect(&["content_goes_when_it_may_and_that_is_told"]);
}

/// Tells the other threads to end, however this one does.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The word at `at`, which other threads store to.
fn word(at: u64) -> &'static AtomicU64 {
    // SAFETY: the callers pass aligned addresses inside of memory that they release when everybody is done.
    unsafe { &*(at as *const AtomicU64) }
}

// Rows: RS14 RS15 PF16
/// One thread takes memory whenever it may be taken, one stores, and one lets go and takes back. What is called intact is.
#[test]
fn nothing_that_was_dropped_is_ever_called_intact() {
    const PAGES: u64 = 16;
    let me = Process::current();
    let base = allocate(&me, Allocate::new(PAGES * PAGE));
    let (over, last) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut intact, mut lost, mut since) = (0, 0, 0);
    std::thread::scope(|threads| {
        let _end = Ends(&over);
        threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if !reap(&Process::current(), base + PAGE, (PAGES - 1) * PAGE) {
                    return;
                }
            }
        });
        threads.spawn(|| {
            for number in 1.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // A word that held nothing when its page was first let go.
                word(base + 800).store(number, Ordering::SeqCst);
                last.store(number, Ordering::SeqCst);
            }
        });
        for round in 1..=300_u64 {
            for page in 0..PAGES {
                // The first page has few words; of the others some are full.
                let words = if page % 3 == 0 { 1..3 } else { 1..512 };
                words.for_each(|index| {
                    word(base + page * PAGE + 8 * index).store(round << 32 | index, Ordering::Relaxed);
                });
            }
            let offers = round % 4 == 0;
            let (go, back) =
                if offers { (Fate::Offer, Fate::Reclaim) } else { (Fate::Reset, Fate::UndoReset) };
            // The page with the counter cannot be offered: its thread would fault.
            let (at, size) = if offers { (base + PAGE, (PAGES - 1) * PAGE) } else { (base, PAGES * PAGE) };
            recycle(&me, at, size, go).expect("ours");
            if round % 3 == 0 {
                reap(&me, at, size);
            }
            let before = last.load(Ordering::SeqCst);
            match recycle(&me, at, size, back).expect("ours") {
                Survival::Lost => {
                    lost += 1;
                    // That and the store that was just being made went with it.
                    since = last.load(Ordering::SeqCst) + 1;
                }
                Survival::Intact => {
                    intact += 1;
                    let found = word(base + 800).load(Ordering::SeqCst);
                    assert!(before <= since || found >= before, "a store is gone: {found}, not {before}");
                    for page in (at - base) / PAGE..PAGES {
                        let index = if page % 3 == 0 { 2 } else { 511 };
                        let found = word(base + page * PAGE + 8 * index).load(Ordering::Relaxed);
                        assert_eq!(found, round << 32 | index, "page {page} in round {round}");
                    }
                }
            }
        }
    });
    println!("{intact} times intact, {lost} times lost");
    release(&me, base);
}
