/* The machine. */
#ifndef _SYSINFOAPI_H_
#define _SYSINFOAPI_H_

#include "minwindef.h"

PW_C_BEGIN

typedef struct _SYSTEM_INFO {
    PW_UNNAMED union {
        DWORD dwOemId;
        PW_UNNAMED struct {
            WORD wProcessorArchitecture;
            WORD wReserved;
        } DUMMYSTRUCTNAME;
    } DUMMYUNIONNAME;
    DWORD dwPageSize; /* 4096: unit of commit and protection */
    LPVOID lpMinimumApplicationAddress;
    LPVOID lpMaximumApplicationAddress; /* the last byte that a program may have */
    DWORD_PTR dwActiveProcessorMask;
    DWORD dwNumberOfProcessors;
    DWORD dwProcessorType;
    DWORD dwAllocationGranularity; /* 65536: unit of placement */
    WORD wProcessorLevel;
    WORD wProcessorRevision;
} SYSTEM_INFO, *LPSYSTEM_INFO;

/* Page size, granularity, processors. Cannot fail; NULL is ignored. */
void WINAPI GetSystemInfo(LPSYSTEM_INFO lpSystemInfo);
/* The same: a 64-bit process is what the system is. */
void WINAPI GetNativeSystemInfo(LPSYSTEM_INFO lpSystemInfo);

typedef struct _MEMORYSTATUSEX {
    DWORD dwLength;     /* sizeof(MEMORYSTATUSEX), set by the caller */
    DWORD dwMemoryLoad; /* percent in use */
    DWORDLONG ullTotalPhys;
    DWORDLONG ullAvailPhys;
    DWORDLONG ullTotalPageFile;
    DWORDLONG ullAvailPageFile;
    DWORDLONG ullTotalVirtual;
    DWORDLONG ullAvailVirtual;
    DWORDLONG ullAvailExtendedVirtual;
} MEMORYSTATUSEX, *LPMEMORYSTATUSEX;

/* How many bytes of memory there are, and how many can be had. FALSE: ERROR_INVALID_PARAMETER (another dwLength). */
BOOL WINAPI GlobalMemoryStatusEx(LPMEMORYSTATUSEX lpBuffer);
/* The memory of the machine in KiB. */
BOOL WINAPI GetPhysicallyInstalledSystemMemory(PULONGLONG TotalMemoryInKilobytes);
/* Milliseconds since the system started; the first begins anew after 49.7 days. May be called in signal handlers. */
DWORD WINAPI GetTickCount(void);
ULONGLONG WINAPI GetTickCount64(void);
/* Units of 100 ns since 1601: of the last tick of the clock, and exact. NULL is ignored. May be called in signal handlers. */
void WINAPI GetSystemTimeAsFileTime(LPFILETIME lpSystemTimeAsFileTime);
void WINAPI GetSystemTimePreciseAsFileTime(LPFILETIME lpSystemTimeAsFileTime);

PW_C_END

#endif
