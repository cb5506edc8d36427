/* Physical pages behind a window of addresses (AWE), after the example of Windows' documentation. */
#include <stdio.h>
#include <tchar.h>
#include <windows.h>

#define MEMORY_REQUESTED (1024 * 1024)

static BOOL LoggedSetLockPagesPrivilege(HANDLE hProcess, BOOL bEnable)
{
    struct {
        DWORD Count;
        LUID_AND_ATTRIBUTES Privilege[1];
    } Info;
    HANDLE Token;
    BOOL Result = FALSE;

    if (OpenProcessToken(hProcess, TOKEN_ADJUST_PRIVILEGES, &Token) != TRUE) {
        _tprintf(_T("Cannot open process token.\n"));
        return FALSE;
    }
    Info.Count = 1;
    Info.Privilege[0].Attributes = bEnable ? SE_PRIVILEGE_ENABLED : 0;
    if (LookupPrivilegeValue(NULL, SE_LOCK_MEMORY_NAME, &(Info.Privilege[0].Luid)) == TRUE &&
        AdjustTokenPrivileges(Token, FALSE, (PTOKEN_PRIVILEGES)&Info, 0, NULL, NULL) == TRUE) {
        Result = GetLastError() == ERROR_SUCCESS;
    }
    CloseHandle(Token);
    return Result;
}

int _cdecl main(void)
{
    BOOL bResult;
    ULONG_PTR NumberOfPages, NumberOfPagesInitial;
    ULONG_PTR *aPFNs, *aHalf;
    PVOID lpMemReserved;
    SYSTEM_INFO sSysInfo;
    SIZE_T PFNArraySize;
    volatile DWORD *pdw;

    GetSystemInfo(&sSysInfo);
    NumberOfPages = MEMORY_REQUESTED / sSysInfo.dwPageSize;
    PFNArraySize = NumberOfPages * sizeof(ULONG_PTR);
    aPFNs = (ULONG_PTR *)HeapAlloc(GetProcessHeap(), 0, PFNArraySize);
    if (aPFNs == NULL) {
        return 1;
    }
    NumberOfPagesInitial = NumberOfPages;
    if (!LoggedSetLockPagesPrivilege(GetCurrentProcess(), TRUE)) {
        /* Who may not have it gets no pages either. */
        bResult = AllocateUserPhysicalPages(GetCurrentProcess(), &NumberOfPages, aPFNs);
        _tprintf(_T("not run: this user may not have the privilege\n"));
        return bResult == FALSE && GetLastError() == ERROR_PRIVILEGE_NOT_HELD ? 0 : 2;
    }
    bResult = AllocateUserPhysicalPages(GetCurrentProcess(), &NumberOfPages, aPFNs);
    if (bResult != TRUE || NumberOfPages != NumberOfPagesInitial) {
        _tprintf(_T("Cannot allocate physical pages (%u)\n"), GetLastError());
        return 3;
    }
    /* The window has half of them. */
    lpMemReserved = VirtualAlloc(NULL, MEMORY_REQUESTED / 2, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    if (lpMemReserved == NULL) {
        _tprintf(_T("Cannot reserve memory.\n"));
        return 4;
    }
    aHalf = aPFNs + NumberOfPages / 2;
    pdw = (volatile DWORD *)lpMemReserved;
    if (!MapUserPhysicalPages(lpMemReserved, NumberOfPages / 2, aPFNs)) {
        return 5;
    }
    *pdw = 1;
    if (!MapUserPhysicalPages(lpMemReserved, NumberOfPages / 2, aHalf)) {
        return 6;
    }
    *pdw = 2;
    if (!MapUserPhysicalPages(lpMemReserved, NumberOfPages / 2, aPFNs) || *pdw != 1) {
        return 7;
    }
    if (!MapUserPhysicalPages(lpMemReserved, NumberOfPages / 2, aHalf) || *pdw != 2) {
        return 8;
    }
    if (!MapUserPhysicalPages(lpMemReserved, NumberOfPages / 2, NULL)) {
        return 9;
    }
    if (!FreeUserPhysicalPages(GetCurrentProcess(), &NumberOfPages, aPFNs) || NumberOfPages != NumberOfPagesInitial) {
        return 10;
    }
    if (!VirtualFree(lpMemReserved, 0, MEM_RELEASE) || !HeapFree(GetProcessHeap(), 0, aPFNs)) {
        return 11;
    }
    _tprintf(_T("%lu pages shown in a window of %lu\n"), (unsigned long)NumberOfPages, (unsigned long)NumberOfPages / 2);
    return 0;
}
