//! What a lazy copy does with objects. Nobody can see it but in time and memory, so the
//! rows have no names: they are those of the plan, one test each.

use pagewright_core::{Content, CopyRange, Onto, Place, View, Window};

use crate::lab::{BASE, Lab, PAGE, RO, RW};

const FROM: u64 = BASE;
const TO: u64 = BASE + 0x100_0000;
const THIRD: u64 = BASE + 0x200_0000;
const ALL: u64 = 64;
const SIZE: u64 = ALL * PAGE;

/// Three places of 64 pages; the first is numbered from 1.
fn three() -> Lab {
    let mut lab = Lab::committed(SIZE, RW);
    for at in [TO, THIRD] {
        lab.both(at, SIZE, RW).expect("free");
    }
    lab.number(FROM, ALL, 1);
    lab
}

fn copied() -> Lab {
    let mut lab = three();
    assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
    lab
}

fn one(lab: &Lab, at: u64) -> Content {
    match lab.contents(at, SIZE)[..] {
        [Some(content)] => content,
        ref other => panic!("{at:#x} shows {other:?}"),
    }
}

#[test]
fn private_pages_are_gathered_in_one_object_that_both_show() {
    let lab = copied();
    let content = one(&lab, FROM);
    assert_eq!((content.first, content.view), (0, View::Snapshot));
    assert_eq!((one(&lab, TO), lab.objects()), (content, 1));
}

#[test]
fn a_clean_snapshot_is_kept() {
    let mut lab = copied();
    let content = one(&lab, FROM);
    for (source, target) in [(FROM, THIRD), (TO, THIRD), (THIRD, FROM)] {
        assert_eq!(lab.copy(source, SIZE, target), Ok(SIZE));
        assert_eq!((one(&lab, FROM), one(&lab, THIRD), lab.objects()), (content, content, 1));
    }
}

#[test]
fn what_was_stored_goes_back_where_the_copy_is_made_again() {
    let mut lab = copied();
    let content = one(&lab, FROM);
    for round in 0..20 {
        lab.number(FROM + round * PAGE, 2, 100);
        assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
        assert_eq!((one(&lab, FROM), one(&lab, TO), lab.objects()), (content, content, 1));
        assert_eq!(lab.numbers(TO + round * PAGE, 2), [100, 101]);
        // And the other way round.
        lab.number(TO + round * PAGE, 1, 150);
        assert_eq!(lab.copy(TO, SIZE, FROM), Ok(SIZE));
        assert_eq!((one(&lab, FROM), one(&lab, TO), lab.objects()), (content, content, 1));
        assert_eq!(lab.numbers(FROM + round * PAGE, 2), [150, 101]);
    }
}

#[test]
fn what_was_stored_does_not_go_back_where_somebody_else_looks() {
    let mut lab = copied();
    assert_eq!(lab.copy(FROM, SIZE, THIRD), Ok(SIZE));
    lab.number(FROM + 5 * PAGE, 1, 99);
    assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
    assert_eq!(lab.numbers(THIRD, ALL), (1..=64).collect::<Vec<u8>>(), "the third keeps its bytes");
    assert_eq!(lab.numbers(TO + 5 * PAGE, 1), [99]);
    assert_eq!(lab.objects(), 2, "one page was gathered");
    // When the third is gone, the first object goes on to serve the others.
    lab.release(THIRD, 0).expect("ours");
    lab.number(FROM + 7 * PAGE, 1, 98);
    assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
    assert_eq!((lab.objects(), lab.contents(FROM, SIZE).len()), (2, 3), "it went back");
}

#[test]
fn what_was_stored_goes_back_to_the_place_of_its_own_copy_alone() {
    // The target shows the pages of the source, but one further on: what the source
    // stores must not be seen there before it is copied there.
    let mut lab = three();
    assert_eq!(lab.copy(FROM, 32 * PAGE, TO + PAGE), Ok(32 * PAGE));
    lab.number(FROM, 32, 100);
    assert_eq!(lab.copy(FROM, 32 * PAGE, TO), Ok(32 * PAGE));
    assert_eq!(lab.numbers(TO, 34), (100..132).chain([32, 0]).collect::<Vec<u8>>());
    assert_eq!(lab.objects(), 2);
}

