/* What no caller should hand over, to the calls that CE alone has and to CE's own of the shared names. */
#include <windows.h>

#include <pkfuncs.h>
#include <ceddk.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define P 4096u
#define REFUSED(call, code)                \
    do {                                   \
        SetLastError(0);                   \
        CHECK(!(call));                    \
        CHECK_EQUAL(GetLastError(), code); \
    } while (0)

static char *memory;

static void handles(HANDLE process) {
    DWORD old = 0, count = 7;
    MEMORY_BASIC_INFORMATION info;
    char bytes[8];
    REFUSED(PwCeVirtualAllocEx(process, NULL, P, MEM_COMMIT, PAGE_READWRITE), ERROR_INVALID_HANDLE);
    REFUSED(PwCeVirtualFreeEx(process, memory, 0, MEM_RELEASE), ERROR_INVALID_HANDLE);
    REFUSED(PwCeVirtualProtectEx(process, memory, P, PAGE_READONLY, &old), ERROR_INVALID_HANDLE);
    REFUSED(PwCeVirtualQueryEx(process, memory, &info, sizeof info), ERROR_INVALID_HANDLE);
    REFUSED(PwCeReadProcessMemory(process, memory, bytes, 8, &count), ERROR_INVALID_HANDLE);
    CHECK_EQUAL(count, 0);
    REFUSED(PwCeWriteProcessMemory(process, memory, bytes, 8, NULL), ERROR_INVALID_HANDLE);
    REFUSED(VirtualCopyEx(process, memory, GetCurrentProcess(), memory, P, PAGE_READWRITE), ERROR_INVALID_HANDLE);
    REFUSED(VirtualCopyEx(GetCurrentProcess(), memory, process, memory, P, PAGE_READWRITE), ERROR_INVALID_HANDLE);
    REFUSED(VirtualAllocCopyEx(process, GetCurrentProcess(), memory, P, PAGE_READWRITE), ERROR_INVALID_HANDLE);
    REFUSED(VirtualAllocCopyEx(GetCurrentProcess(), process, memory, P, PAGE_READWRITE), ERROR_INVALID_HANDLE);
    REFUSED(LockPagesEx(process, memory, P, NULL, LOCKFLAG_READ), ERROR_INVALID_HANDLE);
    REFUSED(UnlockPagesEx(process, memory, P), ERROR_INVALID_HANDLE);
    REFUSED(VirtualSetAttributesEx(process, memory, P, 0, 0, NULL), ERROR_INVALID_HANDLE);
}

