//! Guards of another process on pages that show an object: aliases, copies, views of sections.

#![cfg(target_os = "linux")]

mod guard_support;

use std::time::Duration;

use guard_support::{Noticed, PAGE, Target};
use pagewright::{
    Alias, Allocate, Consent, CopyRange, Edges, Free, GuardDelivery, Kind, Leftovers, Lock, Memory, Onto,
    Place, Process, Protection, Share, State, Window, Wiring,
};

const RW: Protection = Protection::READ_WRITE;
const ARMED: Protection = Protection::READ_WRITE.guarded();
const ANYWHERE: Onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
/// `SEGV_ACCERR`.
const ACCERR: i64 = 2;

#[test]
fn serve_as_a_target() {
    guard_support::serve();
}

fn protection(target: &Target, at: u64) -> Protection {
    match target.process.query(at).expect("it lives").state {
        State::Committed { protection, .. } => protection,
        other => panic!("{at:#x}: {other:?}"),
    }
}

fn alias_as(target: &Target, source: u64, pages: u64, protection: Protection) -> u64 {
    let consent = Consent::OwnOnly;
    let request = Alias { source, size: pages * PAGE, onto: ANYWHERE, protection, consent };
    target.process.alias(&request).unwrap_or_else(|error| panic!("{error}")).start().get()
}

/// Memory of so many pages, and a second view of it.
fn aliased(target: &Target, pages: u64) -> (u64, u64) {
    let at = target.allocate(pages, RW);
    (at, alias_as(target, at, pages, RW))
}

fn copy(target: &Target, source: u64, onto: u64, pages: u64) -> Result<u64, Kind> {
    let request = CopyRange { source, size: pages * PAGE, target: onto };
    target.process.copy(&request).map_err(|error| error.kind())
}

/// The least that is copied lazily, and more.
const LAZY: u64 = 32;

/// Memory that was copied lazily, with numbers in its first pages: both sides show an object, each for itself.
fn copied(target: &mut Target, pages: u64) -> (u64, u64) {
    let (at, onto) = (target.allocate(LAZY, RW), target.allocate(LAZY, RW));
    for page in 0..pages {
        target.store(at + page * PAGE, page as u8 + 1);
    }
    assert_eq!(copy(target, at, onto, LAZY), Ok(LAZY * PAGE));
    for base in [at, onto] {
        assert!(shows_a_file(target, base, "rw-p"), "{base:#x} in {:#?}", target.mappings());
    }
    (at, onto)
}

/// Whether a mapping with this access that begins at `at` shows a file.
fn shows_a_file(target: &Target, at: u64, access: &str) -> bool {
    let mappings = target.mappings();
    mappings.iter().any(|line| {
        let begins = line.starts_with(&format!("{at:x}-"));
        begins && line.contains(access) && line.contains("memfd:pagewright")
    })
}

// Rows: GP01 GP02 GP03 GP04
#[test]
fn a_guard_on_one_of_two_views_is_met_there_and_only_there() {
    let mut target = Target::start();
    let (one, two) = aliased(&target, 4);
    for page in 0..3 {
        target.store(one + page * PAGE, page as u8 + 1);
    }
    assert_eq!(target.protect(one, 4, ARMED), RW);
    assert_eq!((protection(&target, one), protection(&target, two)), (ARMED, RW));
    assert_eq!(target.load(two), 1);
    target.store(two + 5, 9);
    assert_eq!(target.noticed().faults, 0, "the other view has no guard");
    assert_eq!(target.load(one + 5), 9);
    assert_eq!(target.noticed(), Noticed { faults: 1, code: ACCERR, at: one + 5 });
    assert_eq!((protection(&target, one), protection(&target, one + PAGE)), (RW, ARMED));
    target.store(one, 7);
    assert_eq!((target.load(one), target.load(two)), (7, 7));
    assert_eq!(target.noticed().faults, 1, "met once");
    // The handler finds the page open, with its content; the store that met the guard is made.
    target.ask("touch 2");
    assert_eq!(target.ask(&format!("add {}", one + PAGE)), (2 + 7).to_string());
    assert_eq!(target.load(two + PAGE), 9, "and 0x100 above it");
    assert_eq!(target.load(two + PAGE + 1), 1);
    target.ask("touch 0");
    assert_eq!(target.load(one + 3 * PAGE), 0, "a page that nobody ever touched");
    target.store(one + 2 * PAGE, 8);
    assert_eq!((target.load(two + 2 * PAGE), target.noticed().faults), (8, 4));
}

