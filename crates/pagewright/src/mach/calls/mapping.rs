//! Mapping, and mapping again.

use pagewright_core::RemapCopy;

use super::super::code::{KernReturn, Result};
use super::super::constants::MACH_PORT_NULL;
use super::super::task::{Mapping, Remapping, Task};
use super::super::types::{
    boolean_t, kern_return_t, mach_vm_address_t, mach_vm_offset_t, mach_vm_size_t, mem_entry_name_port_t,
    memory_object_offset_t, vm_address_t, vm_inherit_t, vm_map_read_t, vm_map_t, vm_offset_t, vm_prot_t,
    vm_size_t,
};
use super::super::{cross, ports};
use super::{answer, on, required};

/// Maps zeros, or a memory entry from `offset` on, as it is or a copy of it.
///
/// # Safety
/// `address` is null or valid. With `VM_FLAGS_OVERWRITE` nobody may rely on what is there.
pub unsafe extern "C" fn mach_vm_map(
    target_task: vm_map_t,
    address: *mut mach_vm_address_t,
    size: mach_vm_size_t,
    mask: mach_vm_offset_t,
    flags: i32,
    object: mem_entry_name_port_t,
    offset: memory_object_offset_t,
    copy: boolean_t,
    cur_protection: vm_prot_t,
    max_protection: vm_prot_t,
    inheritance: vm_inherit_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        let address = required(address)?;
        // SAFETY: it is not null, so it is valid.
        let at = unsafe { address.read_unaligned() };
        let (protection, maximum, inherit) = (cur_protection, max_protection, inheritance);
        let mapping = Mapping { at, size, mask, flags, protection, maximum, inherit };
        let made = if object == MACH_PORT_NULL {
            Task::of(process).map(&mapping)?
        } else {
            mapping.place()?;
            let entry = ports::entry(object).ok_or(KernReturn::INVALID_OBJECT)?;
            entry.map(process, &mapping, offset, what(copy))?
        };
        // SAFETY: as above.
        unsafe { address.write_unaligned(made) };
        Ok(())
    }))
}

/// [`mach_vm_map`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_map`].
pub unsafe extern "C" fn vm_map(
    target_task: vm_map_t,
    address: *mut vm_address_t,
    size: vm_size_t,
    mask: vm_address_t,
    flags: i32,
    object: mem_entry_name_port_t,
    offset: vm_offset_t,
    copy: boolean_t,
    cur_protection: vm_prot_t,
    max_protection: vm_prot_t,
    inheritance: vm_inherit_t,
) -> kern_return_t {
    let (address, size, mask, offset) = (address.cast(), size as u64, mask as u64, offset as u64);
    let (current, maximum) = (cur_protection, max_protection);
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe {
        mach_vm_map(
            target_task,
            address,
            size,
            mask,
            flags,
            object,
            offset,
            copy,
            current,
            maximum,
            inheritance,
        )
    }
}

/// Maps memory of a task a second time, in the same task or in another: the same bytes, or
/// a copy of them. `*cur_protection` and `*max_protection` become what all of it has.
///
/// # Safety
/// All pointers are null or valid. With `VM_FLAGS_OVERWRITE` nobody may rely on what is at
/// the target.
pub unsafe extern "C" fn mach_vm_remap(
    target_task: vm_map_t,
    target_address: *mut mach_vm_address_t,
    size: mach_vm_size_t,
    mask: mach_vm_offset_t,
    flags: i32,
    src_task: vm_map_t,
    src_address: mach_vm_address_t,
    copy: boolean_t,
    cur_protection: *mut vm_prot_t,
    max_protection: *mut vm_prot_t,
    inheritance: vm_inherit_t,
) -> kern_return_t {
    let (copy, inherit, source) = (what(copy), inheritance, src_address);
    let request = |at| Remapping { at, size, mask, flags, source, copy, inherit };
    // SAFETY: the caller vouches for the pointers.
    let out = unsafe { Out::new(target_address, cur_protection, max_protection) };
    answer(on(target_task, |into| {
        let out = out?;
        let from = ports::argument(src_task, KernReturn::INVALID_ARGUMENT)?;
        let made = cross::remap(&from, into, &request(out.at()))?;
        out.store(made);
        Ok(())
    }))
}

