use pagewright_core::{
    Allocate, Birth, Inheritance, Kind, Limit, Map, MapPlace, Overwrite, Reach, Remap, RemapCopy, Sharing,
    View,
};

use crate::bench::{BASE, Bench, NONE, PAGE, READ, page};

/// Parent and child after a fork that was prepared.
fn forked(mut bench: Bench) -> (Bench, Bench) {
    let before = bench.all();
    let fork = bench.space().before_fork();
    let mut child = bench.clone();
    child.space().in_fork(&fork);
    bench.space().after_fork(&fork);
    bench.sound("the parent");
    child.sound("the child");
    assert_eq!(bench.all(), before, "nobody sees a fork in the parent");
    (bench, child)
}

fn born(pages: u64) -> Bench {
    let mut bench = Bench::new();
    let map = Map { birth: Birth::Shared, ..Map::new(pages * PAGE).at(BASE) };
    bench.map(&map).expect("it is free");
    bench.number(BASE, pages, 1);
    bench
}

fn alias(bench: &mut Bench, source: u64, pages: u64, at: u64) {
    let request = Remap {
        source,
        size: pages * PAGE,
        place: MapPlace::Fixed(at),
        mask: 0,
        copy: RemapCopy::Share,
        inheritance: Inheritance::Copy,
        overwrite: Overwrite::Refuse,
    };
    bench.remap(&request).expect("it is ours");
}

fn views(bench: &Bench, pages: u64) -> Vec<Option<View>> {
    (0..pages).map(|n| bench.at(page(n)).and_then(|found| found.view)).collect()
}

fn numbers(pages: u8) -> Vec<Option<u8>> {
    (1..=pages).map(Some).collect()
}

// Rows: I7
#[test]
fn i7_pages_that_are_shown_once_become_a_snapshot_on_both_sides() {
    let (parent, child) = forked(born(4));
    assert_eq!(views(&parent, 4), [Some(View::Snapshot); 4]);
    assert_eq!(views(&child, 4), [Some(View::Snapshot); 4]);
    assert_eq!(child.numbers(BASE, 4), numbers(4));
    assert_eq!((parent.reaches(), child.reaches()), (vec![Reach::Abroad], vec![Reach::Abroad]));
}

// Rows: I7
#[test]
fn i7_pages_with_other_views_are_copied_for_the_child_each_for_itself() {
    let mut bench = born(4);
    alias(&mut bench, page(1), 2, page(8));
    bench.restrict(page(2), PAGE, Limit::Current, NONE).expect("less is permitted");
    let (mut parent, mut child) = forked(bench);
    assert_eq!(parent.at(page(1)).map(|found| found.sharing), Some(Sharing::Shared));
    for at in [page(1), page(8)] {
        assert_eq!(child.at(at).map(|found| (found.sharing, found.refs)), Some((Sharing::Alone, 1)));
    }
    child
        .restrict(
            BASE,
            4 * PAGE,
            Limit::Current,
            pagewright_core::Rights::READ | pagewright_core::Rights::WRITE,
        )
        .expect("it is permitted");
    assert_eq!(child.numbers(BASE, 4), numbers(4));
    assert_eq!(child.numbers(page(8), 2), [2, 3].map(Some));
    child.store(page(1), &[99]);
    assert_eq!(child.load(page(8), 1), [2], "they are two copies");
    parent.store(page(1), &[98]);
    assert_eq!(parent.load(page(8), 1), [98]);
    assert_eq!((parent.objects(), child.objects()), (1, 4));
}

// Rows: I6
#[test]
fn i6_what_is_to_be_shared_stays_as_it_is() {
    let mut bench = Bench::with(3);
    bench.number(BASE, 3, 1);
    bench.inherit(BASE, 2 * PAGE, Inheritance::Share).expect("it is ours");
    let (parent, child) = forked(bench);
    for side in [&parent, &child] {
        assert_eq!(views(side, 3), [Some(View::Shared), Some(View::Shared), None]);
        assert_eq!(side.reaches(), [Reach::Abroad]);
        assert_eq!(side.numbers(BASE, 3), numbers(3));
    }
}

// Rows: I8
#[test]
fn i8_what_is_not_inherited_is_a_hole_in_the_child() {
    let mut bench = born(6);
    bench.map(&Map { inheritance: Inheritance::None, ..Map::new(2 * PAGE).at(page(6)) }).expect("it is free");
    bench.inherit(page(2), 2 * PAGE, Inheritance::None).expect("it is ours");
    let (parent, mut child) = forked(bench);
    assert_eq!(parent.at(page(6)).map(|found| found.size), Some(2 * PAGE));
    let there: Vec<_> = (0..8).map(|n| child.at(page(n)).is_some()).collect();
    assert_eq!(there, [true, true, false, false, true, true, false, false]);
    assert_eq!(child.numbers(page(4), 2), [5, 6].map(Some));
    child.map(&Map::new(2 * PAGE).at(page(6))).expect("the hole is free");
    assert_eq!(parent.reaches(), [Reach::Abroad]);
}

