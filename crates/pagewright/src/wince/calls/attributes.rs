//! `VirtualSetAttributes`, `VirtualSetPageFlags`, `CeSetMemoryAttributes`.

use std::ffi::c_void;

use super::super::attributes::virtual_set_attributes;
use super::super::constants::CURRENT_PROCESS;
use super::super::failure::Failure;
use super::super::handles;
use super::{addr, answer, caught, kernel_mode};
use crate::win32::{BOOL, HANDLE, PAGE_WRITECOMBINE};

/// Stores the attribute word of the first page, made of `ATTRIBUTE_…` bits. A change
/// (`dwmask` is not 0) is refused with `ERROR_NOT_SUPPORTED` unless it is none. Kernel mode
/// only. FALSE and a last error on failure.
///
/// # Safety
/// `lpdwoldflags` is NULL or valid.
pub unsafe extern "system" fn VirtualSetAttributes(
    lpvaddress: *mut c_void,
    cbsize: u32,
    dwnewflags: u32,
    dwmask: u32,
    lpdwoldflags: *mut u32,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { VirtualSetAttributesEx(CURRENT_PROCESS, lpvaddress, cbsize, dwnewflags, dwmask, lpdwoldflags) }
}

/// The same for a process, by its handle or its id.
///
/// # Safety
/// As [`VirtualSetAttributes`].
pub unsafe extern "system" fn VirtualSetAttributesEx(
    hprocess: HANDLE,
    lpvaddress: *mut c_void,
    cbsize: u32,
    dwnewflags: u32,
    dwmask: u32,
    lpdwoldflags: *mut u32,
) -> BOOL {
    let word = caught(|| {
        let process = handles::process(hprocess)?;
        let _mode = kernel_mode()?;
        virtual_set_attributes(&process, addr(lpvaddress), u64::from(cbsize), dwnewflags, dwmask)
    });
    answer(word.map(|word| {
        if !lpdwoldflags.is_null() {
            // SAFETY: it is not NULL, so the caller vouches that it is valid.
            unsafe { lpdwoldflags.write_unaligned(word) };
        }
    }))
}

/// Sets how a PCMCIA window of an SH4 processor is accessed: refused with
/// `ERROR_NOT_SUPPORTED`.
///
/// # Safety
/// None: nothing is looked at.
pub unsafe extern "system" fn VirtualSetPageFlags(
    _lpvaddress: *mut c_void,
    _cbsize: u32,
    _dwflags: u32,
    _lpdwoldflags: *mut u32,
) -> BOOL {
    answer(Err(Failure::unsupported("only SH4 processors have these page flags")))
}

/// Has stores to device memory combined: refused with `ERROR_NOT_SUPPORTED`, since the
/// driver of a device decides that on Linux; with 87 when the arguments are wrong.
///
/// # Safety
/// None: nothing is changed.
pub unsafe extern "system" fn CeSetMemoryAttributes(
    pvirtualaddr: *mut c_void,
    _pshiftedphysaddr: *mut c_void,
    cbsize: u32,
    dwattributes: u32,
) -> BOOL {
    answer(memory_attributes(addr(pvirtualaddr), cbsize, dwattributes))
}

fn memory_attributes(at: u64, size: u32, attributes: u32) -> Result<(), Failure> {
    const PAGE: u64 = 0x1000;
    let fix = "give whole pages, and at least one";
    if !at.is_multiple_of(PAGE) {
        return Err(Failure::argument("address", at, fix));
    }
    if size == 0 || !u64::from(size).is_multiple_of(PAGE) {
        return Err(Failure::argument("size", u64::from(size), fix));
    }
    if attributes != PAGE_WRITECOMBINE {
        return Err(Failure::argument("attributes", u64::from(attributes), "give PAGE_WRITECOMBINE"));
    }
    Err(Failure::unsupported("on Linux the driver of a device decides how its memory is cached"))
}
