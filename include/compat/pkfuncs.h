/*
 * Windows CE's own memory calls: the same pages in a second place, locked pages, physical memory. Link with -lpagewright.
 *
 * A process is named by a handle or by its id, cast to HANDLE; GetCurrentProcess() is the calling one. Sizes are in bytes, and
 * count as the pages touched. Threads are in user mode until they call PwEnterKernelMode. For every call: FALSE or NULL and a last
 * error on failure, then nothing was changed; success leaves the last error alone. Out-pointers need not be aligned. All
 * threads may call; no signal handler may.
 *
 * Usual errors: ERROR_INVALID_PARAMETER (87) for arguments, also for a source without memory and a target that is not reserved;
 * ERROR_INVALID_HANDLE (6) for what is no live process; ERROR_ACCESS_DENIED (5) for who may not; ERROR_NOT_ENOUGH_MEMORY (8);
 * ERROR_NOT_SUPPORTED (50) for what Linux has no way to do. Arguments are looked at first, then processes, then the mode.
 *
 * What VirtualAlloc and other names of Win32 mean to a source compiled for CE: "pw_ce.h".
 */
#ifndef PKFUNCS_H
#define PKFUNCS_H

#include "windows.h"

#include "pw_ce.h"

PW_C_BEGIN

/* ---- The same pages in a second place ---- */

/* Beside a protection, in the calls of this section: the source is a physical address, shifted right by 8. To VirtualAlloc and
 * VirtualProtect the same bit is PAGE_WRITECOMBINE. */
#define PAGE_PHYSICAL 0x400

/*
 * Shows the pages of lpvSrc at lpvDest as well, which is reserved and not committed, and lies at the same place in its page. No
 * byte is copied: stores are seen both ways until VirtualFree, and the pages live as long as anybody shows them. Pages are shared
 * whole, and so are the bytes around the range (PwLastReceipt). fdwProtect is for the new view. The source is committed, of
 * VirtualAlloc (PwAllowForeignSources). ERROR_ACCESS_DENIED for a physical range in no window that was granted.
 */
BOOL WINAPI VirtualCopy(LPVOID lpvDest, LPVOID lpvSrc, DWORD cbSize, DWORD fdwProtect);
/* The same between processes. In user mode both are the calling one, else ERROR_ACCESS_DENIED. With PAGE_PHYSICAL hSrcProc is not
 * looked at. */
BOOL WINAPI VirtualCopyEx(
    HANDLE hDstProc, LPVOID lpvDest, HANDLE hSrcProc, LPVOID lpvSrc, DWORD cbSize, DWORD fdwProtect);
/*
 * Reserves pages in hDstProc and shows those of lpvSrc there; mind the order of the processes. Answers where the first byte is
 * seen. VirtualFreeEx takes the base of the reservation, which is that rounded down to a page. Kernel mode only.
 */
LPVOID WINAPI VirtualAllocCopyEx(HANDLE hSrcProc, HANDLE hDstProc, LPVOID lpvSrc, DWORD cbSize, DWORD fdwProtect);

/* What the last of these calls in this thread has made reachable. */
typedef struct _PW_RECEIPT {
    LPVOID Base;          /* where the first byte of the source is seen */
    ULONGLONG Size;       /* bytes asked for */
    LPVOID RangeBase;     /* the pages of the view */
    ULONGLONG RangeSize;
    ULONGLONG Shared;     /* of those asked for, the ones that are shared */
    ULONGLONG Copied;     /* of those asked for, the ones that are a private copy: 0 for these calls */
    ULONGLONG Exposed;    /* bytes that nobody asked for and that can be reached */
} PW_RECEIPT, *PPW_RECEIPT;
/* Stores it. ERROR_NOT_FOUND (1168) after a call that failed, and when there was none; 87 for NULL. */
BOOL WINAPI PwLastReceipt(PPW_RECEIPT pReceipt);

/*
 * Whether memory that the program mapped itself (heap, static data) may be a source, for all threads. At first it may not:
 * ERROR_ACCESS_DENIED. Memory shared so is shared with forked children too from then on.
 */
VOID WINAPI PwAllowForeignSources(BOOL fAllow);
/* Whether a source without memory is ERROR_INVALID_ADDRESS (487), which nothing else is, instead of 87. For all threads. */
VOID WINAPI PwSetStrictDiagnostics(BOOL fStrict);

/* ---- Kernel mode ---- */

/*
 * Puts the calling thread into kernel mode, once more if it is. FALSE and ERROR_ACCESS_DENIED when it is forbidden: by
 * PwForbidKernelMode, or by PAGEWRIGHT_KERNEL_MODE=deny in the environment that the process was started with.
 */
BOOL WINAPI PwEnterKernelMode(VOID);
/* Takes one PwEnterKernelMode of this thread back; without one, nothing happens. */
VOID WINAPI PwLeaveKernelMode(VOID);
/* From now on no thread of this process and of its forked children enters kernel mode; who is in it stays. Cannot be undone. */
VOID WINAPI PwForbidKernelMode(VOID);
/* Whether the calling thread is in kernel mode. */
BOOL WINAPI PwInKernelMode(VOID);

