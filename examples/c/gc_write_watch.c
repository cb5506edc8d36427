/*
 * gc_write_watch.c: a collector that looks only at those old pages that were written.
 *
 * Objects are pairs of pointers. New ones are made in a nursery; when that is full, those that can
 * be reached move to the old space, and the nursery is empty again. For that the collector must
 * know which old objects point to new ones. It has no write barrier in every store: the old space
 * is allocated with MEM_WRITE_WATCH, and the collector asks which of its pages were written since
 * it last asked.
 *
 * The program keeps a table of lists in the old space. First it puts keys into all of them, then
 * into a few only, and says how many old pages the collections looked at. Then it checks that
 * no key was lost.
 *
 *     cc gc_write_watch.c -I <prefix>/include/pagewright/compat -lpagewright -lpthread -ldl -lm -o gc_write_watch
 *     ./gc_write_watch 200000
 */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

#define PAGE 4096u
#define OLD_SIZE (16u << 20)
#define NURSERY_SIZE (256u << 10)
#define LISTS 65536u

/* 32 bytes, so that none lies on two pages. */
typedef struct Object {
    struct Object *first; /* of a list: its first key; of a key: nothing */
    struct Object *next;
    struct Object *moved; /* where it is now, if it has left the nursery */
    ULONG_PTR key;
} Object;

static Object *old, *oldTop, *nursery, *nurseryTop;
static PVOID dirty[OLD_SIZE / PAGE];

/* What the collections of a phase did. */
static ULONG_PTR collections, looked, there;

static void fail(const char *what) {
    fprintf(stderr, "%s: error %u\n", what, GetLastError());
    exit(EXIT_FAILURE);
}

static BOOL IsNew(const Object *object) {
    return object >= nursery && object < nurseryTop;
}

/* Moves a new object to the old space, once. */
static Object *Promote(Object *object) {
    if (object->moved == NULL) {
        if (oldTop == old + OLD_SIZE / sizeof(Object)) {
            SetLastError(ERROR_NOT_ENOUGH_MEMORY);
            fail("the old space is full");
        }
        *oldTop = *object;
        object->moved = oldTop++;
    }
    return object->moved;
}

/* Only pointers that change are stored: a store makes a page dirty. */
static void Scan(Object *object) {
    if (IsNew(object->first)) {
        object->first = Promote(object->first);
    }
    if (IsNew(object->next)) {
        object->next = Promote(object->next);
    }
}

static void Collect(void) {
    Object *promoted = oldTop;
    ULONG_PTR count = sizeof dirty / sizeof dirty[0];
    DWORD granularity;
    if (GetWriteWatch(0, old, OLD_SIZE, dirty, &count, &granularity) != 0) {
        fail("cannot ask which pages were written");
    }
    for (ULONG_PTR i = 0; i < count; i++) {
        Object *object = (Object *)dirty[i];
        for (Object *end = object + granularity / sizeof(Object); object < end && object < promoted; object++) {
            Scan(object);
        }
    }
    /* What was moved may point to what was not moved yet. */
    for (Object *object = promoted; object < oldTop; object++) {
        Scan(object);
    }
    nurseryTop = nursery;
    /* From here on no old object points to a new one, whatever the collector itself wrote. */
    if (ResetWriteWatch(old, OLD_SIZE) != 0) {
        fail("cannot forget what was written");
    }
    collections++;
    looked += count;
    there += ((ULONG_PTR)promoted - (ULONG_PTR)old + PAGE - 1) / PAGE;
}

/* Puts a key into a list. A plain store into an old object, and nobody is told. */
static void Insert(ULONG_PTR list, ULONG_PTR key) {
    if (nurseryTop == nursery + NURSERY_SIZE / sizeof(Object)) {
        Collect();
    }
    Object *object = nurseryTop++;
    object->first = object->moved = NULL;
    object->next = old[list].first;
    object->key = key;
    old[list].first = object;
}

static void Tell(const char *phase) {
    Collect();
    printf("%s: %u collections looked at %u of %u old pages\n", phase, (unsigned)collections, (unsigned)looked,
           (unsigned)there);
    collections = looked = there = 0;
}

int main(int argc, char **argv) {
    ULONG_PTR each = argc > 1 ? (ULONG_PTR)strtoull(argv[1], NULL, 10) : 200000;
    old = (Object *)VirtualAlloc(NULL, OLD_SIZE, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    nursery = (Object *)VirtualAlloc(NULL, NURSERY_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (old == NULL || nursery == NULL) {
        fail("cannot allocate");
    }
    oldTop = old + LISTS; /* Zeros are empty lists. */
    nurseryTop = nursery;

    ULONG_PTR keys = 0, sum = 0;
    for (ULONG_PTR i = 0; i < each; i++, keys++) {
        Insert(i * 2654435761u % LISTS, keys);
        sum += keys;
    }
    Tell("keys everywhere");
    for (ULONG_PTR i = 0; i < each; i++, keys++) {
        Insert(i % 300, keys);
        sum += keys;
    }
    Tell("keys in a few lists");

    ULONG_PTR found = 0;
    for (ULONG_PTR list = 0; list < LISTS; list++) {
        for (const Object *object = old[list].first; object != NULL; object = object->next) {
            found++;
            sum -= object->key;
        }
    }
    printf("keys found: %u of %u, %s\n", (unsigned)found, (unsigned)keys, sum == 0 ? "all right" : "some wrong");
    if (!VirtualFree(old, 0, MEM_RELEASE) || !VirtualFree(nursery, 0, MEM_RELEASE)) {
        fail("cannot release");
    }
    return found == keys && sum == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
