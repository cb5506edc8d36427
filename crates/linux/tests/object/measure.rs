//! What it costs, beside what the kernel's own copy-on-write costs in the same run.

use std::time::{Duration, Instant};

use linux_raw_sys::general as k;
use pagewright_core::{Machine, PageRange, View};
use pagewright_linux::sys;

use crate::world::{MIB, PAGE, RW, World, content, pages, showing, store};

const BYTES: u64 = 256 * MIB;

/// The best of five, each on what `ready` made.
fn best<T>(
    mut ready: impl FnMut() -> T,
    mut timed: impl FnMut(&mut T),
    mut after: impl FnMut(T),
) -> Duration {
    let run = || {
        let mut made = ready();
        let begun = Instant::now();
        timed(&mut made);
        let took = begun.elapsed();
        after(made);
        took
    };
    std::iter::repeat_with(run).take(5).min().unwrap_or_default()
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

#[test]
#[ignore = "a measurement: cargo test --release --test object -- --ignored --nocapture measure"]
fn costs() {
    let world = std::cell::RefCell::new(World::new());
    let reserve = || {
        let mut world = world.borrow_mut();
        let range = world.reserve(BYTES);
        // SAFETY: advice about memory of this test; large pages would make faults incomparable.
        unsafe { sys::madvise(range.start().get() as usize, BYTES as usize, sys::Advice::NoHugePage) }
            .unwrap_or(());
        world.machine.commit(range, range, RW).expect("memory");
        range
    };
    let release = |range| world.borrow_mut().release(range);
    let per_page = |took: Duration| took.as_secs_f64() * 1e9 / (BYTES / PAGE) as f64;
    let say =
        |what: &str, took: Duration| println!("{what:<58} {took:>10.2?} {:>8.0} ns a page", per_page(took));

    say("store to fresh memory", best(reserve, |range| touch(*range), release));
    let forked = best(
        || {
            let range = reserve();
            touch(range);
            (range, fork())
        },
        |(range, _)| touch(*range),
        |(range, child)| {
            end(child);
            release(range);
        },
    );
    say("first store after a fork", forked);
    let moved = best(
        || {
            let range = reserve();
            touch(range);
            let object = world.borrow_mut().create(BYTES / PAGE);
            (range, object)
        },
        |(range, object)| {
            let place = showing(*range, *range, RW);
            world.borrow_mut().machine.promote(&[place], content(*object, 0)).expect("room");
        },
        |(range, object)| {
            release(range);
            world.borrow_mut().machine.close(object);
        },
    );
    say("promote", moved);
    let shown = || {
        let range = reserve();
        let object = world.borrow_mut().create(BYTES / PAGE);
        world.borrow_mut().machine.show(range, range, content(object, 0), RW).expect("room");
        touch(range);
        (range, reserve(), object)
    };
    let freeze = |(source, target, object): &mut (PageRange, PageRange, _)| {
        for range in [*source, *target] {
            let frozen = content(*object, 0).viewed(View::Snapshot);
            world.borrow_mut().machine.show(range, range, frozen, RW).expect("room");
        }
    };
    let gone = |(source, target, object)| {
        release(source);
        release(target);
        world.borrow_mut().machine.close(object);
    };
    let copy = best(shown, freeze, gone);
    say("show both ends of a copy", copy);
    let frozen = || {
        let mut made = shown();
        freeze(&mut made);
        made
    };
    let faults = best(frozen, |(source, ..)| touch(*source), gone);
    say("first store to a snapshot", faults);
    println!(
        "{:<58} {:>10.2}",
        "a snapshot's first store, in those after a fork",
        faults.as_secs_f64() / forked.as_secs_f64()
    );
    let mut next = 0;
    let range = reserve();
    touch(range);
    let object = world.borrow_mut().create(1000);
    let begun = Instant::now();
    while next < 1000 {
        let place = showing(range, pages(range, 2 * next, 2 * next + 1), RW);
        world.borrow_mut().machine.promote(&[place], content(object, next)).expect("room");
        next += 1;
    }
    println!("{:<58} {:>10.2?}", "promote one page", begun.elapsed() / 1000);
    release(range);
}
