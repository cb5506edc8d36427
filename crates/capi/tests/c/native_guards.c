/* Guards of this process by way of the native API: who is told, in which order, and of what. */
#include <pagewright.h>

#include <signal.h>
#include <string.h>

#include "check.h"

#define OK(call) CHECK_EQUAL(call, PW_OK)
#define ME pw_process_current()

typedef struct Listener {
    char name;
    pw_verdict verdict;
} Listener;

static char told[64];
static unsigned count;
static pw_guard_hit last;

static pw_verdict listen(const pw_guard_hit *hit, void *user) {
    const Listener *listener = (const Listener *)user;
    pw_region region = pw_region_init();
    told[count++] = listener->name;
    last = *hit;
    /* The guard is gone by now. The library may be called here. */
    OK(pw_query(ME, hit->address, &region, NULL));
    CHECK_EQUAL(region.protection, PW_READ_WRITE);
    return listener->verdict;
}

static void handler(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    CHECK(info->si_addr != NULL);
    told[count++] = 'h';
}

/* Arms the guard, meets it, and answers who was told. */
static const char *meet(uint64_t at) {
    OK(pw_protect(ME, at, 1, PW_READ_WRITE | PW_GUARD, NULL, NULL));
    memset(told, 0, sizeof told);
    count = 0;
    ((volatile char *)pw_pointer(at))[77] = 1;
    return told;
}

int main(void) {
    static Listener a = {'a', PW_PASS}, b = {'b', PW_CONTINUE}, c = {'c', PW_CONTINUE};
    pw_guard_handler first, second, third;
    pw_allocation wish = pw_allocation_init(PW_PAGE);
    pw_range range;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);

    CHECK_EQUAL(pw_guard_get_delivery(), PW_DELIVER_BY_SIGNAL);
    OK(pw_allocate(ME, &wish, &range, NULL));
    CHECK(strcmp(meet(range.base), "h") == 0);
    OK(pw_guard_add(listen, &a, &first, NULL));
    CHECK(strcmp(meet(range.base), "ah") == 0);
    CHECK_EQUAL(last.address, range.base + 77);
    CHECK_EQUAL(last.access, PW_ACCESS_WRITE);
    CHECK_EQUAL(last.protection, PW_READ_WRITE);
    CHECK_EQUAL(last.struct_size, sizeof last);
    CHECK(last.ip != 0);
    OK(pw_guard_add(listen, &b, &second, NULL));
    OK(pw_guard_add(listen, &c, &third, NULL));
    CHECK(strcmp(meet(range.base), "ab") == 0);
    OK(pw_guard_remove(second, NULL));
    CHECK(strcmp(meet(range.base), "ac") == 0);
    OK(pw_guard_remove(first, NULL));
    OK(pw_guard_remove(third, NULL));
    CHECK(strcmp(meet(range.base), "h") == 0);

    /* Copies stop at a guard, and take it away. */
    char byte = 0;
    pw_error error;
    OK(pw_protect(ME, range.base, 1, PW_READ_WRITE | PW_GUARD, NULL, NULL));
    CHECK_EQUAL(pw_read(ME, range.base, &byte, 1, NULL, &error), PW_ERR_PARTIAL_COPY);
    OK(pw_read(ME, range.base, &byte, 1, NULL, &error));
    OK(pw_guard_set_delivery(PW_DELIVER_OFF, NULL));
    CHECK_EQUAL(pw_guard_get_delivery(), PW_DELIVER_OFF);
    OK(pw_free(ME, range.base, 0, PW_RELEASE, NULL, NULL));
    return 0;
}
