/* The calls on the own task: what each does to bytes. */
#include <mach/mach.h>
#include <string.h>

#include "check.h"

#define P ((vm_size_t)4096)
#define L ((vm_size_t)65536)

static vm_address_t fresh(vm_size_t size) {
    vm_address_t at = 0;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &at, size, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    CHECK(at != 0 && at % P == 0);
    return at;
}

static void gone(vm_address_t at, vm_size_t size) {
    CHECK_EQUAL(vm_deallocate(mach_task_self(), at, size), KERN_SUCCESS);
}

static char *bytes(vm_address_t at) {
    return (char *)at;
}

static void allocate(void) {
    vm_address_t at = fresh(3 * P), again;
    for (vm_size_t i = 0; i < 3 * P; i++) CHECK(bytes(at)[i] == 0);
    again = at;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &again, P, VM_FLAGS_FIXED), KERN_NO_SPACE);
    CHECK_EQUAL(again, at);
    gone(at + P, P);
    again = at + P + 1;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &again, 1, FALSE), KERN_SUCCESS);
    CHECK_EQUAL(again, at + P);
    bytes(at)[0] = 'x';
    again = at;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &again, P, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE), KERN_SUCCESS);
    CHECK(bytes(at)[0] == 0);
    gone(at, 3 * P);
    gone(at, 3 * P);
    again = at;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &again, 0, TRUE), KERN_SUCCESS);
    CHECK_EQUAL(again, 0);
}

