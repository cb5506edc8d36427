use pagewright_core::{Allocate, Attribute, Backing, Inheritance, Kind, Limit, Map, Sharing, View};

use crate::bench::{ALL, BASE, Bench, NONE, PAGE, READ, RW, WRITE, beside, page};

// Rows: P3
#[test]
fn p3_more_than_any_page_may_have_changes_nothing() {
    let mut bench = Bench::with(3);
    bench.restrict(page(1), PAGE, Limit::Maximum, READ).expect("all was permitted");
    assert_eq!(bench.restrict(BASE, 3 * PAGE, Limit::Current, RW), Err(Kind::AboveCeiling));
    assert_eq!(bench.rights(BASE), (RW, ALL));
    assert_eq!(bench.restrict(BASE, 3 * PAGE, Limit::Current, READ), Ok(()));
    assert_eq!(bench.rights(page(2)), (READ, ALL));
}

// Rows: P4
#[test]
fn p4_the_maximum_only_shrinks() {
    let mut bench = Bench::with(1);
    bench.restrict(BASE, PAGE, Limit::Maximum, READ).expect("all was permitted");
    assert_eq!(bench.restrict(BASE, PAGE, Limit::Maximum, RW), Err(Kind::AboveCeiling));
    assert_eq!(bench.restrict(BASE, PAGE, Limit::Current, RW), Err(Kind::AboveCeiling));
}

// Rows: P5
#[test]
fn p5_a_lower_maximum_lowers_what_may_be_done_now() {
    let mut bench = Bench::with(2);
    bench.restrict(page(1), PAGE, Limit::Current, NONE).expect("less is permitted");
    bench.restrict(BASE, 2 * PAGE, Limit::Maximum, READ).expect("less is permitted");
    assert_eq!((bench.rights(BASE), bench.rights(page(1))), ((READ, READ), (NONE, READ)));
}

// Rows: P6
#[test]
fn p6_the_first_problem_in_address_order_is_named() {
    let mut bench = Bench::with(4);
    bench.restrict(BASE, PAGE, Limit::Maximum, READ).expect("all was permitted");
    bench.restrict(page(3), PAGE, Limit::Maximum, READ).expect("all was permitted");
    bench.unmap(page(2), PAGE).expect("it is ours");
    assert_eq!(bench.restrict(BASE, 3 * PAGE, Limit::Current, RW), Err(Kind::AboveCeiling));
    assert_eq!(bench.restrict(page(1), 3 * PAGE, Limit::Current, RW), Err(Kind::NotCommitted));
    assert_eq!(bench.restrict(page(1), 2 * PAGE, Limit::Current, READ), Err(Kind::NotCommitted));
    assert_eq!(bench.rights(page(1)), (RW, ALL), "a hole at the end");
    assert_eq!(bench.restrict(page(2), PAGE, Limit::Current, READ), Err(Kind::NotCommitted), "P7");
}

// Rows: P6
#[test]
fn p6_a_reservation_without_memory_is_a_hole() {
    let mut bench = Bench::new();
    bench.space().allocate(&Allocate::new(16 * PAGE).reserve().at(BASE)).expect("it is free");
    assert_eq!(bench.restrict(BASE, PAGE, Limit::Current, READ), Err(Kind::NotCommitted));
    assert_eq!(bench.survey(BASE).map(|_| ()), Err(Kind::NotAllocated));
}

// Rows: P8 P9
#[test]
fn p8_p9_bad_ranges_are_refused_and_every_page_touched_changes() {
    let mut bench = Bench::with(2);
    assert_eq!(bench.restrict(BASE + PAGE - 1, 2, Limit::Current, READ), Ok(()));
    assert_eq!((bench.rights(BASE).0, bench.rights(page(1)).0), (READ, READ));
    assert_eq!(bench.restrict(BASE, u64::MAX, Limit::Current, READ), Err(Kind::BadSize));
    assert_eq!(bench.restrict(BASE, 0, Limit::Current, READ), Err(Kind::ZeroSize));
    let copying = pagewright_core::Rights::COPY;
    assert_eq!(bench.restrict(BASE, PAGE, Limit::Current, copying), Err(Kind::BadProtection));
}

