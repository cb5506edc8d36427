//! `VirtualCopy`, `VirtualCopyEx`, `VirtualAllocCopyEx`.

use std::ffi::c_void;

use super::super::alias::{self, Source};
use super::super::failure::Failure;
use super::super::{handles, mode};
use super::{addr, address, answer, caught, kernel_mode};
use crate::process::Process;
use crate::win32::{BOOL, HANDLE};

/// Shows the pages of `lpvsrc` at `lpvdest` as well: reserved pages of this process. Every
/// page touched is shared. FALSE and a last error on failure.
///
/// With `PAGE_PHYSICAL` the source is a physical address, shifted right by 8, in a window
/// that was granted.
///
/// # Safety
/// Stores through the new view change the source, and the bytes around it in its pages:
/// nobody may hold references into them that exclude it.
pub unsafe extern "system" fn VirtualCopy(
    lpvdest: *mut c_void,
    lpvsrc: *mut c_void,
    cbsize: u32,
    fdwprotect: u32,
) -> BOOL {
    let shown = caught(|| {
        let view = alias::decode(addr(lpvsrc), cbsize, fdwprotect)?;
        let here = Process::current();
        alias::copy(mode::mode(), (&here, addr(lpvdest)), &here, &view)
    });
    answer(alias::noted(shown).map(drop))
}

/// Shows the pages of `lpvsrc` in `hsrcproc` at `lpvdest` in `hdstproc` as well: reserved
/// pages there. In user mode both are this process. FALSE and a last error on failure.
///
/// With `PAGE_PHYSICAL`, as [`VirtualCopy`]; then `hsrcproc` is not looked at.
///
/// # Safety
/// As [`VirtualCopy`], in both processes.
pub unsafe extern "system" fn VirtualCopyEx(
    hdstproc: HANDLE,
    lpvdest: *mut c_void,
    hsrcproc: HANDLE,
    lpvsrc: *mut c_void,
    cbsize: u32,
    fdwprotect: u32,
) -> BOOL {
    let shown = caught(|| {
        let view = alias::decode(addr(lpvsrc), cbsize, fdwprotect)?;
        alias::check_target(addr(lpvdest), &view)?;
        let to = handles::process(hdstproc)?;
        let from = source_process(hsrcproc, view.source)?;
        alias::copy(mode::mode(), (&to, addr(lpvdest)), &from, &view)
    });
    answer(alias::noted(shown).map(drop))
}

/// Reserves pages in `hdstproc` and shows those of `lpvsrc` in `hsrcproc` there. Mind the
/// order of the processes. Answers where the first byte is seen, NULL and a last error on
/// failure. Kernel mode only.
///
/// To free it, give `VirtualFreeEx` the base of the reservation: the answer rounded down
/// to a page.
///
/// # Safety
/// As [`VirtualCopyEx`].
pub unsafe extern "system" fn VirtualAllocCopyEx(
    hsrcproc: HANDLE,
    hdstproc: HANDLE,
    lpvsrc: *mut c_void,
    cbsize: u32,
    fdwprotect: u32,
) -> *mut c_void {
    let shown = caught(|| {
        require_source(lpvsrc)?;
        let view = alias::decode(addr(lpvsrc), cbsize, fdwprotect)?;
        alias::check(&view)?;
        let from = source_process(hsrcproc, view.source)?;
        let to = handles::process(hdstproc)?;
        let _mode = kernel_mode()?;
        alias::alloc_copy(&from, &to, &view)
    });
    address(alias::noted(shown).map(|receipt| receipt.base))
}

/// Physical memory belongs to no process, so none is asked for.
fn source_process(handle: HANDLE, source: Source) -> Result<Process, Failure> {
    match source {
        Source::Virtual(_) => handles::process(handle),
        Source::Physical(_) => Ok(Process::current()),
    }
}

fn require_source(pointer: *const c_void) -> Result<(), Failure> {
    super::require_pointer(pointer.is_null(), "source")
}
