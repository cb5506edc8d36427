//! Which process a `HANDLE` means: Windows CE takes a handle or a process id.
//!
//! The numbers never overlap: handles of ours begin above the highest process id that
//! Linux gives.

use pagewright_core::Kind;

use super::constants::CURRENT_PROCESS;
use super::failure::Failure;
use crate::process::Process;
use crate::win32::{HANDLE, INVALID_HANDLE_VALUE, handles};

/// The process behind a pseudo handle, an open handle with whatever rights, or an id.
///
/// # Errors
/// 6 for NULL, for a handle that is not open, an id that no process has, and a process
/// that has ended; 5 for a thread of the kernel.
pub(super) fn process(handle: HANDLE) -> Result<Process, Failure> {
    if handle == CURRENT_PROCESS || handle == INVALID_HANDLE_VALUE {
        return Ok(Process::current());
    }
    let number = handle.addr() as u64;
    let process = match handles::process(handle) {
        Some(process) => process,
        None => opened(number)?,
    };
    if process.has_ended() {
        return Err(Failure::handle(number, "its process has ended, and nothing is left to act on"));
    }
    Ok(process)
}

fn opened(number: u64) -> Result<Process, Failure> {
    let fix = "it is neither an open handle nor the id of a live process; give one of the two";
    let none = || Failure::handle(number, fix);
    let pid = u32::try_from(number).ok().filter(|pid| *pid != 0).ok_or_else(none)?;
    Process::open(pid).map_err(|error| if error.kind() == Kind::NoProcess { none() } else { error.into() })
}
