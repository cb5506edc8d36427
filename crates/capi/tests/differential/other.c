/* The other process through handles that lack rights. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

static const DWORD rights[] = {
    PROCESS_VM_OPERATION, PROCESS_VM_READ, PROCESS_VM_WRITE, PROCESS_QUERY_INFORMATION,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_VM_WRITE | PROCESS_VM_OPERATION,
    PROCESS_VM_READ | PROCESS_QUERY_INFORMATION, PROCESS_ALL_ACCESS, 0,
};

static const char *const names[] = {
    "VirtualAllocEx", "VirtualFreeEx", "VirtualProtectEx", "VirtualQueryEx", "ReadProcessMemory",
    "WriteProcessMemory", "NtAllocateVirtualMemory", "NtFreeVirtualMemory", "NtReadVirtualMemory", "GetProcessId",
};

void do_rights(struct slot *slot)
{
    DWORD access = ANY_OF(rights), old = MARK;
    unsigned form = below(10);
    void *base = slot->base;
    SIZE_T size = PAGE, done = MARK;
    char bytes[64] = {0};
    HANDLE handle;
    const struct run *run = slot_run(slot, 0);

    if (run && run->state != MEM_FREE && !is_writable(run->protect) && form != 0 && form != 9)
        return; /* what is served then differs: alone.c */
    if (access == PROCESS_VM_WRITE && form == 5 && run && run->state != MEM_FREE)
        return;
    call_begin(slot, "rights");
    say("%x %s", (unsigned)access, names[form]);
    slot_summary(slot, (uintptr_t)base, size);
    SetLastError(MARK);
    handle = OpenProcess(access, FALSE, other_process_id());
    say(handle ? " = " : " = none ");
    switch (form) {
    case 0: say_bool(VirtualAllocEx(handle, base, size, MEM_RESERVE, PAGE_NOACCESS) != NULL); break;
    case 1: say_bool(VirtualFreeEx(handle, base, 0, MEM_RELEASE)); break;
    case 2: say_bool(VirtualProtectEx(handle, base, size, PAGE_READONLY, &old)); break;
    case 3: say_bool(VirtualQueryEx(handle, base, (PMEMORY_BASIC_INFORMATION)bytes, 48) != 0); break;
    case 4: say_bool(ReadProcessMemory(handle, base, bytes, 16, &done)); say(" n=" HEX, HEXED(done)); break;
    case 5: say_bool(WriteProcessMemory(handle, base, bytes, 16, &done)); break;
    case 6: say_status(NtAllocateVirtualMemory(handle, &base, 0, &size, MEM_RESERVE, PAGE_NOACCESS)); break;
    case 7: size = 0; say_status(NtFreeVirtualMemory(handle, &base, &size, MEM_RELEASE)); break;
    case 8: say_status(NtReadVirtualMemory(handle, base, bytes, 16, &done)); say(" n=" HEX, HEXED(done)); break;
    default: say_bool(GetProcessId(handle) == other_process_id()); break;
    }
    CloseHandle(handle);
    call_end(slot);
}
