/* What the interlocked operations answer, and that no thread's work is lost. */
#include <pthread.h>
#include <windows.h>

#include "check.h"

#define ROUNDS 100000

static LONG volatile g_lCount;
static LONG64 volatile g_llCount;
static LONGLONG volatile g_llOther;
static LONG volatile g_lLock;
static DWORD g_dwGuarded;

static void values32(void)
{
    LONG volatile l = 5;
    DWORD volatile dw = 7;
    CHECK_EQUAL(InterlockedIncrement(&l), 6);
    CHECK_EQUAL(InterlockedDecrement(&l), 5);
    CHECK_EQUAL(InterlockedExchange(&l, 9), 5);
    CHECK_EQUAL(InterlockedExchangeAdd(&l, 2), 9);
    CHECK_EQUAL(InterlockedAdd(&l, 2), 13);
    CHECK_EQUAL(InterlockedCompareExchange(&l, 1, 12), 13);
    CHECK_EQUAL(l, 13);
    CHECK_EQUAL(InterlockedCompareExchange(&l, 1, 13), 13);
    CHECK_EQUAL(l, 1);
    CHECK_EQUAL(InterlockedOr(&l, 6), 1);
    CHECK_EQUAL(InterlockedAnd(&l, 3), 7);
    CHECK_EQUAL(InterlockedXor(&l, 1), 3);
    CHECK_EQUAL(l, 2);
    CHECK_EQUAL(InterlockedBitTestAndSet(&l, 4), 0);
    CHECK_EQUAL(InterlockedBitTestAndSet(&l, 4), 1);
    CHECK_EQUAL(InterlockedBitTestAndReset(&l, 1), 1);
    CHECK_EQUAL(InterlockedBitTestAndSet(&l, 31), 0);
    CHECK_EQUAL(InterlockedBitTestAndComplement(&l, 31), 1);
    CHECK_EQUAL(l, 16);
    CHECK_EQUAL(InterlockedExchangeSubtract(&dw, 3), 7);
    CHECK_EQUAL(dw, 4);
    CHECK_EQUAL(_InterlockedIncrement(&l), 17);
    CHECK_EQUAL(ReadAcquire(&l), 17);
    WriteRelease(&l, 3);
    CHECK_EQUAL(ReadNoFence(&l), 3);
}

static void values64(void)
{
    LONG64 volatile q = 1;
    LONGLONG volatile ll = 0x7fffffffff;
    SIZE_T volatile cb = 10;
    CHECK_EQUAL(InterlockedIncrement64(&q), 2);
    CHECK_EQUAL(InterlockedExchangeAdd64(&ll, 1), 0x7fffffffff);
    CHECK_EQUAL(InterlockedDecrement64(&ll), 0x7fffffffff);
    CHECK_EQUAL(InterlockedCompareExchange64(&ll, -1, 0x7fffffffff), 0x7fffffffff);
    CHECK_EQUAL(InterlockedExchange64(&ll, 4) == -1, 1);
    CHECK_EQUAL(InterlockedOr64(&ll, 3), 4);
    CHECK_EQUAL(InterlockedAnd64(&ll, 5), 7);
    CHECK_EQUAL(InterlockedXor64(&ll, 1), 5);
    CHECK_EQUAL(InterlockedAdd64(&ll, 10), 14);
    CHECK_EQUAL(InterlockedExchangeAddSizeT(&cb, 5), 10);
    CHECK_EQUAL(InterlockedIncrementSizeT(&cb), 16);
    CHECK_EQUAL(InterlockedBitTestAndSet64(&q, 40), 0);
    CHECK_EQUAL(q, 0x10000000002);
}

static void pointers_and_bits(void)
{
    int one, two;
    PVOID volatile pv = &one;
    SHORT volatile s = 1;
    CHAR volatile c = 1;
    DWORD index = 99;
    CHECK(InterlockedExchangePointer(&pv, &two) == &one);
    CHECK(InterlockedCompareExchangePointer(&pv, NULL, &one) == &two && pv == &two);
    CHECK(InterlockedCompareExchangePointer(&pv, NULL, &two) == &two && pv == NULL);
    CHECK_EQUAL(InterlockedIncrement16(&s), 2);
    CHECK_EQUAL(InterlockedExchange8(&c, 4), 1);
    CHECK(_BitScanForward(&index, 0x50) && index == 4);
    CHECK(_BitScanReverse(&index, 0x50) && index == 6);
    CHECK(_BitScanReverse64(&index, 1ULL << 40) && index == 40);
    CHECK(BitScanForward64(&index, 1ULL << 41) && index == 41);
    CHECK(!_BitScanForward(&index, 0));
}

static void *work(void *unused)
{
    int round;
    (void)unused;
    for (round = 0; round < ROUNDS; round++) {
        InterlockedIncrement(&g_lCount);
        InterlockedAdd64(&g_llCount, 3);
        InterlockedExchangeAdd64(&g_llOther, 5);
        while (InterlockedCompareExchange(&g_lLock, 1, 0) != 0) {
            YieldProcessor();
        }
        g_dwGuarded++;
        MemoryBarrier();
        WriteRelease(&g_lLock, 0);
    }
    return NULL;
}

static void threads(void)
{
    pthread_t ids[4];
    int i;
    for (i = 0; i < 4; i++) {
        CHECK_EQUAL(pthread_create(&ids[i], NULL, work, NULL), 0);
    }
    for (i = 0; i < 4; i++) {
        CHECK_EQUAL(pthread_join(ids[i], NULL), 0);
    }
    CHECK_EQUAL(g_lCount, 4 * ROUNDS);
    CHECK_EQUAL(g_llCount, 12 * ROUNDS);
    CHECK_EQUAL(g_llOther, 20 * ROUNDS);
    CHECK_EQUAL(g_dwGuarded, 4 * ROUNDS);
}

int main(void)
{
    values32();
    values64();
    pointers_and_bits();
    threads();
    return 0;
}
