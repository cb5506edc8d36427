//! The structures that handlers are shown, field by field as `windows-sys` declares them, with
//! the alignment of the C headers.
#![allow(non_camel_case_types, non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::{fmt, mem};

use super::super::section::NTSTATUS;

/// Which parts of a [`CONTEXT`] are valid: `CONTEXT_…`.
pub type CONTEXT_FLAGS = u32;

/// What happened.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EXCEPTION_RECORD {
    /// `STATUS_…`, or what the program raised.
    pub ExceptionCode: NTSTATUS,
    /// `EXCEPTION_NONCONTINUABLE`, or 0.
    pub ExceptionFlags: u32,
    /// The exception that led to this one; NULL for none.
    pub ExceptionRecord: *mut Self,
    /// The instruction that did it.
    pub ExceptionAddress: *mut c_void,
    /// How many of the words below are valid.
    pub NumberParameters: u32,
    /// Of an access or guard violation: 0 load, 1 store, 8 fetch; then the address.
    pub ExceptionInformation: [usize; 15],
}

/// What a handler is given.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EXCEPTION_POINTERS {
    /// What happened.
    pub ExceptionRecord: *mut EXCEPTION_RECORD,
    /// The registers of the thread; what a handler changes there is so when it goes on.
    pub ContextRecord: *mut CONTEXT,
}

/// A register of 128 bits.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct M128A {
    /// The lower half.
    pub Low: u64,
    /// The upper half.
    pub High: i64,
}

/// The registers of the x87 and of SSE, as `fxsave` stores them.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct XSAVE_FORMAT {
    /// The control word of the x87.
    pub ControlWord: u16,
    /// Its status word.
    pub StatusWord: u16,
    /// Which of its registers are in use, a bit for each.
    pub TagWord: u8,
    /// Nothing.
    pub Reserved1: u8,
    /// Its last instruction.
    pub ErrorOpcode: u16,
    /// Where that is.
    pub ErrorOffset: u32,
    /// And in which segment.
    pub ErrorSelector: u16,
    /// Nothing.
    pub Reserved2: u16,
    /// The last operand.
    pub DataOffset: u32,
    /// And its segment.
    pub DataSelector: u16,
    /// Nothing.
    pub Reserved3: u16,
    /// Control and status of SSE.
    pub MxCsr: u32,
    /// Which of its bits exist.
    pub MxCsr_Mask: u32,
    /// The registers of the x87.
    pub FloatRegisters: [M128A; 8],
    /// Those of SSE.
    pub XmmRegisters: [M128A; 16],
    /// Nothing.
    pub Reserved4: [u8; 96],
}

/// The same under the name that C code uses.
pub type XMM_SAVE_AREA32 = XSAVE_FORMAT;

/// The registers of a thread.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct CONTEXT {
    /// Of no meaning.
    pub P1Home: u64,
    /// Of no meaning.
    pub P2Home: u64,
    /// Of no meaning.
    pub P3Home: u64,
    /// Of no meaning.
    pub P4Home: u64,
    /// Of no meaning.
    pub P5Home: u64,
    /// Of no meaning.
    pub P6Home: u64,
    /// Which of the rest is valid, and is taken back when the thread goes on.
    pub ContextFlags: CONTEXT_FLAGS,
    /// Control and status of SSE.
    pub MxCsr: u32,
    /// Code segment; like all of these, never taken back.
    pub SegCs: u16,
    /// Data segment.
    pub SegDs: u16,
    /// Another data segment.
    pub SegEs: u16,
    /// And another.
    pub SegFs: u16,
    /// And another.
    pub SegGs: u16,
    /// Stack segment.
    pub SegSs: u16,
    /// The flags.
    pub EFlags: u32,
    /// Debug registers: always 0, and never taken back.
    pub Dr0: u64,
    /// As `Dr0`.
    pub Dr1: u64,
    /// As `Dr0`.
    pub Dr2: u64,
    /// As `Dr0`.
    pub Dr3: u64,
    /// As `Dr0`.
    pub Dr6: u64,
    /// As `Dr0`.
    pub Dr7: u64,
    /// A register.
    pub Rax: u64,
    /// A register.
    pub Rcx: u64,
    /// A register.
    pub Rdx: u64,
    /// A register.
    pub Rbx: u64,
    /// The stack pointer.
    pub Rsp: u64,
    /// A register.
    pub Rbp: u64,
    /// A register.
    pub Rsi: u64,
    /// A register.
    pub Rdi: u64,
    /// A register.
    pub R8: u64,
    /// A register.
    pub R9: u64,
    /// A register.
    pub R10: u64,
    /// A register.
    pub R11: u64,
    /// A register.
    pub R12: u64,
    /// A register.
    pub R13: u64,
    /// A register.
    pub R14: u64,
    /// A register.
    pub R15: u64,
    /// The instruction that is next.
    pub Rip: u64,
    /// The registers of x87 and SSE.
    pub Anonymous: CONTEXT_0,
    /// Nothing.
    pub VectorRegister: [M128A; 26],
    /// Nothing.
    pub VectorControl: u64,
    /// Nothing.
    pub DebugControl: u64,
    /// Nothing.
    pub LastBranchToRip: u64,
    /// Nothing.
    pub LastBranchFromRip: u64,
    /// Nothing.
    pub LastExceptionToRip: u64,
    /// Nothing.
    pub LastExceptionFromRip: u64,
}

