//! Vectored handlers and the filter of last resort: what they are told, in which order, and what
//! becomes of what they answer and change; `RaiseException`.
//!
//! Everything happens in forked children, which tell how it went by how they end.

#[path = "exception_support/mod.rs"]
mod support;

use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use pagewright::guard::{self, GuardHit, Verdict};
use pagewright::win32::*;
use support::*;

// Rows: GP02 GP03
#[test]
fn a_guard_is_told_once_with_code_kind_and_address() {
    let end = child(|| {
        add(note_and_go_on);
        let at = pages(2, PAGE_READWRITE | PAGE_GUARD);
        store_here(at + 8, 1);
        assert_eq!(seen(), Seen { code: STATUS_GUARD_PAGE_VIOLATION, kind: 1, at: at + 8, count: 1 });
        store_here(at + 8, 2);
        assert_eq!((load_here(at + 8), load_here(at + PAGE + 3)), (2, 0));
        assert_eq!(seen(), Seen { code: STATUS_GUARD_PAGE_VIOLATION, kind: 0, at: at + PAGE + 3, count: 1 });
        assert_eq!((protection(at), protection(at + PAGE)), (PAGE_READWRITE, PAGE_READWRITE));
    });
    assert_eq!(end, FINE);
}

#[test]
fn an_access_violation_is_made_again_once_the_handler_has_mended_it() {
    let end = child(|| {
        add(note_and_open);
        for (protection, kind) in [(PAGE_NOACCESS, 0), (PAGE_NOACCESS, 1), (PAGE_READONLY, 1)] {
            let at = pages(1, protection) + 40;
            match kind {
                0 => assert_eq!(load_here(at), 0),
                _ => store_here(at, 3),
            }
            assert_eq!(seen(), Seen { code: STATUS_ACCESS_VIOLATION, kind, at, count: 1 });
        }
    });
    assert_eq!(end, FINE);
}

// Rows: GP16
#[test]
fn a_fetch_is_told_as_one() {
    let end = child(|| {
        add(note_and_open_for_code);
        for protection in [PAGE_READWRITE, PAGE_EXECUTE_READ | PAGE_GUARD] {
            let at = pages(1, PAGE_READWRITE);
            store_here(at, 0xc3); // ret
            protect(at, protection);
            call(at);
            let code = if protection == PAGE_READWRITE {
                STATUS_ACCESS_VIOLATION
            } else {
                STATUS_GUARD_PAGE_VIOLATION
            };
            assert_eq!(seen(), Seen { code, kind: 8, at, count: 1 });
        }
    });
    assert_eq!(end, FINE);
}

/// The classic: a reservation of which each page gets memory when it is touched.
#[test]
fn a_handler_commits_what_is_touched() {
    let end = child(|| {
        add(commit);
        // SAFETY: fresh memory.
        let base = unsafe { VirtualAlloc(ptr::null(), 64 << 10, MEM_RESERVE, PAGE_NOACCESS) } as u64;
        BASE.store(base, SeqCst);
        for page in (0..16).rev() {
            store_here(base + page * PAGE + page, page as u8 + 1);
        }
        assert_eq!(seen().count, 16);
        for page in 0..16 {
            assert_eq!(load_here(base + page * PAGE + page), page as u8 + 1);
            assert_eq!(protection(base + page * PAGE), PAGE_READWRITE);
        }
        load_here(base + (64 << 10)); // Not for this handler: the end.
    });
    assert_eq!(end, End::Signal(SEGV));
}

unsafe extern "system" fn commit(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    let (code, _, at) = told(pointers);
    let base = BASE.load(SeqCst);
    if code != STATUS_ACCESS_VIOLATION || !(base..base + (64 << 10)).contains(&at) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    note(pointers);
    let mut record = MEMORY_BASIC_INFORMATION::default();
    // SAFETY: a reserved page of the test.
    unsafe {
        VirtualQuery(at as *const _, &raw mut record, size_of_val(&record));
        assert_eq!(record.State, MEM_RESERVE);
        assert!(!VirtualAlloc(at as *const _, 1, MEM_COMMIT, PAGE_READWRITE).is_null());
    }
    EXCEPTION_CONTINUE_EXECUTION
}

static BASE: AtomicU64 = AtomicU64::new(0);

