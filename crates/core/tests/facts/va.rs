//! Section VA: reserve and commit.

use pagewright_core::{Action, Backing, Caching, Kind, Order, PageRange, Place, Protection, Window};

use crate::lab::{BASE, ERW, Lab, NONE, PAGE, RO, RW, SINGLES, UNIT, What};

const ABOVE: u64 = 0xffff_8000_0000_0000;

// Rows: VA10 VA11 VA12 VA13 VA14 VA15 VA16 VA17
#[test]
fn a_reservation_begins_at_a_granule_and_ends_at_a_page() {
    let rows = [
        ("VA10", BASE, 1, (BASE, PAGE)),
        ("VA11", BASE + 0x8000, 1, (BASE, 0x9000)),
        ("VA12", BASE + 0x10, 0x1000, (BASE, 0x2000)),
        ("VA13", BASE + 0x1_0000, 0x2000, (BASE + 0x1_0000, 0x2000)),
        ("VA14", BASE + 0xffff, 0x3000, (BASE, 0x1_3000)),
        ("VA15", BASE + 0x1010, 0x7000, (BASE, 0x9000)),
        ("VA16", BASE + 0x1010, 0xc000, (BASE, 0xe000)),
        ("VA17", BASE + 0x1010, 0x1000, (BASE, 0x3000)),
    ];
    for (row, at, size, expected) in rows {
        let mut lab = Lab::new();
        assert_eq!(lab.reserve(at, size), Ok(expected), "{row}");
        assert_eq!(lab.run(expected.0), (expected.1, What::Reserved), "{row}");
    }
}

// Rows: VA01 VA03 VA06 VA08 VA09 VA29
#[test]
fn core_chooses_an_aligned_place_that_is_never_0() {
    let mut lab = Lab::new();
    assert_eq!(lab.anywhere(0, Action::Reserve, NONE), Err(Kind::ZeroSize), "VA01");
    let (at, size) = lab.anywhere(0xfffc, Action::Reserve, NONE).expect("VA03");
    assert_eq!((at % UNIT, size), (0, UNIT), "VA03");
    assert_eq!(lab.origin(at), Some((at, NONE)), "VA03");
    assert_eq!(lab.run(at), (UNIT, What::Reserved), "VA03");
    let (at, size) = lab.anywhere(PAGE, Action::Commit, RO).expect("VA06");
    assert_eq!(lab.origin(at), Some((at, RO)), "VA06");
    assert_eq!(lab.run(at), (size, What::Is(RO)), "VA06");
    let (at, _) = lab.anywhere(0x2000, Action::ReserveCommit, ERW).expect("VA08");
    assert!(at % UNIT == 0 && at != 0, "VA08, VA29");
    assert_eq!(lab.release(at, 0), Ok((at, 0x2000)), "VA09");
    assert_eq!(lab.both(at, PAGE, ERW), Ok((at, PAGE)), "VA09");
}

// Rows: VA42 VA43
#[test]
fn top_down_takes_the_highest_suitable_address() {
    let mut lab = Lab::new();
    let down = |highest| Place::Window(Window { highest, order: Order::TopDown, ..Window::ANYWHERE });
    for action in [Action::Commit, Action::ReserveCommit] {
        let said = lab.allocate(down(BASE + 0x3_ffff), PAGE, action, RW);
        let expected = if action == Action::Commit { BASE + 0x3_0000 } else { BASE + 0x2_0000 };
        assert_eq!(said, Ok((expected, PAGE)), "VA42, VA43");
    }
}

// Rows: VA18 VA19 VA33
#[test]
fn a_reservation_meets_what_is_in_its_granules() {
    let mut lab = Lab::reserved(0x3000);
    assert_eq!(lab.reserve(BASE + 0x8000, PAGE), Err(Kind::Conflict), "VA18");
    assert_eq!(lab.both(BASE + 0x1000, PAGE, RW), Err(Kind::Conflict), "VA19");
    let mut lab = Lab::new();
    let image = PageRange::between(BASE, BASE + UNIT).expect("a unit");
    lab.0.machine_mut().intrude(image, RO, Backing::Image);
    assert_eq!(lab.both(BASE + 0x7a20, PAGE, RW), Err(Kind::Conflict), "VA33");
}

