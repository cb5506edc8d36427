/*
 * Calls that the header permits in signal handlers take no memory there, not even as the first ones of a thread in
 * a library that was loaded late: its thread-local variables would be made from the heap, whose lock the thread may have.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <windows.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "check.h"

static volatile int is_inside;
static volatile int taken;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
    taken += is_inside;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    taken += is_inside;
    return __libc_calloc(count, size);
}

void *realloc(void *at, size_t size) {
    taken += is_inside;
    return __libc_realloc(at, size);
}

void *memalign(size_t alignment, size_t size) {
    taken += is_inside;
    return __libc_memalign(alignment, size);
}

static struct {
    __typeof__(&GetLastError) get;
    __typeof__(&SetLastError) set;
    __typeof__(&VirtualQuery) query;
    __typeof__(&VirtualAlloc) allocate;
} calls;

static char *volatile region;

static void handler(int signal) {
    (void)signal;
    MEMORY_BASIC_INFORMATION info;
    is_inside = 1;
    calls.set(4242);
    DWORD first = calls.get();
    SIZE_T size = calls.query(region + 1, &info, sizeof info);
    SIZE_T none = calls.query((LPCVOID)~(ULONG_PTR)0, &info, sizeof info);
    DWORD second = calls.get();
    is_inside = 0;
    CHECK_EQUAL(first, 4242);
    CHECK_EQUAL(size, sizeof info);
    CHECK_EQUAL(none, 0);
    CHECK_EQUAL(second, ERROR_INVALID_PARAMETER);
}

static void *interrupted(void *unused) {
    CHECK_EQUAL(raise(SIGUSR1), 0);
    /* A page fault of a thread that never made a call of the library. */
    is_inside = 1;
    *(volatile char *)region = 1;
    is_inside = 0;
    return unused;
}

static LONG WINAPI note(PEXCEPTION_POINTERS pointers) {
    return pointers->ExceptionRecord->ExceptionCode == STATUS_GUARD_PAGE_VIOLATION ? EXCEPTION_CONTINUE_EXECUTION
                                                                                   : EXCEPTION_CONTINUE_SEARCH;
}

#define FIND(place, name)                    \
    do {                                           \
        void *found = dlsym(library, name);        \
        CHECK(found != NULL);                      \
        memcpy(&(place), &found, sizeof(place));   \
    } while (0)

int main(void) {
    pthread_t late;
    signal(SIGUSR1, handler);
    void *library = dlopen("libpagewright.so", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    __typeof__(&AddVectoredExceptionHandler) add;
    FIND(calls.get, "GetLastError");
    FIND(calls.set, "SetLastError");
    FIND(calls.query, "VirtualQuery");
    FIND(calls.allocate, "VirtualAlloc");
    FIND(add, "AddVectoredExceptionHandler");
    CHECK(add(1, note) != NULL);
    for (int round = 0; round < 4; round++) {
        region = (char *)calls.allocate(NULL, 1, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
        CHECK(region != NULL);
        CHECK_EQUAL(pthread_create(&late, NULL, interrupted, NULL), 0);
        CHECK_EQUAL(pthread_join(late, NULL), 0);
        CHECK_EQUAL(taken, 0);
    }
    return 0;
}
