/* Arguments that are wrong in more than their range: handles, pointers, lengths, addresses. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "sections.h"
#include "verbs.h"

static const uintptr_t bad_handles[] = {0, 0x7F0, 0xDEADBEEC, 0x7FFFFFF0, (uintptr_t)-2};
static const uintptr_t bad_places[] = {0, 1, 0xFFFF, UINT64_C(0x7FFFFFFF0000), UINT64_C(0x800000000000),
                                       UINT64_C(0xFFFF800000000000), UINT64_C(0xFFFFFFFFFFFFF000)};

/* A handle that is none, or one of something that is no process. */
static HANDLE pick_bad_handle(void)
{
    HANDLE handle = chance(25) ? section_any() : NULL;

    if (handle) {
        say("section");
        return handle;
    }
    handle = (HANDLE)ANY_OF(bad_handles);
    say(HEX, HEXED((uintptr_t)handle));
    return handle;
}

static void *pick_bad_place(unsigned first)
{
    enum { COUNT = sizeof bad_places / sizeof bad_places[0] };
    uintptr_t place = bad_places[first + below(COUNT - first)];

    say(HEX, HEXED(place));
    return (void *)place;
}

static const char *const handle_forms[] = {
    "VirtualAllocEx", "VirtualFreeEx", "VirtualProtectEx", "VirtualQueryEx", "ReadProcessMemory",
    "WriteProcessMemory", "NtAllocateVirtualMemory", "NtFreeVirtualMemory", "NtProtectVirtualMemory",
    "NtQueryVirtualMemory", "NtReadVirtualMemory", "NtWriteVirtualMemory",
};

void do_bad_handle(struct slot *slot)
{
    void *base = slot->base;
    SIZE_T size = PAGE, done = MARK;
    DWORD old = MARK;
    char bytes[64] = {0};
    unsigned form = below(12);
    HANDLE handle;

    call_begin(slot, "handle");
    say("%s ", handle_forms[form]);
    handle = pick_bad_handle();
    say(" = ");
    SetLastError(MARK);
    switch (form) {
    case 0: say_bool(VirtualAllocEx(handle, base, size, MEM_RESERVE, PAGE_NOACCESS) != NULL); break;
    case 1: say_bool(VirtualFreeEx(handle, base, 0, MEM_RELEASE)); break;
    case 2: say_bool(VirtualProtectEx(handle, base, size, PAGE_READONLY, &old)); break;
    case 3: say_bool(VirtualQueryEx(handle, base, (PMEMORY_BASIC_INFORMATION)bytes, 48) != 0); break;
    case 4: say_bool(ReadProcessMemory(handle, base, bytes, 16, &done)); say(" n=" HEX, HEXED(done)); break;
    case 5: say_bool(WriteProcessMemory(handle, base, bytes, 16, &done)); break;
    case 6: say_status(NtAllocateVirtualMemory(handle, &base, 0, &size, MEM_RESERVE, PAGE_NOACCESS)); break;
    case 7: say_status(NtFreeVirtualMemory(handle, &base, &size, MEM_RELEASE)); break;
    case 8: say_status(NtProtectVirtualMemory(handle, &base, &size, PAGE_READONLY, &old)); break;
    case 9: say_status(NtQueryVirtualMemory(handle, base, 0, bytes, 48, &done)); break;
    case 10: say_status(NtReadVirtualMemory(handle, base, bytes, 16, &done)); say(" n=" HEX, HEXED(done)); break;
    default: say_status(NtWriteVirtualMemory(handle, base, bytes, 16, &done)); break;
    }
    call_end(slot);
}

static const char *const place_forms[] = {
    "", "VirtualFree release", "VirtualFree decommit", "VirtualProtect", "ReadProcessMemory",
    "WriteProcessMemory", "VirtualLock", "UnmapViewOfFile", "NtFreeVirtualMemory", "NtProtectVirtualMemory",
    "NtReadVirtualMemory", "NtWriteVirtualMemory", "GetWriteWatch", "ResetWriteWatch",
};

