/* Kernel mode: granted by default, per thread, counted; forbidden by the environment (argument "deny") or for ever. */
#include <windows.h>

#include <pkfuncs.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void needs_it(BOOL entered) {
    char *at = (char *)VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD flags = 0;
    ULONG token = 0;
    CHECK(at != NULL);
    SetLastError(0);
    CHECK_EQUAL(LockPages(at, 4096, NULL, LOCKFLAG_READ), entered);
    CHECK_EQUAL(GetLastError(), entered ? 0 : ERROR_ACCESS_DENIED);
    CHECK_EQUAL(UnlockPages(at, 4096), entered);
    CHECK_EQUAL(VirtualSetAttributes(at, 4096, 0, 0, &flags), entered);
    CHECK_EQUAL(flags, entered ? PW_ATTRIBUTE_PRESENT | PW_ATTRIBUTE_WRITABLE | PW_ATTRIBUTE_USER : 0);
    LPVOID memory = AllocPhysMem(4096, PAGE_READWRITE, 0, 0, &token);
    CHECK_EQUAL(memory != NULL, entered);
    CHECK_EQUAL(FreePhysMem(memory), entered);
    LPVOID alias = VirtualAllocCopyEx(GetCurrentProcess(), GetCurrentProcess(), at, 4096, PAGE_READWRITE);
    CHECK_EQUAL(alias != NULL, entered);
    CHECK(!entered || VirtualFree(alias, 0, MEM_RELEASE));
    CHECK(CreateStaticMapping(0x1000, 4096) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(!PwGrantPhysicalWindow(0x1000, 4096, entered ? -1 : 0, 0, FALSE));
    CHECK_EQUAL(GetLastError(), entered ? ERROR_INVALID_HANDLE : ERROR_ACCESS_DENIED);
    CHECK(VirtualFree(at, 0, MEM_RELEASE));
}

static void *other_thread(void *unused) {
    CHECK(!PwInKernelMode());
    needs_it(FALSE);
    return unused;
}

static void denied(void) {
    SetLastError(0);
    CHECK(!PwEnterKernelMode());
    CHECK_EQUAL(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(!PwInKernelMode());
    needs_it(FALSE);
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "deny") == 0) {
        denied();
        unsetenv("PAGEWRIGHT_KERNEL_MODE");
        denied();
        return 0;
    }
    CHECK(!PwInKernelMode());
    PwLeaveKernelMode(); /* nothing happens */
    needs_it(FALSE);
    CHECK(PwEnterKernelMode() && PwEnterKernelMode());
    PwLeaveKernelMode();
    CHECK(PwInKernelMode());
    needs_it(TRUE);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, other_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
    PwForbidKernelMode();
    CHECK(PwInKernelMode()); /* who is in it stays */
    SetLastError(0);
    CHECK(!PwEnterKernelMode());
    CHECK_EQUAL(GetLastError(), ERROR_ACCESS_DENIED);
    PwLeaveKernelMode();
    denied();
    int status = 0;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) _exit(PwEnterKernelMode() ? 1 : 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return 0;
}
