//! Pages that leave for another address space, and such that come: what core does of it.
//! The machine of the other side is not here, so its objects are made by hand.

use pagewright_core::{
    Consent, Export, Extent, Import, Kind, Machine, ObjectId, Onto, Place, Protection, Reach, Receiver,
    Rights, View, Window,
};

use crate::lab::{BASE, Lab, PAGE, RO, RW, UNIT};

const DEST: u64 = 0x6000_0000;
const ANYWHERE: Onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
const READ_WRITE: Rights = Rights::READ.union(Rights::WRITE);

fn export(lab: &mut Lab, source: u64, size: u64) -> Result<Vec<Extent>, Kind> {
    let (rights, consent, into) = (READ_WRITE, Consent::OwnOnly, Receiver::New);
    let said = lab.0.export(&Export { source, size, rights, consent, into });
    lab.sound();
    said.map_err(|error| error.kind)
}

fn import(lab: &mut Lab, extents: &[Extent], onto: Onto, protection: Protection) -> Result<u64, Kind> {
    let said = lab.0.import(&Import { extents, onto, protection });
    lab.sound();
    said.map(|range| range.start().get()).map_err(|error| error.kind)
}

/// An object of the other side, as it is known when its descriptor came.
fn theirs(lab: &mut Lab, pages: u64) -> Extent {
    let object = lab.0.space().next_object();
    lab.0.machine_mut().create(object, pages).expect("there is room");
    Extent { object, first: 0, pages, ceiling: Rights::USUAL }
}

fn source() -> Lab {
    let mut lab = Lab::committed(UNIT, RW);
    lab.number(BASE, 16, 1);
    lab
}

#[test]
fn private_pages_leave_in_an_object_of_their_own() {
    let mut lab = source();
    let extents = export(&mut lab, BASE + PAGE, 3 * PAGE).expect("ours");
    let [extent] = extents[..] else { panic!("{extents:?}") };
    assert_eq!((extent.first, extent.pages, extent.ceiling), (0, 3, Rights::USUAL));
    let (_, object) = lab.0.space().objects().next().expect("there is one");
    assert_eq!((object.pages, object.reach), (3, Reach::Abroad), "those pages and no others");
    assert_eq!(lab.charge(), UNIT);
    // What is out is not moved again.
    let again = export(&mut lab, BASE, 3 * PAGE).expect("ours");
    assert_eq!((again.len(), again[1].object), (2, extent.object));
    assert_eq!((again[1].first, again[1].pages), (0, 2));
    assert_eq!(lab.numbers(BASE, 16), (1..=16).collect::<Vec<u8>>());
}

#[test]
fn pages_that_others_may_show_are_never_frozen() {
    let mut lab = Lab::committed(0x4_0000, RW);
    lab.both(DEST, 0x4_0000, RW).expect("free");
    lab.number(BASE, 64, 1);
    export(&mut lab, BASE, 0x4_0000).expect("ours");
    assert_eq!(lab.copy(BASE, 0x4_0000, DEST), Ok(0x4_0000));
    assert_eq!(lab.contents(DEST, 0x4_0000), [None], "copied at once");
    assert!(lab.contents(BASE, 0x4_0000).iter().flatten().all(|content| content.view == View::Shared));
    assert_eq!(lab.copy(DEST, 0x4_0000, BASE), Ok(0x4_0000));
    assert!(lab.contents(BASE, 0x4_0000).iter().flatten().all(|content| content.view == View::Shared));
}

#[test]
fn a_refused_export_can_be_seen_by_nobody() {
    let mut lab = source();
    lab.decommit(BASE + 2 * PAGE, PAGE).expect("ours");
    assert_eq!(export(&mut lab, BASE, 4 * PAGE), Err(Kind::NotCommitted));
    assert_eq!(export(&mut lab, BASE, 0), Err(Kind::ZeroSize));
    assert_eq!(export(&mut lab, BASE + 5, PAGE), Err(Kind::Misaligned));
    assert_eq!(export(&mut lab, 0x7000_0000, PAGE), Err(Kind::NotCommitted));
    assert_eq!((lab.objects(), lab.charge()), (0, 15 * PAGE));
}

