/* Memory whose place the system chooses. */
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

static struct slot place;

static void visit(void *got, uint64_t size)
{
    static verb *const verbs[] = {do_protect, do_nt_protect, do_poke, do_poke, do_access, do_query, do_allocate};

    place.base = got;
    place.process = GetCurrentProcess();
    place.index = SLOTS;
    place.pages = (unsigned)((size + PAGE - 1) / PAGE);
    place.vague = 0;
    place.said[0] = 0;
    call_end(&place);
    for (unsigned turn = below(8); turn; turn--)
        ANY_OF(verbs)(&place);
    call_begin(&place, "VirtualFree");
    say("+0,0,8000");
    SetLastError(MARK);
    say(" = ");
    say_bool(VirtualFree(place.base, 0, MEM_RELEASE));
    say("\n");
}

static uint64_t pick_roaming_size(void)
{
    static const uint64_t odd[] = {1, 0xFFF, 0x1001, 0xFFFC, 0x10001, SPAN};

    return chance(70) ? (1 + below(20)) * (uint64_t)PAGE : ANY_OF(odd);
}

static DWORD pick_roaming_type(void)
{
    static const DWORD types[] = {MEM_RESERVE, MEM_COMMIT, MEM_RESERVE | MEM_COMMIT};

    return ANY_OF(types) | (chance(30) ? MEM_TOP_DOWN : 0);
}

void do_roam(struct slot *slot)
{
    uint64_t size = pick_roaming_size();
    DWORD type = pick_roaming_type(), protect = pick_protect();
    void *got;

    call_begin(slot, "VirtualAlloc");
    say("0," HEX ",%x,%x", HEXED(size), (unsigned)type, (unsigned)protect);
    SetLastError(MARK);
    got = VirtualAlloc(NULL, size, type, protect);
    say(got ? " = somewhere %x" : " = 0", (unsigned)((uintptr_t)got & 0xFFFF));
    say_error();
    if (got)
        visit(got, size);
    else
        call_end(slot);
}

/* Whether the address has what zero bits or a mask ask for. */
static int fits(ULONG_PTR bits, uintptr_t at)
{
    ULONG_PTR mask = bits;

    if (!bits)
        return 1;
    if (bits < 32)
        return at >> (32 - bits) == 0;
    for (unsigned shift = 1; shift < 64; shift *= 2)
        mask |= mask >> shift;
    return !(at & ~mask);
}

void do_nt_roam(struct slot *slot)
{
    static const ULONG_PTR masks[] = {21, 22, 31, 0x1AAAAAAA, 0x7FFFFFFF, 0xFFFFFFFF, UINT64_C(0x7FFFFFFFFFFF)};
    ULONG_PTR bits = chance(40) ? 0 : chance(60) ? below(8) : ANY_OF(masks);
    SIZE_T size = pick_roaming_size(), given = size;
    ULONG type = pick_roaming_type(), protect = pick_protect();
    void *base = NULL;
    NTSTATUS status;

    call_begin(slot, "NtAllocateVirtualMemory");
    say("0," HEX "," HEX ",%x,%x", HEXED(bits), HEXED(size), (unsigned)type, (unsigned)protect);
    status = NtAllocateVirtualMemory(GetCurrentProcess(), &base, bits, &size, type, protect);
    say(" = ");
    say_status(status);
    if (status) {
        say(" " HEX "," HEX, HEXED((uintptr_t)base), HEXED(size));
        call_end(slot);
        return;
    }
    say(" %s %x," HEX, fits(bits, (uintptr_t)base) ? "fits" : "ELSEWHERE", (unsigned)((uintptr_t)base & 0xFFFF),
        HEXED(size));
    visit(base, given);
}
