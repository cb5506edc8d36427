/* Ends by what nobody handles: the argument says what. */
#include <windows.h>

#include <string.h>

#include "check.h"

static LONG WINAPI search(PEXCEPTION_POINTERS unused) {
    (void)unused;
    return EXCEPTION_CONTINUE_SEARCH;
}

static LONG WINAPI give_up(PEXCEPTION_POINTERS pointers) {
    printf("%#x\n", (unsigned)pointers->ExceptionRecord->ExceptionCode);
    fflush(stdout);
    return EXCEPTION_EXECUTE_HANDLER;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *what = arguments[1];
    CHECK(AddVectoredExceptionHandler(1, search) != NULL);
    if (what[0] == '+') {
        SetUnhandledExceptionFilter(give_up);
        what++;
    }
    if (strcmp(what, "access") == 0) {
        *(volatile int *)8 = 1;
    } else if (strcmp(what, "guard") == 0) {
        *(volatile int *)VirtualAlloc(NULL, 1, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD) = 1;
    } else if (strcmp(what, "raised") == 0) {
        RaiseException(0xE0424242, 0, 0, NULL);
    } else if (strcmp(what, "raised-access") == 0) {
        RaiseException(STATUS_ACCESS_VIOLATION, 0, 0, NULL);
    }
    return 3;
}
