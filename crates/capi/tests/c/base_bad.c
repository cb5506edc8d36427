/* Arguments that no program gives on purpose: the documented code, and no crash. */
#include <windows.h>
#include <ntstatus.h>
#include <psapi.h>
#include <winternl.h>

#include <string.h>

#include "check.h"

#define ME GetCurrentProcess()
#define PAGE ((SIZE_T)0x1000)
#define HUGE_SIZE (~(SIZE_T)0)

/* The call fails with this code. */
#define FAILS(call, code)                   \
    do {                                    \
        SetLastError(0xdead);               \
        CHECK(!(call));                     \
        CHECK_EQUAL(GetLastError(), (code)); \
    } while (0)

static void null_outs(char *at)
{
    PVOID base = at;
    SIZE_T size = PAGE;
    ULONG old;

    FAILS(VirtualProtect(at, PAGE, PAGE_READONLY, NULL), ERROR_NOACCESS);
    FAILS(VirtualProtectEx(ME, at, PAGE, PAGE_READONLY, NULL), ERROR_NOACCESS);
    CHECK_EQUAL(VirtualQuery(at, NULL, sizeof(MEMORY_BASIC_INFORMATION)), 0);
    CHECK_EQUAL(VirtualQueryEx(ME, at, NULL, 0), 0);
    CHECK(!ReadProcessMemory(ME, at, NULL, 8, NULL));
    CHECK(!WriteProcessMemory(ME, at, NULL, 8, NULL));
    CHECK_EQUAL(GetWriteWatch(0, at, PAGE, NULL, NULL, NULL), ~0u);
    CHECK(NtAllocateVirtualMemory(ME, NULL, 0, &size, MEM_COMMIT, PAGE_READWRITE) == STATUS_ACCESS_VIOLATION);
    CHECK(NtAllocateVirtualMemory(ME, &base, 0, NULL, MEM_COMMIT, PAGE_READWRITE) == STATUS_ACCESS_VIOLATION);
    CHECK(NtFreeVirtualMemory(ME, NULL, NULL, MEM_RELEASE) == STATUS_ACCESS_VIOLATION);
    CHECK(NtProtectVirtualMemory(ME, &base, &size, PAGE_READONLY, NULL) == STATUS_ACCESS_VIOLATION);
    CHECK(NtProtectVirtualMemory(ME, NULL, &size, PAGE_READONLY, &old) == STATUS_ACCESS_VIOLATION);
    CHECK(NtReadVirtualMemory(ME, at, NULL, 8, NULL) != STATUS_SUCCESS);
    CHECK(base == (PVOID)at && size == PAGE);
    FAILS(VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE, PAGE_READWRITE, NULL, 3), ERROR_INVALID_PARAMETER);
    CHECK(!AllocateUserPhysicalPages(ME, NULL, NULL));
    {
        ULONG_PTR most = ~(ULONG_PTR)0, page;
        FAILS(AllocateUserPhysicalPages(ME, &most, &page), ERROR_INVALID_PARAMETER);
    }
    CHECK(!PrefetchVirtualMemory(ME, 1, NULL, 0));
}

static void handles(char *at)
{
    static const ULONG_PTR wild[] = {0, 4, 0x1234, 0x40000004, 0xfffffffffffffff0, 0x8000000000000000, 0x7ffffffc};
    char bytes[8] = {0};
    HANDLE handle;
    size_t index;

    for (index = 0; index < sizeof wild / sizeof *wild; index++) {
        HANDLE bad = (HANDLE)wild[index];
        MEMORY_BASIC_INFORMATION record;
        DWORD old;

        FAILS(VirtualAllocEx(bad, NULL, PAGE, MEM_COMMIT, PAGE_READWRITE), ERROR_INVALID_HANDLE);
        FAILS(VirtualFreeEx(bad, at, 0, MEM_RELEASE), ERROR_INVALID_HANDLE);
        FAILS(VirtualProtectEx(bad, at, PAGE, PAGE_READONLY, &old), ERROR_INVALID_HANDLE);
        FAILS(VirtualQueryEx(bad, at, &record, sizeof record), ERROR_INVALID_HANDLE);
        FAILS(ReadProcessMemory(bad, at, bytes, sizeof bytes, NULL), ERROR_INVALID_HANDLE);
        FAILS(WriteProcessMemory(bad, at, bytes, sizeof bytes, NULL), ERROR_INVALID_HANDLE);
        FAILS(CloseHandle(bad), ERROR_INVALID_HANDLE);
        FAILS(MapViewOfFile(bad, FILE_MAP_READ, 0, 0, 0), ERROR_INVALID_HANDLE);
        FAILS(GetProcessId(bad), ERROR_INVALID_HANDLE);
    }
    handle = OpenProcess(PROCESS_ALL_ACCESS, FALSE, GetCurrentProcessId());
    CHECK(handle != NULL);
    CHECK(CloseHandle(handle));
    FAILS(CloseHandle(handle), ERROR_INVALID_HANDLE);
    FAILS(VirtualAllocEx(handle, NULL, PAGE, MEM_COMMIT, PAGE_READWRITE), ERROR_INVALID_HANDLE);
    FAILS(OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0), ERROR_INVALID_PARAMETER);
    FAILS(OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0x7fffffff), ERROR_INVALID_PARAMETER);
}

