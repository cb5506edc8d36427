//! `GetLastError`: a number for each thread.

use super::failure::Failure;
use super::types::WIN32_ERROR;
use crate::thread_word::{ThreadWord, thread_word};

/// A query in a signal handler may set it.
static LAST: ThreadWord = thread_word!();

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
