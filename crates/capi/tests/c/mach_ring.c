/*
 * A "magic" ring buffer in the manner of audio code for macOS: allocate twice the length, deallocate the second half, remap the
 * first half there. The space may be taken by another thread in between, hence the retries.
 */
#include <mach/mach.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    void *buffer;
    uint32_t length;
    uint32_t tail;
    uint32_t head;
    volatile int32_t fillCount;
} RingBuffer;

#define reportResult(result, operation) (_reportResult((result), (operation), strrchr(__FILE__, '/') + 1, __LINE__))
static inline bool _reportResult(kern_return_t result, const char *operation, const char *file, int line) {
    if (result != KERN_SUCCESS) {
        printf("%s:%d: %s: %s\n", file, line, operation, mach_error_string(result));
        return false;
    }
    return true;
}

static bool RingBufferInit(RingBuffer *buffer, uint32_t length) {
    int retries = 3;
    while (true) {
        buffer->length = (uint32_t)round_page(length);

        /* Temporarily allocate twice the length, so we have the contiguous address space to support a second instance. */
        vm_address_t bufferAddress;
        kern_return_t result =
            vm_allocate(mach_task_self(), &bufferAddress, buffer->length * 2, VM_FLAGS_ANYWHERE);
        if (result != KERN_SUCCESS) {
            if (retries-- == 0) {
                reportResult(result, "Buffer allocation");
                return false;
            }
            continue;
        }

        /* Now replace the second half of the allocation with a virtual copy of the first half. */
        result = vm_deallocate(mach_task_self(), bufferAddress + buffer->length, buffer->length);
        if (result != KERN_SUCCESS) {
            if (retries-- == 0) {
                reportResult(result, "Buffer deallocation");
                return false;
            }
            vm_deallocate(mach_task_self(), bufferAddress, buffer->length);
            continue;
        }

        vm_address_t virtualAddress = bufferAddress + buffer->length;
        vm_prot_t cur_prot, max_prot;
        result = vm_remap(mach_task_self(), &virtualAddress, buffer->length, 0, 0, mach_task_self(), bufferAddress, 0,
                          &cur_prot, &max_prot, VM_INHERIT_DEFAULT);
        if (result != KERN_SUCCESS) {
            if (retries-- == 0) {
                reportResult(result, "Remap buffer memory");
                return false;
            }
            vm_deallocate(mach_task_self(), bufferAddress, buffer->length);
            continue;
        }

        if (virtualAddress != bufferAddress + buffer->length) {
            if (retries-- == 0) {
                printf("Couldn't map buffer memory to end of buffer\n");
                return false;
            }
            vm_deallocate(mach_task_self(), virtualAddress, buffer->length);
            vm_deallocate(mach_task_self(), bufferAddress, buffer->length);
            continue;
        }

        buffer->buffer = (void *)bufferAddress;
        buffer->fillCount = 0;
        buffer->head = buffer->tail = 0;
        return true;
    }
}

static void RingBufferCleanup(RingBuffer *buffer) {
    vm_deallocate(mach_task_self(), (vm_address_t)buffer->buffer, buffer->length * 2);
    memset(buffer, 0, sizeof(RingBuffer));
}

static void *RingBufferHead(RingBuffer *buffer, uint32_t *availableBytes) {
    *availableBytes = buffer->length - (uint32_t)__atomic_load_n(&buffer->fillCount, __ATOMIC_ACQUIRE);
    return *availableBytes == 0 ? NULL : (char *)buffer->buffer + buffer->head;
}

static void RingBufferProduce(RingBuffer *buffer, uint32_t amount) {
    buffer->head = (buffer->head + amount) % buffer->length;
    __atomic_add_fetch(&buffer->fillCount, (int32_t)amount, __ATOMIC_ACQ_REL);
}

static void *RingBufferTail(RingBuffer *buffer, uint32_t *availableBytes) {
    *availableBytes = (uint32_t)__atomic_load_n(&buffer->fillCount, __ATOMIC_ACQUIRE);
    return *availableBytes == 0 ? NULL : (char *)buffer->buffer + buffer->tail;
}

static void RingBufferConsume(RingBuffer *buffer, uint32_t amount) {
    buffer->tail = (buffer->tail + amount) % buffer->length;
    __atomic_sub_fetch(&buffer->fillCount, (int32_t)amount, __ATOMIC_ACQ_REL);
}

#define TOTAL 1000000u

static void *producer(void *context) {
    RingBuffer *ring = (RingBuffer *)context;
    uint32_t sent = 0, seed = 12345;
    while (sent < TOTAL) {
        uint32_t available;
        unsigned char *head = (unsigned char *)RingBufferHead(ring, &available);
        if (head == NULL) continue;
        seed = seed * 1103515245u + 12345u;
        uint32_t amount = 1 + seed / 65536 % 5000;
        if (amount > available) amount = available;
        if (amount > TOTAL - sent) amount = TOTAL - sent;
        /* One linear store, across the end. */
        for (uint32_t i = 0; i < amount; i++) head[i] = (unsigned char)((sent + i) * 31 >> 3);
        RingBufferProduce(ring, amount);
        sent += amount;
    }
    return NULL;
}

int main(void) {
    RingBuffer ring;
    pthread_t thread;
    uint32_t received = 0;
    if (!RingBufferInit(&ring, 10000)) return 1;
    if (ring.length != 12288) return 2;
    if (pthread_create(&thread, NULL, producer, &ring) != 0) return 3;
    while (received < TOTAL) {
        uint32_t available;
        unsigned char *tail = (unsigned char *)RingBufferTail(&ring, &available);
        if (tail == NULL) continue;
        for (uint32_t i = 0; i < available; i++) {
            if (tail[i] != (unsigned char)((received + i) * 31 >> 3)) {
                printf("byte %u is wrong\n", received + i);
                return 4;
            }
        }
        RingBufferConsume(&ring, available);
        received += available;
    }
    pthread_join(thread, NULL);
    RingBufferCleanup(&ring);
    printf("%u bytes\n", received);
    return 0;
}
