/* Sizes, places and values of Mach for 64-bit programs. The compiler proves them. */
#include <mach/mach.h>
#include <stddef.h>

#define JOIN(a, b) a##b
#define NAME(line) JOIN(proof_, line)
#define HOLDS(condition) extern int NAME(__LINE__)[(condition) ? 1 : -1]
#define FIELD(type, field, place) HOLDS(offsetof(struct type, field) == (place))

HOLDS(sizeof(boolean_t) == 4);
HOLDS(sizeof(natural_t) == 4);
HOLDS(sizeof(integer_t) == 4);
HOLDS(sizeof(kern_return_t) == 4);
HOLDS(sizeof(mach_port_t) == 4);
HOLDS(sizeof(mach_port_name_t) == 4);
HOLDS(sizeof(vm_map_t) == 4);
HOLDS(sizeof(vm_address_t) == 8);
HOLDS(sizeof(vm_offset_t) == 8);
HOLDS(sizeof(vm_size_t) == 8);
HOLDS(sizeof(pointer_t) == 8);
HOLDS(sizeof(mach_vm_address_t) == 8);
HOLDS(sizeof(mach_vm_offset_t) == 8);
HOLDS(sizeof(mach_vm_size_t) == 8);
HOLDS(sizeof(memory_object_offset_t) == 8);
HOLDS(sizeof(memory_object_size_t) == 8);
HOLDS(sizeof(mach_msg_type_number_t) == 4);
HOLDS(sizeof(vm_prot_t) == 4);
HOLDS(sizeof(vm_inherit_t) == 4);
HOLDS(sizeof(vm_behavior_t) == 4);
HOLDS(sizeof(vm_sync_t) == 4);
HOLDS(sizeof(vm_machine_attribute_t) == 4);
HOLDS(sizeof(vm_machine_attribute_val_t) == 4);
HOLDS((boolean_t)-1 > 0);
HOLDS((vm_prot_t)-1 < 0);
HOLDS((vm_inherit_t)-1 > 0);
HOLDS((kern_return_t)-1 < 0);
HOLDS((mach_port_t)-1 > 0);

HOLDS(sizeof(struct vm_region_basic_info_64) == 36);
FIELD(vm_region_basic_info_64, protection, 0);
FIELD(vm_region_basic_info_64, max_protection, 4);
FIELD(vm_region_basic_info_64, inheritance, 8);
FIELD(vm_region_basic_info_64, shared, 12);
FIELD(vm_region_basic_info_64, reserved, 16);
FIELD(vm_region_basic_info_64, offset, 20);
FIELD(vm_region_basic_info_64, behavior, 28);
FIELD(vm_region_basic_info_64, user_wired_count, 32);
HOLDS(VM_REGION_BASIC_INFO_COUNT_64 == 9);

HOLDS(sizeof(struct vm_region_basic_info) == 32);
FIELD(vm_region_basic_info, offset, 20);
FIELD(vm_region_basic_info, behavior, 24);
FIELD(vm_region_basic_info, user_wired_count, 28);
HOLDS(VM_REGION_BASIC_INFO_COUNT == 8);

HOLDS(sizeof(struct vm_region_extended_info) == 36);
FIELD(vm_region_extended_info, protection, 0);
FIELD(vm_region_extended_info, user_tag, 4);
FIELD(vm_region_extended_info, pages_resident, 8);
FIELD(vm_region_extended_info, pages_shared_now_private, 12);
FIELD(vm_region_extended_info, pages_swapped_out, 16);
FIELD(vm_region_extended_info, pages_dirtied, 20);
FIELD(vm_region_extended_info, ref_count, 24);
FIELD(vm_region_extended_info, shadow_depth, 28);
FIELD(vm_region_extended_info, external_pager, 30);
FIELD(vm_region_extended_info, share_mode, 31);
FIELD(vm_region_extended_info, pages_reusable, 32);
HOLDS(VM_REGION_EXTENDED_INFO_COUNT == 9);
HOLDS(sizeof(struct vm_region_extended_info__legacy) == 32);
FIELD(vm_region_extended_info__legacy, share_mode, 31);
HOLDS(VM_REGION_EXTENDED_INFO_COUNT__legacy == 8);

