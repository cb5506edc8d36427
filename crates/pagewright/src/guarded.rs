//! Panics end inside of a call: nothing unwinds into C.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a call. A panic in it, which is a mistake of ours, becomes the refusal `broken`; the
/// message of the panic has gone where the program sends those.
///
/// What a call changes it changes at its end, the address space is set right before the panic goes
/// on, and locks that were poisoned are taken all the same: the next call works.
pub(crate) fn caught<T, E>(call: impl FnOnce() -> Result<T, E>, broken: fn() -> E) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(broken()))
}
