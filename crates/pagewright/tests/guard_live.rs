//! Guards in another process: armed by a resident there, met by its threads, told by its own
//! `SIGSEGV` or to whoever attached.

#![cfg(target_os = "linux")]

mod guard_support;

use std::time::{Duration, Instant};

use guard_support::{Noticed, PAGE, Target};
use pagewright::{Guard, GuardAccess, GuardDelivery, Kind, Leftovers, Memory, Protection, State};

const RW: Protection = Protection::READ_WRITE;
const ARMED: Protection = Protection::READ_WRITE.guarded();
/// `SEGV_ACCERR`.
const ACCERR: i64 = 2;
/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn serve_as_a_target() {
    guard_support::serve();
}

/// The protection of a page, as a query tells.
fn protection(target: &Target, at: u64) -> Protection {
    match target.process.query(at).expect("it lives").state {
        State::Committed { protection, .. } => protection,
        other => panic!("{at:#x}: {other:?}"),
    }
}

// Rows: GP01 GP02 GP03
#[test]
fn a_fresh_guard_is_met_once_by_the_handler_of_the_program() {
    let mut target = Target::start();
    let at = target.allocate(4, ARMED);
    assert_eq!(protection(&target, at), ARMED);
    assert_eq!(target.load(at + 123), 0);
    assert_eq!(target.noticed(), Noticed { faults: 1, code: ACCERR, at: at + 123 });
    assert_eq!(protection(&target, at), RW);
    assert_eq!(protection(&target, at + PAGE), ARMED, "its neighbour");
    target.store(at + 5, 7);
    assert_eq!(target.load(at + 5), 7);
    assert_eq!(target.noticed().faults, 1, "met once");
    let State::Committed { initial, .. } = target.process.query(at).expect("it lives").state else {
        panic!()
    };
    assert_eq!(initial, ARMED, "the allocation remembers");
}

// Rows: GP02 GP03 GP04
#[test]
fn what_was_stored_before_is_there_when_the_guard_is_met() {
    let mut target = Target::start();
    let at = target.allocate(3, RW);
    target.store(at, 11);
    target.store(at + 2 * PAGE, 13);
    assert_eq!(target.protect(at, 3, ARMED), RW);
    // The handler itself finds the page open, with its content.
    target.ask("touch 2");
    assert_eq!(target.ask(&format!("add {at}")), (11 + 7).to_string(), "the handler's change is seen");
    assert_eq!(target.load(at), 18, "and 0x100 was added above it");
    assert_eq!(target.load(at + 1), 1);
    target.ask("touch 1");
    assert_eq!(target.load(at + 2 * PAGE), 13);
    assert_eq!(target.load(at + PAGE), 0);
    assert_eq!(target.noticed().faults, 3);
}

// Rows: GP05
#[test]
fn a_store_to_a_guard_that_may_only_be_read_meets_it_first() {
    let mut target = Target::start();
    let at = target.allocate(1, RW);
    target.store(at, 9);
    target.protect(at, 1, Protection::READ.guarded());
    // The handler gives up after a while: the guard once, then the access violation for ever.
    target.send(&format!("store {at} 1"));
    assert_eq!(target.try_answer(), None);
    let hits = target.process.guard_hits(Duration::ZERO);
    drop(hits);
    let mut target = Target::start();
    let at = target.allocate(1, RW);
    target.store(at, 9);
    target.protect(at, 1, Protection::READ.guarded());
    assert_eq!(target.load(at), 9);
    assert_eq!(target.noticed().faults, 1);
    assert_eq!(protection(&target, at), Protection::READ);
}

// Rows: GP02
#[test]
fn the_caller_learns_of_hits_and_can_wait_for_them() {
    let mut target = Target::start();
    target.process.set_guard_delivery(GuardDelivery::Event).expect("it can be attached");
    let at = target.allocate(2, ARMED);
    let start = Instant::now();
    assert!(target.process.guard_hits(Duration::from_millis(60)).expect("attached").hits.is_empty());
    assert!(start.elapsed() >= Duration::from_millis(60));
    let waiter = std::thread::spawn({
        let process = target.process.clone();
        move || process.guard_hits(PATIENCE).expect("attached")
    });
    std::thread::sleep(Duration::from_millis(20));
    let start = Instant::now();
    assert_eq!(target.load(at + 77), 0);
    let found = waiter.join().expect("no panic");
    assert!(start.elapsed() < PATIENCE / 2, "it waited for the hit, and no longer");
    let [hit] = found.hits[..] else { panic!("{found:?}") };
    assert_eq!((hit.at, hit.access, hit.number, found.lost), (at + 77, GuardAccess::Load, 1, 0));
    assert!(hit.thread >= target.pid());
    target.store(at + PAGE, 3);
    let found = target.process.guard_hits(PATIENCE).expect("attached");
    assert_eq!(found.hits.iter().map(|hit| hit.access).collect::<Vec<_>>(), [GuardAccess::Store]);
    assert_eq!(target.noticed().faults, 0, "no signal");
}

