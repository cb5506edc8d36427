//! `GetLastError`: a number for each thread.

use std::cell::Cell;

use super::failure::Failure;
use super::types::WIN32_ERROR;

thread_local! {
    // `const` and without a destructor: reading and writing it needs no memory and
    // no registration, so that a query in a signal handler may set it.
    static LAST: Cell<WIN32_ERROR> = const { Cell::new(0) };
}

pub(super) fn get() -> WIN32_ERROR {
    LAST.get()
}

pub(super) fn set(code: WIN32_ERROR) {
    LAST.set(code);
}

/// Notes the code of a refusal. Success leaves the number alone (VA76).
pub(super) fn note<T>(result: Result<T, Failure>) -> Option<T> {
    result.map_err(|failure| set(failure.code())).ok()
}
