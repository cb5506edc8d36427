/* The Nt calls on ranges: what they are given is given back rounded. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

/* Says a status, and the range that the call gave back if that is another than it was given. */
static void say_range(const struct slot *slot, NTSTATUS status, void *base, SIZE_T size)
{
    say_status(status);
    say(" ");
    say_address(slot, (uintptr_t)base);
    say("," HEX, HEXED(size));
}

/* None, most of the time: an address that is given must have the bits. */
static ULONG_PTR pick_zero_bits(void)
{
    static const ULONG_PTR bits[] = {1, 12, 20, 22, 31, 32, 0x1AAAAAAA, 0xFFFFFFFF};

    return chance(96) ? 0 : ANY_OF(bits);
}

void do_nt_allocate(struct slot *slot)
{
    uint64_t asked;
    uintptr_t at = pick_range(slot, pick_state(), &asked);
    void *base = (void *)at;
    SIZE_T size = asked;
    ULONG type = pick_type(slot, at), protect = pick_protect();
    ULONG_PTR bits = pick_zero_bits();
    NTSTATUS status;

    if (holds_reserved_view(slot, at, asked))
        return;
    call_begin(slot, "NtAllocateVirtualMemory");
    say_address(slot, at);
    say("," HEX "," HEX ",%x,%x", HEXED(bits), HEXED(size), (unsigned)type, (unsigned)protect);
    slot_summary(slot, at, size);
    status = NtAllocateVirtualMemory(slot->process, &base, bits, &size, type, protect);
    say(" = ");
    say_range(slot, status, base, size);
    if (type & MEM_RESET)
        note_reset(slot, at, asked);
    call_end(slot);
}

void do_nt_free(struct slot *slot)
{
    uint64_t asked;
    uintptr_t at = pick_range(slot, chance(70) ? MEM_COMMIT : MEM_RESERVE, &asked);
    void *base = (void *)at;
    SIZE_T size = asked;
    ULONG type = chance(95) ? (chance(50) ? MEM_DECOMMIT : MEM_RELEASE) : (ULONG)pick_wild(20);
    NTSTATUS status;

    if (chance(20) || (type & MEM_RELEASE)) /* a part of it: do_partial_release */
        size = chance(15) ? SPAN + PAGE : 0;
    if (size > UINT64_C(0xFFFFFFFFFFFFF000)) /* rounded, it would become nothing */
        size = SPAN + PAGE;
    call_begin(slot, "NtFreeVirtualMemory");
    say_address(slot, at);
    say("," HEX ",%x", HEXED(size), (unsigned)type);
    slot_summary(slot, at, size);
    status = NtFreeVirtualMemory(slot->process, &base, &size, type);
    say(" = ");
    say_range(slot, status, base, size);
    call_end(slot);
}

void do_nt_protect(struct slot *slot)
{
    uint64_t asked;
    uintptr_t at = pick_range(slot, MEM_COMMIT, &asked);
    void *base = (void *)at;
    SIZE_T size = asked;
    ULONG protect = pick_protect(), old = MARK;
    NTSTATUS status;

    call_begin(slot, "NtProtectVirtualMemory");
    say_address(slot, at);
    say("," HEX ",%x", HEXED(size), (unsigned)protect);
    slot_summary(slot, at, size);
    status = NtProtectVirtualMemory(slot->process, &base, &size, protect, &old);
    say(" = ");
    say_range(slot, status, base, size);
    if (!status)
        say(" old=%x", (unsigned)old);
    call_end(slot);
}

/* The basic record, and the one of the allocation; with room that may be too small. */
void do_nt_query(struct slot *slot)
{
    static const SIZE_T rooms[] = {48, 48, 48, 47, 49, 64, 0, 8};
    uint64_t words[8] = {0};
    uintptr_t at = (uintptr_t)slot->base + below(slot->pages * PAGE);
    SIZE_T room = ANY_OF(rooms), length = MARK;
    NTSTATUS status;

    call_begin(slot, "NtQueryVirtualMemory");
    say_address(slot, at);
    say(",0," HEX, HEXED(room));
    status = NtQueryVirtualMemory(slot->process, (void *)at, 0, words, room, &length);
    say(" = ");
    say_status(status);
    say(" length=" HEX " ", HEXED(length));
    if (!status) {
        const MEMORY_BASIC_INFORMATION *info = (const MEMORY_BASIC_INFORMATION *)words;

        say_address(slot, (uintptr_t)info->BaseAddress);
        say(" %x %x %x", (unsigned)info->State, (unsigned)info->Protect, (unsigned)info->Type);
    }
    call_end(slot);
}
