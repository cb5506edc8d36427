/* VirtualQuery, GetLastError and SetLastError in a handler of signals, whatever it interrupts. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <windows.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "check.h"

static char *steady;
static volatile int bells;

static void on_bell(int signal) {
    (void)signal;
    DWORD before = GetLastError();
    MEMORY_BASIC_INFORMATION info;
    CHECK_EQUAL(VirtualQuery(steady + 0x1800, &info, sizeof info), sizeof info);
    CHECK_EQUAL((ULONG_PTR)info.BaseAddress, (ULONG_PTR)steady + 0x1000);
    CHECK_EQUAL(info.State, MEM_COMMIT);
    CHECK_EQUAL(info.Protect, PAGE_READONLY);
    CHECK_EQUAL(GetLastError(), before);
    SetLastError(77);
    CHECK_EQUAL(GetLastError(), 77);
    SetLastError(before);
    bells++;
}

int main(void) {
    DWORD old;
    steady = (char *)VirtualAlloc(NULL, 0x3000, MEM_COMMIT, PAGE_READWRITE);
    CHECK(steady != NULL && VirtualProtect(steady + 0x1000, 1, PAGE_READONLY, &old));
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_bell;
    action.sa_flags = SA_RESTART;
    CHECK_EQUAL(sigaction(SIGALRM, &action, NULL), 0);
    struct itimerval often = {{0, 300}, {0, 300}};
    CHECK_EQUAL(setitimer(ITIMER_REAL, &often, NULL), 0);
    while (bells < 300) {
        char *at = (char *)VirtualAlloc(NULL, 0x40000, MEM_RESERVE, PAGE_NOACCESS);
        CHECK(at != NULL);
        CHECK(VirtualAlloc(at, 0x40000, MEM_COMMIT, PAGE_READWRITE) != NULL);
        SetLastError(5);
        CHECK(VirtualProtect(at + 0x2000, 0x1000, PAGE_READONLY, &old));
        CHECK_EQUAL(GetLastError(), 5);
        CHECK(!VirtualProtect(at + 0x2000, 0x1000, 0x333, &old));
        CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
        CHECK(VirtualFree(at, 0, MEM_RELEASE));
    }
    return 0;
}
