#include "pick.h"
#include "dice.h"

/* The first page of a run, or one inside it. */
static unsigned page_of_run(const struct slot *slot)
{
    const struct run *run;

    if (!slot->count)
        return 0;
    run = &slot->runs[below(slot->count)];
    return run->first + (chance(60) ? 0 : below(run->pages));
}

uintptr_t pick_address(const struct slot *slot)
{
    static const unsigned odd[] = {1, 0x10, 0x7FF, 0x800, 0xFFE, 0xFFF};
    unsigned choice = below(100);
    unsigned page = choice < 60 ? page_of_run(slot) : choice < 80 ? below(slot->pages / 16 + 1) * 16 : below(slot->pages);

    uintptr_t at = (uintptr_t)slot->base + (page < slot->pages ? page : 0) * PAGE;

    return chance(15) ? at + ANY_OF(odd) : at;
}

static uint64_t odd_size(void)
{
    static const uint64_t sizes[] = {
        0, 0, 1, 2, 0xFFF, 0x1001, 0x1FFF, 0xFFFF, 0x10001, SPAN, SPAN + 1,
        UINT64_C(0x800000000000), UINT64_C(0x7FFFFFFFFFFFFFFF), UINT64_C(0x8000000000000000),
        UINT64_C(0xFFFFFFFFFFFFF000), UINT64_C(0xFFFFFFFFFFFFFFFF),
    };

    return ANY_OF(sizes);
}

/* From the address to the end of its run, or of a later one. */
static uint64_t to_end_of_run(const struct slot *slot, uintptr_t at)
{
    unsigned page = (unsigned)((at - (uintptr_t)slot->base) / PAGE);
    const struct run *run = slot_run(slot, page);

    if (run && chance(25) && slot_run(slot, run->first + run->pages))
        run = slot_run(slot, run->first + run->pages);
    if (!run)
        return PAGE;
    return (uintptr_t)slot->base + (run->first + run->pages) * PAGE - at;
}

uint64_t pick_size(const struct slot *slot, uintptr_t at)
{
    unsigned choice = below(100);

    if (choice < 40)
        return (1 + below(8)) * (uint64_t)PAGE;
    if (choice < 65)
        return to_end_of_run(slot, at);
    if (choice < 80)
        return (1 + below(3)) * (uint64_t)GRANULE;
    if (choice < 92)
        return (1 + below(5)) * (uint64_t)PAGE + below(3) - 1;
    return odd_size();
}

/* A run of that state; NULL: none was found. */
static const struct run *run_of(const struct slot *slot, DWORD state)
{
    for (unsigned turn = 0; turn < 8 && slot->count; turn++) {
        const struct run *run = &slot->runs[below(slot->count)];

        if (run->state == state)
            return run;
    }
    return NULL;
}

uintptr_t pick_range(const struct slot *slot, DWORD state, uint64_t *size)
{
    const struct run *run = chance(65) ? run_of(slot, state) : NULL;
    unsigned first, pages;
    uintptr_t at;

    if (!run) {
        at = pick_address(slot);
        *size = keep_inside(slot, at, pick_size(slot, at));
        return at;
    }
    first = chance(60) ? 0 : below(run->pages);
    pages = run->pages - first;
    if (state == MEM_FREE) /* placed by granules */
        first = (run->first + first + 15) / 16 * 16 - run->first;
    at = (uintptr_t)slot->base + (run->first + first < slot->pages ? run->first + first : run->first) * PAGE;
    *size = (chance(40) ? pages : 1 + below(pages < 8 ? pages : 8)) * (uint64_t)PAGE;
    if (chance(10))
        *size += below(2) ? 1 : (uint64_t)-1;
    *size = keep_inside(slot, at, *size);
    return at;
}

uint64_t keep_inside(const struct slot *slot, uintptr_t at, uint64_t size)
{
    uint64_t room = (uintptr_t)slot->base + slot->pages * PAGE - at;

    if ((at % PAGE) && (!size || size > SPAN + PAGE))
        return PAGE; /* rounded, it would become what nobody means */
    return size > room && size <= SPAN + PAGE ? room : size;
}

DWORD pick_state(void)
{
    static const DWORD states[] = {MEM_FREE, MEM_FREE, MEM_RESERVE, MEM_RESERVE, MEM_COMMIT};

    return ANY_OF(states);
}

static const DWORD protects[] = {
    PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PAGE_READWRITE, PAGE_READWRITE, PAGE_READWRITE,
    PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_READWRITE,
};

DWORD pick_protect(void)
{
    unsigned choice = below(100);
    DWORD guarded = ANY_OF(protects);

    if (choice < 84)
        return ANY_OF(protects);
    if (choice < 90)
        return guarded == PAGE_NOACCESS ? guarded : guarded | PAGE_GUARD;
    if (choice < 93)
        return chance(50) ? PAGE_WRITECOPY : PAGE_EXECUTE_WRITECOPY;
    return (DWORD)below(0x100);
}

DWORD pick_odd_protect(void)
{
    static const DWORD more[] = {PAGE_GUARD, PAGE_NOCACHE, PAGE_WRITECOMBINE};

    return chance(70) ? ANY_OF(protects) | ANY_OF(more) : chance(50) ? pick_protect() : (DWORD)pick_wild(32);
}

DWORD pick_odd_type(void)
{
    static const DWORD plain[] = {MEM_COMMIT, MEM_RESERVE, MEM_RESERVE | MEM_COMMIT, MEM_RESET};
    static const DWORD more[] = {0, MEM_WRITE_WATCH, MEM_TOP_DOWN, MEM_RESET, MEM_RESET_UNDO,
                                 MEM_RESERVE_PLACEHOLDER, MEM_REPLACE_PLACEHOLDER, MEM_LARGE_PAGES};

    return chance(75) ? ANY_OF(plain) | ANY_OF(more) : (DWORD)pick_wild(32);
}

DWORD pick_type(const struct slot *slot, uintptr_t at)
{
    const struct run *run = slot_run(slot, (unsigned)((at - (uintptr_t)slot->base) / PAGE));
    int is_free = !run || run->state == MEM_FREE;
    unsigned choice = below(100);
    DWORD type;

    if (choice < 4)
        return MEM_RESET;
    if (choice < 14)
        type = MEM_COMMIT;
    else if (choice < 24)
        type = MEM_RESERVE;
    else if (choice < 34)
        type = MEM_RESERVE | MEM_COMMIT;
    else
        type = !is_free ? MEM_COMMIT : chance(50) ? MEM_RESERVE : MEM_RESERVE | MEM_COMMIT;
    if (chance(4))
        type |= MEM_TOP_DOWN;
    if (chance(4) && (type & MEM_RESERVE))
        type |= MEM_WRITE_WATCH;
    return type;
}

int pick_committed(const struct slot *slot)
{
    const struct run *run = run_of(slot, MEM_COMMIT);

    return run ? (int)(run->first + below(run->pages)) : -1;
}

uint64_t pick_wild(unsigned bits)
{
    uint64_t word = roll();

    if (chance(50))
        word = UINT64_C(1) << below(bits);
    return bits < 64 ? word & ((UINT64_C(1) << bits) - 1) : word;
}
