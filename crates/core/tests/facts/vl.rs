//! Section VL, and the guard rows about locking.

use pagewright_core::Kind;

use crate::lab::{BASE, Lab, NONE, PAGE, RO, RW, UNIT, What};

const P1: u64 = BASE + PAGE;

// Rows: VL01 VL09 VL10 VL11 VL12 VL13
#[test]
fn every_touched_page_is_locked_and_there_is_no_count() {
    let mut lab = Lab::committed(UNIT, RW);
    assert_eq!(lab.lock(BASE + 0xfff, 2), Ok((BASE, 0x2000)), "VL01");
    assert_eq!(lab.lock(BASE, 0x2000), Ok((BASE, 0x2000)), "VL09");
    assert_eq!(lab.unlock(BASE, PAGE), Ok((BASE, PAGE)), "VL10");
    assert_eq!(lab.unlock(BASE, PAGE), Err(Kind::NotLocked), "VL10, VL11");
    assert_eq!(lab.unlock(BASE, 0x2000), Err(Kind::NotLocked), "VL12");
    assert_eq!(lab.unlock(P1, PAGE), Ok((P1, PAGE)), "VL12: it stayed locked");
    assert_eq!(lab.unlock(0x7000_0000, PAGE), Err(Kind::NotLocked), "VL13");
}

// Rows: VL02 VL03 VL04 VL05
#[test]
fn what_cannot_be_loaded_cannot_be_locked() {
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.commit(BASE, PAGE, RW), Ok((BASE, PAGE)));
    assert_eq!(lab.lock(BASE, 0x2000), Err(Kind::NoAccess), "VL02");
    assert_eq!(lab.unlock(BASE, PAGE), Err(Kind::NotLocked), "VL02: nothing was locked");
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.lock(BASE, 0x2000), Err(Kind::NoAccess), "VL03");
    let mut lab = Lab::committed(PAGE, NONE);
    assert_eq!(lab.lock(BASE, PAGE), Err(Kind::NoAccess), "VL04");
    for readable in [RO, pagewright_core::Protection::READ_EXECUTE] {
        let mut lab = Lab::committed(PAGE, readable);
        assert_eq!(lab.lock(BASE, PAGE), Ok((BASE, PAGE)), "VL05");
    }
}

// Rows: VL07 VL08
#[test]
fn nonsense_is_refused() {
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.lock(BASE, 0), Err(Kind::ZeroSize), "VL07");
    assert_eq!(lab.lock(0xffff_8000_0000_0000, PAGE), Err(Kind::BadAddress), "VL08");
    assert_eq!(lab.lock(BASE, u64::MAX), Err(Kind::BadSize), "VL08");
}

// Rows: GP06 GP07 VL06
#[test]
fn a_lock_meets_the_guard_once() {
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.store(BASE, b"kept"), 4);
    assert_eq!(lab.protect(BASE, PAGE, RW.guarded()), Ok(RW));
    assert_eq!(lab.lock(BASE, PAGE), Err(Kind::GuardHit), "GP06, VL06");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RW)), "GP06");
    assert_eq!(lab.lock(BASE, PAGE), Ok((BASE, PAGE)), "GP07");
    assert_eq!(lab.load(BASE, 4), b"kept", "GP07");
    assert_eq!(lab.unlock(BASE, PAGE), Ok((BASE, PAGE)), "GP07");
}

// Rows: GP20
#[test]
fn a_guard_goes_with_the_memory() {
    let mut lab = Lab::committed(PAGE, RW.guarded());
    assert_eq!(lab.decommit(BASE, PAGE), Ok((BASE, PAGE)), "GP20");
    assert_eq!(lab.commit(BASE, PAGE, RW), Ok((BASE, PAGE)), "GP20");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(RW)), "GP20");
    assert_eq!(lab.store(BASE, b"x"), 1, "GP20");
}

// Rows: VL16
#[test]
fn locked_pages_may_be_protected_and_stay_locked() {
    let mut lab = Lab::committed(PAGE, RW);
    assert_eq!(lab.lock(BASE, PAGE), Ok((BASE, PAGE)));
    assert_eq!(lab.protect(BASE, PAGE, NONE), Ok(RW), "VL16");
    assert_eq!(lab.run(BASE), (PAGE, What::Is(NONE)), "VL16");
    assert_eq!(lab.unlock(BASE, PAGE), Ok((BASE, PAGE)), "VL16");
}
