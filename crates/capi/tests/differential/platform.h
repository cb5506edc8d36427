/*
 * What the program needs from its system. Compiled for Windows these are the system's own calls
 * (they run under Wine); compiled for Linux they are those of libpagewright.
 */
#ifndef DIFFERENTIAL_PLATFORM_H
#define DIFFERENTIAL_PLATFORM_H

#include <windows.h>
#include <winternl.h>

#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
/* Some headers for Windows leave these to the caller. */
#ifndef MEM_RESERVE_PLACEHOLDER
#define MEM_RESERVE_PLACEHOLDER 0x40000
#define MEM_REPLACE_PLACEHOLDER 0x4000
#endif
#ifndef MEM_RESET_UNDO
#define MEM_RESET_UNDO 0x1000000
#endif
NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE, PVOID *, ULONG_PTR, PSIZE_T, ULONG, ULONG);
NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE, PVOID *, PSIZE_T, ULONG);
NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE, PVOID *, PSIZE_T, ULONG, PULONG);
NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE, PVOID, int, PVOID, SIZE_T, PSIZE_T);
NTSTATUS NTAPI NtReadVirtualMemory(HANDLE, PVOID, PVOID, SIZE_T, PSIZE_T);
NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE, PVOID, PVOID, SIZE_T, PSIZE_T);
NTSTATUS NTAPI NtLockVirtualMemory(HANDLE, PVOID *, PSIZE_T, ULONG);
NTSTATUS NTAPI NtUnlockVirtualMemory(HANDLE, PVOID *, PSIZE_T, ULONG);
NTSTATUS NTAPI NtGetWriteWatch(HANDLE, ULONG, PVOID, SIZE_T, PVOID *, ULONG_PTR *, ULONG *);
NTSTATUS NTAPI NtResetWriteWatch(HANDLE, PVOID, SIZE_T);
NTSTATUS NTAPI NtMapViewOfSection(HANDLE, HANDLE, PVOID *, ULONG_PTR, SIZE_T, PLARGE_INTEGER, PSIZE_T, int, ULONG, ULONG);
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE, PVOID);
NTSTATUS NTAPI NtQuerySection(HANDLE, int, PVOID, SIZE_T, PSIZE_T);
#endif

/* What became of one access: the exceptions that it raised, in their order. */
enum { EXCEPTIONS = 4 };

struct exception {
    uint32_t code;
    uint32_t kind; /* 0 load, 1 store, 8 execution */
    uintptr_t at;
};

struct met {
    unsigned count;
    struct exception list[EXCEPTIONS];
};

enum access { LOAD, STORE, EXECUTE };

/* Accesses one byte. A guard is met once and the access tried again; any other exception ends it. */
struct met access_byte(char *at, enum access access, unsigned char value);

void platform_start(void);
void platform_end(void);

/* Starts another process that waits until it is ended; does nothing if there is one. */
void platform_other(void);
/* A handle of it with every right, and its id. */
HANDLE other_process(void);
DWORD other_process_id(void);
/* What that other process does. */
int be_the_other_process(void);

#endif
