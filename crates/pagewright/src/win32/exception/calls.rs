//! The calls that say who is asked.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

use super::constants::EXCEPTION_EXECUTE_HANDLER;
use super::dispatch::{self, CONTINUERS, HANDLERS};
use super::list::{Key, List, Turn};
use super::types::{EXCEPTION_POINTERS, LPTOP_LEVEL_EXCEPTION_FILTER, PVECTORED_EXCEPTION_HANDLER};
use crate::signals::{self, Purpose};

/// Has a function asked about exceptions of every thread: before the others if `first` is not 0, else
/// after them. Its handle, or NULL for no function. The same function may be added several times.
///
/// From any thread, and from inside of handlers. Our handler of `SIGSEGV` is in place after this,
/// above the one that the program has, unless [`crate::signals::leave_sigsegv`] was called.
///
/// # Safety
/// The function may be called at any fault of any thread until it is removed, and
/// returns one of the two answers of a vectored handler.
pub unsafe extern "system" fn AddVectoredExceptionHandler(
    first: u32,
    handler: PVECTORED_EXCEPTION_HANDLER,
) -> *mut c_void {
    add(&HANDLERS, first, handler)
}

/// Has a function asked, with the context as it is by then, before a thread goes on after an
/// exception. It goes on whatever the function answers; `EXCEPTION_CONTINUE_EXECUTION` keeps the next
/// ones from being asked. Otherwise as [`AddVectoredExceptionHandler`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn AddVectoredContinueHandler(
    first: u32,
    handler: PVECTORED_EXCEPTION_HANDLER,
) -> *mut c_void {
    add(&CONTINUERS, first, handler)
}

/// Has a function asked no more. 0 for what is not, or no more, the handle of one.
///
/// From any thread, and from inside of handlers, of itself too. Who is calling the function
/// meanwhile finishes that call. When nothing needs our handler of `SIGSEGV` any more, and it is the
/// one in place, the one before it is back.
///
/// # Safety
/// None: any number may be given.
pub unsafe extern "system" fn RemoveVectoredExceptionHandler(handle: *const c_void) -> u32 {
    remove(&HANDLERS, handle)
}

/// Has a continue handler asked no more. Otherwise as [`RemoveVectoredExceptionHandler`].
///
/// # Safety
/// None: any number may be given.
pub unsafe extern "system" fn RemoveVectoredContinueHandler(handle: *const c_void) -> u32 {
    remove(&CONTINUERS, handle)
}

/// Sets the function that is asked when nobody else wants an exception, or none; answers the one
/// before. If it answers `EXCEPTION_CONTINUE_EXECUTION`, the thread goes on; else the
/// process ends by a signal, as any Linux process would.
///
/// From any thread, and from inside of handlers. Our handler of `SIGSEGV` is in place after this.
///
/// # Safety
/// As [`AddVectoredExceptionHandler`].
pub unsafe extern "system" fn SetUnhandledExceptionFilter(
    lptoplevelexceptionfilter: LPTOP_LEVEL_EXCEPTION_FILTER,
) -> LPTOP_LEVEL_EXCEPTION_FILTER {
    let before = dispatch::set_filter(lptoplevelexceptionfilter);
    match lptoplevelexceptionfilter {
        Some(_) => signals::need(Purpose::Exceptions),
        None => spare(),
    }
    before
}

/// Asks the function of [`SetUnhandledExceptionFilter`], and gives its answer;
/// `EXCEPTION_EXECUTE_HANDLER` if there is none.
///
/// # Safety
/// As that function wants it.
pub unsafe extern "system" fn UnhandledExceptionFilter(exceptioninfo: *const EXCEPTION_POINTERS) -> i32 {
    match dispatch::filter() {
        // SAFETY: the caller vouches for the pointer.
        Some(filter) => unsafe { filter(exceptioninfo) },
        None => EXCEPTION_EXECUTE_HANDLER,
    }
}

fn add(list: &List, first: u32, handler: PVECTORED_EXCEPTION_HANDLER) -> *mut c_void {
    let Some(handler) = handler else { return ptr::null_mut() };
    let turn = if first == 0 { Turn::Last } else { Turn::First };
    let key = list.add(handler as usize, turn);
    signals::need(Purpose::Exceptions);
    ptr::without_provenance_mut(key.handle())
}

fn remove(list: &List, handle: *const c_void) -> u32 {
    let removed = Key::of(handle.addr()).is_some_and(|key| list.remove(key));
    if removed {
        spare();
    }
    u32::from(removed)
}

/// Our handler is not needed for exceptions when nobody is to be asked.
fn spare() {
    signals::spare_unless(Purpose::Exceptions, dispatch::is_somebody_to_be_asked);
}