#[test]
fn an_address_that_is_none_is_a_load_from_the_highest_one() {
    let end = child(|| {
        add(skip_load);
        assert_eq!(skippable_load(1 << 63), 77);
        assert_eq!(seen(), Seen { code: STATUS_ACCESS_VIOLATION, kind: 0, at: u64::MAX, count: 1 });
        assert_eq!(skippable_load(16), 77);
        assert_eq!(seen(), Seen { code: STATUS_ACCESS_VIOLATION, kind: 0, at: 16, count: 1 });
        let above = u64::MAX - 0xfff;
        assert_eq!(skippable_load(above), 77);
        assert_eq!(seen(), Seen { code: STATUS_ACCESS_VIOLATION, kind: 0, at: above, count: 1 });
    });
    assert_eq!(end, FINE);
}

#[test]
fn handlers_are_asked_in_their_order_until_one_goes_on() {
    let end = child(|| {
        let at = pages(8, PAGE_READWRITE | PAGE_GUARD);
        let last = add_at(0, story::<3>);
        let middle = add_at(0, story::<9>);
        add_at(1, story::<2>);
        add_at(1, story::<1>);
        load_here(at);
        assert_eq!(told_story(), 1239, "9 goes on");
        assert_eq!(remove(last), 1);
        load_here(at + PAGE);
        assert_eq!(told_story(), 129);
        assert_eq!(remove(last), 0, "it was removed");
        add_at(0, story::<9>);
        assert_eq!(remove(middle), 1);
        add_at(0, story::<4>);
        load_here(at + 2 * PAGE);
        assert_eq!(told_story(), 129, "4 comes after the one that goes on");
        let twice = [add_at(1, story::<5>), add_at(1, story::<5>)];
        load_here(at + 3 * PAGE);
        assert_eq!(told_story(), 55129);
        assert_eq!((remove(twice[0]), remove(twice[1])), (1, 1));
    });
    assert_eq!(end, FINE);
}

#[test]
fn wild_handles_are_none_and_no_function_gets_none() {
    // SAFETY: no function; numbers.
    unsafe {
        assert!(AddVectoredExceptionHandler(1, None).is_null());
        assert!(AddVectoredContinueHandler(0, None).is_null());
        for wild in [0_usize, 1, 4, 8, 0x1000, 1 << 63, usize::MAX, &raw const BASE as usize] {
            assert_eq!(RemoveVectoredExceptionHandler(wild as *const _), 0);
            assert_eq!(RemoveVectoredContinueHandler(wild as *const _), 0);
        }
        let one = AddVectoredContinueHandler(0, Some(story::<1>));
        assert_eq!(RemoveVectoredExceptionHandler(one), 0, "that is of the other list");
        assert_eq!((RemoveVectoredContinueHandler(one), RemoveVectoredContinueHandler(one)), (1, 0));
    }
}

#[test]
fn functions_of_guards_are_told_before_the_handlers() {
    fn pass(_: &GuardHit) -> Verdict {
        tell(6);
        Verdict::Pass
    }
    fn go_on(_: &GuardHit) -> Verdict {
        tell(7);
        Verdict::Continue
    }
    let end = child(|| {
        add_at(1, story::<9>);
        guard::on_hit(pass);
        let at = pages(2, PAGE_READWRITE | PAGE_GUARD);
        load_here(at);
        assert_eq!(told_story(), 69);
        guard::on_hit(go_on);
        load_here(at + PAGE);
        assert_eq!(told_story(), 67);
    });
    assert_eq!(end, FINE);
}

// Rows: GP05
#[test]
fn a_store_to_a_guarded_page_for_loads_is_told_twice() {
    let end = child(|| {
        let at = pages(1, PAGE_READONLY | PAGE_GUARD);
        add_at(0, story::<9>);
        add_at(1, open_if_forbidden);
        store_here(at, 1);
        assert_eq!((told_story(), protection(at)), (9, PAGE_READWRITE));
    });
    assert_eq!(end, FINE);
    unsafe extern "system" fn open_if_forbidden(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        match told(pointers) {
            (STATUS_ACCESS_VIOLATION, 1, at) if protection(at) == PAGE_READONLY => {
                protect(at, PAGE_READWRITE);
                EXCEPTION_CONTINUE_EXECUTION
            }
            _ => EXCEPTION_CONTINUE_SEARCH,
        }
    }
}

