//! The constants of the Mach calls, by their usual names.

use super::types::{
    boolean_t, mach_msg_type_number_t, mach_port_t, vm_behavior_t, vm_inherit_t, vm_machine_attribute_t,
    vm_machine_attribute_val_t, vm_prot_t, vm_region_basic_info_64, vm_region_extended_info,
    vm_region_flavor_t, vm_region_submap_info_64, vm_region_submap_short_info_64, vm_region_top_info,
    vm_size_t, vm_sync_t, words,
};

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: $type = $value;)*
    };
}

constants! {
    /// Yes.
    TRUE: boolean_t = 1;
    /// No.
    FALSE: boolean_t = 0;
    /// The name of nothing.
    MACH_PORT_NULL: mach_port_t = 0;
    /// The name of what is gone.
    MACH_PORT_DEAD: mach_port_t = u32::MAX;

    /// No access.
    VM_PROT_NONE: vm_prot_t = 0;
    /// Loads.
    VM_PROT_READ: vm_prot_t = 1;
    /// Stores, by who may load too.
    VM_PROT_WRITE: vm_prot_t = 2;
    /// Instruction fetch.
    VM_PROT_EXECUTE: vm_prot_t = 4;
    /// What new memory may be used for.
    VM_PROT_DEFAULT: vm_prot_t = 3;
    /// What new memory may ever be used for.
    VM_PROT_ALL: vm_prot_t = 7;
    /// Change nothing.
    VM_PROT_NO_CHANGE: vm_prot_t = 8;
    /// Make a private copy on the way ([`super::vm_protect`]).
    VM_PROT_COPY: vm_prot_t = 0x10;
    /// What cannot be had may be left out (memory entries).
    VM_PROT_IS_MASK: vm_prot_t = 0x40;

    /// A forked child sees the same bytes.
    VM_INHERIT_SHARE: vm_inherit_t = 0;
    /// A forked child gets a copy.
    VM_INHERIT_COPY: vm_inherit_t = 1;
    /// A forked child gets nothing.
    VM_INHERIT_NONE: vm_inherit_t = 2;
    /// Copy, and take away; never valid.
    VM_INHERIT_DONATE_COPY: vm_inherit_t = 3;
    /// What new memory has.
    VM_INHERIT_DEFAULT: vm_inherit_t = VM_INHERIT_COPY;
    /// The last valid one.
    VM_INHERIT_LAST_VALID: vm_inherit_t = VM_INHERIT_NONE;

    /// At the given address and nowhere else.
    VM_FLAGS_FIXED: i32 = 0;
    /// Wherever there is room.
    VM_FLAGS_ANYWHERE: i32 = 1;
    /// Content may be dropped when asked for.
    VM_FLAGS_PURGABLE: i32 = 2;
    /// Near other memory of 4 GiB.
    VM_FLAGS_4GB_CHUNK: i32 = 4;
    /// At a random address.
    VM_FLAGS_RANDOM_ADDR: i32 = 8;
    /// Forget soon after use.
    VM_FLAGS_NO_CACHE: i32 = 0x10;
    /// Tolerate invalid signatures.
    VM_FLAGS_RESILIENT_CODESIGN: i32 = 0x20;
    /// Tolerate missing media.
    VM_FLAGS_RESILIENT_MEDIA: i32 = 0x40;
    /// Never to be removed or replaced.
    VM_FLAGS_PERMANENT: i32 = 0x80;
    /// Writable for trusted code only.
    VM_FLAGS_TPRO: i32 = 0x1000;
    /// In place of what is there.
    VM_FLAGS_OVERWRITE: i32 = 0x4000;
    /// The size of large pages.
    VM_FLAGS_SUPERPAGE_MASK: i32 = 0x7_0000;
    /// Large pages of any size.
    VM_FLAGS_SUPERPAGE_SIZE_ANY: i32 = 1 << 16;
    /// Large pages of 2 MiB.
    VM_FLAGS_SUPERPAGE_SIZE_2MB: i32 = 2 << 16;
    /// Answer the address of the data, not of its page.
    VM_FLAGS_RETURN_DATA_ADDR: i32 = 0x10_0000;
    /// The same, to a multiple of 4 KiB.
    VM_FLAGS_RETURN_4K_DATA_ADDR: i32 = 0x80_0000;
    /// The tag.
    VM_FLAGS_ALIAS_MASK: i32 = 0xff00_0000_u32.cast_signed();
    /// What [`super::vm_allocate`] takes.
    VM_FLAGS_USER_ALLOCATE: i32 = VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE | VM_FLAGS_4GB_CHUNK
        | VM_FLAGS_RANDOM_ADDR | VM_FLAGS_NO_CACHE | VM_FLAGS_PERMANENT | VM_FLAGS_OVERWRITE
        | VM_FLAGS_SUPERPAGE_MASK | VM_FLAGS_TPRO | VM_FLAGS_ALIAS_MASK;
    /// What [`super::vm_map`] takes.
    VM_FLAGS_USER_MAP: i32 =
        VM_FLAGS_USER_ALLOCATE | VM_FLAGS_RETURN_4K_DATA_ADDR | VM_FLAGS_RETURN_DATA_ADDR;
    /// What [`super::vm_remap`] takes.
    VM_FLAGS_USER_REMAP: i32 = VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_RANDOM_ADDR | VM_FLAGS_OVERWRITE
        | VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_RESILIENT_CODESIGN | VM_FLAGS_RESILIENT_MEDIA;

    /// Nothing is known.
    VM_BEHAVIOR_DEFAULT: vm_behavior_t = 0;
    /// In no order.
    VM_BEHAVIOR_RANDOM: vm_behavior_t = 1;
    /// Upwards.
    VM_BEHAVIOR_SEQUENTIAL: vm_behavior_t = 2;
    /// Downwards.
    VM_BEHAVIOR_RSEQNTL: vm_behavior_t = 3;
    /// Soon.
    VM_BEHAVIOR_WILLNEED: vm_behavior_t = 4;
    /// Not soon.
    VM_BEHAVIOR_DONTNEED: vm_behavior_t = 5;
    /// Content is not wanted any more.
    VM_BEHAVIOR_FREE: vm_behavior_t = 6;
    /// Wired pages are to be zeroed when they go.
    VM_BEHAVIOR_ZERO_WIRED_PAGES: vm_behavior_t = 7;
    /// Content is given up.
    VM_BEHAVIOR_REUSABLE: vm_behavior_t = 8;
    /// Pages that were given up are used again.
    VM_BEHAVIOR_REUSE: vm_behavior_t = 9;
    /// Whether pages can be given up.
    VM_BEHAVIOR_CAN_REUSE: vm_behavior_t = 10;
    /// Write it out now.
    VM_BEHAVIOR_PAGEOUT: vm_behavior_t = 11;
    /// Make it zeros.
    VM_BEHAVIOR_ZERO: vm_behavior_t = 12;

    /// Without waiting.
    VM_SYNC_ASYNCHRONOUS: vm_sync_t = 1;
    /// And wait.
    VM_SYNC_SYNCHRONOUS: vm_sync_t = 2;
    /// And forget what is cached.
    VM_SYNC_INVALIDATE: vm_sync_t = 4;
    /// And forget it all.
    VM_SYNC_KILLPAGES: vm_sync_t = 8;
    /// And let it go soon.
    VM_SYNC_DEACTIVATE: vm_sync_t = 0x10;
    /// Without holes.
    VM_SYNC_CONTIGUOUS: vm_sync_t = 0x20;
    /// And give it up.
    VM_SYNC_REUSABLEPAGES: vm_sync_t = 0x40;

    /// Caches.
    MATTR_CACHE: vm_machine_attribute_t = 1;
    /// Where pages are moved.
    MATTR_MIGRATE: vm_machine_attribute_t = 2;
    /// Whether pages are copied.
    MATTR_REPLICATE: vm_machine_attribute_t = 4;
    /// Turn it off.
    MATTR_VAL_OFF: vm_machine_attribute_val_t = 0;
    /// Turn it on.
    MATTR_VAL_ON: vm_machine_attribute_val_t = 1;
    /// Say what it is.
    MATTR_VAL_GET: vm_machine_attribute_val_t = 2;
    /// Write all caches back.
    MATTR_VAL_CACHE_FLUSH: vm_machine_attribute_val_t = 6;
    /// Write the data cache back.
    MATTR_VAL_DCACHE_FLUSH: vm_machine_attribute_val_t = 7;
    /// Forget the instruction cache.
    MATTR_VAL_ICACHE_FLUSH: vm_machine_attribute_val_t = 8;
    /// Make written code visible to execution.
    MATTR_VAL_CACHE_SYNC: vm_machine_attribute_val_t = 9;

    /// Copied when one of several stores to it.
    SM_COW: u8 = 1;
    /// Nobody else's.
    SM_PRIVATE: u8 = 2;
    /// Nothing there yet.
    SM_EMPTY: u8 = 3;
    /// Seen by others since a fork.
    SM_SHARED: u8 = 4;
    /// Seen by others.
    SM_TRUESHARED: u8 = 5;
    /// Private, and seen twice.
    SM_PRIVATE_ALIASED: u8 = 6;
    /// Shared, and seen twice in one task.
    SM_SHARED_ALIASED: u8 = 7;
    /// Large pages.
    SM_LARGE_PAGE: u8 = 8;

    /// The record [`vm_region_basic_info_64`].
    VM_REGION_BASIC_INFO_64: vm_region_flavor_t = 9;
    /// The same, as 64-bit programs say it.
    VM_REGION_BASIC_INFO: vm_region_flavor_t = 10;
    /// The record [`vm_region_extended_info`] without its last field.
    VM_REGION_EXTENDED_INFO__LEGACY: vm_region_flavor_t = 11;
    /// The record [`vm_region_top_info`].
    VM_REGION_TOP_INFO: vm_region_flavor_t = 12;
    /// The record [`vm_region_extended_info`].
    VM_REGION_EXTENDED_INFO: vm_region_flavor_t = 13;
    /// Words of [`vm_region_basic_info_64`].
    VM_REGION_BASIC_INFO_COUNT_64: mach_msg_type_number_t = words::<vm_region_basic_info_64>();
    /// Words of [`vm_region_extended_info`].
    VM_REGION_EXTENDED_INFO_COUNT: mach_msg_type_number_t = words::<vm_region_extended_info>();
    /// Words of [`vm_region_extended_info`] without its last field.
    VM_REGION_EXTENDED_INFO_COUNT__LEGACY: mach_msg_type_number_t = VM_REGION_EXTENDED_INFO_COUNT - 1;
    /// Words of [`vm_region_top_info`].
    VM_REGION_TOP_INFO_COUNT: mach_msg_type_number_t = words::<vm_region_top_info>();
    /// Words of [`vm_region_submap_info_64`].
    VM_REGION_SUBMAP_INFO_COUNT_64: mach_msg_type_number_t = words::<vm_region_submap_info_64>();
    /// Words of [`vm_region_submap_info_64`] with its last field.
    VM_REGION_SUBMAP_INFO_V2_COUNT_64: mach_msg_type_number_t = VM_REGION_SUBMAP_INFO_COUNT_64;
    /// Words of [`vm_region_submap_info_64`] without its last field.
    VM_REGION_SUBMAP_INFO_V1_COUNT_64: mach_msg_type_number_t = VM_REGION_SUBMAP_INFO_V2_COUNT_64 - 2;
    /// Words of [`vm_region_submap_info_64`] without its last two fields.
    VM_REGION_SUBMAP_INFO_V0_COUNT_64: mach_msg_type_number_t = VM_REGION_SUBMAP_INFO_V1_COUNT_64 - 1;
    /// Words of [`vm_region_submap_short_info_64`].
    VM_REGION_SUBMAP_SHORT_INFO_COUNT_64: mach_msg_type_number_t = words::<vm_region_submap_short_info_64>();

    /// The most ranges of [`super::vm_read_list`].
    VM_MAP_ENTRY_MAX: u32 = 256;

    /// Only change how the parent is cached.
    MAP_MEM_ONLY: vm_prot_t = 0x1_0000;
    /// A new object of zeros.
    MAP_MEM_NAMED_CREATE: vm_prot_t = 0x2_0000;
    /// Content may be dropped when asked for.
    MAP_MEM_PURGABLE: vm_prot_t = 0x4_0000;
    /// Answer the parent if it is the same memory.
    MAP_MEM_NAMED_REUSE: vm_prot_t = 0x8_0000;
    /// The offset says where the data begins in its page.
    MAP_MEM_USE_DATA_ADDR: vm_prot_t = 0x10_0000;
    /// A copy of the range as it is now.
    MAP_MEM_VM_COPY: vm_prot_t = 0x20_0000;
    /// The range itself, whatever it is made of.
    MAP_MEM_VM_SHARE: vm_prot_t = 0x40_0000;
    /// As [`MAP_MEM_USE_DATA_ADDR`], to a multiple of 4 KiB.
    MAP_MEM_4K_DATA_ADDR: vm_prot_t = 0x80_0000;
}

/// How caches treat the memory: bits 24 to 31.
pub(super) const MAP_MEM_CACHING: vm_prot_t = 0xff00_0000_u32.cast_signed();

/// Bytes of a page.
#[allow(non_upper_case_globals, reason = "this is the name that existing code uses")]
pub static vm_page_size: vm_size_t = 0x1000;
/// The bits of an address below the number of its page.
#[allow(non_upper_case_globals, reason = "this is the name that existing code uses")]
pub static vm_page_mask: vm_size_t = 0xfff;
/// How many bits those are.
#[allow(non_upper_case_globals, reason = "this is the name that existing code uses")]
pub static vm_page_shift: i32 = 12;

/// The page boundary at or above an address; wraps around at the end.
pub const fn round_page(address: usize) -> usize {
    address.wrapping_add(0xfff) & !0xfff
}

/// The page boundary at or below an address.
pub const fn trunc_page(address: usize) -> usize {
    address & !0xfff
}

/// [`round_page`] for any task.
pub const fn mach_vm_round_page(address: u64) -> u64 {
    address.wrapping_add(0xfff) & !0xfff
}

/// [`trunc_page`] for any task.
pub const fn mach_vm_trunc_page(address: u64) -> u64 {
    address & !0xfff
}
