//! What is known of a handle, whatever it stands for.

use super::super::calls::{answer, require_pointer};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::types::{HANDLE_FLAG_INHERIT, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAGS};

/// The flags of a handle. FALSE and a last error on failure: 6 for no handle, and for the pseudo
/// handles.
///
/// # Safety
/// `lpdwflags` is NULL or valid.
pub unsafe extern "system" fn GetHandleInformation(hobject: HANDLE, lpdwflags: *mut u32) -> BOOL {
    answer(caught(|| {
        let flags = handles::flags(hobject)?;
        require_pointer(lpdwflags.is_null(), "pointer for the flags")?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { lpdwflags.write_unaligned(flags) };
        Ok(())
    }))
}

/// Changes the flags of a handle that the mask names: [`HANDLE_FLAG_PROTECT_FROM_CLOSE`] keeps it
/// from being closed, [`HANDLE_FLAG_INHERIT`] is noted and has no effect, since a program that is
/// started gets no handles of ours. FALSE and a last error on failure.
///
/// # Safety
/// None.
pub unsafe extern "system" fn SetHandleInformation(
    hobject: HANDLE,
    dwmask: u32,
    dwflags: HANDLE_FLAGS,
) -> BOOL {
    answer(caught(|| {
        if dwmask & !(HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE) != 0 {
            let fix = "give HANDLE_FLAG_INHERIT, HANDLE_FLAG_PROTECT_FROM_CLOSE or both";
            return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "mask", dwmask.into(), fix));
        }
        handles::set_flags(hobject, dwmask, dwflags)
    }))
}

/// TRUE if both handles stand for the same object: process, section or file. FALSE and a last
/// error else: 1656 for two objects, 6 for no handle.
///
/// # Safety
/// None: any handle is answered.
pub unsafe extern "system" fn CompareObjectHandles(
    hfirstobjecthandle: HANDLE,
    hsecondobjecthandle: HANDLE,
) -> BOOL {
    answer(caught(|| {
        let (first, _) = handles::thing(hfirstobjecthandle)?;
        let (second, _) = handles::thing(hsecondobjecthandle)?;
        if first.is(&second) {
            return Ok(());
        }
        let (second, fix) = (hsecondobjecthandle.addr() as u64, "it stands for another object");
        Err(Failure::argument(NtStatus::NOT_SAME_OBJECT, "second handle", second, fix))
    }))
}
