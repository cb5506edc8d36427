//! Aliases: `reference/wince.md`, sections 3 and 8, as far as they concern core.

use pagewright_core::{
    Alias, Backing, Consent, Kind, Limit, Onto, PageRange, Place, Protection, Restrict, Rights, View, Window,
};

use crate::lab::{BASE, ERW, Lab, NONE, PAGE, RO, RW, SINGLES, Span, UNIT, What};

/// Where aliases go: a reservation of 16 pages.
const DEST: u64 = 0x6000_0000;
const ANYWHERE: Onto = Onto::Fresh(Place::Window(Window::ANYWHERE));

/// Sixteen numbered pages at [`BASE`], sixteen reserved ones at [`DEST`].
fn pair() -> Lab {
    let mut lab = Lab::committed(UNIT, RW);
    lab.number(BASE, 16, 1);
    assert_eq!(lab.reserve(DEST, UNIT), Ok((DEST, UNIT)));
    lab
}

/// The same, with the first four pages of the source shown at [`DEST`].
fn aliased() -> Lab {
    let mut lab = pair();
    assert_eq!(lab.alias(BASE, 4 * PAGE, Onto::Reserved(DEST), RW), Ok((DEST, 4 * PAGE)));
    lab
}

fn refused(lab: &mut Lab, source: u64, size: u64, at: u64) -> Kind {
    let (charge, objects) = (lab.charge(), lab.objects());
    let kind = lab.alias(source, size, Onto::Reserved(at), RW).expect_err("it is refused");
    assert_eq!((lab.charge(), lab.objects()), (charge, objects), "§8: failure is atomic");
    kind
}

#[test]
fn the_target_is_reserved_and_without_memory() {
    let mut lab = pair();
    assert_eq!(refused(&mut lab, BASE, PAGE, 0x7000_0000), Kind::NotReserved, "3.1-1");
    let inside = lab.alias(BASE, 2 * PAGE, Onto::Reserved(DEST + 3 * PAGE), RW);
    assert_eq!(inside, Ok((DEST + 3 * PAGE, 2 * PAGE)), "3.1-2: a part of a larger reservation");
    assert_eq!(lab.run(DEST), (3 * PAGE, What::Reserved), "3.1-2: the rest stays reserved");
    assert_eq!(lab.run(DEST + 3 * PAGE), (2 * PAGE, What::Is(RW)), "3.1-2");
    assert_eq!(lab.commit(DEST + 8 * PAGE, PAGE, RW), Ok((DEST + 8 * PAGE, PAGE)));
    assert_eq!(refused(&mut lab, BASE, 2 * PAGE, DEST + 7 * PAGE), Kind::TargetCommitted, "3.1-3");
    assert_eq!(refused(&mut lab, BASE, PAGE, DEST + 4 * PAGE), Kind::TargetCommitted, "3.1-3: an alias");
    assert_eq!(refused(&mut lab, BASE, 4 * PAGE, DEST + 14 * PAGE), Kind::NotReserved, "3.1-1: half of it");
    let own = refused(&mut lab, BASE, PAGE, BASE + PAGE);
    assert_eq!(own, Kind::TargetCommitted, "3.1-12: source and target cannot overlap");
}

#[test]
fn the_source_is_committed_page_by_page_whatever_its_protection() {
    let mut lab = pair();
    assert_eq!(lab.decommit(BASE + 2 * PAGE, PAGE), Ok((BASE + 2 * PAGE, PAGE)));
    assert_eq!(refused(&mut lab, BASE + 2 * PAGE, PAGE, DEST), Kind::NotCommitted, "3.1-5");
    assert_eq!(refused(&mut lab, 0x7000_0000, PAGE, DEST), Kind::NotCommitted, "3.1-6: raw memory");
    assert_eq!(refused(&mut lab, BASE, 4 * PAGE, DEST), Kind::NotCommitted, "3.3: all or nothing");
    assert_eq!(lab.run(DEST), (UNIT, What::Reserved), "3.3: all or nothing");
    assert_eq!(lab.both(BASE + UNIT, UNIT, RO), Ok((BASE + UNIT, UNIT)));
    let across = lab.alias(BASE + 14 * PAGE, 4 * PAGE, Onto::Reserved(DEST), RW);
    assert_eq!(across, Ok((DEST, 4 * PAGE)), "3.1-11: several allocations");
    assert_eq!(lab.numbers(DEST, 4), [15, 16, 0, 0], "3.1-11");
    for (index, protection) in SINGLES.into_iter().enumerate() {
        let (from, to) = (BASE + 4 * PAGE, DEST + (index as u64 + 4) * PAGE);
        lab.protect(from, PAGE, protection).expect("it is committed");
        assert_eq!(lab.alias(from, PAGE, Onto::Reserved(to), RW), Ok((to, PAGE)), "3.2: {protection:?}");
        assert_eq!(lab.load(to, 1), [5], "3.2: {protection:?}");
        assert_eq!(lab.run(from).1, What::Is(protection), "3.2: the source keeps its own");
    }
}

