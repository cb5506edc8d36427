/* VirtualCopy within this process: the same pages in a second place. Threads in user mode may. */
#include <windows.h>

#include <pkfuncs.h>
#include <stdint.h>
#include <string.h>

#include "check.h"

#define P 4096u
#define L 65536u

static char *reserve(DWORD size) {
    char *at = (char *)VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(at != NULL && (uintptr_t)at % L == 0);
    return at;
}

static char *commit(DWORD size) {
    char *at = (char *)VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(at != NULL);
    return at;
}

static void release(void *at) {
    CHECK(VirtualFree(at, 0, MEM_RELEASE));
}

static void seen_both_ways(void) {
    char *source = commit(L), *view = reserve(2 * L);
    strcpy(source, "source");
    SetLastError(77);
    CHECK(VirtualCopy(view + L, source, L, PAGE_READWRITE));
    CHECK_EQUAL(GetLastError(), 77); /* success leaves it alone */
    CHECK(strcmp(view + L, "source") == 0);
    strcpy(view + L, "view");
    CHECK(strcmp(source, "view") == 0);
    source[L - 1] = 9;
    CHECK(view[2 * L - 1] == 9);
    MEMORY_BASIC_INFORMATION info;
    CHECK(VirtualQuery(view + L, &info, sizeof info) == sizeof info);
    CHECK(info.State == MEM_COMMIT && info.Protect == PAGE_READWRITE && info.RegionSize == L);
    CHECK(info.AllocationBase == view);
    /* The pages live as long as anybody shows them. */
    release(source);
    CHECK(strcmp(view + L, "view") == 0);
    char *second = reserve(L);
    CHECK(VirtualCopy(second, view + L, P, PAGE_READONLY)); /* an alias of an alias */
    release(view);
    CHECK(strcmp(second, "view") == 0);
    release(second);
}

/* A source that is committed anew is other memory than what the view shows. */
static void source_committed_anew(void) {
    char *source = commit(P), *view = reserve(P);
    strcpy(source, "old");
    CHECK(VirtualCopy(view, source, P, PAGE_READWRITE));
    CHECK(VirtualFree(source, P, MEM_DECOMMIT));
    CHECK(VirtualAlloc(source, P, MEM_COMMIT, PAGE_READWRITE) == source);
    CHECK(source[0] == 0 && strcmp(view, "old") == 0);
    release(source);
    release(view);
}

/* Unaligned ends: whole pages, and the receipt says what nobody asked for. */
static void receipts(void) {
    PW_RECEIPT receipt;
    char *source = commit(2 * P), *view = reserve(2 * P);
    CHECK(!PwLastReceipt(&receipt) || receipt.Size != 20);
    CHECK(VirtualCopy(view + P - 10, source + P - 10, 20, PAGE_READWRITE));
    CHECK(PwLastReceipt(&receipt));
    CHECK(receipt.Base == view + P - 10 && receipt.Size == 20 && receipt.Shared == 20 && receipt.Copied == 0);
    CHECK(receipt.RangeBase == view && receipt.RangeSize == 2 * P && receipt.Exposed == 2 * P - 20);
    source[0] = 'x';
    CHECK(view[0] == 'x');
    CHECK(!VirtualCopy(view + 1, source, 20, PAGE_READWRITE)); /* not at the same place in its page */
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(!PwLastReceipt(&receipt));
    CHECK_EQUAL(GetLastError(), ERROR_NOT_FOUND);
    CHECK(!PwLastReceipt(NULL));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    release(source);
    release(view);
}

static void refused(char *to, char *from, DWORD size, DWORD protect, DWORD code) {
    SetLastError(0);
    CHECK(!VirtualCopy(to, from, size, protect));
    CHECK_EQUAL(GetLastError(), code);
}

static void refusals(void) {
    char *source = commit(L), *view = reserve(L);
    static char mine[2 * P];
    char *foreign = (char *)(((uintptr_t)mine + P - 1) & ~(uintptr_t)(P - 1));
    refused(view, source, 0, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(view, source, ~0u, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(view, source, L, 0, ERROR_INVALID_PARAMETER);
    refused(view, source, L, PAGE_READONLY | PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(view, source, L, PAGE_NOACCESS | PAGE_GUARD, ERROR_INVALID_PARAMETER);
    refused(view, source, L, PAGE_WRITECOPY, ERROR_INVALID_PARAMETER);
    refused(view, (char *)(uintptr_t)(16 * P), P, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(source, source, P, PAGE_READWRITE, ERROR_INVALID_PARAMETER); /* committed */
    refused((char *)-4096, source, P, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(view, (char *)-4096, P, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(NULL, source, P, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(view, NULL, P, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    refused(view, (char *)0x400000, P, PAGE_READWRITE | PAGE_PHYSICAL, ERROR_ACCESS_DENIED);
    refused(view, foreign, P, PAGE_READWRITE, ERROR_ACCESS_DENIED);
    PwSetStrictDiagnostics(TRUE);
    CHECK(VirtualFree(source + P, P, MEM_DECOMMIT));
    refused(view, source, L, PAGE_READWRITE, ERROR_INVALID_ADDRESS);
    PwSetStrictDiagnostics(FALSE);
    refused(view, source, L, PAGE_READWRITE, ERROR_INVALID_PARAMETER);
    MEMORY_BASIC_INFORMATION info;
    CHECK(VirtualQuery(view, &info, sizeof info) == sizeof info && info.State == MEM_RESERVE); /* unchanged */
    PwAllowForeignSources(TRUE);
    strcpy(foreign, "mine");
    CHECK(VirtualCopy(view, foreign, P, PAGE_READWRITE));
    CHECK(strcmp(view, "mine") == 0);
    strcpy(view, "both");
    CHECK(strcmp(foreign, "both") == 0);
    PwAllowForeignSources(FALSE);
    release(source);
    release(view);
}

int main(void) {
    seen_both_ways();
    source_committed_anew();
    receipts();
    refusals();
    return 0;
}
