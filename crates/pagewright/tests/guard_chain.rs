//! Who is told of a guard that was met, and in which order: functions of ours, handlers that the program
//! had before, handlers that came later, nobody. Also: forks, signals in the middle of calls, delivery
//! switched off.
//!
//! Everything happens in forked children, which tell how it went by how they end.

#[path = "mach_support/fault.rs"]
mod fault;
mod live;

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use fault::{BUS, End, SEGV, in_child, leave, load_here, store_here};
use libc::{SIGALRM, SIGSEGV, c_int, c_void, siginfo_t};
use live::kernel::PAGE;
use live::pass_with_mprotect;
use pagewright::guard::{self, Delivery, GuardHit, Verdict, on_hit};
use pagewright::{Allocate, Free, Memory, Process, Protect, Protection, State};

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

const RW: Protection = Protection::READ_WRITE;
const GUARDED: Protection = RW.guarded();

/// What happened, a digit for each: 1, 2, 3 functions, 7 the program's handler, 8 the older kind.
static STORY: AtomicU64 = AtomicU64::new(0);
static ADDRESS: AtomicU64 = AtomicU64::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static ON_STACK: AtomicU64 = AtomicU64::new(0);

fn tell(digit: u64) {
    STORY.store(STORY.load(SeqCst) * 10 + digit, SeqCst);
}

fn story() -> u64 {
    STORY.swap(0, SeqCst)
}

fn pass_1(_: &GuardHit) -> Verdict {
    tell(1);
    Verdict::Pass
}

fn go_on_2(hit: &GuardHit) -> Verdict {
    tell(2);
    let here = 0_u8;
    ON_STACK.store((&raw const here).addr() as u64, SeqCst);
    ADDRESS.store(hit.address, SeqCst);
    Verdict::Continue
}

fn go_on_3(_: &GuardHit) -> Verdict {
    tell(3);
    Verdict::Continue
}

extern "C" fn note(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    tell(7);
    // SAFETY: the kernel hands a valid record over.
    let (at, code) = unsafe { ((*info).si_addr() as u64, (*info).si_code) };
    ADDRESS.store(at, SeqCst);
    CODE.store(code, SeqCst);
    if STORY.load(SeqCst) > 1_000_000 {
        leave(99);
    }
}

extern "C" fn note_number(_: c_int) {
    tell(8);
}

fn install(signal: c_int, handler: usize, flags: c_int) {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeros is a valid value; the handler has the kind that the flags say.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = handler;
        (*action.as_mut_ptr()).sa_flags = flags;
        assert_eq!(libc::sigaction(signal, action.as_ptr(), ptr::null_mut()), 0);
    }
}

fn handler(signal: c_int) -> usize {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed, and there is room for the answer.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        (*action.as_ptr()).sa_sigaction
    }
}

fn note_as_handler() -> usize {
    note as Handler as usize
}

fn me() -> Process {
    Process::current()
}

fn guarded(pages: u64) -> u64 {
    let wanted = Allocate::new(pages * PAGE).protection(GUARDED);
    me().allocate(&wanted).expect("there is room").start().get()
}

fn protect(at: u64, protection: Protection) {
    me().protect(&Protect { at, size: 1, protection }).expect("committed");
}

fn now(at: u64) -> Protection {
    match me().query(at).expect("in range").state {
        State::Committed { protection, .. } => protection,
        State::Free | State::Reserved { .. } => leave(98),
    }
}

/// A stack for signals, which calls of ours can be made on.
fn room(bytes: usize) -> u64 {
    let stack: &'static mut [u8] = vec![0; bytes].leak();
    let wanted = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: bytes };
    // SAFETY: memory of that size that nobody else uses, and that is never given back.
    assert_eq!(unsafe { libc::sigaltstack(&raw const wanted, ptr::null_mut()) }, 0);
    stack.as_ptr() as u64
}

/// Runs a child that has no handler of `SIGSEGV`; what does not hold there is said on its way out.
fn child(body: impl FnOnce()) -> End {
    in_child(|| {
        std::panic::set_hook(Box::new(|what| {
            let text = what.to_string();
            // SAFETY: bytes of ours.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
            leave(97);
        }));
        room(256 << 10);
        install(SIGSEGV, libc::SIG_DFL, 0);
        body();
    })
}

const FINE: End = End::Code(0);

