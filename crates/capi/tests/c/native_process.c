/* The native API on another process: a child of this program that only waits. */
#include <pagewright.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define OK(call) CHECK_EQUAL(call, PW_OK)

/* What the child does: loads from where it is told to. */
static volatile char *volatile touch;

static pid_t start(void) {
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 20000; i++) {
            volatile char *at = touch;
            if (at != NULL) {
                touch = NULL;
                (void)*at;
            }
            usleep(1000);
        }
        _exit(0);
    }
    CHECK(child > 0);
    return child;
}

typedef struct Seen {
    unsigned count;
    pw_guard_hit last;
} Seen;

static bool note(const pw_guard_hit *hit, void *user) {
    Seen *seen = (Seen *)user;
    seen->count++;
    seen->last = *hit;
    return true;
}

static void guards(pw_process *process, pid_t child) {
    pw_range range;
    pw_allocation wish = pw_allocation_init(PW_PAGE);
    pw_error error;
    Seen seen;
    uint64_t lost = 99, place;
    memset(&seen, 0, sizeof seen);
    wish.protection = PW_READ_WRITE | PW_GUARD;
    OK(pw_process_set_guard_delivery(process, PW_TELL_CALLER, NULL));
    if (pw_allocate(process, &wish, &range, &error) != PW_OK) {
        CHECK_EQUAL(error.code, PW_ERR_UNSUPPORTED);
        printf("guards there: not run: %s\n", error.message);
        return;
    }
    OK(pw_process_guard_hits(process, 0, note, &seen, &lost, NULL));
    CHECK_EQUAL(seen.count, 0);
    place = range.base + 123;
    OK(pw_write(process, pw_address(&touch), &place, sizeof place, NULL, NULL));
    OK(pw_process_guard_hits(process, 10000, note, &seen, &lost, NULL));
    CHECK_EQUAL(seen.count, 1);
    CHECK_EQUAL(lost, 0);
    CHECK_EQUAL(seen.last.struct_size, sizeof seen.last);
    CHECK_EQUAL(seen.last.address & ~(uint64_t)(PW_PAGE - 1), range.base);
    CHECK_EQUAL(seen.last.access, PW_ACCESS_READ);
    CHECK_EQUAL(seen.last.thread, (unsigned)child);
    CHECK_EQUAL(seen.last.number, 1);
    /* The access may still be on its way: the memory goes with the resident, later. */
}

static void work(pw_process *process) {
    pw_range range;
    pw_allocation wish = pw_allocation_init(3 * PW_PAGE);
    pw_region region = pw_region_init();
    pw_status status = pw_status_init();
    char back[6];
    OK(pw_process_status(process, &status, NULL));
    CHECK_EQUAL(status.attached, 0);
    pw_attached attached = pw_attached_init();
    OK(pw_process_attach(process, &attached, NULL));
    CHECK_EQUAL(attached.found, 0);
    CHECK(attached.tid != 0 && attached.stopped_ns > 0);
    OK(pw_allocate(process, &wish, &range, NULL));
    OK(pw_write(process, range.base, "hello", 6, NULL, NULL));
    OK(pw_read(process, range.base, back, 6, NULL, NULL));
    CHECK(strcmp(back, "hello") == 0);
    OK(pw_protect(process, range.base, PW_PAGE, PW_READ, NULL, NULL));
    CHECK_EQUAL(pw_write(process, range.base, "x", 1, NULL, NULL), PW_ERR_PARTIAL_COPY);
    OK(pw_query(process, range.base, &region, NULL));
    CHECK_EQUAL(region.protection, PW_READ);
    CHECK_EQUAL(region.size, PW_PAGE);
    OK(pw_copy(process, range.base, 6, range.base + PW_PAGE, NULL));
    OK(pw_prefetch(process, range.base, PW_PAGE, NULL));

    /* Its memory, seen from here. */
    pw_share_request request = pw_share_request_init(range.base + PW_PAGE, 2 * PW_PAGE);
    pw_receipt receipt = pw_receipt_init();
    OK(pw_share(process, pw_process_current(), &request, &receipt, NULL));
    CHECK(strcmp((char *)pw_pointer(receipt.base), "hello") == 0);
    strcpy((char *)pw_pointer(receipt.base), "world");
    OK(pw_read(process, range.base + PW_PAGE, back, 6, NULL, NULL));
    CHECK(strcmp(back, "world") == 0);
    OK(pw_free(pw_process_current(), receipt.view_base, 0, PW_RELEASE, NULL, NULL));
    OK(pw_process_status(process, &status, NULL));
    CHECK_EQUAL(status.attached, 1);
    CHECK_EQUAL(status.tid, attached.tid);
    CHECK(status.regions >= 1);
}

/* Many threads that open, use and close. */
static void *hammer(void *argument) {
    pid_t child = *(pid_t *)argument;
    pw_region region = pw_region_init();
    pw_error error;
    for (int i = 0; i < 200; i++) {
        pw_process *process;
        OK(pw_process_open(child, &process, NULL));
        if (pw_query(process, pw_address(&touch), &region, &error) != PW_OK) {
            fprintf(stderr, "round %d: %s\n", i, error.message);
            exit(1);
        }
        CHECK_EQUAL(pw_process_pid(process), child);
        OK(pw_process_close(process));
        CHECK_EQUAL(pw_process_close(process), PW_ERR_BAD_HANDLE);
        if (i % 50 == 0) {
            int status;
            pid_t other = fork();
            if (other == 0) {
                bool works = pw_process_open(child, &process, NULL) == PW_OK && pw_process_pid(process) == child;
                _exit(works && pw_process_close(process) == PW_OK ? 0 : 1);
            }
            CHECK(waitpid(other, &status, 0) == other && status == 0);
        }
    }
    return NULL;
}

int main(void) {
    pid_t child = start();
    pw_process *process, *again;
    pw_error error;
    pw_region region = pw_region_init();
    bool ended = true;
    OK(pw_process_open(child, &process, &error));
    OK(pw_process_open(child, &again, &error));
    CHECK(process != again);
    OK(pw_process_has_ended(process, &ended, &error));
    CHECK(!ended);
    if (pw_process_check_access(process, &error) != PW_OK) {
        CHECK_EQUAL(error.code, PW_ERR_ACCESS_DENIED);
        printf("not run: %s\n", error.message);
    } else {
        work(process);
        guards(process, child);
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            CHECK(pthread_create(&threads[i], NULL, hammer, &child) == 0);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
        OK(pw_process_detach(again, PW_RELEASE_MEMORY, &error));
    }
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
    OK(pw_process_has_ended(process, &ended, &error));
    CHECK(ended);
    CHECK_EQUAL(pw_query(process, pw_address(&touch), &region, &error), PW_ERR_GONE);
    CHECK_EQUAL(error.pid, child);
    OK(pw_process_close(process));
    OK(pw_process_close(again));
    return 0;
}
