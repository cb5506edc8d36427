//! What it costs, beside what the kernel's own copy-on-write costs in the same run.

use std::time::{Duration, Instant};

use linux_raw_sys::general as k;
use pagewright_core::{Machine, ObjectId, PageRange, View};
use pagewright_linux::sys::{self, Advice};

use crate::world::{MIB, PAGE, RW, World, content, pages, showing, store};

const ROUNDS: usize = 12;

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn touch(range: PageRange) {
    (0..range.bytes() / PAGE).for_each(|page| store(range.start().get() + page * PAGE, page));
}

/// A forked child that does nothing until it is ended.
fn fork() -> usize {
    // SAFETY: the child only sleeps.
    let child = unsafe { sys::syscall(k::__NR_fork, [0; 6]) }.expect("a process");
    if child != 0 {
        return child;
    }
    loop {
        // SAFETY: no memory is involved.
        let _ = unsafe { sys::syscall(k::__NR_pause, [0; 6]) };
    }
}

fn end(child: usize) {
    // SAFETY: the child is ours.
    unsafe { sys::syscall(k::__NR_kill, [child, k::SIGKILL as usize, 0, 0, 0, 0]) }.expect("it is there");
    // SAFETY: no status is asked for.
    unsafe { sys::syscall(k::__NR_wait4, [child, 0, 0, 0, 0, 0]) }.expect("it is a child");
}

/// Two regions of `bytes` with small pages, the first stored to everywhere.
fn ends(world: &mut World, bytes: u64) -> [PageRange; 2] {
    let ends = [(); 2].map(|()| {
        let range = world.reserve(bytes);
        world.machine.commit(range, range, RW).expect("memory");
        let (at, len) = (range.start().get() as usize, bytes as usize);
        // SAFETY: advice about memory of this test; faults of large pages are others.
        unsafe { sys::madvise(at, len, Advice::NoHugePage) }.unwrap_or(());
        range
    });
    touch(ends[0]);
    ends
}

/// Makes both ends snapshots of the object that the first one shows.
fn freeze(world: &mut World, ends: [PageRange; 2], object: ObjectId) {
    for range in ends {
        let frozen = content(object, 0).viewed(View::Snapshot);
        world.machine.show(range, range, frozen, RW).expect("room");
    }
}

/// The shortest times of: a fresh store, one after a fork, a promotion, a lazy copy, and
/// the first stores after it.
fn measure(world: &mut World, bytes: u64) -> [Duration; 5] {
    let mut best = [Duration::MAX; 5];
    for _ in 0..ROUNDS {
        let both = ends(world, bytes);
        let fresh = timed(|| touch(both[1]));
        let child = fork();
        let forked = timed(|| touch(both[0]));
        end(child);
        let object = world.create(bytes / PAGE);
        let place = showing(both[0], both[0], RW);
        let promoted =
            timed(|| world.machine.promote(&[place], content(object, 0)).expect("nothing is in the way"));
        touch(both[0]);
        let copied = timed(|| freeze(world, both, object));
        let stored = timed(|| touch(both[0]));
        both.into_iter().for_each(|range| world.release(range));
        world.machine.close(object);
        for (best, new) in best.iter_mut().zip([fresh, forked, promoted, copied, stored]) {
            *best = new.min(*best);
        }
    }
    best
}

#[test]
#[ignore = "a measurement: cargo test --release --test object -- --ignored --nocapture costs"]
fn costs() {
    let mut world = World::new();
    for bytes in [16 * MIB, 256 * MIB] {
        let best = measure(&mut world, bytes);
        let names =
            ["fresh store", "store after a fork", "promotion", "lazy copy", "first store after a lazy copy"];
        println!("{} MiB", bytes / MIB);
        for (name, took) in names.into_iter().zip(best) {
            let page = took.as_secs_f64() * 1e9 / (bytes / PAGE) as f64;
            println!("  {name:<30} {took:>10.2?} {page:>8.0} ns a page");
        }
        println!("  stores after a copy, in those after a fork: {:.2}", best[4].div_duration_f64(best[1]));
    }
    let [range, _] = ends(&mut world, 16 * MIB);
    let object = world.create(1000);
    let took = timed(|| {
        for page in 0..1000 {
            let place = showing(range, pages(range, 2 * page, 2 * page + 1), RW);
            world.machine.promote(&[place], content(object, page)).expect("nothing is in the way");
        }
    });
    println!("promotion of a single page {:.2?}", took / 1000);
    world.release(range);
}

#[test]
#[ignore = "a measurement: cargo test --release --test object -- --ignored --nocapture transfers_cost"]
fn transfers_cost() {
    const COUNT: u32 = 2000;
    let mut world = World::new();
    let [from, to] = ends(&mut world, 4 * MIB);
    touch(to);
    for bytes in [1024, PAGE, 2 * PAGE, 4 * PAGE, 64 * 1024, MIB] {
        let held = [showing(from, pages(from, 0, bytes.div_ceil(PAGE)), RW)];
        let mut best = Duration::MAX;
        for _ in 0..5 {
            best = best.min(timed(|| {
                for _ in 0..COUNT {
                    world.machine.transfer(&held, from.start(), to.start(), bytes).expect("accessible");
                }
            }));
        }
        println!("transfer of {bytes:>8} bytes {:>10.2?}", best / COUNT);
    }
    let held: Vec<_> = (0..1024).map(|page| showing(from, pages(from, page, page + 1), RW)).collect();
    let took =
        timed(|| world.machine.transfer(&held, from.start(), to.start(), 4 * MIB).expect("accessible"));
    println!("4 MiB held page by page {took:.2?}");
    world.release(from);
    world.release(to);
}
