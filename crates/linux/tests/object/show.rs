//! What is shown of objects, and what becomes of it.

use pagewright_core::{Machine, Refusal, View};
use pagewright_linux::sys::{self, OpenMode};

use crate::world::{MIB, PAGE, R, RW, World, content, load, pages, showing, store, worlds};

#[test]
fn what_is_committed_again_is_zero_and_the_alias_keeps_its_bytes() {
    for mut world in worlds() {
        let (range, alias) = (world.reserve(6 * MIB), world.reserve(6 * MIB));
        world.machine.commit(range, range, RW).expect("memory");
        for (first, end) in [(0, 1536), (5, 6), (511, 513), (512, 1024), (300, 1300)] {
            let part = pages(range, first, end);
            let object = world.create(1536);
            world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("room");
            world.machine.show(alias, alias, content(object, 0), RW).expect("room");
            (0..1536).for_each(|page| store(range.start().get() + page * PAGE, page + 1));
            world.machine.decommit(range, part).expect("ours");
            assert_eq!(world.reach(part.start().get()), (false, false), "{}", world.name);
            world.machine.commit(range, part, RW).expect("memory");
            for page in 0..1536 {
                let here = load::<u64>(range.start().get() + page * PAGE);
                let there = load::<u64>(alias.start().get() + page * PAGE);
                let expected = if (first..end).contains(&page) { 0 } else { page + 1 };
                assert_eq!((here, there), (expected, page + 1), "{}: page {page}", world.name);
            }
        }
        world.release(range);
        world.release(alias);
    }
}

#[test]
fn snapshots_keep_what_they_were() {
    for mut world in worlds() {
        let (a, b) = (world.reserve(MIB), world.reserve(MIB));
        for range in [a, b] {
            world.machine.commit(range, range, RW).expect("memory");
        }
        (0..256).for_each(|page| store(a.start().get() + page * PAGE, page));
        let object = world.create(256);
        world.machine.promote(&[showing(a, a, RW)], content(object, 0)).expect("room");
        store(a.start().get(), 99_u64);
        let frozen = content(object, 0).viewed(View::Snapshot);
        world.machine.show(b, b, frozen, RW).expect("room");
        world.machine.show(a, a, frozen, RW).expect("room");
        assert_eq!(load::<u64>(b.start().get()), 99, "what was stored before is in the object");
        for page in [3, 4, 200] {
            store(a.start().get() + page * PAGE, 1000_u64);
        }
        for page in [4, 7] {
            store(b.start().get() + page * PAGE, 2000_u64);
        }
        for page in 1..256 {
            let was = |mine: &[u64], new| if mine.contains(&page) { new } else { page };
            let found = [a, b].map(|range| load::<u64>(range.start().get() + page * PAGE));
            assert_eq!(found, [was(&[3, 4, 200], 1000), was(&[4, 7], 2000)], "{}: {page}", world.name);
        }
        assert_eq!(world.privatised(a), [(3, 5), (200, 201)]);
        assert_eq!(world.privatised(b), [(4, 5), (7, 8)]);
        world.release(a);
        world.release(b);
    }
}

#[test]
fn a_lost_descriptor_is_noticed() {
    for mut world in worlds() {
        let (range, alias) = (world.reserve(8 * PAGE), world.reserve(8 * PAGE));
        let object = world.create(8);
        world.machine.show(range, range, content(object, 0), RW).expect("room");
        store(range.start().get() + 3 * PAGE, 33_u64);
        // The program closes everything, and opens a file of its own that gets the number.
        let number = world.machine.descriptor(object).expect("it is open");
        // SAFETY: what the machine does about it is what is tested.
        drop(unsafe { sys::Fd::from_raw(number) });
        let other = sys::open(c"/proc/self/status", OpenMode::Read).expect("a file");
        let taken = sys::duplicate_from(other.raw(), number as u64).expect("a number");
        assert_eq!(taken.raw(), number, "another test took it");
        assert_eq!(world.machine.descriptor(object), None);
        // Another view can be had from the first one, but no snapshot.
        world.machine.show(alias, pages(alias, 2, 6), content(object, 2), R).expect("room");
        assert_eq!(load::<u64>(alias.start().get() + 3 * PAGE), 33);
        assert_eq!(world.reach(alias.start().get() + 3 * PAGE), (true, false));
        assert_eq!(world.reach(alias.start().get()), (false, false));
        let frozen = content(object, 0).viewed(View::Snapshot);
        assert_eq!(world.machine.show(range, range, frozen, RW), Err(Refusal::NoObject));
        let place = [showing(range, range, RW)];
        assert_eq!(world.machine.promote(&place, content(object, 0)), Err(Refusal::NoObject));
        assert_eq!(load::<u64>(range.start().get() + 3 * PAGE), 33, "nothing changed");
        world.machine.close(object);
        drop(world);
        assert!(sys::file_id(taken.raw()).is_ok(), "somebody else's file stays open");
    }
}

#[test]
fn descriptors_leave_small_numbers_to_the_program() {
    let mut world = World::new();
    let object = world.create(1);
    let number = world.machine.descriptor(object).expect("it is open") as u64;
    let limit = sys::descriptor_limit().expect("there is one");
    assert!(number >= 1024.min(limit - limit / 4), "{number}");
    let copy = world.machine.clone();
    assert_ne!(copy.descriptor(object), world.machine.descriptor(object));
    world.machine.close(object);
    assert!(copy.descriptor(object).is_some(), "a copy has descriptors of its own");
}
