//! The calls themselves: words and pointers in, a code out.
//!
//! Each one looks at the task first, then at its arguments, then asks the address space:
//! programs can tell this order by the code they get. A pointer that must not be null is
//! `KERN_INVALID_ARGUMENT` if it is.
#![allow(clippy::too_many_arguments, reason = "the argument lists are Mach's")]

mod advice;
mod allocation;
mod entries;
mod host;
mod mapping;
mod port;
mod recurse;
mod region;
mod transfer;

pub use advice::{
    mach_vm_behavior_set, mach_vm_machine_attribute, mach_vm_msync, mach_vm_wire, vm_behavior_set,
    vm_machine_attribute, vm_msync, vm_wire,
};
pub use allocation::{
    mach_vm_allocate, mach_vm_deallocate, mach_vm_inherit, mach_vm_protect, vm_allocate, vm_deallocate,
    vm_inherit, vm_protect,
};
pub use entries::{
    mach_make_memory_entry, mach_make_memory_entry_64, mach_memory_object_memory_entry,
    mach_memory_object_memory_entry_64,
};
pub use host::{host_page_size, mach_error, mach_error_string, mach_error_type, mach_host_self};
pub use mapping::{mach_vm_map, mach_vm_remap, mach_vm_remap_new, vm_map, vm_remap, vm_remap_new};
pub use port::{mach_port_deallocate, mach_task_self, pid_for_task, task_for_pid};
pub use recurse::{mach_vm_region_recurse, vm_region_recurse_64};
pub use region::{mach_vm_region, vm_region, vm_region_64};
pub use transfer::{
    mach_vm_copy, mach_vm_read, mach_vm_read_list, mach_vm_read_overwrite, mach_vm_write, vm_copy, vm_read,
    vm_read_list, vm_read_overwrite, vm_write,
};

use super::code::{KernReturn, Result};
use super::ports;
use super::signals;
use super::types::{kern_return_t, mach_port_t};
use crate::guarded;
use crate::process::Process;

/// Serves a call on a task (T1 to T3).
fn on<T>(name: mach_port_t, serve: impl FnOnce(&Process) -> Result<T>) -> Result<T> {
    on_or(name, KernReturn::INVALID_ARGUMENT, serve)
}

/// Serves a call on a task; `wrong` is the code for a port of something else (T4).
fn on_or<T>(name: mach_port_t, wrong: KernReturn, serve: impl FnOnce(&Process) -> Result<T>) -> Result<T> {
    let process = ports::destination(name, wrong)?;
    if process.is_current() {
        signals::watch_own_task();
    }
    caught(|| serve(&process)).map_err(|code| {
        // Whatever went wrong: that the task is gone says more.
        if process.has_ended() { KernReturn::SEND_INVALID_DEST } else { code }
    })
}

/// Runs a call; a panic in it is `KERN_FAILURE`.
fn caught<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    guarded::caught(call, || KernReturn::FAILURE)
}

/// What a call answers.
fn answer(result: Result<()>) -> kern_return_t {
    KernReturn::of(&result)
}

/// A pointer that must not be null. C may hand over one that is not aligned: what it points
/// to is taken as it lies.
fn required<T>(pointer: *mut T) -> Result<*mut T> {
    if pointer.is_null() { Err(KernReturn::INVALID_ARGUMENT) } else { Ok(pointer) }
}

#[cfg(test)]
mod tests {
    use super::super::ports::TASK_SELF;
    use super::{KernReturn, on};

    #[test]
    fn a_panic_is_a_failure() {
        let answer = on(TASK_SELF, |_| -> super::Result<()> { panic!("a mistake that a test makes") });
        assert!(matches!(answer, Err(code) if code == KernReturn::FAILURE));
        assert!(on(TASK_SELF, |_| Ok(())).is_ok(), "and the next call works");
    }
}
