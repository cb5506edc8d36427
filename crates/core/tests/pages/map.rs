use pagewright_core::{Allocate, Backing, Birth, Kind, Map, MapPlace, Overwrite, Protection, Rights, View};

use crate::bench::{ALL, BASE, Bench, PAGE, READ, SEARCH, beside, page, spanned};

fn above(hint: u64, pages: u64) -> Map {
    Map { place: MapPlace::Above(hint), ..Map::new(pages * PAGE) }
}

fn masked(map: Map, mask: u64) -> Map {
    Map { mask, ..map }
}

fn replacing(at: u64, pages: u64) -> Map {
    Map { overwrite: Overwrite::Replace, ..Map::new(pages * PAGE).at(at) }
}

// Rows: A2
#[test]
fn a2_new_memory_is_aligned_zero_and_as_asked() {
    let mut bench = Bench::new();
    let (at, size) = bench.map(&Map::new(1)).expect("there is room");
    assert_eq!((at % PAGE, size), (0, PAGE));
    assert_eq!(bench.load(at, PAGE as usize), vec![0; PAGE as usize]);
    assert_eq!(bench.rights(at), (Rights::READ | Rights::WRITE, ALL));
    assert_eq!(bench.charge(), 0, "memory that is charged when it is written");
}

// Rows: A4
#[test]
fn a4_places_are_filled_page_by_page_from_below() {
    let mut bench = beside(&[(SEARCH + 2 * PAGE, 3, Backing::Private)]);
    let places: Vec<_> = (0..4).map(|_| bench.anywhere(1)).collect();
    assert_eq!(places, [SEARCH, SEARCH + PAGE, SEARCH + 5 * PAGE, SEARCH + 6 * PAGE]);
    bench.unmap(places[1], PAGE).expect("it is ours");
    assert_eq!(bench.anywhere(2), SEARCH + 7 * PAGE, "the hole is too small");
    assert_eq!(bench.anywhere(1), places[1]);
}

// Rows: A4
#[test]
fn a4_a_place_that_others_have_left_is_taken_again() {
    let mut bench = beside(&[(SEARCH, 1, Backing::Private)]);
    assert_eq!(bench.anywhere(1), SEARCH + PAGE);
    let mut machine = bench.space().machine().inner().clone();
    machine.withdraw(pagewright_core::Va::new(SEARCH));
    *bench.space().machine_mut() = pagewright_testkit::Faulty::new(machine);
    assert_eq!(bench.anywhere(1), SEARCH);
}

// Rows: A5
#[test]
fn a5_an_address_is_truncated_before_the_size_is_added() {
    let mut bench = Bench::new();
    assert_eq!(bench.map(&Map::new(PAGE).at(BASE + 1)), Ok((BASE, PAGE)));
    assert_eq!(bench.at(page(1)), None);
    assert_eq!(bench.map(&Map::new(PAGE + 1).at(page(1) + 7)), Ok((page(1), 2 * PAGE)));
}

// Rows: A6
#[test]
fn a6_the_user_range_is_respected() {
    let mut bench = Bench::new();
    assert_eq!(bench.map(&Map::new(PAGE).at(0)), Err(Kind::BadAddress));
    assert_eq!(bench.map(&Map::new(PAGE).at(0xf000)), Err(Kind::BadAddress));
    assert_eq!(bench.map(&Map::new(PAGE).at(u64::MAX)), Err(Kind::BadAddress));
    assert_eq!(bench.map(&Map::new(2 * PAGE).at(0x7fff_ffff_e000)), Err(Kind::BadSize));
    assert_eq!(bench.map(&Map::new(u64::MAX - PAGE + 1).at(BASE)), Err(Kind::BadSize));
    assert_eq!(bench.map(&Map::new(0).at(BASE)), Err(Kind::ZeroSize));
}

// Rows: A7
#[test]
fn a7_what_is_taken_is_refused_at_its_start_and_at_its_end() {
    let mut bench = Bench::with(1);
    bench.store(BASE, &[0x5a]);
    assert_eq!(bench.map(&Map::new(PAGE).at(BASE)), Err(Kind::Conflict));
    assert_eq!(bench.map(&Map::new(2 * PAGE).at(BASE - PAGE)), Err(Kind::Conflict));
    assert_eq!(bench.load(BASE, 1), [0x5a]);
    assert_eq!(bench.at(BASE - PAGE), None);
}

