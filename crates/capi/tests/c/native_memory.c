/* The native API on the own process: every function once for what it is for. */
#include <pagewright.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define OK(call) CHECK_EQUAL(call, PW_OK)
#define ME pw_process_current()

/* So many bytes with these flags, read and write. */
static uint64_t memory(uint64_t size, uint32_t flags) {
    pw_allocation wish = pw_allocation_init(size);
    pw_range range;
    wish.flags = flags;
    OK(pw_allocate(ME, &wish, &range, NULL));
    CHECK_EQUAL(range.size, size);
    return range.base;
}

static void release(uint64_t base) {
    OK(pw_free(ME, base, 0, PW_RELEASE, NULL, NULL));
}

static pw_region region(uint64_t at) {
    pw_region found = pw_region_init();
    OK(pw_query(ME, at, &found, NULL));
    return found;
}

static void reserve_and_commit(void) {
    pw_allocation wish = pw_allocation_init(1 << 20);
    pw_range whole, part;
    wish.action = PW_RESERVE;
    wish.flags = PW_TOP_DOWN;
    OK(pw_allocate(ME, &wish, &whole, NULL));
    CHECK_EQUAL(region(whole.base).state, PW_RESERVED);
    CHECK_EQUAL(whole.base % PW_GRANULE, 0);

    wish = pw_allocation_init(1);
    wish.action = PW_COMMIT;
    wish.at = whole.base + 5 * PW_PAGE + 7;
    OK(pw_allocate(ME, &wish, &part, NULL));
    CHECK_EQUAL(part.base, whole.base + 5 * PW_PAGE);
    CHECK_EQUAL(part.size, PW_PAGE);
    *(volatile char *)pw_pointer(part.base) = 1;

    pw_region found = region(part.base + 100);
    CHECK_EQUAL(found.state, PW_COMMITTED);
    CHECK_EQUAL(found.base, part.base);
    CHECK_EQUAL(found.size, PW_PAGE);
    CHECK_EQUAL(found.allocation, whole.base);
    CHECK_EQUAL(found.protection, PW_READ_WRITE);
    CHECK_EQUAL(found.backing, PW_PRIVATE);
    CHECK_EQUAL(found.owner, PW_OWN);

    pw_protection old = 99;
    OK(pw_protect(ME, part.base, 1, PW_READ_EXECUTE, &old, NULL));
    CHECK_EQUAL(old, PW_READ_WRITE);
    CHECK_EQUAL(region(part.base).protection, PW_READ_EXECUTE);
    OK(pw_free(ME, part.base, 1, PW_DECOMMIT, &part, NULL));
    CHECK_EQUAL(part.size, PW_PAGE);
    CHECK_EQUAL(region(part.base).state, PW_RESERVED);
    OK(pw_free(ME, whole.base, 0, PW_RELEASE, &whole, NULL));
    CHECK_EQUAL(whole.size, 1 << 20);
    CHECK_EQUAL(region(whole.base).state, PW_FREE);
    CHECK_EQUAL(region(pw_address((void *)(uintptr_t)&reserve_and_commit)).owner, PW_FOREIGN);
}

static void places(void) {
    static char here;
    pw_allocation wish = pw_allocation_init(1);
    pw_range range;
    wish.near_to = pw_address(&here);
    OK(pw_allocate(ME, &wish, &range, NULL));
    uint64_t far = range.base > wish.near_to ? range.base - wish.near_to : wish.near_to - range.base;
    CHECK(far < 1ull << 31);
    release(range.base);

    wish = pw_allocation_init(1);
    wish.lowest = 1ull << 45;
    wish.highest = (1ull << 46) - 1;
    wish.alignment = 1 << 24;
    OK(pw_allocate(ME, &wish, &range, NULL));
    CHECK(range.base >= 1ull << 45 && range.base < 1ull << 46);
    CHECK_EQUAL(range.base % (1 << 24), 0);
    release(range.base);
}

typedef struct Walk {
    uint64_t wanted;
    unsigned seen, found;
} Walk;

static bool step(const pw_region *found, void *user) {
    Walk *walk = (Walk *)user;
    CHECK_EQUAL(found->struct_size, sizeof *found);
    CHECK(found->state != PW_FREE);
    walk->seen++;
    walk->found += found->base == walk->wanted;
    return walk->found == 0;
}

