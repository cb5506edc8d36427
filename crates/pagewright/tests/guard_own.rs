//! Guards of this process, noticed by the handler of `SIGSEGV`: what is told to whom, how often, and what
//! the memory holds afterwards. What ends a process happens in forked children.

#[path = "mach_support/fault.rs"]
mod fault;
mod live;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Barrier, MutexGuard};

use fault::{load_here, store_here};
use live::exercise::{allocate, release};
use live::kernel::{PAGE, mappings, perms};
use live::{pass_with_mprotect, turn};
use pagewright::guard::{AccessKind, GuardHit, HitHandler, Verdict, on_hit};
use pagewright::{
    Alias, Allocate, Consent, CopyRange, Free, Info, Kind, Lock, Memory, Onto, Process, Protect, Protection,
    State, Wiring,
};

const RW: Protection = Protection::READ_WRITE;
const GUARDED: Protection = RW.guarded();

/// What the handler of these tests has seen.
static HITS: AtomicU32 = AtomicU32::new(0);
static ADDRESS: AtomicU64 = AtomicU64::new(0);
static KIND: AtomicU32 = AtomicU32::new(0);
/// What a query in the handler said of the page: whether it was RW without a guard.
static WAS_PLAIN: AtomicBool = AtomicBool::new(false);

fn note(hit: &GuardHit) -> Verdict {
    ADDRESS.store(hit.address, SeqCst);
    KIND.store(hit.kind.code(), SeqCst);
    let info = Process::current().query(hit.address);
    WAS_PLAIN.store(info.is_ok_and(|info| protection(&info) == Some(RW)) && hit.protection == RW, SeqCst);
    HITS.fetch_add(1, SeqCst);
    Verdict::Continue
}

fn protection(info: &Info) -> Option<Protection> {
    match info.state {
        State::Committed { protection, .. } => Some(protection),
        State::Free | State::Reserved { .. } => None,
    }
}

/// One test at a time has its hits noted.
struct Noted {
    handler: Option<HitHandler>,
    _turn: MutexGuard<'static, ()>,
}

/// Gives this thread a signal stack on which calls can be made: Rust's own has two pages.
fn with_room() {
    const ROOM: usize = 256 << 10;
    let stack: &'static mut [u8] = vec![0; ROOM].leak();
    let wanted = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: ROOM };
    // SAFETY: memory of that size that nobody else uses, and that is never given back.
    assert_eq!(unsafe { libc::sigaltstack(&raw const wanted, std::ptr::null_mut()) }, 0);
}

impl Noted {
    fn new() -> Self {
        let turn = turn();
        with_room();
        HITS.store(0, SeqCst);
        Self { handler: Some(on_hit(note)), _turn: turn }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.handler.take().expect("it is dropped once").remove();
    }
}

fn me() -> Process {
    Process::current()
}

/// Fresh memory of so many pages.
fn fresh(pages: u64, protection: Protection) -> u64 {
    allocate(&me(), Allocate::new(pages * PAGE).protection(protection))
}

fn protect(at: u64, size: u64, protection: Protection) -> Protection {
    me().protect(&Protect { at, size, protection }).expect("committed")
}

fn now(at: u64) -> Option<Protection> {
    protection(&me().query(at).expect("in range"))
}

fn hits() -> u32 {
    HITS.swap(0, SeqCst)
}

// Rows: GP01 GP02 GP03 VP29 VP30
#[test]
fn the_first_access_meets_the_guard_and_the_second_does_not() {
    let _noted = Noted::new();
    let at = fresh(3, GUARDED);
    let info = me().query(at).expect("in range");
    assert!(matches!(info.state, State::Committed { initial: GUARDED, protection: GUARDED, .. }), "{info:?}");
    store_here(at + PAGE + 5, 7);
    assert_eq!((hits(), ADDRESS.load(SeqCst), KIND.load(SeqCst)), (1, at + PAGE + 5, 1));
    assert!(WAS_PLAIN.load(SeqCst), "the guard is gone before anybody is told");
    assert_eq!(load_here(at + PAGE + 5), 7);
    assert_eq!([at, at + PAGE, at + 2 * PAGE].map(now), [Some(GUARDED), Some(RW), Some(GUARDED)]);
    let info = me().query(at + PAGE).expect("in range");
    assert!(matches!(info.state, State::Committed { initial: GUARDED, .. }), "{info:?}");
    assert_eq!(load_here(at), 0);
    assert_eq!((hits(), ADDRESS.load(SeqCst), KIND.load(SeqCst)), (1, at, 0));
    assert_eq!(protect(at + 2 * PAGE, 1, RW), GUARDED);
    store_here(at + 2 * PAGE, 1);
    assert_eq!(hits(), 0, "disarmed without a hit");
    release(&me(), at);
}

