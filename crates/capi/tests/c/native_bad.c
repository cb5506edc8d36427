/* Nonsense by way of the native API: the documented code, and nothing happens. */
#include <pagewright.h>

#include <string.h>
#include <unistd.h>

#include "check.h"

#define ME pw_process_current()

static bool no_region(const pw_region *region, void *user) {
    (void)region, (void)user;
    return false;
}

static bool no_range(const pw_range *range, void *user) {
    (void)range, (void)user;
    return false;
}

static bool no_hit(const pw_guard_hit *hit, void *user) {
    (void)hit, (void)user;
    return false;
}

static pw_verdict pass(const pw_guard_hit *hit, void *user) {
    (void)hit, (void)user;
    return PW_PASS;
}

/* Every function that takes a handle, with proper arguments beside it. */
static void wild_handle(pw_process *wild) {
    pw_error error;
    pw_allocation wish = pw_allocation_init(1);
    pw_region region = pw_region_init();
    pw_status status = pw_status_init();
    pw_share_request request = pw_share_request_init(PW_GRANULE, 1);
    pw_receipt receipt = pw_receipt_init();
    pw_range range;
    char byte = 0;
    uint64_t frame = 0;
    size_t count = 1;
    bool ended;
    memset(&error, 0, sizeof error);
#define BAD(call)                                 \
    CHECK_EQUAL(call, PW_ERR_BAD_HANDLE);         \
    CHECK_EQUAL(error.code, PW_ERR_BAD_HANDLE);   \
    CHECK_EQUAL(error.win32, 6);                  \
    CHECK_EQUAL(error.ntstatus, 0xc0000008);      \
    CHECK(strstr(error.message, "open") != NULL); \
    memset(&error, 0, sizeof error)
    BAD(pw_process_has_ended(wild, &ended, &error));
    BAD(pw_process_check_access(wild, &error));
    BAD(pw_process_attach(wild, NULL, &error));
    BAD(pw_process_status(wild, &status, &error));
    BAD(pw_process_detach(wild, PW_LEAVE_MEMORY, &error));
    BAD(pw_process_set_commit_limit(wild, 1, &error));
    BAD(pw_allocate(wild, &wish, &range, &error));
    BAD(pw_free(wild, 1, 1, PW_RELEASE, NULL, &error));
    BAD(pw_protect(wild, 1, 1, PW_READ, NULL, &error));
    BAD(pw_query(wild, 1, &region, &error));
    BAD(pw_walk(wild, no_region, NULL, &error));
    BAD(pw_read(wild, 1, &byte, 1, NULL, &error));
    BAD(pw_write(wild, 1, &byte, 1, NULL, &error));
    BAD(pw_poke(wild, 1, &byte, 1, NULL, &error));
    BAD(pw_copy(wild, 1, 1, 1, &error));
    BAD(pw_lock(wild, 1, 1, NULL, &error));
    BAD(pw_unlock(wild, 1, 1, NULL, &error));
    BAD(pw_prefetch(wild, 1, 1, &error));
    BAD(pw_share(wild, ME, &request, &receipt, &error));
    BAD(pw_share(ME, wild, &request, &receipt, &error));
    BAD(pw_inherit(wild, 1, 1, PW_INHERIT_COPY, &error));
    BAD(pw_written(wild, 1, 1, 1, PW_KEEP, no_range, NULL, &error));
    BAD(pw_mark(wild, 1, 1, PW_NOTE_STORES, &error));
    BAD(pw_recycle(wild, 1, 1, PW_RESET, NULL, &error));
    BAD(pw_process_set_guard_delivery(wild, PW_TELL_PROGRAM, &error));
    BAD(pw_process_guard_hits(wild, 0, no_hit, NULL, NULL, &error));
    BAD(pw_frames_take(wild, PW_ANY_NODE, &frame, &count, &error));
    BAD(pw_frames_give(wild, &frame, 1, &error));
    BAD(pw_frames_map(wild, 1, &frame, 1, &error));
    BAD(pw_frames_unmap(wild, 1, 1, &error));
    CHECK_EQUAL(pw_process_pid(wild), 0);
    CHECK_EQUAL(pw_process_close(wild), wild == NULL ? PW_OK : PW_ERR_BAD_HANDLE);
}

