use pagewright_core::{Backing, Kind, Limit, Map};

use crate::bench::{BASE, Bench, NONE, PAGE, READ, RW, beside, page};

fn counts(bench: &Bench, pages: u64) -> Vec<u32> {
    (0..pages).map(|n| bench.at(page(n)).map_or(99, |found| found.wired)).collect()
}

#[test]
fn w8_wiring_stacks_page_by_page() {
    let mut bench = Bench::with(3);
    bench.wire(BASE, 2 * PAGE, READ).expect("it is readable");
    bench.wire(page(1), 2 * PAGE, RW).expect("it is writable");
    assert_eq!(counts(&bench, 3), [1, 2, 1]);
    bench.wire(BASE, 3 * PAGE, NONE).expect("it is wired");
    assert_eq!(counts(&bench, 3), [0, 1, 0]);
    bench.wire(BASE, 3 * PAGE, NONE).expect("what is not wired is passed over");
    assert_eq!(counts(&bench, 3), [0, 0, 0]);
}

#[test]
fn w2_letting_go_needs_a_page_at_the_start_only() {
    let mut bench = Bench::with(1);
    bench.wire(BASE, PAGE, READ).expect("it is readable");
    assert_eq!(bench.wire(page(1), PAGE, NONE), Err(Kind::NotCommitted));
    assert_eq!(bench.wire(BASE, 3 * PAGE, NONE), Ok(()));
    assert_eq!(counts(&bench, 1), [0]);
}

#[test]
fn w4_a_hole_anywhere_wires_nothing() {
    let mut bench = Bench::with(2);
    bench.unmap(page(1), PAGE).expect("it is ours");
    bench.map(&Map::new(PAGE).at(page(2))).expect("it is free");
    for (at, size) in [(page(1), PAGE), (BASE, 2 * PAGE), (BASE, 3 * PAGE)] {
        assert_eq!(bench.wire(at, size, READ), Err(Kind::NotCommitted));
    }
    assert_eq!((counts(&bench, 1), bench.at(page(2)).map(|found| found.wired)), (vec![0], Some(0)));
}

#[test]
fn w5_rights_are_asked_of_what_is_not_wired_yet() {
    let mut bench = Bench::with(2);
    bench.restrict(page(1), PAGE, Limit::Current, READ).expect("less is permitted");
    assert_eq!(bench.wire(BASE, 2 * PAGE, RW), Err(Kind::NoAccess));
    assert_eq!(counts(&bench, 2), [0, 0]);
    bench.wire(page(1), PAGE, READ).expect("it is readable");
    assert_eq!(bench.wire(BASE, 2 * PAGE, RW), Ok(()));
    assert_eq!(counts(&bench, 2), [1, 2]);
}

#[test]
fn w8_who_unlocks_without_counting_lets_all_go() {
    let mut bench = Bench::with(1);
    bench.wire(BASE, PAGE, READ).expect("it is readable");
    bench.wire(BASE, PAGE, READ).expect("it is readable");
    let unlock = pagewright_core::Lock {
        at: BASE,
        size: PAGE,
        wiring: pagewright_core::Wiring::Pageable,
        quota: None,
    };
    bench.call(move |space| space.lock(&unlock)).expect("it is locked");
    assert_eq!(counts(&bench, 1), [0]);
}

#[test]
fn w4_others_memory_is_wired_without_a_count() {
    let mut bench = beside(&[(page(1), 1, Backing::Private)]);
    bench.map(&Map::new(PAGE).at(BASE)).expect("it is free");
    assert_eq!(bench.wire(BASE, 2 * PAGE, READ), Ok(()));
    assert_eq!(counts(&bench, 2), [1, 0]);
    assert_eq!(bench.wire(BASE, 2 * PAGE, NONE), Ok(()));
    assert_eq!(bench.wire(BASE, 0, READ), Err(Kind::ZeroSize));
    let copying = pagewright_core::Rights::COPY;
    assert_eq!(bench.wire(BASE, PAGE, copying), Err(Kind::BadProtection), "W3");
}
