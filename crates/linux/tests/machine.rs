//! The machine against the kernel: what `/proc/self/maps` says, and what faults.

use std::sync::atomic::{AtomicU64, Ordering};

use pagewright_core::{
    Action, Allocate, Disposal, Free, Geometry, Kind, Managed, PageKind, Place, Protect, Protection, State,
    Traits, Window,
};
use pagewright_linux::machine::{Choice, Linux, MapsFile, Strategy};

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;

/// A part of the address space for each subject: tests run side by side in one process,
/// and what one frees another would take.
fn room() -> Geometry {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let base = Geometry::X86_64;
    Geometry { search_from: base.search_from + (NEXT.fetch_add(1, Ordering::Relaxed) << 40), ..base }
}

/// Both strategies; markers only where the kernel has them.
fn subjects() -> Vec<(&'static str, Managed<Linux>)> {
    let make = |choice| Managed::new(Linux::with(room(), MapsFile::OnDemand, choice), 64 << 30);
    let mut subjects = vec![("mprotect", make(Choice::forced(Strategy::Mprotect)))];
    if Choice::probe().strategy == Strategy::Markers {
        subjects.push(("markers", make(Choice::forced(Strategy::Markers))));
    } else {
        println!("skipped: markers strategy, because this kernel has no guard markers");
    }
    subjects
}

fn reserve(subject: &mut Managed<Linux>, size: u64) -> u64 {
    allocate(subject, Place::Window(Window::ANYWHERE), size, Action::Reserve, Protection::NONE)
}

fn allocate(
    subject: &mut Managed<Linux>,
    place: Place,
    size: u64,
    action: Action,
    protection: Protection,
) -> u64 {
    let request = Allocate { place, size, action, protection, traits: Traits::PLAIN };
    subject.allocate(&request).expect("there is room").start().get()
}

fn commit(subject: &mut Managed<Linux>, at: u64, size: u64, protection: Protection) {
    allocate(subject, Place::At(at), size, Action::Commit, protection);
}

fn free(subject: &mut Managed<Linux>, at: u64, size: u64, disposal: Disposal) {
    subject.free(&Free { at, size, disposal }).expect("it is ours");
}

/// Whether a byte can be loaded, and stored back.
fn access(subject: &mut Managed<Linux>, at: u64) -> (bool, bool) {
    use pagewright_core::{Machine, Va};
    let mut byte = [0];
    let loads = subject.machine().read(Va::new(at), &mut byte) == 1;
    let stores = subject.machine_mut().write(Va::new(at), &byte) == 1;
    (loads, stores)
}

fn store(subject: &mut Managed<Linux>, at: u64, byte: u8) {
    use pagewright_core::{Machine, Va};
    assert_eq!(subject.machine_mut().write(Va::new(at), &[byte]), 1, "at {at:#x}");
}

fn load(subject: &Managed<Linux>, at: u64) -> u8 {
    use pagewright_core::{Machine, Va};
    let mut byte = [0xee];
    assert_eq!(subject.machine().read(Va::new(at), &mut byte), 1, "at {at:#x}");
    byte[0]
}

#[test]
fn pages_have_the_access_that_the_truth_says() {
    for (name, mut subject) in subjects() {
        let base = reserve(&mut subject, 8 * MIB);
        assert_eq!(access(&mut subject, base), (false, false), "{name}: reserved");
        commit(&mut subject, base + 3 * PAGE, 2 * PAGE, Protection::READ_WRITE);
        for page in 0..8 {
            let inside = page == 3 || page == 4;
            assert_eq!(access(&mut subject, base + page * PAGE), (inside, inside), "{name}: page {page}");
        }
        // Across two boundaries of chunks, over pages that have memory already.
        store(&mut subject, base + 3 * PAGE, 7);
        commit(&mut subject, base + PAGE, 5 * MIB, Protection::READ);
        assert_eq!(access(&mut subject, base), (false, false), "{name}: before");
        for at in [base + PAGE, base + 2 * MIB, base + 4 * MIB, base + 5 * MIB] {
            assert_eq!(access(&mut subject, at), (true, false), "{name}: {at:#x}");
        }
        assert_eq!(access(&mut subject, base + 5 * MIB + PAGE), (false, false), "{name}: behind");
        assert_eq!(load(&subject, base + 3 * PAGE), 7, "{name}: content is kept");
        subject.release_all().expect("ours");
    }
}

#[test]
fn what_was_decommitted_comes_back_as_zeroes() {
    for (name, mut subject) in subjects() {
        let base = reserve(&mut subject, 8 * MIB);
        for (start, size) in [(0, 8 * MIB), (5 * PAGE, PAGE), (MIB, 3 * MIB), (2 * MIB, 2 * MIB)] {
            commit(&mut subject, base, 8 * MIB, Protection::READ_WRITE);
            for at in (base..base + 8 * MIB).step_by(64 * PAGE as usize) {
                store(&mut subject, at, 9);
            }
            store(&mut subject, base + 5 * PAGE, 9);
            free(&mut subject, base + start, size, Disposal::Decommit);
            assert_eq!(access(&mut subject, base + start), (false, false), "{name}");
            assert_eq!(access(&mut subject, base + start + size - 1), (false, false), "{name}");
            commit(&mut subject, base + start, size, Protection::READ_WRITE);
            for at in (base..base + 8 * MIB).step_by(64 * PAGE as usize) {
                let gone = (base + start..base + start + size).contains(&at);
                assert_eq!(load(&subject, at), if gone { 0 } else { 9 }, "{name}: {at:#x}");
            }
        }
        subject.release_all().expect("ours");
    }
}

