//! The types of the Mach calls, field by field as Mach's own headers declare them for
//! 64-bit programs.
#![allow(non_camel_case_types, reason = "these are the names that existing code uses")]

/// What every call answers: [`super::KERN_SUCCESS`], or why not.
pub type kern_return_t = i32;
/// The name of a port: a small number that means something in this process only.
pub type mach_port_t = u32;
/// The same, where no right is looked at.
pub type mach_port_name_t = u32;
/// The name of a task, as the owner of threads and ports.
pub type task_t = mach_port_t;
/// The name of a task, as an address space.
pub type vm_map_t = mach_port_t;
/// The name of a task whose memory is to be read.
pub type vm_map_read_t = mach_port_t;
/// The name of this machine.
pub type host_t = mach_port_t;
/// The name of this machine, for those who may wire memory.
pub type host_priv_t = mach_port_t;
/// The name of a memory entry.
pub type mem_entry_name_port_t = mach_port_t;
/// The name of a pager.
pub type memory_object_t = mach_port_t;
/// Another name for the object of a region; always none.
pub type memory_object_name_t = mach_port_t;

/// 0 or 1.
pub type boolean_t = u32;
/// A natural word.
pub type natural_t = u32;
/// A word with a sign.
pub type integer_t = i32;
/// How many words or bytes go with a message.
pub type mach_msg_type_number_t = natural_t;

/// An address.
pub type vm_address_t = usize;
/// An offset, or an address.
pub type vm_offset_t = usize;
/// A size in bytes.
pub type vm_size_t = usize;
/// An address that came with a message.
pub type pointer_t = vm_offset_t;
/// An address in any task.
pub type mach_vm_address_t = u64;
/// An offset, or an address, in any task.
pub type mach_vm_offset_t = u64;
/// A size in bytes, in any task.
pub type mach_vm_size_t = u64;
/// A place in a memory object.
pub type memory_object_offset_t = u64;
/// The size of a memory object.
pub type memory_object_size_t = u64;

/// `VM_PROT_…`.
pub type vm_prot_t = i32;
/// `VM_INHERIT_…`.
pub type vm_inherit_t = u32;
/// `VM_SYNC_…`.
pub type vm_sync_t = u32;
/// `VM_BEHAVIOR_…`.
pub type vm_behavior_t = i32;
/// `MATTR_…`.
pub type vm_machine_attribute_t = u32;
/// `MATTR_VAL_…`.
pub type vm_machine_attribute_val_t = i32;
/// `VM_REGION_…`: which record is wanted.
pub type vm_region_flavor_t = i32;
/// Where a record goes, as words.
pub type vm_region_info_t = *mut i32;
/// Where a record of the 64-bit calls goes, as words.
pub type vm_region_info_64_t = *mut i32;
/// Where a record of [`super::vm_region_recurse_64`] goes, as words.
pub type vm_region_recurse_info_t = *mut i32;

/// One range of [`super::vm_read_list`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct vm_read_entry {
    /// Where the bytes are; afterwards, where their copy is.
    pub address: vm_address_t,
    /// How many.
    pub size: vm_size_t,
}

/// One range of [`super::mach_vm_read_list`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct mach_vm_read_entry {
    /// Where the bytes are; afterwards, where their copy is.
    pub address: mach_vm_address_t,
    /// How many.
    pub size: mach_vm_size_t,
}

/// A list of ranges, as C hands arrays over. It has
/// [`super::VM_MAP_ENTRY_MAX`] of them.
pub type vm_read_entry_t = *mut vm_read_entry;
/// The same for any task.
pub type mach_vm_read_entry_t = *mut mach_vm_read_entry;

/// What `VM_REGION_BASIC_INFO_64` says of a region.
#[repr(C, packed(4))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct vm_region_basic_info_64 {
    /// What may be done with it.
    pub protection: vm_prot_t,
    /// What may ever be done with it.
    pub max_protection: vm_prot_t,
    /// What a forked child gets.
    pub inheritance: vm_inherit_t,
    /// Whether stores are seen through other regions too.
    pub shared: boolean_t,
    /// Whether it is a map of its own; never.
    pub reserved: boolean_t,
    /// Where it begins in its object.
    pub offset: memory_object_offset_t,
    /// How it is expected to be used.
    pub behavior: vm_behavior_t,
    /// How often it is wired.
    pub user_wired_count: u16,
}

/// What `VM_REGION_BASIC_INFO` says of a region to 32-bit programs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct vm_region_basic_info {
    /// What may be done with it.
    pub protection: vm_prot_t,
    /// What may ever be done with it.
    pub max_protection: vm_prot_t,
    /// What a forked child gets.
    pub inheritance: vm_inherit_t,
    /// Whether stores are seen through other regions too.
    pub shared: boolean_t,
    /// Whether it is a map of its own; never.
    pub reserved: boolean_t,
    /// Where it begins in its object.
    pub offset: u32,
    /// How it is expected to be used.
    pub behavior: vm_behavior_t,
    /// How often it is wired.
    pub user_wired_count: u16,
}