HOLDS(sizeof(struct vm_region_top_info) == 20);
FIELD(vm_region_top_info, obj_id, 0);
FIELD(vm_region_top_info, ref_count, 4);
FIELD(vm_region_top_info, private_pages_resident, 8);
FIELD(vm_region_top_info, shared_pages_resident, 12);
FIELD(vm_region_top_info, share_mode, 16);
HOLDS(VM_REGION_TOP_INFO_COUNT == 5);

HOLDS(sizeof(struct vm_region_submap_info_64) == 76);
FIELD(vm_region_submap_info_64, offset, 12);
FIELD(vm_region_submap_info_64, user_tag, 20);
FIELD(vm_region_submap_info_64, pages_resident, 24);
FIELD(vm_region_submap_info_64, ref_count, 40);
FIELD(vm_region_submap_info_64, share_mode, 47);
FIELD(vm_region_submap_info_64, is_submap, 48);
FIELD(vm_region_submap_info_64, behavior, 52);
FIELD(vm_region_submap_info_64, object_id, 56);
FIELD(vm_region_submap_info_64, user_wired_count, 60);
FIELD(vm_region_submap_info_64, pages_reusable, 64);
FIELD(vm_region_submap_info_64, object_id_full, 68);
HOLDS(VM_REGION_SUBMAP_INFO_COUNT_64 == 19);
HOLDS(VM_REGION_SUBMAP_INFO_V1_COUNT_64 == 17);
HOLDS(VM_REGION_SUBMAP_INFO_V0_COUNT_64 == 16);

HOLDS(sizeof(struct vm_region_submap_short_info_64) == 48);
FIELD(vm_region_submap_short_info_64, offset, 12);
FIELD(vm_region_submap_short_info_64, ref_count, 24);
FIELD(vm_region_submap_short_info_64, share_mode, 31);
FIELD(vm_region_submap_short_info_64, user_wired_count, 44);
HOLDS(VM_REGION_SUBMAP_SHORT_INFO_COUNT_64 == 12);

HOLDS(sizeof(struct vm_read_entry) == 16);
HOLDS(sizeof(struct mach_vm_read_entry) == 16);
HOLDS(sizeof(vm_read_entry_t) == 4096);
HOLDS(sizeof(mach_vm_read_entry_t) == 4096);
HOLDS(VM_MAP_ENTRY_MAX == 256);

HOLDS(VM_REGION_BASIC_INFO_64 == 9);
HOLDS(VM_REGION_BASIC_INFO == 10);
HOLDS(VM_REGION_EXTENDED_INFO__legacy == 11);
HOLDS(VM_REGION_TOP_INFO == 12);
HOLDS(VM_REGION_EXTENDED_INFO == 13);
HOLDS(SM_COW == 1 && SM_PRIVATE == 2 && SM_EMPTY == 3 && SM_SHARED == 4 && SM_TRUESHARED == 5);
HOLDS(SM_PRIVATE_ALIASED == 6 && SM_SHARED_ALIASED == 7 && SM_LARGE_PAGE == 8);

HOLDS(KERN_SUCCESS == 0 && KERN_INVALID_ADDRESS == 1 && KERN_PROTECTION_FAILURE == 2);
HOLDS(KERN_NO_SPACE == 3 && KERN_INVALID_ARGUMENT == 4 && KERN_FAILURE == 5);
HOLDS(KERN_RESOURCE_SHORTAGE == 6 && KERN_NO_ACCESS == 8 && KERN_MEMORY_ERROR == 10);
HOLDS(KERN_INVALID_NAME == 15 && KERN_INVALID_TASK == 16 && KERN_INVALID_RIGHT == 17);
HOLDS(KERN_INVALID_VALUE == 18 && KERN_INVALID_HOST == 22 && KERN_MEMORY_PRESENT == 23);
HOLDS(KERN_INVALID_OBJECT == 29 && KERN_TERMINATED == 37 && KERN_NOT_SUPPORTED == 46);
HOLDS(MACH_SEND_INVALID_DEST == 0x10000003 && MACH_SEND_INVALID_MEMORY == 0x1000000c);
HOLDS(MACH_PORT_NULL == 0 && MACH_PORT_DEAD == 0xffffffffu);

