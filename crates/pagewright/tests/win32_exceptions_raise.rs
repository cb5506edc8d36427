//! `RaiseException` and `RtlCaptureContext`.
//!
//! What may end a process happens in forked children, which tell how it went by how they end.

#[path = "exception_support/mod.rs"]
mod support;

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use pagewright::win32::*;
use support::*;

const ABORTED: End = End::Signal(libc::SIGABRT);
const CODE: u32 = 0xe042_4242;

fn raise(code: u32, flags: u32, words: &[usize]) {
    // SAFETY: as many words as are there; the handlers of tests know what they do.
    unsafe { RaiseException(code, flags, words.len() as u32, words.as_ptr()) };
}

static WORDS: AtomicU64 = AtomicU64::new(0);

/// Notes how many words there are, and their sum.
unsafe extern "system" fn count_words(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: what handlers are given.
    let (record, context) = unsafe { (*(*pointers).ExceptionRecord, *(*pointers).ContextRecord) };
    assert_eq!((record.ExceptionCode as u32, record.ExceptionFlags), (CODE, 0));
    assert!(record.ExceptionRecord.is_null());
    assert_eq!(record.ExceptionAddress as u64, context.Rip);
    let sum: usize = record.ExceptionInformation[..record.NumberParameters as usize].iter().sum();
    WORDS.store(u64::from(record.NumberParameters) << 32 | sum as u64, SeqCst);
    tell(2);
    EXCEPTION_CONTINUE_EXECUTION
}

#[test]
fn what_is_raised_comes_with_its_words_and_returns_when_it_is_continued() {
    let end = child(|| {
        add(count_words);
        for (words, expected) in [
            (vec![], 0),
            (vec![7], 1 << 32 | 7),
            ((1..=15).collect(), 15 << 32 | 120),
            ((1..=20).collect::<Vec<_>>(), 15 << 32 | 120),
        ] {
            raise(CODE, 0, &words);
            assert_eq!((WORDS.load(SeqCst), told_story()), (expected, 2));
        }
        // SAFETY: no array, no words.
        unsafe { RaiseException(CODE, 0, 9, ptr::null()) };
        assert_eq!(WORDS.load(SeqCst), 0);
        raise(CODE, 0xfffe, &[]); // Only the lowest flag counts.
    });
    assert_eq!(end, FINE);
}

#[test]
fn every_register_is_what_it_was() {
    unsafe extern "system" fn spoil(_: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: registers that a function may change.
        unsafe {
            std::arch::asm!("xor eax, eax", "pxor xmm0, xmm0", "pxor xmm9, xmm9", "stc", "mov r10, rax",
                out("rax") _, out("r10") _, out("xmm0") _, out("xmm9") _);
        }
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(spoil);
        let (mut rax, mut r10, mut r11, mut xmm9, mut carry) = (1_u64, 10_u64, 11_u64, 0x99_u64, 0_u8);
        // SAFETY: the call is as the compiler would make it, and below what this function uses.
        unsafe {
            std::arch::asm!(
                "mov r12, rsp",
                "and rsp, -16",
                "sub rsp, 256",
                "movq xmm9, r13",
                "clc",
                "call {raise}",
                "setc {carry}",
                "movq r13, xmm9",
                "mov rsp, r12",
                raise = sym RaiseException,
                carry = inout(reg_byte) carry,
                in("rdi") u64::from(CODE), in("rsi") 0_u64, in("rdx") 0_u64, in("rcx") 0_u64,
                inout("rax") rax, inout("r10") r10, inout("r11") r11, inout("r13") xmm9, out("r12") _,
                out("xmm9") _,
            );
        }
        assert_eq!((rax, r10, r11, xmm9, carry), (1, 10, 11, 0x99, 0));
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_handler_may_send_the_caller_elsewhere() {
    unsafe extern "system" fn elsewhere(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: what handlers are given.
        let context = unsafe { &mut *(*pointers).ContextRecord };
        context.Rip = context.Rbx;
        context.Rsp += 64;
        context.R14 = 1414;
        context.EFlags |= 1;
        // SAFETY: numbers.
        unsafe { context.Anonymous.FltSave.XmmRegisters[3].Low = 333 };
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(elsewhere);
        let (mut r14, xmm3, moved, carry): (u64, u64, u64, u64);
        // SAFETY: the handler knows what it does: the label, and room on the stack.
        unsafe {
            std::arch::asm!(
                "mov r12, rsp",
                "and rsp, -16",
                "sub rsp, 64",
                "mov r15, rsp",
                "push rbx",
                "push rbx",
                "lea rbx, [rip + 2f]",
                "call {raise}",
                "ud2",
                "2:",
                "setc r13b",
                "sub r15, rsp", // 16 were pushed, and 64 taken away.
                "mov rbx, [r12 - 8]",
                "movq r12, xmm3",
                "lea rsp, [rsp + 0]",
                raise = sym RaiseException,
                in("rdi") u64::from(CODE), in("rsi") 0_u64, in("rdx") 0_u64, in("rcx") 0_u64,
                out("r14") r14, out("r12") xmm3, out("r15") moved, inout("r13") 0_u64 => carry,
                clobber_abi("C"),
            );
        }
        let _ = &mut r14;
        leave(if (r14, xmm3, moved as i64, carry) == (1414, 333, -48, 1) { 42 } else { 1 });
    });
    assert_eq!(end, End::Code(42));
}

#[test]
fn who_continues_what_cannot_be_continued_gets_another_exception() {
    static CODES: AtomicU64 = AtomicU64::new(0);
    unsafe extern "system" fn go_on(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: what handlers are given.
        let record = unsafe { *(*pointers).ExceptionRecord };
        match record.ExceptionCode {
            STATUS_NONCONTINUABLE_EXCEPTION => {
                // SAFETY: the one that led to this.
                let first = unsafe { *record.ExceptionRecord };
                let right = first.ExceptionCode as u32 == CODE && record.ExceptionFlags == 1;
                leave(if right && CODES.load(SeqCst) == 1 { 42 } else { 1 })
            }
            _ => CODES.fetch_add(1, SeqCst),
        };
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(go_on);
        raise(CODE, EXCEPTION_NONCONTINUABLE, &[]);
    });
    assert_eq!(end, End::Code(42));
    let end = child(|| {
        quiet();
        add(story::<9>);
        raise(CODE, EXCEPTION_NONCONTINUABLE, &[]);
    });
    assert_eq!(end, ABORTED, "who continues even that ends the process");
}