// Rows: P12
#[test]
fn p12_memory_for_stores_alone_lets_no_access_through() {
    let mut bench = Bench::with(1);
    bench.restrict(BASE, PAGE, Limit::Current, WRITE).expect("it is permitted");
    assert_eq!(bench.load(BASE, 1), []);
    assert_eq!(bench.rights(BASE), (WRITE, ALL));
}

// Rows: P3
#[test]
fn p3_what_others_mapped_changes_now_and_not_for_ever() {
    let mut bench = beside(&[(page(1), 2, Backing::Private)]);
    bench.map(&Map::new(PAGE).at(BASE)).expect("it is free");
    assert_eq!(bench.restrict(BASE, 3 * PAGE, Limit::Current, READ), Ok(()));
    assert_eq!((bench.rights(BASE).0, bench.rights(page(2)).0), (READ, READ));
    assert_eq!(bench.restrict(BASE, 3 * PAGE, Limit::Maximum, READ), Err(Kind::Unsupported));
    assert_eq!(bench.restrict(BASE, 3 * PAGE, Limit::Maximum, ALL), Ok(()));
}

// Rows: I3
#[test]
fn i3_inheritance_passes_over_holes() {
    let mut bench = Bench::with(3);
    bench.unmap(page(1), PAGE).expect("it is ours");
    assert_eq!(bench.inherit(BASE, 3 * PAGE, Inheritance::None), Ok(()));
    let kept = |bench: &Bench, at| bench.at(at).map(|found| found.attributes.inheritance);
    assert_eq!(kept(&bench, BASE), Some(Inheritance::None));
    assert_eq!(kept(&bench, page(2)), Some(Inheritance::None));
    assert_eq!(bench.inherit(page(1), PAGE, Inheritance::Copy), Ok(()));
    assert_eq!(bench.inherit(BASE, u64::MAX, Inheritance::Copy), Err(Kind::BadSize), "I5");
}

// Rows: I6
#[test]
fn i6_what_is_to_be_shared_lives_in_an_object_at_once() {
    let mut bench = Bench::with(4);
    bench.number(BASE, 4, 1);
    bench.restrict(page(1), PAGE, Limit::Current, NONE).expect("less is permitted");
    bench.inherit(BASE, 3 * PAGE, Inheritance::Share).expect("it is ours");
    let found = bench.at(page(1)).expect("there is memory");
    assert_eq!((found.view, found.sharing), (Some(View::Shared), Sharing::Shared));
    assert_eq!(found.offset, PAGE);
    assert_eq!(bench.at(page(3)).map(|found| found.view), Some(None));
    assert_eq!(bench.objects(), 1);
    assert_eq!(bench.numbers(BASE, 4), [Some(1), None, Some(3), Some(4)]);
    bench.inherit(BASE, 3 * PAGE, Inheritance::Copy).expect("it is ours");
    let found = bench.at(BASE).expect("there is memory");
    assert_eq!((found.view, found.sharing), (Some(View::Snapshot), Sharing::Alone));
    assert_eq!(bench.charge(), 0);
}

// Rows: I3
#[test]
fn i3_others_memory_can_be_kept_from_a_child_and_not_shared_with_it() {
    let mut bench = beside(&[(BASE, 1, Backing::Private)]);
    assert_eq!(bench.inherit(BASE, PAGE, Inheritance::Share), Err(Kind::Unsupported));
    assert_eq!(bench.inherit(BASE, PAGE, Inheritance::None), Ok(()));
}

#[test]
fn b3_b5_behaviour_is_kept_and_a_hole_refuses_it() {
    let mut bench = Bench::with(3);
    assert_eq!(bench.attribute(BASE, 2 * PAGE, Attribute::Behavior(2)), Ok(()));
    assert_eq!(bench.at(page(1)).map(|found| found.attributes.behavior), Some(2));
    assert_eq!(bench.attribute(BASE, 4 * PAGE, Attribute::Behavior(1)), Err(Kind::NotCommitted));
    assert_eq!(bench.at(page(1)).map(|found| found.attributes.behavior), Some(2));
    assert_eq!(bench.attribute(BASE, PAGE, Attribute::Behavior(4)), Err(Kind::BadFlags), "B1");
    assert_eq!(bench.attribute(BASE, PAGE, Attribute::Maximum(READ)), Ok(()));
    assert_eq!(bench.rights(BASE), (READ, READ));
}