#[test]
fn pages_that_are_shared_no_more_are_frozen_where_they_are() {
    let mut lab = three();
    lab.release(THIRD, 0).expect("ours");
    lab.reserve(THIRD, SIZE).expect("free");
    lab.alias(FROM, SIZE, Onto::Reserved(THIRD), RW).expect("ours");
    lab.decommit(THIRD, SIZE).expect("ours");
    let content = one(&lab, FROM);
    assert_eq!(content.view, View::Shared);
    assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
    let frozen = content.viewed(View::Snapshot);
    assert_eq!((one(&lab, FROM), one(&lab, TO), lab.objects()), (frozen, frozen, 1));
    // An alias of one of them lives again.
    lab.number(TO, 1, 88);
    lab.alias(TO, SIZE, Onto::Reserved(THIRD), RW).expect("ours");
    assert_eq!((lab.numbers(FROM, 1), lab.numbers(THIRD, 1)), (vec![1], vec![88]));
    assert_eq!(lab.charge(), 2 * SIZE);
}

#[test]
fn pages_with_other_views_are_copied_at_once() {
    let mut lab = three();
    lab.release(THIRD, 0).expect("ours");
    lab.reserve(THIRD, SIZE).expect("free");
    lab.alias(FROM + 20 * PAGE, 20 * PAGE, Onto::Reserved(THIRD), RW).expect("ours");
    assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
    let views: Vec<_> = lab.contents(TO, SIZE).iter().map(|c| c.map(|content| content.view)).collect();
    assert_eq!(views, [Some(View::Snapshot), None, Some(View::Snapshot)]);
    let views: Vec<_> = lab.contents(FROM, SIZE).iter().map(|c| c.map(|content| content.view)).collect();
    assert_eq!(views, [Some(View::Snapshot), Some(View::Shared), Some(View::Snapshot)]);
    assert_eq!(lab.numbers(TO, ALL), (1..=64).collect::<Vec<u8>>());
}

#[test]
fn few_pages_are_copied_at_once() {
    for (pages, objects) in [(15, 0), (16, 1)] {
        let mut lab = three();
        lab.copy(FROM, pages * PAGE, TO).expect("ours");
        assert_eq!(lab.objects(), objects, "{pages} pages");
    }
}

#[test]
fn what_is_scattered_is_gathered() {
    let mut lab = copied();
    // A third view of every page: what is stored cannot go back.
    lab.copy(FROM, SIZE, THIRD).expect("ours");
    let first = one(&lab, FROM);
    (0..ALL).step_by(2).for_each(|page| lab.number(FROM + page * PAGE, 1, 200));
    assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
    let content = one(&lab, FROM);
    assert_ne!(content.object, first.object, "33 runs are too many");
    assert_eq!((one(&lab, TO), one(&lab, THIRD), lab.objects()), (content, first, 2));
    let expected: Vec<u8> = (0..ALL as u8).map(|page| if page % 2 == 0 { 200 } else { page + 1 }).collect();
    assert_eq!(lab.numbers(TO, ALL), expected);
    lab.release(THIRD, 0).expect("ours");
    assert_eq!(lab.objects(), 1, "the object that nobody shows is gone");
}

#[test]
fn a_change_of_protection_does_not_part_what_is_shown() {
    let mut lab = three();
    (0..ALL).step_by(2).for_each(|page| {
        lab.protect(FROM + page * PAGE, PAGE, RO).expect("committed");
    });
    assert_eq!(lab.copy(FROM, SIZE, TO), Ok(SIZE));
    assert_eq!((one(&lab, FROM), lab.objects()), (one(&lab, TO), 1));
    assert_eq!(lab.numbers(TO, ALL), (1..=64).collect::<Vec<u8>>());
}

#[test]
fn a_copy_over_itself_keeps_one_object() {
    let mut lab = three();
    for shift in [1, 20, 40] {
        lab.number(FROM, ALL, 1);
        lab.copy(FROM, (ALL - shift) * PAGE, FROM + shift * PAGE).expect("ours");
        let expected: Vec<u8> = (1..=shift as u8).chain(1..=(ALL - shift) as u8).collect();
        assert_eq!(lab.numbers(FROM, ALL), expected, "by {shift}");
        lab.number(FROM, ALL, 1);
        lab.copy(FROM + shift * PAGE, (ALL - shift) * PAGE, FROM).expect("ours");
        let expected: Vec<u8> = (shift as u8 + 1..=64).chain((64 - shift as u8 + 1)..=64).collect();
        assert_eq!(lab.numbers(FROM, ALL), expected, "by {shift}");
        assert!(lab.objects() <= 4, "{} objects", lab.objects());
    }
}

