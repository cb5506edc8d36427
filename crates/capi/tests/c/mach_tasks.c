/* Another process: its memory is allocated, written, read, mapped here and given back. */
#include <mach/mach.h>
#include <mach/mach_vm.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define P ((mach_vm_size_t)4096)
#define L ((mach_vm_size_t)65536)

static int ask[2], told[2];

/* Does what it is asked: answers the byte at an address, or the byte that it stores there. */
static void serve(void) {
    struct {
        char what;
        char value;
        volatile char *at;
    } asked;
    while (read(ask[0], &asked, sizeof asked) == (ssize_t)sizeof asked) {
        if (asked.what == 'w') *asked.at = asked.value;
        char answer = *asked.at;
        if (write(told[1], &answer, 1) != 1) break;
    }
    _exit(0);
}

static char tell(char what, mach_vm_address_t at, char value) {
    struct {
        char what;
        char value;
        volatile char *at;
    } asked;
    memset(&asked, 0, sizeof asked);
    asked.what = what;
    asked.value = value;
    asked.at = (volatile char *)(uintptr_t)at;
    char answer = 0;
    CHECK(write(ask[1], &asked, sizeof asked) == (ssize_t)sizeof asked);
    CHECK(read(told[0], &answer, 1) == 1);
    return answer;
}

static void bytes_go_both_ways(mach_port_t task) {
    mach_vm_address_t at = 0;
    char text[16] = {0};
    mach_vm_size_t done = 0;
    CHECK_EQUAL(mach_vm_allocate(task, &at, L, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    CHECK_EQUAL(tell('r', at, 0), 0);
    CHECK_EQUAL(mach_vm_write(task, at, (vm_offset_t) "across", 7), KERN_SUCCESS);
    CHECK_EQUAL(tell('r', at + 2, 0), 'r');
    CHECK_EQUAL(tell('w', at, 'A'), 'A');
    CHECK_EQUAL(mach_vm_read_overwrite(task, at, 7, (mach_vm_address_t)(uintptr_t)text, &done), KERN_SUCCESS);
    CHECK(done == 7 && strcmp(text, "Across") == 0);
    vm_offset_t data = 0;
    mach_msg_type_number_t count = 0;
    CHECK_EQUAL(mach_vm_read(task, at, L, &data, &count), KERN_SUCCESS);
    CHECK(count == L && strcmp((char *)data, "Across") == 0);
    tell('w', at, 'B');
    CHECK(*(char *)data == 'A');
    CHECK_EQUAL(vm_deallocate(mach_task_self(), data, count), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_copy(task, at, P, at + P), KERN_SUCCESS);
    CHECK_EQUAL(tell('r', at + P + 1, 0), 'c');
    CHECK_EQUAL(mach_vm_protect(task, at, P, FALSE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_write(task, at, (vm_offset_t) "no", 2), KERN_PROTECTION_FAILURE);
    CHECK_EQUAL(mach_vm_write(task, at + P, (vm_offset_t)16, 2), MACH_SEND_INVALID_MEMORY);
    vm_region_basic_info_data_64_t info;
    mach_msg_type_number_t words = VM_REGION_BASIC_INFO_COUNT_64;
    mach_vm_address_t found = at;
    mach_vm_size_t size = 0;
    CHECK_EQUAL(mach_vm_region(task, &found, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &words, NULL),
                KERN_SUCCESS);
    CHECK(found == at && size == P && info.protection == VM_PROT_READ);
    CHECK_EQUAL(mach_vm_deallocate(task, at, L), KERN_SUCCESS);
}

/* The same bytes in both processes. */
static void memory_is_shared(mach_port_t task) {
    mach_vm_address_t there = 0, here = 0, second = 0;
    vm_prot_t now = 0, ever = 0;
    CHECK_EQUAL(mach_vm_allocate(task, &there, L, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    tell('w', there, '1');
    CHECK_EQUAL(mach_vm_remap(mach_task_self(), &here, L, 0, VM_FLAGS_ANYWHERE, task, there, FALSE, &now, &ever,
                              VM_INHERIT_NONE),
                KERN_SUCCESS);
    volatile char *view = (volatile char *)(uintptr_t)here;
    CHECK(*view == '1');
    view[P] = '2';
    CHECK_EQUAL(tell('r', there + P, 0), '2');
    CHECK_EQUAL(tell('w', there + P, '3'), '3');
    CHECK(view[P] == '3');
    /* And a part of it by a memory entry, from here into there. */
    memory_object_size_t size = P;
    mach_port_t entry = MACH_PORT_NULL;
    CHECK_EQUAL(mach_make_memory_entry_64(mach_task_self(), &size, here, VM_PROT_DEFAULT, &entry, MACH_PORT_NULL),
                KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_map(task, &second, P, 0, VM_FLAGS_ANYWHERE, entry, 0, FALSE, VM_PROT_DEFAULT,
                            VM_PROT_DEFAULT, VM_INHERIT_DEFAULT),
                KERN_SUCCESS);
    CHECK_EQUAL(tell('w', second, '4'), '4');
    CHECK(*view == '4' && tell('r', there, 0) == '4');
    CHECK_EQUAL(mach_port_deallocate(mach_task_self(), entry), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_deallocate(task, second, P), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_deallocate(task, there, L), KERN_SUCCESS);
    CHECK(*view == '4');
    CHECK_EQUAL(mach_vm_deallocate(mach_task_self(), here, L), KERN_SUCCESS);
}

int main(void) {
    CHECK(pipe(ask) == 0 && pipe(told) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(ask[1]);
        serve();
    }
    close(ask[0]);
    mach_port_t task = MACH_PORT_NULL, again = MACH_PORT_NULL;
    int found = 0;
    CHECK_EQUAL(task_for_pid(mach_task_self(), pid, &task), KERN_SUCCESS);
    CHECK_EQUAL(task_for_pid(mach_task_self(), pid, &again), KERN_SUCCESS);
    CHECK(task == again && task != mach_task_self());
    CHECK_EQUAL(mach_port_deallocate(mach_task_self(), again), KERN_SUCCESS);
    CHECK_EQUAL(pid_for_task(task, &found), KERN_SUCCESS);
    CHECK_EQUAL(found, pid);
    CHECK_EQUAL(task_for_pid(mach_task_self(), -1, &again), KERN_FAILURE);
    CHECK_EQUAL(task_for_pid(task, pid, &again), KERN_INVALID_ARGUMENT);
    bytes_go_both_ways(task);
    memory_is_shared(task);
    close(ask[1]);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* A dead name. */
    mach_vm_address_t at = 0;
    CHECK_EQUAL(mach_vm_allocate(task, &at, P, VM_FLAGS_ANYWHERE), MACH_SEND_INVALID_DEST);
    CHECK_EQUAL(mach_vm_copy(task, 0, P, P), MACH_SEND_INVALID_DEST);
    CHECK_EQUAL(pid_for_task(task, &found), KERN_FAILURE);
    CHECK_EQUAL(mach_port_deallocate(mach_task_self(), task), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_allocate(task, &at, P, VM_FLAGS_ANYWHERE), MACH_SEND_INVALID_DEST);
    return 0;
}
