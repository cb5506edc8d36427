/* Sections of the page file: made, asked, closed; mapped and unmapped. */
#include "sections.h"
#include "dice.h"
#include "pick.h"
#include "say.h"
#include "verbs.h"

#ifndef SEC_WRITECOMBINE
#define SEC_WRITECOMBINE 0x40000000
#endif

struct section {
    HANDLE handle;
    DWORD protect;
    int cached; /* its views show no flag of caching */
    uint64_t size;
};

static struct section sections[SECTIONS];

void sections_close(void)
{
    for (unsigned i = 0; i < SECTIONS; i++) {
        if (sections[i].handle)
            CloseHandle(sections[i].handle);
        sections[i].handle = NULL;
    }
}

HANDLE section_any(void)
{
    return sections[below(SECTIONS)].handle;
}

static DWORD pick_attributes(void)
{
    static const DWORD plain[] = {0, 0, SEC_COMMIT, SEC_COMMIT, SEC_RESERVE, SEC_RESERVE};
    static const DWORD odd[] = {SEC_NOCACHE, SEC_WRITECOMBINE, SEC_IMAGE, SEC_LARGE_PAGES, SEC_RESERVE | SEC_COMMIT,
                                SEC_COMMIT | SEC_NOCACHE, SEC_RESERVE | SEC_NOCACHE, SEC_IMAGE | SEC_COMMIT,
                                SEC_FILE};

    return chance(85) ? ANY_OF(plain) : ANY_OF(odd);
}

static DWORD pick_section_protect(void)
{
    static const DWORD plain[] = {PAGE_READONLY, PAGE_READWRITE, PAGE_READWRITE, PAGE_READWRITE, PAGE_WRITECOPY,
                                  PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_READWRITE,
                                  PAGE_EXECUTE_WRITECOPY};

    return chance(94) ? ANY_OF(plain) : pick_protect();
}

static uint64_t pick_section_size(void)
{
    static const uint64_t odd[] = {0, 1, 0xFFF, 0x1001, 0x3452};

    return chance(85) ? (1 + below(20)) * (uint64_t)PAGE : ANY_OF(odd);
}

void do_section_create(struct slot *slot)
{
    unsigned index = below(SECTIONS);
    struct section *section = &sections[index];
    DWORD protect = pick_section_protect(), attributes = pick_attributes();
    uint64_t size = pick_section_size();

    if (section->handle)
        return;
    call_begin(slot, "CreateFileMapping");
    say("%x," HEX, (unsigned)(protect | attributes), HEXED(size));
    SetLastError(MARK);
    section->handle = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, protect | attributes, (DWORD)(size >> 32),
                                         (DWORD)size, NULL);
    say(section->handle ? " = h%u" : " = 0", index);
    say_error();
    section->protect = protect;
    section->cached = !((protect | attributes) & (SEC_NOCACHE | SEC_WRITECOMBINE));
    section->size = size;
    call_end(slot);
}

/* Closes a section, and once more at once: the second time there is nothing. */
void do_section_close(struct slot *slot)
{
    struct section *section = &sections[below(SECTIONS)];

    if (!section->handle)
        return;
    call_begin(slot, "CloseHandle");
    say("h%u", (unsigned)(section - sections));
    SetLastError(MARK);
    say(" = ");
    say_bool(CloseHandle(section->handle));
    SetLastError(MARK);
    say(" ");
    say_bool(CloseHandle(section->handle));
    section->handle = NULL;
    call_end(slot);
}

void do_section_query(struct slot *slot)
{
    static const SIZE_T rooms[] = {24, 24, 23, 25};
    struct section *section = &sections[below(SECTIONS)];
    uint64_t words[4] = {0};
    SIZE_T room = ANY_OF(rooms), length = MARK;
    NTSTATUS status;

    if (!section->handle)
        return;
    call_begin(slot, "NtQuerySection");
    say("h%u,0," HEX, (unsigned)(section - sections), HEXED(room));
    status = NtQuerySection(section->handle, 0, words, room, &length);
    say(" = ");
    say_status(status);
    if (!status)
        say(" " HEX " %x " HEX " length=" HEX, HEXED(words[0]), (unsigned)words[1], HEXED(words[2]), HEXED(length));
    call_end(slot);
}

/* A unit of the granularity that is free, if there is one. */
static uintptr_t pick_view_address(const struct slot *slot)
{
    unsigned page = below(PAGES / 16) * 16;

    if (chance(12))
        return pick_address(slot);
    for (unsigned turn = 0; turn < 4; turn++, page = (page + 16) % PAGES)
        if (slot_run(slot, page)->state == MEM_FREE)
            break;
    return (uintptr_t)slot->base + page * PAGE;
}

