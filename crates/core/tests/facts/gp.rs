//! Family GP: guards, as far as the model goes.

use pagewright_core::{Kind, Meeting, Tripped, check};

use super::lab::{BASE, Lab, NONE, PAGE, RO, RW, UNIT};

const P1: u64 = BASE + PAGE;

impl Lab {
    fn meet(&mut self, at: u64) -> Meeting {
        let met = self.0.meet(at).expect("the machine refuses nothing");
        check::check(self.0.space()).expect("the space holds");
        met
    }

    fn protection(&self, at: u64) -> Option<pagewright_core::Protection> {
        match self.0.query(at).expect("in range").state {
            pagewright_core::State::Committed { protection, .. } => Some(protection),
            pagewright_core::State::Free | pagewright_core::State::Reserved { .. } => None,
        }
    }
}

// Rows: GP01 GP02 GP03
#[test]
fn a_guard_is_met_once_and_by_its_page_alone() {
    let mut lab = Lab::committed(2 * PAGE, RW);
    assert_eq!(lab.store(BASE, b"kept"), 4);
    assert_eq!(lab.protect(BASE, 2 * PAGE, RW.guarded()), Ok(RW), "GP01");
    assert_eq!(lab.meet(BASE + 5), Meeting::Guard(RW), "GP02");
    assert_eq!((lab.protection(BASE), lab.protection(P1)), (Some(RW), Some(RW.guarded())));
    assert_eq!(lab.meet(BASE + 6), Meeting::Nothing, "GP03");
    assert_eq!(lab.load(BASE, 4), b"kept");
}

// Rows: GP05
#[test]
fn what_is_left_is_the_rest_of_the_protection() {
    let mut lab = Lab::committed(PAGE, RO.guarded());
    assert_eq!(lab.meet(BASE), Meeting::Guard(RO));
    assert_eq!(lab.store(BASE, b"x"), 0);
}

#[test]
fn where_no_guard_is_nothing_is_met() {
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.meet(BASE), Meeting::Nothing);
    assert_eq!(lab.meet(0x7000_0000), Meeting::Nothing);
    assert_eq!(lab.commit(BASE, PAGE, NONE), Ok((BASE, PAGE)));
    assert_eq!(lab.meet(BASE), Meeting::Nothing);
}

// Rows: GP20
#[test]
fn a_commit_of_pages_with_and_without_memory_arms_both() {
    let mut lab = Lab::reserved(UNIT);
    assert_eq!(lab.commit(P1, PAGE, RW), Ok((P1, PAGE)));
    assert_eq!(lab.store(P1, b"kept"), 4);
    assert_eq!(lab.commit(BASE, 3 * PAGE, RW.guarded()), Ok((BASE, 3 * PAGE)));
    for page in 0..3 {
        assert_eq!(lab.meet(BASE + page * PAGE), Meeting::Guard(RW));
    }
    assert_eq!(lab.load(P1, 4), b"kept");
    assert_eq!(lab.protect(BASE, PAGE, RW.guarded()), Ok(RW));
    assert_eq!(lab.decommit(BASE, PAGE), Ok((BASE, PAGE)));
    assert_eq!(lab.commit(BASE, PAGE, RW), Ok((BASE, PAGE)));
    assert_eq!(lab.meet(BASE), Meeting::Nothing, "GP20");
}

#[test]
fn a_copy_is_an_access_at_both_ends() {
    let mut lab = Lab::committed(4 * PAGE, RW);
    assert_eq!(lab.store(BASE, b"bytes"), 5);
    let copy = |lab: &mut Lab| {
        let request = pagewright_core::CopyRange { source: BASE, size: 2 * PAGE, target: BASE + 2 * PAGE };
        lab.0.copy(&request).map_err(|error| (error.kind, error.at))
    };
    assert_eq!(lab.protect(P1, 3 * PAGE, RW.guarded()), Ok(RW));
    for page in 1..4 {
        assert_eq!(copy(&mut lab), Err((Kind::GuardHit, BASE + page * PAGE)));
        check::check(lab.0.space()).expect("the space holds");
        assert_eq!(lab.protection(BASE + page * PAGE), Some(RW));
    }
    assert_eq!(copy(&mut lab), Ok(2 * PAGE));
    assert_eq!(lab.load(BASE + 2 * PAGE, 5), b"bytes");
}

/// Faults disarm by bits that all copies of the truth share.
#[test]
fn a_trip_is_seen_in_every_copy_and_lost_with_the_next_arming() {
    let mut space = pagewright_core::AddressSpace::new(pagewright_core::Geometry::X86_64, 1 << 30);
    let mut machine = pagewright_testkit::Null::new(pagewright_core::Geometry::X86_64);
    let geometry = *space.geometry();
    let wanted = pagewright_core::Allocate::new(3 * PAGE).at(BASE).protection(RW.guarded());
    let done = space.allocate(&mut machine, &wanted).expect("there is room").armed(&geometry);
    space.apply(&done);
    let mut copy = space.clone();
    assert!(matches!(space.trip(P1 + 7), Tripped::Guard(open) if open.protection == RW));
    assert!(matches!(copy.trip(P1), Tripped::Late(open) if open.page.start().get() == P1));
    assert!(matches!(copy.trip(BASE - PAGE), Tripped::Nothing));
    assert_eq!((space.is_armed(P1), copy.is_armed(P1), copy.is_armed(BASE)), (false, false, true));
    let again = pagewright_core::Protect { at: P1, size: 1, protection: RW.guarded() };
    let done = space.protect(&mut machine, &again).expect("committed").armed(&geometry);
    assert_eq!(done.value, RW);
    space.apply(&done);
    // Met before the edit has come to the other copy: it is met there too.
    assert!(matches!(space.trip(P1), Tripped::Guard(_)));
    copy.apply(&done);
    for space in [&space, &copy] {
        assert!(!space.is_armed(P1));
        assert!(matches!(space.trip(P1), Tripped::Late(_)));
        check::check(space).expect("the space holds");
    }
    let part =
        pagewright_core::Free { at: BASE, size: 3 * PAGE, disposal: pagewright_core::Disposal::Decommit };
    let done = space.free(&mut machine, &part).expect("ours");
    space.apply(&done);
    assert!(matches!(space.trip(BASE), Tripped::Nothing));
    check::check(&space).expect("the space holds");
}