#define REFUSED(code, call) CHECK_EQUAL(call, code)

/* Refused, for a reason of the caller's. */
static bool refused(pw_code code) {
    return code != PW_OK && code != PW_ERR_INTERNAL;
}
#define NONSENSE(call) REFUSED(PW_ERR_BAD_ARGUMENT, call)

static void null_pointers(void) {
    pw_allocation wish = pw_allocation_init(1);
    pw_share_request request = pw_share_request_init(PW_GRANULE, 1);
    size_t count = 1;
    pw_error error;
    NONSENSE(pw_process_open(1, NULL, &error));
    CHECK(strstr(error.message, "process is NULL") != NULL);
    NONSENSE(pw_process_has_ended(ME, NULL, NULL));
    NONSENSE(pw_process_status(ME, NULL, NULL));
    NONSENSE(pw_allocate(ME, NULL, NULL, NULL));
    NONSENSE(pw_allocate(ME, &wish, NULL, NULL));
    NONSENSE(pw_query(ME, 1, NULL, NULL));
    NONSENSE(pw_walk(ME, NULL, NULL, NULL));
    NONSENSE(pw_read(ME, 1, NULL, 1, NULL, NULL));
    NONSENSE(pw_write(ME, 1, NULL, 1, NULL, NULL));
    NONSENSE(pw_poke(ME, 1, NULL, 1, NULL, NULL));
    NONSENSE(pw_share(ME, ME, &request, NULL, NULL));
    NONSENSE(pw_written(ME, 1, 1, 1, PW_KEEP, NULL, NULL, NULL));
    NONSENSE(pw_guard_add(NULL, NULL, NULL, NULL));
    NONSENSE(pw_process_guard_hits(ME, 0, NULL, NULL, NULL, NULL));
    NONSENSE(pw_frames_take(ME, PW_ANY_NODE, NULL, &count, NULL));
    NONSENSE(pw_frames_take(ME, PW_ANY_NODE, NULL, NULL, NULL));
    NONSENSE(pw_frames_give(ME, NULL, 1, NULL));
    NONSENSE(pw_frames_map(ME, 1, NULL, 1, NULL));
}

static void words_that_mean_nothing(void) {
    pw_allocation wish = pw_allocation_init(1);
    pw_range range;
    volatile unsigned none = 77;
    NONSENSE(pw_free(ME, 1, 1, (pw_disposal)none, NULL, NULL));
    NONSENSE(pw_inherit(ME, 1, 1, (pw_inheritance)none, NULL));
    NONSENSE(pw_written(ME, 1, 1, 1, (pw_after)none, no_range, NULL, NULL));
    NONSENSE(pw_mark(ME, 1, 1, (pw_stores)none, NULL));
    NONSENSE(pw_recycle(ME, 1, 1, (pw_fate)none, NULL, NULL));
    NONSENSE(pw_process_detach(ME, (pw_leftovers)none, NULL));
    NONSENSE(pw_guard_set_delivery((pw_delivery)none, NULL));
    wish.action = (pw_action)none;
    NONSENSE(pw_allocate(ME, &wish, &range, NULL));
    wish = pw_allocation_init(1);
    wish.pages = (pw_pages)none;
    NONSENSE(pw_allocate(ME, &wish, &range, NULL));
    wish = pw_allocation_init(1);
    wish.flags = 1u << 31;
    REFUSED(PW_ERR_BAD_FLAGS, pw_allocate(ME, &wish, &range, NULL));
    wish = pw_allocation_init(1);
    wish.at = wish.near_to = PW_GRANULE;
    REFUSED(PW_ERR_BAD_FLAGS, pw_allocate(ME, &wish, &range, NULL));
    wish = pw_allocation_init(1);
    wish.protection = PW_NO_CACHE | PW_WRITE_COMBINE;
    REFUSED(PW_ERR_BAD_PROTECTION, pw_allocate(ME, &wish, &range, NULL));
    REFUSED(PW_ERR_BAD_PROTECTION, pw_protect(ME, 1, 1, 1u << 30, NULL, NULL));
    REFUSED(PW_ERR_BAD_PROTECTION, pw_protect(ME, 1, 1, PW_WRITE | PW_COPY, NULL, NULL));
    CHECK(strcmp(pw_code_name((pw_code)none), "unknown") == 0);
    REFUSED(PW_ERR_NO_PROCESS, pw_process_open(-5, (pw_process **)&none, NULL));
}

