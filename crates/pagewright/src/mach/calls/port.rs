//! Names of tasks.

use super::super::code::{KernReturn, Result};
use super::super::ports::{self, TASK_SELF};
use super::super::types::{kern_return_t, mach_port_name_t, mach_port_t, task_t};
use super::{answer, caught, required};
use crate::process::Process;

/// The task of this process. Never fails, and needs no deallocation.
///
/// # Safety
/// None.
pub const unsafe extern "C" fn mach_task_self() -> mach_port_t {
    TASK_SELF
}

/// The task of the process with this id, which the caller must be allowed to trace. Nothing
/// happens to the process. The same one has the same name each time, which is deallocated
/// as often as it was answered.
///
/// # Safety
/// `t` is null or valid.
pub unsafe extern "C" fn task_for_pid(
    target_tport: mach_port_name_t,
    pid: i32,
    t: *mut mach_port_name_t,
) -> kern_return_t {
    answer(caught(|| {
        let process = open(target_tport, pid)?;
        let t = required(t)?;
        // SAFETY: it is not null, so it is valid.
        unsafe { t.write_unaligned(ports::name_task(process)) };
        Ok(())
    }))
}

/// `KERN_FAILURE` for what is no process or may not be traced: the call does not say which.
fn open(own: mach_port_name_t, pid: i32) -> Result<Process> {
    if own != TASK_SELF {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let fail = |_| KernReturn::FAILURE;
    let process = u32::try_from(pid).map_err(|_| KernReturn::FAILURE)?;
    let process = Process::open(process).map_err(fail)?;
    process.check_access().map_err(fail)?;
    if process.has_ended() { Err(KernReturn::FAILURE) } else { Ok(process) }
}

/// The id of the process of a task.
///
/// # Safety
/// `pid` is null or valid.
pub unsafe extern "C" fn pid_for_task(task: mach_port_name_t, pid: *mut i32) -> kern_return_t {
    answer(ports::argument(task, KernReturn::FAILURE).and_then(|process| {
        let pid = required(pid)?;
        // SAFETY: it is not null, so it is valid.
        unsafe { pid.write_unaligned(process.pid().cast_signed()) };
        Ok(())
    }))
}

/// Gives a name back that a call has answered. With the last one goes what it stands for: a
/// memory entry's memory, as far as it is not mapped.
///
/// # Safety
/// None: any name is answered.
pub unsafe extern "C" fn mach_port_deallocate(task: task_t, name: mach_port_name_t) -> kern_return_t {
    answer(caught(|| {
        let process = ports::destination(task, KernReturn::INVALID_TASK)?;
        // The names of other tasks are not known.
        if process.is_current() { ports::release(name) } else { Err(KernReturn::INVALID_NAME) }
    }))
}