/// What `VM_REGION_EXTENDED_INFO` says of a region.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct vm_region_extended_info {
    /// What may be done with it.
    pub protection: vm_prot_t,
    /// The tag that it was allocated with; always 0.
    pub user_tag: u32,
    /// Pages that are in memory.
    pub pages_resident: u32,
    /// Pages that were shared and are not any more.
    pub pages_shared_now_private: u32,
    /// Pages that are in the swap space.
    pub pages_swapped_out: u32,
    /// Pages that were stored to.
    pub pages_dirtied: u32,
    /// How many show its object; 0 if it has none yet.
    pub ref_count: u32,
    /// How many objects are below its own.
    pub shadow_depth: u16,
    /// Whether a pager supplies it: a mapped file.
    pub external_pager: u8,
    /// `SM_…`.
    pub share_mode: u8,
    /// Pages whose content the program gave up.
    pub pages_reusable: u32,
}

/// What `VM_REGION_TOP_INFO` says of a region.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct vm_region_top_info {
    /// A number for its object; 0 if it has none of its own.
    pub obj_id: u32,
    /// How many show its object.
    pub ref_count: u32,
    /// Pages in memory that it has alone.
    pub private_pages_resident: u32,
    /// Pages in memory that others see too.
    pub shared_pages_resident: u32,
    /// `SM_…`.
    pub share_mode: u8,
}

/// What [`super::vm_region_recurse_64`] says of a region. Earlier versions of it are its
/// first words.
#[repr(C, packed(4))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct vm_region_submap_info_64 {
    /// What may be done with it.
    pub protection: vm_prot_t,
    /// What may ever be done with it.
    pub max_protection: vm_prot_t,
    /// What a forked child gets.
    pub inheritance: vm_inherit_t,
    /// Where it begins in its object.
    pub offset: memory_object_offset_t,
    /// The tag that it was allocated with; always 0.
    pub user_tag: u32,
    /// Pages that are in memory.
    pub pages_resident: u32,
    /// Pages that were shared and are not any more.
    pub pages_shared_now_private: u32,
    /// Pages that are in the swap space.
    pub pages_swapped_out: u32,
    /// Pages that were stored to.
    pub pages_dirtied: u32,
    /// How many show its object; 0 if it has none yet.
    pub ref_count: u32,
    /// How many objects are below its own.
    pub shadow_depth: u16,
    /// Whether a pager supplies it: a mapped file.
    pub external_pager: u8,
    /// `SM_…`.
    pub share_mode: u8,
    /// Whether it is a map of its own; never.
    pub is_submap: boolean_t,
    /// How it is expected to be used.
    pub behavior: vm_behavior_t,
    /// A number for its object; always 0.
    pub object_id: u32,
    /// How often it is wired.
    pub user_wired_count: u16,
    /// Pages whose content the program gave up.
    pub pages_reusable: u32,
    /// A longer number for its object; always 0.
    pub object_id_full: u64,
}

/// The same without what must be counted.
#[repr(C, packed(4))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct vm_region_submap_short_info_64 {
    /// What may be done with it.
    pub protection: vm_prot_t,
    /// What may ever be done with it.
    pub max_protection: vm_prot_t,
    /// What a forked child gets.
    pub inheritance: vm_inherit_t,
    /// Where it begins in its object.
    pub offset: memory_object_offset_t,
    /// The tag that it was allocated with; always 0.
    pub user_tag: u32,
    /// How many show its object; 0 if it has none yet.
    pub ref_count: u32,
    /// How many objects are below its own.
    pub shadow_depth: u16,
    /// Whether a pager supplies it: a mapped file.
    pub external_pager: u8,
    /// `SM_…`.
    pub share_mode: u8,
    /// Whether it is a map of its own; never.
    pub is_submap: boolean_t,
    /// How it is expected to be used.
    pub behavior: vm_behavior_t,
    /// A number for its object; always 0.
    pub object_id: u32,
    /// How often it is wired.
    pub user_wired_count: u16,
}

/// Where [`vm_region_basic_info_64`] goes.
pub type vm_region_basic_info_64_t = *mut vm_region_basic_info_64;
/// What [`vm_region_basic_info_64`] is called as a value.
pub type vm_region_basic_info_data_64_t = vm_region_basic_info_64;
/// Where [`vm_region_extended_info`] goes.
pub type vm_region_extended_info_t = *mut vm_region_extended_info;
/// What [`vm_region_extended_info`] is called as a value.
pub type vm_region_extended_info_data_t = vm_region_extended_info;
/// Where [`vm_region_top_info`] goes.
pub type vm_region_top_info_t = *mut vm_region_top_info;
/// What [`vm_region_top_info`] is called as a value.
pub type vm_region_top_info_data_t = vm_region_top_info;

/// How many words a record has.
pub(super) const fn words<T>() -> mach_msg_type_number_t {
    (size_of::<T>() / size_of::<natural_t>()) as mach_msg_type_number_t
}

const _: () = assert!(words::<vm_region_basic_info_64>() == 9);
const _: () = assert!(words::<vm_region_basic_info>() == 8);
const _: () = assert!(words::<vm_region_extended_info>() == 9);
const _: () = assert!(words::<vm_region_top_info>() == 5);
const _: () = assert!(words::<vm_region_submap_info_64>() == 19);
const _: () = assert!(words::<vm_region_submap_short_info_64>() == 12);