/* ---- Locked pages. Kernel mode only ---- */

#define LOCKFLAG_WRITE 0x001      /* the pages must be writable */
#define LOCKFLAG_QUERY_ONLY 0x002 /* look, and lock nothing */
#define LOCKFLAG_READ 0x004       /* the pages must be readable */

/*
 * Locks the pages touched into memory, once more than before; beyond RLIMIT_MEMLOCK ERROR_NOT_ENOUGH_MEMORY. pPFNs is NULL, else
 * ERROR_NOT_SUPPORTED: Linux tells no program the numbers of its page frames.
 */
BOOL WINAPI LockPages(LPVOID lpvAddress, DWORD cbSize, PDWORD pPFNs, int fOptions);
BOOL WINAPI LockPagesEx(HANDLE hProcess, LPVOID lpvAddress, DWORD cbSize, PDWORD pPFNs, int fOptions);
/* Takes one lock back. 87 if there is none. */
BOOL WINAPI UnlockPages(LPVOID lpvAddress, DWORD cbSize);
BOOL WINAPI UnlockPagesEx(HANDLE hProcess, LPVOID lpvAddress, DWORD cbSize);

/* ---- Physical memory ---- */

/*
 * Allocates memory with a physical address, stored in *pPhysicalAddress: a token that names it to PAGE_PHYSICAL in this process
 * and to nobody else. dwAlignmentMask is of the address, dwFlags is 0. Freed by FreePhysMem. Kernel mode only.
 */
LPVOID WINAPI AllocPhysMem(
    DWORD cbSize, DWORD fdwProtect, DWORD dwAlignmentMask, DWORD dwFlags, PULONG pPhysicalAddress);
/* Frees it by its address; views of it keep the bytes. Kernel mode only. */
BOOL WINAPI FreePhysMem(LPVOID lpvAddress);
/* Shows physical memory of a granted window for good, not cached; the address is shifted right by 8. Kernel mode only. */
LPVOID WINAPI CreateStaticMapping(DWORD dwPhisAddr, DWORD dwSize);

/*
 * Grants all threads of this process dwLength bytes at physical address Base: those of a file or device from Offset on. Numbers
 * are whole pages. The descriptor stays the caller's. fWritable: whether views may store. Kernel mode only; ERROR_ACCESS_DENIED
 * for /dev/mem and its like, for a descriptor not opened for it and a file that can shrink; 87 for a window that overlaps another.
 */
BOOL WINAPI PwGrantPhysicalWindow(
    ULONGLONG Base, ULONGLONG Length, int Descriptor, ULONGLONG Offset, BOOL fWritable);
/* Takes the window at Base back; views of it stay until they are freed. 87 if there is none. Kernel mode only. */
BOOL WINAPI PwRevokePhysicalWindow(ULONGLONG Base);

/* ---- Attributes of pages ---- */

/* Words of VirtualSetAttributes: bits of the machine's page tables are not to be had. */
#define PW_ATTRIBUTE_PRESENT 0x01
#define PW_ATTRIBUTE_WRITABLE 0x02
#define PW_ATTRIBUTE_USER 0x04
#define PW_ATTRIBUTE_WRITE_COMBINE 0x08
#define PW_ATTRIBUTE_NO_CACHE 0x10
#define PW_ATTRIBUTE_GUARD 0x20
#define PW_ATTRIBUTE_EXECUTABLE 0x40

/* Stores the word of the first page in *lpdwOldFlags, which may be NULL. With dwMask 0 nothing else; a change that is one is
 * ERROR_NOT_SUPPORTED. Kernel mode only. */
BOOL WINAPI VirtualSetAttributes(
    LPVOID lpvAddress, DWORD cbSize, DWORD dwNewFlags, DWORD dwMask, LPDWORD lpdwOldFlags);
BOOL WINAPI VirtualSetAttributesEx(
    HANDLE hProcess, LPVOID lpvAddress, DWORD cbSize, DWORD dwNewFlags, DWORD dwMask, LPDWORD lpdwOldFlags);
/* Of SH4 processors: ERROR_NOT_SUPPORTED. */
BOOL WINAPI VirtualSetPageFlags(LPVOID lpvAddress, DWORD cbSize, DWORD dwFlags, LPDWORD lpdwOldFlags);

#define PHYSICAL_ADDRESS_UNKNOWN ((LPVOID)(ULONG_PTR)-1)
/* Has stores to device memory combined (PAGE_WRITECOMBINE): ERROR_NOT_SUPPORTED, the driver of a device decides that on Linux; 87
 * for what is not whole pages, and other attributes. */
BOOL WINAPI CeSetMemoryAttributes(
    LPVOID pVirtualAddr, LPVOID pShiftedPhysAddr, DWORD cbSize, DWORD dwAttributes);

PW_C_END

#endif