// Rows: GP02 GP03
#[test]
fn what_the_page_holds_is_kept() {
    let _noted = Noted::new();
    let at = fresh(8, RW);
    for page in [1, 2, 5] {
        store_here(at + page * PAGE + 9, page as u8);
    }
    assert_eq!(protect(at, 8 * PAGE, GUARDED), RW);
    for page in 0..8 {
        let expected = if [1, 2, 5].contains(&page) { page as u8 } else { 0 };
        assert_eq!(load_here(at + page * PAGE + 9), expected, "page {page}");
        assert_eq!(hits(), 1, "page {page}");
        store_here(at + page * PAGE + 10, 1);
        assert_eq!(hits(), 0, "page {page}");
    }
    assert_eq!(now(at), Some(RW));
    release(&me(), at);
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

fn add_to_page(hit: &GuardHit) -> Verdict {
    COUNTER.fetch_add(1, SeqCst);
    // SAFETY: the page of the test, eight bytes at its start; the guard is gone.
    unsafe { *((hit.address & !(PAGE - 1)) as *mut u64) += 0x100 };
    Verdict::Continue
}

// Rows: GP04
#[test]
fn a_read_modify_write_restarts_and_sees_what_the_handler_did() {
    let _turn = turn();
    let handler = on_hit(add_to_page);
    let at = fresh(1, RW);
    store_here(at, 3);
    protect(at, 1, GUARDED);
    // SAFETY: a page of the test, aligned.
    let old = unsafe { &*(at as *const AtomicU64) }.fetch_add(1, SeqCst);
    assert_eq!((old, COUNTER.swap(0, SeqCst)), (0x103, 1));
    assert_eq!(load_here(at), 4);
    handler.remove();
    release(&me(), at);
}

// Rows: GP06 GP07 GP08 VL06
#[test]
fn a_lock_meets_the_guard_and_fails() {
    let _noted = Noted::new();
    let lock = |at, size| me().lock(&Lock { at, size, wiring: Wiring::Wired, quota: None });
    let at = fresh(2, RW);
    store_here(at, 7);
    protect(at, 2 * PAGE, GUARDED);
    assert_eq!(lock(at, PAGE).map_err(|error| error.kind()), Err(Kind::GuardHit));
    assert_eq!((hits(), now(at), now(at + PAGE)), (0, Some(RW), Some(GUARDED)));
    assert!(lock(at, PAGE).is_ok());
    assert_eq!(load_here(at), 7);
    store_here(at + PAGE, 1);
    assert_eq!(hits(), 1);
    assert!(lock(at, 2 * PAGE).is_ok());
    me().lock(&Lock { at, size: 2 * PAGE, wiring: Wiring::Pageable, quota: None }).expect("locked");
    release(&me(), at);
}

// Rows: GP10
#[test]
fn a_copy_of_bytes_stops_at_the_guard_and_consumes_it() {
    let _noted = Noted::new();
    let at = fresh(3, RW);
    store_here(at + PAGE, 9);
    protect(at + PAGE, PAGE, GUARDED);
    let mut into = vec![1; 2 * PAGE as usize];
    assert_eq!(me().read(at, &mut into), Ok(PAGE as usize));
    assert_eq!((now(at + PAGE), hits()), (Some(RW), 0));
    assert_eq!(me().read(at, &mut into), Ok(2 * PAGE as usize));
    assert_eq!(into[PAGE as usize], 9);
    protect(at + PAGE, PAGE, GUARDED);
    assert_eq!(me().write(at + PAGE - 1, &[1, 2]), Ok(1));
    assert_eq!(me().write(at + PAGE - 1, &[1, 2]), Ok(2));
    assert_eq!((load_here(at + PAGE), hits()), (2, 0));
    // What a debugger writes goes under the guard, whether the page was touched or not.
    protect(at + PAGE, 2 * PAGE, GUARDED);
    assert_eq!(me().poke(at + PAGE, &vec![5; 2 * PAGE as usize]), Ok(2 * PAGE as usize));
    assert_eq!([at + PAGE, at + 2 * PAGE].map(now), [Some(GUARDED); 2]);
    assert_eq!((load_here(at + PAGE), load_here(at + 2 * PAGE), hits()), (5, 5, 2));
    release(&me(), at);
}

// Rows: GP20
#[test]
fn a_guard_goes_with_the_memory() {
    let _noted = Noted::new();
    let at = fresh(4, RW);
    store_here(at, 1);
    protect(at, 4 * PAGE, GUARDED);
    me().free(&Free::decommit(at, 2 * PAGE)).expect("ours");
    allocate(&me(), Allocate::new(2 * PAGE).commit().at(at));
    for page in 0..2 {
        assert_eq!(load_here(at + page * PAGE), 0);
        store_here(at + page * PAGE, 1);
    }
    assert_eq!(hits(), 0);
    // Committed again with a guard, content kept where there was some.
    allocate(&me(), Allocate::new(4 * PAGE).commit().at(at).protection(GUARDED));
    let held: Vec<_> = (0..4).map(|page| load_here(at + page * PAGE)).collect();
    assert_eq!((held, hits()), (vec![1, 1, 0, 0], 4));
    release(&me(), at);
}

// Rows: GP16
#[test]
fn a_call_into_a_guarded_page_is_an_execution() {
    let _noted = Noted::new();
    let all = Protection::READ_WRITE_EXECUTE;
    let at = fresh(1, all);
    store_here(at, 0xc3);
    protect(at, 1, all.guarded());
    // SAFETY: the page holds a return.
    unsafe { std::mem::transmute::<u64, extern "C" fn()>(at)() };
    assert_eq!((hits(), KIND.load(SeqCst), ADDRESS.load(SeqCst)), (1, AccessKind::Execute.code(), at));
    release(&me(), at);
}

/// The mappings of this process that share a byte with a range.
fn count(at: u64, size: u64) -> usize {
    mappings(std::process::id()).iter().filter(|m| m.start < at + size && at < m.end).count()
}

#[test]
fn untouched_pages_cost_no_mapping() {
    let _noted = Noted::new();
    if std::env::var_os("PAGEWRIGHT_COMMIT").is_some() {
        return println!("skipped: untouched_pages_cost_no_mapping, because mprotect splits mappings");
    }
    let size = 2000 * PAGE;
    let at = allocate(&me(), Allocate::new(size).reserve());
    for page in (0..2000).step_by(2) {
        allocate(&me(), Allocate::new(PAGE).commit().at(at + page * PAGE).protection(GUARDED));
    }
    assert!(count(at, size) <= 3, "fresh guards: {} mappings", count(at, size));
    release(&me(), at);
    let at = fresh(2000, RW);
    for page in (0..2000).step_by(2) {
        protect(at + page * PAGE, 1, GUARDED);
    }
    assert!(count(at, size) <= 3, "guards on untouched pages: {} mappings", count(at, size));
    for page in (0..2000).step_by(50) {
        store_here(at + page * PAGE, 1);
        store_here(at + (page + 1) * PAGE, 1);
    }
    assert_eq!(hits(), 40);
    assert!(count(at, size) <= 3, "guards that were met: {} mappings", count(at, size));
    assert_eq!(perms(std::process::id(), at).as_deref(), Some("rw-p"));
    release(&me(), at);
}

// Rows: GP02
#[test]
fn of_many_threads_one_meets_the_guard() {
    let _noted = Noted::new();
    const THREADS: usize = 4;
    let at = fresh(4, RW);
    let barrier = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let barrier = &barrier;
            scope.spawn(move || {
                with_room();
                for round in 0..200 {
                    barrier.wait();
                    let page = at + round % 4 * PAGE;
                    match thread % 2 {
                        0 => store_here(page + 8, 1),
                        _ => assert!(load_here(page + 8) < 2),
                    }
                    barrier.wait();
                }
            });
        }
        for round in 0..200 {
            let page = at + round % 4 * PAGE;
            if round % 3 == 0 {
                // Untouched again.
                me().free(&Free::decommit(page, PAGE)).expect("ours");
                allocate(&me(), Allocate::new(PAGE).commit().at(page));
            }
            protect(page, 1, GUARDED);
            barrier.wait();
            barrier.wait();
            assert_eq!((hits(), now(page)), (1, Some(RW)), "round {round}");
        }
    });
    release(&me(), at);
}

