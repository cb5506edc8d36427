//! Extents and objects that another process named: they may be anything.

use pagewright_core::{
    Allocate, Consent, Export, Extent, Geometry, Import, Kind, Machine, Managed, Onto, Protection, Receiver,
    Rights, check,
};
use pagewright_testkit::null::Null;

const PAGE: u64 = 0x1000;

fn space() -> Managed<Null> {
    Managed::new(Null::new(Geometry::X86_64), 1 << 30)
}

#[test]
fn extents_that_wrap_around_are_refused() {
    let mut managed = space();
    let base = managed.allocate(&Allocate::new(16 * PAGE).reserve()).expect("room").start().get();
    let object = managed.space().next_object();
    managed.machine_mut().create(object, 1 << 18).expect("a new name");
    let extent = |first, pages| Extent { object, first, pages, ceiling: Rights::USUAL };
    let most = 1 << 51;
    for extents in [
        // Their sum is 16 pages, modulo 2^64 bytes.
        vec![extent(0, 1 << 18), extent(0, most - 1), extent(0, most - (1 << 18) + 1 + 16)],
        vec![extent(0, 1 << 52)],
        vec![extent(u64::MAX, 16)],
    ] {
        let import =
            Import { extents: &extents, onto: Onto::Reserved(base), protection: Protection::READ_WRITE };
        let kind = managed.import(&import).map_err(|error| error.kind);
        assert_eq!(kind, Err(Kind::BadSize), "{extents:?}");
        assert_eq!(check::check(managed.space()), Ok(()));
    }
}

#[test]
fn an_object_that_is_known_is_not_filled_again() {
    let mut managed = space();
    let mut filled = || managed.allocate(&Allocate::new(16 * PAGE)).expect("room").start().get();
    let (one, other) = (filled(), filled());
    let export = |source, into| Export {
        source,
        size: 16 * PAGE,
        rights: Rights::READ,
        consent: Consent::OwnOnly,
        into,
    };
    let known = managed.export(&export(one, Receiver::New)).expect("committed")[0].object;
    let again = managed.export(&export(other, Receiver::Given(known))).map_err(|error| error.kind);
    assert_eq!(again, Err(Kind::Protocol));
    assert_eq!(check::check(managed.space()), Ok(()));
}