// Rows: GP02 GP03
#[test]
fn guards_on_both_views_are_two_guards() {
    let mut target = Target::start();
    let (one, two) = aliased(&target, 2);
    target.store(one, 5);
    target.protect(one, 2, ARMED);
    target.protect(two, 2, ARMED);
    assert_eq!(target.load(one), 5);
    assert_eq!(target.noticed().faults, 1);
    assert_eq!(target.load(two), 5);
    assert_eq!(target.noticed(), Noticed { faults: 2, code: ACCERR, at: two });
    // A view that is made with its guard armed.
    let three = alias_as(&target, one, 1, ARMED);
    assert_eq!(target.load(three), 5);
    assert_eq!(target.noticed(), Noticed { faults: 3, code: ACCERR, at: three });
    assert_eq!((target.load(three), target.noticed().faults), (5, 3));
}

// Rows: GP02 GP03
#[test]
fn a_page_that_is_armed_keeps_its_guard_when_it_is_aliased() {
    let mut target = Target::start();
    let at = target.allocate(3, RW);
    target.store(at, 3);
    target.protect(at, 2, ARMED);
    let other = alias_as(&target, at, 3, RW);
    assert_eq!((protection(&target, at), protection(&target, other)), (ARMED, RW));
    assert_eq!(target.load(other), 3);
    target.store(other + PAGE, 4);
    assert_eq!(target.noticed().faults, 0);
    assert_eq!((target.load(at), target.load(at + PAGE)), (3, 4));
    assert_eq!(target.noticed().faults, 2);
    // The same for what was copied.
    let (one, two) = copied(&mut target, 3);
    target.store(one + PAGE, 40);
    target.protect(one, 3, ARMED);
    let third = alias_as(&target, one, 3, RW);
    let seen = [0, 1, 2].map(|page| target.load(third + page * PAGE));
    assert_eq!((seen, target.noticed().faults), ([1, 40, 3], 2));
    target.store(third + 2 * PAGE, 50);
    let seen = [0, 1, 2].map(|page| target.load(one + page * PAGE));
    assert_eq!((seen, target.noticed().faults), ([1, 40, 50], 5));
    assert_eq!([0, 1, 2].map(|page| target.load(two + page * PAGE)), [1, 2, 3]);
}

// Rows: GP02 GP03
#[test]
fn what_was_stored_after_a_copy_is_there_when_the_guard_is_met() {
    let mut target = Target::start();
    let (one, two) = copied(&mut target, 6);
    for (page, byte) in [(0, 100), (2, 102), (3, 103)] {
        target.store(one + page * PAGE, byte);
    }
    target.store(two + PAGE, 201);
    target.protect(one, 6, ARMED);
    target.protect(two, 6, ARMED);
    assert_eq!([0, 1, 2, 3, 4].map(|page| target.load(one + page * PAGE)), [100, 2, 102, 103, 5]);
    assert_eq!(target.noticed().faults, 5);
    // A store to a page of the file, by way of its guard: it is the view's own from then on.
    target.store(one + 5 * PAGE, 105);
    assert_eq!([0, 1, 2, 3, 4, 5].map(|page| target.load(two + page * PAGE)), [1, 201, 3, 4, 5, 6]);
    assert_eq!((target.load(one + 5 * PAGE), target.noticed().faults), (105, 12));
    // Again, now that all were met; and made ordinary without being met.
    target.protect(one, 6, ARMED);
    assert_eq!(target.protect(one, 6, RW), ARMED);
    assert_eq!([0, 1, 2, 5].map(|page| target.load(one + page * PAGE)), [100, 2, 102, 105]);
    assert_eq!(target.noticed().faults, 12);
}