#[test]
fn guards_are_met_while_neighbours_change() {
    let _noted = Noted::new();
    let at = allocate(&me(), Allocate::new(64 * PAGE));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for side in 0..2 {
            let over = &over;
            scope.spawn(move || {
                let mut dice = live::Dice(7 + side);
                while !over.load(SeqCst) {
                    let page = at + (dice.roll(16) * 4 + 1 + side) * PAGE;
                    match dice.roll(3) {
                        0 => drop(me().free(&Free::decommit(page, PAGE))),
                        1 => drop(me().allocate(&Allocate::new(PAGE).commit().at(page))),
                        _ => drop(me().protect(&Protect { at: page, size: 1, protection: Protection::READ })),
                    }
                }
            });
        }
        let mut dice = live::Dice(99);
        for round in 0..3000_u64 {
            let page = at + dice.roll(16) * 4 * PAGE;
            store_here(page, round as u8);
            protect(page, 1, GUARDED);
            assert_eq!((load_here(page), hits()), (round as u8, 1), "round {round}");
        }
        over.store(true, SeqCst);
    });
    release(&me(), at);
}

/// Arming and disarming while others access: no access fails, whichever comes first.
#[test]
fn an_access_beside_a_call_goes_through() {
    let _noted = Noted::new();
    let at = fresh(2, RW);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let over = &over;
            scope.spawn(move || {
                with_room();
                while !over.load(SeqCst) {
                    store_here(at + 16 + thread, 1);
                    store_here(at + PAGE + 16 + thread, 1);
                }
            });
        }
        for round in 0..5000 {
            protect(at, 2 * PAGE, GUARDED);
            match round % 3 {
                0 => drop(protect(at, 2 * PAGE, RW)),
                1 => drop(me().lock(&Lock { at, size: 1, wiring: Wiring::Wired, quota: None })),
                _ => {}
            }
        }
        over.store(true, SeqCst);
    });
    assert!(hits() > 0);
    release(&me(), at);
}