/* Addresses at which nothing of a program can be. */
void do_bad_place(struct slot *slot)
{
    unsigned form = 1 + below(13);
    SIZE_T size = chance(80) ? PAGE : (SIZE_T)pick_wild(64), done = MARK;
    DWORD old = MARK;
    char bytes[64] = {0};
    void *places[4], *at;
    ULONG_PTR count = 4;

    if (size > 64 && (form == 4 || form == 5 || form == 10 || form == 11))
        size = 64;
    call_begin(slot, "place");
    say("%s ", place_forms[form]);
    at = pick_bad_place(form == 1 || form == 8 ? 3 : 0); /* what is below belongs to Wine */
    say("," HEX " = ", HEXED(size));
    SetLastError(MARK);
    switch (form) {
    case 1: say_bool(VirtualFree(at, 0, MEM_RELEASE)); break;
    case 2: say_bool(VirtualFree(at, size, MEM_DECOMMIT)); break;
    case 3: say_bool(VirtualProtect(at, size, PAGE_READONLY, &old)); break;
    case 4: say_bool(ReadProcessMemory(GetCurrentProcess(), at, bytes, size, &done)); say(" n=" HEX, HEXED(done)); break;
    case 5: say_bool(WriteProcessMemory(GetCurrentProcess(), at, bytes, size, &done)); break;
    case 6: say_bool(VirtualLock(at, size)); break;
    case 7: say_bool(UnmapViewOfFile(at)); break;
    case 8: say_status(NtFreeVirtualMemory(GetCurrentProcess(), &at, &size, MEM_RELEASE)); break;
    case 9: say_status(NtProtectVirtualMemory(GetCurrentProcess(), &at, &size, PAGE_READONLY, &old)); break;
    case 10: say_status(NtReadVirtualMemory(GetCurrentProcess(), at, bytes, size, &done)); break;
    case 11: say_status(NtWriteVirtualMemory(GetCurrentProcess(), at, bytes, size, &done)); break;
    case 12: say("%x", GetWriteWatch(0, at, size, places, &count, &old)); say_error(); break;
    default: say("%x", ResetWriteWatch(at, size)); say_error(); break;
    }
    call_end(slot);
}

static const char *const pointer_forms[] = {
    "VirtualProtect old NULL", "VirtualQuery NULL", "VirtualQuery 47", "VirtualQuery 0", "VirtualQuery 64",
    "GetWriteWatch list NULL", "GetWriteWatch count NULL", "GetWriteWatch granularity NULL",
    "ReadProcessMemory into NULL", "WriteProcessMemory from NULL", "ReadProcessMemory count NULL", "CloseHandle",
};

/* Pointers that are to be there, and records that are too short. */
void do_bad_pointer(struct slot *slot)
{
    unsigned form = below(12);
    void *base = slot->base, *places[4];
    uint64_t words[8] = {0};
    SIZE_T size = PAGE;
    ULONG_PTR count = 4;
    ULONG grain = MARK;
    MEMORY_BASIC_INFORMATION *info = (MEMORY_BASIC_INFORMATION *)words;

    call_begin(slot, "pointer");
    say("%s", pointer_forms[form]);
    slot_summary(slot, (uintptr_t)base, size);
    say(" = ");
    SetLastError(MARK);
    switch (form) {
    case 0: say_bool(VirtualProtect(base, size, PAGE_READONLY, NULL)); break;
    case 1: say_bool(VirtualQuery(base, NULL, 48) != 0); break;
    case 2: say_bool(VirtualQuery(base, info, 47) != 0); break;
    case 3: say_bool(VirtualQuery(base, info, 0) != 0); break;
    case 4: say("%u", (unsigned)VirtualQuery(base, info, 64)); say_error(); break;
    case 5: say("%x", GetWriteWatch(0, base, size, NULL, &count, &grain)); say_error(); break;
    case 6: say("%x", GetWriteWatch(0, base, size, places, NULL, &grain)); say_error(); break;
    case 7: say("%x", GetWriteWatch(0, base, size, places, &count, NULL)); say_error(); break;
    case 8: say_bool(ReadProcessMemory(GetCurrentProcess(), base, NULL, 16, &size)); say(" n=" HEX, HEXED(size)); break;
    case 9: say_bool(WriteProcessMemory(GetCurrentProcess(), base, NULL, 16, &size)); break;
    case 10: say_bool(ReadProcessMemory(GetCurrentProcess(), words, places, 16, NULL)); break;
    default: say_bool(CloseHandle((HANDLE)bad_handles[below(4)])); break;
    }
    call_end(slot);
}
