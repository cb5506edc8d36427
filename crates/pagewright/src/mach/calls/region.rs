//! Asking.

use super::super::code::{KernReturn, Result};
use super::super::constants::{
    MACH_PORT_NULL, VM_REGION_BASIC_INFO, VM_REGION_BASIC_INFO_64, VM_REGION_EXTENDED_INFO,
    VM_REGION_EXTENDED_INFO__LEGACY, VM_REGION_TOP_INFO,
};
use super::super::footprint;
use super::super::task::{Region, Task};
use super::super::types::{
    kern_return_t, mach_msg_type_number_t, mach_port_t, mach_vm_address_t, mach_vm_size_t, vm_address_t,
    vm_map_read_t, vm_region_basic_info_64, vm_region_extended_info, vm_region_flavor_t, vm_region_info_t,
    vm_region_top_info, vm_size_t, words,
};
use super::{answer, on, required};
use crate::process::Process;

/// Which record, and how many words of it.
#[derive(Clone, Copy)]
enum Record {
    Basic,
    Extended(mach_msg_type_number_t),
    Top,
}

impl Record {
    /// G4 to G6: the record of a flavour, if there is room.
    fn of(flavor: vm_region_flavor_t, room: mach_msg_type_number_t) -> Result<Self> {
        let record = match flavor {
            VM_REGION_BASIC_INFO_64 | VM_REGION_BASIC_INFO => Self::Basic,
            VM_REGION_EXTENDED_INFO => Self::Extended(words::<vm_region_extended_info>()),
            VM_REGION_EXTENDED_INFO__LEGACY => Self::Extended(words::<vm_region_extended_info>() - 1),
            VM_REGION_TOP_INFO => Self::Top,
            _ => return Err(KernReturn::INVALID_ARGUMENT),
        };
        if room < record.words() { Err(KernReturn::INVALID_ARGUMENT) } else { Ok(record) }
    }

    const fn words(self) -> mach_msg_type_number_t {
        match self {
            Self::Basic => words::<vm_region_basic_info_64>(),
            Self::Extended(words) => words,
            Self::Top => words::<vm_region_top_info>(),
        }
    }

    /// Stores the record of a region.
    ///
    /// # Safety
    /// There is room for its words.
    unsafe fn store(self, process: &Process, region: &Region, info: *mut i32) {
        let pages = || footprint::count(process, region.base(), region.size());
        match self {
            // SAFETY: the caller vouches for the room; a record is nothing but words.
            Self::Basic => unsafe { info.cast::<vm_region_basic_info_64>().write_unaligned(region.basic()) },
            Self::Extended(words) => {
                let record = region.extended(pages());
                // SAFETY: as above; the older record is the first words of it.
                unsafe {
                    let bytes = words as usize * size_of::<i32>();
                    info.cast::<u8>().copy_from_nonoverlapping((&raw const record).cast(), bytes);
                }
            }
            // SAFETY: as above.
            Self::Top => unsafe { info.cast::<vm_region_top_info>().write_unaligned(region.top(pages())) },
        }
    }
}

/// Says what region holds `*address`, or else which is the next one above, and where it
/// begins and how long it is. There is never an object name.
///
/// # Safety
/// `info` has room for `*info_cnt` words; all pointers are null or valid, and `object_name`
/// may be null.
pub unsafe extern "C" fn mach_vm_region(
    target_task: vm_map_read_t,
    address: *mut mach_vm_address_t,
    size: *mut mach_vm_size_t,
    flavor: vm_region_flavor_t,
    info: vm_region_info_t,
    info_cnt: *mut mach_msg_type_number_t,
    object_name: *mut mach_port_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        let (address, size, info) = (required(address)?, required(size)?, required(info)?);
        let count = required(info_cnt)?;
        // SAFETY: none is null, so they are valid.
        let (at, room) = unsafe { (address.read_unaligned(), count.read_unaligned()) };
        let record = Record::of(flavor, room)?;
        let region = Task::of(process).region(at)?;
        // SAFETY: the caller vouches for the room, and it is enough.
        unsafe { record.store(process, &region, info) };
        // SAFETY: they are valid.
        unsafe {
            address.write_unaligned(region.base());
            size.write_unaligned(region.size());
            count.write_unaligned(record.words());
        }
        if !object_name.is_null() {
            // SAFETY: it is not null, so it is valid.
            unsafe { object_name.write_unaligned(MACH_PORT_NULL) };
        }
        Ok(())
    }))
}

/// [`mach_vm_region`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_region`].
pub unsafe extern "C" fn vm_region_64(
    target_task: vm_map_read_t,
    address: *mut vm_address_t,
    size: *mut vm_size_t,
    flavor: vm_region_flavor_t,
    info: vm_region_info_t,
    info_cnt: *mut mach_msg_type_number_t,
    object_name: *mut mach_port_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe { mach_vm_region(target_task, address.cast(), size.cast(), flavor, info, info_cnt, object_name) }
}

/// [`vm_region_64`]: the 64-bit record is the only one (G6).
///
/// # Safety
/// As [`mach_vm_region`].
pub unsafe extern "C" fn vm_region(
    target_task: vm_map_read_t,
    address: *mut vm_address_t,
    size: *mut vm_size_t,
    flavor: vm_region_flavor_t,
    info: vm_region_info_t,
    info_cnt: *mut mach_msg_type_number_t,
    object_name: *mut mach_port_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same.
    unsafe { vm_region_64(target_task, address, size, flavor, info, info_cnt, object_name) }
}
