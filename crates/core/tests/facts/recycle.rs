//! Section RS, and the rows of PF and VL about offered and discarded memory.

use pagewright_core::{
    Alias, Allocate, Consent, CopyRange, Fate, Geometry, Kind, Machine, Managed, MapView, NewSection, Onto,
    Place, Recycle, Refusal, Rights, Supply, Survival, Traits, Va, Watch, Window,
};
use pagewright_testkit::faulty::{Fault, Faulty, Mode};
use pagewright_testkit::{Null, Reaping};

use crate::lab::{BASE, Lab, NONE, PAGE, RO, RW, UNIT, What};

const P1: u64 = BASE + PAGE;
const SIZE: u64 = 4 * PAGE;

impl Lab {
    /// On a machine that drops content as soon as it may.
    fn greedy() -> Self {
        let machine = Null::new(Geometry::X86_64).reaping(Reaping::AtOnce);
        Self(Managed::new(machine, 1 << 30))
    }

    fn recycle(&mut self, at: u64, size: u64, fate: Fate) -> Result<Survival, Kind> {
        let said = self.0.recycle(&Recycle { at, size, fate });
        self.sound();
        said.map_err(|error| error.kind)
    }

    fn reap(&mut self) {
        self.0.machine_mut().reap();
    }

    /// How many pages may be dropped.
    fn yielded(&self) -> usize {
        self.0.machine().yielded().len()
    }
}

/// Four pages with numbers in them.
fn numbered() -> Lab {
    let mut lab = Lab::committed(UNIT, RW);
    lab.number(BASE, 4, 1);
    lab
}

// Rows: RS01 RS02 RS03 RS04
#[test]
fn a_reset_takes_nothing_but_content() {
    let mut lab = numbered();
    assert_eq!(lab.recycle(BASE, SIZE, Fate::Reset), Ok(Survival::Intact), "RS01");
    assert_eq!((lab.run(BASE), lab.charge()), ((UNIT, What::Is(RW)), UNIT), "RS01");
    assert_eq!(lab.numbers(BASE, 4), [1, 2, 3, 4], "RS01: intact");
    lab.reap();
    assert_eq!(lab.numbers(BASE, 4), [0; 4], "RS01: or zero");
    let mut lab = Lab::reserved(UNIT);
    lab.commit(BASE, PAGE, RW).expect("reserved");
    assert_eq!(lab.recycle(P1, PAGE, Fate::Reset), Ok(Survival::Intact), "RS02");
    assert_eq!(lab.run(P1), (UNIT - PAGE, What::Reserved), "RS02");
    assert_eq!(lab.recycle(BASE + 0xf000, 0x2000, Fate::Reset), Err(Kind::NotReserved), "RS03");
    assert_eq!(lab.recycle(0x7000_0000, PAGE, Fate::Reset), Err(Kind::NotReserved), "RS04");
}

// Rows: RS14 RS15 RS16
#[test]
fn an_undo_says_whether_anything_went() {
    let mut lab = numbered();
    assert_eq!(lab.recycle(BASE, SIZE, Fate::UndoReset), Ok(Survival::Intact), "RS16");
    lab.recycle(BASE, SIZE, Fate::Reset).expect("ours");
    assert_eq!(lab.recycle(BASE, SIZE, Fate::UndoReset), Ok(Survival::Intact), "RS14");
    lab.reap();
    assert_eq!(lab.numbers(BASE, 4), [1, 2, 3, 4], "RS14: 'interesting' again");
    lab.recycle(BASE, SIZE, Fate::Reset).expect("ours");
    assert_eq!(lab.store(P1, &[9]), 1);
    assert_eq!(lab.recycle(BASE, PAGE, Fate::UndoReset), Ok(Survival::Intact));
    lab.reap();
    assert_eq!(lab.numbers(BASE, 4), [1, 9, 0, 0], "a store ends it, page by page");
    assert_eq!(lab.recycle(BASE, SIZE, Fate::UndoReset), Ok(Survival::Lost), "RS15");
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "RS15");
}

