#include <string.h>

#include "say.h"
#include "sections.h"
#include "slots.h"

static const uintptr_t ARENA = (uintptr_t)0x20000 << 20;

struct slot slots[SLOTS];

static unsigned number;

static void fence(HANDLE process, uintptr_t at)
{
    if (!VirtualAllocEx(process, (void *)at, GRANULE, MEM_RESERVE, PAGE_NOACCESS))
        say("NO FENCE e=%u\n", (unsigned)GetLastError());
}

static void place(unsigned index, HANDLE process, uintptr_t *at)
{
    struct slot *slot = &slots[index];

    slot->base = (char *)*at;
    slot->process = process;
    slot->index = index;
    slot->pages = PAGES;
    *at += SPAN;
    fence(process, *at);
    *at += GRANULE;
}

void slots_start(void)
{
    uintptr_t at = ARENA;

    fence(GetCurrentProcess(), at);
    at += GRANULE;
    for (unsigned i = 0; i < OWN_SLOTS; i++)
        place(i, GetCurrentProcess(), &at);
}

void slots_start_other(void)
{
    uintptr_t at = ARENA;

    if (slots[OWN_SLOTS].base)
        return;
    fence(other_process(), at);
    at += GRANULE;
    for (unsigned i = OWN_SLOTS; i < SLOTS; i++)
        place(i, other_process(), &at);
}

int slot_is_own(const struct slot *slot)
{
    return slot->process == GetCurrentProcess();
}

static int is_alike(const struct run *one, const struct run *two)
{
    return one->base == two->base && one->state == two->state && one->protect == two->protect
        && one->allocation_protect == two->allocation_protect && one->type == two->type;
}

/* Adds the run, or makes the one before longer: whether a query ends where it should is for do_query. */
static unsigned add_run(struct slot *slot, unsigned page, const MEMORY_BASIC_INFORMATION *info)
{
    struct run *run = &slot->runs[slot->count];
    uint64_t pages = info->RegionSize / PAGE;

    run->first = page;
    run->pages = pages < slot->pages - page ? (unsigned)pages : slot->pages - page;
    page += run->pages;
    run->base = info->AllocationBase ? (int)(((char *)info->AllocationBase - slot->base) / PAGE) : -1;
    run->state = info->State;
    run->protect = info->Protect;
    run->allocation_protect = info->AllocationProtect;
    run->type = info->Type;
    if (slot->count && is_alike(run - 1, run))
        run[-1].pages += run->pages;
    else
        slot->count++;
    return page;
}

/* A lock goes with the memory of its page. */
static void forget_locks(struct slot *slot)
{
    for (unsigned i = 0; i < slot->count; i++)
        if (slot->runs[i].state != MEM_COMMIT)
            for (unsigned page = 0; page < slot->runs[i].pages; page++)
                slot->locked &= ~(UINT64_C(1) << (slot->runs[i].first + page));
}

void slot_look(struct slot *slot)
{
    unsigned page = 0;

    slot->count = 0;
    while (page < slot->pages) {
        MEMORY_BASIC_INFORMATION info;

        if (!VirtualQueryEx(slot->process, slot->base + page * PAGE, &info, sizeof info) || info.RegionSize < PAGE)
            break;
        page = add_run(slot, page, &info);
    }
    forget_locks(slot);
}

const struct run *slot_run(const struct slot *slot, unsigned page)
{
    for (unsigned i = 0; i < slot->count; i++)
        if (page - slot->runs[i].first < slot->runs[i].pages)
            return &slot->runs[i];
    return NULL;
}

int is_readable(DWORD protect)
{
    return !(protect & PAGE_GUARD) && (protect & (PAGE_READONLY | PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READ
                                                  | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY));
}

int is_writable(DWORD protect)
{
    return !(protect & PAGE_GUARD) && (protect & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE));
}

static char fetched[SPAN];

/* The bytes of a run: where they are, or a copy of those of the other process. */
static const volatile char *bytes_of(const struct slot *slot, const struct run *run)
{
    char *at = slot->base + run->first * PAGE;
    SIZE_T done;

    if (slot_is_own(slot))
        return at;
    return ReadProcessMemory(slot->process, at, fetched, run->pages * (SIZE_T)PAGE, &done) ? fetched : NULL;
}

/* Takes in the bytes of a page that calls may have stored. */
static unsigned digest_page(const volatile char *bytes, unsigned page, unsigned sum)
{
    static const unsigned places[] = {0, 0x800, 0xFFF};

    for (unsigned i = 0; i < 3; i++) {
        unsigned char byte = (unsigned char)bytes[places[i]];

        if (byte)
            sum = (sum ^ (page * 3 + i + 1) ^ (unsigned)byte << 9) * 16777619u + 1;
    }
    return sum;
}

static unsigned digest_run(const struct slot *slot, const struct run *run, unsigned sum)
{
    const volatile char *bytes = bytes_of(slot, run);

    if (!bytes)
        return sum ^ 0xBAD0000;
    for (unsigned i = 0; i < run->pages; i++)
        if (!(slot->vague >> (run->first + i) & 1))
            sum = digest_page(bytes + i * PAGE, run->first + i, sum);
    return sum;
}

/* A number made of the bytes in the slot; 0: all of them are 0. */
static unsigned digest(const struct slot *slot)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < slot->count; i++)
        if (slot->runs[i].state == MEM_COMMIT && is_readable(slot->runs[i].protect))
            sum = digest_run(slot, &slot->runs[i], sum);
    return sum;
}

