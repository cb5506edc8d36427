/*
 * A guard page answers the first access with an alarm, once: VirtualLock on it fails the first time and works the second,
 * and a handler sees STATUS_GUARD_PAGE_VIOLATION once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

static volatile LONG g_cGuards;
static volatile LONG g_cOthers;
static PVOID volatile g_pvHit;

static LONG CALLBACK CountGuards(PEXCEPTION_POINTERS pep)
{
    PEXCEPTION_RECORD per = pep->ExceptionRecord;

    if (per->ExceptionCode != STATUS_GUARD_PAGE_VIOLATION || per->NumberParameters < 2) {
        InterlockedIncrement(&g_cOthers);
        return EXCEPTION_CONTINUE_SEARCH;
    }
    InterlockedIncrement(&g_cGuards);
    InterlockedExchangePointer(&g_pvHit, (PVOID)per->ExceptionInformation[1]);
    return EXCEPTION_CONTINUE_EXECUTION;
}

int main(VOID)
{
    LPVOID lpvAddr;
    DWORD cbSize, dwOld;
    BOOL vLock;
    LPVOID commit;
    SYSTEM_INFO sSysInfo;
    PVOID pvHandler;
    volatile BYTE *pb;

    GetSystemInfo(&sSysInfo);
    cbSize = sSysInfo.dwPageSize;

    commit = NULL;
    lpvAddr = VirtualAlloc(commit, cbSize, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY | PAGE_GUARD);
    if (lpvAddr == NULL) {
        fprintf(stderr, "VirtualAlloc failed on initialization, error %ld.\n", (long)GetLastError());
        return 1;
    }
    fprintf(stderr, "Committed %lu bytes at address %p\n", (unsigned long)cbSize, lpvAddr);

    vLock = VirtualLock(lpvAddr, cbSize);
    if (vLock || GetLastError() != STATUS_GUARD_PAGE_VIOLATION) {
        fprintf(stderr, "The guard did not stop VirtualLock: error 0x%lx.\n", (unsigned long)GetLastError());
        return 2;
    }
    vLock = VirtualLock(lpvAddr, cbSize);
    if (!vLock) {
        fprintf(stderr, "Cannot lock at %p, error 0x%lx.\n", lpvAddr, (unsigned long)GetLastError());
        return 3;
    }

    pvHandler = AddVectoredExceptionHandler(1, CountGuards);
    if (pvHandler == NULL || !VirtualProtect(lpvAddr, cbSize, PAGE_READWRITE | PAGE_GUARD, &dwOld) || dwOld != PAGE_READONLY) {
        return 4;
    }
    pb = (volatile BYTE *)lpvAddr;
    pb[17] = 1;
    pb[18] = 2;
    if (g_cGuards != 1 || g_cOthers != 0 || g_pvHit != (PVOID)(pb + 17) || pb[17] != 1 || pb[18] != 2) {
        fprintf(stderr, "%ld guards, %ld others, the last at %p\n", (long)g_cGuards, (long)g_cOthers, g_pvHit);
        return 5;
    }
    if (RemoveVectoredExceptionHandler(pvHandler) == 0 || !VirtualUnlock(lpvAddr, cbSize)) {
        return 6;
    }
    return VirtualFree(lpvAddr, 0, MEM_RELEASE) ? EXIT_SUCCESS : 7;
}
