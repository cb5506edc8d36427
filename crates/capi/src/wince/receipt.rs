//! What the last aliasing call of a thread has made reachable.

use std::ffi::c_void;
use std::ptr;

use rust::win32::{BOOL, ERROR_INVALID_PARAMETER, TRUE, WIN32_ERROR};
use rust::{Receipt, wince};

use super::refuse;

/// The last call that aliases has failed, or there was none.
const ERROR_NOT_FOUND: WIN32_ERROR = 1168;

/// `PW_RECEIPT` of the header.
#[repr(C)]
struct Record {
    base: *mut c_void,
    size: u64,
    range_base: *mut c_void,
    range_size: u64,
    shared: u64,
    copied: u64,
    exposed: u64,
}

const _: () = assert!(size_of::<Record>() == 56);

impl From<Receipt> for Record {
    fn from(receipt: Receipt) -> Self {
        let pointer = |at: u64| ptr::with_exposed_provenance_mut(at as usize);
        Self {
            base: pointer(receipt.base),
            size: receipt.size,
            range_base: pointer(receipt.range.start().get()),
            range_size: receipt.range.bytes(),
            shared: receipt.shared,
            copied: receipt.copied,
            exposed: receipt.exposed,
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn PwLastReceipt(into: *mut Record) -> BOOL {
    if into.is_null() {
        return refuse(ERROR_INVALID_PARAMETER);
    }
    let Some(receipt) = wince::last_receipt() else { return refuse(ERROR_NOT_FOUND) };
    // SAFETY: it is not null, so the caller vouches that it is valid; nothing is said about its
    // alignment.
    unsafe { into.write_unaligned(receipt.into()) };
    TRUE
}
