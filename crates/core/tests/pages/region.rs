use pagewright_core::{Allocate, Backing, Birth, Kind, Limit, Map, Owner, Sharing, View};

use crate::bench::{ALL, BASE, Bench, PAGE, READ, RW, beside, page};

// Rows: G1
#[test]
fn g1_an_address_inside_finds_the_whole() {
    let mut bench = Bench::with(4);
    let found = bench.survey(page(2) + 5).expect("it is ours");
    assert_eq!((found.base, found.size), (BASE, 4 * PAGE));
    assert_eq!((found.protection.rights, found.attributes.maximum), (RW, ALL));
    assert_eq!((found.refs, found.sharing, found.view), (1, Sharing::Alone, None));
    bench.restrict(page(1), 2 * PAGE, Limit::Current, READ).expect("less is permitted");
    let spans: Vec<_> = [0, 2, 3]
        .map(|n| bench.survey(page(n)).map(|found| (found.base, found.size)))
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(spans, [(BASE, PAGE), (page(1), 2 * PAGE), (page(3), PAGE)]);
}

// Rows: G2
#[test]
fn g2_an_address_in_a_hole_finds_the_next() {
    let bench = Bench::with(1);
    assert_eq!(bench.survey(0).map(|found| found.base), Ok(BASE));
    assert_eq!(bench.survey(BASE - 1).map(|found| found.base), Ok(BASE));
}

// Rows: G3
#[test]
fn g3_nothing_above_is_an_error() {
    let bench = Bench::with(1);
    assert_eq!(bench.survey(page(1)).map(|_| ()), Err(Kind::NotAllocated));
    assert_eq!(bench.survey(u64::MAX).map(|_| ()), Err(Kind::NotAllocated));
}

// Rows: P13
#[test]
fn p13_alike_neighbours_are_one_region_whoever_made_them() {
    let mut bench = Bench::new();
    for n in [0, 1, 2, 4] {
        bench.map(&Map::new(PAGE).at(page(n))).expect("it is free");
    }
    for n in 0..3 {
        let found = bench.survey(page(n)).expect("it is ours");
        assert_eq!((found.base, found.size), (BASE, 3 * PAGE));
    }
    bench.restrict(page(1), PAGE, Limit::Current, READ).expect("less is permitted");
    assert_eq!(bench.survey(BASE).map(|found| found.size), Ok(PAGE));
    bench.restrict(page(1), PAGE, Limit::Current, RW).expect("it is permitted");
    assert_eq!(bench.survey(BASE).map(|found| found.size), Ok(3 * PAGE));
}

// Rows: P13
#[test]
fn p13_allocations_with_an_identity_stay_apart() {
    let mut bench = Bench::new();
    bench.space().allocate(&Allocate::new(16 * PAGE).at(BASE)).expect("it is free");
    bench.space().allocate(&Allocate::new(16 * PAGE).at(page(16))).expect("it is free");
    assert_eq!(bench.survey(BASE).map(|found| found.size), Ok(16 * PAGE));
}

// Rows: G7
#[test]
fn g7_objects_and_counts_of_wires_part_regions() {
    let mut bench = Bench::with(2);
    let shared = Map { birth: Birth::Shared, ..Map::new(4 * PAGE).at(page(2)) };
    bench.map(&shared).expect("it is free");
    bench.wire(page(3), PAGE, READ).expect("it is readable");
    let spans: Vec<_> = (0..6)
        .map(|n| bench.survey(page(n)).expect("it is ours"))
        .map(|found| (found.base, found.size, found.offset, found.wired))
        .collect();
    let (first, second, third, last) = (
        (BASE, 2 * PAGE, 0, 0),
        (page(2), PAGE, 0, 0),
        (page(3), PAGE, PAGE, 1),
        (page(4), 2 * PAGE, 2 * PAGE, 0),
    );
    assert_eq!(spans, [first, first, second, third, last, last]);
    assert_eq!(bench.survey(page(3)).map(|found| found.view), Ok(Some(View::Shared)));
}

// Rows: G1
#[test]
fn g1_what_others_mapped_is_found_too() {
    let mut bench = beside(&[(page(1), 2, Backing::View), (page(8), 1, Backing::Private)]);
    bench.map(&Map::new(PAGE).at(BASE)).expect("it is free");
    let found = bench.survey(page(2)).expect("others are there");
    assert_eq!((found.base, found.size, found.owner), (page(1), 2 * PAGE, Owner::Foreign));
    assert_eq!((found.sharing, found.view), (Sharing::Shared, None));
    let found = bench.survey(page(3)).expect("others are above");
    assert_eq!((found.base, found.size, found.sharing), (page(8), PAGE, Sharing::Alone));
}