#[test]
fn what_comes_is_shown_and_promised_once() {
    let mut lab = Lab::reserved(UNIT);
    let extent = theirs(&mut lab, 4);
    assert_eq!(import(&mut lab, &[extent], Onto::Reserved(BASE), RW), Ok(BASE));
    assert_eq!((lab.numbers(BASE, 4), lab.charge()), (vec![0; 4], 4 * PAGE));
    lab.number(BASE, 4, 7);
    // A second view of it, in another order, at a limit that leaves no room for more.
    lab.0.space_mut().set_limit(4 * PAGE);
    let parts = [Extent { first: 2, pages: 2, ..extent }, Extent { first: 0, pages: 2, ..extent }];
    let at = import(&mut lab, &parts, ANYWHERE, RO).expect("nothing new is promised");
    assert_eq!((lab.numbers(at, 4), lab.charge()), (vec![9, 10, 7, 8], 4 * PAGE));
    lab.release(BASE, 0).expect("ours");
    assert_eq!((lab.objects(), lab.numbers(at, 4)), (1, vec![9, 10, 7, 8]));
    lab.release(at, 0).expect("ours");
    assert_eq!((lab.objects(), lab.charge()), (0, 0), "the last view takes the object along");
}

#[test]
fn several_objects_come_at_once() {
    let mut lab = Lab::reserved(UNIT);
    let first = theirs(&mut lab, 4);
    let second = Extent { object: ObjectId(first.object.0 + 1), ..first };
    lab.0.machine_mut().create(second.object, 4).expect("there is room");
    let half = |extent: Extent, first| Extent { first, pages: 2, ..extent };
    let extents = [half(first, 0), half(second, 2), half(first, 2)];
    assert_eq!(import(&mut lab, &extents, Onto::Reserved(BASE), RW), Ok(BASE));
    assert_eq!((lab.objects(), lab.charge()), (2, 6 * PAGE));
    assert_eq!(lab.0.space().next_object(), ObjectId(second.object.0 + 1));
}

#[test]
fn a_refused_import_forgets_what_came() {
    let mut lab = Lab::reserved(UNIT);
    lab.commit(BASE + 8 * PAGE, PAGE, RW).expect("reserved");
    let copy = Protection::READ_COPY;
    let weak = |extent| Extent { ceiling: Rights::READ, ..extent };
    type Case = (Kind, Onto, Protection, fn(Extent) -> Extent);
    let cases: [Case; 7] = [
        (Kind::TargetCommitted, Onto::Reserved(BASE + 6 * PAGE), RW, |extent| extent),
        (Kind::NotReserved, Onto::Reserved(BASE + 14 * PAGE), RW, |extent| extent),
        (Kind::NotReserved, Onto::Reserved(DEST), RW, |extent| extent),
        (Kind::Misaligned, Onto::Reserved(BASE + 1), RW, |extent| extent),
        (Kind::BadProtection, Onto::Reserved(BASE), copy, |extent| extent),
        (Kind::AboveCeiling, Onto::Reserved(BASE), RW, weak),
        (Kind::Conflict, Onto::Fresh(Place::At(BASE)), RW, |extent| extent),
    ];
    for (kind, onto, protection, change) in cases {
        let whole = theirs(&mut lab, 4);
        let extents = [Extent { pages: 3, ..whole }, Extent { first: 1, pages: 1, ..whole }].map(change);
        assert_eq!(import(&mut lab, &extents, onto, protection), Err(kind));
        assert_eq!((lab.objects(), lab.charge()), (0, PAGE));
    }
    lab.0.space_mut().set_limit(4 * PAGE);
    let extent = theirs(&mut lab, 4);
    assert_eq!(import(&mut lab, &[extent], Onto::Reserved(BASE), RW), Err(Kind::CommitLimit));
    assert_eq!(lab.objects(), 0);
}
