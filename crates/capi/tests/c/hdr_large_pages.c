/* Large pages, with the privilege that they need switched on as the documentation shows it. */
#include <stdio.h>
#include <tchar.h>
#include <windows.h>

static BOOL Privilege(LPCTSTR pszPrivilege, BOOL bEnable)
{
    HANDLE hToken;
    TOKEN_PRIVILEGES tp;
    BOOL status;
    DWORD error;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &hToken)) {
        return FALSE;
    }
    if (!LookupPrivilegeValue(NULL, pszPrivilege, &tp.Privileges[0].Luid)) {
        CloseHandle(hToken);
        return FALSE;
    }
    tp.PrivilegeCount = 1;
    tp.Privileges[0].Attributes = bEnable ? SE_PRIVILEGE_ENABLED : 0;
    status = AdjustTokenPrivileges(hToken, FALSE, &tp, 0, (PTOKEN_PRIVILEGES)NULL, 0);
    /* Even TRUE does not mean that the privilege was given. */
    error = GetLastError();
    CloseHandle(hToken);
    SetLastError(error);
    return status && error == ERROR_SUCCESS;
}

int _tmain(void)
{
    SIZE_T cbLarge = GetLargePageMinimum();
    PVOID pv;
    MEMORY_BASIC_INFORMATION mbi;

    if (cbLarge != 2 * 1024 * 1024) {
        return 1;
    }
    if (!Privilege(SE_LOCK_MEMORY_NAME, TRUE)) {
        DWORD dwError = GetLastError();
        /* Without the privilege there are none. */
        pv = VirtualAlloc(NULL, cbLarge, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE);
        _tprintf(TEXT("not run: this user may not have the privilege (error %lu)\n"), (unsigned long)dwError);
        return dwError == ERROR_NOT_ALL_ASSIGNED && pv == NULL && GetLastError() == ERROR_PRIVILEGE_NOT_HELD ? 0 : 4;
    }
    pv = VirtualAlloc(NULL, 2 * cbLarge, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE);
    if (pv == NULL) {
        DWORD dwError = GetLastError();
        _tprintf(TEXT("not run: no large pages here (error %lu)\n"), (unsigned long)dwError);
        return dwError == ERROR_NO_SYSTEM_RESOURCES ? 0 : 5;
    }
    if ((ULONG_PTR)pv % cbLarge != 0 || VirtualQuery(pv, &mbi, sizeof(mbi)) == 0 || mbi.RegionSize != 2 * cbLarge ||
        mbi.State != MEM_COMMIT) {
        return 6;
    }
    FillMemory(pv, 2 * cbLarge, 0x5a);
    if (((PBYTE)pv)[2 * cbLarge - 1] != 0x5a || !VirtualFree(pv, 0, MEM_RELEASE)) {
        return 7;
    }
    _tprintf(TEXT("large pages of %lu KiB\n"), (unsigned long)(cbLarge / 1024));
    return Privilege(TEXT("SeLockMemoryPrivilege"), FALSE) ? 0 : 8;
}
