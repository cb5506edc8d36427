/*
 * A small generational collector's write barrier, in the manner of collectors written for macOS: the old generation is
 * vm_protected read-only, the first store to a page raises SIGBUS, the handler marks the page's card dirty and opens the page.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mach/mach.h>
#include <mach/vm_map.h>
#include <mach/vm_statistics.h>

#define HEAP_PAGES 256
#define OBJECT_WORDS 4

typedef struct object {
    struct object *next;
    uintptr_t mark;
    uintptr_t payload[OBJECT_WORDS - 2];
} object_t;

static struct {
    vm_address_t base;
    vm_size_t size;
    size_t allocated;
    volatile unsigned char dirty[HEAP_PAGES];
    volatile int faults;
} heap;

static void die(const char *what, kern_return_t kr) {
    mach_error(what, kr);
    exit(EXIT_FAILURE);
}

static void heap_init(void) {
    kern_return_t kr;

    heap.size = HEAP_PAGES * vm_page_size;
    kr = vm_allocate(mach_task_self(), &heap.base, heap.size,
                     VM_FLAGS_ANYWHERE | VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_1));
    if (kr != KERN_SUCCESS) die("vm_allocate", kr);
}

static object_t *heap_alloc(void) {
    object_t *object = (object_t *)(heap.base + heap.allocated);
    heap.allocated += sizeof(object_t);
    if (heap.allocated > heap.size) {
        fprintf(stderr, "heap exhausted\n");
        exit(EXIT_FAILURE);
    }
    return object;
}

static void barrier_handler(int sig, siginfo_t *info, void *context) {
    vm_address_t addr = (vm_address_t)info->si_addr;
    (void)context;
    if (addr < heap.base || addr >= heap.base + heap.size) {
        signal(sig, SIG_DFL);
        return;
    }
    heap.dirty[(addr - heap.base) / vm_page_size] = 1;
    heap.faults++;
    if (vm_protect(mach_task_self(), trunc_page(addr), vm_page_size, FALSE, VM_PROT_READ | VM_PROT_WRITE) !=
        KERN_SUCCESS)
        abort();
}

static void barrier_install(void) {
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = barrier_handler;
    sa.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGBUS, &sa, NULL) != 0) {
        perror("sigaction");
        exit(EXIT_FAILURE);
    }
}

static void barrier_arm(void) {
    kern_return_t kr;
    for (int i = 0; i < HEAP_PAGES; i++) heap.dirty[i] = 0;
    heap.faults = 0;
    kr = vm_protect(mach_task_self(), heap.base, heap.size, FALSE, VM_PROT_READ);
    if (kr != KERN_SUCCESS) die("vm_protect", kr);
}

static size_t count_dirty(void) {
    size_t n = 0;
    for (int i = 0; i < HEAP_PAGES; i++) n += heap.dirty[i];
    return n;
}

int main(void) {
    object_t *list = NULL;
    size_t cycle, live = 0;

    heap_init();
    barrier_install();
    while (heap.allocated + sizeof(object_t) <= heap.size) {
        object_t *object = heap_alloc();
        object->next = list;
        list = object;
    }
    for (cycle = 1; cycle <= 8; cycle++) {
        barrier_arm();
        /* The mutator: the objects of every cycle'th page. */
        for (object_t *object = list; object != NULL; object = object->next) {
            size_t page = ((vm_address_t)object - heap.base) / vm_page_size;
            if (page % cycle == 0) object->payload[0] += cycle;
        }
        if (count_dirty() != (HEAP_PAGES + cycle - 1) / cycle || (size_t)heap.faults != count_dirty()) {
            fprintf(stderr, "cycle %zu: %zu dirty, %d faults\n", cycle, count_dirty(), heap.faults);
            return EXIT_FAILURE;
        }
    }
    for (object_t *object = list; object != NULL; object = object->next) live++;
    if (live != heap.size / sizeof(object_t)) return EXIT_FAILURE;
    printf("%zu objects, 8 cycles\n", live);
    if (vm_deallocate(mach_task_self(), heap.base, heap.size) != KERN_SUCCESS) return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
