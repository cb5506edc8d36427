//! A window that is given other frames, beside one `mmap` of as many pages.
//!
//! `cargo bench -p pagewright --bench frames`: 1,000 frames in a row mapped over 1,000 others,
//! with pages that were touched and with ones that were not; then as many frames in no
//! order at all. Absolute times depend on the machine and on what else it does; compare
//! the ratios. With `count` as an argument, one remap is made between two calls of
//! `sched_yield`, to be looked at with `strace`.

use std::time::{Duration, Instant};

use pagewright::{Allocate, FrameCall, Memory, PageKind, Process, Traits};
use pagewright_linux::sys::{self, Backing, Place, Prot};

const PAGE: u64 = 0x1000;
const PAGES: u64 = 1000;
const ROUNDS: usize = 200;

fn window(me: &Process) -> u64 {
    let traits = Traits { pages: PageKind::Window, ..Traits::PLAIN };
    me.allocate(&Allocate::new(PAGES * PAGE).reserve().of(traits)).expect("there is room").start().get()
}

fn take(me: &Process) -> Vec<u64> {
    let own = me.frames(FrameCall::Allocate { count: PAGES, node: None }).expect("there is memory");
    assert_eq!(own.len() as u64, PAGES);
    own
}

fn remap(me: &Process, at: u64, frames: &[u64]) {
    me.frames(FrameCall::Map { at, frames }).expect("our frames");
}

/// Stores to every page.
fn touch(at: u64) {
    for page in 0..PAGES {
        // SAFETY: the callers pass windows of so many pages that show something writable.
        unsafe { ((at + page * PAGE) as *mut u8).write_volatile(1) };
    }
}

/// The median time of a step; before each, what it maps over is touched or not.
fn time(touched: Touched, at: u64, mut step: impl FnMut(usize)) -> Duration {
    let mut samples: Vec<_> = (0..ROUNDS)
        .map(|round| {
            match touched {
                Touched::Yes => touch(at),
                Touched::No => {}
            }
            let start = Instant::now();
            step(round);
            start.elapsed()
        })
        .collect();
    samples.sort();
    samples[ROUNDS / 2]
}

#[derive(Clone, Copy, Debug)]
enum Touched {
    Yes,
    No,
}

fn raw(touched: Touched) -> Duration {
    let bytes = (PAGES * PAGE) as usize;
    let fd = sys::memfd_create(c"bench").expect("there is room");
    sys::ftruncate(fd.raw(), 2 * PAGES * PAGE).expect("there is room");
    sys::allocate(fd.raw(), 0, 2 * PAGES * PAGE).expect("there is memory");
    let map = |place, offset| {
        let backing = Backing::Shared { fd: fd.raw(), offset };
        // SAFETY: a new mapping, or one over the mapping that was made for this.
        unsafe { sys::mmap(place, bytes, Prot::READ_WRITE, backing) }.expect("there is room")
    };
    let at = map(Place::Anywhere, 0);
    let taken = time(touched, at as u64, |round| {
        map(Place::Over(at), (round as u64 % 2) * PAGES * PAGE);
    });
    // SAFETY: made above, and nobody uses it any more.
    unsafe { sys::munmap(at, bytes) }.expect("mapped");
    taken
}

fn ours(touched: Touched) -> Duration {
    let me = Process::current();
    let (at, sets) = (window(&me), [take(&me), take(&me)]);
    remap(&me, at, &sets[0]);
    let taken = time(touched, at, |round| remap(&me, at, &sets[(round + 1) % 2]));
    sets.iter().for_each(|set| drop(me.frames(FrameCall::Free(set)).expect("ours")));
    me.free(&pagewright::Free::release(at)).expect("ours");
    taken
}

/// Every frame behind another one that it does not follow.
fn unordered() -> Duration {
    let me = Process::current();
    let (at, own) = (window(&me), take(&me));
    let orders: [Vec<u64>; 2] =
        [7, 11].map(|step| (0..PAGES).map(|index| own[(index * step % PAGES) as usize]).collect());
    remap(&me, at, &orders[0]);
    let taken = time(Touched::No, at, |round| remap(&me, at, &orders[(round + 1) % 2]));
    me.frames(FrameCall::Free(&own)).expect("ours");
    me.free(&pagewright::Free::release(at)).expect("ours");
    taken
}

fn count() {
    let me = Process::current();
    let (at, sets) = (window(&me), [take(&me), take(&me)]);
    sets.iter().for_each(|set| remap(&me, at, set));
    sys::sched_yield();
    remap(&me, at, &sets[0]);
    sys::sched_yield();
    sets.iter().for_each(|set| drop(me.frames(FrameCall::Free(set)).expect("ours")));
}

fn main() {
    if std::env::args().any(|argument| argument == "count") {
        return count();
    }
    for touched in [Touched::No, Touched::Yes] {
        let (raw, ours) = (raw(touched), ours(touched));
        let ratio = ours.as_secs_f64() / raw.as_secs_f64();
        println!("1,000 frames in a row, touched {touched:?}: {ours:?}, one mmap: {raw:?}, ratio {ratio:.2}");
    }
    let each = unordered() / PAGES as u32;
    println!("1,000 frames in no order: {each:?} each");
}