#[test]
fn nothing_is_rounded_and_nonsense_is_refused() {
    let mut lab = pair();
    for (source, size, at, kind) in [
        (BASE, 0, DEST, Kind::ZeroSize),                      // 3.1-14
        (BASE, u64::MAX, DEST, Kind::BadSize),                // 3.1-15
        (u64::MAX, PAGE, DEST, Kind::BadAddress),             // 3.1-15
        (BASE, PAGE, !0xfff, Kind::BadAddress),               // 3.1-15
        (BASE + 1, PAGE, DEST, Kind::Misaligned),             // 3.1-9
        (BASE, PAGE + 1, DEST, Kind::Misaligned),             // 3.1-13 is the wrapper's
        (BASE, PAGE, DEST + 0x800, Kind::Misaligned),         // 3.1-9
        (BASE + 0x800, PAGE, DEST + 0x800, Kind::Misaligned), // 3.1-9: the wrapper's
    ] {
        assert_eq!(refused(&mut lab, source, size, at), kind, "{source:#x} {size:#x} {at:#x}");
    }
    let crooked = Onto::Fresh(Place::At(DEST + UNIT + 0x800));
    assert_eq!(lab.alias(BASE, PAGE, crooked, RW), Err(Kind::Misaligned), "3.1-9");
    let copy = lab.alias(BASE, PAGE, Onto::Reserved(DEST), Protection::READ_COPY);
    assert_eq!(copy, Err(Kind::BadProtection), "8: protection");
    let odd = lab.alias(BASE + 3 * PAGE, PAGE, Onto::Reserved(DEST + 9 * PAGE), RW);
    assert_eq!(odd, Ok((DEST + 9 * PAGE, PAGE)), "3.1-10: offsets in 64 KiB need not match");
}

#[test]
fn a_store_through_either_is_seen_through_both() {
    let mut lab = aliased();
    assert_eq!(lab.numbers(DEST, 4), [1, 2, 3, 4], "3.3: visible both ways");
    lab.number(DEST, 2, 50);
    lab.number(BASE + 2 * PAGE, 2, 60);
    for at in [BASE, DEST] {
        assert_eq!(lab.numbers(at, 4), [50, 51, 60, 61], "3.3: visible both ways");
    }
    assert_eq!(lab.numbers(BASE + 4 * PAGE, 1), [5], "the neighbour stays private");
    assert!(lab.contents(BASE + 4 * PAGE, 12 * PAGE) == [None], "the neighbour stays private");
    assert_eq!(lab.charge(), UNIT, "shared pages are promised once");
    let info = lab.query(DEST).expect("in the user range");
    assert_eq!((info.size, lab.origin(DEST)), (4 * PAGE, Some((DEST, NONE))), "3.3: VirtualQuery");
    let pagewright_core::State::Committed { backing, .. } = info.state else { panic!("3.3: VirtualQuery") };
    assert_eq!(backing, Backing::Private, "3.3: VirtualQuery");
}

