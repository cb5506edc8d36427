/* Physical memory: a driver that is granted its registers, and memory that has a physical address. */
#define _GNU_SOURCE 1
#include "ce_driver.c"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

#define P 4096u

/* The registers: a file that cannot shrink stands for the device. */
static ULONG *registers(int *file) {
    *file = memfd_create("registers", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    CHECK(*file >= 0 && ftruncate(*file, P) == 0 && fcntl(*file, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    void *at = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
    CHECK(at != MAP_FAILED);
    return (ULONG *)at;
}

static void driver(void) {
    int file = -1;
    ULONG *device = registers(&file);
    CHECK(!IOP_Init());
    CHECK_EQUAL(GetLastError(), ERROR_ACCESS_DENIED); /* no window */
    CHECK(PwEnterKernelMode());
    CHECK(PwGrantPhysicalWindow(GPIO_PHYS_BASE, P, file, 0, TRUE));
    CHECK(!PwGrantPhysicalWindow(GPIO_PHYS_BASE, P, file, 0, TRUE)); /* there is one */
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(!PwGrantPhysicalWindow(0x100, P, file, 0, TRUE));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(!PwGrantPhysicalWindow(0x1000, P, 12345, 0, TRUE));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    PwLeaveKernelMode();
    close(file); /* the window has its own */
    CHECK(IOP_Init());
    device[4] = 0xfffffff2;
    IOP_Set(0x1234);
    CHECK(device[4] == 0xfffffff1 && device[5] == 0x1234);
    CHECK_EQUAL(IOP_Get(), 0x1234);
    CHECK(PwEnterKernelMode());
    ULONG *fixed = (ULONG *)CreateStaticMapping(GPIO_PHYS_BASE >> 8, P);
    CHECK(fixed != NULL && fixed[5] == 0x1234);
    CHECK(PwRevokePhysicalWindow(GPIO_PHYS_BASE));
    CHECK(!PwRevokePhysicalWindow(GPIO_PHYS_BASE));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    PwLeaveKernelMode();
    IOP_Set(0x4321); /* views stay */
    CHECK_EQUAL(device[5], 0x4321);
    CHECK(IOP_Deinit());
    CHECK(!IOP_Init());
    munmap(device, P);
}

static void memory(void) {
    ULONG physical = 0;
    CHECK(PwEnterKernelMode());
    char *at = (char *)AllocPhysMem(3 * P - 5, PAGE_READWRITE, 0xffff, 0, &physical);
    CHECK(at != NULL && physical != 0 && (physical & 0xffff) == 0);
    strcpy(at, "physical");
    char *view = (char *)VirtualAlloc(NULL, P, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(VirtualCopy(view, (LPVOID)(ULONG_PTR)(physical >> 8), P, PAGE_READWRITE | PAGE_PHYSICAL));
    CHECK(strcmp(view, "physical") == 0);
    CHECK(FreePhysMem(at));
    CHECK(strcmp(view, "physical") == 0);
    CHECK(!FreePhysMem(at));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(AllocPhysMem(P, PAGE_READWRITE, 0, 1, &physical) == NULL);
    CHECK(AllocPhysMem(P, PAGE_READWRITE, 0, 0, NULL) == NULL);
    CHECK(AllocPhysMem(0, PAGE_READWRITE, 0, 0, &physical) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(VirtualFree(view, 0, MEM_RELEASE));
    PwLeaveKernelMode();
}

int main(void) {
    driver();
    memory();
    return 0;
}
