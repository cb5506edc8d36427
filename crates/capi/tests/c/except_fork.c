/* A forked child has a map of its own, a copy of its parent's; aliases are shared, and Mach's inheritance is as set. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <windows.h>
#include <pkfuncs.h>
#include <mach/mach.h>

#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* Runs a function in a child, made by fork or without the preparations of the C library. */
static void in_child(void (*body)(void), int is_bare) {
    pid_t child = is_bare ? (pid_t)syscall(SYS_fork) : fork();
    CHECK(child >= 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = 1;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
}

static char *private_memory, *alias_source, *alias, *view, *guarded;
static mach_vm_address_t shared, copied, lost;

static DWORD state_of(const void *at) {
    MEMORY_BASIC_INFORMATION info;
    CHECK_EQUAL(VirtualQuery(at, &info, sizeof info), sizeof info);
    return info.State;
}

static volatile int hits;

static LONG WINAPI note(PEXCEPTION_POINTERS unused) {
    (void)unused;
    hits++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void child_body(void) {
    CHECK_EQUAL(private_memory[0], 1);
    private_memory[0] = 2;
    CHECK_EQUAL(alias_source[0], 3);
    alias[0] = 4;
    CHECK_EQUAL(alias_source[0], 4);
    *(volatile char *)shared = 5;
    *(volatile char *)copied = 6;
    mach_vm_address_t at = lost;
    mach_vm_size_t size = 0;
    vm_region_basic_info_data_64_t info;
    mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
    mach_port_t object;
    kern_return_t code =
        mach_vm_region(mach_task_self(), &at, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &object);
    CHECK(code != KERN_SUCCESS || at > lost);
    CHECK_EQUAL(((volatile char *)guarded)[0], 0);
    CHECK_EQUAL(hits, 1);
    /* What the child does is its own. */
    CHECK(VirtualFree(private_memory, 0, MEM_RELEASE));
    CHECK_EQUAL(state_of(private_memory), MEM_FREE);
    char *fresh = (char *)VirtualAlloc(private_memory, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    CHECK(fresh == private_memory);
    CHECK(VirtualFree(view, 0, MEM_RELEASE));
    DWORD old;
    CHECK(VirtualProtect(guarded, 0x1000, PAGE_READONLY, &old));
    CHECK_EQUAL(old, PAGE_READWRITE);
}

static void prepare(void) {
    private_memory = (char *)VirtualAlloc(NULL, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    view = (char *)VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_NOACCESS);
    guarded = (char *)VirtualAlloc(NULL, 0x1000, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    alias_source = (char *)VirtualAlloc(NULL, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    alias = (char *)VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(private_memory && view && guarded && alias_source && alias);
    private_memory[0] = 1;
    alias_source[0] = 3;
    CHECK(PwEnterKernelMode());
    CHECK(VirtualCopy(alias, alias_source, 0x10000, PAGE_READWRITE));
    PwLeaveKernelMode();
    mach_vm_address_t *all[3] = {&shared, &copied, &lost};
    vm_inherit_t inherit[3] = {VM_INHERIT_SHARE, VM_INHERIT_COPY, VM_INHERIT_NONE};
    for (int index = 0; index < 3; index++) {
        *all[index] = 0;
        CHECK_EQUAL(mach_vm_allocate(mach_task_self(), all[index], 0x4000, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
        *(volatile char *)*all[index] = 9;
        CHECK_EQUAL(mach_vm_inherit(mach_task_self(), *all[index], 0x4000, inherit[index]), KERN_SUCCESS);
    }
}

static void check_parent(void) {
    CHECK_EQUAL(private_memory[0], 1);
    CHECK_EQUAL(state_of(private_memory), MEM_COMMIT);
    CHECK_EQUAL(state_of(view), MEM_RESERVE);
    CHECK_EQUAL(alias_source[0], 4);
    CHECK_EQUAL(*(volatile char *)shared, 5);
    CHECK_EQUAL(*(volatile char *)copied, 9);
    CHECK_EQUAL(*(volatile char *)lost, 9);
    MEMORY_BASIC_INFORMATION info;
    CHECK_EQUAL(VirtualQuery(guarded, &info, sizeof info), sizeof info);
    CHECK_EQUAL(info.Protect, PAGE_READWRITE | PAGE_GUARD);
    CHECK_EQUAL(hits, 0);
}

static volatile int over;

static void *allocate(void *unused) {
    while (!over) {
        char *at = (char *)VirtualAlloc(NULL, 0x30000, MEM_RESERVE, PAGE_NOACCESS);
        CHECK(at != NULL);
        CHECK(VirtualAlloc(at + 0x10000, 0x1000, MEM_COMMIT, PAGE_READWRITE) != NULL);
        at[0x10000] = 1;
        CHECK(VirtualFree(at, 0, MEM_RELEASE));
    }
    return unused;
}

static void allocate_some(void) {
    for (int round = 0; round < 5; round++) {
        char *at = (char *)VirtualAlloc(NULL, 0x20000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        CHECK(at != NULL);
        at[0x1ffff] = 1;
        CHECK_EQUAL(state_of(at), MEM_COMMIT);
        CHECK(VirtualFree(at, 0, MEM_RELEASE));
    }
}

int main(void) {
    prepare();
    CHECK(AddVectoredExceptionHandler(1, note) != NULL);
    in_child(child_body, 0);
    check_parent();
    pthread_t threads[2];
    for (int index = 0; index < 2; index++) {
        CHECK_EQUAL(pthread_create(&threads[index], NULL, allocate, NULL), 0);
    }
    for (int round = 0; round < 30; round++) {
        in_child(allocate_some, 0);
    }
    over = 1;
    for (int index = 0; index < 2; index++) {
        CHECK_EQUAL(pthread_join(threads[index], NULL), 0);
    }
    in_child(allocate_some, 1);
    check_parent();
    return 0;
}