static void bytes(void) {
    uint64_t base = memory(2 * PW_PAGE, 0);
    Walk walk = {base, 0, 0};
    OK(pw_walk(ME, step, &walk, NULL));
    CHECK_EQUAL(walk.found, 1);

    char text[] = "over the edge", back[sizeof text];
    size_t done = 0;
    OK(pw_write(ME, base + PW_PAGE - 4, text, sizeof text, &done, NULL));
    CHECK_EQUAL(done, sizeof text);
    OK(pw_read(ME, base + PW_PAGE - 4, back, sizeof back, NULL, NULL));
    CHECK(memcmp(text, back, sizeof text) == 0);
    OK(pw_copy(ME, base + PW_PAGE - 4, sizeof text, base, NULL));
    CHECK(memcmp(pw_pointer(base), text, sizeof text) == 0);

    pw_error error;
    OK(pw_protect(ME, base + PW_PAGE, PW_PAGE, PW_READ, NULL, NULL));
    CHECK_EQUAL(pw_write(ME, base + PW_PAGE - 4, text, sizeof text, &done, &error), PW_ERR_PARTIAL_COPY);
    CHECK_EQUAL(done, 4);
    CHECK_EQUAL(error.code, PW_ERR_PARTIAL_COPY);
    CHECK_EQUAL(error.address, base + PW_PAGE);
    CHECK_EQUAL(error.win32, 299);
    CHECK_EQUAL(error.pid, getpid());
    OK(pw_poke(ME, base + PW_PAGE, "X", 1, &done, NULL));
    CHECK_EQUAL(*(char *)pw_pointer(base + PW_PAGE), 'X');
    CHECK_EQUAL(region(base + PW_PAGE).protection, PW_READ);

    pw_range range;
    OK(pw_lock(ME, base + 5, 1, &range, NULL));
    CHECK_EQUAL(range.base, base);
    OK(pw_unlock(ME, base, 1, NULL, NULL));
    CHECK_EQUAL(pw_unlock(ME, base, 1, NULL, NULL), PW_ERR_NOT_LOCKED);
    OK(pw_prefetch(ME, base, 2 * PW_PAGE, NULL));
    release(base);
}

static bool sum_up(const pw_range *run, void *user) {
    *(uint64_t *)user += run->size;
    return true;
}

static uint64_t written(uint64_t base, uint64_t size, pw_after after) {
    uint64_t sum = 0;
    OK(pw_written(ME, base, size, UINT64_MAX, after, sum_up, &sum, NULL));
    return sum;
}

static void watch(void) {
    const uint64_t size = 64 * PW_PAGE;
    uint64_t base = memory(size, PW_WATCHED);
    CHECK_EQUAL(written(base, size, PW_KEEP), 0);
    *(volatile char *)pw_pointer(base + 3 * PW_PAGE) = 1;
    *(volatile char *)pw_pointer(base + 4 * PW_PAGE) = 1;
    CHECK_EQUAL(written(base, size, PW_KEEP), 2 * PW_PAGE);
    CHECK_EQUAL(written(base, size, PW_FORGET), 2 * PW_PAGE);
    CHECK_EQUAL(written(base, size, PW_FORGET), 0);
    OK(pw_mark(ME, base, PW_PAGE, PW_NOTE_STORES, NULL));
    CHECK_EQUAL(written(base, size, PW_KEEP), PW_PAGE);
    OK(pw_mark(ME, base, size, PW_FORGET_STORES, NULL));
    CHECK_EQUAL(written(base, size, PW_KEEP), 0);
    release(base);

    base = memory(PW_PAGE, 0);
    uint64_t sum = 0;
    CHECK_EQUAL(pw_written(ME, base, 1, 1, PW_KEEP, sum_up, &sum, NULL), PW_ERR_NOT_WATCHED);
    release(base);
}

static void recycle(void) {
    uint64_t base = memory(4 * PW_PAGE, 0);
    bool intact = false;
    memset(pw_pointer(base), 7, 4 * PW_PAGE);
    OK(pw_recycle(ME, base, 4 * PW_PAGE, PW_OFFER, NULL, NULL));
    OK(pw_recycle(ME, base, 4 * PW_PAGE, PW_RECLAIM, &intact, NULL));
    CHECK_EQUAL(*(char *)pw_pointer(base), intact ? 7 : 0);
    memset(pw_pointer(base), 7, 4 * PW_PAGE);
    OK(pw_recycle(ME, base, PW_PAGE, PW_RESET, NULL, NULL));
    OK(pw_recycle(ME, base, PW_PAGE, PW_UNDO_RESET, &intact, NULL));
    CHECK_EQUAL(pw_recycle(ME, base + 1, PW_PAGE, PW_OFFER, NULL, NULL), PW_ERR_MISALIGNED);
    OK(pw_recycle(ME, base, 4 * PW_PAGE, PW_DISCARD, NULL, NULL));
    release(base);
}