// Rows: A8
#[test]
fn a8_replacing_removes_what_is_ours_and_fills_the_holes() {
    let mut bench = Bench::new();
    for at in [BASE, page(2), page(5)] {
        bench.map(&Map::new(PAGE).at(at)).expect("it is free");
        bench.store(at, &[7]);
    }
    let readable = Map { protection: Protection::READ, ..replacing(page(1), 4) };
    assert_eq!(bench.map(&readable), Ok((page(1), 4 * PAGE)));
    assert_eq!(bench.numbers(BASE, 6), [7, 0, 0, 0, 0, 7].map(Some));
    assert_eq!(bench.rights(page(2)), (READ, ALL));
    let found = bench.at(page(3)).expect("there is memory");
    assert_eq!((found.base, found.size), (page(1), 4 * PAGE), "one region, whatever was there");
}

// Rows: A8
#[test]
fn a8_what_others_mapped_is_never_replaced() {
    let mut bench = beside(&[(page(1), 1, Backing::Private)]);
    bench.map(&Map::new(PAGE).at(BASE)).expect("it is free");
    bench.store(BASE, &[9]);
    assert_eq!(bench.map(&replacing(BASE, 3)), Err(Kind::Conflict));
    assert_eq!(bench.load(BASE, 1), [9]);
    assert_eq!(bench.at(page(2)), None);
}

// Rows: A8
#[test]
fn a8_a_part_of_an_allocation_of_another_kind_is_replaced() {
    let mut bench = Bench::new();
    let pages = Allocate::new(16 * PAGE).at(BASE);
    assert_eq!(spanned(bench.space().allocate(&pages)), Ok((BASE, 16 * PAGE)));
    bench.number(BASE, 16, 1);
    let charge = bench.charge();
    bench.map(&replacing(page(4), 2)).expect("it is ours");
    assert_eq!(charge - bench.charge(), 2 * PAGE);
    assert_eq!(bench.numbers(page(3), 4), [4, 0, 0, 7].map(Some));
}

// Rows: A10
#[test]
fn a10_there_is_no_room_for_more_than_there_is() {
    let mut bench = Bench::new();
    assert_eq!(bench.map(&Map::new(0u64.wrapping_sub(PAGE))), Err(Kind::NoSpace));
    assert_eq!(bench.map(&Map::new(1 << 47)), Err(Kind::NoSpace));
}

// Rows: A11
#[test]
fn a11_a_size_that_is_no_number_of_pages_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(bench.map(&Map::new(u64::MAX)), Err(Kind::BadSize));
    assert_eq!(bench.map(&Map::new(0)), Err(Kind::ZeroSize));
}

// Rows: V4
#[test]
fn v4_the_protection_loses_what_the_maximum_lacks() {
    let mut bench = Bench::new();
    let map = Map { maximum: READ, ..Map::new(PAGE).at(BASE) };
    bench.map(&map).expect("it is free");
    assert_eq!(bench.rights(BASE), (READ, READ));
    let guarded = Map { protection: Protection::READ.guarded(), ..Map::new(PAGE) };
    assert_eq!(bench.map(&guarded), Err(Kind::BadProtection));
}

// Rows: V5
#[test]
fn v5_a_mask_is_looked_at_before_bounds_and_what_is_there() {
    let mut bench = Bench::with(1);
    assert_eq!(bench.map(&masked(Map::new(PAGE).at(BASE), PAGE)), Err(Kind::Conflict));
    assert_eq!(bench.map(&masked(Map::new(PAGE).at(BASE), BASE)), Err(Kind::BadPlace));
    assert_eq!(bench.map(&masked(Map::new(PAGE).at(u64::MAX), PAGE)), Err(Kind::BadPlace));
    assert_eq!(bench.map(&masked(Map::new(PAGE).at(page(1)), 0xfff)), Ok((page(1), PAGE)));
}

// Rows: V6
#[test]
fn v6_the_search_begins_at_the_hint_and_does_not_wrap() {
    let mut bench = Bench::with(2);
    assert_eq!(bench.map(&above(BASE, 1)), Ok((page(2), PAGE)));
    assert_eq!(bench.map(&above(BASE - 1, 1)), Ok((page(3), PAGE)), "rounded up to a page");
    assert_eq!(bench.map(&above(u64::MAX - PAGE + 1, 1)), Err(Kind::NoSpace));
    assert_eq!(bench.map(&above(0x7fff_ffff_e000, 1)), Ok((0x7fff_ffff_e000, PAGE)));
    assert_eq!(bench.map(&above(0x7fff_ffff_e000, 1)), Err(Kind::NoSpace));
}

// Rows: V7
#[test]
fn v7_a_mask_that_nothing_meets_leaves_no_room() {
    let mut bench = Bench::new();
    assert_eq!(bench.map(&masked(above(1, 1), u64::MAX)), Err(Kind::NoSpace));
}

