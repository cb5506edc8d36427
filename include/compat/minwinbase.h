/* Structures that several parts of Win32 share. */
#ifndef _MINWINBASE_
#define _MINWINBASE_

#include "minwindef.h"

#include "winnt_status.h"

PW_C_BEGIN

/* Taken where Win32 has it, and not looked at: objects here have no security descriptor and are not inherited. */
typedef struct _SECURITY_ATTRIBUTES {
    DWORD nLength;
    LPVOID lpSecurityDescriptor;
    BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

/* The codes of exceptions are statuses. */
#define EXCEPTION_ACCESS_VIOLATION ((DWORD)0xC0000005)
#define EXCEPTION_DATATYPE_MISALIGNMENT ((DWORD)0x80000002)
#define EXCEPTION_BREAKPOINT ((DWORD)0x80000003)
#define EXCEPTION_SINGLE_STEP ((DWORD)0x80000004)
#define EXCEPTION_ARRAY_BOUNDS_EXCEEDED ((DWORD)0xC000008C)
#define EXCEPTION_FLT_DENORMAL_OPERAND ((DWORD)0xC000008D)
#define EXCEPTION_FLT_DIVIDE_BY_ZERO ((DWORD)0xC000008E)
#define EXCEPTION_FLT_INEXACT_RESULT ((DWORD)0xC000008F)
#define EXCEPTION_FLT_INVALID_OPERATION ((DWORD)0xC0000090)
#define EXCEPTION_FLT_OVERFLOW ((DWORD)0xC0000091)
#define EXCEPTION_FLT_STACK_CHECK ((DWORD)0xC0000092)
#define EXCEPTION_FLT_UNDERFLOW ((DWORD)0xC0000093)
#define EXCEPTION_INT_DIVIDE_BY_ZERO ((DWORD)0xC0000094)
#define EXCEPTION_INT_OVERFLOW ((DWORD)0xC0000095)
#define EXCEPTION_PRIV_INSTRUCTION ((DWORD)0xC0000096)
#define EXCEPTION_IN_PAGE_ERROR ((DWORD)0xC0000006)
#define EXCEPTION_ILLEGAL_INSTRUCTION ((DWORD)0xC000001D)
#define EXCEPTION_NONCONTINUABLE_EXCEPTION ((DWORD)0xC0000025)
#define EXCEPTION_STACK_OVERFLOW ((DWORD)0xC00000FD)
#define EXCEPTION_INVALID_DISPOSITION ((DWORD)0xC0000026)
#define EXCEPTION_GUARD_PAGE ((DWORD)0x80000001)
#define EXCEPTION_INVALID_HANDLE ((DWORD)0xC0000008)
#define CONTROL_C_EXIT ((DWORD)0xC000013A)
#define STILL_ACTIVE ((DWORD)0x00000103)

/* Bytes. What says Secure is not optimised away. */
#define RtlEqualMemory(a, b, length) (!__builtin_memcmp((a), (b), (length)))
#define RtlMoveMemory(to, from, length) __builtin_memmove((to), (from), (length))
#define RtlCopyMemory(to, from, length) __builtin_memcpy((to), (from), (length))
#define RtlFillMemory(to, length, byte) __builtin_memset((to), (byte), (length))
#define RtlZeroMemory(to, length) __builtin_memset((to), 0, (length))
#define MoveMemory RtlMoveMemory
#define CopyMemory RtlCopyMemory
#define FillMemory RtlFillMemory
#define ZeroMemory RtlZeroMemory
PW_INLINE PVOID RtlSecureZeroMemory(PVOID to, SIZE_T length)
{
    __builtin_memset(to, 0, length);
    __asm__ __volatile__("" : : "r"(to) : "memory");
    return to;
}
#define SecureZeroMemory RtlSecureZeroMemory

PW_C_END

#endif
