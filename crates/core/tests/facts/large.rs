//! Section LP: large pages, nodes and the size of pages.

use pagewright_core::{Action, Allocate, Kind, PageKind, Protection, Traits, Watch, Window};

use crate::lab::{BASE, Lab, PAGE, RO, RW, What};

const UNIT: u64 = 2 << 20;
const LARGE: Traits = Traits { pages: PageKind::Large, ..Traits::PLAIN };

fn made(lab: &mut Lab, request: &Allocate) -> Result<(u64, u64), Kind> {
    let said = lab.0.allocate(request);
    lab.sound();
    said.map(|range| (range.start().get(), range.bytes())).map_err(|error| error.kind)
}

// Rows: LP03 LP04 LP05 LP06
#[test]
fn large_pages_come_whole_and_committed() {
    let mut lab = Lab::new();
    let request = Allocate::new(2 * UNIT).of(LARGE);
    let (base, size) = made(&mut lab, &request).expect("the machine has enough");
    assert_eq!((base % UNIT, size), (0, 2 * UNIT));
    assert_eq!(lab.run(base), (2 * UNIT, What::Is(RW)));
    assert_eq!(lab.charge(), 2 * UNIT);
    assert_eq!(lab.store(base + 2 * UNIT - 1, &[1]), 1);
    for size in [1, UNIT - 1, UNIT + PAGE] {
        assert_eq!(made(&mut lab, &Allocate { size, ..request }), Err(Kind::Misaligned), "LP03");
    }
    assert_eq!(made(&mut lab, &Allocate { size: 0, ..request }), Err(Kind::ZeroSize));
    assert_eq!(made(&mut lab, &request.at(BASE + 0x1_0000)), Err(Kind::Misaligned), "LP04");
    for at in [BASE + 1, BASE + PAGE] {
        assert_eq!(made(&mut lab, &request.at(at)), Err(Kind::Misaligned), "LP04: {at:#x}");
    }
    assert_eq!(made(&mut lab, &request.at(BASE)), Ok((BASE, 2 * UNIT)), "LP04");
    assert_eq!(made(&mut lab, &request.reserve()), Err(Kind::BadFlags), "LP05");
    let watched = Traits { watch: Watch::On, ..LARGE };
    assert_eq!(made(&mut lab, &request.of(watched)), Err(Kind::BadFlags), "LP06");
    for protection in [RO, Protection::NONE, Protection::READ_WRITE_EXECUTE, RW.guarded()] {
        assert_eq!(made(&mut lab, &request.protection(protection)), Err(Kind::BadProtection), "LP07");
    }
    let window = Window { alignment: 4 * UNIT, ..Window::ANYWHERE };
    let (base, _) = made(&mut lab, &request.within(window)).expect("there is room");
    assert_eq!(base % (4 * UNIT), 0);
    let (base, _) = made(&mut lab, &request.top_down()).expect("there is room");
    assert_eq!(base % UNIT, 0);
}

// Rows: LP07 LP09
#[test]
fn large_pages_are_as_they_are_until_they_go() {
    let mut lab = Lab::new();
    let (base, _) = made(&mut lab, &Allocate::new(2 * UNIT).of(LARGE)).expect("the machine has enough");
    assert_eq!(lab.store(base, b"kept"), 4);
    for (at, size) in [(base, PAGE), (base, UNIT), (base, 2 * UNIT), (base + UNIT, UNIT)] {
        assert_eq!(lab.protect(at, size, RO), Err(Kind::Fixed), "LP07");
        assert_eq!(lab.commit(at, size, RW), Err(Kind::Fixed), "LP07");
        assert_eq!(lab.decommit(at, size), Err(Kind::Fixed), "LP07");
        assert_eq!(lab.lock(at, size), Err(Kind::Fixed), "LP09");
    }
    assert_eq!(lab.release(base, UNIT), Err(Kind::Fixed));
    assert_eq!(lab.load(base, 4), b"kept");
    assert_eq!(lab.release(base, 0), Ok((base, 2 * UNIT)));
    assert_eq!(lab.charge(), 0);
}

#[test]
fn too_few_large_pages_are_said_to_be_too_few() {
    let mut lab = Lab::new();
    lab.0.machine_mut().set_large_bytes(3 * UNIT);
    let request = Allocate::new(2 * UNIT).of(LARGE);
    let (base, _) = made(&mut lab, &request).expect("the machine has enough");
    assert_eq!(made(&mut lab, &request), Err(Kind::NoLargePages));
    assert_eq!(lab.charge(), 2 * UNIT);
    assert_eq!(lab.release(base, 0), Ok((base, 2 * UNIT)));
    assert!(made(&mut lab, &request).is_ok());
}

// Rows: LP34 LP35 LP36
#[test]
fn a_node_is_a_preference_of_what_is_reserved() {
    let mut lab = Lab::new();
    lab.0.machine_mut().set_nodes(2);
    let near = |node| Traits { node: Some(node), ..Traits::PLAIN };
    assert!(made(&mut lab, &Allocate::new(PAGE).of(near(1))).is_ok(), "LP34");
    assert_eq!(made(&mut lab, &Allocate::new(PAGE).of(near(2))), Err(Kind::NoNode), "LP36");
    assert_eq!(lab.allocate(pagewright_core::Place::At(BASE), UNIT, Action::Reserve, RW), Ok((BASE, UNIT)));
    let commit = Allocate::new(PAGE).commit().at(BASE).of(near(1));
    assert_eq!(made(&mut lab, &commit), Ok((BASE, PAGE)), "LP35");
    let region = lab.0.space().regions().find(|(range, _)| range.start().get() == BASE);
    assert_eq!(region.map(|(_, region)| region.traits.node), Some(None), "LP35: no effect");
}

#[test]
fn joined_pages_lie_where_they_can_be_joined_and_every_verb_works() {
    let mut lab = Lab::new();
    let joined = Traits { pages: PageKind::Joined, ..Traits::PLAIN };
    let (base, _) = made(&mut lab, &Allocate::new(UNIT + PAGE).of(joined)).expect("there is room");
    assert_eq!(base % UNIT, 0);
    assert_eq!(lab.protect(base, PAGE, RO), Ok(RW));
    assert_eq!(lab.decommit(base + PAGE, PAGE), Ok((base + PAGE, PAGE)));
    assert_eq!(lab.lock(base, PAGE), Ok((base, PAGE)));
    assert_eq!(lab.release(base, 0), Ok((base, UNIT + PAGE)));
}
