//! The exported functions by name. Only this crate knows them: a program that the library is linked
//! into has no table of its symbols.

use std::mem;

use rust::win32::{FARPROC, HMODULE, proc_address};

use crate::{around, exception, nt, section, win32};

/// An exported function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Procedure {
    name: &'static str,
    address: FARPROC,
}

impl Procedure {
    /// `address` is that of a function of the C calling convention.
    pub(crate) const fn new(name: &'static str, address: *const ()) -> Self {
        // SAFETY: a pointer to a function, which who calls it gives its own type back.
        let address = unsafe { mem::transmute::<*const (), unsafe extern "system" fn() -> isize>(address) };
        Self { name, address: Some(address) }
    }
}

/// The names that Windows has as well, or could have.
const ALL: [&[Procedure]; 7] = [
    win32::PROCEDURES,
    around::PROCEDURES,
    nt::PROCEDURES,
    section::PROCEDURES,
    exception::PROCEDURES,
    exception::OF_REGISTERS,
    &[procedure!(GetProcAddress)],
];

#[unsafe(no_mangle)]
unsafe extern "C" fn GetProcAddress(hmodule: HMODULE, lpprocname: *const u8) -> FARPROC {
    // SAFETY: the caller vouches for what the header asks of it.
    unsafe { proc_address(hmodule, lpprocname, find) }
}

fn find(name: &[u8]) -> FARPROC {
    ALL.iter().copied().flatten().find(|procedure| procedure.name.as_bytes() == name)?.address
}
