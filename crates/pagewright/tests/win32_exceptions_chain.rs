//! Vectored handlers and what a program does about `SIGSEGV` itself: handlers that were there before,
//! that came later, that jump away; Mach's faults; signal stacks; leaving the signal alone.
//!
//! Everything happens in forked children, which tell how it went by how they end.

#[path = "exception_support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};

use libc::{SIGSEGV, c_int, c_void, siginfo_t};
use pagewright::guard::{self, Delivery, GuardHit, Verdict};
use pagewright::mach::{FaultSignals, set_fault_signals};
use pagewright::signals::{leave_sigsegv, leaves_sigsegv};
use pagewright::win32::*;
use support::*;

/// Tells 7, and opens the page.
extern "C" fn open_as_program(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    tell(7);
    // SAFETY: the kernel hands a valid record over; a page of the test.
    unsafe {
        let page = (*info).si_addr() as u64 & !(PAGE - 1);
        libc::mprotect(page as *mut _, PAGE as usize, libc::PROT_READ | libc::PROT_WRITE);
    }
}

/// The same, of the older kind: it knows the page.
extern "C" fn open_by_number(_: c_int) {
    tell(8);
    protect(PLACE.load(SeqCst), PAGE_READWRITE);
}

static PLACE: AtomicU64 = AtomicU64::new(0);

fn closed() -> u64 {
    let at = pages(1, PAGE_NOACCESS);
    PLACE.store(at, SeqCst);
    at
}

fn as_program() -> usize {
    open_as_program as Handler as usize
}

#[test]
fn the_handler_that_was_there_gets_what_no_vectored_one_wants() {
    let end = child(|| {
        install(SIGSEGV, as_program(), libc::SA_SIGINFO);
        let handle = add(story::<1>);
        store_here(closed(), 1);
        store_here(pages(1, PAGE_READWRITE | PAGE_GUARD), 1);
        assert_eq!(told_story(), 1717);
        assert_eq!(remove(handle), 1);
    });
    assert_eq!(end, FINE);
    let end = child(|| {
        install(SIGSEGV, open_by_number as extern "C" fn(c_int) as usize, libc::SA_NODEFER);
        add(story::<1>);
        store_here(closed(), 1);
        store_here(closed(), 1);
        assert_eq!(told_story(), 1818);
    });
    assert_eq!(end, FINE);
}

#[test]
fn the_handler_that_was_there_is_there_again_when_nobody_is_to_be_asked() {
    let end = child(|| {
        install(SIGSEGV, as_program(), libc::SA_SIGINFO);
        let handles = [add(story::<1>), add(story::<2>)];
        assert_ne!(handler(SIGSEGV), as_program());
        set_filter(Some(leave_77));
        assert_eq!((remove(handles[0]), remove(handles[1])), (1, 1));
        assert_ne!(handler(SIGSEGV), as_program());
        set_filter(None);
        assert_eq!(handler(SIGSEGV), as_program());
        store_here(closed(), 1);
        assert_eq!(told_story(), 7);
        // For guards ours stays.
        let handle = add(story::<1>);
        pages(1, PAGE_READWRITE | PAGE_GUARD);
        assert_eq!(remove(handle), 1);
        assert_ne!(handler(SIGSEGV), as_program());
    });
    assert_eq!(end, FINE);
}

unsafe extern "system" fn leave_77(_: *const EXCEPTION_POINTERS) -> i32 {
    leave(77)
}

#[test]
fn a_handler_for_one_time_is_called_one_time_and_vectored_ones_stay() {
    let end = child(|| {
        install(SIGSEGV, as_program(), libc::SA_SIGINFO | libc::SA_RESETHAND);
        add(story::<1>);
        store_here(closed(), 1);
        assert_eq!(told_story(), 17);
        add_at(0, note_and_open);
        store_here(closed(), 1);
        assert_eq!((told_story(), seen().count), (1, 1));
        store_here(pages(1, PAGE_READWRITE | PAGE_GUARD), 1);
        assert_eq!((told_story(), seen().code), (1, STATUS_GUARD_PAGE_VIOLATION));
        set_filter(Some(leave_77));
        load_here(1 << 20);
    });
    assert_eq!(end, End::Code(94), "the last handler cannot open what is not there");
}

/// What a handler that chains has found when it was installed.
static BELOW: AtomicU64 = AtomicU64::new(0);

extern "C" fn chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    tell(6);
    // SAFETY: it was found as a handler of this kind.
    let below = unsafe { std::mem::transmute::<usize, Handler>(BELOW.load(SeqCst) as usize) };
    below(signal, info, context);
}