static void share(void) {
    uint64_t base = memory(2 * PW_PAGE, 0);
    pw_share_request request = pw_share_request_init(base, 2 * PW_PAGE);
    pw_receipt receipt = pw_receipt_init();
    OK(pw_share(ME, ME, &request, &receipt, NULL));
    CHECK_EQUAL(receipt.shared, 2 * PW_PAGE);
    CHECK_EQUAL(receipt.view_size, 2 * PW_PAGE);
    *(volatile char *)pw_pointer(base + 9) = 42;
    CHECK_EQUAL(*(volatile char *)pw_pointer(receipt.base + 9), 42);
    release(receipt.view_base);

    request = pw_share_request_init(base + 100, PW_PAGE);
    CHECK_EQUAL(pw_share(ME, ME, &request, &receipt, NULL), PW_ERR_MISALIGNED);
    request.edges = PW_EDGES_WHOLE;
    request.onto = PW_ONTO_VIEW;
    OK(pw_share(ME, ME, &request, &receipt, NULL));
    CHECK_EQUAL(receipt.exposed, PW_PAGE);
    CHECK_EQUAL(receipt.base, receipt.view_base + 100);
    OK(pw_free(ME, receipt.base, 0, PW_UNMAP_VIEW, NULL, NULL));
    request.edges = PW_EDGES_SPLIT;
    request.onto = PW_ONTO_FRESH;
    OK(pw_share(ME, ME, &request, &receipt, NULL));
    CHECK_EQUAL(receipt.copied, PW_PAGE);
    CHECK_EQUAL(receipt.shared, 0);
    release(receipt.view_base);
    release(base);
}

/* What a child sees of a page that the parent stored 1 to, after the parent has stored 2. */
static int seen_by_child(uint64_t base) {
    int ends[2], status;
    char byte;
    *(volatile char *)pw_pointer(base) = 1;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (read(ends[0], &byte, 1) != 1 || pw_process_pid(ME) != getpid()) {
            _exit(99);
        }
        pw_region found = pw_region_init();
        if (pw_query(ME, base, &found, NULL) != PW_OK) {
            _exit(98);
        }
        _exit(found.state == PW_FREE ? 9 : *(volatile char *)pw_pointer(base));
    }
    *(volatile char *)pw_pointer(base) = 2;
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    close(ends[0]);
    close(ends[1]);
    return WEXITSTATUS(status);
}

static void inherit(void) {
    uint64_t base = memory(PW_PAGE, 0);
    CHECK_EQUAL(seen_by_child(base), 1);
    OK(pw_inherit(ME, base, PW_PAGE, PW_INHERIT_SHARE, NULL));
    CHECK_EQUAL(seen_by_child(base), 2);
    OK(pw_inherit(ME, base, PW_PAGE, PW_INHERIT_NONE, NULL));
    CHECK_EQUAL(seen_by_child(base), 9);
    release(base);
}

static void settings(void) {
    CHECK_EQUAL(pw_version(), PW_VERSION);
    CHECK(strcmp(pw_code_name(PW_ERR_NO_SPACE), "PW_ERR_NO_SPACE") == 0);
    CHECK(strlen(pw_code_text(PW_ERR_NO_SPACE)) > 5);
    CHECK_EQUAL(pw_process_pid(ME), getpid());
    OK(pw_process_close(ME));
    CHECK_EQUAL(pw_process_pid(ME), getpid());

    pw_status status = pw_status_init();
    uint64_t base = memory(3 * PW_PAGE, 0);
    OK(pw_process_status(ME, &status, NULL));
    CHECK_EQUAL(status.attached, 1);
    CHECK_EQUAL(status.regions, 1);
    CHECK_EQUAL(status.committed, 3 * PW_PAGE);
    CHECK(strcmp(status.version, pw_version_string()) == 0);
    CHECK(status.strategy[0] != '\0');
    OK(pw_process_set_commit_limit(ME, 3 * PW_PAGE, NULL));
    pw_allocation wish = pw_allocation_init(1);
    pw_range range;
    CHECK_EQUAL(pw_allocate(ME, &wish, &range, NULL), PW_ERR_COMMIT_LIMIT);
    OK(pw_process_set_commit_limit(ME, status.limit, NULL));
    OK(pw_process_detach(ME, PW_RELEASE_MEMORY, NULL));
    CHECK_EQUAL(region(base).state, PW_FREE);
    bool ended = true;
    OK(pw_process_has_ended(ME, &ended, NULL));
    CHECK(!ended);
    OK(pw_process_check_access(ME, NULL));
}

int main(void) {
    settings();
    reserve_and_commit();
    places();
    bytes();
    watch();
    recycle();
    share();
    inherit();
    return 0;
}