/* Blocks of heaps that are none, or none any more. */
static void blocks(void)
{
    HLOCAL block = LocalAlloc(LMEM_FIXED, 64 << 20);

    CHECK(block != NULL && LocalFree(block) == NULL);
    CHECK(LocalFree(block) == block);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(GlobalFree((HGLOBAL)0xdeadbee0) == (HGLOBAL)0xdeadbee0);
    FAILS(HeapFree(GetProcessHeap(), 0, (void *)0xdeadbee0), ERROR_INVALID_PARAMETER);
    FAILS(HeapFree((HANDLE)0x1234, 0, block), ERROR_INVALID_HANDLE);
    FAILS(HeapDestroy(GetProcessHeap()), ERROR_INVALID_HANDLE);
    CHECK_EQUAL(HeapSize(GetProcessHeap(), 0, block), HUGE_SIZE);
}

static void sizes(char *at)
{
    static const SIZE_T huge[] = {HUGE_SIZE, HUGE_SIZE - 0xfff, HUGE_SIZE - 0xffff, (SIZE_T)1 << 63, (SIZE_T)1 << 47};
    size_t index;

    for (index = 0; index < sizeof huge / sizeof *huge; index++) {
        SIZE_T size = huge[index], count = huge[index];
        ULONG granularity;
        PVOID base = NULL, pages[4];
        DWORD old;

        CHECK(VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_READWRITE) == NULL);
        CHECK(VirtualAlloc(at, size, MEM_COMMIT, PAGE_READWRITE) == NULL);
        CHECK(!VirtualFree(at, size, MEM_DECOMMIT));
        CHECK(!VirtualProtect(at, size, PAGE_READONLY, &old));
        CHECK(!VirtualLock(at, size));
        CHECK(!ReadProcessMemory(ME, at, pages, size, NULL));
        CHECK(!WriteProcessMemory(ME, at, at, size, NULL));
        CHECK_EQUAL(GetWriteWatch(0, at, size, pages, &count, &granularity), ~0u);
        CHECK_EQUAL(ResetWriteWatch(at, size), ~0u);
        CHECK(DiscardVirtualMemory(at, size) != ERROR_SUCCESS);
        CHECK(NtAllocateVirtualMemory(ME, &base, 0, &size, MEM_RESERVE, PAGE_READWRITE) != STATUS_SUCCESS);
        CHECK(base == NULL && size == huge[index]);
        CHECK(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, ~0u, ~0u, NULL) == NULL);
    }
}

/* Structures and counts at odd addresses are written all the same. */
static void misaligned(char *at)
{
    struct {
        char odd;
        char bytes[sizeof(MEMORY_BASIC_INFORMATION) + 8];
    } room;
    MEMORY_BASIC_INFORMATION record;
    SYSTEM_INFO system;
    DWORD old;

    CHECK_EQUAL(VirtualQuery(at, (MEMORY_BASIC_INFORMATION *)(void *)room.bytes, sizeof record), sizeof record);
    memcpy(&record, room.bytes, sizeof record);
    CHECK(record.BaseAddress == (PVOID)at && record.State == MEM_COMMIT);
    CHECK(VirtualProtect(at, PAGE, PAGE_READWRITE, (DWORD *)(void *)room.bytes));
    memcpy(&old, room.bytes, sizeof old);
    CHECK_EQUAL(old, PAGE_READWRITE);
    CHECK(ReadProcessMemory(ME, at, &old, sizeof old, (SIZE_T *)(void *)room.bytes));
    GetSystemInfo((SYSTEM_INFO *)(void *)room.bytes);
    memcpy(&system, room.bytes, sizeof system);
    CHECK_EQUAL(system.dwPageSize, PAGE);
}

/* A call that succeeds leaves the last error alone. */
static void last_error(char *at)
{
    MEMORY_BASIC_INFORMATION record;
    DWORD old;

    SetLastError(0xdead);
    CHECK(VirtualProtect(at, PAGE, PAGE_READWRITE, &old));
    CHECK(VirtualQuery(at, &record, sizeof record));
    CHECK(VirtualAlloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE));
    CHECK(VirtualFree(at + PAGE, PAGE, MEM_DECOMMIT));
    CHECK(VirtualAlloc(at + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE));
    CHECK_EQUAL(GetLastError(), 0xdead);
}

int main(void)
{
    char *at = (char *)VirtualAlloc(NULL, 4 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    CHECK(at != NULL);
    null_outs(at);
    handles(at);
    blocks();
    sizes(at);
    misaligned(at);
    last_error(at);
    CHECK(VirtualFree(at, 0, MEM_RELEASE));
    puts("no crash");
    return 0;
}
