//! The recipe of `docs/guards.md`: a stack that grows by guard pages.

mod live;

use std::arch::asm;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use live::exercise::{allocate, release};
use live::kernel::{PAGE, mappings};
use live::{pass_with_mprotect, turn};
use pagewright::guard::{GuardHit, Verdict, on_hit};
use pagewright::{Allocate, Memory, Process, Protection, State};

const GUARDED: Protection = Protection::READ_WRITE.guarded();
const SIZE: u64 = 4 << 20;

/// The stack that grows, and how often it did.
static LOWEST: AtomicU64 = AtomicU64::new(0);
static GROWN: AtomicU64 = AtomicU64::new(0);

/// A stack of `SIZE` bytes, of which the top page has memory and the guard.
fn stack() -> u64 {
    let lowest = allocate(&Process::current(), Allocate::new(SIZE).reserve());
    allocate(&Process::current(), Allocate::new(PAGE).commit().at(lowest + SIZE - PAGE).protection(GUARDED));
    LOWEST.store(lowest, SeqCst);
    GROWN.store(0, SeqCst);
    lowest
}

/// Moves the guard down by a page. The last page never gets memory: below it is the end.
fn grow(hit: &GuardHit) -> Verdict {
    let lowest = LOWEST.load(SeqCst);
    if !(lowest..lowest + SIZE).contains(&hit.address) {
        return Verdict::Pass;
    }
    let next = (hit.address & !(PAGE - 1)) - PAGE;
    GROWN.fetch_add(1, SeqCst);
    if next > lowest {
        let more = Allocate::new(PAGE).commit().at(next).protection(GUARDED);
        if Process::current().allocate(&more).is_err() {
            return Verdict::Pass;
        }
    }
    Verdict::Continue
}

/// Calls of ours need room on the signal stack: Rust's own has two pages.
fn with_room() {
    const ROOM: usize = 256 << 10;
    let stack: &'static mut [u8] = vec![0; ROOM].leak();
    let wanted = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: ROOM };
    // SAFETY: memory of that size that nobody else uses, and that is never given back.
    assert_eq!(unsafe { libc::sigaltstack(&raw const wanted, std::ptr::null_mut()) }, 0);
}

fn store(at: u64) {
    // SAFETY: memory of the test, as soon as it has grown that far.
    unsafe { (at as *mut u64).write_volatile(at) };
}

// Rows: GP30
#[test]
fn memory_that_is_touched_downwards_grows_page_by_page() {
    let _turn = turn();
    with_room();
    let handler = on_hit(grow);
    let lowest = stack();
    for page in (1..SIZE / PAGE).rev() {
        store(lowest + page * PAGE + 8);
    }
    assert_eq!(GROWN.load(SeqCst), SIZE / PAGE - 1);
    let info = Process::current().query(lowest).expect("in range");
    assert!(matches!(info.state, State::Reserved { .. }) && info.size == PAGE, "{info:?}");
    let info = Process::current().query(lowest + PAGE).expect("in range");
    assert_eq!(info.size, SIZE - PAGE);
    for page in 1..SIZE / PAGE {
        let at = lowest + page * PAGE + 8;
        // SAFETY: it was stored to above.
        assert_eq!(unsafe { (at as *const u64).read_volatile() }, at);
    }
    handler.remove();
    release(&Process::current(), lowest);
}

/// Calls itself so deep, with a kilobyte for each turn.
#[inline(never)]
extern "C" fn descend(depth: u64) -> u64 {
    let mut room = [0_u8; 1024];
    black_box(&mut room);
    if depth == 0 { 0 } else { descend(depth - 1) + u64::from(room[7]) + 1 }
}

/// Runs [`descend`] on another stack.
fn descend_on(top: u64, depth: u64) -> u64 {
    let result: u64;
    // SAFETY: the stack is memory of the test that nobody else uses; the old one is back before
    // anything else runs. The register that keeps it is one that functions preserve.
    unsafe {
        asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {descend}",
            "mov rsp, r12",
            top = in(reg) top,
            descend = sym descend,
            in("rdi") depth,
            lateout("rax") result,
            out("r12") _,
            clobber_abi("C"),
        );
    }
    result
}

// Rows: GP30
#[test]
fn a_recursion_grows_its_stack() {
    let _turn = turn();
    with_room();
    let handler = on_hit(grow);
    let lowest = stack();
    assert_eq!(descend_on(lowest + SIZE, 10), 10);
    let few = GROWN.load(SeqCst);
    assert!((2..20).contains(&few), "{few}");
    assert_eq!(descend_on(lowest + SIZE, 2500), 2500);
    let deep = GROWN.load(SeqCst);
    assert!((2500 / 4..SIZE / PAGE).contains(&deep), "{deep}");
    assert_eq!(descend_on(lowest + SIZE, 2500), 2500);
    assert_eq!(GROWN.load(SeqCst), deep, "what has grown stays");
    if std::env::var_os("PAGEWRIGHT_COMMIT").is_none() {
        let all = mappings(std::process::id());
        let count = all.iter().filter(|m| m.start < lowest + SIZE && lowest < m.end).count();
        assert!(count <= 6, "{count} mappings");
    }
    handler.remove();
    release(&Process::current(), lowest);
}

#[test]
fn the_same_with_mprotect() {
    if std::env::var_os("PAGEWRIGHT_COMMIT").is_some() {
        return;
    }
    pass_with_mprotect(&[
        "memory_that_is_touched_downwards_grows_page_by_page",
        "a_recursion_grows_its_stack",
    ]);
}
