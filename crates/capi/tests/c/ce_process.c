/*
 * Aliases between this process and a child that waits on a pipe, and who may make them. Compiled for Windows CE (UNDER_CE) and
 * without: processes are named by their ids, which Win32's own calls do not take.
 */
#include <windows.h>

#include <pkfuncs.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define P 4096u
#define L 65536u

static int ask[2], told[2];

struct asked {
    char what;
    char value;
    char *at;
};

static void serve(void) {
    struct asked asked;
    while (read(ask[0], &asked, sizeof asked) == (ssize_t)sizeof asked) {
        if (asked.what == 'w') *(volatile char *)asked.at = asked.value;
        char answer = *(volatile char *)asked.at;
        if (write(told[1], &answer, 1) != 1) break;
    }
    _exit(0);
}

/* The byte at an address of the child, after it has stored one there ('w'). */
static char tell(char what, char *at, char value) {
    struct asked asked;
    char answer = 0;
    memset(&asked, 0, sizeof asked);
    asked.what = what;
    asked.value = value;
    asked.at = at;
    CHECK(write(ask[1], &asked, sizeof asked) == (ssize_t)sizeof asked);
    CHECK(read(told[0], &answer, 1) == 1);
    return answer;
}

/* One call for both ways of compiling. */
static char *reserve_in(HANDLE process, DWORD size) {
    return (char *)PwCeVirtualAllocEx(process, NULL, size, MEM_RESERVE, PAGE_NOACCESS);
}

