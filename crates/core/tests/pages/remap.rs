use pagewright_core::{
    Attribute, Backing, Birth, Inheritance, Kind, Limit, Map, MapPlace, Overwrite, Remap, RemapCopy, Sharing,
    View,
};

use crate::bench::{ALL, BASE, Bench, NONE, PAGE, READ, RW, SEARCH, beside, page};

const TARGET: u64 = BASE + 0x100_0000;

fn remap(copy: RemapCopy, source: u64, size: u64) -> Remap {
    Remap {
        source,
        size,
        place: MapPlace::Fixed(TARGET),
        mask: 0,
        copy,
        inheritance: Inheritance::Copy,
        overwrite: Overwrite::Refuse,
    }
}

fn onto(request: Remap, at: u64) -> Remap {
    Remap { place: MapPlace::Fixed(at), overwrite: Overwrite::Replace, ..request }
}

/// All ways in which the bytes of a source can be there.
fn sources() -> Vec<(&'static str, Bench)> {
    let plain = || {
        let mut bench = Bench::with(40);
        bench.number(BASE, 40, 1);
        bench
    };
    let mut born = Bench::new();
    born.map(&Map { birth: Birth::Shared, ..Map::new(40 * PAGE).at(BASE) }).expect("it is free");
    born.number(BASE, 40, 1);
    let mut aliased = plain();
    let other = Remap { place: MapPlace::Above(0), ..remap(RemapCopy::Share, page(8), 24 * PAGE) };
    aliased.remap(&other).expect("it is ours");
    let mut copied = plain();
    let place = copied.anywhere(40);
    copied.copy(BASE, 40 * PAGE, place).expect("both are ours");
    copied.number(page(3), 5, 4);
    let mut wired = plain();
    wired.wire(page(2), PAGE, READ).expect("it is readable");
    let mut closed = plain();
    closed.restrict(page(20), 2 * PAGE, Limit::Current, NONE).expect("less is permitted");
    let mut closed_alias = aliased.clone();
    closed_alias.restrict(page(20), 2 * PAGE, Limit::Current, NONE).expect("less is permitted");
    vec![
        ("private", plain()),
        ("born shared", born),
        ("aliased", aliased),
        ("copied", copied),
        ("wired", wired),
        ("closed", closed),
        ("closed alias", closed_alias),
    ]
}

/// Opens what was closed, on both sides, and reads it.
fn opened(bench: &mut Bench, at: u64) -> Vec<Option<u8>> {
    bench.restrict(at, 40 * PAGE, Limit::Current, RW).expect("all is permitted");
    bench.numbers(at, 40)
}

fn numbers() -> Vec<Option<u8>> {
    (1..=40).map(Some).collect()
}

// Rows: M7
#[test]
fn m7_a_share_shows_the_same_bytes_whatever_the_source_shows() {
    for (name, mut bench) in sources() {
        let (at, _, maximum) = bench.remap(&remap(RemapCopy::Share, BASE, 40 * PAGE)).expect(name);
        assert_eq!((at, maximum), (TARGET, ALL), "{name}");
        assert_eq!(opened(&mut bench, TARGET), numbers(), "{name}");
        assert_eq!(opened(&mut bench, BASE), numbers(), "{name}");
        bench.store(page(20), &[200]);
        bench.store(TARGET + 30 * PAGE, &[201]);
        assert_eq!(
            (bench.load(TARGET + 20 * PAGE, 1), bench.load(page(30), 1)),
            (vec![200], vec![201]),
            "{name}"
        );
        for at in [BASE, TARGET] {
            let found = bench.at(at).expect(name);
            assert_eq!((found.sharing, found.view), (Sharing::Shared, Some(View::Shared)), "{name}");
            assert!(found.refs >= 2, "{name}");
        }
        assert_eq!(bench.charge(), 0, "{name}");
    }
}

