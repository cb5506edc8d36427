/* The library is loaded and let go, twice, also by a thread that ends: what it has put in place stays and works. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <windows.h>

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile int hits;

static LONG WINAPI note(PEXCEPTION_POINTERS pointers) {
    if (pointers->ExceptionRecord->ExceptionCode != STATUS_GUARD_PAGE_VIOLATION) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    hits++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static struct {
    __typeof__(&VirtualAlloc) allocate;
    __typeof__(&VirtualFree) free;
    __typeof__(&VirtualProtect) protect;
    __typeof__(&AddVectoredExceptionHandler) add;
    __typeof__(&RemoveVectoredExceptionHandler) remove;
} calls;

static void *found(void *library, const char *name) {
    void *at = dlsym(library, name);
    CHECK(at != NULL);
    return at;
}

#define FIND(place, name)                           \
    do {                                            \
        void *at = found(library, name);            \
        memcpy(&(place), &at, sizeof(place));       \
    } while (0)

static void *load(void) {
    void *library = dlopen("libpagewright.so", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    FIND(calls.allocate, "VirtualAlloc");
    FIND(calls.free, "VirtualFree");
    FIND(calls.protect, "VirtualProtect");
    FIND(calls.add, "AddVectoredExceptionHandler");
    FIND(calls.remove, "RemoveVectoredExceptionHandler");
    return library;
}

static void *use(void *unused) {
    void *library = load();
    PVOID handle = calls.add(1, note);
    char *at = (char *)calls.allocate(NULL, 0x3000, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    CHECK(at != NULL);
    hits = 0;
    ((volatile char *)at)[0] = 1;
    CHECK_EQUAL(hits, 1);
    CHECK_EQUAL(dlclose(library), 0);
    ((volatile char *)at)[0x1000] = 1; /* The handler of SIGSEGV is still there, and so is this one. */
    CHECK_EQUAL(hits, 2);
    if (fork() == 0) { /* So are the hooks of forks. */
        ((volatile char *)at)[0x2000] = 1;
        _exit(hits == 3 ? 0 : 1);
    }
    int status = 1;
    CHECK(waitpid(-1, &status, 0) > 0);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(hits, 2);
    void *again = load();
    ((volatile char *)at)[0x2000] = 1;
    CHECK_EQUAL(hits, 3);
    CHECK(calls.remove(handle));
    CHECK(calls.free(at, 0, MEM_RELEASE));
    CHECK_EQUAL(dlclose(again), 0);
    return unused;
}

int main(void) {
    pthread_t thread;
    use(NULL);
    CHECK_EQUAL(pthread_create(&thread, NULL, use, NULL), 0);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    use(NULL);
    return 0;
}