/// [`mach_vm_remap`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_remap`].
pub unsafe extern "C" fn vm_remap(
    target_task: vm_map_t,
    target_address: *mut vm_address_t,
    size: vm_size_t,
    mask: vm_address_t,
    flags: i32,
    src_task: vm_map_t,
    src_address: vm_address_t,
    copy: boolean_t,
    cur_protection: *mut vm_prot_t,
    max_protection: *mut vm_prot_t,
    inheritance: vm_inherit_t,
) -> kern_return_t {
    let (at, size, mask, source) = (target_address.cast(), size as u64, mask as u64, src_address as u64);
    let (current, maximum) = (cur_protection, max_protection);
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe {
        mach_vm_remap(
            target_task,
            at,
            size,
            mask,
            flags,
            src_task,
            source,
            copy,
            current,
            maximum,
            inheritance,
        )
    }
}

/// [`mach_vm_remap`] with the rights that the new mapping shall have, which stand at
/// `*cur_protection` and `*max_protection` before the call.
///
/// # Safety
/// As [`mach_vm_remap`].
pub unsafe extern "C" fn mach_vm_remap_new(
    target_task: vm_map_t,
    target_address: *mut mach_vm_address_t,
    size: mach_vm_size_t,
    mask: mach_vm_offset_t,
    flags: i32,
    src_task: vm_map_read_t,
    src_address: mach_vm_address_t,
    copy: boolean_t,
    cur_protection: *mut vm_prot_t,
    max_protection: *mut vm_prot_t,
    inheritance: vm_inherit_t,
) -> kern_return_t {
    let (copy, inherit, source) = (what(copy), inheritance, src_address);
    let request = |at| Remapping { at, size, mask, flags, source, copy, inherit };
    // SAFETY: the caller vouches for the pointers.
    let out = unsafe { Out::new(target_address, cur_protection, max_protection) };
    answer(on(target_task, |into| {
        let out = out?;
        let from = ports::argument(src_task, KernReturn::INVALID_ARGUMENT)?;
        let (current, maximum) = out.rights();
        let made = cross::remap_new(&from, into, &request(out.at()), current, maximum)?;
        out.store(made);
        Ok(())
    }))
}

/// [`mach_vm_remap_new`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_remap`].
pub unsafe extern "C" fn vm_remap_new(
    target_task: vm_map_t,
    target_address: *mut vm_address_t,
    size: vm_size_t,
    mask: vm_address_t,
    flags: i32,
    src_task: vm_map_read_t,
    src_address: vm_address_t,
    copy: boolean_t,
    cur_protection: *mut vm_prot_t,
    max_protection: *mut vm_prot_t,
    inheritance: vm_inherit_t,
) -> kern_return_t {
    let (at, size, mask, source) = (target_address.cast(), size as u64, mask as u64, src_address as u64);
    let (current, maximum) = (cur_protection, max_protection);
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe {
        mach_vm_remap_new(
            target_task,
            at,
            size,
            mask,
            flags,
            src_task,
            source,
            copy,
            current,
            maximum,
            inheritance,
        )
    }
}

/// Where the answers of a remapping go.
struct Out {
    at: *mut u64,
    current: *mut vm_prot_t,
    maximum: *mut vm_prot_t,
}

impl Out {
    /// # Safety
    /// The pointers are null or valid, as long as this is used.
    unsafe fn new(at: *mut u64, current: *mut vm_prot_t, maximum: *mut vm_prot_t) -> Result<Self> {
        Ok(Self { at: required(at)?, current: required(current)?, maximum: required(maximum)? })
    }

    fn at(&self) -> u64 {
        // SAFETY: it is not null, so it is valid.
        unsafe { self.at.read_unaligned() }
    }

    fn rights(&self) -> (vm_prot_t, vm_prot_t) {
        // SAFETY: as above.
        unsafe { (self.current.read_unaligned(), self.maximum.read_unaligned()) }
    }

    fn store(self, (at, current, maximum): (u64, vm_prot_t, vm_prot_t)) {
        // SAFETY: as above.
        unsafe {
            self.at.write_unaligned(at);
            self.current.write_unaligned(current);
            self.maximum.write_unaligned(maximum);
        }
    }
}

const fn what(copy: boolean_t) -> RemapCopy {
    if copy == 0 { RemapCopy::Share } else { RemapCopy::Snapshot }
}