#[test]
fn the_alias_has_its_own_protection_and_locks() {
    let mut lab = pair();
    assert_eq!(lab.alias(BASE, PAGE, Onto::Reserved(DEST), RO), Ok((DEST, PAGE)));
    assert_eq!((lab.store(DEST, b"x"), lab.store(BASE, b"y")), (0, 1), "3.2");
    assert_eq!(lab.load(DEST, 1), b"y", "3.2");
    assert_eq!(lab.protect(DEST, PAGE, ERW), Ok(RO), "3.2: VirtualProtect on an alias");
    assert_eq!((lab.run(DEST).1, lab.run(BASE).1), (What::Is(ERW), What::Is(RW)), "3.2");
    assert_eq!(lab.protect(BASE, PAGE, NONE), Ok(RW), "3.2");
    assert_eq!((lab.store(DEST, b"z"), lab.load(BASE, 1)), (1, vec![]), "3.2");
    let guarded = lab.alias(BASE, PAGE, Onto::Reserved(DEST + PAGE), RW.guarded());
    assert_eq!(guarded, Ok((DEST + PAGE, PAGE)), "3.2: PAGE_GUARD");
    assert_eq!(lab.lock(DEST, PAGE), Ok((DEST, PAGE)));
    assert_eq!(lab.unlock(BASE, PAGE), Err(Kind::NotLocked), "each view is locked for itself");
    let mut lab = pair();
    assert_eq!(lab.lock(BASE, 2 * PAGE), Ok((BASE, 2 * PAGE)));
    assert_eq!(lab.alias(BASE, 3 * PAGE, Onto::Reserved(DEST), RW), Ok((DEST, 3 * PAGE)));
    assert_eq!(lab.unlock(BASE, 2 * PAGE), Ok((BASE, 2 * PAGE)), "the source stays locked");
    assert_eq!(lab.unlock(DEST, PAGE), Err(Kind::NotLocked));
}

/// What ends a view, and what it shows when it has memory again.
type End = fn(&mut Lab, u64) -> Span;

const ENDS: [(&str, End); 2] = [
    ("decommitted", |lab, at| lab.decommit(at, 4 * PAGE)),
    ("released", |lab, at| {
        lab.release(at, 0)?;
        lab.reserve(at, UNIT)
    }),
];

#[test]
fn bytes_live_as_long_as_any_view_and_a_new_commit_is_fresh() {
    for (how, end) in ENDS {
        for (gone, left) in [(BASE, DEST), (DEST, BASE)] {
            let mut lab = aliased();
            end(&mut lab, gone).expect(how);
            assert_eq!(lab.numbers(left, 4), [1, 2, 3, 4], "3.3: {how}, the other view stays");
            assert_eq!(lab.objects(), 1, "3.3: {how}");
            assert_eq!(lab.commit(gone, 4 * PAGE, RW), Ok((gone, 4 * PAGE)));
            assert_eq!(lab.numbers(gone, 4), [0; 4], "3.3: {how}, a new commit is fresh");
            lab.number(gone, 4, 70);
            assert_eq!(lab.numbers(left, 4), [1, 2, 3, 4], "3.3: {how}, and stands alone");
            end(&mut lab, left).expect(how);
            assert_eq!(lab.objects(), 0, "3.3: {how}, the last view takes the bytes along");
        }
    }
}

#[test]
fn a_part_of_a_view_can_go() {
    let mut lab = aliased();
    assert_eq!(lab.decommit(DEST + PAGE, 2 * PAGE), Ok((DEST + PAGE, 2 * PAGE)), "3.3: MEM_DECOMMIT");
    lab.number(BASE, 4, 90);
    assert_eq!(lab.numbers(DEST, 1), [90], "3.3");
    assert_eq!(lab.numbers(DEST + 3 * PAGE, 1), [93], "3.3");
    assert_eq!(lab.alias(BASE, 2 * PAGE, Onto::Reserved(DEST + PAGE), RW), Ok((DEST + PAGE, 2 * PAGE)));
    assert_eq!(lab.numbers(DEST, 4), [90, 90, 91, 93], "3.3: a new alias can follow");
    assert_eq!(lab.objects(), 1, "what is shared already is not moved again");
    assert_eq!(lab.charge(), UNIT);
    lab.decommit(BASE, 4 * PAGE).expect("it is committed");
    assert_eq!(lab.charge(), 12 * PAGE + 3 * PAGE, "three pages are left of the four");
}

#[test]
fn a_commit_over_a_view_keeps_what_it_shows() {
    let mut lab = aliased();
    assert_eq!(lab.commit(DEST, 6 * PAGE, RO), Ok((DEST, 6 * PAGE)), "VA21");
    assert_eq!(lab.numbers(DEST, 6), [1, 2, 3, 4, 0, 0], "VA21");
    lab.number(BASE, 1, 33);
    assert_eq!(lab.numbers(DEST, 1), [33], "VA21: it still shows the source");
    assert_eq!(lab.charge(), UNIT + 2 * PAGE);
}