/* Structures of another size, newer and older ones. */
static void sizes_of_structures(void) {
    struct Newer {
        pw_allocation wish;
        uint64_t more;
    } newer;
    struct Larger {
        pw_region region;
        uint64_t more;
    } larger;
    pw_error error;
    pw_range range;
    memset(&newer, 0, sizeof newer);
    newer.wish = pw_allocation_init(1);
    newer.wish.struct_size = 4;
    NONSENSE(pw_allocate(ME, &newer.wish, &range, &error));
    CHECK(strstr(error.message, "sizeof(pw_allocation)") != NULL);
    newer.wish.struct_size = 1u << 30;
    NONSENSE(pw_allocate(ME, &newer.wish, &range, NULL));
    newer.wish.struct_size = sizeof newer;
    newer.more = 1;
    NONSENSE(pw_allocate(ME, &newer.wish, &range, NULL));
    newer.more = 0;
    CHECK_EQUAL(pw_allocate(ME, &newer.wish, &range, NULL), PW_OK);

    memset(&larger, 0xee, sizeof larger);
    NONSENSE(pw_query(ME, range.base, &larger.region, NULL));
    larger.region.struct_size = sizeof larger;
    CHECK_EQUAL(pw_query(ME, range.base, &larger.region, NULL), PW_OK);
    CHECK_EQUAL(larger.region.struct_size, sizeof larger.region);
    CHECK_EQUAL(larger.more, 0xeeeeeeeeeeeeeeee);
    CHECK_EQUAL(pw_free(ME, range.base, 0, PW_RELEASE, NULL, NULL), PW_OK);
}

/* Addresses and sizes near 2^64. */
static void ends_of_numbers(void) {
    const uint64_t far[] = {0, 1, PW_PAGE - 1, 1ull << 47, 1ull << 63, UINT64_MAX - PW_PAGE, UINT64_MAX - 1, UINT64_MAX};
    const unsigned count = sizeof far / sizeof far[0];
    pw_range range;
    pw_region region = pw_region_init();
    pw_receipt receipt = pw_receipt_init();
    char byte = 0;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 3; j < count; j++) {
            uint64_t at = far[i], size = far[j];
            pw_allocation wish = pw_allocation_init(size);
            pw_share_request request = pw_share_request_init(at, size);
            wish.at = at;
            CHECK(refused(pw_allocate(ME, &wish, &range, NULL)));
            wish.near_to = at;
            wish.at = 0;
            CHECK(refused(pw_allocate(ME, &wish, &range, NULL)));
            CHECK(refused(pw_free(ME, at, size, PW_RELEASE, NULL, NULL)));
            CHECK(refused(pw_free(ME, at, size, PW_DECOMMIT, NULL, NULL)));
            CHECK(refused(pw_protect(ME, at, size, PW_READ, NULL, NULL)));
            CHECK(refused(pw_lock(ME, at, size, NULL, NULL)));
            CHECK(refused(pw_unlock(ME, at, size, NULL, NULL)));
            CHECK(refused(pw_copy(ME, at, size, at, NULL)));
            CHECK(refused(pw_share(ME, ME, &request, &receipt, NULL)));
            CHECK(refused(pw_inherit(ME, at, size, PW_INHERIT_SHARE, NULL)));
            CHECK(refused(pw_written(ME, at, size, UINT64_MAX, PW_FORGET, no_range, NULL, NULL)));
            CHECK(refused(pw_mark(ME, at, size, PW_NOTE_STORES, NULL)));
            CHECK(refused(pw_recycle(ME, at, size, PW_RESET, NULL, NULL)));
            CHECK(refused(pw_frames_unmap(ME, at, size, NULL)));
            CHECK(pw_prefetch(ME, at, size, NULL) != PW_ERR_INTERNAL);
        }
        if (far[i] >= 1ull << 47) {
            REFUSED(PW_ERR_BAD_ADDRESS, pw_query(ME, far[i], &region, NULL));
            REFUSED(PW_ERR_PARTIAL_COPY, pw_read(ME, far[i], &byte, 1, NULL, NULL));
            REFUSED(PW_ERR_PARTIAL_COPY, pw_write(ME, far[i], &byte, 1, NULL, NULL));
        }
    }
    NONSENSE(pw_read(ME, PW_GRANULE, &byte, SIZE_MAX, NULL, NULL));
    NONSENSE(pw_write(ME, PW_GRANULE, &byte, SIZE_MAX / 2 + 1, NULL, NULL));
    uint64_t frame = 0;
    NONSENSE(pw_frames_give(ME, &frame, SIZE_MAX, NULL));
    NONSENSE(pw_frames_map(ME, PW_GRANULE, &frame, SIZE_MAX / 8, NULL));
}

