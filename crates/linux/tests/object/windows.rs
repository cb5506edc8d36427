//! Places that are moved window by window: nobody waits for all of it, and what was done
//! when a later window is refused is undone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pagewright_core::{Machine, PageRange, Refusal, View};
use pagewright_linux::sys::{self, Fd};

use crate::world::{MIB, PAGE, R, RW, Stops, World, content, load, pages, showing, store, worlds};

/// Three windows at least, wherever it begins.
const BYTES: u64 = 40 * MIB;
const PAGES: u64 = BYTES / PAGE;

fn at(range: PageRange, page: u64) -> u64 {
    range.start().get() + page * PAGE
}

fn fill(range: PageRange, more: u64) {
    (0..range.bytes() / PAGE).for_each(|page| store(at(range, page), page + more));
}

fn check(range: PageRange, more: u64, what: &str) {
    for page in 0..range.bytes() / PAGE {
        assert_eq!(load::<u64>(at(range, page)), page + more, "{what}: page {page}");
    }
}

/// Makes the last page of a range one that cannot be moved.
fn watch(range: PageRange) -> Option<Fd> {
    let watcher = sys::userfaultfd(sys::Waiters::Program).ok()?;
    let features = sys::userfault::WRITE_PROTECT | sys::userfault::WRITE_PROTECT_SHARED;
    sys::userfault_enable(watcher.raw(), features).ok()?;
    let last = at(range, range.bytes() / PAGE - 1) as usize;
    // SAFETY: nobody accesses the page in a way that is caught: it is not protected.
    unsafe { sys::userfault_register(watcher.raw(), last, PAGE as usize, sys::Catch::Stores) }.ok()?;
    Some(watcher)
}

#[test]
fn private_memory_is_private_again_when_a_later_window_is_refused() {
    for mut world in worlds() {
        let range = world.reserve(BYTES);
        world.machine.commit(range, range, RW).expect("memory");
        fill(range, 7);
        let Some(watcher) = watch(range) else { return println!("skipped: no userfaultfd") };
        let object = world.create(PAGES);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let stops = Stops(&stop);
            let counter = scope.spawn(|| {
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    for page in [0, 1000, 5000, PAGES - 2] {
                        let word = at(range, page) + 64;
                        assert_eq!(load::<u64>(word), count, "{}: a store was lost", world.name);
                        store(word, count + 1);
                    }
                    count += 1;
                }
                count
            });
            let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
            assert_eq!(done, Err(Refusal::Special), "{}", world.name);
            drop(stops);
            let count = counter.join().expect("no store was lost");
            assert_eq!(load::<u64>(at(range, 1000) + 64), count);
        });
        check(range, 7, world.name);
        assert!(world.file_pages(object) > 0, "something was done: else this proves nothing");
        // Nobody else has it: what is stored does not go to the object, which can go.
        assert_eq!(world.machine.recognise(pages(range, 0, 16)), None);
        world.machine.close(object);
        store(at(range, 3), 33_u64);
        assert_eq!(load::<u64>(at(range, 3)), 33);
        // What was given up is zeros when it comes back, and the rest stays.
        let part = pages(range, 2, 600);
        world.machine.decommit(range, part).expect("ours");
        world.machine.commit(range, part, RW).expect("memory");
        assert_eq!((load::<u64>(at(range, 3)), load::<u64>(at(range, 599))), (0, 0));
        assert_eq!((load::<u64>(at(range, 1)), load::<u64>(at(range, 600))), (8, 607));
        // And another attempt finds nothing in its way.
        drop(watcher);
        let object = world.create(PAGES);
        world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("nobody watches");
        assert_eq!(world.machine.recognise(range), Some(content(object, 0)));
        assert_eq!(load::<u64>(at(range, PAGES - 1)), PAGES + 6);
        world.release(range);
    }
}