// Rows: M8
#[test]
fn m8_a_snapshot_is_independent_whatever_the_source_shows() {
    for (name, mut bench) in sources() {
        let (at, _, maximum) = bench.remap(&remap(RemapCopy::Snapshot, BASE, 40 * PAGE)).expect(name);
        assert_eq!((at, maximum), (TARGET, ALL), "{name}");
        assert_eq!(opened(&mut bench, TARGET), numbers(), "{name}");
        assert_eq!(opened(&mut bench, BASE), numbers(), "{name}");
        bench.store(page(20), &[200]);
        bench.store(TARGET + 30 * PAGE, &[201]);
        assert_eq!(
            (bench.load(TARGET + 20 * PAGE, 1), bench.load(page(30), 1)),
            (vec![21], vec![31]),
            "{name}"
        );
        bench.unmap(BASE, 40 * PAGE).expect("it is ours");
        assert_eq!(bench.load(TARGET + 39 * PAGE, 1), [40], "{name}");
        bench.unmap(SEARCH, 40 * PAGE).expect("nothing, or ours");
        bench.unmap(TARGET, 40 * PAGE).expect("it is ours");
        assert_eq!((bench.objects(), bench.charge()), (0, 0), "{name}");
    }
}

// Rows: M9
#[test]
fn m9_every_run_keeps_its_rights_and_the_answer_has_what_all_have() {
    for copy in [RemapCopy::Share, RemapCopy::Snapshot] {
        let mut bench = Bench::with(4);
        bench.restrict(BASE, PAGE, Limit::Maximum, READ).expect("less is permitted");
        bench.restrict(page(2), PAGE, Limit::Current, READ).expect("less is permitted");
        bench.attribute(page(3), PAGE, Attribute::Behavior(1)).expect("it is ours");
        let request = Remap { inheritance: Inheritance::None, ..remap(copy, BASE, 4 * PAGE) };
        assert_eq!(bench.remap(&request), Ok((TARGET, READ, READ)));
        let rights: Vec<_> = (0..4).map(|n| bench.rights(TARGET + n * PAGE)).collect();
        assert_eq!(rights, [(READ, READ), (RW, ALL), (READ, ALL), (RW, ALL)]);
        for n in 0..4 {
            let found = bench.at(TARGET + n * PAGE).expect("there is memory");
            assert_eq!(found.attributes.inheritance, Inheritance::None);
        }
        assert_eq!(bench.at(page(1)).map(|found| found.attributes.inheritance), Some(Inheritance::Copy));
    }
}

// Rows: M2 M3
#[test]
fn m2_m3_bad_sources_change_nothing() {
    for copy in [RemapCopy::Share, RemapCopy::Snapshot] {
        let mut bench = Bench::with(3);
        bench.unmap(page(1), PAGE).expect("it is ours");
        for (source, size, kind) in [
            (BASE, 0, Kind::ZeroSize),
            (BASE, u64::MAX, Kind::BadSize),
            (BASE, u64::MAX - 2 * PAGE, Kind::BadSize),
            (BASE, 2 * PAGE, Kind::NotCommitted),
            (page(1), PAGE, Kind::NotCommitted),
            (page(2), 2 * PAGE, Kind::NotCommitted),
        ] {
            assert_eq!(
                bench.remap(&remap(copy, source, size)).map(|_| ()),
                Err(kind),
                "{source:#x} {size:#x}"
            );
        }
        assert_eq!(bench.at(TARGET), None);
    }
}

// Rows: M4 M5 M6
#[test]
fn m4_m5_m6_bad_targets_change_nothing() {
    for copy in [RemapCopy::Share, RemapCopy::Snapshot] {
        let mut bench = Bench::with(2);
        bench.number(BASE, 2, 1);
        let request = remap(copy, BASE, PAGE);
        let at = |place| Remap { place, ..request };
        for (request, kind) in [
            (at(MapPlace::Fixed(page(1))), Kind::Conflict),
            (Remap { mask: TARGET, ..request }, Kind::BadPlace),
            (at(MapPlace::Fixed(0)), Kind::BadAddress),
            (at(MapPlace::Above(u64::MAX)), Kind::NoSpace),
        ] {
            assert_eq!(bench.remap(&request).map(|_| ()), Err(kind));
        }
        assert_eq!((bench.objects(), bench.numbers(BASE, 2)), (0, vec![Some(1), Some(2)]));
    }
}