static char *put_number(char *at, unsigned value, unsigned radix)
{
    char digits[12];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % radix];
        value /= radix;
    } while (value);
    while (count)
        *at++ = digits[--count];
    return at;
}

/* `|` where an allocation begins, then F, R or C with the pages, the protection, that of the allocation. */
static char *put_run(char *at, const struct run *run, int before)
{
    if (run->base == (int)run->first)
        *at++ = '|';
    else if (run->base != before)
        *at++ = '?';
    if (run->state == MEM_FREE) {
        *at++ = 'F';
        at = put_number(at, run->pages, 10);
        if (run->protect != PAGE_NOACCESS || run->allocation_protect || run->type)
            *at++ = '!';
        return at;
    }
    *at++ = run->state == MEM_RESERVE ? 'R' : run->state == MEM_COMMIT ? 'C' : '?';
    at = put_number(at, run->pages, 10);
    *at++ = '.';
    at = put_number(at, run->protect, 16);
    *at++ = '.';
    at = put_number(at, run->allocation_protect, 16);
    if (run->type != MEM_PRIVATE)
        *at++ = run->type == MEM_MAPPED ? 'm' : '?';
    return at;
}

static void walk_text(const struct slot *slot, char *text)
{
    int before = -1;
    unsigned sum = digest(slot);
    char *at = text;

    for (unsigned i = 0; i < slot->count; i++) {
        if (i)
            *at++ = ' ';
        at = put_run(at, &slot->runs[i], before);
        before = slot->runs[i].base;
    }
    if (sum) {
        *at++ = ' ';
        *at++ = '#';
        at = put_number(at, sum, 16);
    }
    *at = 0;
}

void slot_walk(struct slot *slot)
{
    char text[WALK_SIZE];

    slot_look(slot);
    walk_text(slot, text);
    if (!strcmp(text, slot->said))
        return;
    strcpy(slot->said, text);
    say(" ; %s", text);
}

void slot_clear(struct slot *slot)
{
    slot_look(slot);
    for (unsigned turn = 0; turn < PAGES; turn++) {
        const struct run *run = NULL;
        char *base;

        for (unsigned i = 0; !run && i < slot->count; i++)
            run = slot->runs[i].state == MEM_FREE ? NULL : &slot->runs[i];
        if (!run)
            break;
        base = slot->base + run->base * PAGE;
        if (run->type == MEM_PRIVATE)
            VirtualFreeEx(slot->process, base, 0, MEM_RELEASE);
        else
            NtUnmapViewOfSection(slot->process, base);
        slot_look(slot);
    }
    slot->vague = 0;
    walk_text(slot, slot->said);
}

void slot_lay(struct slot *slot)
{
    slot_clear(slot);
    VirtualAllocEx(slot->process, slot->base, GRANULE, MEM_RESERVE, PAGE_READWRITE);
    VirtualAllocEx(slot->process, slot->base, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE);
    slot_look(slot);
    walk_text(slot, slot->said);
}

void slots_clear(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].base)
            slot_clear(&slots[i]);
    sections_close();
}

void say_address(const struct slot *slot, uintptr_t at)
{
    uintptr_t offset = at - (uintptr_t)slot->base;

    if (!at)
        say("0");
    else if (offset <= SPAN)
        say("+" HEX, HEXED(offset));
    else
        say(HEX, HEXED(at));
}

/* Adds a protection to the list, once. */
static unsigned note_protect(DWORD *list, unsigned count, DWORD protect)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i] == protect)
            return count;
    if (count < 8)
        list[count++] = protect;
    return count;
}

void slot_summary(const struct slot *slot, uintptr_t at, uint64_t size)
{
    uintptr_t start = at - (uintptr_t)slot->base;
    uint64_t end = (uint64_t)start + size;
    DWORD protects[8];
    unsigned count = 0, states = 0;
    int base = -2, several = 0, views = 0;

    if (start >= SPAN || end < start) {
        say(" [-]");
        return;
    }
    for (unsigned i = 0; i < slot->count; i++) {
        const struct run *run = &slot->runs[i];

        if (run->first * PAGE >= end + !size || (run->first + run->pages) * PAGE <= start)
            continue;
        states |= run->state == MEM_FREE ? 1 : run->state == MEM_RESERVE ? 2 : 4;
        several |= base != -2 && base != run->base;
        base = run->base;
        views |= run->type == MEM_MAPPED;
        if (run->state == MEM_COMMIT)
            count = note_protect(protects, count, run->protect);
    }
    say(" [%s%s%s", states & 1 ? "F" : "", states & 2 ? "R" : "", states & 4 ? "C" : "");
    for (unsigned i = 0; i < count; i++)
        say("%s%x", i ? "," : "", (unsigned)protects[i]);
    say("%s%s%s]", views ? "m" : "", several ? "|" : "", end > slot->pages * (uint64_t)PAGE ? "+" : "");
}

void call_begin(struct slot *slot, const char *name)
{
    slot_look(slot);
    say("%u %s%c ", number++, name, 'a' + (int)slot->index);
}

void call_end(struct slot *slot)
{
    slot_walk(slot);
    say("\n");
}

void call_end_spoilt(struct slot *slot)
{
    slot_walk(slot);
    say(" spoilt\n");
    slots_clear();
}

void calls_restart(void)
{
    number = 0;
}

unsigned calls_made(void)
{
    return number;
}
