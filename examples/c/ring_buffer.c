/*
 * ring_buffer.c: a ring buffer that is mapped twice in a row.
 *
 *       | buffer | the same buffer |
 *            ^ a record that begins here ... goes on behind the end, in one piece
 *
 * The way audio programs on the Mac do it, with vm_remap: neither the writer nor the reader ever
 * looks at the end of the buffer, and no record is cut in two.
 *
 * One thread writes records of many lengths, the main thread reads them; both count a sum.
 *
 *     cc ring_buffer.c -I <prefix>/include/pagewright/compat -lpagewright -lpthread -ldl -lm -o ring_buffer
 *     ./ring_buffer 200000
 */
#include <mach/mach.h>

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Ring {
    unsigned char *bytes;
    size_t size;
    size_t written; /* counted from the start, by the writer alone */
    size_t read;    /* likewise, by the reader */
} Ring;

static void check(kern_return_t result, const char *what) {
    if (result != KERN_SUCCESS) {
        fprintf(stderr, "%s: %s\n", what, mach_error_string(result));
        exit(EXIT_FAILURE);
    }
}

static void ring_open(Ring *ring, size_t size) {
    vm_address_t first = 0;
    ring->size = round_page(size);
    /* Room for two; then the second half becomes another view of the first. */
    check(vm_allocate(mach_task_self(), &first, 2 * ring->size, VM_FLAGS_ANYWHERE), "no room");
    vm_address_t second = first + ring->size;
    vm_prot_t now, most;
    check(vm_remap(mach_task_self(), &second, ring->size, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, mach_task_self(),
                   first, FALSE, &now, &most, VM_INHERIT_SHARE),
          "cannot map it again");
    ring->bytes = (unsigned char *)first;
    ring->written = ring->read = 0;
}

static void ring_close(Ring *ring) {
    check(vm_deallocate(mach_task_self(), (vm_address_t)ring->bytes, 2 * ring->size), "cannot give it back");
}

/* Where the next `size` bytes go, all in one piece; waits for room. */
static unsigned char *ring_reserve(Ring *ring, size_t size) {
    size_t written = __atomic_load_n(&ring->written, __ATOMIC_RELAXED);
    while (written + size - __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE) > ring->size) {
        sched_yield();
    }
    return ring->bytes + written % ring->size;
}

static void ring_publish(Ring *ring, size_t size) {
    __atomic_fetch_add(&ring->written, size, __ATOMIC_RELEASE);
}

/* The next `size` bytes, all in one piece; waits for them. */
static const unsigned char *ring_peek(Ring *ring, size_t size) {
    size_t read = __atomic_load_n(&ring->read, __ATOMIC_RELAXED);
    while (__atomic_load_n(&ring->written, __ATOMIC_ACQUIRE) - read < size) {
        sched_yield();
    }
    return ring->bytes + read % ring->size;
}

static void ring_consume(Ring *ring, size_t size) {
    __atomic_fetch_add(&ring->read, size, __ATOMIC_RELEASE);
}

/* A record: its length, and as many bytes. */
typedef struct Job {
    Ring *ring;
    unsigned records;
    uint64_t sum;
} Job;

static void *produce(void *argument) {
    Job *job = (Job *)argument;
    uint32_t dice = 12345;
    for (unsigned i = 0; i < job->records; i++) {
        dice = dice * 1664525 + 1013904223;
        uint32_t length = 1 + (dice >> 16) % 1000;
        unsigned char *place = ring_reserve(job->ring, sizeof length + length);
        memcpy(place, &length, sizeof length);
        for (uint32_t at = 0; at < length; at++) {
            place[sizeof length + at] = (unsigned char)(dice + at);
            job->sum += (unsigned char)(dice + at);
        }
        ring_publish(job->ring, sizeof length + length);
    }
    return NULL;
}

int main(int argc, char **argv) {
    unsigned records = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000;
    Ring ring;
    ring_open(&ring, 3 * vm_page_size);

    /* Both halves are the same memory. */
    ring.bytes[7] = 42;
    printf("seen behind the end: %d\n", ring.bytes[ring.size + 7]);

    Job job = {&ring, records, 0};
    pthread_t writer;
    if (pthread_create(&writer, NULL, produce, &job) != 0) {
        fprintf(stderr, "cannot start the writer\n");
        return EXIT_FAILURE;
    }
    uint64_t sum = 0;
    unsigned across = 0;
    for (unsigned i = 0; i < records; i++) {
        uint32_t length;
        memcpy(&length, ring_peek(&ring, sizeof length), sizeof length);
        const unsigned char *record = ring_peek(&ring, sizeof length + length) + sizeof length;
        across += record + length > ring.bytes + ring.size;
        for (uint32_t at = 0; at < length; at++) {
            sum += record[at];
        }
        ring_consume(&ring, sizeof length + length);
    }
    pthread_join(writer, NULL);
    printf("%u records, some across the end: %s\n", records, across > 0 ? "yes" : "no");
    printf("the sums are %s\n", sum == job.sum ? "equal" : "not equal");
    ring_close(&ring);
    return sum == job.sum ? EXIT_SUCCESS : EXIT_FAILURE;
}
