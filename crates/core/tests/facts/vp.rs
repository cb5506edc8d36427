//! Sections VP and RW: protection, and what it means for loads and stores.

use pagewright_core::{Backing, Caching, Kind, PageRange, Protection};

use crate::lab::{BASE, ERW, Lab, NONE, PAGE, RO, RW, SINGLES, UNIT, What};

const P1: u64 = BASE + PAGE;
const ABOVE: u64 = 0xffff_8000_0000_0000;

// Rows: VP02 VP06 VP07
#[test]
fn the_answer_is_the_old_protection() {
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.commit(BASE, PAGE, NONE), Ok((BASE, PAGE)));
    assert_eq!(lab.protect(BASE, PAGE, NONE), Ok(NONE), "VP02");
    assert_eq!(lab.protect(BASE, PAGE, RO), Ok(NONE), "VP06");
    assert_eq!(lab.protect(BASE, PAGE, RW), Ok(RO), "VP06");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RW)), "VP06");
    for protection in SINGLES {
        let mut lab = Lab::committed(PAGE, NONE);
        assert_eq!(lab.protect(BASE, PAGE, protection), Ok(NONE), "VP07");
        assert_eq!(lab.run(BASE), (PAGE, What::Is(protection)), "VP07");
        assert_eq!(lab.origin(BASE), Some((BASE, NONE)), "VP07");
    }
}

// Rows: VP03 VP04
#[test]
fn every_page_must_be_committed_or_nothing_changes() {
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.protect(BASE, PAGE, RO), Err(Kind::NotCommitted), "VP03");
    assert_eq!(lab.commit(BASE, PAGE, NONE), Ok((BASE, PAGE)));
    assert_eq!(lab.protect(BASE, UNIT, RO), Err(Kind::NotCommitted), "VP04");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(NONE)), "VP04");
}

// Rows: VP09
#[test]
fn private_memory_cannot_be_copy_on_write() {
    let mut lab = Lab::committed(PAGE, NONE);
    for copy in [Protection::READ_COPY, Protection::READ_COPY_EXECUTE] {
        assert_eq!(lab.protect(BASE, PAGE, copy), Err(Kind::BadProtection), "VP09");
    }
    assert_eq!(lab.run(BASE), (PAGE, What::Is(NONE)), "VP09");
}

// Rows: VP11 VP12 VP13
#[test]
fn ranges_round_out_to_pages() {
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.protect(BASE + 8 * PAGE, 8 * PAGE, ERW), Ok(RW), "VP11");
    assert_eq!(lab.protect(BASE, UNIT, RO), Ok(RW), "VP11");
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RO)), "VP11");
    assert_eq!(lab.protect(BASE + 1, 1, RW), Ok(RO), "VP12");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RW)), "VP12");
    assert_eq!(lab.run(P1), (UNIT - PAGE, What::Is(RO)), "VP12");
    assert_eq!(lab.protect(BASE + 0x1fff, 2, NONE), Ok(RO), "VP13");
    assert_eq!(lab.run(P1), (0x2000, What::Is(NONE)), "VP13");
}

// Rows: VP16 VP17 VP18 VP19 VP20 VP21
#[test]
fn the_range_lies_in_one_allocation() {
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.protect(BASE + UNIT, PAGE, RO), Err(Kind::SpansAllocations), "VP16");
    assert_eq!(lab.protect(0, PAGE, RO), Err(Kind::SpansAllocations), "VP16");
    assert_eq!(lab.protect(BASE, 0, RO), Err(Kind::ZeroSize), "VP17");
    assert_eq!(lab.protect(ABOVE, PAGE, RO), Err(Kind::BadAddress), "VP18");
    assert_eq!(lab.protect(BASE, u64::MAX, RO), Err(Kind::BadSize), "VP19");
    assert_eq!(lab.both(BASE + UNIT, UNIT, RW), Ok((BASE + UNIT, UNIT)));
    assert_eq!(lab.protect(BASE, 2 * UNIT, RO), Err(Kind::SpansAllocations), "VP20");
    assert_eq!(lab.release(P1, PAGE), Ok((P1, PAGE)));
    assert_eq!(lab.protect(BASE, 0x3000, RO), Err(Kind::SpansAllocations), "VP21");
    for at in [BASE, BASE + 0x2000, BASE + UNIT] {
        assert_eq!(lab.run(at).1, What::Is(RW), "VP16 to VP21");
    }
}

