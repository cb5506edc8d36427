//! Codes, answers and flags of exceptions.

use super::super::section::NTSTATUS;
use super::types::CONTEXT_FLAGS;

/// The answer of a handler: the thread goes on with the registers in the context.
pub const EXCEPTION_CONTINUE_EXECUTION: i32 = -1;
/// The answer of a handler: the next one is asked.
pub const EXCEPTION_CONTINUE_SEARCH: i32 = 0;
/// The answer of a filter: the process shall end.
pub const EXCEPTION_EXECUTE_HANDLER: i32 = 1;

/// The thread cannot go on.
pub const EXCEPTION_NONCONTINUABLE: u32 = 1;
/// Words that go with an exception, at most.
pub const EXCEPTION_MAXIMUM_PARAMETERS: u32 = 15;
/// An access violation was a load.
pub const EXCEPTION_READ_FAULT: u32 = 0;
/// An access violation was a store.
pub const EXCEPTION_WRITE_FAULT: u32 = 1;
/// An access violation was the fetch of an instruction.
pub const EXCEPTION_EXECUTE_FAULT: u32 = 8;

/// A context of this processor.
pub const CONTEXT_AMD64: CONTEXT_FLAGS = 0x10_0000;
/// `Rip`, `Rsp`, `EFlags`, and the segments of code and stack.
pub const CONTEXT_CONTROL_AMD64: CONTEXT_FLAGS = 0x10_0001;
/// The other registers.
pub const CONTEXT_INTEGER_AMD64: CONTEXT_FLAGS = 0x10_0002;
/// The segments of data.
pub const CONTEXT_SEGMENTS_AMD64: CONTEXT_FLAGS = 0x10_0004;
/// The registers of x87 and SSE.
pub const CONTEXT_FLOATING_POINT_AMD64: CONTEXT_FLAGS = 0x10_0008;
/// Debug registers: never given.
pub const CONTEXT_DEBUG_REGISTERS_AMD64: CONTEXT_FLAGS = 0x10_0010;
/// Everything but for segments of data and debug registers.
pub const CONTEXT_FULL_AMD64: CONTEXT_FLAGS = 0x10_000b;
/// Everything.
pub const CONTEXT_ALL_AMD64: CONTEXT_FLAGS = 0x10_001f;

macro_rules! codes {
    ($($(#[$doc:meta])* $status:ident $exception:ident = $value:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $status: NTSTATUS = $value as NTSTATUS;
            #[doc = concat!("The same as [`", stringify!($status), "`].")]
            pub const $exception: NTSTATUS = $status;
        )*
    };
}

codes! {
    /// An armed guard page was accessed; it is not armed any more.
    STATUS_GUARD_PAGE_VIOLATION EXCEPTION_GUARD_PAGE = 0x8000_0001_u32;
    /// An instruction was executed with the trap flag set, by a handler.
    STATUS_SINGLE_STEP EXCEPTION_SINGLE_STEP = 0x8000_0004_u32;
    /// Memory was accessed that is not there, or not so.
    STATUS_ACCESS_VIOLATION EXCEPTION_ACCESS_VIOLATION = 0xc000_0005_u32;
    /// An exception that cannot be continued was.
    STATUS_NONCONTINUABLE_EXCEPTION EXCEPTION_NONCONTINUABLE_EXCEPTION = 0xc000_0025_u32;

    // Those that only `RaiseException` raises.
    /// Data is not aligned.
    STATUS_DATATYPE_MISALIGNMENT EXCEPTION_DATATYPE_MISALIGNMENT = 0x8000_0002_u32;
    /// A breakpoint.
    STATUS_BREAKPOINT EXCEPTION_BREAKPOINT = 0x8000_0003_u32;
    /// The content of a page cannot be had.
    STATUS_IN_PAGE_ERROR EXCEPTION_IN_PAGE_ERROR = 0xc000_0006_u32;
    /// Not an instruction.
    STATUS_ILLEGAL_INSTRUCTION EXCEPTION_ILLEGAL_INSTRUCTION = 0xc000_001d_u32;
    /// A handler gave an answer that is none.
    STATUS_INVALID_DISPOSITION EXCEPTION_INVALID_DISPOSITION = 0xc000_0026_u32;
    /// Beyond an array.
    STATUS_ARRAY_BOUNDS_EXCEEDED EXCEPTION_ARRAY_BOUNDS_EXCEEDED = 0xc000_008c_u32;
    /// A number is denormal.
    STATUS_FLOAT_DENORMAL_OPERAND EXCEPTION_FLT_DENORMAL_OPERAND = 0xc000_008d_u32;
    /// A division of a floating-point number by 0.
    STATUS_FLOAT_DIVIDE_BY_ZERO EXCEPTION_FLT_DIVIDE_BY_ZERO = 0xc000_008e_u32;
    /// A floating-point number was rounded.
    STATUS_FLOAT_INEXACT_RESULT EXCEPTION_FLT_INEXACT_RESULT = 0xc000_008f_u32;
    /// An operation with floating-point numbers makes no sense.
    STATUS_FLOAT_INVALID_OPERATION EXCEPTION_FLT_INVALID_OPERATION = 0xc000_0090_u32;
    /// A floating-point number is too large.
    STATUS_FLOAT_OVERFLOW EXCEPTION_FLT_OVERFLOW = 0xc000_0091_u32;
    /// The registers of the x87 are full, or empty.
    STATUS_FLOAT_STACK_CHECK EXCEPTION_FLT_STACK_CHECK = 0xc000_0092_u32;
    /// A floating-point number is too small.
    STATUS_FLOAT_UNDERFLOW EXCEPTION_FLT_UNDERFLOW = 0xc000_0093_u32;
    /// A division of a whole number by 0.
    STATUS_INTEGER_DIVIDE_BY_ZERO EXCEPTION_INT_DIVIDE_BY_ZERO = 0xc000_0094_u32;
    /// A whole number is too large.
    STATUS_INTEGER_OVERFLOW EXCEPTION_INT_OVERFLOW = 0xc000_0095_u32;
    /// An instruction that only kernels may execute.
    STATUS_PRIVILEGED_INSTRUCTION EXCEPTION_PRIV_INSTRUCTION = 0xc000_0096_u32;
    /// The stack is used up.
    STATUS_STACK_OVERFLOW EXCEPTION_STACK_OVERFLOW = 0xc000_00fd_u32;
}