#[test]
fn hits_that_nobody_takes_are_overwritten_and_hold_nobody_up() {
    let mut target = Target::start();
    target.process.set_guard_delivery(GuardDelivery::Event).expect("it can be attached");
    let at = target.allocate(300, ARMED);
    for page in 0..300 {
        assert_eq!(target.load(at + page * PAGE), 0);
    }
    let found = target.process.guard_hits(Duration::ZERO).expect("attached");
    assert_eq!((found.hits.len(), found.lost), (256, 44));
    assert_eq!(found.hits.last().map(|hit| hit.number), Some(300));
}

// Rows: GP02
#[test]
fn of_many_threads_one_meets_the_guard() {
    let mut target = Target::start();
    let at = target.allocate(1, RW);
    for round in 1..=50 {
        target.store(at, 5);
        target.protect(at, 1, ARMED);
        assert_eq!(target.ask(&format!("many {at} 8")), "40");
        assert_eq!(target.noticed().faults, round);
    }
}

// Rows: GP02
#[test]
fn no_store_is_lost_when_pages_in_use_are_guarded() {
    for faults in ["probed", "plain"] {
        let mut target = Target::start_with(faults);
        target.process.set_guard_delivery(GuardDelivery::Event).expect("it can be attached");
        let at = target.allocate(16, RW);
        target.ask(&format!("hammer {at} 16 4"));
        let start = Instant::now();
        let mut rounds = 0;
        while start.elapsed() < Duration::from_millis(700) {
            target.protect(at, 16, ARMED);
            rounds += 1;
            target.protect(at + 4 * PAGE, 3, RW);
        }
        let answer = target.ask("rest");
        assert!(answer.ends_with(" lost 0"), "{faults}, {rounds} times: {answer}");
        println!("{faults}: armed {rounds} times, {answer}");
    }
}

// Rows: GP09
#[test]
fn a_system_call_with_a_guard_as_its_buffer_fails_and_sticks_nowhere() {
    let mut target = Target::start();
    let at = target.allocate(1, ARMED);
    let fault = format!("error {}", libc::EFAULT);
    assert_eq!(target.ask(&format!("kernel {at} 100")), fault);
    assert_eq!(target.ask(&format!("kernel {at} 100")), fault, "the guard is not consumed: a difference");
    assert_eq!(target.noticed().faults, 0);
    assert_eq!(target.load(at), 0);
    assert_eq!(target.ask(&format!("kernel {at} 100")), "100");
}

// Rows: GP03 GP10
#[test]
fn a_copy_from_outside_stops_at_a_guard_and_consumes_it() {
    let mut target = Target::start();
    let at = target.allocate(3, RW);
    target.store(at, 3);
    target.store(at + PAGE, 4);
    let mut bytes = vec![0; 3 * PAGE as usize];
    target.protect(at + PAGE, 2, ARMED);
    assert_eq!(target.process.read(at, &mut bytes), Ok(PAGE as usize));
    assert_eq!((protection(&target, at + PAGE), protection(&target, at + 2 * PAGE)), (RW, ARMED));
    assert_eq!(target.process.read(at, &mut bytes), Ok(2 * PAGE as usize), "the next one");
    assert_eq!((bytes[0], bytes[PAGE as usize]), (3, 4));
    assert_eq!(target.process.read(at, &mut bytes), Ok(3 * PAGE as usize));
    target.protect(at, 1, ARMED);
    assert_eq!(target.process.write(at, &[7]), Ok(0));
    assert_eq!(target.load(at), 3, "nothing was stored");
    assert_eq!(target.process.write(at, &[7]), Ok(1));
    assert_eq!(target.load(at), 7);
    assert_eq!(target.noticed().faults, 0, "the program is not told");
}

