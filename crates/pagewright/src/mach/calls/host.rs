//! This machine, and codes in words.

use std::ffi::{CStr, c_char};
use std::io::{self, Write};

use super::super::code::KernReturn;
use super::super::constants::vm_page_size;
use super::super::ports::HOST;
use super::super::types::{host_t, kern_return_t, mach_port_t, vm_size_t};
use super::{answer, required};

/// This machine. Never fails, and needs no deallocation.
///
/// # Safety
/// None.
pub const unsafe extern "C" fn mach_host_self() -> mach_port_t {
    HOST
}

/// The bytes of a page, whatever is said to be the machine (H1).
///
/// # Safety
/// `out_page_size` is null or valid.
pub unsafe extern "C" fn host_page_size(_host: host_t, out_page_size: *mut vm_size_t) -> kern_return_t {
    answer(required(out_page_size).map(|size| {
        // SAFETY: it is not null, so it is valid.
        unsafe { size.write_unaligned(vm_page_size) }
    }))
}

/// What a code means, in English; not to be freed or changed.
///
/// # Safety
/// None: any code is answered.
pub const unsafe extern "C" fn mach_error_string(error_value: kern_return_t) -> *mut c_char {
    KernReturn(error_value).words().as_ptr().cast_mut()
}

/// Which part of the system a code comes from, such as `(os/kern)`; not to be freed or
/// changed.
///
/// # Safety
/// None: any code is answered.
pub const unsafe extern "C" fn mach_error_type(error_value: kern_return_t) -> *mut c_char {
    let kind = match error_value as u32 >> 26 {
        0 if error_value >> 14 & 0xfff == 0 => c"(os/kern)",
        4 => c"(ipc/send)",
        _ => c"(?/?)",
    };
    kind.as_ptr().cast_mut()
}

/// Writes a line to standard error: the text, what the code means, and its number.
///
/// # Safety
/// `text` is null, which counts as empty, or a string of C.
pub unsafe extern "C" fn mach_error(text: *const c_char, error_value: kern_return_t) {
    let text = if text.is_null() {
        c""
    } else {
        // SAFETY: it is not null, so it is a string.
        unsafe { CStr::from_ptr(text) }
    };
    let words = KernReturn(error_value).words();
    let line = format!("{}: {} ({error_value:#x})\n", text.to_string_lossy(), words.to_string_lossy());
    // Whoever has closed standard error wants no line.
    let _ = io::stderr().write_all(line.as_bytes());
}