// Rows: RS05 RS06 RS13 RS18
#[test]
fn what_others_see_and_what_is_insisted_on_stays() {
    let mut lab = Lab::greedy();
    lab.both(BASE, UNIT, RW).expect("free");
    lab.number(BASE, 4, 1);
    lab.lock(BASE, PAGE).expect("committed");
    let fresh = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let (other, _) = lab.alias(P1, PAGE, fresh, RW).expect("ours");
    lab.protect(BASE + 2 * PAGE, PAGE, RO).expect("committed");
    assert_eq!(lab.recycle(BASE, UNIT, Fate::Reset), Ok(Survival::Intact), "RS05, RS06, RS13");
    assert_eq!(lab.numbers(BASE, 4), [1, 2, 3, 0]);
    assert_eq!(lab.numbers(other, 1), [2], "RS05, RS06");
    let watched = Traits { watch: Watch::On, ..Traits::PLAIN };
    let request = pagewright_core::Allocate::new(UNIT).of(watched);
    let base = lab.0.allocate(&request).expect("there is room").start().get();
    lab.number(base, 2, 5);
    assert_eq!(lab.recycle(base, UNIT, Fate::Reset), Ok(Survival::Intact), "RS18");
    assert_eq!(lab.numbers(base, 2), [5, 6], "RS18");
}

// Rows: PF15 PF16 PF17 VL35
#[test]
fn offered_pages_are_inaccessible_until_they_are_reclaimed() {
    let mut lab = numbered();
    lab.lock(BASE, PAGE).expect("committed");
    assert_eq!(lab.recycle(BASE, 2 * PAGE, Fate::Offer), Ok(Survival::Intact), "PF15");
    assert_eq!(lab.unlock(BASE, PAGE), Err(Kind::NotLocked), "PF17, VL35");
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "PF15: a query sees no difference");
    assert_eq!((lab.load(BASE, 1), lab.store(P1, &[7])), (vec![], 0), "PF15");
    assert_eq!(lab.yielded(), 2);
    assert_eq!(lab.recycle(BASE, SIZE, Fate::Reclaim), Ok(Survival::Intact), "PF16");
    assert_eq!(lab.numbers(BASE, 4), [1, 2, 3, 4], "PF16");
    lab.recycle(P1, PAGE, Fate::Offer).expect("committed");
    lab.reap();
    assert_eq!(lab.recycle(P1, PAGE, Fate::Reclaim), Ok(Survival::Lost), "PF16");
    assert_eq!(lab.numbers(BASE, 4), [1, 0, 3, 4]);
    assert_eq!(lab.store(P1, &[7]), 1);
}

// Rows: PF15
#[test]
fn an_offer_outlasts_everything_but_its_memory() {
    let mut lab = numbered();
    lab.recycle(BASE, SIZE, Fate::Offer).expect("committed");
    assert_eq!(lab.protect(BASE, PAGE, RO), Ok(RW));
    assert_eq!(lab.commit(P1, PAGE, RO), Ok((P1, PAGE)));
    assert_eq!(lab.load(BASE, 1), []);
    assert_eq!(lab.lock(BASE, PAGE), Err(Kind::NoAccess));
    let fresh = Onto::Fresh(Place::Window(Window::ANYWHERE));
    assert_eq!(lab.alias(BASE, PAGE, fresh, RO), Err(Kind::NoAccess));
    lab.both(0x6000_0000, UNIT, RW).expect("free");
    for (source, target) in [(BASE, 0x6000_0000), (0x6000_0000, BASE)] {
        let copied = lab.0.copy(&CopyRange { source, size: SIZE, target });
        assert_eq!(copied.map_err(|error| error.kind), Err(Kind::NoAccess));
    }
    assert_eq!(lab.decommit(BASE + 2 * PAGE, PAGE), Ok((BASE + 2 * PAGE, PAGE)));
    assert_eq!(lab.commit(BASE + 2 * PAGE, PAGE, RW), Ok((BASE + 2 * PAGE, PAGE)));
    assert_eq!(lab.load(BASE + 2 * PAGE, 1), [0], "fresh memory is not offered");
    assert_eq!(lab.recycle(BASE, SIZE, Fate::Reclaim), Ok(Survival::Intact));
    assert_eq!(lab.numbers(BASE, 4), [1, 2, 0, 4]);
    assert_eq!((lab.run(BASE), lab.store(BASE, &[7])), ((2 * PAGE, What::Is(RO)), 0));
}

