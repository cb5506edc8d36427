//! Sections and views at the level of the core: what is counted, charged and kept, and that
//! a verb happens or does not.

use pagewright_core::{
    Allocate, Backing, Disposal, Error, Free, Geometry, Kind, Machine, Managed, MapView, NewSection,
    ObjectId, PageRange, Place, Protect, Protection, Refusal, Rights, State, Supply, Unmap, Va, Window,
    check,
};
use pagewright_testkit::Null;
use pagewright_testkit::faulty::{Fault, Faulty, Mode};

use crate::lab::{NONE, PAGE, RO, RW};

const COPY: Protection = Protection::READ_COPY;
const ANYWHERE: Place = Place::Window(Window::ANYWHERE);
const LIMIT: u64 = 64 * PAGE;

/// An address space whose machine may fail, checked after every verb.
#[derive(Clone)]
struct Lab(Managed<Faulty<Null>>);

impl Lab {
    fn new() -> Self {
        Self(Managed::new(Faulty::new(Null::new(Geometry::X86_64)), LIMIT))
    }

    fn sound(&self) {
        check::check(self.0.space()).expect("the space is consistent");
        self.0.machine().inner().mirrors(self.0.space()).expect("the machine is what the truth says");
    }

    fn section(&mut self, pages: u64, supply: Supply) -> Result<ObjectId, Error> {
        let made = self.0.create_section(&NewSection { size: pages * PAGE, supply, ceiling: Rights::USUAL });
        self.sound();
        made
    }

    fn view(&mut self, object: ObjectId, protection: Protection) -> Result<u64, Error> {
        let object = MapView { object, first: 1, size: 4 * PAGE, place: ANYWHERE, protection };
        let made = self.0.map_view(&object);
        self.sound();
        made.map(|range| range.start().get())
    }

    fn free(&mut self, at: u64, disposal: Disposal) -> Result<PageRange, Error> {
        let done = self.0.free(&Free { at, size: 0, disposal });
        self.sound();
        done
    }

    fn close(&mut self, object: ObjectId) {
        self.0.close_section(object).expect("it has a name");
        self.sound();
    }

    fn commit(&mut self, at: u64, pages: u64, protection: Protection) -> Result<PageRange, Error> {
        let done = self.0.allocate(&Allocate::new(pages * PAGE).commit().at(at).protection(protection));
        self.sound();
        done
    }

    fn protect(&mut self, at: u64, pages: u64, protection: Protection) -> Result<Protection, Error> {
        let done = self.0.protect(&Protect { at, size: pages * PAGE, protection });
        self.sound();
        done
    }

    fn store(&mut self, at: u64, byte: u8) {
        assert_eq!(self.0.machine_mut().write(Va::new(at), &[byte]), 1);
    }

    fn load(&self, at: u64) -> u8 {
        let mut byte = [0];
        assert_eq!(self.0.machine().read(Va::new(at), &mut byte), 1);
        byte[0]
    }

    fn charged(&self) -> u64 {
        self.0.space().charge().used() / PAGE
    }

    fn objects(&self) -> usize {
        self.0.space().objects().count()
    }

    /// The run at an address: pages, and protection if committed.
    fn run(&self, at: u64) -> (u64, Option<Protection>) {
        let info = self.0.query(at).expect("a user address");
        let (protection, backing) = match info.state {
            State::Free => panic!("{at:#x} is free"),
            State::Reserved { backing, .. } => (None, backing),
            State::Committed { protection, backing, .. } => (Some(protection), backing),
        };
        assert_eq!(backing, Backing::View, "VQ17, VQ18");
        (info.size / PAGE, protection)
    }