// Rows: VA05 VA07 VA20 VA21 VA24 VA25 VQ04
#[test]
fn a_commit_is_of_whole_pages_inside_one_reservation() {
    let mut lab = Lab::reserved(0x3000);
    assert_eq!(lab.commit(BASE + 0x2000, PAGE, NONE), Ok((BASE + 0x2000, PAGE)), "VA20");
    assert_eq!(lab.run(BASE + 0x2000), (PAGE, What::Is(NONE)), "VA05, VQ04");
    assert_eq!(lab.run(BASE), (0x2000, What::Reserved), "VA05");
    assert_eq!(lab.commit(BASE + 0x2000, PAGE, RW), Ok((BASE + 0x2000, PAGE)), "VA21");
    assert_eq!(lab.run(BASE + 0x2000), (PAGE, What::Is(RW)), "VA21");
    assert_eq!(lab.commit(BASE + 0x3000, PAGE, RW), Err(Kind::NotReserved), "VA24");
    assert_eq!(lab.commit(BASE + 0x10_0000, PAGE, RW), Err(Kind::NotReserved), "VA07");
    let mut lab = Lab::reserved(UNIT);
    for next in [BASE + UNIT, BASE + 2 * UNIT] {
        assert_eq!(lab.reserve(next, UNIT), Ok((next, UNIT)), "VA25");
    }
    assert_eq!(lab.commit(BASE + 0x4000, UNIT, RW), Err(Kind::NotReserved), "VA25");
    assert_eq!(lab.run(BASE), (UNIT, What::Reserved), "VA25");
    assert_eq!(lab.run(BASE + UNIT), (UNIT, What::Reserved), "VA25");
}

// Rows: VA22 VA23
#[test]
fn committing_again_keeps_the_bytes_and_changes_the_protection() {
    let mut lab = Lab::reserved(0x3000);
    assert_eq!(lab.commit(BASE, PAGE, RW), Ok((BASE, PAGE)), "VA22");
    assert_eq!(lab.commit(BASE + 0x2000, PAGE, NONE), Ok((BASE + 0x2000, PAGE)), "VA22");
    assert_eq!(lab.store(BASE, b"kept"), 4, "VA22");
    assert_eq!(lab.commit(BASE, 0x3000, RO), Ok((BASE, 0x3000)), "VA22");
    assert_eq!(lab.run(BASE), (0x3000, What::Is(RO)), "VA22");
    assert_eq!(lab.store(BASE, b"x"), 0, "VA22");
    assert_eq!(lab.commit(BASE, PAGE, RO), Ok((BASE, PAGE)), "VA23");
    assert_eq!(lab.load(BASE, 5), b"kept\0", "VA23");
    assert_eq!(lab.0.space().charge().used(), 0x3000, "VA23");
}

// Rows: VA26 VA27
#[test]
fn what_is_below_the_asked_address_in_its_granule_is_committed_too() {
    let mut lab = Lab::new();
    assert_eq!(lab.both(BASE + 0x4080, PAGE, RW), Ok((BASE, 0x6000)), "VA26");
    assert_eq!(lab.run(BASE), (0x6000, What::Is(RW)), "VA26");
    assert_eq!(lab.both(0x6002_5000, 200, RW), Ok((0x6002_0000, 0x6000)), "VA27");
    assert_eq!(lab.run(0x6002_0000), (0x6000, What::Is(RW)), "VA27");
}

// Rows: VA28
#[test]
fn the_initial_protection_is_that_of_the_reservation() {
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.commit(BASE + 0xf000, PAGE, RW), Ok((BASE + 0xf000, PAGE)), "VA28");
    let info = lab.query(BASE + 0xf700).expect("VA28");
    assert_eq!((info.base, info.size), (BASE + 0xf000, PAGE), "VA28");
    assert_eq!(lab.origin(BASE + 0xf700), Some((BASE, NONE)), "VA28");
    assert_eq!(lab.run(BASE + 0xf700).1, What::Is(RW), "VA28");
}