#[test]
fn an_alias_of_an_alias_is_an_alias() {
    let mut lab = aliased();
    let (third, size) = lab.alias(DEST + PAGE, 3 * PAGE, ANYWHERE, RW).expect("3.3: alias of an alias");
    assert_eq!((lab.objects(), lab.charge(), size), (1, UNIT, 3 * PAGE), "3.3: alias of an alias");
    lab.number(third, 3, 20);
    for at in [BASE, DEST] {
        assert_eq!(lab.numbers(at, 4), [1, 20, 21, 22], "3.3: alias of an alias");
    }
    lab.release(DEST, 0).expect("ours");
    lab.number(BASE + PAGE, 3, 30);
    assert_eq!(lab.numbers(third, 3), [30, 31, 32], "3.3: without the one between");
}

#[test]
fn a_mixed_source_is_shown_in_one_row() {
    let mut lab = aliased();
    // Shared, private, a snapshot that was stored to, and a guarded page.
    lab.both(BASE + 0x10_0000, 0x2_0000, RW).expect("free");
    lab.copy(BASE + 0x10_0000, 0x1_0000, BASE + 0x11_0000).expect("both are ours");
    lab.number(BASE + 0x11_0000, 3, 100);
    lab.release(BASE + 4 * PAGE, 12 * PAGE).expect("ours");
    lab.protect(BASE + 0x11_0000, PAGE, RW.guarded()).expect("committed");
    let far = lab.alias(BASE + 0x10_f000, 4 * PAGE, ANYWHERE, RW).expect("all committed").0;
    assert_eq!(lab.numbers(far, 4), [0, 100, 101, 102]);
    lab.number(far, 4, 40);
    assert_eq!(lab.numbers(BASE + 0x11_1000, 2), [42, 43]);
    assert!(lab.contents(far, 4 * PAGE).iter().flatten().all(|content| content.view == View::Shared));
    // The twin of the snapshot has what it had.
    assert_eq!(lab.numbers(BASE + 0x10_0000, 15), [0; 15]);
    assert_eq!(lab.numbers(BASE + 0x10_f000, 1), [40]);
}

#[test]
fn a_fresh_target_is_an_allocation_of_its_own() {
    let mut lab = pair();
    let (at, size) = lab.alias(BASE, 3 * PAGE, ANYWHERE, RO).expect("there is room");
    assert_eq!((at % UNIT, size, lab.origin(at)), (0, 3 * PAGE, Some((at, RO))));
    let place = Onto::Fresh(Place::At(DEST + UNIT + 2 * PAGE));
    assert_eq!(lab.alias(BASE, 3 * PAGE, place, RW), Ok((DEST + UNIT + 2 * PAGE, 3 * PAGE)));
    assert_eq!(lab.origin(DEST + UNIT), Some((DEST + UNIT, RW)), "it begins at a granule");
    assert_eq!(lab.run(DEST + UNIT), (2 * PAGE, What::Reserved), "what is before the view is reserved");
    let taken = lab.alias(BASE, PAGE, Onto::Fresh(Place::At(DEST)), RW);
    assert_eq!(taken, Err(Kind::Conflict), "VA12");
    assert_eq!(lab.numbers(BASE, 16), (1..=16).collect::<Vec<u8>>(), "8: nothing to be seen");
}

#[test]
fn the_limit_counts_shared_pages_once() {
    let mut lab = pair();
    lab.0.space_mut().set_limit(UNIT);
    assert_eq!(lab.alias(BASE, UNIT, Onto::Reserved(DEST), RW), Ok((DEST, UNIT)), "nothing new is promised");
    assert_eq!(lab.decommit(BASE, UNIT), Ok((BASE, UNIT)));
    assert_eq!(lab.charge(), UNIT, "the alias holds the promise");
    assert_eq!(lab.commit(BASE, PAGE, RW), Err(Kind::CommitLimit), "9.3");
    assert_eq!(lab.decommit(DEST, PAGE), Ok((DEST, PAGE)));
    assert_eq!(lab.commit(BASE, PAGE, RW), Ok((BASE, PAGE)));
}

