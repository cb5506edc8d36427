/*
 * Calls of which the two systems are known to make something else: each in a slot that was laid out
 * for it, and what it leaves is thrown away.
 */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

/* Committed, committed before reserved, reserved, free; one page or two. */
static uintptr_t pick_laid(const struct slot *slot, uint64_t *size)
{
    static const unsigned pages[] = {0, 1, 3, 8, 16};

    *size = (1 + below(2)) * (uint64_t)PAGE;
    return (uintptr_t)slot->base + ANY_OF(pages) * PAGE;
}

/* Any type and any protection. */
void do_odd_allocate(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_laid(slot, &size);
    DWORD type = pick_odd_type(), protect = chance(60) ? pick_odd_protect() : PAGE_READWRITE;
    void *base = (void *)at;
    SIZE_T given = size;
    NTSTATUS status;

    slot_lay(slot);
    if (chance(50)) {
        call_begin(slot, "VirtualAllocEx");
        say_address(slot, at);
        say("," HEX ",%x,%x", HEXED(size), (unsigned)type, (unsigned)protect);
        slot_summary(slot, at, size);
        SetLastError(MARK);
        base = VirtualAllocEx(slot->process, base, size, type, protect);
        say(" = ");
        say_address(slot, (uintptr_t)base);
        say_error();
    } else {
        call_begin(slot, "NtAllocateVirtualMemory");
        say_address(slot, at);
        say(",0," HEX ",%x,%x", HEXED(size), (unsigned)type, (unsigned)protect);
        slot_summary(slot, at, size);
        status = NtAllocateVirtualMemory(slot->process, &base, 0, &given, type, protect);
        say(" = ");
        say_status(status);
    }
    call_end_spoilt(slot);
}

void do_odd_protect(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_laid(slot, &size);
    DWORD protect = pick_odd_protect(), old = MARK;
    void *base = (void *)at;
    SIZE_T given = size;
    NTSTATUS status;

    slot_lay(slot);
    call_begin(slot, "NtProtectVirtualMemory");
    say_address(slot, at);
    say("," HEX ",%x", HEXED(size), (unsigned)protect);
    slot_summary(slot, at, size);
    SetLastError(MARK);
    status = NtProtectVirtualMemory(slot->process, &base, &given, protect, &old);
    say(" = ");
    say_status(status);
    if (!status)
        say(" old=%x", (unsigned)old);
    call_end_spoilt(slot);
}