// What a copy and an alias do with a guard is our own rule: a copy is an access, an alias is none.
#[test]
fn a_copy_meets_guards_and_an_alias_leaves_them() {
    let _noted = Noted::new();
    let (from, to) = (fresh(20, RW), fresh(20, RW));
    for page in 0..20 {
        store_here(from + page * PAGE, page as u8 + 1);
    }
    let copy = || me().copy(&CopyRange { source: from, size: 20 * PAGE, target: to });
    protect(from + 3 * PAGE, 1, GUARDED);
    protect(to + 5 * PAGE, 1, GUARDED);
    assert_eq!(copy().map_err(|error| error.kind()), Err(Kind::GuardHit));
    assert_eq!((now(from + 3 * PAGE), now(to + 5 * PAGE)), (Some(RW), Some(GUARDED)));
    assert_eq!(copy().map_err(|error| error.kind()), Err(Kind::GuardHit));
    assert_eq!(load_here(to + 19 * PAGE), 0, "nothing was copied");
    assert_eq!(copy(), Ok(20 * PAGE));
    assert_eq!((load_here(to + 5 * PAGE), hits()), (6, 0));
    // Untouched and touched pages under guards, shown a second time.
    let source = fresh(4, RW);
    store_here(source + PAGE, 8);
    protect(source, 4 * PAGE, GUARDED);
    let alias = Alias {
        source,
        size: 4 * PAGE,
        onto: Onto::Fresh(pagewright::Place::Window(pagewright::Window::ANYWHERE)),
        protection: RW,
        consent: Consent::OwnOnly,
    };
    let view = me().alias(&alias).expect("shown again").start().get();
    store_here(view + 2 * PAGE, 9);
    assert_eq!((load_here(view + PAGE), hits()), (8, 0));
    assert_eq!((0..4).map(|page| now(source + page * PAGE)).collect::<Vec<_>>(), vec![Some(GUARDED); 4]);
    assert_eq!([load_here(source + PAGE), load_here(source + 2 * PAGE)], [8, 9]);
    assert_eq!(hits(), 2);
    for at in [view, source, from, to] {
        release(&me(), at);
    }
}

#[test]
fn the_same_with_mprotect() {
    if std::env::var_os("PAGEWRIGHT_COMMIT").is_some() {
        return;
    }
    pass_with_mprotect(&[
        "the_first_access_meets_the_guard_and_the_second_does_not",
        "what_the_page_holds_is_kept",
        "a_read_modify_write_restarts_and_sees_what_the_handler_did",
        "a_lock_meets_the_guard_and_fails",
        "a_copy_of_bytes_stops_at_the_guard_and_consumes_it",
        "a_guard_goes_with_the_memory",
        "a_call_into_a_guarded_page_is_an_execution",
        "of_many_threads_one_meets_the_guard",
        "guards_are_met_while_neighbours_change",
        "an_access_beside_a_call_goes_through",
        "a_copy_meets_guards_and_an_alias_leaves_them",
    ]);
}