#[test]
fn memory_of_others_is_the_source_with_consent_alone() {
    let theirs = PageRange::between(0x7000_0000, 0x7000_4000).expect("not empty");
    let mut lab = pair();
    lab.0.machine_mut().intrude(theirs, RW, Backing::Private);
    assert_eq!(lab.store(0x7000_1000, b"heap"), 4, "the program's own memory");
    let of = |consent| Alias {
        source: 0x7000_0000,
        size: 4 * PAGE,
        onto: Onto::Reserved(DEST),
        protection: RW,
        consent,
    };
    assert_eq!(lab.alias_of(&of(Consent::OwnOnly)), Err(Kind::NoConsent));
    assert_eq!(lab.alias_of(&of(Consent::Foreign)), Ok((DEST, 4 * PAGE)));
    assert_eq!(lab.load(DEST + PAGE, 4), b"heap");
    assert_eq!(lab.store(DEST + PAGE, b"seen"), 4);
    assert_eq!(lab.load(0x7000_1000, 4), b"seen", "the program's view shows the same");
    assert_eq!(lab.charge(), UNIT + 4 * PAGE);
    // Again: it is recognised, not moved a second time.
    let (again, _) = lab.alias(DEST, 4 * PAGE, ANYWHERE, RW).expect("ours");
    let second = Alias { onto: ANYWHERE, ..of(Consent::Foreign) };
    let (third, _) = lab.alias_of(&second).expect("with consent");
    assert_eq!((lab.objects(), lab.contents(again, 4 * PAGE)), (1, lab.contents(third, 4 * PAGE)));
    for at in [DEST, again, third] {
        lab.release(at, 0).expect("ours");
    }
    assert_eq!(lab.load(0x7000_1000, 4), b"seen", "the program's view stays");
    let special = PageRange::between(0x7100_0000, 0x7100_1000).expect("not empty");
    lab.0.machine_mut().intrude(special, RW, Backing::View);
    let view = Alias { source: 0x7100_0000, size: PAGE, onto: ANYWHERE, ..of(Consent::Foreign) };
    assert_eq!(lab.alias_of(&view), Err(Kind::Special));
}

#[test]
fn what_is_seen_again_of_others_is_promised_again() {
    let theirs = PageRange::between(0x7000_0000, 0x7000_4000).expect("not empty");
    let mut lab = Lab::new();
    lab.0.machine_mut().intrude(theirs, RW, Backing::Private);
    let consent = Consent::Foreign;
    let request = Alias { source: 0x7000_0000, size: 4 * PAGE, onto: ANYWHERE, protection: RW, consent };
    lab.0.space_mut().set_limit(3 * PAGE);
    assert_eq!(lab.alias_of(&request), Err(Kind::CommitLimit));
    lab.0.space_mut().set_limit(4 * PAGE);
    let (at, _) = lab.alias_of(&request).expect("with consent");
    lab.release(at, 0).expect("ours");
    assert_eq!(lab.charge(), 0, "nobody here shows it");
    lab.0.space_mut().set_limit(3 * PAGE);
    assert_eq!(lab.alias_of(&request), Err(Kind::CommitLimit));
    lab.0.space_mut().set_limit(4 * PAGE);
    let (at, _) = lab.alias_of(&request).expect("with consent");
    assert_eq!(lab.charge(), 4 * PAGE);
    assert!(lab.alias(at, 4 * PAGE, ANYWHERE, RW).is_ok(), "another view of it costs nothing");
}

#[test]
fn a_view_has_the_ceiling_of_its_source() {
    let mut lab = pair();
    let (at, size, rights) = (BASE, PAGE, Rights::READ);
    let read_only = Restrict { at, size, rights, limit: Limit::Maximum };
    lab.0.restrict(&read_only).expect("less is permitted");
    let onto = Onto::Reserved(DEST);
    assert_eq!(lab.alias(BASE, 2 * PAGE, onto, RW), Err(Kind::AboveCeiling), "3.2");
    assert_eq!(lab.alias(BASE, 2 * PAGE, onto, RO), Ok((DEST, 2 * PAGE)), "3.2");
    assert_eq!(lab.protect(DEST, PAGE, RW), Err(Kind::AboveCeiling), "3.2: the same ceiling later");
    assert_eq!(lab.commit(DEST, PAGE, RW), Err(Kind::AboveCeiling), "3.2: whichever call asks");
    assert_eq!(lab.protect(DEST + PAGE, PAGE, RW), Ok(RO), "3.2: the ceiling is the page's");
    let (again, _) = lab.alias(DEST, PAGE, ANYWHERE, RO).expect("3.2");
    assert_eq!(lab.protect(again, PAGE, RW), Err(Kind::AboveCeiling), "3.2: of an alias, too");
    lab.decommit(DEST, PAGE).expect("ours");
    assert_eq!(lab.commit(DEST, PAGE, RW), Ok((DEST, PAGE)), "a new page has none");
}