/// A copy is an access: it meets the guards one by one, and copies nothing until there are none.
#[test]
fn a_copy_meets_the_guards_of_views() {
    let mut target = Target::start();
    let (one, two) = copied(&mut target, 3);
    target.store(one + PAGE, 60);
    target.protect(one + PAGE, 1, ARMED);
    target.protect(two + 2 * PAGE, 1, ARMED);
    target.store(two, 70);
    assert_eq!(copy(&target, one, two, LAZY), Err(Kind::GuardHit));
    assert_eq!((protection(&target, one + PAGE), protection(&target, two + 2 * PAGE)), (RW, ARMED));
    assert_eq!(copy(&target, one, two, LAZY), Err(Kind::GuardHit), "of the target");
    assert_eq!(target.load(two), 70, "nothing was copied");
    assert_eq!(copy(&target, one, two, LAZY), Ok(LAZY * PAGE));
    assert_eq!([0, 1, 2].map(|page| target.load(two + page * PAGE)), [1, 60, 3]);
    assert_eq!(target.noticed().faults, 0);
    // A guarded view of the source beside it does not get in the way.
    let (shared, view) = aliased(&target, 3);
    target.store(shared + PAGE, 80);
    target.protect(view, 3, ARMED);
    assert_eq!(copy(&target, shared, two, 3), Ok(3 * PAGE));
    assert_eq!((target.load(two + PAGE), target.noticed().faults), (80, 0));
    assert_eq!((target.load(view + PAGE), target.noticed().faults), (80, 1));
}

// Rows: GP02
#[test]
fn no_store_is_lost_when_views_in_use_are_guarded() {
    for faults in ["probed", "plain"] {
        let mut target = Target::start_with(faults);
        target.process.set_guard_delivery(GuardDelivery::Event).expect("attached");
        let (shared, other) = aliased(&target, 8);
        let (one, two) = copied(&mut target, 8);
        // Guards come and go on one view, while threads store through the other one, and through it.
        target.ask(&format!("hammer {shared} 8 2"));
        target.ask(&format!("hammer {one} 8 2"));
        let start = std::time::Instant::now();
        let mut rounds = 0;
        while start.elapsed() < Duration::from_millis(700) {
            for at in [shared, other, one, two] {
                target.protect(at, 8, ARMED);
            }
            target.protect(one + 2 * PAGE, 3, RW);
            rounds += 1;
        }
        let answer = target.ask("rest");
        assert_eq!(answer.matches(" lost 0").count(), 2, "{faults}, {rounds} times: {answer}");
        println!("{faults}: armed {rounds} times, {answer}");
        assert_eq!([0, 7].map(|page| target.load(two + page * PAGE)), [1, 8], "the copy has not changed");
    }
}

// Rows: GP02
#[test]
fn of_many_threads_one_meets_the_guard_of_a_view() {
    let mut target = Target::start();
    let (one, two) = aliased(&target, 1);
    let (copy, _) = copied(&mut target, 1);
    for round in 1..=20 {
        target.store(two, 5);
        target.protect(one, 1, ARMED);
        assert_eq!(target.ask(&format!("many {one} 8")), "40");
        assert_eq!(target.noticed().faults, 2 * round - 1);
        target.store(copy, 6);
        target.protect(copy, 1, ARMED);
        assert_eq!(target.ask(&format!("many {copy} 8")), "48");
        assert_eq!(target.noticed().faults, 2 * round);
    }
}

/// A view of memory of another process that may only be read.
#[test]
fn a_view_that_may_only_be_read_can_be_guarded() {
    let source = Target::start();
    let from = source.allocate(2, RW);
    assert_eq!(source.process.write(from, &[21]), Ok(1));
    let mut target = Target::start();
    let request = Share {
        source: from,
        size: 2 * PAGE,
        onto: ANYWHERE,
        protection: Protection::READ,
        edges: Edges::Strict,
        consent: Consent::OwnOnly,
    };
    let at = source.process.share(&target.process, &request).unwrap_or_else(|error| panic!("{error}")).base;
    assert_eq!(target.load(at), 21);
    target.protect(at, 2, Protection::READ.guarded());
    assert_eq!(source.process.write(from, &[22]), Ok(1));
    assert_eq!(target.load(at), 22, "what was stored on the other side meanwhile");
    assert_eq!(target.noticed(), Noticed { faults: 1, code: ACCERR, at });
    assert_eq!(source.process.write(from, &[23]), Ok(1));
    assert_eq!((target.load(at), target.load(at + PAGE)), (23, 0), "and afterwards");
    assert_eq!(target.noticed().faults, 2);
    assert!(shows_a_file(&target, at, "r--s"), "shared again");
}

