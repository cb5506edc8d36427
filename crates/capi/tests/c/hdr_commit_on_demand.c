/*
 * Dynamic allocation by page faults: pages of a reservation are committed by an exception handler when they are touched. With
 * the handler of Windows' documentation rewritten for vectored exceptions.
 */
#include <stdio.h>
#include <windows.h>

#define PAGELIMIT 80

static LPTSTR lpNxtPage;
static DWORD dwPages = 0;
static DWORD dwPageSize;
static LPVOID lpvBase;

static LONG WINAPI PageFaultExceptionFilter(struct _EXCEPTION_POINTERS *lpep)
{
    LPVOID lpvResult;
    const EXCEPTION_RECORD *lpRecord = lpep->ExceptionRecord;
    ULONG_PTR ulAddress;

    if (lpRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    ulAddress = lpRecord->ExceptionInformation[1];
    if (ulAddress < (ULONG_PTR)lpvBase || ulAddress >= (ULONG_PTR)lpvBase + (SIZE_T)PAGELIMIT * dwPageSize) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    if (lpRecord->ExceptionInformation[0] != EXCEPTION_WRITE_FAULT || lpep->ContextRecord->Rip == 0 || dwPages >= PAGELIMIT) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    lpvResult = VirtualAlloc((LPVOID)lpNxtPage, dwPageSize, MEM_COMMIT, PAGE_READWRITE);
    if (lpvResult == NULL) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    dwPages++;
    lpNxtPage = (LPTSTR)((PCHAR)lpNxtPage + dwPageSize);
    return EXCEPTION_CONTINUE_EXECUTION;
}

int main(void)
{
    LPTSTR lpPtr;
    DWORD i;
    SYSTEM_INFO sSysInfo;
    PVOID pvHandler;

    GetSystemInfo(&sSysInfo);
    dwPageSize = sSysInfo.dwPageSize;
    lpvBase = VirtualAlloc(NULL, (SIZE_T)PAGELIMIT * dwPageSize, MEM_RESERVE, PAGE_NOACCESS);
    if (lpvBase == NULL) {
        fprintf(stderr, "VirtualAlloc reserve failed: %lu\n", (unsigned long)GetLastError());
        return 1;
    }
    lpPtr = lpNxtPage = (LPTSTR)lpvBase;
    pvHandler = AddVectoredExceptionHandler(1, PageFaultExceptionFilter);
    for (i = 0; i < PAGELIMIT * dwPageSize; i++) {
        ((volatile TCHAR *)lpPtr)[i] = TEXT('a');
    }
    RemoveVectoredExceptionHandler(pvHandler);
    printf("%lu pages\n", (unsigned long)dwPages);
    if (dwPages != PAGELIMIT || lpPtr[PAGELIMIT * dwPageSize - 1] != 'a') {
        return 2;
    }
    return VirtualFree(lpvBase, 0, MEM_RELEASE) ? 0 : 3;
}
