//! Moving memory into objects while the program uses it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pagewright_core::{Machine, PageRange, Refusal, View};
use pagewright_linux::machine::Freezing;
use pagewright_linux::sys::{self, Advice};

use crate::world::{
    MIB, NONE, PAGE, R, RW, Stops, World, content, freezers, load, pages, showing, store, worlds,
};

/// Stores to a word of its own in every page of `range`, one more each time, until it is
/// told to stop; answers what it stored last to each page.
fn count_up(range: PageRange, word: u64, stop: &AtomicBool) -> Vec<u64> {
    let mut counts = vec![0; (range.bytes() / PAGE) as usize];
    while !stop.load(Ordering::Relaxed) {
        for (page, count) in counts.iter_mut().enumerate() {
            let at = range.start().get() + page as u64 * PAGE + word * 8;
            assert_eq!(load::<u64>(at), *count, "a store was lost");
            *count += 1;
            store(at, *count);
        }
    }
    counts
}

#[test]
fn no_store_is_lost_while_memory_becomes_an_object() {
    for (name, freezer) in freezers() {
        for mut world in worlds() {
            world.machine.set_freezer(freezer);
            let range = world.reserve(48 * PAGE);
            world.machine.commit(range, range, RW).expect("memory");
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let stops = Stops(&stop);
                let writers: Vec<_> = [1, 2]
                    .map(|word| {
                        scope.spawn({
                            let stop = &stop;
                            move || count_up(range, word, stop)
                        })
                    })
                    .into();
                let part = pages(range, 3, 47);
                // First it is private, then an object's, then partly both.
                for round in 0..40 {
                    let object = world.create(44);
                    let view = if round % 3 == 2 { View::Snapshot } else { View::Shared };
                    let content = content(object, 0).viewed(view);
                    let done = world.machine.promote(&[showing(range, part, RW)], content);
                    assert_eq!(done, Ok(()), "{name}, {}", world.name);
                }
                drop(stops);
                for (word, writer) in [1, 2].into_iter().zip(writers) {
                    let counts = writer.join().expect("no store was lost");
                    for (page, count) in counts.into_iter().enumerate() {
                        let at = range.start().get() + page as u64 * PAGE + word * 8;
                        assert_eq!(load::<u64>(at), count, "{name}, {}: page {page}", world.name);
                    }
                }
            });
            world.release(range);
        }
    }
}

#[test]
fn no_first_store_to_a_page_is_lost() {
    for (name, freezer) in freezers() {
        let mut world = World::new();
        world.machine.set_freezer(freezer);
        // The first half takes a while to copy; meanwhile the second is touched.
        let range = world.reserve(4096 * PAGE);
        let at = |page: u64| range.start().get() + page * PAGE;
        for _ in 0..4 {
            world.machine.commit(range, range, RW).expect("memory");
            (0..2048).for_each(|page| store(at(page), page + 1));
            let object = world.create(4096);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for page in 2048..4096 {
                        store(at(page), page + 1);
                        (0..200).for_each(|_| std::hint::spin_loop());
                    }
                });
                let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
                assert_eq!(done, Ok(()), "{name}");
            });
            for page in 0..4096 {
                assert_eq!(load::<u64>(at(page)), page + 1, "{name}: page {page}");
            }
            world.machine.decommit(range, range).expect("ours");
            world.machine.close(object);
        }
        world.release(range);
    }
}

#[test]
fn untouched_memory_costs_nothing_to_promote() {
    for mut world in worlds() {
        let range = world.reserve(64 << 30);
        world.machine.commit(range, range, RW).expect("memory");
        let marks = [0, 1, 777_777, (64 << 30) / PAGE - 1];
        marks.iter().for_each(|page| store(range.start().get() + page * PAGE, *page + 1));
        let object = world.create((64 << 30) / PAGE);
        let begun = Instant::now();
        world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("there is room");
        let took = begun.elapsed();
        assert!(world.file_pages(object) <= marks.len() as u64, "{} pages", world.file_pages(object));
        for page in marks {
            assert_eq!(load::<u64>(range.start().get() + page * PAGE), page + 1);
        }
        println!("64 GiB, untouched but for 4 pages, promoted in {took:?}");
        assert!(took < Duration::from_millis(500), "{took:?}");
        world.release(range);
    }
}

