/*
 * Operations that other threads see as one, and barriers. All of them are full barriers, also those whose name asks for
 * less. They take no lock and may be used anywhere, in signal handlers too.
 *
 * In C the 64-bit ones take a pointer to any type of 64 bits, because LONGLONG and LONG64 are two types here. In C++
 * there is a form for every integer of the width.
 */
#ifndef PW_WINNT_INTERLOCKED_H
#define PW_WINNT_INTERLOCKED_H

#include "winnt.h"

/* Increment, Decrement and Add answer the new value, all others the old one. */
#define PW_INTERLOCKED(name, suffix, type) \
    PW_INLINE type name##Increment##suffix(type volatile *p) { return __atomic_add_fetch(p, (type)1, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##Decrement##suffix(type volatile *p) { return __atomic_sub_fetch(p, (type)1, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##Add##suffix(type volatile *p, type v) { return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##Exchange##suffix(type volatile *p, type v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##ExchangeAdd##suffix(type volatile *p, type v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##And##suffix(type volatile *p, type v) { return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##Or##suffix(type volatile *p, type v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##Xor##suffix(type volatile *p, type v) { return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST); } \
    PW_INLINE type name##CompareExchange##suffix(type volatile *p, type v, type expected) \
    { \
        (void)__atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        return expected; \
    }

PW_CPP_BEGIN

PW_INTERLOCKED(Interlocked, , LONG)
PW_INTERLOCKED(Interlocked, 16, SHORT)
PW_INTERLOCKED(Interlocked, 8, CHAR)
#ifdef __cplusplus
PW_INTERLOCKED(Interlocked, , ULONG)
PW_INTERLOCKED(Interlocked, 16, USHORT)
PW_INTERLOCKED(Interlocked, 8, BYTE)
PW_INTERLOCKED(Interlocked, 64, LONG64)
PW_INTERLOCKED(Interlocked, 64, ULONG64)
PW_INTERLOCKED(Interlocked, 64, LONGLONG)
PW_INTERLOCKED(Interlocked, 64, ULONGLONG)
#else
typedef LONG64 PW_ANY64 __attribute__((__may_alias__));
PW_INTERLOCKED(PwInterlocked, 64, PW_ANY64)
/* The pointer as one to 64 bits; no other width compiles. */
#define PW_64(p) (0 ? (PW_ANY64 volatile *)sizeof(char[sizeof(*(p)) == 8 ? 1 : -1]) : (PW_ANY64 volatile *)(volatile void *)(p))
#define InterlockedIncrement64(p) PwInterlockedIncrement64(PW_64(p))
#define InterlockedDecrement64(p) PwInterlockedDecrement64(PW_64(p))
#define InterlockedAdd64(p, v) PwInterlockedAdd64(PW_64(p), (LONG64)(v))
#define InterlockedExchange64(p, v) PwInterlockedExchange64(PW_64(p), (LONG64)(v))
#define InterlockedExchangeAdd64(p, v) PwInterlockedExchangeAdd64(PW_64(p), (LONG64)(v))
#define InterlockedAnd64(p, v) PwInterlockedAnd64(PW_64(p), (LONG64)(v))
#define InterlockedOr64(p, v) PwInterlockedOr64(PW_64(p), (LONG64)(v))
#define InterlockedXor64(p, v) PwInterlockedXor64(PW_64(p), (LONG64)(v))
#define InterlockedCompareExchange64(p, v, expected) PwInterlockedCompareExchange64(PW_64(p), (LONG64)(v), (LONG64)(expected))
#endif

