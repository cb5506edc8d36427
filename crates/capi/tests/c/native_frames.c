/* The native API: frames of physical memory, and a window onto them. */
#include <pagewright.h>

#include "check.h"

#define OK(call) CHECK_EQUAL(call, PW_OK)
#define ME pw_process_current()

int main(void) {
    uint64_t some[3];
    size_t count = 3;
    pw_error error;
    pw_allocation wish = pw_allocation_init(3 * PW_PAGE);
    pw_range window;
    if (!pw_may_lock_pages()) {
        CHECK_EQUAL(pw_frames_take(ME, PW_ANY_NODE, some, &count, &error), PW_ERR_PRIVILEGE);
        CHECK_EQUAL(error.win32, 1314);
        puts("frames: only refused, since this user may not lock pages");
        return 0;
    }
    OK(pw_frames_take(ME, PW_ANY_NODE, some, &count, &error));
    CHECK_EQUAL(count, 3);
    wish.action = PW_RESERVE;
    wish.pages = PW_PAGES_WINDOW;
    OK(pw_allocate(ME, &wish, &window, &error));
    OK(pw_frames_map(ME, window.base, some, 3, &error));
    *(volatile char *)pw_pointer(window.base) = 5;
    OK(pw_frames_unmap(ME, window.base, 3, &error));
    OK(pw_frames_map(ME, window.base + PW_PAGE, some, 1, &error));
    CHECK_EQUAL(*(volatile char *)pw_pointer(window.base + PW_PAGE), 5);
    OK(pw_frames_give(ME, some, 3, &error));
    CHECK_EQUAL(pw_frames_give(ME, some, 3, &error), PW_ERR_BAD_FRAME);
    OK(pw_free(ME, window.base, 0, PW_RELEASE, NULL, NULL));
    return 0;
}

