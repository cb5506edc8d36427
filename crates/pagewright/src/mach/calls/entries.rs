//! Memory entries.

use super::super::code::{KernReturn, Result};
use super::super::constants::{MACH_PORT_NULL, MAP_MEM_NAMED_CREATE};
use super::super::entry::{Made, Wanted, make};
use super::super::types::{
    boolean_t, host_t, kern_return_t, mach_port_t, mem_entry_name_port_t, memory_object_offset_t,
    memory_object_size_t, memory_object_t, vm_map_t, vm_offset_t, vm_prot_t, vm_size_t,
};
use super::super::{ports, signals};
use super::{answer, caught, required};

/// Gives memory of a task, a part of another entry, or a new object a name. `*size` becomes
/// the size of the entry.
///
/// # Safety
/// `size` and `object_handle` are null or valid.
pub unsafe extern "C" fn mach_make_memory_entry_64(
    target_task: vm_map_t,
    size: *mut memory_object_size_t,
    offset: memory_object_offset_t,
    permission: vm_prot_t,
    object_handle: *mut mem_entry_name_port_t,
    parent_entry: mem_entry_name_port_t,
) -> kern_return_t {
    answer(caught(|| {
        // SAFETY: the caller vouches for the pointers.
        unsafe { make_entry(target_task, size, offset, permission, object_handle, parent_entry) }
    }))
}

unsafe fn make_entry(
    target_task: vm_map_t,
    size: *mut u64,
    offset: u64,
    permission: vm_prot_t,
    object_handle: *mut mach_port_t,
    parent_entry: mach_port_t,
) -> Result<()> {
    // A new object is not the task's, so any live port will do for it (E6).
    let task = match ports::destination(target_task, KernReturn::INVALID_TASK) {
        Err(KernReturn::SEND_INVALID_DEST) => return Err(KernReturn::SEND_INVALID_DEST),
        other => other,
    };
    signals::watch_own_task();
    let (size, handle) = (required(size)?, required(object_handle)?);
    let parent = match parent_entry {
        MACH_PORT_NULL => None,
        name => Some(ports::entry(name).ok_or(KernReturn::INVALID_ARGUMENT)?),
    };
    // SAFETY: it is not null, so it is valid.
    let asked = unsafe { size.read_unaligned() };
    let wanted = Wanted { size: asked, offset, permission };
    let (bytes, name) = match make(|| task, &wanted, parent.as_deref())? {
        Made::New(entry) => (entry.reported(asked), ports::name_entry(entry)),
        Made::Parent => {
            ports::retain(parent_entry);
            (parent.map_or(asked, |parent| parent.reported(asked)), parent_entry)
        }
        Made::Nothing => (asked, MACH_PORT_NULL),
    };
    // SAFETY: they are not null, so they are valid.
    unsafe {
        size.write_unaligned(bytes);
        handle.write_unaligned(name);
    }
    Ok(())
}

/// [`mach_make_memory_entry_64`] in words of the machine.
///
/// # Safety
/// As [`mach_make_memory_entry_64`].
pub unsafe extern "C" fn mach_make_memory_entry(
    target_task: vm_map_t,
    size: *mut vm_size_t,
    offset: vm_offset_t,
    permission: vm_prot_t,
    object_handle: *mut mem_entry_name_port_t,
    parent_entry: mem_entry_name_port_t,
) -> kern_return_t {
    let (size, offset) = (size.cast(), offset as u64);
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe { mach_make_memory_entry_64(target_task, size, offset, permission, object_handle, parent_entry) }
}

/// Gives a new object a name (`internal`); there are no pagers whose object could have one.
///
/// # Safety
/// `entry_handle` is null or valid.
pub unsafe extern "C" fn mach_memory_object_memory_entry_64(
    host: host_t,
    internal: boolean_t,
    size: memory_object_size_t,
    permission: vm_prot_t,
    _pager: memory_object_t,
    entry_handle: *mut mem_entry_name_port_t,
) -> kern_return_t {
    if !ports::is_host(host) {
        return KernReturn::INVALID_HOST.0; // E12
    }
    answer(caught(|| {
        let handle = required(entry_handle)?;
        if size == 0 || internal == 0 {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let wanted = Wanted { size, offset: 0, permission: permission | MAP_MEM_NAMED_CREATE };
        match make(|| Err(KernReturn::INVALID_TASK), &wanted, None)? {
            // SAFETY: it is not null, so it is valid.
            Made::New(entry) => unsafe { handle.write_unaligned(ports::name_entry(entry)) },
            Made::Parent | Made::Nothing => {}
        }
        Ok(())
    }))
}

/// [`mach_memory_object_memory_entry_64`] in words of the machine.
///
/// # Safety
/// As [`mach_memory_object_memory_entry_64`].
pub unsafe extern "C" fn mach_memory_object_memory_entry(
    host: host_t,
    internal: boolean_t,
    size: vm_size_t,
    permission: vm_prot_t,
    pager: memory_object_t,
    entry_handle: *mut mem_entry_name_port_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe {
        mach_memory_object_memory_entry_64(host, internal, size as u64, permission, pager, entry_handle)
    }
}