#[test]
fn a_poke_writes_under_guards_which_stay_armed() {
    for access in [RW, Protection::READ] {
        let mut target = Target::start();
        let at = target.allocate(4, RW);
        target.store(at + PAGE, 4);
        target.protect(at, 4, access);
        target.protect(at + PAGE, 2, access.guarded());
        // From an open page over one that is out, and one that nobody touched, to an open one.
        let bytes = vec![9; 2 * PAGE as usize + 20];
        assert_eq!(target.process.poke(at + PAGE - 10, &bytes), Ok(bytes.len()));
        assert_eq!(target.process.poke(at + PAGE + 1, &[8, 7]), Ok(2));
        for page in [1, 2] {
            assert_eq!(protection(&target, at + page * PAGE), access.guarded());
        }
        let seen = [PAGE - 10, PAGE, PAGE + 1, PAGE + 2, PAGE + 3, 3 * PAGE - 1, 3 * PAGE + 9, 3 * PAGE + 10];
        assert_eq!(seen.map(|offset| target.load(at + offset)), [9, 9, 8, 7, 9, 9, 9, 0]);
        assert_eq!(target.noticed().faults, 2, "each guard was met by a load");
    }
}

/// Whose handle has asked nothing of the resident pays nothing for it, and meets nothing.
#[test]
fn a_copy_that_stops_where_no_guard_is_changes_nothing() {
    let mut target = Target::start();
    let at = target.allocate(2, RW);
    target.protect(at + PAGE, 1, Protection::NONE);
    assert_eq!(target.process.read(at, &mut [0; 2 * PAGE as usize]), Ok(PAGE as usize));
    assert_eq!(protection(&target, at + PAGE), Protection::NONE);
    assert_eq!(target.process.read(0, &mut [0]), Ok(0), "nothing of ours");
    target.protect(at, 1, ARMED);
    let stranger = pagewright::Process::open(target.pid()).expect("it lives");
    assert_eq!(stranger.read(at, &mut [0]), Ok(0));
    assert_eq!(protection(&target, at), ARMED);
    assert_eq!(target.load(at), 0);
}

#[test]
fn a_program_without_a_handler_ends_by_the_signal() {
    use std::os::unix::process::ExitStatusExt;
    let mut target = Target::start();
    let at = target.allocate(1, ARMED);
    target.ask("usual");
    target.send(&format!("load {at}"));
    assert_eq!(target.try_answer(), None);
    assert_eq!(target.end_status().signal(), Some(libc::SIGSEGV));
}

#[test]
fn pages_that_are_armed_can_be_protected_decommitted_and_released() {
    let mut target = Target::start();
    let at = target.allocate(8, RW);
    for page in 0..8 {
        target.store(at + page * PAGE, page as u8 + 1);
    }
    target.protect(at, 8, ARMED);
    assert_eq!(target.protect(at, 2, RW), ARMED);
    assert_eq!((target.load(at), target.load(at + PAGE)), (1, 2));
    assert_eq!(target.protect(at + 2 * PAGE, 1, Protection::READ), ARMED);
    assert_eq!(target.load(at + 2 * PAGE), 3);
    target.process.free(&pagewright::Free::decommit(at + 3 * PAGE, PAGE)).expect("ours");
    target.process.allocate(&pagewright::Allocate::new(PAGE).commit().at(at + 3 * PAGE)).expect("ours");
    assert_eq!(target.load(at + 3 * PAGE), 0, "a fresh page without a guard");
    // From guard to guard, with another protection: it stands all the time, and keeps what is there.
    assert_eq!(target.protect(at + 4 * PAGE, 1, Protection::READ.guarded()), ARMED);
    assert_eq!(target.load(at + 4 * PAGE), 5);
    assert_eq!(target.noticed().faults, 1);
    target.process.free(&pagewright::Free::release(at)).expect("ours");
    assert_eq!(target.process.query(at).expect("it lives").state, State::Free);
}