static void into_the_child(HANDLE child, char *source) {
    CHECK(PwEnterKernelMode());
    char *there = (char *)VirtualAllocCopyEx(GetCurrentProcess(), child, source + 100, P, PAGE_READWRITE);
    PW_RECEIPT receipt;
    CHECK(there != NULL && ((ULONG_PTR)there & (P - 1)) == 100);
    CHECK(PwLastReceipt(&receipt) && receipt.Base == there && receipt.Exposed == P);
    strcpy(source + 100, "here");
    CHECK_EQUAL(tell('r', there, 0), 'h');
    CHECK_EQUAL(tell('w', there + 1, 'E'), 'E');
    CHECK(strcmp(source + 100, "hEre") == 0);
    CHECK(PwCeVirtualFreeEx(child, there - 100, 0, MEM_RELEASE));

    char *view = reserve_in(child, L);
    CHECK(view != NULL);
    CHECK(VirtualCopyEx(child, view, GetCurrentProcess(), source, L, PAGE_READWRITE));
    CHECK_EQUAL(tell('w', view + P, 'w'), 'w');
    CHECK(source[P] == 'w');
    PwLeaveKernelMode();

    char *mine = reserve_in(GetCurrentProcess(), L);
    SetLastError(0);
    CHECK(!VirtualCopyEx(GetCurrentProcess(), mine, child, view, P, PAGE_READWRITE));
    CHECK_EQUAL(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(VirtualAllocCopyEx(GetCurrentProcess(), child, source, P, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(VirtualCopyEx(GetCurrentProcess(), mine, GetCurrentProcess(), source, P, PAGE_READONLY)); /* at home */
    CHECK(mine[100] == 'h');
    CHECK(PwEnterKernelMode());
    CHECK(VirtualCopyEx(GetCurrentProcess(), mine + P, child, view + P, P, PAGE_READWRITE)); /* back again */
    PwLeaveKernelMode();
    CHECK(mine[P] == 'w');
    CHECK(PwCeVirtualFreeEx(child, view, 0, MEM_RELEASE));
    CHECK(mine[P] == 'w');
    CHECK(PwCeVirtualFree(mine, 0, MEM_RELEASE));
}

#ifdef UNDER_CE
/* As sources for CE write it: ids for handles, DWORDs for counts. */
static void by_the_usual_names(DWORD pid) {
    HANDLE process = OpenProcess(0, FALSE, pid);
    DWORD count = 99, old = 0, after = 0x5a5a5a5a;
    char text[8] = {0};
    CHECK(process != NULL);
    char *at = (char *)VirtualAllocEx(process, NULL, P, MEM_COMMIT, PAGE_READWRITE);
    CHECK(at != NULL);
    CHECK(WriteProcessMemory((HANDLE)(ULONG_PTR)pid, at, (LPVOID) "usual", 6, &count));
    CHECK(count == 6 && after == 0x5a5a5a5a);
    CHECK(ReadProcessMemory(process, at, text, 6, &count) && strcmp(text, "usual") == 0);
    CHECK(!ReadProcessMemory(process, at + P - 3, text, 6, &count)); /* all or nothing */
    CHECK(count == 0 && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(VirtualProtectEx((HANDLE)(ULONG_PTR)pid, at, P, PAGE_READONLY, &old) && old == PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION info;
    CHECK(VirtualQueryEx((HANDLE)(ULONG_PTR)pid, at, &info, sizeof info) == sizeof info);
    CHECK(info.Protect == PAGE_READONLY && info.RegionSize == P);
    CHECK_EQUAL(tell('r', at, 0), 'u');
    CHECK(VirtualFreeEx((HANDLE)(ULONG_PTR)pid, at, 0, MEM_RELEASE));
    CHECK(!VirtualFreeEx(process, at, 0, MEM_RELEASE));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(process));
    CHECK(VirtualAllocEx(process, NULL, P, MEM_COMMIT, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    /* CE's own number of the calling process. */
    at = (char *)VirtualAllocEx((HANDLE)0x42, NULL, P, MEM_COMMIT, PAGE_READWRITE);
    CHECK(at != NULL && VirtualFree(at, 0, MEM_RELEASE));
}
#else
/* The usual names mean Win32's calls: an id is no handle, and codes are Win32's. */
static void by_the_usual_names(DWORD pid) {
    CHECK(VirtualAllocEx((HANDLE)(ULONG_PTR)pid, NULL, P, MEM_COMMIT, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid);
    SIZE_T count = 0;
    CHECK(process != NULL);
    char *at = (char *)VirtualAllocEx(process, NULL, P, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(at != NULL && WriteProcessMemory(process, at, "handle", 7, &count) && count == 7);
    CHECK(PwEnterKernelMode());
    char *here = (char *)VirtualAllocCopyEx(process, GetCurrentProcess(), at, P, PAGE_READONLY); /* a handle is fine */
    CHECK(here != NULL && strcmp(here, "handle") == 0);
    PwLeaveKernelMode();
    CHECK(VirtualFree(here, 0, MEM_RELEASE));
    CHECK(VirtualFreeEx(process, at, 0, MEM_RELEASE));
    CHECK(CloseHandle(process));
    CHECK(!VirtualFree(NULL, 0, MEM_RELEASE));
}
#endif

static void dead(HANDLE child, char *source) {
    CHECK(PwEnterKernelMode());
    CHECK(VirtualAllocCopyEx(GetCurrentProcess(), child, source, P, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    CHECK(VirtualAllocCopyEx(NULL, GetCurrentProcess(), source, P, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    CHECK(VirtualAllocCopyEx((HANDLE)(ULONG_PTR)0xdeadbeefdeadbeef, GetCurrentProcess(), source, P, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    CHECK(VirtualAllocCopyEx(GetCurrentProcess(), GetCurrentProcess(), NULL, P, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(VirtualAllocCopyEx(GetCurrentProcess(), GetCurrentProcess(), source, 0, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    PwLeaveKernelMode();
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
    HANDLE child = (HANDLE)(ULONG_PTR)pid;
    char *source = (char *)PwCeVirtualAlloc(NULL, L, MEM_COMMIT, PAGE_READWRITE);
    CHECK(source != NULL);
    into_the_child(child, source);
    by_the_usual_names((DWORD)pid);
    close(ask[1]);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    dead(child, source);
    CHECK(PwCeVirtualFree(source, 0, MEM_RELEASE));
    return 0;
}
