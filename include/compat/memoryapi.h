/*
 * Virtual memory, of this process and of any other that the caller may trace.
 *
 * Addresses and sizes are bytes; pages have 4 KiB, placements 64 KiB. Calls without a process handle are about the calling
 * one. Every call may be made from any thread. On failure the last error is set and, if nothing else is said, nothing was
 * changed; on success it is left alone. Usual errors: ERROR_INVALID_PARAMETER (87), ERROR_INVALID_ADDRESS (487),
 * ERROR_NOT_ENOUGH_MEMORY (8), ERROR_COMMITMENT_LIMIT (1455), ERROR_INVALID_HANDLE (6), ERROR_ACCESS_DENIED (5: a right is
 * missing, or the process has ended). Out-pointers need not be aligned.
 */
#ifndef _MEMORYAPI_H_
#define _MEMORYAPI_H_

#include "minwinbase.h"

PW_C_BEGIN

#define FILE_MAP_COPY 0x00000001
#define FILE_MAP_WRITE SECTION_MAP_WRITE
#define FILE_MAP_READ SECTION_MAP_READ
#define FILE_MAP_ALL_ACCESS SECTION_ALL_ACCESS
#define FILE_MAP_EXECUTE SECTION_MAP_EXECUTE_EXPLICIT
#define FILE_MAP_LARGE_PAGES 0x20000000
#define FILE_MAP_TARGETS_INVALID 0x40000000
#define FILE_MAP_RESERVE 0x80000000

#define FILE_CACHE_MAX_HARD_ENABLE 0x00000001
#define FILE_CACHE_MAX_HARD_DISABLE 0x00000002
#define FILE_CACHE_MIN_HARD_ENABLE 0x00000004
#define FILE_CACHE_MIN_HARD_DISABLE 0x00000008

#ifndef NUMA_NO_PREFERRED_NODE
#define NUMA_NO_PREFERRED_NODE ((DWORD)-1)
#endif

/* ---- Allocate, free, protect, query ---- */

/*
 * Reserves a range (MEM_RESERVE), gives memory to a reserved one (MEM_COMMIT), or both. lpAddress NULL: anywhere.
 * Answers the base, or NULL. The range belongs to the process until VirtualFree with MEM_RELEASE.
 */
LPVOID WINAPI VirtualAlloc(LPVOID lpAddress, SIZE_T dwSize, DWORD flAllocationType, DWORD flProtect);
/* The same in the process of the handle, which needs PROCESS_VM_OPERATION. */
LPVOID WINAPI VirtualAllocEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD flAllocationType, DWORD flProtect);
/* The same, with pages from this node while there are any. */
LPVOID WINAPI VirtualAllocExNuma(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD flAllocationType, DWORD flProtect,
    DWORD nndPreferred);
/*
 * The same with extended parameters: limits and alignment of the address, node, attributes. Process NULL: this one. With
 * MEM_RESERVE_PLACEHOLDER and PAGE_NOACCESS it reserves a placeholder; with MEM_REPLACE_PLACEHOLDER what is allocated takes the
 * place of the one that has this base and size (else ERROR_INVALID_ADDRESS).
 */
PVOID WINAPI VirtualAlloc2(HANDLE Process, PVOID BaseAddress, SIZE_T Size, ULONG AllocationType, ULONG PageProtection,
    MEM_EXTENDED_PARAMETER *ExtendedParameters, ULONG ParameterCount);
/* As VirtualAlloc and VirtualAlloc2, but protections that permit execution are ERROR_INVALID_PARAMETER. */
PVOID WINAPI VirtualAllocFromApp(PVOID BaseAddress, SIZE_T Size, ULONG AllocationType, ULONG Protection);
PVOID WINAPI VirtualAlloc2FromApp(HANDLE Process, PVOID BaseAddress, SIZE_T Size, ULONG AllocationType, ULONG PageProtection,
    MEM_EXTENDED_PARAMETER *ExtendedParameters, ULONG ParameterCount);

/*
 * MEM_DECOMMIT takes the memory of the pages that the range touches (dwSize 0: of the whole allocation); MEM_RELEASE takes the
 * allocation with base lpAddress, and dwSize is 0. With a size, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER splits a placeholder, or
 * leaves one where memory was; MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS makes one of several.
 */
