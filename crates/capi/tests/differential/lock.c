/* Locks. What is locked is followed here, by the documented rules, and said with the call. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

/* The pages of a range that lies in the slot; 0 if it does not. */
static uint64_t pages_of(const struct slot *slot, uintptr_t at, uint64_t size)
{
    uintptr_t start = (at - (uintptr_t)slot->base) / PAGE;
    uintptr_t end = (at + size - 1 - (uintptr_t)slot->base) / PAGE;

    if (!size || size > SPAN || end >= slot->pages)
        return 0;
    return (end - start == 63 ? ~UINT64_C(0) : ((UINT64_C(1) << (end - start + 1)) - 1)) << start;
}

static int holds(const struct slot *slot, uint64_t pages, int (*unfit)(const struct run *))
{
    for (unsigned page = 0; page < slot->pages; page++)
        if ((pages >> page & 1) && unfit(slot_run(slot, page)))
            return 1;
    return 0;
}

static int cannot_be_locked(const struct run *run)
{
    return !run || run->state != MEM_COMMIT || (run->protect & PAGE_NOACCESS);
}

static int is_guard(const struct run *run)
{
    return run && run->state == MEM_COMMIT && (run->protect & PAGE_GUARD);
}

static void begin(struct slot *slot, const char *name, uintptr_t at, uint64_t size)
{
    uint64_t pages = pages_of(slot, at, size);
    uint64_t held;

    call_begin(slot, name);
    held = slot->locked & pages;
    say_address(slot, at);
    say("," HEX, HEXED(size));
    slot_summary(slot, at, size);
    say(" locked=%s", !held ? "none" : held == pages ? "all" : "some");
}

void do_lock(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_range(slot, MEM_COMMIT, &size);
    uint64_t pages = pages_of(slot, at, size);
    void *base = (void *)at;
    SIZE_T bytes = size;
    NTSTATUS status;

    if (holds(slot, pages, is_guard))
        return;
    if (chance(60)) {
        begin(slot, "VirtualLock", at, size);
        SetLastError(MARK);
        say(" = ");
        say_bool(VirtualLock((void *)at, size));
    } else {
        begin(slot, "NtLockVirtualMemory", at, size);
        status = NtLockVirtualMemory(GetCurrentProcess(), &base, &bytes, 1);
        say(" = ");
        say_status(status);
        say(" ");
        say_address(slot, (uintptr_t)base);
        say("," HEX, HEXED(bytes));
    }
    if (!holds(slot, pages, cannot_be_locked))
        slot->locked |= pages;
    call_end(slot);
}

void do_unlock(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_range(slot, MEM_COMMIT, &size);
    uint64_t pages = pages_of(slot, at, size);
    void *base = (void *)at;
    SIZE_T bytes = size;
    NTSTATUS status;

    if (chance(60)) {
        begin(slot, "VirtualUnlock", at, size);
        SetLastError(MARK);
        say(" = ");
        say_bool(VirtualUnlock((void *)at, size));
    } else {
        begin(slot, "NtUnlockVirtualMemory", at, size);
        status = NtUnlockVirtualMemory(GetCurrentProcess(), &base, &bytes, 1);
        say(" = ");
        say_status(status);
        say(" ");
        say_address(slot, (uintptr_t)base);
        say("," HEX, HEXED(bytes));
    }
    if (pages && (slot->locked & pages) == pages)
        slot->locked &= ~pages;
    call_end(slot);
}
