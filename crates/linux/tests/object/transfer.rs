//! Copies of bytes.

use std::sync::atomic::{AtomicBool, Ordering};

use pagewright_core::{Machine, Refusal, Va};

use crate::world::{
    MIB, PAGE, R, RW, Stops, World, content, freezers, load, pages, random, showing, store, worlds,
};

#[test]
fn transfers_are_memmove() {
    let mut random = random(0x7a1e);
    for (name, freezer) in freezers() {
        for mut world in worlds() {
            world.machine.set_freezer(freezer);
            let (range, alias) = (world.reserve(2 * MIB), world.reserve(2 * MIB));
            world.machine.commit(range, range, RW).expect("memory");
            let object = world.create(256);
            // The first half of the one is the first half of the other; the rest is private.
            let half = pages(range, 0, 256);
            world.machine.show(range, half, content(object, 0), RW).expect("room");
            world.machine.show(alias, pages(alias, 0, 256), content(object, 0), RW).expect("room");
            let bytes = 2 * MIB;
            let mut model: Vec<u8> = (0..bytes).map(|at| ((at * 31) >> 7) as u8).collect();
            world.write(range.start().get(), &model);
            for _ in 0..30 {
                let size = random(4) * 200_000 + random(9000);
                let (from, to) = (random(bytes - size), random(bytes - size));
                let held = [
                    showing(range, half, RW),
                    showing(range, pages(range, 256, 512), RW),
                    showing(alias, pages(alias, 0, 256), RW),
                    // In any order, and as often as they like.
                    showing(range, pages(range, 3, 300), RW),
                    showing(alias, pages(alias, 0, 256), RW),
                ];
                let at = |offset| Va::new(range.start().get() + offset);
                world.machine.transfer(&held, at(from), at(to), size).expect("accessible");
                model.copy_within(from as usize..(from + size) as usize, to as usize);
                assert!(world.read(range.start().get(), bytes) == model, "{name}: {size} {from} {to}");
            }
            world.machine.protect(range, half, R).expect("committed");
            let refused = world.machine.transfer(&[], Va::new(alias.start().get()), range.start(), 1);
            assert_eq!(refused, Err(Refusal::Unmapped), "{name}: read-only");
            world.release(range);
            world.release(alias);
        }
    }
}

#[test]
fn every_page_that_is_transferred_is_of_one_moment() {
    // Those that one number after the other is stored to, in this order.
    const WORDS: [u64; 4] = [0, 100, 300, PAGE / 8 - 1];
    for (name, freezer) in freezers() {
        let mut world = World::new();
        world.machine.set_freezer(freezer);
        let [range, alias, target] = [(); 3].map(|()| world.reserve(32 * PAGE));
        let object = world.create(32);
        world.machine.show(range, range, content(object, 0), RW).expect("room");
        world.machine.show(alias, alias, content(object, 0), RW).expect("room");
        world.machine.commit(target, target, RW).expect("memory");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let stops = Stops(&stop);
            // At any moment the first words of a page have one more than the last.
            scope.spawn(|| {
                for count in 1_u64.. {
                    for page in 0..32 {
                        let place = if count % 2 == 0 { range } else { alias };
                        let at = place.start().get() + page * PAGE;
                        for more in 0..200 {
                            WORDS.into_iter().for_each(|word| store(at + word * 8, count * 200 + more));
                        }
                    }
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
            for _ in 0..200 {
                let held = [showing(range, range, RW), showing(alias, alias, RW)];
                world.machine.transfer(&held, range.start(), target.start(), 32 * PAGE).expect("accessible");
                for page in 0..32 {
                    let found = WORDS.map(|word| load::<u64>(target.start().get() + page * PAGE + word * 8));
                    assert!(found.is_sorted_by(|a, b| a >= b), "{name}: page {page}, {found:?}");
                    // Before the first word gets a new number, the last has the old one.
                    let apart = found[0] - found[3];
                    assert!(apart <= 1 || found[0] % 200 == 0, "{name}: page {page}, {found:?}");
                }
            }
            drop(stops);
        });
        [range, alias, target].into_iter().for_each(|range| world.release(range));
    }
}

#[test]
fn ends_that_are_the_same_pages_are_copied_as_if_all_were_loaded_first() {
    let mut world = World::new();
    let [low, range, high, mixed] = [(); 4].map(|()| world.reserve(512 * PAGE));
    let object = world.create(512);
    for view in [low, range, high] {
        world.machine.show(view, view, content(object, 0), RW).expect("room");
    }
    // Its first pages are the last of the others.
    for (first, shown) in [(0, 256), (256, 0)] {
        let part = pages(mixed, first, first + 256);
        world.machine.show(mixed, part, content(object, shown), RW).expect("room");
    }
    let mut random = random(0xa11a5);
    let mut model: Vec<u8> = (0..512 * PAGE).map(|at| ((at * 31) >> 7) as u8).collect();
    world.write(range.start().get(), &model);
    for round in 0..40 {
        let bytes = random(300) * PAGE + random(5000);
        let room = 512 * PAGE - bytes;
        let (from, to) = (random(room), random(room));
        let target = [low, high, mixed][round % 3];
        let held = [low, range, high, mixed].map(|view| showing(view, view, RW));
        let (source, at) = (Va::new(range.start().get() + from), Va::new(target.start().get() + to));
        world.machine.transfer(&held, source, at, bytes).expect("accessible");
        let loaded = model[from as usize..(from + bytes) as usize].to_vec();
        for (offset, byte) in (to..).zip(loaded) {
            let offset = if target == mixed { (offset + 256 * PAGE) % (512 * PAGE) } else { offset };
            model[offset as usize] = byte;
        }
        assert!(world.read(range.start().get(), 512 * PAGE) == model, "{round}: {from} {to} {bytes}");
    }
    [low, range, high, mixed].into_iter().for_each(|view| world.release(view));
}
