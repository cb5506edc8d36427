//! The version, the names of codes, and what can be chosen for the whole library.

use std::ffi::c_char;

use rust::guard::{self, Delivery};

use super::code::Code;
use super::pointer::Out;
use super::report::{Report, answer};
use super::words::{Word, meant};

/// As `PW_VERSION`.
const fn version() -> u32 {
    const fn part(text: &str) -> u32 {
        let (bytes, mut number, mut index) = (text.as_bytes(), 0, 0);
        while index < bytes.len() {
            number = number * 10 + (bytes[index] - b'0') as u32;
            index += 1;
        }
        number
    }
    let (major, minor) = (part(env!("CARGO_PKG_VERSION_MAJOR")), part(env!("CARGO_PKG_VERSION_MINOR")));
    major << 16 | minor << 8 | part(env!("CARGO_PKG_VERSION_PATCH"))
}

#[unsafe(no_mangle)]
extern "C" fn pw_version() -> u32 {
    const { version() }
}

#[unsafe(no_mangle)]
extern "C" fn pw_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[unsafe(no_mangle)]
extern "C" fn pw_code_name(code: Code) -> *const c_char {
    code.name().as_ptr().cast()
}

#[unsafe(no_mangle)]
extern "C" fn pw_code_text(code: Code) -> *const c_char {
    code.text().as_ptr().cast()
}

#[unsafe(no_mangle)]
extern "C" fn pw_leave_sigsegv() -> Code {
    answer(Out::NOWHERE, || {
        rust::signals::leave_sigsegv();
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_leaves_sigsegv() -> u8 {
    rust::signals::leaves_sigsegv().into()
}

#[unsafe(no_mangle)]
extern "C" fn pw_may_lock_pages() -> u8 {
    rust::privilege::may_lock_pages().into()
}

#[unsafe(no_mangle)]
extern "C" fn pw_guard_set_delivery(delivery: u32, error: Out<Report>) -> Code {
    answer(error, || {
        guard::set_delivery(meant(delivery)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_guard_get_delivery() -> u32 {
    let now = guard::delivery();
    Delivery::ALL.iter().find(|(_, delivery)| *delivery == now).map_or(0, |(number, _)| *number)
}