// Rows: VA34 VA35 VA36 VA54
#[test]
fn nonsense_is_refused_before_anything_is_looked_at() {
    let mut lab = Lab::new();
    assert_eq!(lab.reserve(ABOVE, PAGE), Err(Kind::BadAddress), "VA34");
    assert_eq!(lab.commit(ABOVE, PAGE, RW), Err(Kind::BadAddress), "VA35");
    assert_eq!(lab.reserve(BASE, u64::MAX), Err(Kind::BadSize), "VA36");
    assert_eq!(lab.anywhere(u64::MAX, Action::Reserve, NONE), Err(Kind::BadSize), "VA36");
    for copy in [Protection::READ_COPY, Protection::READ_COPY_EXECUTE] {
        for action in [Action::Reserve, Action::ReserveCommit] {
            assert_eq!(lab.anywhere(PAGE, action, copy), Err(Kind::BadProtection), "VA54");
        }
        // Section VA's order: the protection is looked at before the address.
        let said = lab.allocate(Place::At(ABOVE), 0, Action::Reserve, copy);
        assert_eq!(said, Err(Kind::BadProtection), "VA54");
    }
    assert_eq!(lab.0.space().region_count(), 0);
}

// Rows: VA38 VA39
#[test]
fn memory_ends() {
    let mut lab = Lab::new();
    lab.0.space_mut().set_limit(0x3000);
    assert_eq!(lab.both(BASE, 0x4000, RW), Err(Kind::CommitLimit), "VA39");
    assert_eq!(lab.reserve(BASE, 0x4000), Ok((BASE, 0x4000)), "VA39");
    assert_eq!(lab.commit(BASE, 0x4000, RW), Err(Kind::CommitLimit), "VA39");
    assert_eq!(lab.commit(BASE, 0x3000, RW), Ok((BASE, 0x3000)), "VA39");
    let room = Place::Window(Window { lowest: BASE, highest: BASE + 0xffff, ..Window::ANYWHERE });
    assert_eq!(lab.allocate(room, PAGE, Action::Reserve, NONE), Err(Kind::NoSpace), "VA38");
}

// Rows: VA21 VA23
#[test]
fn committing_again_needs_no_room_below_the_limit() {
    let mut lab = Lab::committed(0x3000, RW);
    lab.0.space_mut().set_limit(0);
    // What is promised stays promised: nothing new is asked for here.
    assert_eq!(lab.commit(BASE, PAGE, RO), Ok((BASE, PAGE)), "VA21");
    assert_eq!(lab.commit(BASE, PAGE, RO), Ok((BASE, PAGE)), "VA23");
}

// Rows: VA52 VA60 VA62
#[test]
fn every_single_protection_can_be_committed() {
    for protection in SINGLES {
        let lab = Lab::committed(PAGE, protection);
        assert_eq!(lab.run(BASE), (PAGE, What::Is(protection)), "VA52");
        assert_eq!(lab.origin(BASE), Some((BASE, protection)), "VA52");
    }
    let combined = RO.cached(Caching::WriteCombine);
    assert_eq!(Lab::committed(PAGE, combined).run(BASE), (PAGE, What::Is(combined)), "VA60");
    let uncached = RW.cached(Caching::NoCache);
    let lab = Lab::committed(0x2000, uncached);
    assert_eq!(lab.run(BASE), (0x2000, What::Is(uncached)), "VA62");
    assert_eq!(lab.origin(BASE), Some((BASE, uncached)), "VA62");
}

// Rows: VA63 VA64 VA65 VA66 VA67
#[test]
fn fresh_memory_is_zero_and_obeys_its_protection() {
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.load(BASE, 4), [0; 4], "VA63");
    assert_eq!(lab.store(BASE, b"old"), 3);
    assert_eq!(lab.protect(BASE, PAGE, NONE), Ok(RW));
    assert_eq!(lab.release(BASE, 0), Ok((BASE, PAGE)));
    assert_eq!(lab.both(BASE, PAGE, RO), Ok((BASE, PAGE)), "VA64");
    assert_eq!(lab.load(BASE, 3), [0; 3], "VA64");
    assert_eq!(lab.store(BASE, b"x"), 0, "VA67");
    let mut lab = Lab::committed(PAGE, NONE);
    assert_eq!((lab.load(BASE, 1).len(), lab.store(BASE, b"x")), (0, 0), "VA65");
    let mut lab = Lab::reserved(PAGE);
    assert_eq!((lab.load(BASE, 1).len(), lab.store(BASE, b"x")), (0, 0), "VA66");
}
