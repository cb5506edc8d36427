/* Use before main and after it: constructors, destructors, atexit; and threads that the library did not start. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <windows.h>

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char *early;
static int hits;

static LONG WINAPI note(PEXCEPTION_POINTERS pointers) {
    if (pointers->ExceptionRecord->ExceptionCode != STATUS_GUARD_PAGE_VIOLATION) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    __atomic_add_fetch(&hits, 1, __ATOMIC_SEQ_CST);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void work(void) {
    int before = __atomic_load_n(&hits, __ATOMIC_SEQ_CST);
    char *at = (char *)VirtualAlloc(NULL, 0x20000, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(at != NULL);
    CHECK(VirtualAlloc(at + 0x10000, 1, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD) == at + 0x10000);
    ((volatile char *)at)[0x10000] = 1;
    CHECK(__atomic_load_n(&hits, __ATOMIC_SEQ_CST) > before);
    SetLastError(0);
    CHECK(!VirtualFree(at, 5, MEM_RELEASE));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(VirtualFree(at, 0, MEM_RELEASE));
}

__attribute__((constructor(101))) static void begin(void) {
    CHECK(AddVectoredExceptionHandler(1, note) != NULL);
    early = (char *)VirtualAlloc(NULL, 0x1000, MEM_COMMIT, PAGE_READWRITE);
    CHECK(early != NULL);
    early[0] = 42;
    work();
}

__attribute__((destructor(101))) static void end(void) {
    work();
    CHECK(VirtualFree(early, 0, MEM_RELEASE));
    CHECK_EQUAL(write(1, "end\n", 4), 4);
}

static void at_exit(void) {
    work();
    CHECK_EQUAL(write(1, "exit\n", 5), 5);
}

static void *in_thread(void *unused) {
    for (int round = 0; round < 50; round++) {
        work();
    }
    return unused;
}

/* A thread that no thread library knows: it has the thread-local variables of the one that made it, which waits. */
static int raw(void *stack_word) {
    work();
    work();
    *(volatile int *)stack_word = 7;
    return 0;
}

static void by_clone(void) {
    static int ended = 1;
    static volatile int word;
    size_t size = 256 << 10;
    char *stack = (char *)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    CHECK(clone(raw, stack + size, flags, (void *)&word, NULL, NULL, &ended) > 0);
    while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) != 0) {
        syscall(SYS_futex, &ended, FUTEX_WAIT, 1, NULL, NULL, 0);
    }
    CHECK_EQUAL(word, 7);
    CHECK_EQUAL(munmap(stack, size), 0);
}

int main(void) {
    CHECK_EQUAL(early[0], 42);
    CHECK_EQUAL(atexit(at_exit), 0);
    pthread_t threads[4];
    for (int index = 0; index < 4; index++) {
        CHECK_EQUAL(pthread_create(&threads[index], NULL, in_thread, NULL), 0);
    }
    for (int index = 0; index < 4; index++) {
        CHECK_EQUAL(pthread_join(threads[index], NULL), 0);
    }
    by_clone();
    work();
    return 0;
}