/// What is said at the end is not for the output of the tests.
fn quiet() {
    // SAFETY: the child's own descriptor.
    unsafe { libc::close(2) };
}

#[test]
fn what_nobody_wants_ends_the_process_by_a_signal_that_says_what_it_was() {
    let end_of = |code: i32| {
        child(|| {
            quiet();
            add(story::<1>);
            raise(code as u32, 0, &[1, 2]);
        })
    };
    assert_eq!(end_of(STATUS_ACCESS_VIOLATION), End::Signal(SEGV));
    assert_eq!(end_of(STATUS_GUARD_PAGE_VIOLATION), End::Signal(SEGV));
    assert_eq!(end_of(CODE as i32), ABORTED);
    assert_eq!(end_of(STATUS_STACK_OVERFLOW), ABORTED);
}

#[test]
fn a_sentence_is_left_behind() {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let end = child(|| {
        // SAFETY: the child's own descriptors.
        unsafe { libc::dup2(ends[1], 2) };
        raise(CODE, 0, &[]);
    });
    assert_eq!(end, ABORTED);
    let mut text = [0_u8; 200];
    // SAFETY: room for as many bytes.
    let length = unsafe { libc::read(ends[0], text.as_mut_ptr().cast(), text.len()) };
    let text = String::from_utf8_lossy(&text[..usize::try_from(length).expect("something was said")]);
    assert!(
        text.starts_with("pagewright: nobody handled the exception 0xe0424242 raised at 0x0000"),
        "{text}"
    );
    assert!(text.ends_with('\n') && !text.contains("0x0000000000000000"), "{text}");
    // SAFETY: the descriptors from above.
    unsafe { (libc::close(ends[0]), libc::close(ends[1])) };
}

#[test]
fn the_filter_is_asked_last_and_handlers_of_the_signal_are_told_before_the_end() {
    unsafe extern "system" fn go_on(_: *const EXCEPTION_POINTERS) -> i32 {
        tell(4);
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(story::<1>);
        set_filter(Some(go_on));
        raise(CODE, 0, &[]);
        assert_eq!(told_story(), 14);
    });
    assert_eq!(end, FINE);
    extern "C" fn leave_42(_: libc::c_int) {
        leave(42);
    }
    for (signal, code) in [(SEGV, STATUS_ACCESS_VIOLATION as u32), (libc::SIGABRT, CODE)] {
        let end = child(|| {
            quiet();
            install(signal, leave_42 as extern "C" fn(libc::c_int) as usize, 0);
            add(story::<1>);
            raise(code, 0, &[]);
        });
        assert_eq!(end, End::Code(42));
    }
}

#[test]
fn an_exception_may_be_raised_while_another_one_is_handled() {
    unsafe extern "system" fn raise_more(pointers: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: what handlers are given.
        match unsafe { (*(*pointers).ExceptionRecord).ExceptionCode } {
            STATUS_GUARD_PAGE_VIOLATION => tell(3),
            code if code as u32 == CODE => {
                tell(2);
                store_here(pages(1, PAGE_READWRITE | PAGE_GUARD), 1);
                tell(4);
            }
            _ => {
                tell(1);
                raise(CODE, 0, &[]);
                tell(5);
            }
        }
        EXCEPTION_CONTINUE_EXECUTION
    }
    let end = child(|| {
        add(raise_more);
        raise(CODE + 1, 0, &[]);
        assert_eq!(told_story(), 12345);
    });
    assert_eq!(end, FINE);
}

#[test]
fn the_registers_of_a_caller_are_captured() {
    let mut context = CONTEXT::default();
    let (here, stack): (u64, u64);
    // SAFETY: room for a context; the call is as the compiler would make it.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "and rsp, -16",
            "sub rsp, 128",
            "mov r13, rsp",
            "mov r15, 1515",
            "mov rax, 99",
            "stc",
            "call {capture}",
            "2:",
            "lea r14, [rip + 2b]",
            "mov rsp, r12",
            capture = sym RtlCaptureContext,
            in("rdi") &raw mut context,
            out("r12") _, out("r13") stack, out("r14") here, out("r15") _,
            clobber_abi("C"),
        );
    }
    assert_eq!((context.Rip, context.Rsp), (here, stack));
    assert_eq!((context.R15, context.Rax, context.EFlags & 1), (1515, 99, 1));
    assert_eq!(context.ContextFlags, CONTEXT_FULL_AMD64 | CONTEXT_SEGMENTS_AMD64);
    assert_eq!(context.MxCsr & 0xff80, 0x1f80);
}
