//! Panics end inside of a call.

use super::failure::Failure;
use super::status::NtStatus;

/// Runs a call; a panic in it is `ERROR_INTERNAL_ERROR`.
pub(super) fn caught<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    crate::guarded::caught(call, broken)
}

#[cold]
fn broken() -> Failure {
    let fix = "it met a mistake of this library; report it";
    Failure::argument(NtStatus::INTERNAL_ERROR, "call", 0, fix)
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::super::handles::{self, Need};
    use super::super::{
        CloseHandle, INVALID_HANDLE_VALUE, MEM_COMMIT, MEM_RELEASE, NtStatus, OpenProcess, PAGE_READWRITE,
        PROCESS_ALL_ACCESS, VirtualAlloc, VirtualFree,
    };

    #[test]
    fn a_panic_is_an_internal_error_and_the_next_call_works() {
        // SAFETY: handles and memory of this test's own.
        unsafe {
            let opened = OpenProcess(PROCESS_ALL_ACCESS, 0, std::process::id());
            for handle in [INVALID_HANDLE_VALUE, opened] {
                let answer = handles::through(handle, Need::Operate, |_| -> Result<(), _> {
                    panic!("a mistake that a test makes")
                });
                assert_eq!(answer.expect_err("it panics").status, NtStatus::INTERNAL_ERROR);
            }
            let memory = VirtualAlloc(ptr::null(), 1, MEM_COMMIT, PAGE_READWRITE);
            assert!(!memory.is_null());
            assert_eq!((VirtualFree(memory, 0, MEM_RELEASE), CloseHandle(opened)), (1, 1));
        }
    }
}