// Rows: M11
#[test]
fn m11_the_source_is_truncated_before_the_size_is_added() {
    let mut bench = Bench::with(2);
    bench.number(BASE, 2, 1);
    let request = remap(RemapCopy::Share, BASE + PAGE - 0x10, 0x20);
    assert_eq!(bench.remap(&request).map(|said| said.0), Ok(TARGET));
    assert_eq!(bench.numbers(TARGET, 2), [Some(1), None]);
}

// Rows: M12
#[test]
fn m12_a_source_without_rights_gives_a_target_without_any() {
    for copy in [RemapCopy::Share, RemapCopy::Snapshot] {
        let mut bench = Bench::with(1);
        bench.restrict(BASE, PAGE, Limit::Maximum, NONE).expect("less is permitted");
        assert_eq!(bench.remap(&remap(copy, BASE, PAGE)), Ok((TARGET, NONE, NONE)));
        assert_eq!(bench.rights(TARGET), (NONE, NONE));
    }
}

// Rows: M13
#[test]
fn m13_a_source_can_be_replaced_by_itself() {
    for (name, bench) in sources() {
        for copy in [RemapCopy::Share, RemapCopy::Snapshot] {
            for (at, expected) in [(BASE, 1), (page(4), 1), (BASE - 4 * PAGE, 1)] {
                let mut bench = bench.clone();
                let request = onto(remap(copy, BASE, 40 * PAGE), at);
                assert_eq!(bench.remap(&request).map(|said| said.0), Ok(at), "{name}");
                assert_eq!(opened(&mut bench, at)[0], Some(expected), "{name}");
                assert_eq!(bench.numbers(at, 40), numbers(), "{name}");
            }
        }
    }
}

// Rows: M4
#[test]
fn m4_a_target_is_replaced_when_the_call_says_so() {
    for copy in [RemapCopy::Share, RemapCopy::Snapshot] {
        let mut bench = Bench::with(4);
        bench.number(BASE, 4, 1);
        bench.map(&Map::new(2 * PAGE).at(TARGET - PAGE)).expect("it is free");
        bench.map(&Map { birth: Birth::Shared, ..Map::new(PAGE).at(TARGET + 2 * PAGE) }).expect("it is free");
        bench.number(TARGET - PAGE, 2, 50);
        bench.wire(TARGET, PAGE, READ).expect("it is readable");
        let request = onto(remap(copy, BASE, 4 * PAGE), TARGET);
        assert_eq!(bench.remap(&request).map(|said| said.0), Ok(TARGET));
        assert_eq!(bench.numbers(TARGET - PAGE, 5), [50, 1, 2, 3, 4].map(Some));
        assert_eq!(bench.at(TARGET).map(|found| found.wired), Some(0));
    }
}

// Rows: M14
#[test]
fn m14_what_others_mapped_is_copied_and_not_shared() {
    let mut bench = beside(&[(page(1), 2, Backing::Private)]);
    bench.map(&Map::new(PAGE).at(BASE)).expect("it is free");
    bench.number(BASE, 3, 1);
    assert_eq!(bench.remap(&remap(RemapCopy::Share, BASE, 3 * PAGE)), Err(Kind::NoConsent));
    assert_eq!(bench.remap(&remap(RemapCopy::Snapshot, BASE, 3 * PAGE)).map(|said| said.0), Ok(TARGET));
    assert_eq!(bench.numbers(TARGET, 3), [1, 2, 3].map(Some));
}

// Rows: M7
#[test]
fn m7_a_share_is_placed_above_everything_that_is_there() {
    let mut bench = Bench::with(2);
    bench.number(BASE, 2, 1);
    let request = Remap { place: MapPlace::Above(0), ..remap(RemapCopy::Share, BASE, 2 * PAGE) };
    assert_eq!(bench.remap(&request).map(|said| said.0), Ok(SEARCH));
    let request = Remap { copy: RemapCopy::Snapshot, mask: 0xffff, ..request };
    assert_eq!(bench.remap(&request).map(|said| said.0), Ok(SEARCH + 0x1_0000));
    assert_eq!(bench.numbers(SEARCH + 0x1_0000, 2), [1, 2].map(Some));
}
