/* Working sets, and what processes use. The K32 names and the plain ones are the same calls. */
#ifndef _PSAPI_H_
#define _PSAPI_H_

#include "minwindef.h"

PW_C_BEGIN

/* What QueryWorkingSetEx says about a page. ShareCount ... Reserved count only if Valid is 1. */
typedef union _PSAPI_WORKING_SET_EX_BLOCK {
    ULONG_PTR Flags;
    PW_UNNAMED union {
        PW_UNNAMED struct {
            PW_UNNAMED ULONG_PTR Valid : 1;
            PW_UNNAMED ULONG_PTR ShareCount : 3;
            PW_UNNAMED ULONG_PTR Win32Protection : 11;
            PW_UNNAMED ULONG_PTR Shared : 1;
            PW_UNNAMED ULONG_PTR Node : 6;
            PW_UNNAMED ULONG_PTR Locked : 1;
            PW_UNNAMED ULONG_PTR LargePage : 1;
            PW_UNNAMED ULONG_PTR Reserved : 7;
            PW_UNNAMED ULONG_PTR Bad : 1;
            PW_UNNAMED ULONG_PTR ReservedUlong : 32;
        } DUMMYSTRUCTNAME;
        struct {
            PW_UNNAMED ULONG_PTR Valid : 1;
            PW_UNNAMED ULONG_PTR Reserved0 : 14;
            PW_UNNAMED ULONG_PTR Shared : 1;
            PW_UNNAMED ULONG_PTR Reserved1 : 15;
            PW_UNNAMED ULONG_PTR Bad : 1;
            PW_UNNAMED ULONG_PTR ReservedUlong : 32;
        } Invalid;
    } DUMMYUNIONNAME;
} PSAPI_WORKING_SET_EX_BLOCK, *PPSAPI_WORKING_SET_EX_BLOCK;

typedef struct _PSAPI_WORKING_SET_EX_INFORMATION {
    PVOID VirtualAddress;
    PSAPI_WORKING_SET_EX_BLOCK VirtualAttributes;
} PSAPI_WORKING_SET_EX_INFORMATION, *PPSAPI_WORKING_SET_EX_INFORMATION;

typedef struct _PSAPI_WS_WATCH_INFORMATION {
    LPVOID FaultingPc;
    LPVOID FaultingVa;
} PSAPI_WS_WATCH_INFORMATION, *PPSAPI_WS_WATCH_INFORMATION;

/* A page that is in memory: Protection by a number of its own, VirtualPage its address / 4096. */
typedef union _PSAPI_WORKING_SET_BLOCK {
    ULONG_PTR Flags;
    PW_UNNAMED struct {
        PW_UNNAMED ULONG_PTR Protection : 5;
        PW_UNNAMED ULONG_PTR ShareCount : 3;
        PW_UNNAMED ULONG_PTR Shared : 1;
        PW_UNNAMED ULONG_PTR Reserved : 3;
        PW_UNNAMED ULONG_PTR VirtualPage : 52;
    } DUMMYSTRUCTNAME;
} PSAPI_WORKING_SET_BLOCK, *PPSAPI_WORKING_SET_BLOCK;

typedef struct _PSAPI_WORKING_SET_INFORMATION {
    ULONG_PTR NumberOfEntries;
    PSAPI_WORKING_SET_BLOCK WorkingSetInfo[1];
} PSAPI_WORKING_SET_INFORMATION, *PPSAPI_WORKING_SET_INFORMATION;

/*
 * Lists all pages of the process that are in memory, ascending, large ones excepted, as a PSAPI_WORKING_SET_INFORMATION with
 * as many entries. Needs PROCESS_QUERY_INFORMATION and PROCESS_VM_READ. FALSE also: ERROR_BAD_LENGTH (they do not fit into cb
 * bytes; NumberOfEntries is set all the same, if that fits).
 */
BOOL WINAPI QueryWorkingSet(HANDLE hProcess, PVOID pv, DWORD cb);
BOOL WINAPI K32QueryWorkingSet(HANDLE hProcess, PVOID pv, DWORD cb);
/* Takes the pages of the process out of memory, as far as they are not locked. Needs PROCESS_SET_QUOTA. */
BOOL WINAPI EmptyWorkingSet(HANDLE hProcess);
BOOL WINAPI K32EmptyWorkingSet(HANDLE hProcess);
/*
 * Answers, for each PSAPI_WORKING_SET_EX_INFORMATION in the cb bytes at pv, what the page at its VirtualAddress is. Needs
 * PROCESS_QUERY_INFORMATION. FALSE also: ERROR_BAD_LENGTH (less than one of them).
 */