    /// Everything that can be asked, to compare.
    fn picture(&self) -> String {
        let space = self.0.space();
        let regions: Vec<_> =
            space.regions().map(|(range, region)| (range, region.form, region.initial)).collect();
        let queries: Vec<_> = regions
            .iter()
            .flat_map(|(range, ..)| (range.start().get()..range.end().get()).step_by(PAGE as usize))
            .map(|at| self.0.query(at))
            .collect();
        format!("{regions:?} {queries:?} {} {}", self.charged(), self.objects())
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> Kind {
    result.expect_err("it is refused").kind
}

fn on_demand() -> Supply {
    Supply::OnDemand(pagewright_core::interval::IntervalMap::default())
}

#[test]
fn a_section_is_charged_once_and_goes_with_its_last_name_and_view() {
    let mut lab = Lab::new();
    let section = lab.section(8, Supply::Whole).expect("room");
    assert_eq!(lab.charged(), 8, "VQ35: the section is charged");
    let (first, second) = (lab.view(section, RW).expect("a view"), lab.view(section, RO).expect("a view"));
    assert_eq!((lab.charged(), lab.objects()), (8, 1));
    lab.store(first, 7);
    assert_eq!(lab.load(second), 7, "MV55");
    lab.free(first, Disposal::Unmap).expect("a view");
    lab.close(section);
    assert_eq!((lab.charged(), lab.objects(), lab.load(second)), (8, 1, 7), "VQ19");
    assert_eq!(kind(lab.0.close_section(section)), Kind::NoObject, "it has no name any more");
    lab.free(second + PAGE + 5, Disposal::Unmap).expect("MV13");
    assert_eq!((lab.charged(), lab.objects()), (0, 0));
}

#[test]
fn content_stays_while_nobody_shows_it() {
    let mut lab = Lab::new();
    let section = lab.section(8, Supply::Whole).expect("room");
    let at = lab.view(section, RW).expect("a view");
    lab.store(at, 5);
    lab.free(at, Disposal::Unmap).expect("a view");
    let again = lab.view(section, RW).expect("a view");
    assert_eq!(lab.load(again), 5);
    lab.free(again, Disposal::Unmap).expect("a view");
    lab.close(section);
    assert_eq!((lab.charged(), lab.objects()), (0, 0));
}

#[test]
fn a_view_goes_as_a_whole_and_an_allocation_is_none() {
    let mut lab = Lab::new();
    let section = lab.section(8, Supply::Whole).expect("room");
    let at = lab.view(section, RW).expect("a view");
    for disposal in [Disposal::Decommit, Disposal::Release] {
        assert_eq!(kind(lab.free(at, disposal)), Kind::ForeignView, "VF39");
    }
    let memory = lab.0.allocate(&Allocate::new(PAGE)).expect("room").start().get();
    assert_eq!(kind(lab.free(memory, Disposal::Unmap)), Kind::NotAllocated, "MV14");
    assert_eq!(kind(lab.free(0x10_0000, Disposal::Unmap)), Kind::NotAllocated, "MV14");
    // The calls of Mach cut where they like; what is left are views of what they showed.
    lab.store(at + 3 * PAGE, 9);
    lab.0.unmap(&Unmap { at: at + PAGE, size: PAGE }).expect("ours");
    lab.sound();
    lab.close(section);
    assert_eq!(lab.load(at + 3 * PAGE), 9);
    lab.free(at, Disposal::Unmap).expect("a view");
    lab.free(at + 3 * PAGE, Disposal::Unmap).expect("a view");
    assert_eq!(lab.objects(), 0);
}

#[test]
fn pages_that_are_committed_through_one_view_are_in_all() {
    let mut lab = Lab::new();
    let section = lab.section(8, on_demand()).expect("room");
    let (first, second) = (lab.view(section, RW).expect("a view"), lab.view(section, COPY).expect("a view"));
    assert_eq!((lab.run(first), lab.charged()), ((4, None), 0), "SR01");
    lab.commit(first + PAGE, 2, RO).expect("SR02");
    assert_eq!((lab.run(first + PAGE), lab.run(second + PAGE)), ((2, Some(RO)), (2, Some(COPY))), "SR02");
    // The section's two, and the two that stores through the copying view may make.
    assert_eq!(lab.charged(), 4);
    lab.commit(first, 4, RW).expect("SR04");
    assert_eq!((lab.run(first), lab.run(second)), ((4, Some(RW)), (4, Some(COPY))));
    lab.store(first, 3);
    lab.store(second, 4);
    assert_eq!((lab.load(first), lab.load(second)), (3, 4), "CW14");
    lab.free(first, Disposal::Unmap).expect("a view");
    lab.free(second, Disposal::Unmap).expect("a view");
    assert_eq!((lab.charged(), lab.objects()), (4, 1), "what is committed stays so");
    let third = lab.view(section, RO).expect("a view");
    assert_eq!((lab.run(third), lab.load(third)), ((4, Some(RO)), 3));
    lab.close(section);
    lab.free(third, Disposal::Unmap).expect("a view");
    assert_eq!((lab.charged(), lab.objects()), (0, 0));
}

#[test]
fn a_copying_view_tells_which_pages_were_stored_to() {
    let mut lab = Lab::new();
    let section = lab.section(8, Supply::Whole).expect("room");
    let (shared, at) = (lab.view(section, RW).expect("a view"), lab.view(section, RW).expect("a view"));
    lab.protect(at, 4, COPY).expect("CW16");
    assert_eq!((lab.run(at), lab.charged()), ((4, Some(COPY)), 12), "CW01");
    lab.store(at + PAGE, 1);
    assert_eq!(
        (lab.run(at), lab.run(at + PAGE), lab.run(at + 2 * PAGE)),
        ((1, Some(COPY)), (1, Some(RW)), (2, Some(COPY))),
        "CW02, CW05"
    );
    lab.store(shared + 2 * PAGE, 2);
    assert_eq!((lab.load(shared + PAGE), lab.load(at + 2 * PAGE)), (0, 2));
    assert_eq!(lab.protect(at + PAGE, 1, RW), Ok(RW), "CW04");
    assert_eq!(lab.protect(at, 4, RW), Ok(COPY));
    lab.store(at + PAGE, 3);
    lab.store(at, 4);
    assert_eq!((lab.load(shared), lab.load(shared + PAGE)), (4, 0), "a copy stays one");
    assert_eq!(kind(lab.protect(at, 1, Protection::READ_EXECUTE)), Kind::AboveCeiling, "VS07");
    lab.close(section);
    lab.free(at, Disposal::Unmap).expect("a view");
    lab.free(shared, Disposal::Unmap).expect("a view");
    assert_eq!((lab.charged(), lab.objects()), (0, 0));
}

#[test]
fn more_than_there_is_is_refused() {
    let mut lab = Lab::new();
    assert_eq!(kind(lab.section(0, Supply::Whole)), Kind::ZeroSize);
    assert_eq!(kind(lab.section(65, Supply::Whole)), Kind::CommitLimit, "VA39");
    let large = lab.section(1 << 20, on_demand()).expect("SC32: nothing is promised");
    let small = lab.section(4, Supply::Whole).expect("room");
    assert_eq!(kind(lab.view(small, RW)), Kind::BadSize, "MV17");
    assert_eq!(kind(lab.view(ObjectId(99), RW)), Kind::NoObject);
    let at = lab.view(large, NONE).expect("a view");
    assert_eq!(kind(lab.commit(at, 1, RO)), Kind::AboveCeiling, "SR16");
    assert_eq!(kind(lab.protect(at, 1, NONE)), Kind::NotCommitted);
    assert_eq!(kind(lab.commit(at, 5, NONE)), Kind::NotReserved, "SR09");
}

/// A verb on a state.
type Act = fn(&mut Lab, ObjectId, u64) -> Result<(), Error>;

#[test]
fn a_verb_happens_or_does_not_whichever_call_fails() {
    let acts: [(&str, Act); 7] = [
        ("create", |lab, _, _| lab.section(4, Supply::Whole).map(drop)),
        ("view", |lab, section, _| lab.view(section, RW).map(drop)),
        ("copying view", |lab, section, _| lab.view(section, COPY).map(drop)),
        ("commit", |lab, _, at| lab.commit(at, 4, RO).map(drop)),
        ("protect", |lab, _, at| lab.protect(at + PAGE, 2, COPY).map(drop)),
        ("protect back", |lab, _, at| lab.protect(at + 3 * PAGE, 1, RW).map(drop)),
        ("unmap", |lab, _, at| lab.free(at, Disposal::Unmap).map(drop)),
    ];
    let mut tried = 0;
    for (name, act) in acts {
        let mut lab = Lab::new();
        let section = lab.section(8, on_demand()).expect("room");
        let at = lab.view(section, RW).expect("a view");
        lab.view(section, COPY).expect("a view");
        lab.commit(at + PAGE, 3, RW).expect("reserved");
        lab.protect(at + 3 * PAGE, 1, COPY).expect("committed");
        lab.store(at + PAGE, 1);
        let before = lab.picture();
        for mode in [Mode::Before, Mode::Half] {
            for call in 1..20 {
                let mut trial = lab.clone();
                trial.0.machine().arm(Fault { call, mode, refusal: Refusal::OutOfMemory });
                let done = act(&mut trial, section, at);
                if !trial.0.machine().disarm() {
                    break;
                }
                tried += 1;
                trial.sound();
                if done.is_err() {
                    assert_eq!(trial.picture(), before, "{name}, call {call}, {mode:?}");
                    assert_eq!(trial.load(at + PAGE), 1, "{name}, call {call}, {mode:?}");
                }
            }
        }
    }
    assert!(tried >= 20, "only {tried} failures came to pass");
}
