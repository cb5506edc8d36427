/* With PAGEWRIGHT_SIGSEGV=leave, nothing that is called changes what the program does about SIGSEGV. */
#include <windows.h>
#include <mach/mach.h>
#include <pagewright.h>

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static int raised;

static LONG WINAPI note(PEXCEPTION_POINTERS pointers) {
    raised += pointers->ExceptionRecord->ExceptionCode == 0xE0000005;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG WINAPI last(PEXCEPTION_POINTERS unused) {
    (void)unused;
    return EXCEPTION_CONTINUE_SEARCH;
}

static void mine(int signal) {
    (void)signal;
}

int main(int count, char **arguments) {
    (void)arguments;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = mine;
    CHECK_EQUAL(sigaction(SIGSEGV, &action, NULL), 0);
    unsigned long before[4], after[4]; /* as the kernel has it: handler, flags, return, mask */
    CHECK_EQUAL(syscall(SYS_rt_sigaction, SIGSEGV, NULL, before, 8), 0);
    if (count > 1) {
        CHECK_EQUAL(pw_leave_sigsegv(), 0);
    }
    CHECK(AddVectoredExceptionHandler(1, note) != NULL);
    CHECK(AddVectoredContinueHandler(1, last) != NULL);
    SetUnhandledExceptionFilter(last);
    volatile char *guarded = (volatile char *)VirtualAlloc(NULL, 1, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    CHECK(guarded != NULL);
    VirtualAlloc(NULL, 1, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    mach_vm_address_t at = 0;
    CHECK_EQUAL(mach_vm_allocate(mach_task_self(), &at, 0x4000, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    CHECK_EQUAL(mach_vm_protect(mach_task_self(), at, 0x1000, FALSE, VM_PROT_NONE), KERN_SUCCESS);
    RaiseException(0xE0000005, 0, 0, NULL);
    CHECK_EQUAL(raised, 1);
    CHECK_EQUAL(syscall(SYS_rt_sigaction, SIGSEGV, NULL, after, 8), 0);
    CHECK_EQUAL(memcmp(before, after, sizeof before), 0);
    return 0;
}
