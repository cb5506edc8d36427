//! Exceptions.

use std::arch::naked_asm;
use std::ffi::c_void;

use rust::win32::{CONTEXT, EXCEPTION_POINTERS, LPTOP_LEVEL_EXCEPTION_FILTER, PVECTORED_EXCEPTION_HANDLER};

export! {
    listed mod rust::win32 {
        fn AddVectoredExceptionHandler(first: u32, handler: PVECTORED_EXCEPTION_HANDLER) -> *mut c_void;
        fn AddVectoredContinueHandler(first: u32, handler: PVECTORED_EXCEPTION_HANDLER) -> *mut c_void;
        fn RemoveVectoredExceptionHandler(handle: *const c_void) -> u32;
        fn RemoveVectoredContinueHandler(handle: *const c_void) -> u32;
        fn SetUnhandledExceptionFilter(
            lptoplevelexceptionfilter: LPTOP_LEVEL_EXCEPTION_FILTER,
        ) -> LPTOP_LEVEL_EXCEPTION_FILTER;
        fn UnhandledExceptionFilter(exceptioninfo: *const EXCEPTION_POINTERS) -> i32;
    }
}

/// These two look at the registers of their caller, so nothing may come in between.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn RaiseException(
    dwexceptioncode: u32,
    dwexceptionflags: u32,
    nnumberofarguments: u32,
    lparguments: *const usize,
) {
    naked_asm!("jmp {}", sym rust::win32::RaiseException)
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn RtlCaptureContext(contextrecord: *mut CONTEXT) {
    naked_asm!("jmp {}", sym rust::win32::RtlCaptureContext)
}

/// Those two by their names.
pub(crate) const OF_REGISTERS: &[crate::procedure::Procedure] =
    &[procedure!(RaiseException), procedure!(RtlCaptureContext)];
