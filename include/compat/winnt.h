/*
 * The types and constants that user mode and the Nt layer share. The longer parts are in files of their own:
 * winnt_memory.h, winnt_access.h, winnt_exception.h, winnt_interlocked.h, winnt_status.h.
 *
 * WCHAR has 16 bits: it is wchar_t in a source compiled with -fshort-wchar, and char16_t otherwise. L"text" therefore
 * needs -fshort-wchar; TEXT("text") follows by itself (with UNICODE it needs C11 or C++11, or -fshort-wchar).
 *
 * LONGLONG, ULONGLONG and LARGE_INTEGER are long long, so that %lld and %llu print them.
 */
#ifndef _WINNT_
#define _WINNT_

#include "pw_keywords.h"

#include "basetsd.h"
#include "specstrings.h"

PW_C_BEGIN

#ifndef VOID
#define VOID void
#endif
#ifndef CONST
#define CONST const
#endif
typedef char CHAR;
typedef short SHORT;
typedef int LONG;
typedef int INT;
typedef float FLOAT, *PFLOAT;
typedef double DOUBLE;
typedef unsigned char UCHAR, *PUCHAR;
typedef unsigned short USHORT, *PUSHORT;
typedef unsigned int ULONG, *PULONG;
typedef unsigned int UINT;
typedef unsigned int DWORD;
typedef unsigned short WORD;
typedef unsigned char BYTE;
typedef int BOOL;

typedef void *PVOID;
typedef void *PVOID64;
typedef SHORT *PSHORT;
typedef LONG *PLONG;
typedef BYTE BOOLEAN, *PBOOLEAN;
typedef char CCHAR;
typedef LONG HRESULT;

__extension__ typedef long long LONGLONG;
__extension__ typedef unsigned long long ULONGLONG;
typedef LONGLONG *PLONGLONG;
typedef ULONGLONG *PULONGLONG;
typedef ULONGLONG DWORDLONG, *PDWORDLONG;
typedef LONGLONG USN;

#if __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#elif defined(__cplusplus) && __cplusplus >= 201103L
typedef char16_t WCHAR;
#else
typedef __CHAR16_TYPE__ WCHAR;
#endif
typedef WCHAR *PWCHAR, *LPWCH, *PWCH, *NWPSTR, *LPWSTR, *PWSTR;
typedef const WCHAR *LPCWCH, *PCWCH, *LPCWSTR, *PCWSTR, *LPCUWSTR, *PCUWSTR;
typedef PWSTR *PZPWSTR;
typedef CHAR *PCHAR, *LPCH, *PCH, *NPSTR, *LPSTR, *PSTR;
typedef const CHAR *LPCCH, *PCCH, *LPCSTR, *PCSTR;
typedef PSTR *PZPSTR;
typedef PCSTR *PZPCSTR;

#if __SIZEOF_WCHAR_T__ == 2
#define PW_WIDE(text) L##text
#else
#define PW_WIDE(text) u##text
#endif

#ifdef UNICODE
typedef WCHAR TCHAR, *PTCHAR, TBYTE, *PTBYTE;
typedef LPWSTR LPTCH, PTCH, PTSTR, LPTSTR;
typedef LPCWSTR LPCTCH, PCTCH, PCTSTR, LPCTSTR;
#define __TEXT(text) PW_WIDE(text)
#else
typedef char TCHAR, *PTCHAR;
typedef unsigned char TBYTE, *PTBYTE;
typedef LPSTR LPTCH, PTCH, PTSTR, LPTSTR;
typedef LPCSTR LPCTCH, PCTCH, PCTSTR, LPCTSTR;
#define __TEXT(text) text
#endif
#define _TCHAR_DEFINED
#ifndef TEXT
#define TEXT(text) __TEXT(text)
#endif

typedef PVOID HANDLE;
typedef HANDLE *PHANDLE;
#ifndef DECLARE_HANDLE
#define DECLARE_HANDLE(name) typedef HANDLE name
#endif

typedef union _LARGE_INTEGER {
    PW_UNNAMED struct {
        DWORD LowPart;
        LONG HighPart;
    } DUMMYSTRUCTNAME;
    struct {
        DWORD LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    PW_UNNAMED struct {
        DWORD LowPart;
        DWORD HighPart;
    } DUMMYSTRUCTNAME;
    struct {
        DWORD LowPart;
        DWORD HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef struct _LUID {
    DWORD LowPart;
    LONG HighPart;
} LUID, *PLUID;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

#define ANYSIZE_ARRAY 1
#define MINCHAR 0x80
#define MAXCHAR 0x7f
#define MINSHORT 0x8000
#define MAXSHORT 0x7fff
#define MINLONG 0x80000000
#define MAXLONG 0x7fffffff
#define MAXBYTE 0xff
#define MAXWORD 0xffff
#define MAXDWORD 0xffffffff

#ifndef C_ASSERT
#if defined(__cplusplus) && __cplusplus >= 201103L
#define C_ASSERT(condition) static_assert(condition, #condition)
#elif !defined(__cplusplus) && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define C_ASSERT(condition) _Static_assert(condition, #condition)
#else
#define C_ASSERT(condition) extern char __C_ASSERT__[(condition) ? 1 : -1]
#endif
#endif
#ifndef FIELD_OFFSET
#define FIELD_OFFSET(type, field) ((LONG)__builtin_offsetof(type, field))
#define UFIELD_OFFSET(type, field) ((DWORD)__builtin_offsetof(type, field))
#endif
#ifndef RTL_FIELD_SIZE
#define RTL_FIELD_SIZE(type, field) (sizeof(((type *)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field) (__builtin_offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define RTL_NUMBER_OF(array) (sizeof(array) / sizeof((array)[0]))
#endif
#ifndef ARRAYSIZE
#define ARRAYSIZE(array) RTL_NUMBER_OF(array)
#define _ARRAYSIZE(array) RTL_NUMBER_OF(array)
#endif
#ifndef CONTAINING_RECORD
#define CONTAINING_RECORD(address, type, field) ((type *)((ULONG_PTR)(address)-__builtin_offsetof(type, field)))
#endif
#ifndef UNREFERENCED_PARAMETER
#define UNREFERENCED_PARAMETER(name) ((void)(name))
#define DBG_UNREFERENCED_PARAMETER(name) ((void)(name))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(name) ((void)(name))
#endif
#ifndef DEFINE_ENUM_FLAG_OPERATORS
#define DEFINE_ENUM_FLAG_OPERATORS(type)
#endif

#define LANG_NEUTRAL 0x00
#define LANG_ENGLISH 0x09
#define SUBLANG_NEUTRAL 0x00
#define SUBLANG_DEFAULT 0x01
#define SUBLANG_SYS_DEFAULT 0x02
#define SUBLANG_ENGLISH_US 0x01
#define MAKELANGID(primary, sub) ((((WORD)(sub)) << 10) | (WORD)(primary))
#define PRIMARYLANGID(id) ((WORD)(id) & 0x3ff)
#define SUBLANGID(id) ((WORD)(id) >> 10)
#define LANG_SYSTEM_DEFAULT (MAKELANGID(LANG_NEUTRAL, SUBLANG_SYS_DEFAULT))
#define LANG_USER_DEFAULT (MAKELANGID(LANG_NEUTRAL, SUBLANG_DEFAULT))

PW_C_END

#include "winnt_memory.h"

#include "winnt_access.h"

#include "winnt_status.h"

#include "winnt_exception.h"

#include "winnt_interlocked.h"

#endif
