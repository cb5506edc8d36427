//! The program that is placed in other processes. See the library of this crate.

#![no_std]
#![no_main]

use core::arch::global_asm;
use core::panic::PanicInfo;

use pagewright_resident::heap::Heap;
use pagewright_resident::legacy::Legacy;
use pagewright_resident::run;

#[global_allocator]
static HEAP: Heap = Heap::new();

/// In a section of its own, by which callers find it: see `pagewright_linux::orphan::SECTION`.
#[unsafe(link_section = ".pagewright")]
static LEGACY: Legacy = Legacy::new();

// A thread of the target is brought here with the registers of a `clone` call: it
// makes the call and is taken away again before its next instruction; the new thread
// goes on with what its creator left in the registers.
global_asm!(
    ".globl _start",
    ".type _start, @function",
    "_start:",
    "syscall",
    "test rax, rax",
    "jz 2f",
    "ud2",
    "2:",
    "mov rdi, r12",
    "mov rsi, r13",
    "mov rdx, r14",
    "mov rcx, r15",
    "mov r8, rbx",
    "mov r9, rbp",
    "xor ebp, ebp",
    "and rsp, -16",
    "cld",
    "call {main}",
    "ud2",
    main = sym main,
);

extern "C" fn main(a0: u64, a1: u64, a2: u64, a3: u64, base: u64, length: u64) -> ! {
    // SAFETY: called once by `_start` in the new thread, on its own stack; the
    // injector blocked every signal before it made the thread.
    unsafe { run::resident([a0, a1, a2, a3], (base, length), &HEAP, &LEGACY) }
}

/// Ends the service, and never the process.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    run::fail()
}

/// The precompiled `alloc` names this symbol in its unwind tables. Nothing here unwinds,
/// so nobody calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// What the compiler calls for copies and comparisons. `rep movsb` is as fast as any
// loop on processors of the last ten years, and cannot be compiled into a call to
// itself.
global_asm!(
    ".globl memcpy",
    "memcpy:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    ".globl memmove",
    "memmove:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "mov r8, rdi",
    "sub r8, rsi",
    "cmp r8, rdx",
    "jb 3f",
    "rep movsb",
    "ret",
    "3:",
    "std",
    "lea rdi, [rdi + rdx - 1]",
    "lea rsi, [rsi + rdx - 1]",
    "rep movsb",
    "cld",
    "ret",
    ".globl memset",
    "memset:",
    "mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    ".globl memcmp",
    ".globl bcmp",
    "memcmp:",
    "bcmp:",
    "xor eax, eax",
    "mov rcx, rdx",
    "cmp rcx, rcx",
    "repe cmpsb",
    "je 4f",
    "movzx eax, byte ptr [rdi - 1]",
    "movzx ecx, byte ptr [rsi - 1]",
    "sub ecx, eax",
    "mov eax, ecx",
    "4:",
    "ret",
);
