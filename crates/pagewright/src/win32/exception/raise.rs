//! Exceptions that the program raises, and the registers of a caller.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

use std::arch::naked_asm;
use std::mem::offset_of;
use std::ptr;

use super::super::section::NTSTATUS;
use super::constants::{
    CONTEXT_CONTROL_AMD64, CONTEXT_FLOATING_POINT_AMD64, CONTEXT_INTEGER_AMD64, EXCEPTION_MAXIMUM_PARAMETERS,
    EXCEPTION_NONCONTINUABLE, STATUS_ACCESS_VIOLATION, STATUS_GUARD_PAGE_VIOLATION,
    STATUS_NONCONTINUABLE_EXCEPTION,
};
use super::context::{GIVEN, has, mxcsr, settle_mxcsr};
use super::dispatch::{Answer, call_continuers, call_filter, call_handlers};
use super::types::{CONTEXT, EXCEPTION_POINTERS, EXCEPTION_RECORD};
use crate::signals;

/// Stores every register but for the instruction pointer, the stack pointer and the flags into the
/// context that a register points to. Changes nothing.
macro_rules! store {
    ($base:literal) => {
        concat!(
            "mov [",
            $base,
            " + {rax}], rax\n",
            "mov [",
            $base,
            " + {rax} + 0x08], rcx\n",
            "mov [",
            $base,
            " + {rax} + 0x10], rdx\n",
            "mov [",
            $base,
            " + {rax} + 0x18], rbx\n",
            "mov [",
            $base,
            " + {rax} + 0x28], rbp\n",
            "mov [",
            $base,
            " + {rax} + 0x30], rsi\n",
            "mov [",
            $base,
            " + {rax} + 0x38], rdi\n",
            "mov [",
            $base,
            " + {rax} + 0x40], r8\n",
            "mov [",
            $base,
            " + {rax} + 0x48], r9\n",
            "mov [",
            $base,
            " + {rax} + 0x50], r10\n",
            "mov [",
            $base,
            " + {rax} + 0x58], r11\n",
            "mov [",
            $base,
            " + {rax} + 0x60], r12\n",
            "mov [",
            $base,
            " + {rax} + 0x68], r13\n",
            "mov [",
            $base,
            " + {rax} + 0x70], r14\n",
            "mov [",
            $base,
            " + {rax} + 0x78], r15\n",
            "mov dword ptr [",
            $base,
            " + {flags}], {given}\n",
            "stmxcsr [",
            $base,
            " + {mxcsr}]\n",
            "mov word ptr [",
            $base,
            " + {segments}], cs\n",
            "mov word ptr [",
            $base,
            " + {segments} + 2], ds\n",
            "mov word ptr [",
            $base,
            " + {segments} + 4], es\n",
            "mov word ptr [",
            $base,
            " + {segments} + 6], fs\n",
            "mov word ptr [",
            $base,
            " + {segments} + 8], gs\n",
            "mov word ptr [",
            $base,
            " + {segments} + 10], ss\n",
            "fxsave64 [",
            $base,
            " + {floats}]\n",
        )
    };
}

/// What the registers of the caller were, once this has returned to it.
///
/// # Safety
/// There is room for a context, aligned to 16 bytes.
#[unsafe(naked)]
pub unsafe extern "system" fn RtlCaptureContext(contextrecord: *mut CONTEXT) {
    naked_asm!(
        "pushfq",
        store!("rdi"),
        "pop rax", // The flags: nothing above changes them.
        "mov [rdi + {eflags}], eax",
        "mov rax, [rsp]",
        "mov [rdi + {rip}], rax",
        "lea rax, [rsp + 8]",
        "mov [rdi + {rsp}], rax",
        "mov rax, [rdi + {rax}]",
        "ret",
        rax = const offset_of!(CONTEXT, Rax),
        rsp = const offset_of!(CONTEXT, Rsp),
        rip = const offset_of!(CONTEXT, Rip),
        flags = const offset_of!(CONTEXT, ContextFlags),
        given = const GIVEN,
        mxcsr = const offset_of!(CONTEXT, MxCsr),
        segments = const offset_of!(CONTEXT, SegCs),
        eflags = const offset_of!(CONTEXT, EFlags),
        floats = const offset_of!(CONTEXT, Anonymous),
    )
}

/// Below the stack pointer that the thread goes on with, what its code may be using; and the place
/// behind that for the address it goes on at.
const RED_ZONE: usize = 128;
const BELOW: u64 = RED_ZONE as u64 + 8;
/// Bytes on the stack: the context, and room for what is below the caller's stack pointer.
const ROOM: usize = size_of::<CONTEXT>() + 512;

