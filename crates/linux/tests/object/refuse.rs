//! Memory of others, and what cannot be moved.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pagewright_core::{Machine, ObjectId, PageRange, Refusal};
use pagewright_linux::machine::{Freezer, Freezing};
use pagewright_linux::sys::{self, Backing, Place, Prot};

use crate::world::{self, MIB, PAGE, RW, Stops, World, content, load, pages, showing, store, worlds};

#[test]
fn memory_of_others_is_moved_and_recognised() {
    let mut world = World::new();
    // SAFETY: a new mapping at a place that the kernel chooses.
    let at = unsafe { sys::mmap(Place::Anywhere, 64 << 12, Prot::READ_WRITE, Backing::Anonymous) };
    let at = at.expect("memory") as u64;
    let whole = PageRange::between(at, at + 64 * PAGE).expect("not empty");
    let part = pages(whole, 8, 24);
    (0..64).for_each(|page| store(at + page * PAGE, page + 1));
    assert_eq!(world.machine.recognise(part), None);
    let object = world.create(16);
    world.machine.promote(&[showing(part, part, RW)], content(object, 0)).expect("it is plain memory");
    assert_eq!(world.machine.recognise(part), Some(content(object, 0)));
    assert_eq!(world.machine.recognise(pages(part, 3, 5)), Some(content(object, 3)));
    assert_eq!(world.machine.recognise(pages(whole, 7, 9)), None);
    let alias = world.reserve(16 * PAGE);
    world.machine.show(alias, alias, content(object, 0), RW).expect("room");
    store(at + 9 * PAGE, 900_u64);
    assert_eq!(load::<u64>(alias.start().get() + PAGE), 900);
    // Its owner takes a part of it away.
    // SAFETY: the mapping is this test's.
    unsafe { sys::munmap((at + 10 * PAGE) as usize, PAGE as usize) }.expect("mapped");
    assert_eq!(world.machine.recognise(part), None);
    assert_eq!(load::<u64>(alias.start().get() + 2 * PAGE), 11, "the alias keeps its bytes");
    world.release(alias);
    // SAFETY: as above.
    unsafe { sys::munmap(at as usize, 64 << 12) }.expect("mapped");
}

#[test]
fn a_reservation_where_others_were_promoted_is_as_good_as_any() {
    for mut world in worlds() {
        let range = world.reserve(4 * MIB);
        world.release(range);
        // SAFETY: the place is free, and in this test's own room.
        let mapped = unsafe {
            sys::mmap(
                Place::Free(range.start().get() as usize),
                4 << 20,
                Prot::READ_WRITE,
                Backing::Anonymous,
            )
        };
        mapped.expect("free");
        let object = world.create(4 * MIB / PAGE);
        world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("plain memory");
        // SAFETY: the mapping is this test's.
        unsafe { sys::munmap(range.start().get() as usize, 4 << 20) }.expect("mapped");
        world.machine.reserve(range, None).expect("free");
        for (first, end) in [(3, 4), (4, 600)] {
            world.machine.commit(range, pages(range, first, end), RW).expect("memory");
        }
        assert_eq!(world.reach(range.start().get() + 4 * PAGE), (true, true));
        assert_eq!(world.reach(range.start().get() + 600 * PAGE), (false, false));
        world.release(range);
    }
}

#[test]
fn what_cannot_be_moved_is_refused() {
    let mut world = World::new();
    let object = world.create(4096);
    let mut refused = |what: &str, at: u64| {
        let range = PageRange::between(at & !0xfff, (at & !0xfff) + PAGE).expect("not empty");
        let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
        assert_eq!(done, Err(Refusal::Special), "{what} at {at:#x}");
    };
    let local = 0_u8;
    static DATA: AtomicU64 = AtomicU64::new(7);
    refused("this stack", &raw const local as u64);
    refused("data of the program", DATA.as_ptr() as u64);
    refused("code", refused_is_code as *const () as u64);
    refused("thread-local memory", sys::thread_base().expect("permitted") as u64);
    let (mut special, maps) = (0, std::fs::read_to_string("/proc/self/maps").expect("readable"));
    for line in maps.lines().filter(|line| ["[vdso]", "[vvar]", "[stack]"].iter().any(|n| line.ends_with(n)))
    {
        refused(
            line,
            u64::from_str_radix(line.split('-').next().expect("a start"), 16).expect("hexadecimal"),
        );
        special += 1;
    }
    assert!(special >= 2, "{maps}");
    let (sender, receiver) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let local = 0_u8;
            sender.send(&raw const local as u64).expect("somebody listens");
            let _ = stopped.recv();
        });
        let stack = receiver.recv().expect("it runs");
        std::thread::sleep(Duration::from_millis(20));
        refused("a sleeping thread's stack", stack - 128 * PAGE);
        drop(stop);
    });
    assert_eq!(DATA.load(Ordering::Relaxed), 7);
}

fn refused_is_code() {}