BOOL WINAPI QueryWorkingSetEx(HANDLE hProcess, PVOID pv, DWORD cb);
BOOL WINAPI K32QueryWorkingSetEx(HANDLE hProcess, PVOID pv, DWORD cb);
/* From now on pages that come into the working set are noted. */
BOOL WINAPI InitializeProcessForWsWatch(HANDLE hProcess);
BOOL WINAPI K32InitializeProcessForWsWatch(HANDLE hProcess);
/*
 * The pages that came since the last call, into cb bytes; the last entry has FaultingPc NULL. FALSE: ERROR_INSUFFICIENT_BUFFER
 * (nothing is lost), ERROR_NO_MORE_ITEMS, ERROR_INVALID_PARAMETER (nobody watches).
 */
BOOL WINAPI GetWsChanges(HANDLE hProcess, PPSAPI_WS_WATCH_INFORMATION lpWatchInfo, DWORD cb);
BOOL WINAPI K32GetWsChanges(HANDLE hProcess, PPSAPI_WS_WATCH_INFORMATION lpWatchInfo, DWORD cb);
/*
 * The path of the file that is mapped at lpv, with its 0, into nSize characters; the A calls in UTF-8. Answers the characters
 * without the 0. What does not fit is cut off, without a 0, and the last error is ERROR_INSUFFICIENT_BUFFER. 0: that code
 * (no room at all), or the code for memory that shows no file.
 */
DWORD WINAPI GetMappedFileNameA(HANDLE hProcess, LPVOID lpv, LPSTR lpFilename, DWORD nSize);
DWORD WINAPI GetMappedFileNameW(HANDLE hProcess, LPVOID lpv, LPWSTR lpFilename, DWORD nSize);
DWORD WINAPI K32GetMappedFileNameA(HANDLE hProcess, LPVOID lpv, LPSTR lpFilename, DWORD nSize);
DWORD WINAPI K32GetMappedFileNameW(HANDLE hProcess, LPVOID lpv, LPWSTR lpFilename, DWORD nSize);
#ifdef UNICODE
#define GetMappedFileName GetMappedFileNameW
#else
#define GetMappedFileName GetMappedFileNameA
#endif

/* How much memory a process uses, in bytes. */
typedef struct _PROCESS_MEMORY_COUNTERS {
    DWORD cb;
    DWORD PageFaultCount;
    SIZE_T PeakWorkingSetSize;
    SIZE_T WorkingSetSize;
    SIZE_T QuotaPeakPagedPoolUsage; /* 0 */
    SIZE_T QuotaPagedPoolUsage;     /* 0 */
    SIZE_T QuotaPeakNonPagedPoolUsage;
    SIZE_T QuotaNonPagedPoolUsage; /* page tables */
    SIZE_T PagefileUsage;          /* private memory that can be stored to */
    SIZE_T PeakPagefileUsage;      /* as much as now: Linux does not keep the highest */
} PROCESS_MEMORY_COUNTERS, *PPROCESS_MEMORY_COUNTERS;

typedef struct _PROCESS_MEMORY_COUNTERS_EX {
    DWORD cb;
    DWORD PageFaultCount;
    SIZE_T PeakWorkingSetSize;
    SIZE_T WorkingSetSize;
    SIZE_T QuotaPeakPagedPoolUsage;
    SIZE_T QuotaPagedPoolUsage;
    SIZE_T QuotaPeakNonPagedPoolUsage;
    SIZE_T QuotaNonPagedPoolUsage;
    SIZE_T PagefileUsage;
    SIZE_T PeakPagefileUsage;
    SIZE_T PrivateUsage; /* as PagefileUsage */
} PROCESS_MEMORY_COUNTERS_EX, *PPROCESS_MEMORY_COUNTERS_EX;

typedef struct _PROCESS_MEMORY_COUNTERS_EX2 {
    DWORD cb;
    DWORD PageFaultCount;
    SIZE_T PeakWorkingSetSize;
    SIZE_T WorkingSetSize;
    SIZE_T QuotaPeakPagedPoolUsage;
    SIZE_T QuotaPagedPoolUsage;
    SIZE_T QuotaPeakNonPagedPoolUsage;
    SIZE_T QuotaNonPagedPoolUsage;
    SIZE_T PagefileUsage;
    SIZE_T PeakPagefileUsage;
    SIZE_T PrivateUsage;
    SIZE_T PrivateWorkingSetSize;
    ULONG64 SharedCommitUsage;
} PROCESS_MEMORY_COUNTERS_EX2, *PPROCESS_MEMORY_COUNTERS_EX2;

/*
 * Fills the longest of these three records that cb bytes have room for. Needs PROCESS_QUERY_LIMITED_INFORMATION. FALSE also:
 * ERROR_INSUFFICIENT_BUFFER (room for none).
 */
BOOL WINAPI GetProcessMemoryInfo(HANDLE Process, PPROCESS_MEMORY_COUNTERS ppsmemCounters, DWORD cb);
BOOL WINAPI K32GetProcessMemoryInfo(HANDLE Process, PPROCESS_MEMORY_COUNTERS ppsmemCounters, DWORD cb);

PW_C_END

#endif