// Rows: GP02
#[test]
fn functions_are_told_in_their_order_until_one_goes_on() {
    let end = child(|| {
        let first = on_hit(pass_1);
        let second = on_hit(go_on_2);
        let third = on_hit(go_on_3);
        let at = guarded(6);
        store_here(at + 3, 1);
        assert_eq!((story(), ADDRESS.load(SeqCst)), (12, at + 3));
        second.remove();
        store_here(at + PAGE, 1);
        assert_eq!(story(), 13);
        first.remove();
        third.remove();
        let again = on_hit(go_on_3);
        let last = on_hit(go_on_2);
        store_here(at + 2 * PAGE, 1);
        assert_eq!(story(), 3);
        again.remove();
        store_here(at + 3 * PAGE, 1);
        assert_eq!(story(), 2);
        last.remove();
    });
    assert_eq!(end, FINE);
}

#[test]
fn the_handler_that_the_program_had_is_next_and_only_has_to_return() {
    let end = child(|| {
        install(SIGSEGV, note_as_handler(), libc::SA_SIGINFO);
        let at = guarded(3);
        store_here(at + 9, 1);
        assert_eq!((story(), ADDRESS.load(SeqCst), load_here(at + 9)), (7, at + 9, 1));
        assert!(CODE.load(SeqCst) > 0);
        on_hit(pass_1);
        assert_eq!((load_here(at + PAGE), story()), (0, 17));
        on_hit(go_on_2);
        assert_eq!((load_here(at + 2 * PAGE), story()), (0, 12));
    });
    assert_eq!(end, FINE);
    let end = child(|| {
        install(SIGSEGV, note_number as extern "C" fn(c_int) as usize, 0);
        assert_eq!((load_here(guarded(1)), story()), (0, 8));
    });
    assert_eq!(end, FINE);
}

// Rows: GP02
#[test]
fn a_guard_that_nobody_wants_is_the_end() {
    let dies = |prepare: fn()| {
        child(|| {
            prepare();
            store_here(guarded(1), 1);
        })
    };
    assert_eq!(dies(|| {}), End::Signal(SEGV));
    assert_eq!(
        dies(|| {
            let _ = on_hit(pass_1);
        }),
        End::Signal(SEGV)
    );
    assert_eq!(dies(|| install(SIGSEGV, libc::SIG_IGN, 0)), End::Signal(SEGV));
    // A handler that gives up, as that of Rust's standard library does.
    extern "C" fn give_up(_: c_int) {
        install(SIGSEGV, libc::SIG_DFL, 0);
    }
    assert_eq!(dies(|| install(SIGSEGV, give_up as extern "C" fn(c_int) as usize, 0)), End::Signal(SEGV));
    let end = in_child(|| store_here(guarded(1), 1));
    assert_eq!(end, End::Signal(SEGV), "with the handler that every Rust program has");
}

#[test]
fn a_handler_for_one_time_is_called_one_time() {
    let end = child(|| {
        install(SIGSEGV, note_as_handler(), libc::SA_SIGINFO | libc::SA_RESETHAND);
        let at = guarded(2);
        store_here(at, 1);
        assert_eq!((story(), handler(SIGSEGV)), (7, libc::SIG_DFL));
        store_here(at + PAGE, 1);
    });
    assert_eq!(end, End::Signal(SEGV));
}

#[test]
fn a_blocked_signal_is_the_end() {
    let end = child(|| {
        on_hit(go_on_2);
        let at = guarded(1);
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: a valid set.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), SIGSEGV);
            libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
        }
        store_here(at, 1);
    });
    assert_eq!(end, End::Signal(SEGV), "the kernel asks no handler then");
}

/// What a handler that chains has found when it was installed.
static BELOW: AtomicU64 = AtomicU64::new(0);

extern "C" fn chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    tell(9);
    // SAFETY: it was found as a handler of this kind.
    let below = unsafe { std::mem::transmute::<usize, Handler>(BELOW.load(SeqCst) as usize) };
    below(signal, info, context);
}