#[test]
fn memory_that_others_watch_is_left_to_them() {
    let mut world = World::new();
    let range = world.reserve(4 * PAGE);
    world.machine.commit(range, range, RW).expect("memory");
    let watcher = match sys::userfaultfd(sys::Waiters::Program) {
        Ok(watcher) => watcher,
        Err(error) => return println!("skipped: memory_that_others_watch_is_left_to_them: {error}"),
    };
    sys::userfault_enable(watcher.raw(), sys::userfault::WRITE_PROTECT).expect("it exists");
    // SAFETY: nobody accesses the range.
    let watched = unsafe {
        sys::userfault_register(watcher.raw(), range.start().get() as usize, 0x1000, sys::Catch::Stores)
    };
    watched.expect("nobody else does");
    let object = world.create(4);
    let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
    assert_eq!(done, Err(Refusal::Special));
    drop(watcher);
    world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("nobody watches");
    world.release(range);
}

#[test]
fn without_userfaultfd_only_a_single_thread_can_promote() {
    let mut world = World::new();
    world.machine.set_freezer(Freezer::forced(Freezing::None));
    let range = world.reserve(4 * PAGE);
    world.machine.commit(range, range, RW).expect("memory");
    store(range.start().get(), 4_u64);
    let object = world.create(4);
    if world::alone("refuse::without_userfaultfd_only_a_single_thread_can_promote") {
        let code = world::forked(|| {
            world.machine.reidentify();
            let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
            let is_shown = world.machine.recognise(range) == Some(content(object, 0));
            done == Ok(()) && is_shown && load::<u64>(range.start().get()) == 4
        });
        assert_eq!(code, 0);
        return;
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stops = Stops(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        });
        let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
        drop(stops);
        assert_eq!(done, Err(Refusal::Denied));
    });
    world.release(range);
}

#[test]
fn files_beyond_the_limit_are_refused_and_cost_no_signal() {
    if !world::alone("refuse::files_beyond_the_limit_are_refused_and_cost_no_signal") {
        return;
    }
    let mut world = World::new();
    let range = world.reserve(16 * PAGE);
    world.machine.commit(range, range, RW).expect("memory");
    store(range.start().get() + 9 * PAGE, 4_u64);
    let object = world.create(16);
    world::limit_files(8 * PAGE);
    assert_eq!(world.machine.create(ObjectId(77), 9), Err(Refusal::NoObject));
    world.machine.create(ObjectId(78), 8).expect("as large as permitted");
    let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
    assert_eq!(done, Err(Refusal::NoObject));
    assert_eq!(load::<u64>(range.start().get() + 9 * PAGE), 4);
}

#[test]
fn what_the_program_unmapped_is_let_go() {
    let mut world = World::new();
    let map = || {
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { sys::mmap(Place::Anywhere, 16 << 12, Prot::READ_WRITE, Backing::Anonymous) };
        let at = at.expect("memory") as u64;
        PageRange::between(at, at + 16 * PAGE).expect("not empty")
    };
    // SAFETY: the mappings are this test's.
    let unmap = |range: PageRange| unsafe { sys::munmap(range.start().get() as usize, 16 << 12) };
    // One stays where it is, one is moved, and one is only an alias's any more.
    let kept = [map(), map(), map()].map(|range| {
        store(range.start().get(), 7_u64);
        let object = world.create(16);
        world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("plain memory");
        (range, object)
    });
    let moved = map();
    let [from, to] = [kept[1].0, moved].map(|range| range.start().get() as usize);
    // SAFETY: as above.
    unsafe { sys::mremap_over(from, 16 << 12, to) }.expect("mapped");
    let alias = world.reserve(16 * PAGE);
    world.machine.show(alias, alias, content(kept[2].1, 0), RW).expect("room");
    unmap(kept[2].0).expect("mapped");
    let mut gone = Vec::new();
    for round in 0..100 {
        let range = map();
        store(range.start().get() + PAGE, round);
        let object = world.create(16);
        world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("plain memory");
        unmap(range).expect("mapped");
        gone.push(object);
    }
    let last = world.create(1);
    let open = gone.iter().filter(|object| world.machine.descriptor(**object).is_some()).count();
    assert_eq!(open, 0, "of 100");
    assert!(world.machine.descriptor(last).is_some());
    for (_, object) in kept {
        assert!(world.machine.descriptor(object).is_some(), "{object:?} is mapped");
    }
    assert_eq!(world.machine.recognise(moved), Some(content(kept[1].1, 0)));
    for range in [kept[0].0, moved, alias] {
        assert_eq!(load::<u64>(range.start().get()), 7);
    }
    // What the core may still do with those that are gone.
    world.machine.discard(gone[0], 0, 16);
    world.machine.close(gone[0]);
    assert_eq!(world.machine.show(alias, alias, content(gone[1], 0), RW), Err(Refusal::NoObject));
    world.release(alias);
    unmap(kept[0].0).and_then(|()| unmap(moved)).expect("mapped");
}