/// Two views of the same registers.
#[repr(C)]
#[derive(Clone, Copy)]
pub union CONTEXT_0 {
    /// As `fxsave` has them.
    pub FltSave: XSAVE_FORMAT,
    /// One by one.
    pub Anonymous: CONTEXT_0_0,
}

/// The registers of x87 and SSE one by one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CONTEXT_0_0 {
    /// Control words of the x87.
    pub Header: [M128A; 2],
    /// Its registers.
    pub Legacy: [M128A; 8],
    /// A register.
    pub Xmm0: M128A,
    /// A register.
    pub Xmm1: M128A,
    /// A register.
    pub Xmm2: M128A,
    /// A register.
    pub Xmm3: M128A,
    /// A register.
    pub Xmm4: M128A,
    /// A register.
    pub Xmm5: M128A,
    /// A register.
    pub Xmm6: M128A,
    /// A register.
    pub Xmm7: M128A,
    /// A register.
    pub Xmm8: M128A,
    /// A register.
    pub Xmm9: M128A,
    /// A register.
    pub Xmm10: M128A,
    /// A register.
    pub Xmm11: M128A,
    /// A register.
    pub Xmm12: M128A,
    /// A register.
    pub Xmm13: M128A,
    /// A register.
    pub Xmm14: M128A,
    /// A register.
    pub Xmm15: M128A,
}

/// A function that is asked what to do about an exception.
pub type PVECTORED_EXCEPTION_HANDLER =
    Option<unsafe extern "system" fn(exceptioninfo: *mut EXCEPTION_POINTERS) -> i32>;

/// A function that is asked when nobody else wants an exception.
pub type LPTOP_LEVEL_EXCEPTION_FILTER =
    Option<unsafe extern "system" fn(exceptioninfo: *const EXCEPTION_POINTERS) -> i32>;

macro_rules! zeroed {
    ($($type:ty)*) => {
        $(impl Default for $type {
            fn default() -> Self {
                // SAFETY: numbers and pointers, which may all be zero.
                unsafe { mem::zeroed() }
            }
        })*
    };
}

zeroed!(EXCEPTION_RECORD EXCEPTION_POINTERS XSAVE_FORMAT CONTEXT CONTEXT_0 CONTEXT_0_0);

impl fmt::Debug for CONTEXT {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut registers = f.debug_struct("CONTEXT");
        registers.field("ContextFlags", &self.ContextFlags).field("Rip", &self.Rip);
        registers.field("Rsp", &self.Rsp).field("EFlags", &self.EFlags).finish_non_exhaustive()
    }
}

impl fmt::Debug for CONTEXT_0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CONTEXT_0").finish_non_exhaustive()
    }
}

// The layout that 64-bit code is compiled for.
const _: () = assert!(size_of::<CONTEXT>() == 1232 && align_of::<CONTEXT>() == 16);
const _: () = assert!(size_of::<EXCEPTION_RECORD>() == 152 && size_of::<XSAVE_FORMAT>() == 512);
const _: () = assert!(mem::offset_of!(CONTEXT, Rip) == 0xf8 && mem::offset_of!(CONTEXT, Anonymous) == 0x100);