BOOL WINAPI VirtualFree(LPVOID lpAddress, SIZE_T dwSize, DWORD dwFreeType);
/* The same in the process of the handle, which needs PROCESS_VM_OPERATION. */
BOOL WINAPI VirtualFreeEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD dwFreeType);

/*
 * Changes the protection of committed pages of one allocation. *lpflOldProtect takes what the first page had; it may not be
 * NULL (ERROR_NOACCESS). All pages or none.
 */
BOOL WINAPI VirtualProtect(LPVOID lpAddress, SIZE_T dwSize, DWORD flNewProtect, PDWORD lpflOldProtect);
/* The same in the process of the handle, which needs PROCESS_VM_OPERATION. */
BOOL WINAPI VirtualProtectEx(HANDLE hProcess, LPVOID lpAddress, SIZE_T dwSize, DWORD flNewProtect, PDWORD lpflOldProtect);
/* As VirtualProtect, but pages that are both written and executed are ERROR_INVALID_PARAMETER. */
BOOL WINAPI VirtualProtectFromApp(PVOID Address, SIZE_T Size, ULONG NewProtection, PULONG OldProtection);

/*
 * Describes the run of like pages that begins with the page of lpAddress. Answers sizeof(MEMORY_BASIC_INFORMATION), or 0:
 * ERROR_BAD_LENGTH, ERROR_INVALID_PARAMETER (an address beyond those of a program). Takes no lock and no memory, and may be
 * called in a signal handler.
 */
SIZE_T WINAPI VirtualQuery(LPCVOID lpAddress, PMEMORY_BASIC_INFORMATION lpBuffer, SIZE_T dwLength);
/* The same of the process of the handle, which needs PROCESS_QUERY_INFORMATION. Not for signal handlers. */
SIZE_T WINAPI VirtualQueryEx(HANDLE hProcess, LPCVOID lpAddress, PMEMORY_BASIC_INFORMATION lpBuffer, SIZE_T dwLength);

typedef enum WIN32_MEMORY_INFORMATION_CLASS { MemoryRegionInfo } WIN32_MEMORY_INFORMATION_CLASS;

/* A whole allocation. */
typedef struct WIN32_MEMORY_REGION_INFORMATION {
    PVOID AllocationBase;
    ULONG AllocationProtect;
    PW_UNNAMED union {
        ULONG Flags;
        PW_UNNAMED struct {
            ULONG Private : 1;
            ULONG MappedDataFile : 1;
            ULONG MappedImage : 1;
            ULONG MappedPageFile : 1;
            ULONG MappedPhysical : 1;
            ULONG DirectMapped : 1;
            ULONG Reserved : 26;
        } DUMMYSTRUCTNAME;
    } DUMMYUNIONNAME;
    SIZE_T RegionSize;
    SIZE_T CommitSize;
} WIN32_MEMORY_REGION_INFORMATION;

/*
 * Describes the allocation that holds VirtualAddress, into MemoryInformationSize bytes; *ReturnSize (may be NULL) takes the
 * bytes that were written. Needs PROCESS_QUERY_INFORMATION. FALSE also: ERROR_BAD_LENGTH.
 */
BOOL WINAPI QueryVirtualMemoryInformation(HANDLE Process, const void *VirtualAddress,
    WIN32_MEMORY_INFORMATION_CLASS MemoryInformationClass, PVOID MemoryInformation, SIZE_T MemoryInformationSize,
    PSIZE_T ReturnSize);

/* ---- Another process's bytes ---- */

/*
 * Copies nSize bytes out of the process (PROCESS_VM_READ). *lpNumberOfBytesRead may be NULL and takes what was copied. Pages
 * without access end the copy: FALSE, ERROR_PARTIAL_COPY.
 */
BOOL WINAPI ReadProcessMemory(HANDLE hProcess, LPCVOID lpBaseAddress, LPVOID lpBuffer, SIZE_T nSize, SIZE_T *lpNumberOfBytesRead);
/*
 * Copies nSize bytes into the process (PROCESS_VM_WRITE and PROCESS_VM_OPERATION). Code pages are written, read-only ones are
 * not: FALSE, ERROR_NOACCESS. *lpNumberOfBytesWritten may be NULL.
 */