fn install_above() {
    BELOW.store(handler(SIGSEGV) as u64, SeqCst);
    install(SIGSEGV, chain as Handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
}

#[test]
fn a_handler_that_came_later_is_above_and_may_pass_on() {
    let end = child(|| {
        add(note_and_open);
        install_above();
        store_here(closed(), 1);
        assert_eq!((told_story(), seen().count), (6, 1));
        store_here(pages(1, PAGE_READWRITE | PAGE_GUARD), 1); // Arming one puts ours on top.
        assert_eq!((told_story(), seen().count), (0, 1));
    });
    assert_eq!(end, FINE);
    let end = child(|| {
        add(story::<1>);
        install_above();
        add(story::<2>);
        set_filter(Some(leave_77));
        load_here(closed());
    });
    assert_eq!(end, End::Code(77), "ours, theirs, ours again, and nobody was there before both");
    let end = child(|| {
        install(SIGSEGV, as_program(), libc::SA_SIGINFO);
        add(story::<1>);
        install_above();
        add(story::<2>);
        for _ in 0..2 {
            store_here(closed(), 1);
            assert_eq!(told_story(), 2167);
        }
    });
    assert_eq!(end, FINE);
}

#[test]
fn handlers_that_pass_on_in_a_circle_come_to_an_end() {
    let end = child(|| {
        BELOW.store(0, SeqCst);
        install(SIGSEGV, chain as Handler as usize, libc::SA_SIGINFO);
        add(story::<1>);
        install_above(); // Was there before, is above now, and passes on to ours.
        add(story::<2>);
        load_here(8);
    });
    assert_eq!(end, End::Signal(SEGV));
}

// The C library's own, with room for its buffer.
unsafe extern "C" {
    fn __sigsetjmp(buffer: *mut u64, mask: c_int) -> c_int;
    fn siglongjmp(buffer: *mut u64, value: c_int) -> !;
}

static BUFFER: [AtomicU64; 40] = [const { AtomicU64::new(0) }; 40];
static JUMPED: AtomicI32 = AtomicI32::new(0);

fn jump() -> ! {
    // SAFETY: the function that filled the buffer has not returned.
    unsafe { siglongjmp(BUFFER.as_ptr().cast_mut().cast(), 1) }
}

/// Loads from nowhere; somebody jumps back.
#[inline(never)]
fn load_and_come_back() {
    // SAFETY: nothing here is dropped, and what was changed since is not used.
    if unsafe { __sigsetjmp(BUFFER.as_ptr().cast_mut().cast(), 1) } == 0 {
        load_here(8);
        leave(93);
    }
    JUMPED.fetch_add(1, SeqCst);
}

#[test]
fn handlers_may_jump_away_and_all_is_well_afterwards() {
    unsafe extern "system" fn jump_away(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        if told(pointers).2 == 8 {
            jump();
        }
        EXCEPTION_CONTINUE_SEARCH
    }
    extern "C" fn jump_as_program(_: c_int) {
        jump();
    }
    let end = child(|| {
        let handle = add(jump_away);
        (0..5).for_each(|_| load_and_come_back());
        assert_eq!(remove(handle), 1);
        install(SIGSEGV, jump_as_program as extern "C" fn(c_int) as usize, 0);
        add(story::<1>);
        for count in 6..10 {
            load_and_come_back();
            assert_eq!((told_story(), JUMPED.load(SeqCst)), (1, count));
        }
        // The same place on the stack, and now somebody above who passes on: no circle.
        install_above();
        load_and_come_back();
        assert_eq!((told_story(), JUMPED.load(SeqCst)), (61, 10));
        add(note_and_open);
        store_here(closed(), 1);
        assert_eq!(seen().count, 1);
    });
    assert_eq!(end, FINE);
}

#[test]
fn vectored_handlers_come_before_the_faults_of_mach() {
    let end = child(|| {
        install(libc::SIGBUS, libc::SIG_DFL, 0);
        set_fault_signals(FaultSignals::On);
        let handle = add(note_and_open);
        store_here(closed(), 1);
        assert_eq!(seen().count, 1);
        assert_eq!(remove(handle), 1);
        add(story::<1>);
        store_here(closed(), 1);
    });
    assert_eq!(end, End::Signal(BUS));
}

#[test]
fn everything_happens_on_the_alternative_stack_which_may_be_small() {
    static HERE: AtomicU64 = AtomicU64::new(0);
    static OPENED: AtomicU64 = AtomicU64::new(0);
    /// Takes little: no call of ours.
    unsafe extern "system" fn open(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        let here = 0_u8;
        HERE.store((&raw const here).addr() as u64, SeqCst);
        let at = told(pointers).2;
        OPENED.fetch_add(1, SeqCst);
        // SAFETY: a page of the test.
        unsafe {
            libc::mprotect((at & !(PAGE - 1)) as *mut _, PAGE as usize, libc::PROT_READ | libc::PROT_WRITE)
        };
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        let at = closed();
        add(open);
        let bytes = 8192; // SIGSTKSZ, as it has been for decades
        let stack = room(bytes);
        store_here(at, 1);
        store_here(pages(1, PAGE_READWRITE | PAGE_GUARD), 1);
        assert!((stack..stack + bytes as u64).contains(&HERE.load(SeqCst)));
        assert_eq!(OPENED.load(SeqCst), 2);
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_signal_that_somebody_sent_is_no_exception() {
    extern "C" fn tell_7(_: c_int) {
        tell(7);
    }
    let end = child(|| {
        install(SIGSEGV, tell_7 as extern "C" fn(c_int) as usize, 0);
        add(story::<9>);
        // SAFETY: numbers.
        unsafe { libc::raise(SIGSEGV) };
        assert_eq!(told_story(), 7);
    });
    assert_eq!(end, FINE);
}

/// Calls whatever wants the handler.
fn want_everything() {
    add(story::<1>);
    set_filter(Some(leave_77));
    set_fault_signals(FaultSignals::On);
    let at = pages(2, PAGE_READWRITE | PAGE_GUARD);
    protect(at, PAGE_READONLY | PAGE_GUARD);
    protect(at, PAGE_NOACCESS);
    // SAFETY: fresh memory.
    let watched = unsafe {
        VirtualAlloc(std::ptr::null(), 4096, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE)
    };
    if !watched.is_null() {
        store_here(watched as u64, 1);
    }
    let mut address = 0;
    // SAFETY: room for the answer; fresh memory.
    let code = unsafe {
        pagewright::mach::mach_vm_allocate(pagewright::mach::mach_task_self(), &raw mut address, 4096, 1)
    };
    assert_eq!(code, 0);
}

/// What a program does about the signal, as the kernel has it: handler, flags, return, mask.
fn raw_action() -> [u64; 4] {
    let mut raw = [0; 4];
    let nothing = std::ptr::null::<u64>();
    // SAFETY: room for the answer.
    assert_eq!(unsafe { libc::syscall(libc::SYS_rt_sigaction, SIGSEGV, nothing, raw.as_mut_ptr(), 8) }, 0);
    raw
}

fn left_alone() {
    let before = raw_action();
    assert!(leaves_sigsegv());
    want_everything();
    assert_eq!(raw_action(), before);
    assert_eq!(guard::delivery(), Delivery::Userfault);
    // SAFETY: no words.
    unsafe { RaiseException(5, 0, 0, std::ptr::null()) };
}

#[test]
fn the_signal_is_left_alone_whatever_is_called() {
    let end = child(|| {
        leave_sigsegv();
        left_alone();
    });
    assert_eq!(end, End::Code(77), "the filter was asked about what was raised");
    let end = child(|| {
        install(SIGSEGV, as_program(), libc::SA_SIGINFO | libc::SA_NODEFER);
        leave_sigsegv();
        add(story::<9>);
        let before = raw_action();
        store_here(closed(), 1);
        assert_eq!((told_story(), raw_action()), (7, before));
    });
    assert_eq!(end, FINE);
}

#[test]
fn the_environment_says_the_same() {
    let end = child(|| {
        // SAFETY: this child has one thread.
        unsafe { std::env::set_var("PAGEWRIGHT_SIGSEGV", "leave") };
        left_alone();
    });
    assert_eq!(end, End::Code(77));
}

#[test]
fn guards_are_met_by_waiting_then_or_are_just_closed() {
    fn go_on(_: &GuardHit) -> Verdict {
        tell(3);
        Verdict::Continue
    }
    let end = child(|| {
        leave_sigsegv();
        guard::on_hit(go_on);
        let at = pages(1, PAGE_READWRITE | PAGE_GUARD);
        store_here(at, 1);
        assert_eq!((told_story(), load_here(at), protection(at)), (3, 1, PAGE_READWRITE));
    });
    assert_eq!(end, FINE);
    let end = child(|| {
        // SAFETY: this child has one thread.
        unsafe { std::env::set_var("PAGEWRIGHT_FAULTS", "none") };
        leave_sigsegv();
        guard::on_hit(go_on);
        let at = pages(2, PAGE_READWRITE | PAGE_GUARD);
        protect(at, PAGE_READWRITE);
        store_here(at, 1);
        assert_eq!((told_story(), protection(at + PAGE)), (0, PAGE_READWRITE | PAGE_GUARD));
        store_here(at + PAGE, 1);
    });
    assert_eq!(end, End::Signal(SEGV));
}

/// The classic: each access to a page is told of, because the guard is armed again after one step.
#[test]
fn a_guard_is_armed_again_after_a_single_step() {
    unsafe extern "system" fn watch(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: what handlers are given.
        let (record, context) = unsafe { (*(*pointers).ExceptionRecord, &mut *(*pointers).ContextRecord) };
        assert_eq!(context.EFlags & 0x100, 0);
        match record.ExceptionCode {
            STATUS_GUARD_PAGE_VIOLATION => {
                tell(3);
                context.EFlags |= 0x100;
            }
            STATUS_SINGLE_STEP => {
                tell(4);
                assert_eq!((record.NumberParameters, record.ExceptionAddress as u64), (0, context.Rip));
                protect(PLACE.load(SeqCst), PAGE_READWRITE | PAGE_GUARD);
            }
            _ => return EXCEPTION_CONTINUE_SEARCH,
        }
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        let handle = add(watch);
        let at = pages(1, PAGE_READWRITE | PAGE_GUARD);
        PLACE.store(at, SeqCst);
        (0..3).for_each(|value| store_here(at + 7, value));
        assert_eq!((load_here(at + 7), told_story()), (2, 34_343_434));
        assert_eq!(remove(handle), 1);
        // SAFETY: numbers.
        unsafe { libc::raise(libc::SIGTRAP) };
    });
    assert_eq!(end, End::Signal(libc::SIGTRAP), "one that is sent is no step");
}

/// Of one that another process has armed, too: the signal comes in the same way.
#[test]
fn a_guard_that_is_met_by_waiting_is_the_same_exception() {
    let end = child(|| {
        guard::set_delivery(Delivery::Userfault);
        let at = pages(4, PAGE_READWRITE | PAGE_GUARD);
        add(note_and_go_on);
        load_here(at + 5);
        assert_eq!(seen(), Seen { code: STATUS_GUARD_PAGE_VIOLATION, kind: 0, at: at + 5, count: 1 });
        load_here(pages(1, PAGE_READWRITE));
        store_here(at + PAGE + 6, 7);
        assert_eq!(seen(), Seen { code: STATUS_GUARD_PAGE_VIOLATION, kind: 1, at: at + PAGE + 6, count: 1 });
        assert_eq!((load_here(at + PAGE + 6), protection(at + PAGE)), (7, PAGE_READWRITE));
    });
    assert_eq!(end, FINE);
    let end = child(|| {
        guard::set_delivery(Delivery::Userfault);
        add(story::<1>);
        load_here(pages(1, PAGE_READWRITE | PAGE_GUARD));
    });
    assert_eq!(end, End::Signal(SEGV), "and the end, if nobody wants it");
}

#[test]
fn who_leaves_it_later_gets_the_handler_back_that_was_there() {
    let end = child(|| {
        install(SIGSEGV, as_program(), libc::SA_SIGINFO);
        add(story::<9>);
        assert_ne!(handler(SIGSEGV), as_program());
        leave_sigsegv();
        assert_eq!(handler(SIGSEGV), as_program());
        add(story::<9>);
        store_here(closed(), 1);
        assert_eq!(told_story(), 7);
    });
    assert_eq!(end, FINE);
}

#[test]
fn steps_that_nobody_wants_end_although_handlers_pass_on_to_each_other() {
    unsafe extern "system" fn step(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: what handlers are given.
        let (record, context) = unsafe { (*(*pointers).ExceptionRecord, &mut *(*pointers).ContextRecord) };
        if record.ExceptionCode != STATUS_GUARD_PAGE_VIOLATION {
            tell(5);
            return EXCEPTION_CONTINUE_SEARCH;
        }
        context.EFlags |= 0x100;
        EXCEPTION_CONTINUE_EXECUTION
    }
    let meet = || store_here(pages(1, PAGE_READWRITE | PAGE_GUARD), 1);
    let end = child(|| {
        install(libc::SIGTRAP, count as Handler as usize, libc::SA_SIGINFO);
        add(step);
        meet();
        assert_eq!(told_story(), 59, "nobody wants it but who was there before");
        BELOW.store(handler(libc::SIGTRAP) as u64, SeqCst);
        install(libc::SIGTRAP, chain as Handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        meet();
        assert_eq!(told_story(), 569, "ours, theirs, ours again, and who was there before both");
    });
    assert_eq!(end, FINE);
    let end = child(|| {
        add(step);
        meet();
    });
    assert_eq!(end, End::Signal(libc::SIGTRAP));
    let end = child(|| {
        let once = libc::SA_SIGINFO | libc::SA_RESETHAND;
        install(libc::SIGTRAP, count as Handler as usize, once);
        install(SIGSEGV, count as Handler as usize, once);
        add(step);
        meet();
        assert_eq!(told_story(), 59);
        set_filter(Some(leave_77));
        meet();
    });
    assert_eq!(end, End::Code(77), "a handler for one time is gone, for this signal");
}

/// Tells 9, and ends the stepping: to a handler of the program the flag is as the processor has it.
extern "C" fn count(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    tell(9);
    // SAFETY: the kernel hands a valid context over.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_EFL as usize] &= !0x100 };
}