#[test]
fn bytes_of_a_snapshot_can_go_back_to_where_they_came_from() {
    for (name, freezer) in freezers() {
        let mut world = World::new();
        world.machine.set_freezer(freezer);
        let range = world.reserve(16 * PAGE);
        let object = world.create(16);
        world.machine.show(range, range, content(object, 0), RW).expect("room");
        (0..16).for_each(|page| store(range.start().get() + page * PAGE, page + 1));
        world.machine.show(range, range, content(object, 0).viewed(View::Snapshot), RW).expect("room");
        store(range.start().get() + 5 * PAGE, 500_u64);
        store(range.start().get() + 6 * PAGE, 0_u64);
        // More than what was stored to: reports may be too long.
        let part = pages(range, 4, 9);
        let back = content(object, 4).viewed(View::Snapshot);
        world.machine.promote(&[showing(range, part, RW)], back).expect("room");
        assert_eq!(world.privatised(range), [], "{name}");
        let other = world.reserve(16 * PAGE);
        world.machine.show(other, other, content(object, 0), R).expect("room");
        for page in 0..16 {
            let expected = match page {
                5 => 500,
                6 => 0,
                _ => page + 1,
            };
            let found = [range, other].map(|range| load::<u64>(range.start().get() + page * PAGE));
            assert_eq!(found, [expected; 2], "{name}: page {page}");
        }
        world.release(range);
        world.release(other);
    }
}

#[test]
fn places_of_several_kinds_are_gathered() {
    for (name, freezer) in freezers() {
        for mut world in worlds() {
            world.machine.set_freezer(freezer);
            let range = world.reserve(4 * MIB);
            world.machine.commit(range, range, RW).expect("memory");
            (0..1024).for_each(|page| store(range.start().get() + page * PAGE, page + 1));
            for (first, view) in [(10, View::Shared), (500, View::Snapshot)] {
                let object = world.create(100);
                let part = pages(range, first, first + 100);
                let content = content(object, 0).viewed(view);
                world.machine.promote(&[showing(range, part, RW)], content).expect("room");
            }
            store(range.start().get() + 501 * PAGE, 7_u64);
            let object = world.create(1024);
            world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("room");
            let alias = world.reserve(4 * MIB);
            world.machine.show(alias, alias, content(object, 0), RW).expect("room");
            for page in 0..1024 {
                let expected = if page == 501 { 7 } else { page + 1 };
                let at = page * PAGE;
                assert_eq!(load::<u64>(range.start().get() + at), expected, "{name}, {}: {page}", world.name);
                store(alias.start().get() + at, page);
                assert_eq!(load::<u64>(range.start().get() + at), page);
            }
            world.release(range);
            world.release(alias);
        }
    }
}

#[test]
fn every_place_shows_the_object_afterwards() {
    let mut world = World::new();
    let (a, b) = (world.reserve(8 * PAGE), world.reserve(8 * PAGE));
    let old = world.create(8);
    world.machine.show(a, a, content(old, 0), RW).expect("room");
    world.machine.show(b, b, content(old, 0), R).expect("room");
    store(a.start().get() + PAGE, 5_u64);
    let new = world.create(8);
    let places = [showing(a, a, RW), showing(b, b, R)];
    world.machine.promote(&places, content(new, 0)).expect("room");
    world.machine.close(old);
    store(a.start().get() + 2 * PAGE, 6_u64);
    assert_eq!(load::<u64>(b.start().get() + PAGE), 5);
    assert_eq!(load::<u64>(b.start().get() + 2 * PAGE), 6);
    assert_eq!(world.reach(b.start().get()), (true, false));
    world.release(a);
    world.release(b);
}