// Rows: VP20
#[test]
fn a_range_of_others_memory_does_not_reach_into_ours() {
    let mut lab = Lab::committed(UNIT, RW);
    let below = PageRange::between(BASE - UNIT, BASE).expect("a unit");
    lab.0.machine_mut().intrude(below, RW, Backing::Private);
    assert_eq!(lab.protect(BASE - PAGE, 2 * PAGE, RO), Err(Kind::SpansAllocations), "VP20");
    assert_eq!((lab.run(BASE - PAGE).1, lab.run(BASE).1), (What::Is(RW), What::Is(RW)), "VP20");
    assert_eq!(lab.protect(BASE - UNIT, UNIT, RO), Ok(RW), "VP42");
    assert_eq!(lab.run(BASE - UNIT), (UNIT, What::Is(RO)), "VP42");
}

// Rows: VP23 VP24
#[test]
fn protection_stops_accesses_and_keeps_the_bytes() {
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.store(BASE, b"data"), 4);
    assert_eq!(lab.protect(BASE, PAGE, RO), Ok(RW), "VP23");
    assert_eq!((lab.store(BASE, b"x"), lab.load(BASE, 4)), (0, b"data".into()), "VP23");
    assert_eq!(lab.protect(BASE, PAGE, NONE), Ok(RO), "VP24");
    assert_eq!(lab.load(BASE, 4), b"", "VP24");
    assert_eq!(lab.protect(BASE, PAGE, RO), Ok(NONE), "VP24");
    assert_eq!(lab.load(BASE, 4), b"data", "VP24");
}

// Rows: VP25 VP26 VP27
#[test]
fn the_cache_attribute_belongs_to_the_allocation() {
    let uncached = RW.cached(Caching::NoCache);
    let mut lab = Lab::committed(0x2000, uncached);
    assert_eq!(lab.protect(BASE, PAGE, RW), Ok(uncached), "VP25");
    assert_eq!(lab.run(BASE), (0x2000, What::Is(uncached)), "VP25");
    assert_eq!(lab.protect(BASE, PAGE, RO), Ok(uncached), "VP26");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RO.cached(Caching::NoCache))), "VP26");
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.protect(BASE, PAGE, RO.cached(Caching::NoCache)), Ok(RW), "VP27");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RO)), "VP27");
}

// Rows: GP01 VP29 VP30
#[test]
fn a_guard_is_set_and_cleared_like_any_protection() {
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.store(BASE, b"kept"), 4);
    assert_eq!(lab.protect(BASE, PAGE, RW.guarded()), Ok(RW), "VP29");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RW.guarded())), "VP29");
    assert_eq!(lab.load(BASE, 1), b"", "GP02");
    assert_eq!(lab.protect(BASE, PAGE, RW), Ok(RW.guarded()), "VP30");
    assert_eq!(lab.load(BASE, 4), b"kept", "VP30");
    let lab = Lab::committed(PAGE, RW.guarded());
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RW.guarded())), "GP01");
    assert_eq!(lab.origin(BASE), Some((BASE, RW.guarded())), "GP01");
}

// Rows: RW02 RW05 RW16 RW21 RW25 RW27
#[test]
fn copying_stops_at_the_first_byte_that_refuses() {
    let mut lab = Lab::committed(0x8000, ERW);
    let bytes = [7; 0x8000];
    assert_eq!(lab.store(BASE, &bytes), 0x8000, "RW02");
    assert_eq!(lab.load(BASE, 0x8000), bytes, "RW02");
    assert_eq!((lab.store(BASE, b""), lab.load(BASE, 0).len()), (0, 0), "RW05");
    assert_eq!(lab.load(0x1234, 8), b"", "RW16");
    assert_eq!(lab.protect(BASE + 0x2000, 0x6000, Protection::READ_EXECUTE), Ok(ERW));
    assert_eq!(lab.store(BASE, &bytes), 0x2000, "RW25");
    assert_eq!(lab.protect(BASE + 0x2000, 0x6000, RO), Ok(Protection::READ_EXECUTE));
    assert_eq!(lab.store(BASE, &bytes), 0x2000, "RW27");
    assert_eq!(lab.store(BASE + 0x2000, &bytes[..8]), 0, "RW21");
}