HOLDS(VM_PROT_NONE == 0 && VM_PROT_READ == 1 && VM_PROT_WRITE == 2 && VM_PROT_EXECUTE == 4);
HOLDS(VM_PROT_DEFAULT == 3 && VM_PROT_ALL == 7 && VM_PROT_COPY == 0x10 && VM_PROT_IS_MASK == 0x40);
HOLDS(VM_INHERIT_SHARE == 0 && VM_INHERIT_COPY == 1 && VM_INHERIT_NONE == 2);
HOLDS(VM_INHERIT_DONATE_COPY == 3 && VM_INHERIT_DEFAULT == 1 && VM_INHERIT_LAST_VALID == 2);
HOLDS(VM_FLAGS_FIXED == 0 && VM_FLAGS_ANYWHERE == 1 && VM_FLAGS_PURGABLE == 2);
HOLDS(VM_FLAGS_4GB_CHUNK == 4 && VM_FLAGS_RANDOM_ADDR == 8 && VM_FLAGS_NO_CACHE == 0x10);
HOLDS(VM_FLAGS_RESILIENT_CODESIGN == 0x20 && VM_FLAGS_RESILIENT_MEDIA == 0x40);
HOLDS(VM_FLAGS_PERMANENT == 0x80 && VM_FLAGS_TPRO == 0x1000 && VM_FLAGS_OVERWRITE == 0x4000);
HOLDS(VM_FLAGS_SUPERPAGE_MASK == 0x70000 && VM_FLAGS_SUPERPAGE_SIZE_2MB == 0x20000);
HOLDS(VM_FLAGS_SUPERPAGE_SIZE_ANY == 0x10000 && VM_FLAGS_RETURN_DATA_ADDR == 0x100000);
HOLDS(VM_FLAGS_RETURN_4K_DATA_ADDR == 0x800000 && (unsigned)VM_FLAGS_ALIAS_MASK == 0xff000000u);
HOLDS((unsigned)VM_FLAGS_USER_ALLOCATE == 0xff07509fu);
HOLDS((unsigned)VM_FLAGS_USER_MAP == 0xff97509fu);
HOLDS(VM_FLAGS_USER_REMAP == 0x104069);
HOLDS((unsigned)VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_1) == 0xf0000000u);
HOLDS(VM_BEHAVIOR_DEFAULT == 0 && VM_BEHAVIOR_RANDOM == 1 && VM_BEHAVIOR_SEQUENTIAL == 2);
HOLDS(VM_BEHAVIOR_RSEQNTL == 3 && VM_BEHAVIOR_WILLNEED == 4 && VM_BEHAVIOR_DONTNEED == 5);
HOLDS(VM_BEHAVIOR_FREE == 6 && VM_BEHAVIOR_ZERO_WIRED_PAGES == 7 && VM_BEHAVIOR_REUSABLE == 8);
HOLDS(VM_BEHAVIOR_REUSE == 9 && VM_BEHAVIOR_CAN_REUSE == 10 && VM_BEHAVIOR_PAGEOUT == 11);
HOLDS(VM_BEHAVIOR_ZERO == 12);
HOLDS(VM_SYNC_ASYNCHRONOUS == 1 && VM_SYNC_SYNCHRONOUS == 2 && VM_SYNC_INVALIDATE == 4);
HOLDS(VM_SYNC_KILLPAGES == 8 && VM_SYNC_DEACTIVATE == 0x10 && VM_SYNC_CONTIGUOUS == 0x20);
HOLDS(VM_SYNC_REUSABLEPAGES == 0x40);
HOLDS(MAP_MEM_ONLY == 0x10000 && MAP_MEM_NAMED_CREATE == 0x20000 && MAP_MEM_PURGABLE == 0x40000);
HOLDS(MAP_MEM_NAMED_REUSE == 0x80000 && MAP_MEM_USE_DATA_ADDR == 0x100000);
HOLDS(MAP_MEM_VM_COPY == 0x200000 && MAP_MEM_VM_SHARE == 0x400000 && MAP_MEM_4K_DATA_ADDR == 0x800000);
HOLDS(PAGE_SIZE == 4096 && PAGE_SHIFT == 12 && PAGE_MASK == 4095);

HOLDS(err_get_system(MACH_SEND_INVALID_DEST) == 4);
HOLDS(err_mach_ipc == 0x10000000);
HOLDS(err_get_code(unix_err(14)) == 14 && err_get_sub(unix_err(14)) == 3);

int main(void) {
    return 0;
}