#[test]
fn a_handler_that_comes_later_is_below_ours_from_the_next_guard_on() {
    let end = child(|| {
        on_hit(go_on_2);
        let at = guarded(3);
        BELOW.store(handler(SIGSEGV) as u64, SeqCst);
        install(SIGSEGV, chain as Handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        store_here(at, 1);
        assert_eq!(story(), 92, "theirs was on top, and passed it on");
        protect(at, GUARDED);
        assert_ne!(handler(SIGSEGV), chain as Handler as usize);
        store_here(at, 1);
        assert_eq!(story(), 2, "ours was on top");
        store_here(at + PAGE, 1);
        assert_eq!(story(), 2);
    });
    assert_eq!(end, FINE);
    let end = child(|| {
        let at = guarded(3);
        BELOW.store(handler(SIGSEGV) as u64, SeqCst);
        install(SIGSEGV, chain as Handler as usize, libc::SA_SIGINFO);
        protect(at, GUARDED);
        // Ours calls theirs, which calls ours: there was nobody before both.
        store_here(at, 1);
    });
    assert_eq!(end, End::Signal(SEGV));
}

#[test]
fn everything_happens_on_the_alternative_stack() {
    let end = child(|| {
        let stack = room(64 << 10);
        on_hit(go_on_2);
        store_here(guarded(1), 1);
        let at = ON_STACK.load(SeqCst);
        assert!(stack <= at && at < stack + (64 << 10));
    });
    assert_eq!(end, FINE);
}

static NESTED: AtomicU64 = AtomicU64::new(0);

fn touch_the_next(hit: &GuardHit) -> Verdict {
    tell(1);
    if hit.address != NESTED.load(SeqCst) {
        store_here(NESTED.load(SeqCst), 5);
    }
    Verdict::Continue
}

#[test]
fn who_is_told_may_meet_the_next_guard() {
    let end = child(|| {
        on_hit(touch_the_next);
        let at = guarded(2);
        NESTED.store(at + PAGE, SeqCst);
        // SAFETY: the place of this thread's error number.
        unsafe { *libc::__errno_location() = 4242 };
        store_here(at, 1);
        // SAFETY: as above.
        assert_eq!(unsafe { *libc::__errno_location() }, 4242);
        assert_eq!((story(), load_here(at + PAGE), load_here(at)), (11, 5, 1));
    });
    assert_eq!(end, FINE);
}

// Rows: GP05
#[test]
fn a_store_to_a_guarded_page_for_loads_meets_the_guard_and_is_forbidden_then() {
    let end = child(|| {
        install(SIGSEGV, leave_if_forbidden as Handler as usize, libc::SA_SIGINFO);
        on_hit(go_on_2);
        let at = me().allocate(&Allocate::new(PAGE).protection(Protection::READ.guarded()));
        let at = at.expect("there is room").start().get();
        ADDRESS.store(at, SeqCst);
        store_here(at, 1);
    });
    assert_eq!(end, End::Code(42));
    extern "C" fn leave_if_forbidden(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
        // SAFETY: the kernel hands a valid record over.
        let (at, code) = unsafe { ((*info).si_addr() as u64, (*info).si_code) };
        let right = story() == 2 && at == ADDRESS.load(SeqCst) && code == 2 && now(at) == Protection::READ;
        leave(if right { 42 } else { 1 });
    }
}

#[test]
fn what_the_program_itself_forbids_is_the_programs() {
    let end = child(|| {
        install(SIGSEGV, open_again as Handler as usize, libc::SA_SIGINFO);
        on_hit(go_on_2);
        let at = guarded(2);
        store_here(at, 1);
        for page in [at, at + PAGE] {
            protect(page, RW);
            // SAFETY: pages of the test.
            unsafe { libc::mprotect(page as *mut _, PAGE as usize, libc::PROT_READ) };
            STORY.store(0, SeqCst);
            store_here(page, 2);
            assert_eq!((story(), load_here(page)), (7, 2), "it is no guard, and not for us to open");
        }
    });
    assert_eq!(end, FINE);
    extern "C" fn open_again(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
        tell(7);
        // SAFETY: the kernel hands a valid record over; a page of the test.
        unsafe {
            let page = (*info).si_addr() as u64 & !(PAGE - 1);
            libc::mprotect(page as *mut _, PAGE as usize, libc::PROT_READ | libc::PROT_WRITE);
        }
    }
}

#[test]
fn mach_programs_get_their_own_faults_and_guards_too() {
    let end = child(|| {
        install(libc::SIGBUS, libc::SIG_DFL, 0);
        on_hit(go_on_2);
        pagewright::mach::set_fault_signals(pagewright::mach::FaultSignals::On);
        let at = guarded(2);
        store_here(at, 1);
        assert_eq!(story(), 2);
        pagewright::mach::set_fault_signals(pagewright::mach::FaultSignals::Off);
        store_here(at + PAGE, 1);
        assert_eq!(story(), 2, "the handler stays for guards");
        pagewright::mach::set_fault_signals(pagewright::mach::FaultSignals::On);
        protect(at, Protection::READ);
        store_here(at, 1);
    });
    assert_eq!(end, End::Signal(BUS));
}

#[test]
fn switched_off_an_armed_page_is_inaccessible_and_nothing_is_installed() {
    let end = child(|| {
        guard::set_delivery(Delivery::Off);
        assert_eq!(guard::delivery(), Delivery::Off);
        on_hit(go_on_2);
        let at = guarded(2);
        assert_eq!(handler(SIGSEGV), libc::SIG_DFL);
        protect(at, RW);
        store_here(at, 1);
        assert_eq!(now(at + PAGE), GUARDED);
        store_here(at + PAGE, 1);
    });
    assert_eq!(end, End::Signal(SEGV));
}

/// A child of a fork meets the guards that its parent armed, and the parent's stay armed.
fn forked(fork: impl FnOnce() -> i32) {
    on_hit(go_on_2);
    let at = guarded(3);
    store_here(at, 1);
    assert_eq!(story(), 2);
    protect(at, GUARDED);
    let child = fork();
    assert!(child >= 0);
    for page in [at, at + PAGE] {
        assert_eq!(now(page), GUARDED);
        store_here(page, if child == 0 { 7 } else { 8 });
        assert_eq!((story(), now(page)), (2, RW));
    }
    protect(at, GUARDED);
    assert_eq!((load_here(at), story()), (if child == 0 { 7 } else { 8 }, 2));
    if child == 0 {
        leave(0);
    }
    let mut status = 0;
    // SAFETY: our child, and a pointer to a local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(now(at + 2 * PAGE), GUARDED);
}

#[test]
fn a_forked_child_has_guards_of_its_own() {
    // SAFETY: the child does what is above, and leaves.
    assert_eq!(child(|| forked(|| unsafe { libc::fork() })), FINE);
    // Without the preparations of the C library.
    // SAFETY: as above.
    assert_eq!(child(|| forked(|| unsafe { libc::syscall(libc::SYS_fork) } as i32)), FINE);
}

static BELL_PAGE: AtomicU64 = AtomicU64::new(0);
static BELLS: AtomicU64 = AtomicU64::new(0);

/// Meets a guard in the middle of anything.
extern "C" fn on_bell(_: c_int) {
    BELLS.fetch_add(1, SeqCst);
    load_here(BELL_PAGE.load(SeqCst));
}

fn go_on_quietly(_: &GuardHit) -> Verdict {
    Verdict::Continue
}

/// A handler of signals that interrupts calls and meets guards: nobody waits for himself.
#[test]
fn a_guard_is_met_in_the_middle_of_a_call() {
    let end = child(|| {
        on_hit(go_on_quietly);
        BELL_PAGE.store(guarded(1), SeqCst);
        install(SIGALRM, on_bell as extern "C" fn(c_int) as usize, libc::SA_RESTART | libc::SA_ONSTACK);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // SAFETY: no arguments.
            let thread = unsafe { libc::pthread_self() };
            let over = &over;
            scope.spawn(move || {
                room(256 << 10);
                while !over.load(SeqCst) {
                    // SAFETY: that thread runs until it has set `over` and is joined.
                    unsafe { libc::pthread_kill(thread, SIGALRM) };
                    protect(BELL_PAGE.load(SeqCst), GUARDED);
                }
            });
            let begun = Instant::now();
            let mut calls = 0;
            while BELLS.load(SeqCst) < 60 || calls < 60 {
                assert!(begun.elapsed() < Duration::from_secs(20), "{calls} calls, {BELLS:?} bells");
                let at = guarded(4);
                protect(at, RW);
                me().free(&Free::release(at)).expect("ours");
                calls += 1;
            }
            over.store(true, SeqCst);
        });
    });
    assert_eq!(end, FINE);
}

#[test]
fn the_same_with_mprotect() {
    if std::env::var_os("PAGEWRIGHT_COMMIT").is_some() {
        return;
    }
    pass_with_mprotect(&[
        "functions_are_told_in_their_order_until_one_goes_on",
        "a_guard_that_nobody_wants_is_the_end",
        "a_store_to_a_guarded_page_for_loads_meets_the_guard_and_is_forbidden_then",
        "what_the_program_itself_forbids_is_the_programs",
        "mach_programs_get_their_own_faults_and_guards_too",
        "switched_off_an_armed_page_is_inaccessible_and_nothing_is_installed",
        "a_forked_child_has_guards_of_its_own",
        "a_guard_is_met_in_the_middle_of_a_call",
    ]);
}