#[test]
fn detaching_leaves_ordinary_pages_and_no_trace() {
    let mut target = Target::start_alone();
    let before = (target.threads(), target.mappings(), target.status("SigCgt"));
    let at = target.allocate(4, RW);
    target.store(at, 21);
    target.protect(at, 4, ARMED);
    assert_eq!(target.load(at), 21);
    assert!(target.threads().iter().any(|name| name == "pagewright-g"));
    assert_eq!(target.noticed().faults, 1);
    target.protect(at, 4, ARMED);
    target.process.detach(Leftovers::Keep).expect("attached");
    assert_eq!(target.load(at), 21);
    assert_eq!(target.load(at + PAGE), 0);
    assert_eq!(target.noticed().faults, 1, "no guard is left");
    let left: Vec<_> = target.mappings().into_iter().filter(|line| !before.1.contains(line)).collect();
    assert_eq!(left.len(), 1, "the memory stays, in one mapping: {left:?}");
    assert_eq!((target.threads(), target.status("SigCgt")), (before.0, before.2));
    assert_eq!(target.process.guard_hits(Duration::ZERO).map_err(|error| error.kind()), Err(Kind::Gone));
}

#[test]
fn a_guard_outlives_the_caller_that_armed_it() {
    let mut target = Target::start();
    let at = target.allocate(1, ARMED);
    // Another handle, as another caller would have; the first is dropped.
    target.process = pagewright::Process::open(target.pid()).expect("it lives");
    assert_eq!(target.load(at), 0);
    assert_eq!(target.noticed().faults, 1);
    let found = target.process.guard_hits(Duration::ZERO).expect("attached");
    assert_eq!(found.hits.len(), 1);
}

#[test]
fn a_forked_child_faults_where_a_page_is_out_and_never_reads_zeros() {
    let mut target = Target::start();
    let at = target.allocate(2, RW);
    target.store(at, 33);
    target.protect(at, 1, ARMED);
    assert_eq!(target.ask(&format!("fork {at}")), format!("signal {}", libc::SIGSEGV));
    assert_eq!(target.noticed().faults, 0, "the parent has met nothing");
    assert_eq!(target.load(at), 33);
    assert_eq!(target.ask(&format!("fork {at}")), "got 33");
}

#[test]
fn a_forked_child_that_is_attached_has_guards_and_content_again() {
    let mut target = Target::start();
    let at = target.allocate(3, RW);
    target.store(at, 44);
    target.protect(at, 2, ARMED);
    let child = target.ask("clone");
    let pid: u32 = child.strip_prefix("child ").expect("a child").parse().expect("a number");
    let process = pagewright::Process::open(pid).expect("it lives");
    process.attach().expect("its parent was");
    assert_eq!(target.load(at), 44, "its content came along");
    assert_eq!(target.noticed(), Noticed { faults: 1, code: ACCERR, at });
    assert_eq!(target.load(at + PAGE), 0);
    assert_eq!(target.noticed().faults, 2);
    assert_eq!(target.load(at + 2 * PAGE), 0);
    assert_eq!(target.noticed().faults, 2);
    process.detach(Leftovers::Keep).expect("attached");
}