// Rows: GP09 GP10
#[test]
fn copies_and_system_calls_at_a_guarded_view_stop() {
    let mut target = Target::start();
    let (shared, _) = aliased(&target, 2);
    let (own, _) = copied(&mut target, 2);
    for at in [shared, own] {
        target.store(at + PAGE, 4);
        target.protect(at + PAGE, 1, ARMED);
        assert_eq!(target.ask(&format!("kernel {} 10", at + PAGE)), format!("error {}", libc::EFAULT));
        assert_eq!(target.process.read(at, &mut [0; 2 * PAGE as usize]), Ok(PAGE as usize));
        assert_eq!(protection(&target, at + PAGE), RW, "consumed");
        assert_eq!(target.ask(&format!("kernel {} 10", at + PAGE)), "10");
        assert_eq!((target.load(at + PAGE), target.noticed().faults), (0, 0));
    }
}

#[test]
fn a_poke_writes_under_the_guards_of_views() {
    let mut target = Target::start();
    let (shared, other) = aliased(&target, 2);
    let (own, copy) = copied(&mut target, 3);
    target.store(own + PAGE, 44);
    target.protect(shared, 2, ARMED);
    target.protect(own, 3, ARMED);
    assert_eq!(target.process.poke(shared + PAGE - 1, &[1, 2]), Ok(2));
    assert_eq!([PAGE - 1, PAGE].map(|at| target.load(other + at)), [1, 2]);
    assert_eq!(target.process.poke(own + PAGE - 1, &[3]), Ok(1), "a page of the file");
    assert_eq!(target.process.poke(own + PAGE + 1, &[4]), Ok(1), "a page of its own");
    assert_eq!((protection(&target, shared), protection(&target, own)), (ARMED, ARMED));
    assert_eq!(target.noticed().faults, 0);
    let seen = [0, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE].map(|at| target.load(own + at));
    assert_eq!((seen, target.noticed().faults), ([1, 3, 44, 4, 3], 3));
    assert_eq!([0, PAGE - 1, PAGE].map(|at| target.load(copy + at)), [1, 0, 2], "the copy has not changed");
}

#[test]
fn guarded_views_can_be_decommitted_released_and_locked() {
    let mut target = Target::start();
    let (shared, other) = aliased(&target, 4);
    let (own, _) = copied(&mut target, 4);
    for at in [shared, own] {
        for page in 0..4 {
            target.store(at + page * PAGE, 30 + page as u8);
        }
        let lock = Lock { at, size: 2 * PAGE, wiring: Wiring::Wired, quota: None };
        target.process.lock(&lock).unwrap_or_else(|error| panic!("{error}"));
        let locked = target.status("VmLck");
        target.protect(at, 4, ARMED);
        assert_eq!(target.process.lock(&lock).map_err(|error| error.kind()), Err(Kind::GuardHit));
        assert_eq!([0, 1, 2].map(|page| target.load(at + page * PAGE)), [30, 31, 32]);
        assert_eq!(target.status("VmLck"), locked, "locked as before");
        target
            .process
            .lock(&Lock { wiring: Wiring::Pageable, ..lock })
            .unwrap_or_else(|error| panic!("{error}"));
        target.protect(at, 4, ARMED);
        target.process.free(&Free::decommit(at + 3 * PAGE, PAGE)).expect("ours");
        let again = Allocate::new(PAGE).commit().at(at + 3 * PAGE);
        target.process.allocate(&again).expect("ours");
        assert_eq!(target.load(at + 3 * PAGE), 0, "a fresh page without a guard");
    }
    assert_eq!(target.noticed().faults, 4);
    for at in [shared, own] {
        target.process.free(&Free::release(at)).expect("ours");
        assert_eq!(target.process.query(at).expect("it lives").state, State::Free);
    }
    assert_eq!(target.load(other + 2 * PAGE), 32);
}

#[test]
fn a_forked_child_has_the_content_of_guarded_views_or_faults() {
    let mut target = Target::start();
    let (shared, _) = aliased(&target, 2);
    let (own, _) = copied(&mut target, 3);
    target.store(shared, 33);
    target.store(own + PAGE, 44);
    target.protect(shared, 2, ARMED);
    target.protect(own, 3, ARMED);
    assert_eq!(target.ask(&format!("fork {shared}")), "got 33");
    assert_eq!(target.ask(&format!("fork {own}")), "got 1", "a page of the file");
    let fault = format!("signal {}", libc::SIGSEGV);
    assert_eq!(target.ask(&format!("fork {}", own + PAGE)), fault, "never what it was before");
    assert_eq!(target.noticed().faults, 0);
    assert_eq!(target.load(own + PAGE), 44);
    assert_eq!(target.ask(&format!("fork {}", own + PAGE)), "got 44");
}