#[test]
fn objects_go_with_the_last_page_that_shows_them() {
    for gone in [[FROM, TO, THIRD], [TO, THIRD, FROM], [THIRD, FROM, TO]] {
        let mut lab = copied();
        lab.number(FROM, 4, 90);
        lab.copy(FROM, SIZE, THIRD).expect("ours");
        assert!(lab.objects() > 0);
        for at in gone {
            lab.decommit(at, SIZE).expect("ours");
        }
        assert_eq!((lab.objects(), lab.charge()), (0, 0), "{gone:x?}");
        for at in gone {
            lab.commit(at, SIZE, RW).expect("ours");
            assert_eq!(lab.numbers(at, ALL), vec![0; ALL as usize], "{gone:x?}");
        }
    }
}

#[test]
fn a_view_that_lies_in_source_and_target_is_lost_once() {
    let mut lab = three();
    assert_eq!(lab.copy(FROM + 18 * PAGE, 34 * PAGE, FROM), Ok(34 * PAGE));
    // Page 16 shows what page 34 does, and is both source and target of the next copy.
    lab.number(FROM + 15 * PAGE, 2, 200);
    assert_eq!(lab.copy(FROM, 17 * PAGE, FROM + PAGE), Ok(17 * PAGE));
    assert_eq!(lab.numbers(FROM + 16 * PAGE, 2), [200, 201]);
    assert_eq!(lab.numbers(FROM + 34 * PAGE, 1), [35], "nobody stored there");
}

#[test]
fn an_object_that_is_left_in_several_steps_is_gone() {
    let mut lab = copied();
    // Parts of one object, because they differ in protection.
    lab.protect(FROM + 9 * PAGE, PAGE, RO).expect("committed");
    lab.protect(TO + 20 * PAGE, PAGE, RO).expect("committed");
    for at in [FROM, TO] {
        lab.alias(at, SIZE, Onto::Fresh(Place::Window(Window::ANYWHERE)), RW).expect("committed");
    }
    assert_eq!(lab.objects(), 2, "one for each pair of views, and no snapshot is left");
}

/// A round of one kind: a copy, then a store.
type Round = fn(&mut Lab, u64);

/// Without a proof each time: that takes longer than the copy.
fn copy(lab: &mut Lab, source: u64, pages: u64, target: u64) {
    let size = pages * PAGE;
    assert_eq!(lab.0.copy(&CopyRange { source, size, target }), Ok(size));
}

fn store(lab: &mut Lab, at: u64, round: u64) {
    lab.store(at + round * 7 % ALL * PAGE, &round.to_le_bytes());
}

const ROUNDS: [(&str, Round); 6] = [
    ("to the same place", |lab, round| {
        copy(lab, FROM, ALL, TO);
        store(lab, FROM, round);
    }),
    ("and into the copy", |lab, round| {
        copy(lab, FROM, ALL, TO);
        store(lab, TO, round);
    }),
    ("to and fro", |lab, round| {
        let (from, to) = if round % 2 == 0 { (FROM, TO) } else { (TO, FROM) };
        copy(lab, from, ALL, to);
        store(lab, from, round);
        store(lab, to, round + 3);
    }),
    ("to two places in turn", |lab, round| {
        let to = if round % 2 == 0 { TO } else { THIRD };
        copy(lab, FROM, ALL, to);
        store(lab, FROM, round);
    }),
    ("in a ring", |lab, round| {
        let places = [FROM, TO, THIRD];
        let at = |number: u64| places[(number % 3) as usize];
        copy(lab, at(round), ALL, at(round + 1));
        store(lab, at(round), round);
    }),
    ("over itself", |lab, round| {
        let shift = 1 + round % 5;
        let (from, to) = if round % 2 == 0 { (0, shift) } else { (shift, 0) };
        copy(lab, FROM + from * PAGE, ALL - shift, FROM + to * PAGE);
        store(lab, FROM, round);
    }),
];

#[test]
fn a_thousand_rounds_of_copy_and_store_stay_flat() {
    for (index, (name, round)) in ROUNDS.into_iter().enumerate() {
        let mut lab = three();
        let (mut objects, mut runs) = (0, 0);
        // What grows, grows early.
        for number in 0..if index == 0 { 1000 } else { 250 } {
            round(&mut lab, number);
            if number % 100 == 99 {
                lab.sound();
            }
            let parts = |at: u64| lab.contents(at, SIZE).len();
            objects = objects.max(lab.objects());
            runs = runs.max(parts(FROM).max(parts(TO)).max(parts(THIRD)));
            assert_eq!(lab.charge(), 3 * SIZE, "{name}");
        }
        // As many runs as a copy may be scattered over, and those that came since.
        assert!(objects <= 40 && runs <= 40, "{name}: {objects} objects, {runs} runs");
    }
}