BOOL WINAPI WriteProcessMemory(HANDLE hProcess, LPVOID lpBaseAddress, LPCVOID lpBuffer, SIZE_T nSize,
    SIZE_T *lpNumberOfBytesWritten);

/* ---- Keep in memory, or let go ---- */

/*
 * Keeps the pages that the range touches in memory. FALSE: ERROR_NOACCESS (a page without access),
 * ERROR_WORKING_SET_QUOTA (more than the minimum of the working set), 0x80000001 (a guard page, which is then disarmed).
 */
BOOL WINAPI VirtualLock(LPVOID lpAddress, SIZE_T dwSize);
/* Undoes VirtualLock. FALSE with ERROR_NOT_LOCKED: a page was not locked; its memory may then be taken first. */
BOOL WINAPI VirtualUnlock(LPVOID lpAddress, SIZE_T dwSize);
/* The same in the process of the handle; NULL is the calling one. */
BOOL WINAPI VirtualUnlockEx(HANDLE Process, LPVOID Address, SIZE_T Size);

typedef struct _WIN32_MEMORY_RANGE_ENTRY {
    PVOID VirtualAddress;
    SIZE_T NumberOfBytes;
} WIN32_MEMORY_RANGE_ENTRY, *PWIN32_MEMORY_RANGE_ENTRY;

/* Brings the pages of the ranges into memory soon. Advice: it changes no contents. Flags is 0. */
BOOL WINAPI PrefetchVirtualMemory(
    HANDLE hProcess, ULONG_PTR NumberOfEntries, PWIN32_MEMORY_RANGE_ENTRY VirtualAddresses, ULONG Flags);

typedef enum OFFER_PRIORITY {
    VmOfferPriorityVeryLow = 1,
    VmOfferPriorityLow,
    VmOfferPriorityBelowNormal,
    VmOfferPriorityNormal
} OFFER_PRIORITY;

/*
 * The contents of whole committed pages may be taken when memory is short; the pages are not to be accessed until reclaimed.
 * These three answer the error code, 0 for success, and do not set the last error.
 */
DWORD WINAPI OfferVirtualMemory(PVOID VirtualAddress, SIZE_T Size, OFFER_PRIORITY Priority);
/* Takes an offer back. ERROR_BUSY: done, but the contents are gone. */
DWORD WINAPI ReclaimVirtualMemory(void const *VirtualAddress, SIZE_T Size);
/* The contents of whole committed pages are not wanted any more. */
DWORD WINAPI DiscardVirtualMemory(PVOID VirtualAddress, SIZE_T Size);

/* The bounds of the working set, in bytes; both -1 to empty it. Needs PROCESS_SET_QUOTA. */
BOOL WINAPI SetProcessWorkingSetSizeEx(
    HANDLE hProcess, SIZE_T dwMinimumWorkingSetSize, SIZE_T dwMaximumWorkingSetSize, DWORD Flags);
/* What they are. Needs PROCESS_QUERY_INFORMATION; no pointer may be NULL. */
BOOL WINAPI GetProcessWorkingSetSizeEx(
    HANDLE hProcess, PSIZE_T lpMinimumWorkingSetSize, PSIZE_T lpMaximumWorkingSetSize, PDWORD Flags);

/* ---- Written pages ---- */

/*
 * Lists the pages that were written in a range of an allocation made with MEM_WRITE_WATCH: up to *lpdwCount addresses, in
 * order, into lpAddresses; *lpdwCount takes how many, *lpdwGranularity the bytes of a page. WRITE_WATCH_FLAG_RESET forgets
 * those that are listed. Answers 0, or (UINT)-1 with the last error set.
 */
UINT WINAPI GetWriteWatch(DWORD dwFlags, PVOID lpBaseAddress, SIZE_T dwRegionSize, PVOID *lpAddresses, ULONG_PTR *lpdwCount,
    LPDWORD lpdwGranularity);