// Rows: GP04
#[test]
fn a_read_modify_write_sees_what_the_handler_stored() {
    unsafe extern "system" fn add_256(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        note(pointers);
        let (_, _, at) = told(pointers);
        // SAFETY: the page of the test, which is open by now.
        unsafe { *(at as *mut u32) += 0x100 };
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(add_256);
        let at = pages(1, PAGE_READWRITE | PAGE_GUARD);
        // SAFETY: a word of the page.
        let word = unsafe { &*(at as *const std::sync::atomic::AtomicU32) };
        assert_eq!(word.fetch_add(1, SeqCst), 0x100);
        assert_eq!((word.load(SeqCst), seen().count), (0x101, 1));
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_handler_may_change_every_register() {
    unsafe extern "system" fn change(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: what handlers are given.
        let context = unsafe { &mut *(*pointers).ContextRecord };
        assert_eq!(context.ContextFlags & CONTEXT_FULL_AMD64, CONTEXT_FULL_AMD64);
        assert_eq!((context.Rax, context.R15, context.Rbx), (16, 15, 11));
        // SAFETY: as above.
        unsafe {
            assert_eq!((*(*pointers).ExceptionRecord).ExceptionAddress as u64, context.Rip);
            assert_eq!(context.Anonymous.Anonymous.Xmm7.Low, 0x7777);
            context.Anonymous.Anonymous.Xmm7 = M128A { Low: 5, High: 6 };
        }
        context.R15 = 1515;
        context.Rbx = 1111;
        context.EFlags |= 1; // carry
        context.MxCsr = 0x1fa0; // as usual, and a flag
        context.Rip += 3;
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(change);
        let (mut low, mut high, mut r15, mut carry, mut mxcsr, mut rbx) =
            (0_u64, 0_u64, 15_u64, 0_u64, 0_u32, 11_u64);
        // SAFETY: what is stored to is named.
        unsafe {
            std::arch::asm!(
                "xchg rbx, {rbx}",
                "movq xmm7, {seven}",
                "clc",
                "mov rax, [rax]", // is skipped, and is three bytes
                "nop",
                "setc {carry:l}",
                "movq {low}, xmm7",
                "pextrq {high}, xmm7, 1",
                "stmxcsr [{mxcsr}]",
                "xchg rbx, {rbx}",
                rbx = inout(reg) rbx,
                seven = in(reg) 0x7777_u64,
                carry = inout(reg) carry,
                low = out(reg) low,
                high = out(reg) high,
                mxcsr = in(reg) &raw mut mxcsr,
                in("rax") 16_u64,
                inout("r15") r15,
                out("xmm7") _,
            );
        }
        assert_eq!((low, high, r15, carry & 1, rbx), (5, 6, 1515, 1, 1111));
        assert_eq!(mxcsr & 0x20, 0x20);
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_handler_may_fault_itself() {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    unsafe extern "system" fn touch_the_next(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        note(pointers);
        let (_, _, at) = told(pointers);
        protect(at, PAGE_READWRITE);
        if at < NEXT.load(SeqCst) {
            store_here(at + PAGE, 4);
        }
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(touch_the_next);
        let at = pages(5, PAGE_NOACCESS);
        NEXT.store(at + 4 * PAGE, SeqCst);
        store_here(at, 3);
        assert_eq!(seen().count, 5);
        assert_eq!((load_here(at), load_here(at + PAGE), load_here(at + 4 * PAGE)), (3, 4, 4));
    });
    assert_eq!(end, FINE);
}

static HANDLE: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_handler_may_remove_itself_and_add_others() {
    unsafe extern "system" fn once(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        note(pointers);
        assert_eq!(remove(HANDLE.load(SeqCst)), 1);
        add_at(1, story::<1>);
        add_at(0, story::<9>);
        EXCEPTION_CONTINUE_SEARCH
    }
    let end = child(|| {
        HANDLE.store(add(once), SeqCst);
        let at = pages(2, PAGE_READWRITE | PAGE_GUARD);
        load_here(at);
        assert_eq!((told_story(), seen().count), (9, 1), "what comes before the one that is asked is not");
        load_here(at + PAGE);
        assert_eq!((told_story(), seen().count), (19, 0));
    });
    assert_eq!(end, FINE);
}

#[test]
fn continue_handlers_are_told_before_the_thread_goes_on() {
    unsafe extern "system" fn see(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        tell(5);
        // SAFETY: what handlers are given.
        assert_eq!(unsafe { (*(*pointers).ContextRecord).R14 }, 1414);
        EXCEPTION_CONTINUE_SEARCH
    }
    unsafe extern "system" fn change(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: what handlers are given.
        unsafe { (*(*pointers).ContextRecord).R14 = 1414 };
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(change);
        // SAFETY: functions of that kind.
        unsafe {
            AddVectoredContinueHandler(0, Some(story::<9>));
            AddVectoredContinueHandler(0, Some(story::<8>));
            AddVectoredContinueHandler(1, Some(see));
        }
        load_with_r14(pages(1, PAGE_READWRITE | PAGE_GUARD));
        assert_eq!(told_story(), 59, "the second one ends the list");
    });
    assert_eq!(end, FINE);
}

fn load_with_r14(at: u64) {
    // SAFETY: a page of the test; the handler changes that register, too.
    unsafe { std::arch::asm!("mov rax, [rax]", inout("rax") at => _, out("r14") _) };
}

#[test]
fn the_filter_is_asked_when_nobody_else_wants_it() {
    let end = child(|| {
        add_at(0, story::<1>);
        assert!(set_filter(Some(open_as_filter)).is_none());
        let at = pages(3, PAGE_NOACCESS);
        store_here(at, 1);
        assert_eq!(told_story(), 14);
        let guarded = pages(1, PAGE_READWRITE | PAGE_GUARD);
        store_here(guarded, 1);
        assert_eq!(told_story(), 14);
        assert_eq!(set_filter(None).map(|it| it as usize), Some(open_as_filter as *const () as usize));
        store_here(at + PAGE, 1);
    });
    assert_eq!(end, End::Signal(SEGV));
    let end = in_child(|| {
        // With the handler that every Rust program has.
        room(256 << 10);
        set_filter(Some(open_as_filter));
        for _ in 0..3 {
            store_here(pages(1, PAGE_NOACCESS), 1);
        }
        leave(if told_story() == 444 { 42 } else { 1 });
    });
    assert_eq!(end, End::Code(42));
    let end = child(|| {
        set_filter(Some(give_up));
        store_here(pages(1, PAGE_READWRITE | PAGE_GUARD), 1);
    });
    assert_eq!(end, End::Signal(SEGV));
}

unsafe extern "system" fn open_as_filter(pointers: *const EXCEPTION_POINTERS) -> i32 {
    tell(4);
    let (_, _, at) = told(pointers.cast_mut());
    protect(at, PAGE_READWRITE);
    EXCEPTION_CONTINUE_EXECUTION
}

unsafe extern "system" fn give_up(_: *const EXCEPTION_POINTERS) -> i32 {
    EXCEPTION_EXECUTE_HANDLER
}

#[test]
fn the_filter_can_be_asked_by_the_program() {
    let end = child(|| {
        let mut record = EXCEPTION_RECORD::default();
        let pointers =
            EXCEPTION_POINTERS { ExceptionRecord: &raw mut record, ContextRecord: ptr::null_mut() };
        // SAFETY: the filter below looks at nothing.
        unsafe {
            assert_eq!(UnhandledExceptionFilter(&raw const pointers), EXCEPTION_EXECUTE_HANDLER);
            set_filter(Some(go_on));
            assert_eq!(UnhandledExceptionFilter(&raw const pointers), EXCEPTION_CONTINUE_EXECUTION);
        }
        unsafe extern "system" fn go_on(_: *const EXCEPTION_POINTERS) -> i32 {
            EXCEPTION_CONTINUE_EXECUTION
        }
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_violation_that_nobody_wants_is_the_end() {
    let end = child(|| {
        add_at(0, story::<1>);
        load_here(8);
    });
    assert_eq!(end, End::Signal(SEGV));
    let end = child(|| {
        add_at(0, story::<1>);
        load_here(pages(1, PAGE_READWRITE | PAGE_GUARD));
    });
    assert_eq!(end, End::Signal(SEGV));
    unsafe extern "system" fn execute(_: *mut EXCEPTION_POINTERS) -> i32 {
        EXCEPTION_EXECUTE_HANDLER
    }
    let end = child(|| {
        add(execute);
        load_here(8);
    });
    assert_eq!(end, End::Signal(SEGV), "that is not an answer of a vectored handler");
}

#[test]
fn threads_fault_at_once_while_handlers_come_and_go() {
    let end = child(|| {
        add(open_quietly);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    room(256 << 10);
                    let at = pages(64, PAGE_NOACCESS);
                    for page in 0..64 {
                        store_here(at + page * PAGE, 1);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let handles = [add_at(1, pass_quietly), add_at(0, pass_quietly)];
                        assert_eq!((remove(handles[1]), remove(handles[0])), (1, 1));
                    }
                });
            }
        });
    });
    assert_eq!(end, FINE);
    unsafe extern "system" fn pass_quietly(_: *mut EXCEPTION_POINTERS) -> i32 {
        EXCEPTION_CONTINUE_SEARCH
    }
    unsafe extern "system" fn open_quietly(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        let (_, _, at) = told(pointers);
        protect(at, PAGE_READWRITE);
        EXCEPTION_CONTINUE_EXECUTION
    }
}