#[test]
fn inaccessible_pages_are_promoted_and_stay_so() {
    for (name, freezer) in freezers() {
        for mut world in worlds() {
            world.machine.set_freezer(freezer);
            let range = world.reserve(40 * PAGE);
            world.machine.commit(range, range, RW).expect("memory");
            (0..40).for_each(|page| store(range.start().get() + page * PAGE, page + 1));
            world.machine.protect(range, range, NONE).expect("committed");
            let object = world.create(40);
            world.machine.promote(&[showing(range, range, NONE)], content(object, 0)).expect("room");
            assert_eq!(world.reach(range.start().get()), (false, false), "{name}");
            world.machine.protect(range, range, R).expect("committed");
            for page in 0..40 {
                assert_eq!(load::<u64>(range.start().get() + page * PAGE), page + 1, "{name}: {page}");
            }
            world.release(range);
        }
    }
}

#[test]
fn a_system_call_stores_on_while_memory_is_moved() {
    for (name, freezer) in freezers() {
        let mut world = World::new();
        world.machine.set_freezer(freezer);
        let range = world.reserve(32 * PAGE);
        world.machine.commit(range, range, RW).expect("memory");
        let source = sys::memfd_create(c"pagewright-test").expect("a memfd");
        let bytes: Vec<u8> = (0..32 * PAGE).map(|at| (at / 7) as u8 | 1).collect();
        assert_eq!(sys::write(source.raw(), &bytes), Ok(bytes.len()));
        let (stop, failed) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let stops = Stops(&stop);
            scope.spawn(|| {
                // SAFETY: committed pages that nobody else uses in the meantime.
                let into =
                    unsafe { std::slice::from_raw_parts_mut(range.start().get() as *mut u8, bytes.len()) };
                while !stop.load(Ordering::Relaxed) {
                    match sys::pread(source.raw(), into, 0) {
                        Ok(got) if got == bytes.len() => assert_eq!(into, &bytes[..]),
                        Ok(_) | Err(_) => drop(failed.fetch_add(1, Ordering::Relaxed)),
                    }
                }
            });
            for _ in 0..40 {
                let object = world.create(32);
                let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
                assert_eq!(done, Ok(()), "{name}");
            }
            drop(stops);
        });
        match freezer.freezing() {
            Freezing::Full => assert_eq!(failed.into_inner(), 0, "{name}"),
            // As documented: the call fails, and its bytes are not lost silently.
            Freezing::User | Freezing::None => println!("{name}: {} calls failed", failed.into_inner()),
        }
        world.release(range);
    }
}

#[test]
fn content_that_is_dropped_meanwhile_is_no_reason_to_lose_stores_or_to_hang() {
    for (name, freezer) in freezers() {
        let mut world = World::new();
        world.machine.set_freezer(freezer);
        for _ in 0..4 {
            let stop = AtomicBool::new(false);
            let range = world.reserve(2048 * PAGE);
            world.machine.commit(range, range, RW).expect("memory");
            // Most of it only takes a while to copy.
            (0..2048).for_each(|page| store(range.start().get() + page * PAGE, 1_u64));
            std::thread::scope(|scope| {
                let stops = Stops(&stop);
                scope.spawn(|| drop_and_store(pages(range, 2040, 2048), &stop));
                for _ in 0..3 {
                    std::thread::sleep(Duration::from_micros(300));
                    let object = world.create(2048);
                    let done = world.machine.promote(&[showing(range, range, RW)], content(object, 0));
                    // Who drops content without a pause, where nobody can see which pages have
                    // any, can keep them from being frozen: then nothing was moved.
                    let kept_off = freezer == freezer.blind() && done == Err(Refusal::OutOfMemory);
                    assert!(done == Ok(()) || kept_off, "{name}: {done:?}");
                }
                drop(stops);
            });
            world.release(range);
        }
    }
}

/// Gives up the content of page after page, and stores something new.
fn drop_and_store(range: PageRange, stop: &AtomicBool) {
    for count in 1_u64.. {
        for page in 0..range.bytes() / PAGE {
            let at = range.start().get() + page * PAGE;
            if count > 1 {
                assert_eq!(load::<u64>(at), count - 1, "a store was lost");
            }
            let advice = if count % 1024 < 900 { Advice::DontNeed } else { Advice::Free };
            // SAFETY: this thread alone uses what is stored there. Shared pages are not freed.
            unsafe { sys::madvise(at as usize, PAGE as usize, advice) }.unwrap_or(());
            store(at, count);
            assert_eq!(load::<u64>(at), count, "a store was lost");
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}