// Rows: PF13 PF14
#[test]
fn discarded_content_is_undefined_and_nothing_else_changes() {
    let mut lab = Lab::greedy();
    lab.both(BASE, UNIT, RW).expect("free");
    lab.number(BASE, 4, 1);
    assert_eq!(lab.recycle(BASE, 2 * PAGE, Fate::Discard), Ok(Survival::Intact), "PF13");
    assert_eq!(lab.numbers(BASE, 4), [0, 0, 3, 4], "PF13");
    assert_eq!(lab.run(BASE), (UNIT, What::Is(RW)), "PF13");
    for (at, size) in [(BASE + 1, PAGE), (BASE, PAGE - 1), (BASE, PAGE + 1)] {
        for fate in [Fate::Discard, Fate::Offer, Fate::Reclaim] {
            assert_eq!(lab.recycle(at, size, fate), Err(Kind::Misaligned), "PF14");
        }
    }
    for protection in [NONE, RO, pagewright_core::Protection::READ_EXECUTE] {
        lab.protect(BASE + 3 * PAGE, PAGE, protection).expect("committed");
        assert_eq!(lab.recycle(BASE, SIZE, Fate::Discard), Err(Kind::BadProtection), "PF14");
    }
    let alias = Alias {
        source: BASE,
        size: PAGE,
        onto: Onto::Fresh(Place::Window(Window::ANYWHERE)),
        protection: RW,
        consent: Consent::OwnOnly,
    };
    let (other, _) = lab.alias_of(&alias).expect("ours");
    lab.number(other, 1, 9);
    assert_eq!(lab.recycle(BASE, PAGE, Fate::Discard), Ok(Survival::Intact));
    assert_eq!(lab.numbers(other, 1), [9], "what others see stays");
    lab.decommit(BASE, PAGE).expect("ours");
    assert_eq!(lab.recycle(BASE, PAGE, Fate::Discard), Err(Kind::NotCommitted));
    assert_eq!(lab.0.machine().read(Va::new(BASE + 2 * PAGE), &mut [0]), 1);
}

/// An object may permit its readers no stores, not for a moment either.
// Rows: PF16
#[test]
fn what_shows_an_object_is_reclaimed_without_being_opened_to_stores() {
    let mut managed = Managed::new(Faulty::new(Null::new(Geometry::X86_64)), 1 << 30);
    let source = managed.allocate(&Allocate::new(UNIT)).expect("there is room").start().get();
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let alias = Alias { source, size: PAGE, onto, protection: RO, consent: Consent::OwnOnly };
    let at = managed.alias(&alias).expect("ours").start().get();
    managed.recycle(&Recycle { at, size: PAGE, fate: Fate::Offer }).expect("committed");
    let (mode, refusal) = (Mode::Before, Refusal::Denied);
    managed.machine().arm(Fault { call: 3, mode, refusal });
    let said = managed.recycle(&Recycle { at, size: PAGE, fate: Fate::Reclaim });
    assert_eq!(said, Ok(Survival::Intact));
    assert!(!managed.machine().disarm(), "it is given the access that it had, and kept");
    managed.machine().inner().mirrors(managed.space()).expect("the machine is what the truth says");
}

/// What a view may do is decided by its section: nobody takes its access away beside that.
// Rows: RS05 RS06 PF15
#[test]
fn a_view_is_reset_and_neither_offered_nor_reclaimed() {
    let mut lab = Lab::new();
    let section = NewSection { size: UNIT, supply: Supply::Whole, ceiling: Rights::USUAL };
    let object = lab.0.create_section(&section).expect("there is memory");
    let place = Place::Window(Window::ANYWHERE);
    let view = MapView { object, first: 0, size: UNIT, place, protection: RW };
    let at = lab.0.map_view(&view).expect("there is room").start().get();
    lab.number(at, 2, 7);
    for fate in [Fate::Offer, Fate::Reclaim] {
        assert_eq!(lab.recycle(at, PAGE, fate), Err(Kind::Conflict));
    }
    for fate in [Fate::Reset, Fate::UndoReset] {
        assert_eq!(lab.recycle(at, PAGE, fate), Ok(Survival::Intact), "RS05, RS06");
    }
    assert_eq!(lab.numbers(at, 2), [7, 8]);
}
