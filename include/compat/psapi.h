/* Working sets. The K32 names and the plain ones are the same calls. */
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
 * The path of the file that is mapped at lpv, with its 0, into nSize characters. Answers the characters without the 0; 0 with
 * ERROR_INSUFFICIENT_BUFFER, or the code for memory that shows no file.
 */
DWORD WINAPI K32GetMappedFileNameW(HANDLE hProcess, LPVOID lpv, LPWSTR lpFilename, DWORD nSize);
#define GetMappedFileNameW K32GetMappedFileNameW
#ifdef UNICODE
#define GetMappedFileName GetMappedFileNameW
#endif

PW_C_END

#endif
