/*
 * What Windows CE means by names that Win32 has too. <pkfuncs.h> brings this in, and <windows.h> for sources of CE.
 *
 * A source that is compiled for CE (UNDER_CE or _WIN32_WCE is defined, as CE's own tools do) gets the calls below by their
 * usual names: VirtualAlloc is PwCeVirtualAlloc then, and so on. Any other source gets Win32's. The differences:
 *
 * - A process is named by a handle or by its id, cast to HANDLE. Handles carry no rights: OpenProcess takes 0 and FALSE.
 * - Sizes are DWORDs, and so are the counts that ReadProcessMemory and WriteProcessMemory store, all of it or 0.
 * - What is wrong with an argument is ERROR_INVALID_PARAMETER (87) throughout, what is wrong with a process
 *   ERROR_INVALID_HANDLE (6). Protections that CE does not know (the WRITECOPY kinds) are 87.
 * - GetCurrentProcess() is Win32's (HANDLE)-1, which all calls here take; CE's own 0x42 is taken as well.
 *
 * For every call: FALSE, NULL or 0 and a last error on failure, then nothing was changed; success leaves the last error
 * alone. Out-pointers need not be aligned. All threads may call.
 */
#ifndef PW_CE_H
#define PW_CE_H

#include "windef.h"
#include "winbase.h"

PW_C_BEGIN

/*
 * Reserves (MEM_RESERVE), commits (MEM_COMMIT; anywhere without a prior reserve too), or both. dwSize is in bytes; pages touched
 * count; reservations begin at multiples of 64 KiB. The caller frees it. Size 0: 87; no room: ERROR_NOT_ENOUGH_MEMORY (8).
 */
LPVOID WINAPI PwCeVirtualAlloc(LPVOID lpAddress, DWORD dwSize, DWORD flAllocationType, DWORD flProtect);
LPVOID WINAPI PwCeVirtualAllocEx(
    HANDLE hProcess, LPVOID lpAddress, DWORD dwSize, DWORD flAllocationType, DWORD flProtect);

/*
 * Decommits the pages touched (MEM_DECOMMIT), or releases a whole reservation by its base (MEM_RELEASE, dwSize 0). What others see
 * of aliased pages stays theirs.
 */
BOOL WINAPI PwCeVirtualFree(LPVOID lpAddress, DWORD dwSize, DWORD dwFreeType);
BOOL WINAPI PwCeVirtualFreeEx(HANDLE hProcess, LPVOID lpAddress, DWORD dwSize, DWORD dwFreeType);

/* Changes the protection of committed pages of one allocation; *lpflOldProtect, not NULL, takes that of the first. */
BOOL WINAPI PwCeVirtualProtect(LPVOID lpAddress, DWORD dwSize, DWORD flNewProtect, PDWORD lpflOldProtect);
BOOL WINAPI PwCeVirtualProtectEx(
    HANDLE hProcess, LPVOID lpAddress, DWORD dwSize, DWORD flNewProtect, PDWORD lpflOldProtect);

/* Describes the run of like pages from lpAddress on. Answers the bytes stored, sizeof(MEMORY_BASIC_INFORMATION), or 0. */
DWORD WINAPI PwCeVirtualQuery(LPCVOID lpAddress, PMEMORY_BASIC_INFORMATION lpBuffer, DWORD dwLength);
DWORD WINAPI PwCeVirtualQueryEx(
    HANDLE hProcess, LPCVOID lpAddress, PMEMORY_BASIC_INFORMATION lpBuffer, DWORD dwLength);

/* Opens a process by its Linux id; fdwAccess is 0, fInherit FALSE. The caller closes the handle with CloseHandle. */
HANDLE WINAPI PwCeOpenProcess(DWORD fdwAccess, BOOL fInherit, DWORD IDProcess);

/*
 * Copies nSize bytes out of a process, or into it: all of them or none. The count may be NULL, and is 0 on failure. A range or a
 * buffer with a hole: 87; memory that may not be accessed: ERROR_ACCESS_DENIED (5).
 */
BOOL WINAPI PwCeReadProcessMemory(
    HANDLE hProcess, LPCVOID lpBaseAddress, LPVOID lpBuffer, DWORD nSize, LPDWORD lpNumberOfBytesRead);
BOOL WINAPI PwCeWriteProcessMemory(
    HANDLE hProcess, LPVOID lpBaseAddress, LPVOID lpBuffer, DWORD nSize, LPDWORD lpNumberOfBytesWritten);

PW_C_END

#if defined(UNDER_CE) || defined(_WIN32_WCE)
#define VirtualAlloc PwCeVirtualAlloc
#define VirtualAllocEx PwCeVirtualAllocEx
#define VirtualFree PwCeVirtualFree
#define VirtualFreeEx PwCeVirtualFreeEx
#define VirtualProtect PwCeVirtualProtect
#define VirtualProtectEx PwCeVirtualProtectEx
#define VirtualQuery PwCeVirtualQuery
#define VirtualQueryEx PwCeVirtualQueryEx
#define OpenProcess PwCeOpenProcess
#define ReadProcessMemory PwCeReadProcessMemory
#define WriteProcessMemory PwCeWriteProcessMemory
#endif

#endif
