/* The Win32 calls on ranges. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

/* What MEM_RESET touched may be zero afterwards, or not. */
void note_reset(struct slot *slot, uintptr_t at, uint64_t size)
{
    uintptr_t start = (at - (uintptr_t)slot->base) / PAGE;
    uintptr_t end = (at + size - 1 - (uintptr_t)slot->base) / PAGE;

    for (uintptr_t page = start; page <= end && page < PAGES; page++)
        slot->vague |= UINT64_C(1) << page;
}

/* Whether pages of a section are there that nobody committed: do_reserved_commit. */
int holds_reserved_view(const struct slot *slot, uintptr_t at, uint64_t size)
{
    uint64_t start = at - (uintptr_t)slot->base;

    for (unsigned i = 0; i < slot->count; i++) {
        const struct run *run = &slot->runs[i];

        if (run->type == MEM_MAPPED && run->state == MEM_RESERVE && run->first * PAGE < start + size
            && (run->first + run->pages) * PAGE > start)
            return 1;
    }
    return 0;
}

void do_allocate(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_range(slot, pick_state(), &size);
    DWORD type = pick_type(slot, at), protect = pick_protect();
    int ex = !slot_is_own(slot) || chance(20);
    void *got;

    if (holds_reserved_view(slot, at, size))
        return;
    call_begin(slot, ex ? "VirtualAllocEx" : "VirtualAlloc");
    say_address(slot, at);
    say("," HEX ",%x,%x", HEXED(size), (unsigned)type, (unsigned)protect);
    slot_summary(slot, at, size);
    SetLastError(MARK);
    got = ex ? VirtualAllocEx(slot->process, (void *)at, size, type, protect)
             : VirtualAlloc((void *)at, size, type, protect);
    say(" = ");
    say_address(slot, (uintptr_t)got);
    say_error();
    if (type & MEM_RESET)
        note_reset(slot, at, size);
    call_end(slot);
}

void do_free(struct slot *slot)
{
    static const DWORD types[] = {MEM_DECOMMIT, MEM_DECOMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RELEASE};
    uint64_t size;
    uintptr_t at = pick_range(slot, chance(70) ? MEM_COMMIT : MEM_RESERVE, &size);
    DWORD type = chance(94) ? ANY_OF(types) : (DWORD)pick_wild(20);
    int ex = !slot_is_own(slot) || chance(20);
    BOOL done;

    if (type == MEM_RELEASE && chance(85))
        size = 0;
    if (size > UINT64_C(0xFFFFFFFFFFFFF000)) /* rounded, it would become nothing */
        size = SPAN + PAGE;
    call_begin(slot, ex ? "VirtualFreeEx" : "VirtualFree");
    say_address(slot, at);
    say("," HEX ",%x", HEXED(size), (unsigned)type);
    slot_summary(slot, at, size);
    SetLastError(MARK);
    done = ex ? VirtualFreeEx(slot->process, (void *)at, size, type) : VirtualFree((void *)at, size, type);
    say(" = ");
    say_bool(done);
    call_end(slot);
}

void do_protect(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_range(slot, MEM_COMMIT, &size);
    DWORD protect = pick_protect(), old = MARK;
    int ex = !slot_is_own(slot) || chance(20);
    BOOL done;

    call_begin(slot, ex ? "VirtualProtectEx" : "VirtualProtect");
    say_address(slot, at);
    say("," HEX ",%x", HEXED(size), (unsigned)protect);
    slot_summary(slot, at, size);
    SetLastError(MARK);
    done = ex ? VirtualProtectEx(slot->process, (void *)at, size, protect, &old)
              : VirtualProtect((void *)at, size, protect, &old);
    say(" = ");
    say_bool(done);
    if (done)
        say(" old=%x", (unsigned)old);
    call_end(slot);
}

/* Whether the record ends where something else begins, which for the last one is beyond the slot. */
static void say_end(const struct slot *slot, const struct run *run, unsigned page, uint64_t size)
{
    uint64_t known = (run->first + run->pages - page) * (uint64_t)PAGE;

    if (size == known || (size > known && run->first + run->pages == slot->pages))
        say(" whole");
    else
        say(size < known ? " SHORT" : " LONG");
}

/* Every field of the record, for any address in the slot. */
void do_query(struct slot *slot)
{
    MEMORY_BASIC_INFORMATION info = {0};
    uintptr_t at = (uintptr_t)slot->base + below(slot->pages * PAGE);
    const struct run *run;
    unsigned page = (unsigned)((at - (uintptr_t)slot->base) / PAGE);
    int ex = !slot_is_own(slot) || chance(20);
    SIZE_T got;

    call_begin(slot, ex ? "VirtualQueryEx" : "VirtualQuery");
    say_address(slot, at);
    slot_summary(slot, at, 1);
    run = slot_run(slot, page);
    SetLastError(MARK);
    got = ex ? VirtualQueryEx(slot->process, (void *)at, &info, sizeof info)
             : VirtualQuery((void *)at, &info, sizeof info);
    say(" = %u ", (unsigned)got);
    say_address(slot, (uintptr_t)info.BaseAddress);
    say(" ");
    say_address(slot, (uintptr_t)info.AllocationBase);
    say(" %x %x %x %x", (unsigned)info.AllocationProtect, (unsigned)info.State, (unsigned)info.Protect,
        (unsigned)info.Type);
    say_end(slot, run, page, info.RegionSize);
    say_error();
    call_end(slot);
}
