/* What vm_region tells of a region. Records are arrays of 32-bit words: nothing in them is
 * aligned to more, and a count is a number of words. */
#ifndef PAGEWRIGHT_MACH_VM_REGION_H
#define PAGEWRIGHT_MACH_VM_REGION_H

#include <stdint.h>
#include <mach/boolean.h>
#include <mach/memory_object_types.h>
#include <mach/message.h>
#include <mach/vm_behavior.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_types.h>

#pragma pack(push, 4)

/* Where a record goes. It needs no alignment. */
typedef int *vm_region_info_t;
typedef int *vm_region_info_64_t;
typedef int *vm_region_recurse_info_t;
typedef int *vm_region_recurse_info_64_t;

/* Which record is wanted. */
typedef int vm_region_flavor_t;

#define VM_REGION_INFO_MAX (1024)
typedef int vm_region_info_data_t[VM_REGION_INFO_MAX];

#define VM_REGION_BASIC_INFO_64 9
struct vm_region_basic_info_64 {
    vm_prot_t protection;
    vm_prot_t max_protection;
    vm_inherit_t inheritance;
    boolean_t shared;   /* whether stores are seen through other regions too */
    boolean_t reserved; /* FALSE: there are no maps within maps */
    memory_object_offset_t offset;
    vm_behavior_t behavior;
    unsigned short user_wired_count;
};
typedef struct vm_region_basic_info_64 *vm_region_basic_info_64_t;
typedef struct vm_region_basic_info_64 vm_region_basic_info_data_64_t;
#define VM_REGION_BASIC_INFO_COUNT_64 \
    ((mach_msg_type_number_t)(sizeof(vm_region_basic_info_data_64_t) / sizeof(int)))

/* Of 32-bit programs. Here this flavor means VM_REGION_BASIC_INFO_64, and wants room for that. */
#define VM_REGION_BASIC_INFO 10
struct vm_region_basic_info {
    vm_prot_t protection;
    vm_prot_t max_protection;
    vm_inherit_t inheritance;
    boolean_t shared;
    boolean_t reserved;
    uint32_t offset;
    vm_behavior_t behavior;
    unsigned short user_wired_count;
};
typedef struct vm_region_basic_info *vm_region_basic_info_t;
typedef struct vm_region_basic_info vm_region_basic_info_data_t;
#define VM_REGION_BASIC_INFO_COUNT \
    ((mach_msg_type_number_t)(sizeof(vm_region_basic_info_data_t) / sizeof(int)))

/* How a region is shared. */
#define SM_COW 1             /* copied when one of several stores to it */
#define SM_PRIVATE 2         /* nobody else's */
#define SM_EMPTY 3           /* nothing there yet */
#define SM_SHARED 4          /* seen by others since a fork */
#define SM_TRUESHARED 5      /* seen by others */
#define SM_PRIVATE_ALIASED 6 /* private, and seen twice */
#define SM_SHARED_ALIASED 7  /* shared, and seen twice in one task */
#define SM_LARGE_PAGE 8

#define VM_REGION_EXTENDED_INFO__legacy 11
struct vm_region_extended_info__legacy {
    vm_prot_t protection;
    unsigned int user_tag; /* 0: tags are not kept */
    unsigned int pages_resident;
    unsigned int pages_shared_now_private;
    unsigned int pages_swapped_out;
    unsigned int pages_dirtied;
    unsigned int ref_count; /* how many show its object; 0 if it has none yet */
    unsigned short shadow_depth;
    unsigned char external_pager; /* whether it is a mapped file */
    unsigned char share_mode;
};
typedef struct vm_region_extended_info__legacy *vm_region_extended_info__legacy_t;
typedef struct vm_region_extended_info__legacy vm_region_extended_info_data__legacy_t;
#define VM_REGION_EXTENDED_INFO_COUNT__legacy \
    ((mach_msg_type_number_t)(sizeof(vm_region_extended_info_data__legacy_t) / sizeof(int)))

#define VM_REGION_EXTENDED_INFO 13
struct vm_region_extended_info {
    vm_prot_t protection;
    unsigned int user_tag;
    unsigned int pages_resident;
    unsigned int pages_shared_now_private;
    unsigned int pages_swapped_out;
    unsigned int pages_dirtied;
    unsigned int ref_count;
    unsigned short shadow_depth;
    unsigned char external_pager;
    unsigned char share_mode;
    unsigned int pages_reusable;
};
typedef struct vm_region_extended_info *vm_region_extended_info_t;
typedef struct vm_region_extended_info vm_region_extended_info_data_t;
#define VM_REGION_EXTENDED_INFO_COUNT \
    ((mach_msg_type_number_t)(sizeof(vm_region_extended_info_data_t) / sizeof(int)))

