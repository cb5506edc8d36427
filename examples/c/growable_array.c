/*
 * growable_array.c: an array that grows without ever moving.
 *
 * The way many Windows programs keep their big tables: reserve the largest size that will ever
 * be needed, which costs nothing, and commit memory as the array grows. Pointers into it stay
 * valid, nothing is copied, and what is not needed any more is given back from the end.
 *
 * The program sieves primes into such an array and says how many there are below a limit.
 *
 *     cc growable_array.c -I <prefix>/include/pagewright/compat -lpagewright -lpthread -ldl -lm -o growable_array
 *     ./growable_array 1000000
 */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

/* Memory is committed in steps: one call for each 64 KiB, not for each element. */
#define STEP 0x10000

typedef struct Array {
    DWORD *items;
    SIZE_T count;
    SIZE_T committed; /* bytes */
    SIZE_T reserved;  /* bytes */
} Array;

static int fail(const char *what) {
    fprintf(stderr, "%s: error %u\n", what, GetLastError());
    return EXIT_FAILURE;
}

static BOOL ArrayInit(Array *array, SIZE_T most) {
    array->reserved = (most * sizeof(DWORD) + STEP - 1) / STEP * STEP;
    array->count = array->committed = 0;
    array->items = (DWORD *)VirtualAlloc(NULL, array->reserved, MEM_RESERVE, PAGE_READWRITE);
    return array->items != NULL;
}

static BOOL ArrayPush(Array *array, DWORD value) {
    if (array->count * sizeof(DWORD) == array->committed) {
        if (array->committed == array->reserved) {
            SetLastError(ERROR_NOT_ENOUGH_MEMORY);
            return FALSE;
        }
        BYTE *end = (BYTE *)array->items + array->committed;
        if (VirtualAlloc(end, STEP, MEM_COMMIT, PAGE_READWRITE) == NULL) {
            return FALSE;
        }
        array->committed += STEP;
    }
    array->items[array->count++] = value;
    return TRUE;
}

/* Forgets the last elements, and gives their memory back. */
static BOOL ArrayTruncate(Array *array, SIZE_T count) {
    SIZE_T needed = (count * sizeof(DWORD) + STEP - 1) / STEP * STEP;
    array->count = count;
    if (needed < array->committed) {
        BYTE *end = (BYTE *)array->items + needed;
        if (!VirtualFree(end, array->committed - needed, MEM_DECOMMIT)) {
            return FALSE;
        }
        array->committed = needed;
    }
    return TRUE;
}

/* Asks the system, rather than the array, how many bytes have memory. */
static SIZE_T Committed(const Array *array) {
    MEMORY_BASIC_INFORMATION info;
    SIZE_T bytes = 0;
    const BYTE *at = (const BYTE *)array->items;
    while (at < (const BYTE *)array->items + array->reserved && VirtualQuery(at, &info, sizeof info) == sizeof info) {
        bytes += info.State == MEM_COMMIT ? info.RegionSize : 0;
        at = (const BYTE *)info.BaseAddress + info.RegionSize;
    }
    return bytes;
}

static BOOL IsPrime(const Array *primes, DWORD number) {
    for (SIZE_T i = 0; i < primes->count && primes->items[i] <= number / primes->items[i]; i++) {
        if (number % primes->items[i] == 0) {
            return FALSE;
        }
    }
    return TRUE;
}

int main(int argc, char **argv) {
    DWORD limit = argc > 1 ? (DWORD)strtoul(argv[1], NULL, 10) : 1000000;
    Array primes;

    /* Room for one element per number, though few of them are primes. */
    if (!ArrayInit(&primes, limit)) {
        return fail("cannot reserve");
    }
    const DWORD *first = primes.items;
    for (DWORD number = 2; number < limit; number++) {
        if (IsPrime(&primes, number) && !ArrayPush(&primes, number)) {
            return fail("cannot grow");
        }
    }
    printf("primes below %u: %u\n", limit, (unsigned)primes.count);
    printf("moved: %s\n", first == primes.items ? "never" : "yes");
    printf("reserved %u KiB, committed %u KiB\n", (unsigned)(primes.reserved / 1024), (unsigned)(Committed(&primes) / 1024));

    if (!ArrayTruncate(&primes, 100)) {
        return fail("cannot shrink");
    }
    printf("the first %u: committed %u KiB, the last of them is %u\n", (unsigned)primes.count,
           (unsigned)(Committed(&primes) / 1024), primes.items[primes.count - 1]);

    if (!VirtualFree(primes.items, 0, MEM_RELEASE)) {
        return fail("cannot release");
    }
    return EXIT_SUCCESS;
}