static uint64_t pick_offset(void)
{
    static const uint64_t odd[] = {PAGE, 1, 0x8000, 0x20000, UINT64_C(0x100000000)};

    return chance(85) ? 0 : chance(50) ? GRANULE : ANY_OF(odd);
}

/* What is in a view is what the section holds, so the views of other slots may have changed. */
static void look_everywhere(void)
{
    for (unsigned i = 0; i < 2; i++)
        slot_walk(&slots[i]);
    say("\n");
}

/* The flags of caching are thrown away with the view. */
static void end_map(struct slot *slot, const struct section *section, int odd)
{
    if (section->cached && !odd)
        look_everywhere();
    else
        call_end_spoilt(slot);
}

void do_view_map(struct slot *slot)
{
    static const DWORD plain[] = {FILE_MAP_READ, FILE_MAP_WRITE, FILE_MAP_WRITE, FILE_MAP_COPY,
                                  FILE_MAP_ALL_ACCESS, FILE_MAP_READ | FILE_MAP_EXECUTE,
                                  FILE_MAP_WRITE | FILE_MAP_EXECUTE, FILE_MAP_COPY | FILE_MAP_EXECUTE, 0};
    struct section *section = &sections[below(SECTIONS)];
    uintptr_t at = pick_view_address(slot);
    DWORD access = chance(85) ? ANY_OF(plain) : below(0x40);
    uint64_t offset = pick_offset();
    SIZE_T size = chance(60) ? 0 : keep_inside(slot, at, pick_size(slot, at));
    void *got;

    if (!section->handle)
        return;
    call_begin(slot, "MapViewOfFileEx");
    say("h%u:%x," HEX " %x," HEX "," HEX ",", (unsigned)(section - sections), (unsigned)section->protect,
        HEXED(section->size), (unsigned)access, HEXED(offset), HEXED(size));
    say_address(slot, at);
    slot_summary(slot, at, size ? size : section->size);
    SetLastError(MARK);
    got = MapViewOfFileEx(section->handle, access, (DWORD)(offset >> 32), (DWORD)offset, size, (void *)at);
    say(" = ");
    say_address(slot, (uintptr_t)got);
    say_error();
    end_map(slot, section, 0);
}

void do_nt_view_map(struct slot *slot)
{
    struct section *section = &sections[below(SECTIONS)];
    uintptr_t at = pick_view_address(slot);
    void *base = (void *)at;
    LARGE_INTEGER offset;
    SIZE_T size = chance(50) ? 0 : keep_inside(slot, at, pick_size(slot, at));
    ULONG type = chance(95) ? 0 : (ULONG)pick_wild(32);
    ULONG protect = (chance(60) ? section->protect : pick_section_protect()) & ~(ULONG)PAGE_GUARD;
    int inherit = chance(96) ? 1 + (int)below(2) : (int)below(4);
    NTSTATUS status;
    int odd = type || inherit < 1 || inherit > 2;

    offset.QuadPart = (LONGLONG)pick_offset();
    if (!section->handle)
        return;
    call_begin(slot, "NtMapViewOfSection");
    say("h%u:%x," HEX " ", (unsigned)(section - sections), (unsigned)section->protect, HEXED(section->size));
    say_address(slot, at);
    say("," HEX "," HEX "," HEX ",%d,%x,%x", 0ULL, HEXED(offset.QuadPart), HEXED(size), inherit,
        (unsigned)type, (unsigned)protect);
    slot_summary(slot, at, size ? size : section->size);
    status = NtMapViewOfSection(section->handle, slot->process, &base, 0, 0, &offset, &size, inherit, type, protect);
    say(" = ");
    say_status(status);
    say(" ");
    say_address(slot, (uintptr_t)base);
    say("," HEX "," HEX, HEXED(offset.QuadPart), HEXED(size));
    end_map(slot, section, odd);
}

void do_view_unmap(struct slot *slot)
{
    uintptr_t at = pick_address(slot);
    int nt = chance(40);

    call_begin(slot, nt ? "NtUnmapViewOfSection" : "UnmapViewOfFile");
    say_address(slot, at);
    slot_summary(slot, at, 1);
    say(" = ");
    SetLastError(MARK);
    if (nt)
        say_status(NtUnmapViewOfSection(slot->process, (void *)at));
    else
        say_bool(UnmapViewOfFile((void *)at));
    look_everywhere();
}

/* A store into a view: other views show it. */
void do_view_store(struct slot *slot)
{
    int page = pick_committed(slot);
    unsigned char value = (unsigned char)(1 + below(255));

    if (page < 0 || !is_writable(slot_run(slot, (unsigned)page)->protect))
        return;
    call_begin(slot, "store");
    say("+%x %02x =", (unsigned)page * PAGE, value);
    *(volatile unsigned char *)(slot->base + (unsigned)page * PAGE) = value;
    look_everywhere();
}
