/* Handlers of SIGSEGV that the program has itself, before ours and after it; jumps out of both. */
#include <windows.h>

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

static volatile int story;
static sigjmp_buf place;

static void open_page(void *at) {
    DWORD old;
    CHECK(VirtualProtect(at, 1, PAGE_READWRITE, &old));
}

static void before(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    story = story * 10 + 7;
    open_page(info->si_addr);
}

static struct sigaction below;

static void after(int signal, siginfo_t *info, void *context) {
    story = story * 10 + 6;
    below.sa_sigaction(signal, info, context);
}

static LONG WINAPI search(PEXCEPTION_POINTERS unused) {
    (void)unused;
    story = story * 10 + 1;
    return EXCEPTION_CONTINUE_SEARCH;
}

static LONG WINAPI jump(PEXCEPTION_POINTERS unused) {
    (void)unused;
    siglongjmp(place, 1);
}

static void jump_out(int signal) {
    (void)signal;
    siglongjmp(place, 2);
}

static volatile int *closed(DWORD protection) {
    volatile int *at = (volatile int *)VirtualAlloc(NULL, 1, MEM_COMMIT, protection);
    CHECK(at != NULL);
    return at;
}

static struct sigaction install(void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    CHECK_EQUAL(sigaction(SIGSEGV, &action, &old), 0);
    return old;
}

int main(void) {
    install(before);
    PVOID handle = AddVectoredExceptionHandler(1, search);
    *closed(PAGE_NOACCESS) = 1;
    CHECK_EQUAL(story, 17);
    *closed(PAGE_READWRITE | PAGE_GUARD) = 1;
    CHECK_EQUAL(story, 1717);
    story = 0;
    below = install(after);
    *closed(PAGE_NOACCESS) = 1;
    CHECK_EQUAL(story, 617);
    CHECK_EQUAL(sigaction(SIGSEGV, &below, NULL), 0);
    CHECK(RemoveVectoredExceptionHandler(handle));

    handle = AddVectoredExceptionHandler(1, jump);
    for (volatile int round = 0; round < 3; round++) {
        int value = sigsetjmp(place, 1);
        if (value == 0) {
            *(volatile int *)8 = 1;
            CHECK(0);
        }
        CHECK_EQUAL(value, 1);
    }
    CHECK(RemoveVectoredExceptionHandler(handle));

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = jump_out;
    CHECK_EQUAL(sigaction(SIGSEGV, &action, NULL), 0);
    handle = AddVectoredExceptionHandler(1, search);
    story = 0;
    for (volatile int round = 0; round < 3; round++) {
        int value = sigsetjmp(place, 1);
        if (value == 0) {
            *(volatile int *)8 = 1;
            CHECK(0);
        }
        CHECK_EQUAL(value, 2);
    }
    CHECK_EQUAL(story, 111);
    return 0;
}