static void pointers_and_sizes(void) {
    DWORD count = 7;
    PHYSICAL_ADDRESS far_away;
    MEMORY_BASIC_INFORMATION info;
    far_away.QuadPart = -4096;
    REFUSED(PwCeVirtualAlloc(NULL, 0, MEM_RESERVE, PAGE_NOACCESS), ERROR_INVALID_PARAMETER);
    REFUSED(PwCeVirtualAlloc((LPVOID)-4096, P, MEM_RESERVE, PAGE_NOACCESS), ERROR_INVALID_PARAMETER);
    REFUSED(PwCeVirtualAlloc(NULL, P, 0, PAGE_NOACCESS), ERROR_INVALID_PARAMETER);
    REFUSED(PwCeVirtualFree(memory, P, MEM_RELEASE), ERROR_INVALID_PARAMETER);
    REFUSED(PwCeVirtualFree(memory, 0, MEM_RELEASE | MEM_DECOMMIT), ERROR_INVALID_PARAMETER);
    REFUSED(PwCeVirtualFree(memory + 1, 0, MEM_RELEASE), ERROR_INVALID_PARAMETER);
    REFUSED(PwCeVirtualProtect(memory, P, PAGE_READONLY, NULL), ERROR_INVALID_PARAMETER);
    REFUSED(PwCeVirtualQuery(memory, NULL, sizeof info), ERROR_INVALID_PARAMETER);
    CHECK(!PwCeVirtualQuery(memory, &info, 4));
    REFUSED(PwCeReadProcessMemory(GetCurrentProcess(), memory, (LPVOID)16, 8, &count), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(count, 0);
    REFUSED(PwCeWriteProcessMemory(GetCurrentProcess(), memory, (LPVOID)16, 8, NULL), ERROR_INVALID_PARAMETER);
    CHECK(PwEnterKernelMode());
    REFUSED(LockPages(memory, P, &count, LOCKFLAG_READ), ERROR_NOT_SUPPORTED);
    REFUSED(LockPages(memory, 0, NULL, LOCKFLAG_READ), ERROR_INVALID_PARAMETER);
    REFUSED(LockPages(memory, P, NULL, 0x100), ERROR_INVALID_PARAMETER);
    REFUSED(UnlockPages(memory, P), ERROR_INVALID_PARAMETER);
    REFUSED(VirtualSetAttributes(memory, P, 0x10, 0x10, NULL), ERROR_NOT_SUPPORTED);
    REFUSED(FreePhysMem(memory), ERROR_INVALID_PARAMETER);
    REFUSED(FreePhysMem(NULL), ERROR_INVALID_PARAMETER);
    REFUSED(CreateStaticMapping(~0u, ~0u), ERROR_ACCESS_DENIED);
    PwLeaveKernelMode();
    REFUSED(VirtualSetPageFlags(memory, P, 0, NULL), ERROR_NOT_SUPPORTED);
    REFUSED(CeSetMemoryAttributes(memory, PHYSICAL_ADDRESS_UNKNOWN, P, PAGE_WRITECOMBINE), ERROR_NOT_SUPPORTED);
    REFUSED(CeSetMemoryAttributes(memory + 1, NULL, P, PAGE_WRITECOMBINE), ERROR_INVALID_PARAMETER);
    REFUSED(CeSetMemoryAttributes(memory, NULL, P, PAGE_NOCACHE), ERROR_INVALID_PARAMETER);
    REFUSED(MmMapIoSpace(far_away, P, FALSE), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    MmUnmapIoSpace((PVOID)16, P);
    CHECK(GetLastError() != 0);
}

/* Answers lie wherever the caller wants them. */
static void misaligned(void) {
    static char room[256];
    for (int by = 1; by < 8; by++) {
        PDWORD word = (PDWORD)(void *)(room + by);
        PMEMORY_BASIC_INFORMATION info = (PMEMORY_BASIC_INFORMATION)(void *)(room + 16 + by);
        PPW_RECEIPT receipt = (PPW_RECEIPT)(void *)(room + 128 + by);
        DWORD value;
        CHECK(PwCeVirtualProtect(memory, P, PAGE_READWRITE, word));
        memcpy(&value, word, 4);
        CHECK_EQUAL(value, PAGE_READWRITE);
        CHECK(PwCeVirtualQuery(memory, info, sizeof *info) == sizeof *info);
        CHECK(memcmp(info, &memory, 8) == 0);
        CHECK(PwCeWriteProcessMemory(GetCurrentProcess(), memory, room, 8, word));
        memcpy(&value, word, 4);
        CHECK_EQUAL(value, 8);
        char *view = (char *)PwCeVirtualAlloc(NULL, P, MEM_RESERVE, PAGE_NOACCESS);
        CHECK(VirtualCopy(view, memory, P, PAGE_READWRITE) && PwLastReceipt(receipt));
        CHECK(memcmp(receipt, &view, 8) == 0);
        CHECK(PwCeVirtualFree(view, 0, MEM_RELEASE));
        CHECK(PwEnterKernelMode());
        CHECK(VirtualSetAttributes(memory, P, 0, 0, word));
        LPVOID physical = AllocPhysMem(P, PAGE_READWRITE, 0, 0, word);
        CHECK(physical != NULL && FreePhysMem(physical));
        PwLeaveKernelMode();
    }
}

int main(void) {
    memory = (char *)PwCeVirtualAlloc(NULL, P, MEM_COMMIT, PAGE_READWRITE);
    CHECK(memory != NULL);
    CHECK(PwEnterKernelMode());
    handles(NULL);
    handles((HANDLE)(ULONG_PTR)0x7fffffff);
    handles((HANDLE)(ULONG_PTR)0xdeadbeefcafebabe);
    handles((HANDLE)(ULONG_PTR)memory);
    HANDLE closed = PwCeOpenProcess(0, FALSE, (DWORD)getpid());
    CHECK(closed != NULL && CloseHandle(closed));
    handles(closed);
    PwLeaveKernelMode();
    pointers_and_sizes();
    misaligned();
    CHECK(PwCeVirtualFree(memory, 0, MEM_RELEASE));
    return 0;
}
