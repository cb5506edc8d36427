/* The switch that leaves SIGSEGV to the program: guards work, and nobody touched its handler. */
#include <pagewright.h>

#include <signal.h>
#include <string.h>

#include "check.h"

static void handler(int signal) {
    (void)signal;
}

int main(void) {
    struct sigaction action, found;
    pw_allocation wish = pw_allocation_init(PW_PAGE);
    pw_range range;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(!pw_leaves_sigsegv());
    CHECK_EQUAL(pw_leave_sigsegv(), PW_OK);
    CHECK(pw_leaves_sigsegv());
    wish.protection = PW_READ_WRITE | PW_GUARD;
    CHECK_EQUAL(pw_allocate(pw_process_current(), &wish, &range, NULL), PW_OK);
    CHECK(sigaction(SIGSEGV, NULL, &found) == 0);
    CHECK(found.sa_handler == handler);
    CHECK_EQUAL(pw_free(pw_process_current(), range.base, 0, PW_RELEASE, NULL, NULL), PW_OK);
    return 0;
}
