/* Write watch: which pages were stored to. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

void do_watch_allocate(struct slot *slot)
{
    uintptr_t at = (uintptr_t)slot->base + below(PAGES / 16) * GRANULE;
    uint64_t size = (1 + below(16)) * (uint64_t)PAGE;
    DWORD type = MEM_RESERVE | MEM_WRITE_WATCH | (chance(70) ? MEM_COMMIT : 0);
    DWORD protect = chance(70) ? PAGE_READWRITE : pick_protect();
    void *got;

    call_begin(slot, "VirtualAlloc");
    say_address(slot, at);
    say("," HEX ",%x,%x", HEXED(size), (unsigned)type, (unsigned)protect);
    slot_summary(slot, at, size);
    SetLastError(MARK);
    got = VirtualAlloc((void *)at, size, type, protect);
    say(" = ");
    say_address(slot, (uintptr_t)got);
    say_error();
    call_end(slot);
}

void do_watch_release(struct slot *slot)
{
    const struct run *run = slot->count ? &slot->runs[below(slot->count)] : NULL;

    if (!run || run->base < 0)
        return;
    call_begin(slot, "VirtualFree");
    say("+%x,0,8000", (unsigned)run->base * PAGE);
    slot_summary(slot, (uintptr_t)slot->base + (unsigned)run->base * PAGE, 0);
    SetLastError(MARK);
    say(" = ");
    say_bool(VirtualFree(slot->base + (unsigned)run->base * PAGE, 0, MEM_RELEASE));
    call_end(slot);
}

/* The base of an allocation, and how much from there to its end; or something else. */
static uintptr_t pick_watched(const struct slot *slot, uint64_t *size)
{
    const struct run *run = slot->count ? &slot->runs[below(slot->count)] : NULL;
    uintptr_t at;
    unsigned end;

    if (!run || run->base < 0 || chance(30)) {
        at = pick_address(slot);
        *size = keep_inside(slot, at, pick_size(slot, at));
        return at;
    }
    end = run->first + run->pages;
    while (slot_run(slot, end) && slot_run(slot, end)->base == run->base)
        end += slot_run(slot, end)->pages;
    at = (uintptr_t)slot->base + (unsigned)run->base * PAGE;
    *size = (uintptr_t)slot->base + end * PAGE - at;
    return at;
}

enum { PLACES = 64 };

static void say_places(const struct slot *slot, void **places, ULONG_PTR count)
{
    for (ULONG_PTR i = 0; i < count && i < PLACES; i++) {
        say(" ");
        say_address(slot, (uintptr_t)places[i]);
    }
}

void do_watch_get(struct slot *slot)
{
    void *places[PLACES];
    uint64_t size;
    uintptr_t at = pick_watched(slot, &size);
    DWORD flags = chance(95) ? below(2) : (DWORD)pick_wild(32);
    ULONG_PTR room = chance(75) ? PLACES : below(4), count = room;
    DWORD grain = MARK;
    int nt = chance(40);
    NTSTATUS status = 0;
    UINT answer = 0;

    call_begin(slot, nt ? "NtGetWriteWatch" : "GetWriteWatch");
    say("%x,", (unsigned)flags);
    say_address(slot, at);
    say("," HEX "," HEX, HEXED(size), HEXED(count));
    slot_summary(slot, at, size);
    say(" = ");
    SetLastError(MARK);
    if (nt) {
        status = NtGetWriteWatch(GetCurrentProcess(), flags, (void *)at, size, places, &count, &grain);
        say_status(status);
    } else {
        answer = GetWriteWatch(flags, (void *)at, size, places, &count, &grain);
        say("%x", answer);
        say_error();
    }
    if (!status && !answer) {
        say(" %x n=" HEX, (unsigned)grain, HEXED(count));
        say_places(slot, places, count <= room ? count : 0);
    }
    call_end(slot);
}

void do_watch_reset(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_watched(slot, &size);
    int nt = chance(40);

    call_begin(slot, nt ? "NtResetWriteWatch" : "ResetWriteWatch");
    say_address(slot, at);
    say("," HEX, HEXED(size));
    slot_summary(slot, at, size);
    say(" = ");
    SetLastError(MARK);
    if (nt) {
        say_status(NtResetWriteWatch(GetCurrentProcess(), (void *)at, size));
    } else {
        say("%x", ResetWriteWatch((void *)at, size));
        say_error();
    }
    call_end(slot);
}

/* Watched memory of 8 pages, of which two were stored to. */
static void lay_watched(struct slot *slot, unsigned one, unsigned two)
{
    slot_clear(slot);
    VirtualAlloc(slot->base, 8 * PAGE, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    slot->base[one * PAGE] = slot->base[two * PAGE] = 1;
}

static void say_watched(struct slot *slot)
{
    void *places[PLACES];
    ULONG_PTR count = PLACES;
    DWORD grain;

    if (GetWriteWatch(0, slot->base, 8 * PAGE, places, &count, &grain))
        say(" none");
    else
        say_places(slot, places, count);
}

/* What becomes of pages that were stored to, one inside and one outside, if some are decommitted. */
void do_watch_decommit(struct slot *slot)
{
    unsigned from = below(4), count = 1 + below(3);
    unsigned inside = from + below(count), outside = (from + count + below(8 - count)) % 8;
    int latch = chance(30);
    DWORD old;

    lay_watched(slot, inside, outside);
    call_begin(slot, "decommit");
    say("in +%x out +%x%s =", inside * PAGE, outside * PAGE, latch ? " protected" : "");
    if (latch)
        VirtualProtect(slot->base, 8 * PAGE, PAGE_READWRITE, &old);
    VirtualFree(slot->base + from * PAGE, count * PAGE, MEM_DECOMMIT);
    say_watched(slot);
    call_end_spoilt(slot);
}

/* A store by the system, into this process, is one. */
void do_watch_copy(struct slot *slot)
{
    unsigned one = below(5), two = below(5), to = 5 + below(3);
    int nt = chance(50);
    SIZE_T done;

    lay_watched(slot, one, two);
    call_begin(slot, nt ? "NtWriteVirtualMemory" : "WriteProcessMemory");
    say("watched +%x =", to * PAGE);
    if (nt)
        NtWriteVirtualMemory(GetCurrentProcess(), slot->base + to * PAGE, &one, 1, &done);
    else
        WriteProcessMemory(GetCurrentProcess(), slot->base + to * PAGE, &one, 1, &done);
    say_watched(slot);
    call_end_spoilt(slot);
}