#[test]
fn exec_ends_guards_and_residents() {
    let mut target = Target::start();
    let at = target.allocate(1, ARMED);
    assert_eq!(target.ask("exec"), "gone");
    let start = Instant::now();
    while target.threads() != ["sleep"] {
        assert!(start.elapsed() < PATIENCE, "{:?}", target.threads());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(target.process.query(at).expect("it lives").state, State::Free);
    assert!(!target.process.status().expect("it lives").attached);
    target.kill();
}

#[test]
fn without_userfaultfd_arming_is_refused_and_changes_nothing() {
    let mut target = Target::start_with("none");
    let at = target.allocate(1, RW);
    let request = pagewright::Protect { at, size: 1, protection: ARMED };
    let refused = target.process.protect(&request).expect_err("nobody would notice");
    assert_eq!(refused.kind(), Kind::Unsupported);
    println!("{refused}");
    assert_eq!(protection(&target, at).guard, Guard::Clear);
    let request = pagewright::Allocate::new(PAGE).protection(ARMED);
    assert_eq!(target.process.allocate(&request).map_err(|error| error.kind()), Err(Kind::Unsupported));
    assert_eq!(target.load(at), 0);
}

/// The pages that were stored to, counted from `at`, and forgotten.
fn written(target: &Target, at: u64, pages: u64) -> Vec<u64> {
    let request =
        pagewright::Written { at, size: pages * PAGE, limit: 1000, after: pagewright::After::Forget };
    let runs = target.process.written(&request).unwrap_or_else(|error| panic!("{error}"));
    runs.iter()
        .flat_map(|run| (run.start().get()..run.end().get()).step_by(PAGE as usize))
        .map(|page| (page - at) / PAGE)
        .collect()
}

// Rows: GP11 GP12 GP13
#[test]
fn guards_in_watched_memory_are_met_first_and_only_stores_count() {
    let mut target = Target::start();
    let traits = pagewright::Traits { watch: pagewright::Watch::On, ..pagewright::Traits::PLAIN };
    let request = pagewright::Allocate { traits, ..pagewright::Allocate::new(6 * PAGE).protection(ARMED) };
    let at = match target.process.allocate(&request) {
        Ok(range) => range.start().get(),
        Err(error) => return println!("skipped: nothing is watched here: {error}"),
    };
    assert_eq!(written(&target, at, 6), [], "armed, and nobody touched it");
    target.store(at + PAGE, 4);
    assert_eq!(target.noticed().faults, 1);
    assert_eq!(written(&target, at, 6), [1], "the store that met the guard");
    assert_eq!(target.load(at + 2 * PAGE), 0);
    assert_eq!(target.noticed().faults, 2);
    assert_eq!(written(&target, at, 6), [], "a load is none");
    // With content, and clean; then with content, and stored to.
    target.protect(at, 6, ARMED);
    assert_eq!(written(&target, at, 6), []);
    assert_eq!(target.load(at + PAGE), 4);
    assert_eq!(written(&target, at, 6), []);
    target.store(at + PAGE, 5);
    target.protect(at + PAGE, 1, ARMED);
    assert_eq!(written(&target, at, 6), [1], "while it is armed, too");
    assert_eq!(target.load(at + PAGE), 5);
    assert_eq!(written(&target, at, 6), []);
    // A handler that stores.
    target.protect(at + 3 * PAGE, 1, ARMED);
    target.ask("touch 2");
    assert_eq!(target.load(at + 3 * PAGE), 7);
    assert_eq!(written(&target, at, 6), [3]);
    target.ask("touch 0");
    target.store(at + 3 * PAGE, 1);
    assert_eq!(written(&target, at, 6), [3], "and it is watched as before");
    // Pages that were armed and never met are ordinary ones afterwards.
    target.protect(at, 6, RW);
    let faults = target.noticed().faults;
    assert_eq!(target.load(at + 4 * PAGE), 0);
    target.store(at + 5 * PAGE, 1);
    assert_eq!((written(&target, at, 6), target.noticed().faults), (vec![5], faults));
    target.process.detach(Leftovers::Keep).expect("attached");
    assert_eq!((target.load(at + PAGE), target.load(at)), (5, 0));
}

// Rows: GP02
#[test]
fn threads_that_meet_guards_all_the_time_survive_a_detach() {
    let mut target = Target::start();
    for round in 0..10 {
        target.attach("probed");
        let at = target.allocate(8, RW);
        target.ask(&format!("hammer {at} 8 3"));
        for _ in 0..5 {
            target.protect(at, 8, ARMED);
        }
        target.process.detach(Leftovers::Keep).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let answer = target.ask("rest");
        assert!(answer.ends_with(" lost 0"), "{answer}");
        assert!(target.threads().iter().all(|name| !name.starts_with("pagewright")));
    }
    assert_eq!(target.noticed().code, ACCERR);
    assert_eq!(target.status("SigCgt"), Target::start_alone().status("SigCgt"));
}

#[test]
fn a_caller_that_is_killed_leaves_guards_that_work() {
    let mut target = Target::start_alone();
    let caller = guard_support::killed_caller(target.pid());
    let at = caller.at;
    assert_eq!(target.load(at), 0);
    assert_eq!(target.noticed().faults, 1);
    // And somebody else can ask for it.
    let found = target.process.guard_hits(Duration::ZERO).expect("attached");
    assert_eq!(found.hits.iter().map(|hit| hit.at).collect::<Vec<_>>(), [at]);
}

// Rows: GP02 GP03
#[test]
fn a_thread_with_a_filter_is_told_by_somebody_else() {
    let mut target = Target::start();
    let at = target.allocate(1, ARMED);
    let filtered = target.ask("filter");
    if filtered != "0" {
        return println!("skipped: no filter can be set here: error {filtered}");
    }
    assert_eq!(target.load(at + 3), 0);
    assert_eq!(target.noticed(), Noticed { faults: 1, code: i64::from(libc::SI_QUEUE), at: at + 3 });
    assert_eq!(target.load(at), 0);
    assert_eq!(target.noticed().faults, 1);
}