/* Forgets the written pages of a range. Answers 0, or (UINT)-1 with the last error set. */
UINT WINAPI ResetWriteWatch(LPVOID lpBaseAddress, SIZE_T dwRegionSize);
/* Additions to Win32: the same in the process of the handle, which needs PROCESS_VM_OPERATION. */
UINT WINAPI GetWriteWatchEx(HANDLE hProcess, DWORD dwFlags, PVOID lpBaseAddress, SIZE_T dwRegionSize, PVOID *lpAddresses,
    ULONG_PTR *lpdwCount, LPDWORD lpdwGranularity);
UINT WINAPI ResetWriteWatchEx(HANDLE hProcess, LPVOID lpBaseAddress, SIZE_T dwRegionSize);
/* An addition to Win32: counts the pages of the range as written, for who writes past the watch (a view, a device). */
UINT WINAPI NoteWriteWatchEx(HANDLE hProcess, LPVOID lpBaseAddress, SIZE_T dwRegionSize);

/* ---- Large pages, physical pages ---- */

/* The bytes of a large page: 2 MiB. MEM_LARGE_PAGES needs SeLockMemoryPrivilege (ERROR_PRIVILEGE_NOT_HELD, 1314). */
SIZE_T WINAPI GetLargePageMinimum(void);
/*
 * Takes physical pages: *NumberOfPages of them, as numbers into PageArray; *NumberOfPages takes how many there were. They belong
 * to the process until freed. Needs SeLockMemoryPrivilege.
 */
BOOL WINAPI AllocateUserPhysicalPages(HANDLE hProcess, PULONG_PTR NumberOfPages, PULONG_PTR PageArray);
BOOL WINAPI AllocateUserPhysicalPagesNuma(HANDLE hProcess, PULONG_PTR NumberOfPages, PULONG_PTR PageArray, DWORD nndPreferred);
/* Gives them back, and takes them out of windows; *NumberOfPages takes how many were freed. */
BOOL WINAPI FreeUserPhysicalPages(HANDLE hProcess, PULONG_PTR NumberOfPages, PULONG_PTR PageArray);
/* Shows them at VirtualAddress, inside of a range reserved with MEM_PHYSICAL; PageArray NULL: shows nothing there. */
BOOL WINAPI MapUserPhysicalPages(PVOID VirtualAddress, ULONG_PTR NumberOfPages, PULONG_PTR PageArray);
/* Shows each of them at an address of its own. */
BOOL WINAPI MapUserPhysicalPagesScatter(PVOID *VirtualAddresses, ULONG_PTR NumberOfPages, PULONG_PTR PageArray);
/* Additions to Win32: the same in the process of the handle, which needs PROCESS_VM_OPERATION. */
BOOL WINAPI MapUserPhysicalPagesEx(HANDLE hProcess, PVOID VirtualAddress, ULONG_PTR NumberOfPages, PULONG_PTR PageArray);
BOOL WINAPI MapUserPhysicalPagesScatterEx(
    HANDLE hProcess, PVOID *VirtualAddresses, ULONG_PTR NumberOfPages, PULONG_PTR PageArray);

/* ---- Sections and views ---- */

/*
 * An addition to Win32, for files: a handle for the open file behind a descriptor, for CreateFileMapping and CloseHandle. The
 * descriptor stays the caller's. NULL: ERROR_INVALID_HANDLE.
 */
HANDLE WINAPI PwFileHandle(int descriptor);

/*
 * A section: memory that several views show. hFile is INVALID_HANDLE_VALUE for memory of the section's own, or that of a file
 * (PwFileHandle). flProtect: PAGE_* and SEC_*; the size is high:low, 0 for the size of the file. Answers NULL, or a handle for
 * CloseHandle; the last error is then ERROR_ALREADY_EXISTS if a section with this name was opened, and else 0.
 */
HANDLE WINAPI CreateFileMappingA(HANDLE hFile, LPSECURITY_ATTRIBUTES lpFileMappingAttributes, DWORD flProtect,
    DWORD dwMaximumSizeHigh, DWORD dwMaximumSizeLow, LPCSTR lpName);
HANDLE WINAPI CreateFileMappingW(HANDLE hFile, LPSECURITY_ATTRIBUTES lpFileMappingAttributes, DWORD flProtect,
    DWORD dwMaximumSizeHigh, DWORD dwMaximumSizeLow, LPCWSTR lpName);
