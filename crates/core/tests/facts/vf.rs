//! Section VF: decommit and release.

use pagewright_core::{Backing, Kind, PageRange};

use crate::lab::{BASE, Lab, PAGE, RO, RW, Span, UNIT, What};

const P1: u64 = BASE + PAGE;
const P2: u64 = BASE + 2 * PAGE;

// Rows: VF06 VF07 VF08
#[test]
fn decommit_takes_every_touched_page() {
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.commit(BASE, PAGE, RW), Ok((BASE, PAGE)));
    assert_eq!(lab.decommit(BASE, UNIT), Ok((BASE, UNIT)), "VF06");
    assert_eq!(lab.run(BASE), (UNIT, What::Reserved), "VF06");
    assert_eq!(lab.decommit(BASE, PAGE), Ok((BASE, PAGE)), "VF07");
    assert_eq!(lab.run(BASE), (UNIT, What::Reserved), "VF07");
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.decommit(BASE + 0x1fff, 2), Ok((P1, 0x2000)), "VF08");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RW)), "VF08");
    assert_eq!(lab.run(P1), (0x2000, What::Reserved), "VF08");
    assert_eq!(lab.run(BASE + 0x3000), (0xd000, What::Is(RW)), "VF08");
}

// Rows: VF09 VF10 VF11 VF12 VF13 VF15 VF16
#[test]
fn size_0_means_the_whole_from_any_address_of_its_first_page() {
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.decommit(BASE + 0x1001, 0), Err(Kind::NotAtBase), "VF09");
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "VF09");
    assert_eq!(lab.decommit(BASE + 0xffe, 0), Ok((BASE, UNIT)), "VF10");
    assert_eq!(lab.run(BASE), (UNIT, What::Reserved), "VF10");
    assert_eq!(lab.release(BASE + 0x1001, 0), Err(Kind::NotAtBase), "VF11");
    assert_eq!(lab.release(P1, 0), Err(Kind::NotAtBase), "VF12, VF16");
    assert_eq!(lab.release(BASE + 0xfff, 0), Ok((BASE, UNIT)), "VF13");
    assert_eq!(lab.run(BASE).1, What::Free, "VF13");
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.commit(P1, PAGE, RW), Ok((P1, PAGE)), "VF15");
    assert_eq!(lab.release(BASE, 0), Ok((BASE, UNIT)), "VF15");
    assert_eq!(lab.run(BASE).1, What::Free, "VF15");
    assert_eq!(lab.0.space().charge().used(), 0, "VF15");
}

// Rows: VF17 VF18 VF26 VF27 VF28 VF29
#[test]
fn a_release_stays_in_its_allocation() {
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.release(BASE, 0x1_1000), Err(Kind::BeyondAllocation), "VF17");
    assert_eq!(lab.release(BASE + 0x1001, 0xffff), Err(Kind::BeyondAllocation), "VF18");
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "VF17, VF18");
    let mut lab = Lab::reserved(UNIT);
    for next in [BASE + UNIT, BASE + 2 * UNIT] {
        assert_eq!(lab.reserve(next, UNIT), Ok((next, UNIT)), "VF26");
    }
    assert_eq!(lab.release(BASE, 3 * UNIT), Err(Kind::BeyondAllocation), "VF26");
    let mut lab = Lab::reserved(0x3000);
    for free in [BASE + 0x1_0000, BASE + 0x8000] {
        assert_eq!(lab.release(free, PAGE), Err(Kind::NotAllocated), "VF27");
    }
    assert_eq!(lab.release(BASE, 0x4000), Err(Kind::BeyondAllocation), "VF28");
    assert_eq!(lab.release(BASE, 0x3000), Ok((BASE, 0x3000)), "VF29");
    assert_eq!(lab.run(BASE).1, What::Free, "VF29");
}

// Rows: VF19 VF20 VF21 VF22 VF23 VF24
#[test]
fn a_release_of_a_part_leaves_allocations_of_their_own() {
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.store(BASE, b"first"), 5);
    assert_eq!(lab.store(P2, b"tail"), 4);
    assert_eq!(lab.release(BASE + 0x1001, 0xfff), Ok((P1, PAGE)), "VF19");
    assert_eq!(lab.run(P1), (PAGE, What::Free), "VF19");
    assert_eq!(lab.origin(BASE), Some((BASE, RW)), "VF19");
    assert_eq!(lab.origin(P2), Some((P2, RW)), "VF19");
    assert_eq!((lab.load(BASE, 5), lab.load(P2, 4)), (b"first".into(), b"tail".into()), "VF19");
    for said in [lab.decommit(BASE, UNIT), lab.release(BASE, UNIT)] {
        assert_eq!(said, Err(Kind::BeyondAllocation), "VF22");
    }
    for said in [lab.release(P1, 0), lab.decommit(P1, PAGE)] {
        assert_eq!(said, Err(Kind::NotAllocated), "VF23");
    }
    assert_eq!(lab.release(BASE + 1, 0xfff), Ok((BASE, PAGE)), "VF20");
    assert_eq!(lab.both(BASE, PAGE, RW), Ok((BASE, PAGE)), "VF21");
    assert_eq!(lab.load(BASE, 5), [0; 5], "VF21");
    assert_eq!(lab.release(P2, 0), Ok((P2, 0xe000)), "VF24");
}

