//! Who runs, and how processes end.

use std::fs;

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};

use super::super::calls::{answer, require_pointer};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles::{self, CURRENT_THREAD, Need};
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::types::STILL_ACTIVE;
use crate::process::Process;

/// The id of this process.
///
/// # Safety
/// None.
pub unsafe extern "system" fn GetCurrentProcessId() -> u32 {
    std::process::id()
}

/// The id of this thread, as the kernel has it.
///
/// # Safety
/// None.
pub unsafe extern "system" fn GetCurrentThreadId() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

/// The pseudo handle of this thread. No call of this library takes one; closing it has no
/// effect.
///
/// # Safety
/// None.
pub const unsafe extern "system" fn GetCurrentThread() -> HANDLE {
    CURRENT_THREAD
}

/// Ends this process in order, as `exit` of C does; the kernel keeps the low 8 bits of the code.
///
/// # Safety
/// As `exit`: no other thread may be in it.
pub unsafe extern "system" fn ExitProcess(uexitcode: u32) -> ! {
    std::process::exit(uexitcode.cast_signed())
}

/// The exit code of a process, [`STILL_ACTIVE`] while it runs. FALSE and a last error on failure:
/// 50 for one that has ended, and whose code the kernel has not kept for us.
///
/// Processes that a signal ended have `0xC0000005` if it was for an access, and else 128 and its
/// number.
///
/// # Safety
/// `lpexitcode` is NULL or valid.
pub unsafe extern "system" fn GetExitCodeProcess(hprocess: HANDLE, lpexitcode: *mut u32) -> BOOL {
    let code = caught(|| {
        require_pointer(lpexitcode.is_null(), "pointer for the code")?;
        let process = handles::through(hprocess, Need::Query, |process| Ok(process.clone()))?;
        if process.has_ended() { ended_with(&process) } else { Ok(STILL_ACTIVE.cast_unsigned()) }
    });
    answer(code.map(|code| {
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { lpexitcode.write_unaligned(code) };
    }))
}

/// Ours tell when they are asked as a parent does; others' while nobody has asked yet.
fn ended_with(process: &Process) -> Result<u32, Failure> {
    let pid = process.pid();
    child(pid).or_else(|| zombie(pid)).ok_or_else(|| {
        let fix = "it has ended, and the kernel has not kept its code; ask its parent";
        Failure::argument(NtStatus::NOT_SUPPORTED, "process", pid.into(), fix)
    })
}

fn child(pid: u32) -> Option<u32> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let ended: WaitIdStatus = waitid(WaitId::Pid(Pid::from_raw(pid.cast_signed())?), options).ok()??;
    ended.exit_status().map(i32::cast_unsigned).or_else(|| ended.terminating_signal().map(killed))
}

/// The last field of its record, which the kernel shows to whoever may look into it: code and
/// signal as `wait` has them.
fn zombie(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    if !stat.rsplit_once(") ")?.1.starts_with('Z') {
        return None;
    }
    let status: u32 = stat.split_whitespace().last()?.parse().ok()?;
    Some(if status & 0x7f == 0 { status >> 8 & 0xff } else { killed((status & 0x7f).cast_signed()) })
}

fn killed(signal: i32) -> u32 {
    match signal {
        libc::SIGSEGV | libc::SIGBUS => NtStatus::ACCESS_VIOLATION.0,
        other => 128 + other.cast_unsigned(),
    }
}
