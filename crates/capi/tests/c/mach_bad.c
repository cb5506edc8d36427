/* What no caller should hand over: null and misaligned pointers, names of nothing, sizes near 2^64. */
#include <mach/mach.h>
#include <mach/mach_vm.h>
#include <mach/pagewright.h>
#include <string.h>

#include "check.h"

#define P ((mach_vm_size_t)4096)
#define HIGH (~(mach_vm_size_t)0)
#define ME mach_task_self()

static mach_vm_address_t memory;

static void null_pointers(void) {
    mach_vm_address_t at = 0;
    mach_vm_size_t size = 0;
    vm_offset_t data = 0;
    mach_port_t entry = 0;
    mach_msg_type_number_t count = 9;
    vm_prot_t now = 3, ever = 3;
    int info[32];
    CHECK_EQUAL(mach_vm_allocate(ME, NULL, P, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(vm_allocate(ME, NULL, P, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_read(ME, memory, P, NULL, &count), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_read(ME, memory, P, &data, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_read_overwrite(ME, memory, 8, memory + 64, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_read_list(ME, NULL, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_map(ME, NULL, P, 0, 1, 0, 0, 0, 3, 7, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_remap(ME, NULL, P, 0, 1, ME, memory, 0, &now, &ever, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_remap(ME, &at, P, 0, 1, ME, memory, 0, NULL, &ever, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_remap(ME, &at, P, 0, 1, ME, memory, 0, &now, NULL, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_remap_new(ME, &at, P, 0, 1, ME, memory, 0, &now, NULL, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_region(ME, NULL, &size, 9, info, &count, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_region(ME, &at, NULL, 9, info, &count, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_region(ME, &at, &size, 9, NULL, &count, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_region(ME, &at, &size, 9, info, NULL, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_region_recurse(ME, &at, &size, NULL, info, &count), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_machine_attribute(ME, memory, P, MATTR_CACHE, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_make_memory_entry_64(ME, NULL, memory, 3, &entry, 0), KERN_INVALID_ARGUMENT);
    size = P;
    CHECK_EQUAL(mach_make_memory_entry_64(ME, (memory_object_size_t *)&size, memory, 3, NULL, 0),
                KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_memory_object_memory_entry_64(mach_host_self(), 1, P, 3, 0, NULL), KERN_INVALID_ARGUMENT);
    CHECK(task_for_pid(ME, 1, NULL) != KERN_SUCCESS);
    CHECK_EQUAL(pid_for_task(ME, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(host_page_size(mach_host_self(), NULL), KERN_INVALID_ARGUMENT);
}

/* Every call on this name; `code` is what most say, `other` what those with a code of their own say. */
static void names(mach_port_t name, kern_return_t code, kern_return_t other) {
    mach_vm_address_t at = 0;
    mach_vm_size_t size = P;
    vm_offset_t data = 0;
    mach_msg_type_number_t count = 9;
    mach_port_t entry = 0;
    vm_prot_t now = 3, ever = 3;
    vm_machine_attribute_val_t value = 6;
    int info[32];
    mach_vm_read_entry_t list;
    memset(list, 0, sizeof list);
    CHECK_EQUAL(mach_vm_allocate(name, &at, P, 1), code);
    CHECK_EQUAL(mach_vm_deallocate(name, memory, P), code);
    CHECK_EQUAL(mach_vm_protect(name, memory, P, 0, 1), code);
    CHECK_EQUAL(mach_vm_inherit(name, memory, P, 0), code);
    CHECK_EQUAL(mach_vm_read(name, memory, P, &data, &count), code);
    CHECK_EQUAL(mach_vm_read_list(name, list, 1), code);
    CHECK_EQUAL(mach_vm_read_overwrite(name, memory, P, memory, &size), code);
    CHECK_EQUAL(mach_vm_write(name, memory, (vm_offset_t)memory, 8), code);
    CHECK_EQUAL(mach_vm_copy(name, memory, P, memory), code);
    CHECK_EQUAL(mach_vm_map(name, &at, P, 0, 1, 0, 0, 0, 3, 7, 1), code);
    CHECK_EQUAL(mach_vm_remap(name, &at, P, 0, 1, ME, memory, 0, &now, &ever, 1), code);
    CHECK_EQUAL(mach_vm_remap(ME, &at, P, 0, 1, name, memory, 0, &now, &ever, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_region(name, &at, &size, 9, info, &count, NULL), code);
    CHECK_EQUAL(mach_vm_region_recurse(name, &at, &size, &count, info, &count), code);
    CHECK_EQUAL(mach_vm_behavior_set(name, memory, P, 0), code);
    CHECK_EQUAL(mach_vm_machine_attribute(name, memory, P, MATTR_CACHE, &value), code);
    CHECK_EQUAL(mach_vm_msync(name, memory, P, 2), other);
    CHECK_EQUAL(mach_vm_wire(mach_host_self(), name, memory, P, 1), KERN_INVALID_TASK);
    CHECK_EQUAL(mach_make_memory_entry_64(name, (memory_object_size_t *)&size, memory, 3, &entry, 0), other);
    CHECK_EQUAL(mach_vm_map(ME, &at, P, 0, 1, name == 0 ? 0x77777 : name, 0, 0, 3, 7, 1), KERN_INVALID_OBJECT);
    CHECK(at == 0 && data == 0 && entry == 0);
}

static void sizes(void) {
    mach_vm_address_t at = 0;
    vm_offset_t data = 0;
    mach_msg_type_number_t count = 0;
    memory_object_size_t size;
    mach_vm_size_t done = 5;
    mach_port_t entry = 0;
    vm_prot_t now = 3, ever = 3;
    CHECK_EQUAL(mach_vm_allocate(ME, &at, HIGH, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_allocate(ME, &at, HIGH - P + 1, 1), KERN_NO_SPACE);
    at = 0;
    CHECK_EQUAL(mach_vm_allocate(ME, &at, P, VM_FLAGS_FIXED), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(mach_vm_deallocate(ME, memory, HIGH), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_deallocate(ME, HIGH, 0), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_protect(ME, memory, HIGH, 0, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_inherit(ME, memory, HIGH, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_copy(ME, memory, HIGH, memory), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(mach_vm_copy(ME, memory, P, HIGH - 8), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(mach_vm_copy(ME, 1, 0, HIGH), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_read(ME, memory, 1ULL << 32, &data, &count), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_read(ME, HIGH - 8, 100, &data, &count), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(mach_vm_read_overwrite(ME, HIGH - 8, 100, memory, &done), KERN_INVALID_ADDRESS);
    CHECK(done == 5);
    CHECK_EQUAL(mach_vm_write(ME, HIGH - 8, (vm_offset_t)memory, 100), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(mach_vm_write(ME, memory, (vm_offset_t)(HIGH - 8), 100), MACH_SEND_INVALID_MEMORY);
    CHECK_EQUAL(mach_vm_map(ME, &at, HIGH, 0, 1, 0, 0, 0, 3, 7, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_map(ME, &at, 0, 0, 1, 0, 0, 0, 3, 7, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_remap(ME, &at, HIGH, 0, 1, ME, memory, 0, &now, &ever, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_behavior_set(ME, memory, HIGH, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_behavior_set(ME, memory, P, 13), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_msync(ME, memory, HIGH, 2), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(mach_vm_msync(ME, memory, P, 3), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_wire(mach_host_self(), ME, memory, HIGH, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(mach_vm_wire(mach_host_self(), ME, memory, P, 0x40), KERN_INVALID_ARGUMENT);
    size = HIGH;
    CHECK_EQUAL(mach_make_memory_entry_64(ME, &size, memory, 3, &entry, 0), KERN_INVALID_ARGUMENT);
    size = HIGH - P;
    CHECK(mach_make_memory_entry_64(ME, &size, 0, MAP_MEM_NAMED_CREATE | 3, &entry, 0) != KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_read_list(ME, NULL, 257), KERN_INVALID_ARGUMENT);
    CHECK(at == 0 && data == 0 && entry == 0);
}

/* Answers lie wherever the caller wants them: each by 1 to 7 bytes beside its alignment. */
static void misaligned(void) {
    static unsigned char room[9000];
    for (int by = 1; by < 8; by++) {
        mach_vm_address_t *at = (mach_vm_address_t *)(void *)(room + by);
        mach_vm_size_t *size = (mach_vm_size_t *)(void *)(room + 16 + by);
        vm_prot_t *now = (vm_prot_t *)(void *)(room + 32 + by), *ever = (vm_prot_t *)(void *)(room + 40 + by);
        mach_msg_type_number_t *count = (mach_msg_type_number_t *)(void *)(room + 48 + by);
        mach_port_t *entry = (mach_port_t *)(void *)(room + 56 + by);
        int *info = (int *)(void *)(room + 64 + by);
        struct mach_vm_read_entry *list = (struct mach_vm_read_entry *)(void *)(room + 256 + by);
        mach_vm_address_t view, made;
        mach_vm_size_t length = P;
        mach_port_t name;
        memset(room, 0, sizeof room);
        CHECK_EQUAL(mach_vm_allocate(ME, at, P, 1), KERN_SUCCESS);
        memcpy(&made, at, 8);
        memset(at, 0, 8);
        CHECK_EQUAL(mach_vm_remap(ME, at, P, 0, 1, ME, made, 0, now, ever, 1), KERN_SUCCESS);
        memcpy(&view, at, 8);
        *(char *)(uintptr_t)made = 'm';
        CHECK(view != made && *(char *)(uintptr_t)view == 'm');
        CHECK(memcmp(now, "\3\0\0\0", 4) == 0 && memcmp(ever, "\7\0\0\0", 4) == 0);
        memcpy(count, "\x09\0\0\0", 4);
        CHECK_EQUAL(mach_vm_region(ME, at, size, 9, info, count, entry), KERN_SUCCESS);
        CHECK(memcmp(info, "\3\0\0\0\7\0\0\0", 8) == 0);
        memcpy(size, &length, 8);
        CHECK_EQUAL(mach_make_memory_entry_64(ME, (memory_object_size_t *)size, view, 3, entry, 0), KERN_SUCCESS);
        memcpy(&name, entry, 4);
        CHECK_EQUAL(mach_port_deallocate(ME, name), KERN_SUCCESS);
        memcpy(&list[0].address, &view, 8);
        memcpy(&list[0].size, &length, 8);
        CHECK_EQUAL(mach_vm_read_list(ME, list, 1), KERN_SUCCESS);
        memcpy(at, &list[0].address, 8);
        CHECK_EQUAL(mach_vm_deallocate(ME, made, P), KERN_SUCCESS);
        CHECK_EQUAL(mach_vm_deallocate(ME, view, P), KERN_SUCCESS);
        memcpy(&view, at, 8);
        CHECK(*(char *)(uintptr_t)view == 'm');
        CHECK_EQUAL(mach_vm_deallocate(ME, view, P), KERN_SUCCESS);
        CHECK_EQUAL(pid_for_task(ME, (int *)(void *)entry), KERN_SUCCESS);
        CHECK_EQUAL(host_page_size(mach_host_self(), (vm_size_t *)(void *)size), KERN_SUCCESS);
    }
}

/* Memory of the program's own can be read and written, not taken away or shared. */
static void memory_of_the_program(void) {
    static char mine[2 * 4096] = "mine";
    vm_address_t page = round_page((vm_address_t)mine), view = 0;
    vm_prot_t now = 0, ever = 0;
    CHECK_EQUAL(vm_deallocate(ME, page, 4096), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(vm_remap(ME, &view, 4096, 0, 1, ME, page, FALSE, &now, &ever, 1), KERN_PROTECTION_FAILURE);
    CHECK_EQUAL(vm_remap(ME, &view, 4096, 0, 1, ME, page, TRUE, &now, &ever, 1), KERN_SUCCESS);
    CHECK_EQUAL(vm_deallocate(ME, view, 4096), KERN_SUCCESS);
    CHECK_EQUAL(vm_write(ME, (vm_address_t)mine, (vm_offset_t) "ours", 4), KERN_SUCCESS);
    CHECK(strcmp(mine, "ours") == 0);
}

static void profiles(void) {
    CHECK(PwMachGetProfile() == PW_MACH_PROFILE_DOC);
    CHECK_EQUAL(PwMachSetProfile(3), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(PwMachSetProfile(-1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(PwMachSetProfile(PW_MACH_PROFILE_GNUMACH), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_copy(ME, memory + 1, 8, memory + 64), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(PwMachSetProfile(PW_MACH_PROFILE_XNU), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_protect(ME, memory, P, FALSE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_copy(ME, memory + 1, 8, memory + 64), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(PwMachSetProfile(PW_MACH_PROFILE_DOC), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_copy(ME, memory + 1, 8, memory + 64), KERN_PROTECTION_FAILURE);
    CHECK_EQUAL(mach_vm_protect(ME, memory, P, FALSE, VM_PROT_DEFAULT), KERN_SUCCESS);
}

int main(void) {
    CHECK_EQUAL(mach_vm_allocate(ME, &memory, P, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    null_pointers();
    names(MACH_PORT_NULL, MACH_SEND_INVALID_DEST, MACH_SEND_INVALID_DEST);
    names(MACH_PORT_DEAD, MACH_SEND_INVALID_DEST, MACH_SEND_INVALID_DEST);
    names(0xdeadbeef, MACH_SEND_INVALID_DEST, MACH_SEND_INVALID_DEST);
    names(mach_host_self(), KERN_INVALID_ARGUMENT, KERN_INVALID_TASK);
    sizes();
    misaligned();
    memory_of_the_program();
    profiles();
    CHECK_EQUAL(mach_port_deallocate(ME, 0xdeadbeef), KERN_INVALID_NAME);
    CHECK_EQUAL(mach_port_deallocate(MACH_PORT_NULL, 0x303), MACH_SEND_INVALID_DEST);
    CHECK_EQUAL(mach_vm_deallocate(ME, memory, P), KERN_SUCCESS);
    return 0;
}