// Rows: I8
#[test]
fn i8_an_object_that_the_child_does_not_see_stays_the_parents_alone() {
    let mut bench = born(2);
    bench.inherit(BASE, 2 * PAGE, Inheritance::None).expect("it is ours");
    let (mut parent, child) = forked(bench);
    assert_eq!((parent.reaches(), child.reaches()), (vec![Reach::Home], vec![]));
    parent.unmap(BASE, 2 * PAGE).expect("it is ours");
    assert_eq!(parent.objects(), 0);
}

// Rows: I7
#[test]
fn i7_attributes_are_copied_and_wiring_is_not() {
    let mut bench = born(2);
    bench.restrict(BASE, PAGE, Limit::Maximum, READ).expect("less is permitted");
    bench.wire(BASE, 2 * PAGE, READ).expect("it is readable");
    let (parent, child) = forked(bench);
    assert_eq!(parent.rights(BASE), child.rights(BASE));
    assert_eq!((parent.at(BASE).map(|f| f.wired), child.at(BASE).map(|f| f.wired)), (Some(1), Some(0)));
}

#[test]
fn shared_views_of_other_allocations_stay_shared() {
    let mut bench = Bench::new();
    bench.space().allocate(&Allocate::new(16 * PAGE).at(BASE)).expect("it is free");
    let request = pagewright_core::Alias {
        source: BASE,
        size: 16 * PAGE,
        onto: pagewright_core::Onto::Fresh(pagewright_core::Place::At(page(16))),
        protection: pagewright_core::Protection::READ_WRITE,
        consent: pagewright_core::Consent::OwnOnly,
    };
    bench.just(move |space| space.alias(&request)).expect("both are ours");
    let (parent, child) = forked(bench);
    assert_eq!((views(&parent, 1), views(&child, 1)), (vec![Some(View::Shared)], vec![Some(View::Shared)]));
    assert_eq!(child.reaches(), [Reach::Abroad]);
}

#[test]
fn a_copy_after_a_fork_leaves_the_other_side_its_bytes() {
    let (mut parent, child) = forked(born(32));
    parent.number(BASE, 32, 101);
    let target = parent.anywhere(32);
    parent.copy(BASE, 32 * PAGE, target).expect("both are ours");
    parent.unmap(BASE, 32 * PAGE).expect("it is ours");
    assert_eq!(parent.numbers(target, 2), [101, 102].map(Some));
    assert_eq!(child.numbers(BASE, 32), numbers(32));
}

#[test]
fn a_fork_that_nothing_can_be_copied_for_gives_the_child_nothing_of_it() {
    let mut bench = born(4);
    alias(&mut bench, page(1), 2, page(8));
    let mut refused = 0;
    for call in 1.. {
        let mut parent = bench.clone();
        let before = parent.all();
        parent.arm(call);
        let fork = parent.space().before_fork();
        let happened = parent.disarm();
        let mut child = parent.clone();
        child.space().in_fork(&fork);
        parent.space().after_fork(&fork);
        parent.sound("the parent");
        child.sound("the child");
        assert_eq!(parent.all(), before);
        for n in [0, 1, 2, 3, 8, 9] {
            let bytes = child.load(page(n), 1);
            let expected = if n < 8 { n as u8 + 1 } else { n as u8 - 6 };
            assert!(bytes.is_empty() || bytes == [expected], "page {n} is {bytes:?}");
            refused += u32::from(bytes.is_empty());
        }
        if !happened {
            break;
        }
    }
    assert!(refused > 0);
}

#[test]
fn a_fork_that_nobody_prepared_drops_what_the_child_lacks() {
    let mut bench = born(4);
    bench.map(&Map::new(PAGE).at(page(6))).expect("it is free");
    bench.number(page(6), 1, 7);
    let mut child = bench.clone();
    child.lose(BASE, 4);
    child.space().in_bare_fork();
    child.sound("the child");
    assert_eq!(child.survey(BASE).map(|found| found.base), Ok(page(6)));
    assert_eq!(child.numbers(page(6), 1), [Some(7)]);
    assert_eq!(child.objects(), 0);
    let mut sharing = bench.clone();
    sharing.space().in_bare_fork();
    sharing.sound("a child that has it all");
    assert_eq!(sharing.reaches(), [Reach::Abroad]);
    assert_eq!(sharing.survey(u64::MAX).map(|_| ()), Err(Kind::NotAllocated));
}