#[test]
fn shared_places_share_again_when_a_later_window_is_refused() {
    let mut world = World::new();
    let places = [(); 2].map(|()| world.reserve(BYTES));
    let (old, new) = (world.create(PAGES), world.create(PAGES));
    for (range, access) in places.into_iter().zip([RW, R]) {
        world.machine.show(range, range, content(old, 0), access).expect("room");
    }
    fill(places[0], 9);
    let Some(watcher) = watch(places[1]) else { return println!("skipped: no userfaultfd") };
    let both = [showing(places[0], places[0], RW), showing(places[1], places[1], R)];
    assert_eq!(world.machine.promote(&both, content(new, 0)), Err(Refusal::Special));
    assert!(world.file_pages(new) > 0, "something was done: else this proves nothing");
    world.machine.close(new);
    for range in places {
        check(range, 9, "refused");
        assert_eq!(world.machine.recognise(range), Some(content(old, 0)));
    }
    drop(watcher);
    places.into_iter().for_each(|range| world.release(range));
}

#[test]
fn a_snapshot_keeps_its_own_pages_when_a_later_window_is_refused() {
    for access in [RW, R] {
        let mut world = World::new();
        let [range, other] = [(); 2].map(|()| world.reserve(BYTES));
        let (old, new) = (world.create(PAGES), world.create(PAGES));
        world.machine.show(range, range, content(old, 0), RW).expect("room");
        fill(range, 9);
        for place in [range, other] {
            world.machine.show(place, place, content(old, 0).viewed(View::Snapshot), RW).expect("room");
        }
        store(at(range, 5), 500_u64);
        world.machine.protect(range, range, access).expect("committed");
        let Some(watcher) = watch(range) else { return println!("skipped: no userfaultfd") };
        let view = content(new, 0).viewed(View::Snapshot);
        let done = world.machine.promote(&[showing(range, range, access)], view);
        assert_eq!(done, Err(Refusal::Special));
        world.machine.close(new);
        // Who looks for what the snapshot does not share finds page 5, whatever else.
        let stored = world.privatised(range);
        assert!(stored.iter().any(|(first, end)| (*first..*end).contains(&5)), "{stored:?}");
        assert_eq!(load::<u64>(at(range, 5)), 500);
        assert_eq!(world.reach(range.start().get()), (true, access == RW));
        world.machine.protect(range, range, RW).expect("committed");
        store(at(range, 5), 14_u64);
        for place in [range, other] {
            check(place, 9, "refused");
        }
        drop(watcher);
        world.release(range);
        world.release(other);
    }
}

#[test]
fn mappings_of_windows_are_one_again() {
    let mut world = World::new();
    let range = world.reserve(BYTES);
    world.machine.commit(range, range, RW).expect("memory");
    fill(range, 1);
    let object = world.create(PAGES);
    world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("room");
    let mut mappings = 0;
    let count = pagewright_linux::machine::each_mapping(&mut |mapping, _| {
        mappings += u32::from(mapping.start < range.end().get() && range.start().get() < mapping.end);
    });
    assert_eq!((count, mappings), (Ok(()), 1));
    check(range, 1, "promoted");
    world.release(range);
}

#[test]
#[ignore = "a measurement: cargo test --release --test object -- --ignored --nocapture stall"]
fn the_longest_stall_of_a_store() {
    let mut world = World::new();
    let range = world.reserve(1024 * MIB);
    world.machine.commit(range, range, RW).expect("memory");
    fill(range, 1);
    let object = world.create(range.bytes() / PAGE);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stops = Stops(&stop);
        let longest = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                for page in (0..range.bytes() / PAGE).step_by(512) {
                    let begun = Instant::now();
                    store(at(range, page) + 8, page);
                    longest = longest.max(begun.elapsed());
                }
            }
            longest
        });
        let begun = Instant::now();
        world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("room");
        let took = begun.elapsed();
        drop(stops);
        println!("1 GiB in {took:?}, longest store {:?}", longest.join().expect("it ends"));
    });
    world.release(range);
}