/// Raises an exception: the vectored handlers are asked, then the filter of last resort. The address is
/// that after the call, and so is the instruction pointer of the context. The call returns when one
/// of them answers `EXCEPTION_CONTINUE_EXECUTION`, or goes on with what it made of the context.
///
/// Of the flags only `EXCEPTION_NONCONTINUABLE` counts: who continues such an exception has
/// `STATUS_NONCONTINUABLE_EXCEPTION` raised in its place, and the process ended who continues that.
/// At most 15 words are given along; none if there is no array.
///
/// An exception that nobody wants ends the process: by `SIGSEGV` if it is an access or guard violation,
/// else by `SIGABRT` after a sentence on the standard error output. Handlers of those signals are
/// called as for any other one that is sent.
///
/// # Safety
/// The array holds as many words. Handlers are called, with all that they may do.
#[unsafe(naked)]
pub unsafe extern "system" fn RaiseException(
    dwexceptioncode: u32,
    dwexceptionflags: u32,
    nnumberofarguments: u32,
    lparguments: *const usize,
) {
    naked_asm!(
        ".cfi_startproc",
        "pushfq",
        ".cfi_adjust_cfa_offset 8",
        "lea rsp, [rsp - {room}]",
        ".cfi_adjust_cfa_offset {room}",
        store!("rsp"),
        "mov rax, [rsp + {room}]",
        "mov [rsp + {eflags}], eax",
        "mov rax, [rsp + {room} + 8]",
        "mov [rsp + {rip}], rax",
        "lea rax, [rsp + {room} + 16]",
        "mov [rsp + {rsp}], rax",
        "mov r8, rcx",
        "mov ecx, edx",
        "mov edx, esi",
        "mov esi, edi",
        "mov rdi, rsp",
        "cld",
        "call {raise}",
        // It goes on. `Rsp` is lowered to where the address is put that is returned to.
        "fxrstor64 [rsp + {floats}]",
        "mov rax, [rsp + {rsp}]",
        "mov rcx, [rsp + {rip}]",
        "mov [rax], rcx",
        "mov eax, [rsp + {eflags}]",
        "push rax",
        "popfq",
        "mov rax, [rsp + {rax}]",
        "mov rcx, [rsp + {rax} + 0x08]",
        "mov rdx, [rsp + {rax} + 0x10]",
        "mov rbx, [rsp + {rax} + 0x18]",
        "mov rbp, [rsp + {rax} + 0x28]",
        "mov rsi, [rsp + {rax} + 0x30]",
        "mov rdi, [rsp + {rax} + 0x38]",
        "mov r8, [rsp + {rax} + 0x40]",
        "mov r9, [rsp + {rax} + 0x48]",
        "mov r10, [rsp + {rax} + 0x50]",
        "mov r11, [rsp + {rax} + 0x58]",
        "mov r12, [rsp + {rax} + 0x60]",
        "mov r13, [rsp + {rax} + 0x68]",
        "mov r14, [rsp + {rax} + 0x70]",
        "mov r15, [rsp + {rax} + 0x78]",
        "mov rsp, [rsp + {rsp}]",
        "ret {red_zone}",
        ".cfi_endproc",
        room = const ROOM,
        raise = sym raise,
        red_zone = const RED_ZONE,
        rax = const offset_of!(CONTEXT, Rax),
        rsp = const offset_of!(CONTEXT, Rsp),
        rip = const offset_of!(CONTEXT, Rip),
        flags = const offset_of!(CONTEXT, ContextFlags),
        given = const GIVEN,
        mxcsr = const offset_of!(CONTEXT, MxCsr),
        segments = const offset_of!(CONTEXT, SegCs),
        eflags = const offset_of!(CONTEXT, EFlags),
        floats = const offset_of!(CONTEXT, Anonymous),
    )
}

/// Flags that the caller may have changed: the results of arithmetic, and the direction.
const FLAGS: u32 = 0xcd5;

/// # Safety
/// `context` has the registers of the caller, and is on the stack below what they mean.
unsafe extern "C" fn raise(context: *mut CONTEXT, code: u32, flags: u32, count: u32, words: *const usize) {
    // SAFETY: room for a context, of which the registers are filled in.
    unsafe { clear_rest(context) };
    // SAFETY: all of it is filled in by now.
    let context = unsafe { &mut *context };
    let mut record = EXCEPTION_RECORD {
        ExceptionCode: code as NTSTATUS,
        ExceptionFlags: flags & EXCEPTION_NONCONTINUABLE,
        ExceptionAddress: ptr::with_exposed_provenance_mut(context.Rip as usize),
        ..EXCEPTION_RECORD::default()
    };
    if !words.is_null() {
        record.NumberParameters = count.min(EXCEPTION_MAXIMUM_PARAMETERS);
        // SAFETY: the caller vouches for the words.
        unsafe {
            ptr::copy(words, record.ExceptionInformation.as_mut_ptr(), record.NumberParameters as usize);
        }
    }
    let caller = Caller::of(context);
    dispatch(&mut record, context);
    caller.settle(context);
}