/* A part of an allocation is given back: so many pages before it stay, and so many behind. */
void do_partial_release(struct slot *slot)
{
    unsigned before = below(4) ? 1 + below(8) : 0, freed = 1 + below(6);
    uintptr_t at = (uintptr_t)slot->base + before * PAGE;
    unsigned more = chance(25) ? 1 : 0;
    void *base = (void *)(at + more);
    SIZE_T size = freed * (SIZE_T)PAGE - more;
    NTSTATUS status;

    slot_clear(slot);
    VirtualAllocEx(slot->process, slot->base, GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    call_begin(slot, "NtFreeVirtualMemory");
    say("%u %u %u %u", before, freed, 16 - before - freed, more);
    status = NtFreeVirtualMemory(slot->process, &base, &size, MEM_RELEASE);
    say(" = ");
    say_status(status);
    if (!status)
        say((uintptr_t)base == at && size == freed * PAGE ? " rounded" : " NOT ROUNDED");
    call_end_spoilt(slot);
}

static char here[2 * PAGE];

/* Writes where the protection forbids it, or forbids it from the second page on. */
void do_odd_write(struct slot *slot)
{
    static const DWORD list[] = {PAGE_NOACCESS, PAGE_READONLY, PAGE_EXECUTE_READ, PAGE_EXECUTE, PAGE_EXECUTE_READWRITE,
                                 PAGE_READONLY | PAGE_GUARD};
    DWORD protects[2] = {ANY_OF(list), ANY_OF(list)}, old;
    SIZE_T done = MARK;
    int nt = chance(50);

    if ((protects[0] & PAGE_GUARD) && (protects[1] & PAGE_READONLY))
        protects[1] = PAGE_EXECUTE_READWRITE; /* so that two pages never become one run */
    slot_lay(slot);
    for (unsigned i = 0; i < 2; i++)
        VirtualProtectEx(slot->process, slot->base + i * PAGE, PAGE, protects[i], &old);
    slot_look(slot);
    call_begin(slot, nt ? "NtWriteVirtualMemory" : "WriteProcessMemory");
    say("%x,%x", (unsigned)protects[0], (unsigned)protects[1]);
    say(" = ");
    SetLastError(MARK);
    here[0] = 0x5A;
    if (nt)
        say_status(NtWriteVirtualMemory(slot->process, slot->base, here, sizeof here, &done));
    else
        say_bool(WriteProcessMemory(slot->process, slot->base, here, sizeof here, &done));
    say(" n=" HEX, HEXED(done));
    call_end_spoilt(slot);
}

/* Locks or reads a page that is a guard, twice. */
void do_odd_guard(struct slot *slot)
{
    DWORD protect = chance(50) ? PAGE_READWRITE : PAGE_READONLY, old;
    int lock = slot_is_own(slot) && chance(50);
    SIZE_T done = MARK;

    slot_lay(slot);
    VirtualProtectEx(slot->process, slot->base, PAGE, protect | PAGE_GUARD, &old);
    call_begin(slot, lock ? "VirtualLock" : "ReadProcessMemory");
    say("guard %x =", (unsigned)protect);
    for (unsigned turn = 0; turn < 2; turn++) {
        SetLastError(MARK);
        say(" ");
        if (lock)
            say_bool(VirtualLock(slot->base, PAGE));
        else
            say_bool(ReadProcessMemory(slot->process, slot->base, here, PAGE, &done));
    }
    call_end_spoilt(slot);
}

/* A view whose pages are copied when they are stored to: what the records say then. */
void do_copy_on_write(struct slot *slot)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_EXECUTE_READWRITE, 0, 3 * PAGE, NULL);
    int code = chance(50);
    char *view, *again;
    DWORD old = MARK;

    slots_clear();
    view = MapViewOfFileEx(section, FILE_MAP_COPY | (code ? FILE_MAP_EXECUTE : 0), 0, 0, 0, slot->base);
    again = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    CloseHandle(section);
    call_begin(slot, "store");
    say("copied %s = ", code ? "80" : "8");
    view[PAGE] = 0x5A;
    say(again[PAGE] ? "BOTH" : "apart");
    UnmapViewOfFile(again);
    if (chance(50)) {
        say(" protect ");
        SetLastError(MARK);
        say_bool(VirtualProtect(view + PAGE, PAGE, PAGE_READONLY, &old));
        say(" old=%x", (unsigned)old);
    }
    call_end_spoilt(slot);
}

/* Pages of a section that nobody committed yet. */
void do_reserved_store(struct slot *slot)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE, 0, 3 * PAGE, NULL);
    struct met met;

    slots_clear();
    MapViewOfFileEx(section, FILE_MAP_WRITE, 0, 0, 0, slot->base);
    CloseHandle(section);
    call_begin(slot, "store");
    met = access_byte(slot->base + PAGE, STORE, 0x5A);
    say("reserved = ");
    if (met.count)
        say("%08X/%u", (unsigned)met.list[0].code, (unsigned)met.list[0].kind);
    else
        say("fine");
    call_end_spoilt(slot);
}

/* Two views of 8 pages; some are committed through the first one. */
void do_reserved_commit(struct slot *slot)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE, 0, 8 * PAGE, NULL);
    unsigned from = 1 + below(5), count = 1 + below(7 - from);
    void *got;

    slots_clear();
    MapViewOfFileEx(section, FILE_MAP_WRITE, 0, 0, 0, slot->base);
    MapViewOfFileEx(section, FILE_MAP_WRITE, 0, 0, 0, slot->base + GRANULE);
    CloseHandle(section);
    call_begin(slot, "VirtualAlloc");
    say("reserved %u %u %u", from, count, 8 - from - count);
    SetLastError(MARK);
    got = VirtualAlloc(slot->base + from * PAGE, count * PAGE, MEM_COMMIT, PAGE_READONLY);
    say(" = ");
    say_bool(got != NULL);
    call_end_spoilt(slot);
}
