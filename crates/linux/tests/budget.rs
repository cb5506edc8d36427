//! Mappings are counted for the whole process, so these tests have a process of their
//! own and run one after the other.

use std::sync::{Mutex, PoisonError};

use pagewright_core::{
    Access, Action, Allocate, Content, Geometry, Kind, Machine, Managed, ObjectId, PageRange, Place,
    Protection, Refusal, Traits, View, Window,
};
use pagewright_linux::machine::{Choice, Linux, MapsFile, Strategy, count_mappings};

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn subject(strategy: Strategy) -> Managed<Linux> {
    Managed::new(Linux::with(Geometry::X86_64, MapsFile::OnDemand, Choice::forced(strategy)), 64 << 30)
}

fn reserve(subject: &mut Managed<Linux>, size: u64) -> u64 {
    let request = Allocate {
        place: Place::Window(Window::ANYWHERE),
        size,
        action: Action::Reserve,
        protection: Protection::NONE,
        traits: Traits::PLAIN,
    };
    subject.allocate(&request).expect("there is room").start().get()
}

fn commit(subject: &mut Managed<Linux>, at: u64) -> Result<(), Kind> {
    let request = Allocate {
        place: Place::At(at),
        size: PAGE,
        action: Action::Commit,
        protection: Protection::READ_WRITE,
        traits: Traits::PLAIN,
    };
    subject.allocate(&request).map(drop).map_err(|error| error.kind)
}

#[test]
fn lone_pages_cost_no_mappings_where_there_are_markers() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if Choice::probe().strategy != Strategy::Markers {
        println!(
            "skipped: lone_pages_cost_no_mappings_where_there_are_markers, because this kernel has none"
        );
        return;
    }
    let mut subject = subject(Strategy::Markers);
    let base = reserve(&mut subject, 64 * MIB);
    let before = count_mappings();
    for page in (0..64 * MIB / PAGE).step_by(2) {
        commit(&mut subject, base + page * PAGE).expect("there is no ceiling");
    }
    // Another test's thread may get its stack and heap meanwhile.
    assert!(count_mappings() <= before + 16, "{} mappings, {before} before", count_mappings());
    subject.release_all().expect("ours");
}

#[test]
fn the_limit_of_mappings_is_refused_before_the_kernel_meets_it() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut subject = subject(Strategy::Mprotect);
    let base = reserve(&mut subject, 1 << 30);
    let mut page = 0;
    let refused = loop {
        match commit(&mut subject, base + page * PAGE) {
            Ok(()) => page += 2,
            Err(kind) => break kind,
        }
    };
    assert_eq!(refused, Kind::MapBudget);
    assert!(page > 60_000, "refused too early, at page {page}");
    // Others can still map, and what is there can be given back.
    let more: Vec<_> = (0..32).map(|_| std::thread::spawn(|| vec![1_u8; 1 << 20].len())).collect();
    for thread in more {
        assert_eq!(thread.join().expect("it ran"), 1 << 20);
    }
    subject.release_all().expect("ours");
    assert!(count_mappings() < 1000);
}

#[test]
fn pages_of_objects_count_as_well() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Linux::new(Geometry::X86_64, MapsFile::OnDemand);
    let start = Geometry::X86_64.search_from + (1 << 40);
    let range = PageRange::between(start, start + (1 << 30)).expect("not empty");
    machine.reserve(range, None).expect("free");
    let object = ObjectId(1);
    machine.create(object, 1).expect("a file");
    let content = Content { object, first: 0, view: View::Shared };
    let mut page = 0;
    let refused = loop {
        let place = PageRange::between(start + page * PAGE, start + (page + 1) * PAGE).expect("not empty");
        match machine.show(range, place, content, Access::READ) {
            Ok(()) => page += 2,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refused, Refusal::MapBudget);
    assert!(page > 60_000, "refused too early, at page {page}");
    machine.release(range, range).expect("ours");
    assert!(count_mappings() < 1000);
}
