//! Asking with the record for maps within maps, of which there are none here: every region
//! is at depth 0, however deep the caller would go.

use super::super::code::{KernReturn, Result};
use super::super::constants::{
    VM_REGION_SUBMAP_INFO_V0_COUNT_64, VM_REGION_SUBMAP_INFO_V1_COUNT_64, VM_REGION_SUBMAP_INFO_V2_COUNT_64,
    VM_REGION_SUBMAP_SHORT_INFO_COUNT_64,
};
use super::super::footprint;
use super::super::task::{Region, Task};
use super::super::types::{
    kern_return_t, mach_msg_type_number_t, mach_vm_address_t, mach_vm_size_t, natural_t, vm_address_t,
    vm_map_read_t, vm_region_recurse_info_t, vm_region_submap_short_info_64, vm_size_t,
};
use super::{answer, on, required};
use crate::process::Process;

/// The record that there is room for, and how many words of it.
#[derive(Clone, Copy)]
enum Record {
    /// One of the versions, which grew at the end.
    Long(mach_msg_type_number_t),
    Short,
}

impl Record {
    fn of(room: mach_msg_type_number_t) -> Result<Self> {
        let versions = [
            VM_REGION_SUBMAP_INFO_V2_COUNT_64,
            VM_REGION_SUBMAP_INFO_V1_COUNT_64,
            VM_REGION_SUBMAP_INFO_V0_COUNT_64,
        ];
        match versions.into_iter().find(|words| room >= *words) {
            Some(words) => Ok(Self::Long(words)),
            None if room >= VM_REGION_SUBMAP_SHORT_INFO_COUNT_64 => Ok(Self::Short),
            None => Err(KernReturn::INVALID_ARGUMENT),
        }
    }

    const fn words(self) -> mach_msg_type_number_t {
        match self {
            Self::Long(words) => words,
            Self::Short => VM_REGION_SUBMAP_SHORT_INFO_COUNT_64,
        }
    }

    /// Stores the record of a region.
    ///
    /// # Safety
    /// There is room for its words.
    unsafe fn store(self, process: &Process, region: &Region, info: *mut i32) {
        let pages = footprint::count(process, region.base(), region.size());
        match self {
            Self::Long(words) => {
                let record = region.submap(pages);
                let bytes = words as usize * size_of::<natural_t>();
                // SAFETY: the caller vouches for the room; a record is nothing but words, and an
                // older one is the first of them.
                unsafe {
                    info.cast::<u8>().copy_from_nonoverlapping((&raw const record).cast(), bytes);
                }
            }
            Self::Short => {
                let record = region.short_submap(pages);
                // SAFETY: as above.
                unsafe { info.cast::<vm_region_submap_short_info_64>().write_unaligned(record) };
            }
        }
    }
}

/// What [`super::mach_vm_region`] says, in one longer record: the long or the short one, as
/// there is room for. `*nesting_depth` becomes 0.
///
/// # Safety
/// `info` has room for `*info_cnt` words; all pointers are null or valid.
pub unsafe extern "C" fn mach_vm_region_recurse(
    target_task: vm_map_read_t,
    address: *mut mach_vm_address_t,
    size: *mut mach_vm_size_t,
    nesting_depth: *mut natural_t,
    info: vm_region_recurse_info_t,
    info_cnt: *mut mach_msg_type_number_t,
) -> kern_return_t {
    answer(on(target_task, |process| {
        let (address, size, info) = (required(address)?, required(size)?, required(info)?);
        let (depth, count) = (required(nesting_depth)?, required(info_cnt)?);
        // SAFETY: none is null, so they are valid.
        let (at, room) = unsafe { (address.read_unaligned(), count.read_unaligned()) };
        let record = Record::of(room)?;
        let region = Task::of(process).region(at)?;
        // SAFETY: the caller vouches for the room, and it is enough; the others are valid.
        unsafe {
            record.store(process, &region, info);
            address.write_unaligned(region.base());
            size.write_unaligned(region.size());
            depth.write_unaligned(0);
            count.write_unaligned(record.words());
        }
        Ok(())
    }))
}

/// [`mach_vm_region_recurse`] in words of the machine.
///
/// # Safety
/// As [`mach_vm_region_recurse`].
pub unsafe extern "C" fn vm_region_recurse_64(
    target_task: vm_map_read_t,
    address: *mut vm_address_t,
    size: *mut vm_size_t,
    nesting_depth: *mut natural_t,
    info: vm_region_recurse_info_t,
    info_cnt: *mut mach_msg_type_number_t,
) -> kern_return_t {
    // SAFETY: the caller vouches for the same, and a word has 64 bits.
    unsafe { mach_vm_region_recurse(target_task, address.cast(), size.cast(), nesting_depth, info, info_cnt) }
}