/// Zeros where no register was stored.
///
/// # Safety
/// Room for a context.
unsafe fn clear_rest(context: *mut CONTEXT) {
    let clear = |from: usize, to: usize| {
        // SAFETY: inside of the context.
        unsafe { context.cast::<u8>().add(from).write_bytes(0, to - from) };
    };
    clear(0, offset_of!(CONTEXT, ContextFlags));
    clear(offset_of!(CONTEXT, Dr0), offset_of!(CONTEXT, Rax));
    clear(offset_of!(CONTEXT, VectorRegister), size_of::<CONTEXT>());
}

/// Asks until somebody goes on; else this is the end.
fn dispatch(record: &mut EXCEPTION_RECORD, context: &mut CONTEXT) {
    let mut pointers = EXCEPTION_POINTERS { ExceptionRecord: record, ContextRecord: context };
    let answer = match call_handlers(&mut pointers) {
        Answer::Continue => Answer::Continue,
        Answer::Search => call_filter(&mut pointers),
    };
    match answer {
        Answer::Search => end(record),
        Answer::Continue if record.ExceptionFlags & EXCEPTION_NONCONTINUABLE == 0 => {
            call_continuers(&mut pointers);
        }
        Answer::Continue if record.ExceptionCode == STATUS_NONCONTINUABLE_EXCEPTION => end(record),
        Answer::Continue => {
            let mut next = EXCEPTION_RECORD {
                ExceptionCode: STATUS_NONCONTINUABLE_EXCEPTION,
                ExceptionFlags: EXCEPTION_NONCONTINUABLE,
                ExceptionRecord: record,
                ExceptionAddress: record.ExceptionAddress,
                ..EXCEPTION_RECORD::default()
            };
            dispatch(&mut next, context);
        }
    }
}

/// What of the caller's registers a handler may not have said, or not be able to say.
struct Caller {
    context: CONTEXT,
}

impl Caller {
    const fn of(context: &CONTEXT) -> Self {
        Self { context: *context }
    }

    /// Makes a context that can be gone on with of what handlers have left.
    fn settle(&self, context: &mut CONTEXT) {
        let flags = context.ContextFlags;
        let left = *context;
        *context = self.context;
        context.ContextFlags = flags;
        if has(&left, CONTEXT_INTEGER_AMD64) {
            copy_integers(&left, context);
        }
        if has(&left, CONTEXT_CONTROL_AMD64) {
            (context.Rip, context.Rsp) = (left.Rip, left.Rsp);
            context.EFlags = self.context.EFlags & !FLAGS | left.EFlags & FLAGS;
        }
        if has(&left, CONTEXT_FLOATING_POINT_AMD64) {
            context.Anonymous = left.Anonymous;
            context.MxCsr = left.MxCsr;
        }
        settle_mxcsr(context, mxcsr(&self.context));
        context.Rsp = context.Rsp.wrapping_sub(BELOW);
    }
}

fn copy_integers(from: &CONTEXT, to: &mut CONTEXT) {
    let rsp = to.Rsp;
    // SAFETY: the registers are one after another, and the last one is before `Rip`.
    unsafe {
        let count = (offset_of!(CONTEXT, Rip) - offset_of!(CONTEXT, Rax)) / 8;
        ptr::copy_nonoverlapping(&raw const from.Rax, &raw mut to.Rax, count);
    }
    to.Rsp = rsp;
}

/// Nobody wants it.
fn end(record: &EXCEPTION_RECORD) -> ! {
    if matches!(record.ExceptionCode, STATUS_ACCESS_VIOLATION | STATUS_GUARD_PAGE_VIOLATION) {
        signals::end_by(libc::SIGSEGV);
    }
    say(record);
    signals::end_by(libc::SIGABRT)
}

/// One sentence on the standard error output. Takes no memory, and waits for nobody.
fn say(record: &EXCEPTION_RECORD) {
    let mut text = *b"pagewright: nobody handled the exception 0x00000000 raised at 0x0000000000000000\n";
    let end = text.len() - 1;
    write_hex(&mut text[43..51], u64::from(record.ExceptionCode.cast_unsigned()));
    write_hex(&mut text[end - 16..end], record.ExceptionAddress.addr() as u64);
    // SAFETY: bytes of ours.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

fn write_hex(into: &mut [u8], number: u64) {
    let digits = into.iter_mut().rev().enumerate();
    digits.for_each(|(place, digit)| *digit = b"0123456789abcdef"[(number >> (4 * place) & 15) as usize]);
}