#[test]
fn a_forked_child_that_is_attached_has_the_guards_of_views_again() {
    let mut target = Target::start();
    let (own, copy) = copied(&mut target, 3);
    let (shared, _) = aliased(&target, 1);
    target.store(own + PAGE, 44);
    target.store(shared, 55);
    target.protect(own, 3, ARMED);
    target.protect(shared, 1, ARMED);
    let child = target.ask("clone");
    let pid: u32 = child.strip_prefix("child ").expect("a child").parse().expect("a number");
    let process = Process::open(pid).expect("it lives");
    process.attach().expect("its parent was");
    assert_eq!([0, 1, 2].map(|page| target.load(own + page * PAGE)), [1, 44, 3]);
    assert_eq!(target.noticed(), Noticed { faults: 3, code: ACCERR, at: own + 2 * PAGE });
    assert_eq!((target.load(shared), target.noticed().faults), (55, 4));
    assert_eq!([0, 1, 2].map(|page| target.load(copy + page * PAGE)), [1, 2, 3]);
    process.detach(Leftovers::Keep).expect("attached");
}

#[test]
fn detaching_leaves_views_with_their_content() {
    let mut target = Target::start_alone();
    let before = (target.threads(), target.status("SigCgt"));
    let (shared, other) = aliased(&target, 2);
    let (own, copy) = copied(&mut target, 3);
    target.store(shared, 66);
    target.store(own + PAGE, 77);
    for (at, pages) in [(shared, 2), (other, 2), (own, 3), (copy, 3)] {
        target.protect(at, pages, ARMED);
    }
    target.process.detach(Leftovers::Keep).expect("attached");
    assert_eq!((target.load(shared), target.load(other)), (66, 66));
    assert_eq!([0, 1, 2].map(|page| target.load(own + page * PAGE)), [1, 77, 3]);
    assert_eq!([0, 1, 2].map(|page| target.load(copy + page * PAGE)), [1, 2, 3]);
    assert_eq!(target.noticed().faults, 0, "no guard is left");
    assert_eq!((target.threads(), target.status("SigCgt")), before);
}

/// The pages that were stored to, counted from `at`, and forgotten.
fn written(target: &Target, at: u64, pages: u64) -> Vec<u64> {
    let request =
        pagewright::Written { at, size: pages * PAGE, limit: 1000, after: pagewright::After::Forget };
    let runs = target.process.written(&request).unwrap_or_else(|error| panic!("{error}"));
    let pages = runs.iter().flat_map(|run| (run.start().get()..run.end().get()).step_by(PAGE as usize));
    pages.map(|page| (page - at) / PAGE).collect()
}

#[test]
fn watched_memory_that_is_aliased_tells_of_every_store_beside_guards() {
    let mut target = Target::start();
    let traits = pagewright::Traits { watch: pagewright::Watch::On, ..pagewright::Traits::PLAIN };
    let at = match target.process.allocate(&Allocate { traits, ..Allocate::new(4 * PAGE) }) {
        Ok(range) => range.start().get(),
        Err(error) => return println!("skipped: nothing is watched here: {error}"),
    };
    let other = alias_as(&target, at, 4, RW);
    written(&target, at, 4);
    for guarded in [at, other] {
        target.protect(guarded, 2, ARMED);
        assert_eq!(written(&target, at, 4), [0, 1], "guarded pages count as stored to");
        assert_eq!(written(&target, at, 4), [], "once");
        target.store(other + 3 * PAGE, 1);
        assert_eq!(written(&target, at, 4), [3]);
        target.store(guarded, 9);
        assert!(written(&target, at, 4).contains(&0), "the store that met the guard");
        assert_eq!(written(&target, at, 4), []);
        target.store(guarded, 8);
        assert_eq!(written(&target, at, 4), [0], "watched as before");
        target.protect(guarded, 2, RW);
        written(&target, at, 4);
        target.store(guarded + PAGE, 8);
        assert_eq!(written(&target, at, 4), [1]);
        assert_eq!(target.ask(&format!("kernel {} 10", at + PAGE)), "10", "the kernel stores, too");
        assert_eq!(written(&target, at, 4), [1]);
    }
    assert_eq!(target.noticed().faults, 2);
}
