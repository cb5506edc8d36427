/*
 * Snapshots of a database in memory: vm_copy to a second range is lazy, so a writer goes on while a reader walks the pages as
 * they were. Written for Mach.
 */
#include <mach/mach.h>
#include <mach/mach_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS (1 << 17)

typedef struct {
    unsigned key;
    unsigned version;
    char value[24];
} record_t;

static record_t *table_create(void) {
    vm_address_t address = 0;
    kern_return_t kr = vm_allocate(mach_task_self(), &address, RECORDS * sizeof(record_t), TRUE);
    if (kr != KERN_SUCCESS) {
        mach_error("vm_allocate", kr);
        exit(1);
    }
    return (record_t *)address;
}

static void table_destroy(record_t *table) {
    kern_return_t kr = vm_deallocate(mach_task_self(), (vm_address_t)table, RECORDS * sizeof(record_t));
    if (kr != KERN_SUCCESS) {
        mach_error("vm_deallocate", kr);
        exit(1);
    }
}

static record_t *table_snapshot(record_t *table) {
    record_t *copy = table_create();
    kern_return_t kr =
        vm_copy(mach_task_self(), (vm_address_t)table, RECORDS * sizeof(record_t), (vm_address_t)copy);
    if (kr != KERN_SUCCESS) {
        mach_error("vm_copy", kr);
        exit(1);
    }
    return copy;
}

/* How much of the snapshot has been copied by now. */
static unsigned pages_private(record_t *table) {
    vm_address_t address = (vm_address_t)table;
    vm_size_t size = 0;
    mach_port_t object = MACH_PORT_NULL;
    vm_region_extended_info_data_t info;
    mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
    kern_return_t kr = vm_region_64(mach_task_self(), &address, &size, VM_REGION_EXTENDED_INFO,
                                    (vm_region_info_t)&info, &count, &object);
    if (kr != KERN_SUCCESS) {
        mach_error("vm_region_64", kr);
        exit(1);
    }
    return info.share_mode == SM_COW ? info.pages_shared_now_private : info.pages_resident;
}

static void table_update(record_t *table, unsigned first, unsigned last, unsigned version) {
    for (unsigned i = first; i < last; i++) {
        table[i].key = i;
        table[i].version = version;
        snprintf(table[i].value, sizeof table[i].value, "%u of %u", i, version);
    }
}

static int table_is(const record_t *table, unsigned first, unsigned last, unsigned version) {
    char expected[24];
    for (unsigned i = first; i < last; i++) {
        snprintf(expected, sizeof expected, "%u of %u", i, version);
        if (table[i].key != i || table[i].version != version || strcmp(table[i].value, expected) != 0) return 0;
    }
    return 1;
}

int main(void) {
    record_t *live = table_create();
    table_update(live, 0, RECORDS, 1);
    record_t *first = table_snapshot(live);
    unsigned copied = pages_private(first);
    if (copied > 16) {
        printf("the snapshot was not lazy: %u pages\n", copied);
        return 1;
    }
    table_update(live, 1000, 2000, 2);
    record_t *second = table_snapshot(live);
    table_update(live, 0, RECORDS, 3);
    table_update(first, 5, 6, 9); /* a snapshot may be written too */
    if (!table_is(live, 0, RECORDS, 3)) return 2;
    if (!table_is(second, 0, 1000, 1) || !table_is(second, 1000, 2000, 2) || !table_is(second, 2000, RECORDS, 1)) return 3;
    if (!table_is(first, 0, 5, 1) || !table_is(first, 5, 6, 9) || !table_is(first, 6, RECORDS, 1)) return 4;
    table_destroy(live);
    if (!table_is(second, 2000, RECORDS, 1)) return 5;
    table_destroy(first);
    table_destroy(second);
    printf("3 versions of %d records\n", RECORDS);
    return 0;
}