// Rows: VF25
#[test]
fn a_release_in_the_middle_splits() {
    let mut lab = Lab::reserved(3 * UNIT);
    assert_eq!(lab.release(BASE + UNIT, UNIT), Ok((BASE + UNIT, UNIT)), "VF25");
    assert_eq!(lab.run(BASE), (UNIT, What::Reserved), "VF25");
    assert_eq!(lab.run(BASE + UNIT), (UNIT, What::Free), "VF25");
    assert_eq!(lab.run(BASE + 2 * UNIT), (UNIT, What::Reserved), "VF25");
}

// Rows: VF30 VF31 VF32 VF33 VF34
#[test]
fn ranges_round_out_to_pages_and_no_further_than_the_end() {
    type Call = fn(&mut Lab, u64, u64) -> Span;
    for call in [Lab::decommit as Call, Lab::release as Call] {
        let mut lab = Lab::committed(PAGE, RW);
        assert_eq!(call(&mut lab, BASE, 0x1001), Err(Kind::BeyondAllocation), "VF30");
        assert_eq!(call(&mut lab, BASE + 1, 0x1000), Err(Kind::BeyondAllocation), "VF31");
        assert_eq!(call(&mut lab, BASE + 1, 0xfff), Ok((BASE, PAGE)), "VF32");
    }
    for order in [[BASE, P1], [P1, BASE]] {
        let mut lab = Lab::committed(0x2000, RW);
        for page in order {
            assert_eq!(lab.release(page, PAGE), Ok((page, PAGE)), "VF33");
        }
        assert_eq!(lab.run(BASE).1, What::Free, "VF33");
    }
    let mut lab = Lab::committed(0x2000, RW);
    assert_eq!(lab.release(BASE + 1, 0x1000), Ok((BASE, 0x2000)), "VF34");
}

// Rows: VF35 VF36 VF37 VF38
#[test]
fn what_is_not_allocated_cannot_be_freed() {
    let mut lab = Lab::new();
    assert_eq!(lab.release(BASE, 0), Err(Kind::NotAllocated), "VF35");
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.release(BASE, 0), Ok((BASE, PAGE)), "VF36");
    assert_eq!(lab.release(BASE, 0), Err(Kind::NotAllocated), "VF36");
    assert_eq!(lab.release(0xffff_8000_0000_0000, 0), Err(Kind::BadAddress), "VF37");
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.release(BASE, u64::MAX), Err(Kind::BadSize), "VF38");
    assert_eq!(lab.decommit(BASE, 0x7fff_ffff_f000), Err(Kind::BadSize), "VF38");
}

// Rows: VF39 VF40
#[test]
fn views_and_images_are_not_ours_to_free() {
    for (row, backing) in [("VF39", Backing::View), ("VF40", Backing::Image)] {
        let mut lab = Lab::new();
        let range = PageRange::between(BASE, BASE + UNIT).expect("a unit");
        lab.0.machine_mut().intrude(range, RO, backing);
        assert_eq!(lab.decommit(BASE, PAGE), Err(Kind::ForeignView), "{row}");
        assert_eq!(lab.release(BASE, 0), Err(Kind::ForeignView), "{row}");
    }
}

// Rows: VF41 VF45 VL14
#[test]
fn memory_and_lock_go_with_the_decommit() {
    let mut lab = Lab::committed(0x2000, RW);
    assert_eq!(lab.store(BASE, b"old"), 3);
    assert_eq!(lab.lock(BASE, 0x2000), Ok((BASE, 0x2000)));
    assert_eq!(lab.decommit(BASE, PAGE), Ok((BASE, PAGE)), "VF45");
    assert_eq!(lab.commit(BASE, PAGE, RW), Ok((BASE, PAGE)), "VF41");
    assert_eq!(lab.load(BASE, 3), [0; 3], "VF41");
    assert_eq!(lab.unlock(BASE, PAGE), Err(Kind::NotLocked), "VF45, VL14");
    assert_eq!(lab.unlock(P1, PAGE), Ok((P1, PAGE)), "VF45");
    assert_eq!(lab.lock(BASE, 0x2000), Ok((BASE, 0x2000)));
    assert_eq!(lab.release(BASE, 0), Ok((BASE, 0x2000)), "VF45, VL14");
}
