//! Lazy copies beside what they replace, measured in the same run.
//!
//! `cargo bench -p pagewright --bench copies`: a copy of 256 MiB beside `memcpy` into fresh
//! memory, the first store to a page afterwards beside the kernel's own copy-on-write
//! fault, and a thousand rounds of copying and storing. Absolute times depend on the
//! machine and on what else it does; compare the ratios.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pagewright::{Birth, CopyRange, Map, Memory, Process, Unmap};
use pagewright_linux::sys::{self, Backing, Place, Prot};

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;

fn map(me: &Process, size: u64, birth: Birth) -> u64 {
    me.map(&Map { birth, ..Map::new(size) }).expect("there is room").start().get()
}

fn unmap(me: &Process, at: u64, size: u64) {
    me.unmap(&Unmap { at, size }).expect("ours");
}

fn store(at: u64, value: u8) {
    // SAFETY: the callers pass addresses inside of memory that they mapped for this.
    unsafe { (at as *mut u8).write_volatile(value) };
}

fn fill(at: u64, size: u64, value: u8) {
    // SAFETY: as `store`.
    unsafe { std::ptr::write_bytes(at as *mut u8, value, size as usize) };
}

fn fresh(size: u64) -> u64 {
    // SAFETY: a new mapping where the kernel chooses disturbs nobody.
    unsafe { sys::mmap(Place::Anywhere, size as usize, Prot::READ_WRITE, Backing::Anonymous) }
        .expect("there is room") as u64
}

fn give_back(at: u64, size: u64) {
    // SAFETY: made by `fresh`, and nobody uses it any more.
    unsafe { sys::munmap(at as usize, size as usize) }.expect("mapped");
}

/// The proportional set size of this process, in KiB.
fn pss() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("/proc is mounted");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a field");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn whole_copy(me: &Process) {
    let size = 256 * MIB;
    let (mut ours, mut limit, mut grown) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..7_u8 {
        let source = map(me, size, Birth::Shared);
        fill(source, size, round + 1);
        let target = map(me, size, Birth::Shared);
        let before = pss();
        let start = Instant::now();
        me.copy(&CopyRange { source, size, target }).expect("both are committed");
        ours.push(micros(start.elapsed()));
        grown.push(pss().cast_signed() - before.cast_signed());
        let plain = fresh(size);
        let start = Instant::now();
        // SAFETY: two ranges of this size that do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(source as *const u8, plain as *mut u8, size as usize) };
        limit.push(micros(start.elapsed()));
        // SAFETY: as above, for reading.
        let equal = unsafe {
            let half = |at: u64| std::slice::from_raw_parts(at as *const u8, size as usize);
            half(source) == half(target)
        };
        assert!(equal, "the copy is not one");
        give_back(plain, size);
        unmap(me, source, size);
        unmap(me, target, size);
    }
    let (ours, limit) = (median(ours), median(limit));
    println!(
        "copy of 256 MiB that was written      {ours:>10.0} us   memcpy into fresh memory {limit:>10.0} us"
    );
    println!("  times faster {:.1} (bar: at least 25)", limit / ours);
    println!("  resident memory (Pss) grown by at most {} KiB (bar: none)", grown.iter().max().unwrap_or(&0));
}

/// Stores to each page once, and answers what that took for each.
fn touch(at: u64, pages: u64) -> f64 {
    let start = Instant::now();
    for page in 0..pages {
        store(at + page * PAGE, 7);
    }
    micros(start.elapsed()) / pages as f64
}

/// What the kernel's own copy-on-write costs: stores after a fork, while the child lives.
fn after_fork(pages: u64) -> f64 {
    let at = fresh(pages * PAGE);
    // Small pages, as ours are.
    // SAFETY: the range was mapped above.
    unsafe { sys::madvise(at as usize, (pages * PAGE) as usize, sys::Advice::NoHugePage) }.expect("mapped");
    fill(at, pages * PAGE, 1);
    // SAFETY: the child only waits to be ended.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        loop {
            // SAFETY: as above.
            unsafe { libc::pause() };
        }
    }
    let spent = touch(at, pages);
    // SAFETY: our own child, ended and waited for once.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    give_back(at, pages * PAGE);
    spent
}

fn first_stores(me: &Process) {
    let pages = 4096;
    let size = pages * PAGE;
    let (mut source_cost, mut target_cost, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..15 {
        limit.push(after_fork(pages));
        let source = map(me, size, Birth::Shared);
        fill(source, size, 1);
        let target = map(me, size, Birth::Shared);
        me.copy(&CopyRange { source, size, target }).expect("both are committed");
        source_cost.push(touch(source, pages));
        target_cost.push(touch(target, pages));
        unmap(me, source, size);
        unmap(me, target, size);
    }
    let limit = median(limit);
    for (name, cost) in [("source", median(source_cost)), ("target", median(target_cost))] {
        println!(
            "first store to a page of the {name}     {cost:>10.2} us   after fork {limit:>10.2} us   ratio {:.2} (bar: 1.3)",
            cost / limit
        );
    }
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted").lines().count()
}

/// Which page is stored to in a round.
#[derive(Clone, Copy, Debug)]
enum Where {
    First,
    Anywhere,
}

/// Which side is stored to.
#[derive(Clone, Copy, Debug)]
enum Side {
    Source,
    Target,
}

fn rounds(me: &Process, place: Where, side: Side) {
    let size = 16 * MIB;
    let source = map(me, size, Birth::Shared);
    let target = map(me, size, Birth::Shared);
    fill(source, size, 1);
    let mut dice = 1_u64;
    let mut times = Vec::new();
    let mut memory = Vec::new();
    for round in 0..1000_u64 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let page = match place {
            Where::First => 0,
            Where::Anywhere => (dice >> 33) % (size / PAGE),
        };
        let start = Instant::now();
        me.copy(&CopyRange { source, size, target }).expect("both are committed");
        let stored = match side {
            Side::Source => source,
            Side::Target => target,
        };
        store(stored + page * PAGE, round as u8);
        times.push(micros(start.elapsed()));
        if round == 99 || round == 999 {
            memory.push((pss(), mappings()));
        }
    }
    let (early, late) = (median(times[..100].to_vec()), median(times[900..].to_vec()));
    println!(
        "1,000 x copy 16 MiB + store, {side:?}, {place:?}: a round {early:.0} us at first, {late:.0} us at last; \
         (Pss KiB, mappings) {:?} and {:?}",
        memory[0], memory[1]
    );
    black_box(&times);
    unmap(me, source, size);
    unmap(me, target, size);
}

fn main() {
    let me = Process::current();
    whole_copy(&me);
    first_stores(&me);
    for side in [Side::Source, Side::Target] {
        for place in [Where::First, Where::Anywhere] {
            rounds(&me, place, side);
        }
    }
}
