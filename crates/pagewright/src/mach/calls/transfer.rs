//! Copying: within a task, into the caller, out of the caller.

use super::super::code::{KernReturn, Result};
use super::super::constants::VM_MAP_ENTRY_MAX;
use super::super::task::Task;
use super::super::types::{
    kern_return_t, mach_msg_type_number_t, mach_vm_address_t, mach_vm_read_entry, mach_vm_read_entry_t,
    mach_vm_size_t, natural_t, vm_address_t, vm_map_read_t, vm_map_t, vm_offset_t, vm_read_entry_t,
    vm_size_t,
};
use super::{answer, on, required};
use crate::process::Process;

/// Copies within a task, as if all bytes were read before any is written; large ranges
/// without moving a byte until one side is stored to.
///
/// # Safety
/// What is overwritten is the caller's to overwrite.
pub unsafe extern "C" fn mach_vm_copy(
    target_task: vm_map_t,
    source_address: mach_vm_address_t,
    size: mach_vm_size_t,
    dest_address: mach_vm_address_t,
) -> kern_return_t {
    answer(on(target_task, |process| Task::of(process).copy(source_address, size, dest_address)))
}

/// [`mach_vm_copy`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_copy`].
pub unsafe extern "C" fn vm_copy(
    target_task: vm_map_t,
    source_address: vm_address_t,
    size: vm_size_t,
    dest_address: vm_address_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_copy(target_task, source_address as u64, size as u64, dest_address as u64) }
}

/// A copy of memory of a task in fresh memory of the caller, who deallocates it.
fn read(process: &Process, address: u64, size: u64) -> Result<u64> {
    let task = Task::of(process);
    if process.is_current() {
        return task.read(address, size);
    }
    task.read_into(address, size, Task::of(&Process::current()))
}

/// Copies memory of a task to fresh memory of the caller, which the caller deallocates.
///
/// # Safety
/// `data` and `data_cnt` are null or valid.
pub unsafe extern "C" fn mach_vm_read(
    target_task: vm_map_read_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    data: *mut vm_offset_t,
    data_cnt: *mut mach_msg_type_number_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        let (data, count) = (required(data)?, required(data_cnt)?);
        let made = read(process, address, size)?;
        // SAFETY: they are not null, so they are valid.
        unsafe { data.write_unaligned(made as usize) };
        // SAFETY: as above; larger sizes are refused.
        unsafe { count.write_unaligned(size as u32) };
        Ok(())
    }))
}

/// [`mach_vm_read`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_read`].
pub unsafe extern "C" fn vm_read(
    target_task: vm_map_read_t,
    address: vm_address_t,
    size: vm_size_t,
    data: *mut vm_offset_t,
    data_cnt: *mut mach_msg_type_number_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_read(target_task, address as u64, size as u64, data, data_cnt) }
}

/// Copies memory of a task over memory of the caller.
///
/// # Safety
/// What is overwritten is the caller's to overwrite; `out_size` is null or valid.
pub unsafe extern "C" fn mach_vm_read_overwrite(
    target_task: vm_map_read_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    data: mach_vm_address_t,
    out_size: *mut mach_vm_size_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        let out_size = required(out_size)?;
        let task = Task::of(process);
        if process.is_current() {
            task.copy_bytes(address, size, data)?;
        } else {
            task.overwrite(address, size, Task::of(&Process::current()), data)?;
        }
        // SAFETY: it is not null, so it is valid.
        unsafe { out_size.write_unaligned(size) };
        Ok(())
    }))
}

/// [`mach_vm_read_overwrite`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_read_overwrite`].
pub unsafe extern "C" fn vm_read_overwrite(
    target_task: vm_map_read_t,
    address: vm_address_t,
    size: vm_size_t,
    data: vm_address_t,
    out_size: *mut vm_size_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe { mach_vm_read_overwrite(target_task, address as u64, size as u64, data as u64, out_size.cast()) }
}

/// [`mach_vm_read`] of several ranges. Each that fails becomes 0 and 0, and the code is that
/// of the last one that is not empty (L3).
///
/// # Safety
/// `data_list` is null or has `count` ranges, if that is at most [`VM_MAP_ENTRY_MAX`].
pub unsafe extern "C" fn mach_vm_read_list(
    target_task: vm_map_read_t,
    data_list: mach_vm_read_entry_t,
    count: natural_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        if count > VM_MAP_ENTRY_MAX {
            return Err(KernReturn::INVALID_ARGUMENT); // L1
        }
        let list = required(data_list)?;
        let mut last = Ok(());
        for index in 0..count as usize {
            // SAFETY: it is not null, so it has that many.
            let entry = unsafe { list.add(index) };
            // SAFETY: as above.
            let range = unsafe { entry.read_unaligned() };
            let done = read(process, range.address, range.size);
            if range.size > 0 {
                last = done.map(drop);
            }
            let made = match done {
                Ok(address) if range.size > 0 => mach_vm_read_entry { address, ..range },
                Ok(_) | Err(_) => mach_vm_read_entry::default(),
            };
            // SAFETY: as above.
            unsafe { entry.write_unaligned(made) };
        }
        last
    }))
}

/// [`mach_vm_read_list`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_read_list`].
pub unsafe extern "C" fn vm_read_list(
    target_task: vm_map_read_t,
    data_list: vm_read_entry_t,
    count: natural_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe { mach_vm_read_list(target_task, data_list.cast(), count) }
}

/// Copies memory of the caller over memory of a task.
///
/// # Safety
/// What is overwritten is the caller's to overwrite.
pub unsafe extern "C" fn mach_vm_write(
    target_task: vm_map_t,
    address: mach_vm_address_t,
    data: vm_offset_t,
    data_cnt: mach_msg_type_number_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        let (task, size) = (Task::of(process), u64::from(data_cnt));
        if process.is_current() {
            return task.write_own(address, data as u64, size);
        }
        task.write(address, Task::of(&Process::current()), data as u64, size)
    }))
}

/// [`mach_vm_write`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_write`].
pub unsafe extern "C" fn vm_write(
    target_task: vm_map_t,
    address: vm_address_t,
    data: vm_offset_t,
    data_cnt: mach_msg_type_number_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_write(target_task, address as u64, data, data_cnt) }
}
