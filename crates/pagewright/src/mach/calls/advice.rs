//! Wiring, writing back, and saying how memory will be used.

use std::ptr;

use super::super::code::KernReturn;
use super::super::constants::VM_SYNC_SYNCHRONOUS;
use super::super::ports;
use super::super::task::Task;
use super::super::types::{
    host_priv_t, kern_return_t, mach_vm_address_t, mach_vm_size_t, vm_address_t, vm_behavior_t,
    vm_machine_attribute_t, vm_machine_attribute_val_t, vm_map_t, vm_prot_t, vm_size_t, vm_sync_t,
};
use super::{answer, on, on_or, required};

/// Wires memory once more, or with no access lets it go once.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "C" fn mach_vm_wire(
    host_priv: host_priv_t,
    task: vm_map_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    desired_access: vm_prot_t,
) -> kern_return_t {
    if !ports::is_host(host_priv) {
        return KernReturn::INVALID_HOST.0; // W1
    }
    let wrong = KernReturn::INVALID_TASK;
    answer(
        ports::argument(task, wrong).and_then(|_| {
            on_or(task, wrong, |process| Task::of(process).wire(address, size, desired_access))
        }),
    )
}

/// [`mach_vm_wire`] in words of the machine.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "C" fn vm_wire(
    host_priv: host_priv_t,
    task: vm_map_t,
    address: vm_address_t,
    size: vm_size_t,
    desired_access: vm_prot_t,
) -> kern_return_t {
    // SAFETY: no conditions.
    unsafe { mach_vm_wire(host_priv, task, address as u64, size as u64, desired_access) }
}

/// Writes mapped files back. Of another task's files the kernel takes care by itself.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "C" fn mach_vm_msync(
    target_task: vm_map_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    sync_flags: vm_sync_t,
) -> kern_return_t {
    let how = if sync_flags & VM_SYNC_SYNCHRONOUS != 0 { libc::MS_SYNC } else { libc::MS_ASYNC };
    answer(on_or(target_task, KernReturn::INVALID_TASK, |process| {
        let own = process.is_current();
        Task::of(process).msync(address, size, sync_flags, |at, size| {
            if own {
                let at = ptr::without_provenance_mut(at as usize);
                // What is no file has nothing to be written, and an error changes nothing.
                // SAFETY: writing back changes no memory.
                unsafe { libc::msync(at, size as usize, how) };
            }
        })
    }))
}

/// [`mach_vm_msync`] in words of the machine.
///
/// # Safety
/// None: any range is answered.
pub unsafe extern "C" fn vm_msync(
    target_task: vm_map_t,
    address: vm_address_t,
    size: vm_size_t,
    sync_flags: vm_sync_t,
) -> kern_return_t {
    // SAFETY: no conditions.
    unsafe { mach_vm_msync(target_task, address as u64, size as u64, sync_flags) }
}

/// Says how memory will be used.
///
/// # Safety
/// With `VM_BEHAVIOR_ZERO` what is overwritten is the caller's to overwrite.
pub unsafe extern "C" fn mach_vm_behavior_set(
    target_task: vm_map_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    new_behavior: vm_behavior_t,
) -> kern_return_t {
    answer(on(target_task, |process| Task::of(process).behavior_set(address, size, new_behavior)))
}

/// [`mach_vm_behavior_set`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_behavior_set`].
pub unsafe extern "C" fn vm_behavior_set(
    target_task: vm_map_t,
    address: vm_address_t,
    size: vm_size_t,
    new_behavior: vm_behavior_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_behavior_set(target_task, address as u64, size as u64, new_behavior) }
}

/// Flushes or synchronises caches, as `*value` says.
///
/// # Safety
/// `value` is null or valid.
pub unsafe extern "C" fn mach_vm_machine_attribute(
    target_task: vm_map_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    attribute: vm_machine_attribute_t,
    value: *mut vm_machine_attribute_val_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        // SAFETY: it is not null, so it is valid.
        let value = unsafe { required(value)?.read_unaligned() };
        Task::of(process).machine_attribute(address, size, attribute, value)
    }))
}

/// [`mach_vm_machine_attribute`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_machine_attribute`].
pub unsafe extern "C" fn vm_machine_attribute(
    target_task: vm_map_t,
    address: vm_address_t,
    size: vm_size_t,
    attribute: vm_machine_attribute_t,
    value: *mut vm_machine_attribute_val_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_machine_attribute(target_task, address as u64, size as u64, attribute, value) }
}
