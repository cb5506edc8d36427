//! Allocating, deallocating, protecting, inheriting.

use pagewright_core::Limit;

use super::super::task::Task;
use super::super::types::{
    boolean_t, kern_return_t, mach_vm_address_t, mach_vm_size_t, vm_address_t, vm_inherit_t, vm_map_t,
    vm_prot_t, vm_size_t,
};
use super::{answer, on, required};

/// Allocates zeros, anywhere or at `*address`; there stands afterwards where.
///
/// # Safety
/// `address` is null or valid. With `VM_FLAGS_OVERWRITE` nobody may rely on what is there.
pub unsafe extern "C" fn mach_vm_allocate(
    target_task: vm_map_t,
    address: *mut mach_vm_address_t,
    size: mach_vm_size_t,
    flags: i32,
) -> kern_return_t {
    answer(on(target_task, |process| {
        let address = required(address)?;
        // SAFETY: it is not null, so it is valid.
        let made = Task::of(process).allocate(unsafe { address.read_unaligned() }, size, flags)?;
        // SAFETY: as above.
        unsafe { address.write_unaligned(made) };
        Ok(())
    }))
}

/// [`mach_vm_allocate`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_allocate`].
pub unsafe extern "C" fn vm_allocate(
    target_task: vm_map_t,
    address: *mut vm_address_t,
    size: vm_size_t,
    flags: i32,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe { mach_vm_allocate(target_task, address.cast(), size as u64, flags) }
}

/// Takes memory away.
///
/// # Safety
/// Nobody may rely on it.
pub unsafe extern "C" fn mach_vm_deallocate(
    target: vm_map_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
) -> kern_return_t {
    answer(on(target, |process| Task::of(process).deallocate(address, size)))
}

/// [`mach_vm_deallocate`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_deallocate`].
pub unsafe extern "C" fn vm_deallocate(
    target_task: vm_map_t,
    address: vm_address_t,
    size: vm_size_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_deallocate(target_task, address as u64, size as u64) }
}

/// Sets what may be done with memory, now or (`set_maximum`) ever.
///
/// # Safety
/// Nobody may rely on access that is taken away.
pub unsafe extern "C" fn mach_vm_protect(
    target_task: vm_map_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    set_maximum: boolean_t,
    new_protection: vm_prot_t,
) -> kern_return_t {
    let limit = if set_maximum == 0 { Limit::Current } else { Limit::Maximum };
    answer(on(target_task, |process| Task::of(process).protect(address, size, limit, new_protection)))
}

/// [`mach_vm_protect`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_protect`].
pub unsafe extern "C" fn vm_protect(
    target_task: vm_map_t,
    address: vm_address_t,
    size: vm_size_t,
    set_maximum: boolean_t,
    new_protection: vm_prot_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_protect(target_task, address as u64, size as u64, set_maximum, new_protection) }
}

/// Sets what a forked child gets of memory.
///
/// # Safety
/// Whoever forks must expect it.
pub unsafe extern "C" fn mach_vm_inherit(
    target_task: vm_map_t,
    address: mach_vm_address_t,
    size: mach_vm_size_t,
    new_inheritance: vm_inherit_t,
) -> kern_return_t {
    answer(on(target_task, |process| Task::of(process).inherit(address, size, new_inheritance)))
}

/// [`mach_vm_inherit`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_inherit`].
pub unsafe extern "C" fn vm_inherit(
    target_task: vm_map_t,
    address: vm_address_t,
    size: vm_size_t,
    new_inheritance: vm_inherit_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { mach_vm_inherit(target_task, address as u64, size as u64, new_inheritance) }
}
