/* Bytes: stored and loaded here, and copied by Read- and WriteProcessMemory. */
#include <string.h>

#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

static const unsigned places[] = {0, 0x800, 0xFFF};

/* Stores where the record says that it may be stored. */
void do_poke(struct slot *slot)
{
    int page = pick_committed(slot);
    unsigned place = ANY_OF(places);
    unsigned char value = (unsigned char)(1 + below(255));
    SIZE_T done;

    if (page < 0 || !is_writable(slot_run(slot, (unsigned)page)->protect))
        return;
    call_begin(slot, "store");
    say("+%x %02x =", (unsigned)page * PAGE + place, value);
    if (slot_is_own(slot))
        slot->base[(unsigned)page * PAGE + place] = (char)value;
    else
        WriteProcessMemory(slot->process, slot->base + (unsigned)page * PAGE + place, &value, 1, &done);
    call_end(slot);
}

static void say_met(const struct slot *slot, const struct met *met)
{
    if (!met->count)
        say(" fine");
    for (unsigned i = 0; i < met->count; i++) {
        say(" %08X/%u@", (unsigned)met->list[i].code, (unsigned)met->list[i].kind);
        say_address(slot, met->list[i].at);
    }
}

/* What a store makes of such pages is for the calls of alone.c. */
static int is_for_alone(const struct run *run)
{
    return run && ((run->protect & (PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY))
                   || (run->state == MEM_RESERVE && run->type == MEM_MAPPED));
}

/* Accesses any page, and says which exceptions that raised. */
void do_access(struct slot *slot)
{
    static const char *const names[] = {"load", "store", "execute"};
    enum access access = chance(45) ? LOAD : chance(90) ? STORE : EXECUTE;
    int found = chance(75) ? pick_committed(slot) : -1;
    unsigned page = found < 0 ? below(slot->pages) : (unsigned)found;
    unsigned char value = (unsigned char)(1 + below(255));
    char *at = slot->base + page * PAGE + ANY_OF(places);
    const struct run *run = slot_run(slot, page);
    DWORD protect = run && run->state == MEM_COMMIT ? run->protect : 0;
    struct met met;

    if (!slot_is_own(slot) || (access != LOAD && is_for_alone(run)))
        return;
    if (access == EXECUTE) {
        at = slot->base + page * PAGE;
        if (is_writable(protect))
            *at = (char)0xC3; /* ret */
        else if (protect & (PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY))
            return;
    }
    call_begin(slot, names[access]);
    say_address(slot, (uintptr_t)at);
    slot_summary(slot, (uintptr_t)at, 1);
    met = access_byte(at, access, value);
    say(" =");
    say_met(slot, &met);
    call_end(slot);
}

static char here[SPAN + PAGE];

/* Whether a copy from there may meet a guard, and take it away. */
static int holds_guard(const struct slot *slot, uintptr_t at, uint64_t size)
{
    uint64_t start = at - (uintptr_t)slot->base;

    for (unsigned i = 0; i < slot->count; i++) {
        const struct run *run = &slot->runs[i];

        if ((run->protect & PAGE_GUARD) && run->first * PAGE < start + size && (run->first + run->pages) * PAGE > start)
            return 1;
    }
    return 0;
}

/* Copies out, into memory that is all there. */
void do_read(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_range(slot, MEM_COMMIT, &size);
    int nt = chance(40);
    SIZE_T done = MARK;
    NTSTATUS status;
    BOOL read;

    if (holds_guard(slot, at, size))
        return;
    call_begin(slot, nt ? "NtReadVirtualMemory" : "ReadProcessMemory");
    say_address(slot, at);
    say("," HEX, HEXED(size));
    slot_summary(slot, at, size);
    say(" = ");
    if (nt) {
        status = NtReadVirtualMemory(slot->process, (void *)at, here, size, &done);
        say_status(status);
    } else {
        SetLastError(MARK);
        read = ReadProcessMemory(slot->process, (void *)at, here, size, &done);
        say_bool(read);
    }
    say(" n=" HEX, HEXED(done));
    call_end(slot);
}

/* Whether the range ends, or all of it may be stored to, or all of it is free. */
static int is_plain(const struct slot *slot, uintptr_t at, uint64_t size)
{
    uint64_t start = at - (uintptr_t)slot->base;
    unsigned writable = 0, others = 0, gaps = 0;

    if (start + size < start || size > SPAN)
        return 1;
    for (unsigned i = 0; i < slot->count; i++) {
        const struct run *run = &slot->runs[i];

        if (run->first * PAGE >= start + size || (run->first + run->pages) * PAGE <= start)
            continue;
        writable += run->state == MEM_COMMIT && is_writable(run->protect);
        others += run->state != MEM_FREE;
        gaps += run->state == MEM_FREE;
    }
    return writable == others && !(writable && gaps);
}

/* Copies in: the same byte, everywhere. Where that is forbidden do_odd_write tries it. */
void do_write(struct slot *slot)
{
    uint64_t size;
    uintptr_t at = pick_range(slot, MEM_COMMIT, &size);
    unsigned char value = (unsigned char)(1 + below(255));
    int nt = chance(40);
    SIZE_T done = MARK;
    NTSTATUS status;
    BOOL written;

    if (!is_plain(slot, at, size))
        return;
    call_begin(slot, nt ? "NtWriteVirtualMemory" : "WriteProcessMemory");
    say_address(slot, at);
    say("," HEX " %02x", HEXED(size), value);
    slot_summary(slot, at, size);
    say(" = ");
    memset(here, value, sizeof here);
    if (nt) {
        status = NtWriteVirtualMemory(slot->process, (void *)at, here, size, &done);
        say_status(status);
    } else {
        SetLastError(MARK);
        written = WriteProcessMemory(slot->process, (void *)at, here, size, &done);
        say_bool(written);
    }
    say(" n=" HEX, HEXED(done));
    call_end(slot);
}
