/* A walk over all regions, by each record, and what a region says. */
#include <mach/mach.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define P ((vm_size_t)4096)

static void one(vm_address_t at) {
    vm_address_t address = at + 5;
    vm_size_t size = 0;
    mach_port_t name = 77;
    vm_region_basic_info_data_64_t basic;
    mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64 + 3;
    CHECK_EQUAL(vm_region_64(mach_task_self(), &address, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&basic,
                             &count, &name),
                KERN_SUCCESS);
    CHECK(address == at && size == 2 * P && name == MACH_PORT_NULL && count == VM_REGION_BASIC_INFO_COUNT_64);
    CHECK(basic.protection == VM_PROT_READ && basic.max_protection == VM_PROT_ALL);
    CHECK(basic.inheritance == VM_INHERIT_NONE && !basic.shared && !basic.reserved);
    CHECK(basic.behavior == VM_BEHAVIOR_RANDOM && basic.user_wired_count == 0);

    vm_region_extended_info_data_t extended;
    count = VM_REGION_EXTENDED_INFO_COUNT;
    CHECK_EQUAL(vm_region(mach_task_self(), &address, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&extended,
                          &count, NULL),
                KERN_SUCCESS);
    CHECK(extended.protection == VM_PROT_READ && extended.share_mode == SM_PRIVATE);
    CHECK(extended.pages_resident >= 1 && extended.ref_count == 1 && count == VM_REGION_EXTENDED_INFO_COUNT);
    vm_region_extended_info_data__legacy_t legacy;
    count = VM_REGION_EXTENDED_INFO_COUNT__legacy;
    CHECK_EQUAL(vm_region(mach_task_self(), &address, &size, VM_REGION_EXTENDED_INFO__legacy,
                          (vm_region_info_t)&legacy, &count, &name),
                KERN_SUCCESS);
    CHECK(legacy.share_mode == SM_PRIVATE && count == 8);
    vm_region_top_info_data_t top;
    count = VM_REGION_TOP_INFO_COUNT;
    CHECK_EQUAL(vm_region(mach_task_self(), &address, &size, VM_REGION_TOP_INFO, (vm_region_info_t)&top, &count,
                          &name),
                KERN_SUCCESS);
    CHECK(top.share_mode == SM_PRIVATE && count == 5);
    count = 4;
    CHECK_EQUAL(vm_region(mach_task_self(), &address, &size, VM_REGION_TOP_INFO, (vm_region_info_t)&top, &count,
                          &name),
                KERN_INVALID_ARGUMENT);
    count = 100;
    CHECK_EQUAL(vm_region(mach_task_self(), &address, &size, 99, (vm_region_info_t)&top, &count, &name),
                KERN_INVALID_ARGUMENT);
    CHECK(count == 100 && address == at);
}

/* The record that is as long as the room for it, and no byte more. */
static void recurse(vm_address_t at) {
    struct {
        vm_region_submap_info_data_64_t record;
        unsigned char behind[16];
    } room;
    const mach_msg_type_number_t counts[] = {19, 17, 16, 12};
    for (int i = 0; i < 4; i++) {
        vm_address_t address = at;
        vm_size_t size = 0;
        natural_t depth = 1024;
        mach_msg_type_number_t count = counts[i];
        memset(&room, 0x5a, sizeof room);
        CHECK_EQUAL(vm_region_recurse_64(mach_task_self(), &address, &size, &depth,
                                         (vm_region_recurse_info_t)&room.record, &count),
                    KERN_SUCCESS);
        CHECK(address == at && size == 2 * P && depth == 0 && count == counts[i]);
        for (size_t byte = 4 * (size_t)counts[i]; byte < sizeof room; byte++)
            CHECK(((unsigned char *)&room)[byte] == 0x5a);
        CHECK(room.record.protection == VM_PROT_READ && room.record.inheritance == VM_INHERIT_NONE);
        if (counts[i] == 12) {
            vm_region_submap_short_info_data_64_t *brief = (vm_region_submap_short_info_data_64_t *)&room;
            CHECK(brief->share_mode == SM_PRIVATE && brief->behavior == VM_BEHAVIOR_RANDOM && !brief->is_submap);
        } else {
            CHECK(room.record.share_mode == SM_PRIVATE && room.record.behavior == VM_BEHAVIOR_RANDOM);
            CHECK(room.record.pages_resident >= 1 && !room.record.is_submap);
        }
    }
    vm_address_t address = at;
    vm_size_t size = 0;
    natural_t depth = 0;
    mach_msg_type_number_t count = 11;
    CHECK_EQUAL(vm_region_recurse_64(mach_task_self(), &address, &size, &depth,
                                     (vm_region_recurse_info_t)&room.record, &count),
                KERN_INVALID_ARGUMENT);
}

/* Ascending, without overlaps, to the end; ours is among them, and so is this code. */
static void walk(vm_address_t at) {
    mach_vm_address_t address = 0, end = 0;
    int regions = 0, found = 0, code = 0;
    for (;;) {
        mach_vm_size_t size = 0;
        vm_region_basic_info_data_64_t info;
        mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
        mach_port_t name = MACH_PORT_NULL;
        kern_return_t kr = mach_vm_region(mach_task_self(), &address, &size, VM_REGION_BASIC_INFO_64,
                                          (vm_region_info_t)&info, &count, &name);
        if (kr == KERN_INVALID_ADDRESS) break;
        CHECK_EQUAL(kr, KERN_SUCCESS);
        CHECK(address >= end && size > 0 && address % P == 0 && size % P == 0);
        regions++;
        if (address == at && size == 2 * P) found++;
        mach_vm_address_t here = (mach_vm_address_t)(uintptr_t)&walk;
        if (address <= here && here < address + size) code += (info.protection & VM_PROT_EXECUTE) != 0;
        end = address += size;
    }
    CHECK(regions > 5 && found == 1 && code == 1);

    mach_vm_address_t mine = at;
    mach_vm_size_t size = 0;
    natural_t depth = 0;
    vm_region_submap_info_data_64_t submap;
    mach_msg_type_number_t count = VM_REGION_SUBMAP_INFO_COUNT_64;
    CHECK_EQUAL(mach_vm_region_recurse(mach_task_self(), &mine, &size, &depth, (vm_region_recurse_info_t)&submap,
                                       &count),
                KERN_SUCCESS);
    CHECK(mine == at && size == 2 * P);
}

int main(void) {
    vm_address_t at = 0;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &at, 4 * P, TRUE), KERN_SUCCESS);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), at, P), KERN_SUCCESS);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), at + 3 * P, P), KERN_SUCCESS);
    at += P;
    *(char *)at = 1;
    CHECK_EQUAL(vm_protect(mach_task_self(), at, 2 * P, FALSE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQUAL(vm_inherit(mach_task_self(), at, 2 * P, VM_INHERIT_NONE), KERN_SUCCESS);
    CHECK_EQUAL(vm_behavior_set(mach_task_self(), at, 2 * P, VM_BEHAVIOR_RANDOM), KERN_SUCCESS);
    one(at);
    recurse(at);
    walk(at);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), at, 2 * P), KERN_SUCCESS);
    return 0;
}
