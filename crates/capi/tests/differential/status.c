/* What Win32 makes of a status, and the record of an allocation. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

static const ULONG statuses[] = {
    0x00000000, 0x40000003, 0x40000019, 0x80000001, 0x80000005, 0x8000000D, 0x8000001A, 0xC0000001, 0xC0000003,
    0xC0000004, 0xC0000005, 0xC0000008, 0xC000000D, 0xC0000017, 0xC0000018, 0xC0000019, 0xC000001A, 0xC000001B,
    0xC000001F, 0xC0000020, 0xC0000021, 0xC0000022, 0xC0000023, 0xC0000024, 0xC000002A, 0xC000002C, 0xC000002D,
    0xC0000030, 0xC0000034, 0xC0000035, 0xC0000040, 0xC0000045, 0xC0000049, 0xC000004C, 0xC000004D, 0xC000004E,
    0xC0000061, 0xC0000088, 0xC000009A, 0xC000009F, 0xC00000A0, 0xC00000A1, 0xC00000BB, 0xC00000E5, 0xC00000EF,
    0xC00000F0, 0xC00000F1, 0xC00000F2, 0xC00000F3, 0xC00000F4, 0xC00000F5, 0xC00000F6, 0xC00000F7, 0xC00000F8,
    0xC00000F9, 0xC00000FA, 0xC000010A, 0xC000011E, 0xC000012D, 0xC000012F, 0xC0000141, 0xC0000220, 0xC0000243,
};

void do_status(struct slot *slot)
{
    ULONG status = ANY_OF(statuses);

    call_begin(slot, "RtlNtStatusToDosError");
    say("%08X = %u", (unsigned)status, (unsigned)RtlNtStatusToDosError((NTSTATUS)status));
    call_end(slot);
}

/* Whether the record has the size of the allocation, and what of it is committed. */
static void say_extent(const struct slot *slot, const struct run *run, uint64_t size, uint64_t committed)
{
    unsigned pages = 0, charged = 0;

    for (unsigned i = 0; i < slot->count; i++)
        if (run && slot->runs[i].base == run->base) {
            pages += slot->runs[i].pages;
            charged += slot->runs[i].state == MEM_COMMIT ? slot->runs[i].pages : 0;
        }
    say(size == pages * (uint64_t)PAGE ? " whole" : " PART");
    if (committed == charged * (uint64_t)PAGE)
        say(" counted");
    else
        say(committed ? " ELSE" : " 0");
}

/* Class 3: the allocation as a whole. */
void do_region(struct slot *slot)
{
    static const SIZE_T rooms[] = {48, 48, 40, 32, 24, 16};
    uint64_t words[6] = {0};
    uintptr_t at = pick_address(slot);
    SIZE_T room = ANY_OF(rooms), length = MARK;
    NTSTATUS status;

    call_begin(slot, "NtQueryVirtualMemory");
    say_address(slot, at);
    say(",3," HEX, HEXED(room));
    slot_summary(slot, at, 1);
    status = NtQueryVirtualMemory(slot->process, (void *)at, 3, words, room, &length);
    say(" = ");
    say_status(status);
    if (!status) {
        say(" ");
        say_address(slot, (uintptr_t)words[0]);
        say(" %x", (unsigned)words[1]);
        if (room >= 32)
            say_extent(slot, slot_run(slot, (unsigned)((at - (uintptr_t)slot->base) / PAGE)), words[2], words[3]);
    }
    call_end(slot);
}