#[test]
fn mixed_protections_in_one_chunk_survive_decommit_and_recommit() {
    for (name, mut subject) in subjects() {
        let base = reserve(&mut subject, 2 * MIB);
        commit(&mut subject, base, PAGE, Protection::READ);
        commit(&mut subject, base + PAGE, PAGE, Protection::READ_WRITE);
        commit(&mut subject, base + 2 * PAGE, PAGE, Protection::READ);
        store(&mut subject, base + PAGE, 5);
        assert_eq!(access(&mut subject, base + 2 * PAGE), (true, false), "{name}");
        free(&mut subject, base + PAGE, PAGE, Disposal::Decommit);
        assert_eq!(access(&mut subject, base + PAGE), (false, false), "{name}");
        commit(&mut subject, base + PAGE, PAGE, Protection::READ);
        assert_eq!(access(&mut subject, base + PAGE), (true, false), "{name}");
        assert_eq!(load(&subject, base + PAGE), 0, "{name}");
        let request = Protect { at: base, size: 3 * PAGE, protection: Protection::READ_WRITE };
        assert_eq!(subject.protect(&request).expect("committed"), Protection::READ, "{name}");
        assert_eq!(access(&mut subject, base + 2 * PAGE), (true, true), "{name}");
        assert_eq!(access(&mut subject, base + 3 * PAGE), (false, false), "{name}");
        subject.release_all().expect("ours");
    }
}

#[test]
fn a_page_of_no_access_becomes_accessible_with_its_content() {
    for (name, mut subject) in subjects() {
        let base = reserve(&mut subject, 2 * MIB);
        commit(&mut subject, base, PAGE, Protection::NONE);
        assert_eq!(access(&mut subject, base), (false, false), "{name}");
        for protection in [Protection::READ_WRITE, Protection::NONE, Protection::READ] {
            subject.protect(&Protect { at: base, size: 1, protection }).expect("committed");
            if protection == Protection::READ_WRITE {
                store(&mut subject, base, 3);
            }
        }
        assert_eq!(load(&subject, base), 3, "{name}");
        subject.release_all().expect("ours");
    }
}

#[test]
fn a_partial_release_leaves_the_rest_as_it_was() {
    for (name, mut subject) in subjects() {
        let base = reserve(&mut subject, 6 * MIB);
        commit(&mut subject, base, 6 * MIB, Protection::READ_WRITE);
        store(&mut subject, base, 1);
        store(&mut subject, base + 5 * MIB, 2);
        free(&mut subject, base + MIB, 3 * MIB, Disposal::Release);
        assert_eq!(subject.query(base + 2 * MIB).expect("in range").state, State::Free, "{name}");
        assert_eq!((load(&subject, base), load(&subject, base + 5 * MIB)), (1, 2), "{name}");
        // The upper piece has an allocation base, and chunks, of its own.
        free(&mut subject, base + 4 * MIB, 0, Disposal::Decommit);
        commit(&mut subject, base + 5 * MIB, PAGE, Protection::READ_WRITE);
        assert_eq!(load(&subject, base + 5 * MIB), 0, "{name}");
        assert_eq!(access(&mut subject, base + 5 * MIB + PAGE), (false, false), "{name}");
        subject.release_all().expect("ours");
    }
}

#[test]
fn others_are_never_replaced_and_always_seen() {
    for (name, mut subject) in subjects() {
        let here = [0_u8; 16];
        let at = &raw const here as u64;
        let info = subject.query(at).expect("in range");
        assert!(matches!(info.state, State::Committed { .. }), "{name}: {info:?}");
        let request = Allocate {
            place: Place::At(at),
            size: 1,
            action: Action::ReserveCommit,
            protection: Protection::READ_WRITE,
            traits: Traits::PLAIN,
        };
        let refused = subject.allocate(&request).map_err(|error| error.kind);
        assert_eq!(refused, Err(Kind::Conflict), "{name}");
    }
}

/// Whether all of a range is mapped, which the kernel says.
fn is_mapped(at: u64, size: u64) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("one's own");
    let parse = |text: &str| u64::from_str_radix(text, 16).expect("an address");
    let mut reached = at;
    for (start, end) in maps.lines().filter_map(|line| line.split(' ').next()?.split_once('-')) {
        if parse(start) <= reached && reached < parse(end) {
            reached = parse(end);
        }
    }
    reached >= at + size
}

/// The kernel takes away what stood there before it finds that it has no large pages.
#[test]
fn a_placeholder_that_could_not_be_replaced_stays_ours() {
    let pages = PageKind::Huge;
    for (name, mut subject) in subjects() {
        let place = Place::Window(Window { alignment: 1 << 30, ..Window::ANYWHERE });
        let at = allocate(&mut subject, place, 1 << 30, Action::Placeholder, Protection::NONE);
        let request = Allocate::new(1 << 30).of(Traits { pages, ..Traits::PLAIN }).replacing(at);
        let made = subject.allocate(&request);
        if made.is_ok() {
            println!("skipped: the refusal under {name}, because there is a free page of 1 GiB");
        } else {
            let reserved = matches!(subject.query(at).expect("in range").state, State::Reserved { .. });
            assert!(reserved, "{name}: {made:?}");
        }
        assert!(is_mapped(at, 1 << 30), "{name}: nobody else gets the place");
        subject.release_all().expect("ours");
        let is_free = matches!(subject.query(at).expect("in range").state, State::Free);
        assert!(is_free, "{name}");
    }
}