HANDLE WINAPI CreateFileMappingFromApp(
    HANDLE hFile, PSECURITY_ATTRIBUTES SecurityAttributes, ULONG PageProtection, ULONG64 MaximumSize, PCWSTR Name);
/* The section with this name. NULL: ERROR_FILE_NOT_FOUND, ERROR_ACCESS_DENIED. */
HANDLE WINAPI OpenFileMappingA(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCSTR lpName);
HANDLE WINAPI OpenFileMappingW(DWORD dwDesiredAccess, BOOL bInheritHandle, LPCWSTR lpName);
HANDLE WINAPI OpenFileMappingFromApp(ULONG DesiredAccess, BOOL InheritHandle, PCWSTR Name);

/*
 * Shows a section, or a part that begins at a multiple of 64 KiB; 0 bytes: up to its end. Answers the base, or NULL. The view
 * belongs to the process until UnmapViewOfFile.
 */
LPVOID WINAPI MapViewOfFile(HANDLE hFileMappingObject, DWORD dwDesiredAccess, DWORD dwFileOffsetHigh, DWORD dwFileOffsetLow,
    SIZE_T dwNumberOfBytesToMap);
LPVOID WINAPI MapViewOfFileEx(HANDLE hFileMappingObject, DWORD dwDesiredAccess, DWORD dwFileOffsetHigh, DWORD dwFileOffsetLow,
    SIZE_T dwNumberOfBytesToMap, LPVOID lpBaseAddress);
PVOID WINAPI MapViewOfFileFromApp(HANDLE hFileMappingObject, ULONG DesiredAccess, ULONG64 FileOffset, SIZE_T NumberOfBytesToMap);
/*
 * The same in the process of a handle (NULL: this one), with page protection, extended parameters or a node. MapViewOfFile3 with
 * MEM_REPLACE_PLACEHOLDER puts the view into the place of a placeholder.
 */
PVOID WINAPI MapViewOfFile3(HANDLE FileMapping, HANDLE Process, PVOID BaseAddress, ULONG64 Offset, SIZE_T ViewSize,
    ULONG AllocationType, ULONG PageProtection, MEM_EXTENDED_PARAMETER *ExtendedParameters, ULONG ParameterCount);
PVOID WINAPI MapViewOfFileNuma2(HANDLE FileMappingHandle, HANDLE ProcessHandle, ULONG64 Offset, PVOID BaseAddress, SIZE_T ViewSize,
    ULONG AllocationType, ULONG PageProtection, ULONG PreferredNode);
PW_INLINE PVOID MapViewOfFile2(HANDLE FileMappingHandle, HANDLE ProcessHandle, ULONG64 Offset, PVOID BaseAddress, SIZE_T ViewSize,
    ULONG AllocationType, ULONG PageProtection)
{
    return MapViewOfFileNuma2(FileMappingHandle, ProcessHandle, Offset, BaseAddress, ViewSize, AllocationType, PageProtection,
        NUMA_NO_PREFERRED_NODE);
}
/* Writes what was stored through a view of a file to it; 0 bytes: all that follows. FALSE: ERROR_INVALID_ADDRESS. */
BOOL WINAPI FlushViewOfFile(LPCVOID lpBaseAddress, SIZE_T dwNumberOfBytesToFlush);
/*
 * Takes a view away; any address of it will do. FALSE: ERROR_INVALID_ADDRESS. UnmapFlags: 0, or MEM_PRESERVE_PLACEHOLDER, which
 * leaves the placeholder whose place the view took.
 */
BOOL WINAPI UnmapViewOfFile(LPCVOID lpBaseAddress);
BOOL WINAPI UnmapViewOfFileEx(PVOID BaseAddress, ULONG UnmapFlags);
BOOL WINAPI UnmapViewOfFile2(HANDLE Process, PVOID BaseAddress, ULONG UnmapFlags);

#ifdef UNICODE
#define CreateFileMapping CreateFileMappingW
#define OpenFileMapping OpenFileMappingW
#else
#define CreateFileMapping CreateFileMappingA
#define OpenFileMapping OpenFileMappingA
#endif

PW_C_END

#endif