/* Answers go to odd addresses as well. */
static void misaligned(void) {
    char room[1024];
    pw_allocation wish = pw_allocation_init(1);
    pw_region region = pw_region_init();
    pw_range range;
    uint64_t handler;
    char *odd = room + 1;
    memcpy(odd, &wish, sizeof wish);
    CHECK_EQUAL(pw_allocate(ME, (pw_allocation *)(void *)odd, (pw_range *)(void *)(odd + 200), NULL), PW_OK);
    memcpy(&range, odd + 200, sizeof range);
    memcpy(odd, &region, sizeof region);
    CHECK_EQUAL(pw_query(ME, range.base, (pw_region *)(void *)odd, NULL), PW_OK);
    memcpy(&region, odd, sizeof region);
    CHECK_EQUAL(region.base, range.base);
    REFUSED(PW_ERR_BAD_HANDLE, pw_free(NULL, 0, 0, PW_RELEASE, NULL, (pw_error *)(void *)odd));
    CHECK_EQUAL(pw_free(ME, range.base, 0, PW_RELEASE, (pw_range *)(void *)odd, NULL), PW_OK);
    CHECK_EQUAL(pw_guard_add(pass, NULL, (pw_guard_handler *)(void *)odd, NULL), PW_OK);
    memcpy(&handler, odd, sizeof handler);
    CHECK_EQUAL(pw_guard_remove(handler, NULL), PW_OK);
    REFUSED(PW_ERR_BAD_HANDLE, pw_guard_remove(handler, NULL));
    REFUSED(PW_ERR_BAD_HANDLE, pw_guard_remove(0, NULL));
    REFUSED(PW_ERR_BAD_HANDLE, pw_guard_remove(UINT64_MAX, NULL));
}

static void too_many(void) {
    pw_guard_handler all[64];
    for (unsigned i = 0; i < 64; i++) {
        CHECK_EQUAL(pw_guard_add(pass, NULL, &all[i], NULL), PW_OK);
    }
    REFUSED(PW_ERR_NO_ROOM, pw_guard_add(pass, NULL, NULL, NULL));
    for (unsigned i = 0; i < 64; i++) {
        CHECK_EQUAL(pw_guard_remove(all[i], NULL), PW_OK);
    }
}

int main(void) {
    static char something[64];
    pw_process *closed;
    wild_handle(NULL);
    wild_handle((pw_process *)(void *)something);
    wild_handle((pw_process *)(uintptr_t)1);
    wild_handle((pw_process *)(uintptr_t)UINT64_MAX);
    wild_handle((pw_process *)(uintptr_t)0x5057000001000000);
    pw_error error;
    if (pw_process_open(getppid(), &closed, &error) == PW_OK) {
        CHECK_EQUAL(pw_process_pid(closed), getppid());
        CHECK_EQUAL(pw_process_close(closed), PW_OK);
        wild_handle(closed);
    } else {
        /* Valgrind 3.19 lacks a system call that this needs. */
        printf("closed handles: not run: %s\n", error.message);
    }
    null_pointers();
    words_that_mean_nothing();
    sizes_of_structures();
    ends_of_numbers();
    misaligned();
    too_many();
    return 0;
}