static void protect(void) {
    vm_address_t at = fresh(3 * P);
    CHECK_EQUAL(vm_protect(mach_task_self(), at, P, FALSE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQUAL(vm_write(mach_task_self(), at, at + P, 4), KERN_PROTECTION_FAILURE);
    CHECK_EQUAL(vm_protect(mach_task_self(), at, P, TRUE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQUAL(vm_protect(mach_task_self(), at, P, FALSE, VM_PROT_DEFAULT), KERN_PROTECTION_FAILURE);
    gone(at + 2 * P, P);
    CHECK_EQUAL(vm_protect(mach_task_self(), at, 3 * P, FALSE, VM_PROT_READ), KERN_INVALID_ADDRESS);
    bytes(at + P)[0] = 'w'; /* refused is unchanged */
    CHECK_EQUAL(vm_protect(mach_task_self(), at + P, P, FALSE, 0x20), KERN_INVALID_ARGUMENT);
    gone(at, 2 * P);
}

/* Both ranges are independent afterwards. */
static void copy_of(vm_size_t size) {
    vm_address_t from = fresh(size), to = fresh(size);
    memset(bytes(from), 'a', size);
    memset(bytes(to), 'b', size);
    CHECK_EQUAL(vm_copy(mach_task_self(), from, size, to), KERN_SUCCESS);
    CHECK(memcmp(bytes(from), bytes(to), size) == 0);
    bytes(from)[5] = 'c';
    CHECK(bytes(to)[5] == 'a');
    bytes(to)[size - 1] = 'd';
    CHECK(bytes(from)[size - 1] == 'a');
    gone(from, size);
    CHECK(bytes(to)[0] == 'a');
    gone(to, size);
}

static void overlap(long by, vm_size_t size) {
    vm_address_t at = fresh(2 * L);
    char *expected = (char *)malloc(2 * L);
    CHECK(expected != NULL);
    for (vm_size_t i = 0; i < 2 * L; i++) expected[i] = bytes(at)[i] = (char)(i * 7 + i / P);
    vm_address_t from = at + L / 2, to = (vm_address_t)((long)from + by);
    memmove(expected + (to - at), expected + L / 2, size);
    CHECK_EQUAL(vm_copy(mach_task_self(), from, size, to), KERN_SUCCESS);
    CHECK(memcmp(bytes(at), expected, 2 * L) == 0);
    free(expected);
    gone(at, 2 * L);
}

static void read_and_write(void) {
    vm_address_t at = fresh(L);
    vm_offset_t data = 0;
    mach_msg_type_number_t count = 0;
    vm_size_t done = 0;
    memset(bytes(at), 'r', L);
    CHECK_EQUAL(vm_read(mach_task_self(), at, L, &data, &count), KERN_SUCCESS);
    CHECK_EQUAL(count, L);
    CHECK(data != at && memcmp(bytes(at), bytes(data), L) == 0);
    bytes(at)[1] = 's';
    CHECK(bytes(data)[1] == 'r');
    CHECK_EQUAL(vm_write(mach_task_self(), at + 3, (vm_offset_t) "hello", 5), KERN_SUCCESS);
    CHECK(memcmp(bytes(at), "rsrhellor", 9) == 0);
    CHECK_EQUAL(vm_read_overwrite(mach_task_self(), at, 9, data, &done), KERN_SUCCESS);
    CHECK(done == 9 && memcmp(bytes(data), "rsrhellor", 9) == 0);
    vm_read_entry_t list;
    memset(list, 0, sizeof list);
    list[0].address = 16;
    list[0].size = P;
    list[1].address = at;
    list[1].size = P;
    CHECK_EQUAL(vm_read_list(mach_task_self(), list, 2), KERN_SUCCESS);
    CHECK(list[0].address == 0 && list[0].size == 0 && list[1].size == P);
    CHECK(memcmp(bytes(list[1].address), "rsrhellor", 9) == 0);
    gone(list[1].address, P);
    gone(data, L);
    gone(at, L);
}

static void remap(void) {
    vm_address_t at = fresh(L), shared = 0, copied = 0;
    vm_prot_t now = 0, ever = 0;
    bytes(at)[0] = '1';
    CHECK_EQUAL(vm_remap(mach_task_self(), &shared, L, 0, VM_FLAGS_ANYWHERE, mach_task_self(), at, FALSE, &now,
                         &ever, VM_INHERIT_DEFAULT),
                KERN_SUCCESS);
    CHECK(now == VM_PROT_DEFAULT && ever == VM_PROT_ALL);
    CHECK_EQUAL(vm_remap(mach_task_self(), &copied, L, 0, VM_FLAGS_ANYWHERE, mach_task_self(), at, TRUE, &now,
                         &ever, VM_INHERIT_DEFAULT),
                KERN_SUCCESS);
    bytes(at)[0] = '2';
    CHECK(bytes(shared)[0] == '2' && bytes(copied)[0] == '1');
    bytes(shared)[L - 1] = '3';
    CHECK(bytes(at)[L - 1] == '3' && bytes(copied)[L - 1] == 0);
    now = ever = VM_PROT_READ;
    vm_address_t only = 0;
    CHECK_EQUAL(vm_remap_new(mach_task_self(), &only, L, 0, VM_FLAGS_ANYWHERE, mach_task_self(), at, FALSE, &now,
                             &ever, VM_INHERIT_NONE),
                KERN_SUCCESS);
    CHECK(bytes(only)[0] == '2');
    CHECK_EQUAL(vm_protect(mach_task_self(), only, P, FALSE, VM_PROT_DEFAULT), KERN_PROTECTION_FAILURE);
    gone(at, L);
    CHECK(bytes(shared)[0] == '2' && bytes(only)[0] == '2');
    gone(shared, L);
    gone(copied, L);
    gone(only, L);
}

static void entries(void) {
    vm_address_t at = fresh(L), view = 0, copy = 0;
    memory_object_size_t size = L;
    mach_port_t entry = MACH_PORT_NULL, made = MACH_PORT_NULL;
    bytes(at)[0] = 'e';
    CHECK_EQUAL(mach_make_memory_entry_64(mach_task_self(), &size, at, VM_PROT_DEFAULT, &entry, MACH_PORT_NULL),
                KERN_SUCCESS);
    CHECK(size == L && MACH_PORT_VALID(entry));
    CHECK_EQUAL(vm_map(mach_task_self(), &view, L, 0, VM_FLAGS_ANYWHERE, entry, 0, FALSE, VM_PROT_DEFAULT,
                       VM_PROT_DEFAULT, VM_INHERIT_DEFAULT),
                KERN_SUCCESS);
    CHECK_EQUAL(vm_map(mach_task_self(), &copy, L, 0, VM_FLAGS_ANYWHERE, entry, 0, TRUE, VM_PROT_DEFAULT,
                       VM_PROT_DEFAULT, VM_INHERIT_DEFAULT),
                KERN_SUCCESS);
    CHECK_EQUAL(mach_port_deallocate(mach_task_self(), entry), KERN_SUCCESS);
    CHECK_EQUAL(mach_port_deallocate(mach_task_self(), entry), KERN_INVALID_NAME);
    bytes(view)[0] = 'f';
    CHECK(bytes(at)[0] == 'f' && bytes(copy)[0] == 'e');
    size = 2 * P;
    CHECK_EQUAL(mach_make_memory_entry_64(mach_task_self(), &size, 0, MAP_MEM_NAMED_CREATE | VM_PROT_READ, &made,
                                          MACH_PORT_NULL),
                KERN_SUCCESS);
    vm_address_t zeros = 0;
    CHECK_EQUAL(vm_map(mach_task_self(), &zeros, P, 0, VM_FLAGS_ANYWHERE, made, 0, FALSE, VM_PROT_DEFAULT,
                       VM_PROT_DEFAULT, VM_INHERIT_DEFAULT),
                KERN_INVALID_RIGHT);
    CHECK_EQUAL(vm_map(mach_task_self(), &zeros, P, 0, VM_FLAGS_ANYWHERE, made, P, FALSE, VM_PROT_READ,
                       VM_PROT_READ, VM_INHERIT_DEFAULT),
                KERN_SUCCESS);
    CHECK(bytes(zeros)[9] == 0);
    CHECK_EQUAL(mach_port_deallocate(mach_task_self(), made), KERN_SUCCESS);
    mach_port_t internal = MACH_PORT_NULL;
    CHECK_EQUAL(mach_memory_object_memory_entry_64(mach_host_self(), TRUE, P, VM_PROT_DEFAULT, MEMORY_OBJECT_NULL,
                                                   &internal),
                KERN_SUCCESS);
    CHECK_EQUAL(mach_port_deallocate(mach_task_self(), internal), KERN_SUCCESS);
    gone(at, L);
    gone(view, L);
    gone(copy, L);
    gone(zeros, P);
}

static void advice(void) {
    vm_address_t at = fresh(2 * P);
    vm_machine_attribute_val_t value = MATTR_VAL_CACHE_SYNC;
    CHECK_EQUAL(vm_wire(mach_host_self(), mach_task_self(), at, P, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQUAL(vm_wire(mach_host_self(), mach_task_self(), at, P, VM_PROT_NONE), KERN_SUCCESS);
    CHECK_EQUAL(vm_wire(mach_task_self(), mach_task_self(), at, P, VM_PROT_READ), KERN_INVALID_HOST);
    CHECK_EQUAL(vm_msync(mach_task_self(), at, 2 * P, VM_SYNC_SYNCHRONOUS), KERN_SUCCESS);
    CHECK_EQUAL(vm_msync(mach_host_self(), at, P, VM_SYNC_SYNCHRONOUS), KERN_INVALID_TASK);
    CHECK_EQUAL(vm_behavior_set(mach_task_self(), at, 2 * P, VM_BEHAVIOR_SEQUENTIAL), KERN_SUCCESS);
    CHECK_EQUAL(vm_machine_attribute(mach_task_self(), at, P, MATTR_CACHE, &value), KERN_SUCCESS);
    memset(bytes(at), 'z', 2 * P);
    CHECK_EQUAL(vm_behavior_set(mach_task_self(), at, P, VM_BEHAVIOR_ZERO), KERN_SUCCESS);
    CHECK(bytes(at)[7] == 0 && bytes(at + P)[7] == 'z');
    gone(at, 2 * P);
}

static void machine(void) {
    vm_size_t size = 0;
    CHECK_EQUAL(host_page_size(mach_host_self(), &size), KERN_SUCCESS);
    CHECK(size == 4096 && vm_page_size == 4096 && vm_page_mask == 4095 && vm_page_shift == 12);
    CHECK(vm_kernel_page_size == 4096 && vm_kernel_page_mask == 4095 && vm_kernel_page_shift == 12);
    CHECK(round_page(4097) == 8192 && trunc_page(8191) == 4096 && round_page(0) == 0);
    CHECK(mach_vm_round_page(1) == 4096 && mach_vm_trunc_page(4097) == 4096);
    CHECK(strcmp(mach_error_string(KERN_NO_SPACE), "(os/kern) no space available") == 0);
    CHECK(strcmp(mach_error_string(0x7654321), "unknown error code") == 0);
    CHECK(strcmp(mach_error_type(KERN_NO_SPACE), "(os/kern)") == 0);
    mach_error("vm_allocate", KERN_NO_SPACE);
    mach_error(NULL, MACH_SEND_INVALID_DEST);
}

/* There is a function of that name too. */
#undef mach_task_self
static void the_task(void) {
    CHECK(mach_task_self() == mach_task_self_ && mach_task_self_ != MACH_PORT_NULL);
    int pid = 0;
    CHECK_EQUAL(pid_for_task(mach_task_self_, &pid), KERN_SUCCESS);
    CHECK(pid > 1);
}
#define mach_task_self() mach_task_self_

int main(void) {
    allocate();
    protect();
    copy_of(P);
    copy_of(L);
    copy_of(4 << 20);
    overlap(1, 100);
    overlap(-1, L);
    overlap((long)P, L);
    overlap(-(long)P, L);
    overlap((long)P + 1, L - P);
    read_and_write();
    remap();
    entries();
    advice();
    machine();
    the_task();
    return 0;
}