#define VM_REGION_TOP_INFO 12
struct vm_region_top_info {
    unsigned int obj_id; /* 0: objects have no numbers */
    unsigned int ref_count;
    unsigned int private_pages_resident;
    unsigned int shared_pages_resident;
    unsigned char share_mode;
};
typedef struct vm_region_top_info *vm_region_top_info_t;
typedef struct vm_region_top_info vm_region_top_info_data_t;
#define VM_REGION_TOP_INFO_COUNT \
    ((mach_msg_type_number_t)(sizeof(vm_region_top_info_data_t) / sizeof(int)))

/* What vm_region_recurse_64 tells. Shorter counts get the first words. */
struct vm_region_submap_info_64 {
    vm_prot_t protection;
    vm_prot_t max_protection;
    vm_inherit_t inheritance;
    memory_object_offset_t offset;
    unsigned int user_tag;
    unsigned int pages_resident;
    unsigned int pages_shared_now_private;
    unsigned int pages_swapped_out;
    unsigned int pages_dirtied;
    unsigned int ref_count;
    unsigned short shadow_depth;
    unsigned char external_pager;
    unsigned char share_mode;
    boolean_t is_submap; /* FALSE */
    vm_behavior_t behavior;
    vm32_object_id_t object_id; /* 0 */
    unsigned short user_wired_count;
    unsigned int pages_reusable;
    vm_object_id_t object_id_full; /* 0 */
};
typedef struct vm_region_submap_info_64 *vm_region_submap_info_64_t;
typedef struct vm_region_submap_info_64 vm_region_submap_info_data_64_t;

/* The record as it was in earlier versions. */
#define VM_REGION_SUBMAP_INFO_V2_SIZE (sizeof(vm_region_submap_info_data_64_t))
#define VM_REGION_SUBMAP_INFO_V1_SIZE (VM_REGION_SUBMAP_INFO_V2_SIZE - sizeof(vm_object_id_t))
#define VM_REGION_SUBMAP_INFO_V0_SIZE (VM_REGION_SUBMAP_INFO_V1_SIZE - sizeof(unsigned int))
#define VM_REGION_SUBMAP_INFO_V2_COUNT_64 \
    ((mach_msg_type_number_t)(VM_REGION_SUBMAP_INFO_V2_SIZE / sizeof(natural_t)))
#define VM_REGION_SUBMAP_INFO_V1_COUNT_64 \
    ((mach_msg_type_number_t)(VM_REGION_SUBMAP_INFO_V1_SIZE / sizeof(natural_t)))
#define VM_REGION_SUBMAP_INFO_V0_COUNT_64 \
    ((mach_msg_type_number_t)(VM_REGION_SUBMAP_INFO_V0_SIZE / sizeof(natural_t)))
#define VM_REGION_SUBMAP_INFO_COUNT_64 VM_REGION_SUBMAP_INFO_V2_COUNT_64

/* The same without counts of pages: what vm_region_recurse_64 tells when the room is for this only. */
struct vm_region_submap_short_info_64 {
    vm_prot_t protection;
    vm_prot_t max_protection;
    vm_inherit_t inheritance;
    memory_object_offset_t offset;
    unsigned int user_tag;
    unsigned int ref_count;
    unsigned short shadow_depth;
    unsigned char external_pager;
    unsigned char share_mode;
    boolean_t is_submap;
    vm_behavior_t behavior;
    vm32_object_id_t object_id;
    unsigned short user_wired_count;
};
typedef struct vm_region_submap_short_info_64 *vm_region_submap_short_info_64_t;
typedef struct vm_region_submap_short_info_64 vm_region_submap_short_info_data_64_t;
#define VM_REGION_SUBMAP_SHORT_INFO_COUNT_64 \
    ((mach_msg_type_number_t)(sizeof(vm_region_submap_short_info_data_64_t) / sizeof(natural_t)))

/* A range of vm_read_list. */
#define VM_MAP_ENTRY_MAX (256)

struct mach_vm_read_entry {
    mach_vm_address_t address;
    mach_vm_size_t size;
};
struct vm_read_entry {
    vm_address_t address;
    vm_size_t size;
};
typedef struct mach_vm_read_entry mach_vm_read_entry_t[VM_MAP_ENTRY_MAX];
typedef struct vm_read_entry vm_read_entry_t[VM_MAP_ENTRY_MAX];

#pragma pack(pop)

#endif
