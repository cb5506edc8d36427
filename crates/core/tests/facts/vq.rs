//! Section VQ: what a query says.

use pagewright_core::{Backing, Geometry, Info, Kind, Owner, PageRange, State};

use crate::lab::{BASE, Lab, NONE, PAGE, RO, RW, UNIT, What};

const HIGHEST: u64 = Geometry::X86_64.highest;

// Rows: VQ01 VQ20 VQ21 VQ22 VQ27
#[test]
fn free_space_goes_to_the_next_allocation() {
    let lab = Lab::reserved(UNIT);
    let free = |base: u64, end: u64| Ok(Info { base, size: end - base, state: State::Free });
    assert_eq!(lab.query(BASE - 0x1800), free(BASE - 0x2000, BASE), "VQ01");
    assert_eq!(lab.query(0), free(0, BASE), "VQ27");
    assert_eq!(lab.query(0xffff), free(0xf000, BASE), "VQ20");
    assert_eq!(lab.query(UNIT), free(UNIT, BASE), "VQ20");
    assert_eq!(lab.query(HIGHEST), free(HIGHEST + 1 - PAGE, HIGHEST + 1), "VQ21");
    for above in [HIGHEST + 1, u64::MAX] {
        assert_eq!(lab.query(above), Err(Kind::BadAddress), "VQ22");
    }
}

// Rows: VQ08
#[test]
fn adjacent_free_ranges_are_one() {
    let mut lab = Lab::new();
    for at in [BASE, BASE + UNIT, BASE + 2 * UNIT] {
        assert_eq!(lab.reserve(at, UNIT), Ok((at, UNIT)));
    }
    for at in [BASE, BASE + UNIT] {
        assert_eq!(lab.release(at, 0), Ok((at, UNIT)));
    }
    assert_eq!(lab.run(BASE), (2 * UNIT, What::Free), "VQ08");
}

// Rows: VQ02 VQ03
#[test]
fn reserved_and_committed_say_what_was_asked_for() {
    let mut lab = Lab::reserved(UNIT);
    let state = State::Reserved { allocation: BASE, initial: NONE, backing: Backing::Private };
    assert_eq!(lab.query(BASE), Ok(Info { base: BASE, size: UNIT, state }), "VQ02");
    assert_eq!(lab.commit(BASE, PAGE, RW.guarded()), Ok((BASE, PAGE)));
    let state = State::Committed {
        allocation: BASE,
        initial: NONE,
        protection: RW.guarded(),
        backing: Backing::Private,
        owner: Owner::Own,
    };
    assert_eq!(lab.query(BASE), Ok(Info { base: BASE, size: PAGE, state }), "VQ03");
}

// Rows: VQ05 VQ06 VQ09
#[test]
fn a_run_is_counted_from_the_asked_page() {
    let mut lab = Lab::committed(UNIT, RW);
    let info = lab.query(BASE + 0x5700).expect("VQ05");
    assert_eq!((info.base, info.size), (BASE + 0x5000, 0xb000), "VQ05");
    assert_eq!(lab.protect(BASE, 0x3000, RO), Ok(RW));
    assert_eq!(lab.run(BASE), (0x3000, What::Is(RO)), "VQ06");
    assert_eq!(lab.protect(BASE, 0x3000, RW), Ok(RO));
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "VQ06");
    // Content and locks are not what a query tells apart.
    assert_eq!(lab.store(BASE + 0x4000, b"dirty"), 5);
    assert_eq!(lab.lock(BASE + 0x4000, PAGE), Ok((BASE + 0x4000, PAGE)));
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "VQ09");
}

// Rows: VQ07
#[test]
fn a_run_stops_at_the_end_of_its_allocation() {
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.both(BASE + UNIT, UNIT, RW), Ok((BASE + UNIT, UNIT)));
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "VQ07");
    assert_eq!(lab.run(BASE + UNIT), (UNIT, What::Is(RW)), "VQ07");
}

// Rows: VQ10 VQ17
#[test]
fn others_memory_is_listed_for_what_it_is() {
    for (row, backing) in [("VQ10", Backing::Image), ("VQ17", Backing::View)] {
        let mut lab = Lab::reserved(UNIT);
        let range = PageRange::between(BASE + UNIT, BASE + 3 * UNIT).expect("two units");
        lab.0.machine_mut().intrude(range, RO, backing);
        let state = State::Committed {
            allocation: BASE + UNIT,
            initial: RO,
            protection: RO,
            backing,
            owner: Owner::Foreign,
        };
        let expected = Info { base: BASE + 2 * UNIT, size: UNIT, state };
        assert_eq!(lab.query(BASE + 2 * UNIT + 5), Ok(expected), "{row}");
    }
}

// Rows: VQ05 VQ06
#[test]
fn runs_cross_the_boundaries_of_every_table() {
    let size = 5 << 20;
    let mut lab = Lab::committed(size, RW);
    assert_eq!(lab.run(BASE + 0x3000), (size - 0x3000, What::Is(RW)), "VQ05");
    let boundary = BASE + (2 << 20);
    assert_eq!(lab.protect(boundary - PAGE, 2 * PAGE, RO), Ok(RW));
    assert_eq!(lab.run(boundary - PAGE), (2 * PAGE, What::Is(RO)), "VQ06");
    assert_eq!(lab.run(BASE), ((2 << 20) - PAGE, What::Is(RW)), "VQ06");
    assert_eq!(lab.protect(boundary - PAGE, 2 * PAGE, RW), Ok(RO));
    assert_eq!(lab.run(BASE), (size, What::Is(RW)), "VQ06");
}