PW_INLINE PVOID InterlockedExchangePointer(PVOID volatile *p, PVOID v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
PW_INLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *p, PVOID v, PVOID expected)
{
    (void)__atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
PW_INLINE DWORD InterlockedExchangeSubtract(DWORD volatile *p, DWORD v)
{
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);
}
PW_INLINE SIZE_T InterlockedExchangeAddSizeT(SIZE_T volatile *p, SIZE_T v)
{
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
PW_INLINE SIZE_T InterlockedIncrementSizeT(SIZE_T volatile *p) { return __atomic_add_fetch(p, 1UL, __ATOMIC_SEQ_CST); }
PW_INLINE SIZE_T InterlockedDecrementSizeT(SIZE_T volatile *p) { return __atomic_sub_fetch(p, 1UL, __ATOMIC_SEQ_CST); }

/* Change one bit, and tell what it was. */
PW_INLINE BOOLEAN InterlockedBitTestAndSet(LONG volatile *p, LONG bit)
{
    LONG const mask = (LONG)(1U << (bit & 31));
    return (BOOLEAN)((__atomic_fetch_or(p, mask, __ATOMIC_SEQ_CST) & mask) != 0);
}
PW_INLINE BOOLEAN InterlockedBitTestAndReset(LONG volatile *p, LONG bit)
{
    LONG const mask = (LONG)(1U << (bit & 31));
    return (BOOLEAN)((__atomic_fetch_and(p, ~mask, __ATOMIC_SEQ_CST) & mask) != 0);
}
PW_INLINE BOOLEAN InterlockedBitTestAndComplement(LONG volatile *p, LONG bit)
{
    LONG const mask = (LONG)(1U << (bit & 31));
    return (BOOLEAN)((__atomic_fetch_xor(p, mask, __ATOMIC_SEQ_CST) & mask) != 0);
}
PW_INLINE BOOLEAN InterlockedBitTestAndSet64(LONG64 volatile *p, LONG64 bit)
{
    LONG64 const mask = (LONG64)(1UL << (bit & 63));
    return (BOOLEAN)((__atomic_fetch_or(p, mask, __ATOMIC_SEQ_CST) & mask) != 0);
}
PW_INLINE BOOLEAN InterlockedBitTestAndReset64(LONG64 volatile *p, LONG64 bit)
{
    LONG64 const mask = (LONG64)(1UL << (bit & 63));
    return (BOOLEAN)((__atomic_fetch_and(p, ~mask, __ATOMIC_SEQ_CST) & mask) != 0);
}

/* Loads that later accesses stay behind, and stores that earlier ones stay before. */
PW_INLINE LONG ReadAcquire(LONG const volatile *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
PW_INLINE LONG ReadNoFence(LONG const volatile *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
PW_INLINE LONG64 ReadAcquire64(LONG64 const volatile *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
PW_INLINE LONG64 ReadNoFence64(LONG64 const volatile *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
PW_INLINE DWORD ReadULongAcquire(DWORD const volatile *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
PW_INLINE PVOID ReadPointerAcquire(PVOID const volatile *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
PW_INLINE PVOID ReadPointerNoFence(PVOID const volatile *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
PW_INLINE void WriteRelease(LONG volatile *p, LONG v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
PW_INLINE void WriteNoFence(LONG volatile *p, LONG v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
PW_INLINE void WriteRelease64(LONG64 volatile *p, LONG64 v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
PW_INLINE void WriteNoFence64(LONG64 volatile *p, LONG64 v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
PW_INLINE void WriteULongRelease(DWORD volatile *p, DWORD v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
PW_INLINE void WritePointerRelease(PVOID volatile *p, PVOID v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
PW_INLINE void WritePointerNoFence(PVOID volatile *p, PVOID v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }

/* Barriers: for the machine and the compiler; for the compiler alone; a breath in a loop that waits. */
#define MemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define _ReadWriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define _ReadBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define _WriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define YieldProcessor() __builtin_ia32_pause()

/* The place of the lowest or the highest bit that is set; 0 if there is none. */
PW_INLINE BYTE BitScanForward(DWORD *index, DWORD mask)
{
    if (mask != 0) {
        *index = (DWORD)__builtin_ctz(mask);
    }
    return mask != 0;
}
PW_INLINE BYTE BitScanReverse(DWORD *index, DWORD mask)
{
    if (mask != 0) {
        *index = 31U - (DWORD)__builtin_clz(mask);
    }
    return mask != 0;
}
PW_INLINE BYTE BitScanForward64(DWORD *index, DWORD64 mask)
{
    if (mask != 0) {
        *index = (DWORD)__builtin_ctzl(mask);
    }
    return mask != 0;
}
PW_INLINE BYTE BitScanReverse64(DWORD *index, DWORD64 mask)
{
    if (mask != 0) {
        *index = 63U - (DWORD)__builtin_clzl(mask);
    }
    return mask != 0;
}
#define _BitScanForward BitScanForward
#define _BitScanReverse BitScanReverse
#define _BitScanForward64 BitScanForward64
#define _BitScanReverse64 BitScanReverse64

/* The other spellings. */
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedExchangeAddAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddRelease InterlockedExchangeAdd
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedCompareExchangePointerAcquire InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerRelease InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer
#define _InterlockedIncrement InterlockedIncrement
#define _InterlockedDecrement InterlockedDecrement
#define _InterlockedExchange InterlockedExchange
#define _InterlockedExchangeAdd InterlockedExchangeAdd
#define _InterlockedCompareExchange InterlockedCompareExchange
#define _InterlockedAnd InterlockedAnd
#define _InterlockedOr InterlockedOr
#define _InterlockedXor InterlockedXor
#define _InterlockedIncrement64 InterlockedIncrement64
#define _InterlockedDecrement64 InterlockedDecrement64
#define _InterlockedExchange64 InterlockedExchange64
#define _InterlockedExchangeAdd64 InterlockedExchangeAdd64
#define _InterlockedCompareExchange64 InterlockedCompareExchange64
#define _InterlockedAnd64 InterlockedAnd64
#define _InterlockedOr64 InterlockedOr64
#define _InterlockedXor64 InterlockedXor64
#define _InterlockedExchangePointer InterlockedExchangePointer
#define _InterlockedCompareExchangePointer InterlockedCompareExchangePointer

PW_CPP_END

#endif
