/*
 * Integers of a known width, and those as wide as a pointer. LLP64: LONG is 32 bits, a pointer 64.
 *
 * What is as wide as a pointer is the size_t and intptr_t of this machine, and INT64, DWORD64 and their kin are its
 * int64_t, so that a size_t can be passed where a SIZE_T or ULONG_PTR is asked for, and a uint64_t where a DWORD64 is.
 * LONGLONG alone is long long (see winnt.h).
 */
#ifndef _BASETSD_H_
#define _BASETSD_H_

#include "pw_keywords.h"

#include <stddef.h>
#include <stdint.h>

PW_C_BEGIN

typedef signed char INT8, *PINT8;
typedef short INT16, *PINT16;
typedef int INT32, *PINT32;
typedef int64_t INT64, *PINT64;
typedef unsigned char UINT8, *PUINT8;
typedef unsigned short UINT16, *PUINT16;
typedef unsigned int UINT32, *PUINT32;
typedef uint64_t UINT64, *PUINT64;

typedef int LONG32, *PLONG32;
typedef unsigned int ULONG32, *PULONG32;
typedef unsigned int DWORD32, *PDWORD32;
typedef int64_t LONG64, *PLONG64;
typedef uint64_t ULONG64, *PULONG64;
typedef uint64_t DWORD64, *PDWORD64;

typedef intptr_t INT_PTR, *PINT_PTR;
typedef uintptr_t UINT_PTR, *PUINT_PTR;
typedef intptr_t LONG_PTR, *PLONG_PTR;
typedef uintptr_t ULONG_PTR, *PULONG_PTR;
typedef uintptr_t DWORD_PTR, *PDWORD_PTR;
typedef size_t SIZE_T, *PSIZE_T;
typedef intptr_t SSIZE_T, *PSSIZE_T;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;

typedef int HALF_PTR, *PHALF_PTR;
typedef unsigned int UHALF_PTR, *PUHALF_PTR;

#define __int3264 __int64
#define ADDRESS_TAG_BIT 0x40000000000UL

#define MAXUINT8 ((UINT8)~((UINT8)0))
#define MAXINT8 ((INT8)(MAXUINT8 >> 1))
#define MININT8 ((INT8)~MAXINT8)
#define MAXUINT16 ((UINT16)~((UINT16)0))
#define MAXINT16 ((INT16)(MAXUINT16 >> 1))
#define MININT16 ((INT16)~MAXINT16)
#define MAXUINT32 ((UINT32)~((UINT32)0))
#define MAXINT32 ((INT32)(MAXUINT32 >> 1))
#define MININT32 ((INT32)~MAXINT32)
#define MAXUINT64 ((UINT64)~((UINT64)0))
#define MAXINT64 ((INT64)(MAXUINT64 >> 1))
#define MININT64 ((INT64)~MAXINT64)
#define MAXULONG32 ((ULONG32)~((ULONG32)0))
#define MAXLONG32 ((LONG32)(MAXULONG32 >> 1))
#define MINLONG32 ((LONG32)~MAXLONG32)
#define MAXULONG64 ((ULONG64)~((ULONG64)0))
#define MAXLONG64 ((LONG64)(MAXULONG64 >> 1))
#define MINLONG64 ((LONG64)~MAXLONG64)
#define MAXULONG_PTR ((ULONG_PTR)~((ULONG_PTR)0))
#define MAXLONG_PTR ((LONG_PTR)(MAXULONG_PTR >> 1))
#define MINLONG_PTR ((LONG_PTR)~MAXLONG_PTR)
#define MAXUINT_PTR ((UINT_PTR)~((UINT_PTR)0))
#define MAXINT_PTR ((INT_PTR)(MAXUINT_PTR >> 1))
#define MININT_PTR ((INT_PTR)~MAXINT_PTR)
#define MAXUHALF_PTR ((UHALF_PTR)~((UHALF_PTR)0))
#define MAXHALF_PTR ((HALF_PTR)(MAXUHALF_PTR >> 1))
#define MINHALF_PTR ((HALF_PTR)~MAXHALF_PTR)
#define MAXSIZE_T ((SIZE_T)~((SIZE_T)0))
#define MAXSSIZE_T ((SSIZE_T)(MAXSIZE_T >> 1))
#define MINSSIZE_T ((SSIZE_T)~MAXSSIZE_T)
#define MAXUINT ((UINT)~((UINT)0))
#define MAXINT ((INT)(MAXUINT >> 1))
#define MININT ((INT)~MAXINT)
#define MAXDWORD32 ((DWORD32)~((DWORD32)0))
#define MAXDWORD64 ((DWORD64)~((DWORD64)0))
#define MAXDWORD_PTR ((DWORD_PTR)~((DWORD_PTR)0))
#define MAXULONGLONG ((ULONGLONG)~((ULONGLONG)0))
#define MAXLONGLONG ((LONGLONG)(MAXULONGLONG >> 1))
#define MINLONGLONG ((LONGLONG)~MAXLONGLONG)

/* Conversions that say what they drop. */
PW_INLINE unsigned int HandleToULong(const void *h) { return (unsigned int)(uintptr_t)h; }
PW_INLINE int HandleToLong(const void *h) { return (int)(intptr_t)h; }
PW_INLINE void *ULongToHandle(unsigned int v) { return (void *)(uintptr_t)v; }
PW_INLINE void *LongToHandle(int v) { return (void *)(intptr_t)v; }
PW_INLINE unsigned int PtrToUlong(const void *p) { return (unsigned int)(uintptr_t)p; }
PW_INLINE unsigned int PtrToUint(const void *p) { return (unsigned int)(uintptr_t)p; }
PW_INLINE int PtrToLong(const void *p) { return (int)(intptr_t)p; }
PW_INLINE int PtrToInt(const void *p) { return (int)(intptr_t)p; }
PW_INLINE void *IntToPtr(int v) { return (void *)(intptr_t)v; }
PW_INLINE void *UIntToPtr(unsigned int v) { return (void *)(uintptr_t)v; }
PW_INLINE void *LongToPtr(int v) { return (void *)(intptr_t)v; }
PW_INLINE void *ULongToPtr(unsigned int v) { return (void *)(uintptr_t)v; }
#define HandleToUlong(h) HandleToULong(h)
#define UlongToHandle(v) ULongToHandle(v)
#define PtrToULong(p) PtrToUlong(p)
#define PtrToUInt(p) PtrToUint(p)
#define UintToPtr(v) UIntToPtr(v)
#define UlongToPtr(v) ULongToPtr(v)

PW_C_END

#endif