// Rows: V8
#[test]
fn v8_the_address_has_no_bit_of_the_mask() {
    let mut bench = Bench::with(1);
    let (first, _) = bench.map(&masked(above(BASE, 1), 0x1f_ffff)).expect("there is room");
    assert_eq!(first, BASE + 0x20_0000);
    let (second, _) = bench.map(&masked(above(BASE, 1), 0x2000)).expect("there is room");
    assert_eq!(second, page(1), "a mask need not be a row of low bits");
    let (third, _) = bench.map(&masked(above(BASE, 2), 0x2000)).expect("there is room");
    assert_eq!(third, page(4));
}

#[test]
fn pages_that_are_born_shared_show_an_object_alone() {
    let mut bench = Bench::new();
    let map = Map { birth: Birth::Shared, ..Map::new(32 * PAGE).at(BASE) };
    assert_eq!(bench.map(&map), Ok((BASE, 32 * PAGE)));
    bench.number(BASE, 32, 1);
    let found = bench.at(BASE).expect("there is memory");
    assert_eq!((found.view, found.refs), (Some(View::Shared), 1));
    assert_eq!((bench.charge(), bench.objects()), (0, 1));
    let target = bench.anywhere(32);
    bench.copy(BASE, 32 * PAGE, target).expect("both are ours");
    assert_eq!(bench.objects(), 1, "nothing had to be gathered");
    bench.store(BASE, &[99]);
    assert_eq!(bench.numbers(target, 2), [1, 2].map(Some));
    bench.unmap(BASE, 32 * PAGE).expect("it is ours");
    bench.unmap(target, 32 * PAGE).expect("it is ours");
    assert_eq!(bench.objects(), 0);
}

// Rows: D2
#[test]
fn d2_a_part_goes_and_the_rest_keeps_its_bytes() {
    let mut bench = Bench::with(3);
    bench.number(BASE, 3, 1);
    assert_eq!(bench.unmap(page(1) + 5, 1), Ok((page(1), PAGE)));
    assert_eq!(bench.numbers(BASE, 3), [Some(1), None, Some(3)]);
}

// Rows: D3
#[test]
fn d3_holes_are_passed_over_and_all_allocations_go() {
    let mut bench = Bench::with(1);
    bench.map(&Map::new(2 * PAGE).at(page(3))).expect("it is free");
    assert_eq!(bench.unmap(BASE, 4 * PAGE), Ok((BASE, 4 * PAGE)));
    assert_eq!(bench.unmap(BASE, 4 * PAGE), Ok((BASE, 4 * PAGE)), "twice is as good");
    assert_eq!((bench.at(BASE), bench.at(page(3))), (None, None));
    assert_eq!(bench.at(page(4)).map(|found| found.size), Some(PAGE));
}

// Rows: D3
#[test]
fn d3_what_others_mapped_makes_the_call_fail() {
    for (backing, kind) in [(Backing::Private, Kind::NotAllocated), (Backing::Image, Kind::ForeignView)] {
        let mut bench = beside(&[(page(1), 1, backing)]);
        bench.map(&Map::new(PAGE).at(BASE)).expect("it is free");
        assert_eq!(bench.unmap(BASE, 2 * PAGE), Err(kind));
        assert!(bench.at(BASE).is_some());
    }
    let mut bench = Bench::new();
    assert_eq!(bench.unmap(BASE, 0), Err(Kind::ZeroSize));
    assert_eq!(bench.unmap(BASE, u64::MAX), Err(Kind::BadSize));
}

// Rows: D8
#[test]
fn d8_wired_pages_go_as_well() {
    let mut bench = Bench::with(2);
    bench.wire(BASE, 2 * PAGE, READ).expect("they are readable");
    bench.unmap(BASE, PAGE).expect("it is ours");
    bench.map(&Map::new(PAGE).at(BASE)).expect("it is free");
    assert_eq!(
        (bench.at(BASE).map(|found| found.wired), bench.at(page(1)).map(|found| found.wired)),
        (Some(0), Some(1))
    );
}

// Rows: D10
#[test]
fn d10_what_comes_back_is_zero() {
    let mut bench = Bench::with(2);
    bench.number(BASE, 2, 7);
    bench.unmap(BASE, 2 * PAGE).expect("it is ours");
    bench.map(&Map::new(2 * PAGE).at(BASE)).expect("it is free");
    assert_eq!(bench.numbers(BASE, 2), [0, 0].map(Some));
}
