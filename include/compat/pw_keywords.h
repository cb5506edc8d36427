/*
 * The words of the Microsoft compilers, spelled for gcc and clang. Every header here begins with this one.
 *
 * Not here: __try, __except, __finally. Nothing can stand in for them; use AddVectoredExceptionHandler.
 * Nor are _WIN32, _WIN64 and _MSC_VER defined: this is not Windows, and other libraries' headers ask for them.
 */
#ifndef PW_KEYWORDS_H
#define PW_KEYWORDS_H

#if !defined(__linux__) || !defined(__x86_64__) || defined(__ILP32__)
#error "these headers are for Linux on x86-64"
#endif

/* TEXT and _T are to agree, so one of these names is both. */
#if defined(_UNICODE) && !defined(UNICODE)
#define UNICODE
#endif
#if defined(UNICODE) && !defined(_UNICODE)
#define _UNICODE
#endif

/* PW_CPP: overloads, also for a source that includes us inside of extern "C". */
#ifdef __cplusplus
#define PW_C_BEGIN extern "C" {
#define PW_C_END }
#define PW_CPP_BEGIN extern "C++" {
#define PW_CPP_END }
#else
#define PW_C_BEGIN
#define PW_C_END
#define PW_CPP_BEGIN
#define PW_CPP_END
#endif

#ifndef EXTERN_C
#ifdef __cplusplus
#define EXTERN_C extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END }
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#endif
#endif

/* Calling conventions: there is one. */
#ifndef WINAPI
#define WINAPI
#endif
#ifndef NTAPI
#define NTAPI
#endif
#ifndef CALLBACK
#define CALLBACK
#endif
#ifndef APIENTRY
#define APIENTRY WINAPI
#endif
#ifndef WINAPIV
#define WINAPIV
#endif
#ifndef APIPRIVATE
#define APIPRIVATE
#endif
#ifndef PASCAL
#define PASCAL
#endif
#ifndef NTSYSAPI
#define NTSYSAPI
#endif
#ifndef NTSYSCALLAPI
#define NTSYSCALLAPI
#endif
#ifndef WINBASEAPI
#define WINBASEAPI
#endif
#ifndef WINADVAPI
#define WINADVAPI
#endif

#ifndef __cdecl
#define __cdecl
#endif
#ifndef _cdecl
#define _cdecl
#endif
#ifndef __stdcall
#define __stdcall
#endif
#ifndef _stdcall
#define _stdcall
#endif
#ifndef __fastcall
#define __fastcall
#endif
#ifndef __vectorcall
#define __vectorcall
#endif
#ifndef __thiscall
#define __thiscall
#endif

/* Widths. __int64 is one word, so that unsigned __int64 and __int64(x) both compile. */
#ifndef __int8
#define __int8 char
#endif
#ifndef __int16
#define __int16 short
#endif
#ifndef __int32
#define __int32 int
#endif
#ifndef __int64
#define __int64 long
#endif

/* Kinds of pointers that are all the same here. */
#ifndef __ptr32
#define __ptr32
#endif
#ifndef __ptr64
#define __ptr64
#endif
#ifndef __sptr
#define __sptr
#endif
#ifndef __uptr
#define __uptr
#endif
#ifndef __w64
#define __w64
#endif
#ifndef __unaligned
#define __unaligned
#endif
#ifndef UNALIGNED
#define UNALIGNED
#endif
#ifndef UNALIGNED64
#define UNALIGNED64
#endif
#ifndef RESTRICTED_POINTER
#define RESTRICTED_POINTER __restrict__
#endif
#ifndef POINTER_32
#define POINTER_32
#endif
#ifndef POINTER_64
#define POINTER_64
#endif
#ifndef POINTER_SIGNED
#define POINTER_SIGNED
#define POINTER_UNSIGNED
#endif
#ifndef FAR
#define FAR
#endif
#ifndef NEAR
#define NEAR
#endif

/* Inlining. In C the word carries no storage class, so that "static __forceinline" compiles as well. */
#ifndef __forceinline
#define __forceinline __inline__ __attribute__((__always_inline__))
#endif
#ifndef _inline
#define _inline __inline__
#endif
#ifndef FORCEINLINE
#define FORCEINLINE __forceinline
#endif
#ifndef CFORCEINLINE
#define CFORCEINLINE FORCEINLINE
#endif
#ifndef STKFORCEINLINE
#define STKFORCEINLINE FORCEINLINE
#endif
/* For our own helpers: never an unused-function warning, in any dialect. */
#define PW_INLINE static __inline__ __attribute__((__always_inline__, __unused__))

/* __declspec(word): the words that mean something here, and those that can be left out. */
#ifndef __declspec
#define __declspec(word) PW_DECLSPEC_##word
#endif
#define PW_DECLSPEC_align(bytes) __attribute__((__aligned__(bytes)))
#define PW_DECLSPEC_allocate(section)
#define PW_DECLSPEC_allocator
#define PW_DECLSPEC_code_seg(section)
#define PW_DECLSPEC_deprecated __attribute__((__deprecated__))
#define PW_DECLSPEC_dllexport __attribute__((__visibility__("default")))
#define PW_DECLSPEC_dllimport
#define PW_DECLSPEC_empty_bases
#define PW_DECLSPEC_guard(word)
#define PW_DECLSPEC_naked __attribute__((__naked__))
#define PW_DECLSPEC_noalias
#define PW_DECLSPEC_noinline __attribute__((__noinline__))
#define PW_DECLSPEC_noreturn __attribute__((__noreturn__))
#define PW_DECLSPEC_nothrow __attribute__((__nothrow__))
#define PW_DECLSPEC_novtable
#define PW_DECLSPEC_restrict
#define PW_DECLSPEC_safebuffers
#define PW_DECLSPEC_selectany __attribute__((__weak__))
#define PW_DECLSPEC_uuid(text)
/* The standard words may stand before "static", __thread may not. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define PW_DECLSPEC_thread thread_local
#elif !defined(__cplusplus) && (!defined(__STRICT_ANSI__) || __STDC_VERSION__ >= 201112L)
#define PW_DECLSPEC_thread _Thread_local
#else
#define PW_DECLSPEC_thread __thread
#endif

#ifndef DECLSPEC_ALIGN
#define DECLSPEC_ALIGN(bytes) __attribute__((__aligned__(bytes)))
#endif
#ifndef DECLSPEC_CACHEALIGN
#define DECLSPEC_CACHEALIGN DECLSPEC_ALIGN(64)
#endif
#ifndef DECLSPEC_IMPORT
#define DECLSPEC_IMPORT
#endif
#ifndef DECLSPEC_NORETURN
#define DECLSPEC_NORETURN __attribute__((__noreturn__))
#endif
#ifndef DECLSPEC_NOINLINE
#define DECLSPEC_NOINLINE __attribute__((__noinline__))
#endif
#ifndef DECLSPEC_NOTHROW
#define DECLSPEC_NOTHROW __attribute__((__nothrow__))
#endif
#ifndef DECLSPEC_NOVTABLE
#define DECLSPEC_NOVTABLE
#endif
#ifndef DECLSPEC_SELECTANY
#define DECLSPEC_SELECTANY __attribute__((__weak__))
#endif
#ifndef DECLSPEC_DEPRECATED
#define DECLSPEC_DEPRECATED __attribute__((__deprecated__))
#endif
#ifndef DECLSPEC_GUARDNOCF
#define DECLSPEC_GUARDNOCF
#endif
#ifndef DECLSPEC_ADDRSAFE
#define DECLSPEC_ADDRSAFE
#endif

#define TYPE_ALIGNMENT(type) __alignof__(type)
#ifndef __assume
#define __assume(condition) ((condition) ? (void)0 : __builtin_unreachable())
#endif
#ifndef __debugbreak
#define __debugbreak() __builtin_trap()
#endif

/*
 * Members without a name. They are named u, u2, s, ... when the source asks so with NONAMELESSUNION,
 * as Windows' headers have it. __extension__ keeps C99 and C++ quiet about the unnamed ones.
 */
#define PW_UNNAMED __extension__
#ifdef NONAMELESSUNION
#define DUMMYUNIONNAME u
#define DUMMYUNIONNAME1 u1
#define DUMMYUNIONNAME2 u2
#define DUMMYUNIONNAME3 u3
#define DUMMYUNIONNAME4 u4
#define DUMMYUNIONNAME5 u5
#define DUMMYUNIONNAME6 u6
#define DUMMYUNIONNAME7 u7
#define DUMMYUNIONNAME8 u8
#define DUMMYUNIONNAME9 u9
#define DUMMYSTRUCTNAME s
#define DUMMYSTRUCTNAME1 s1
#define DUMMYSTRUCTNAME2 s2
#define DUMMYSTRUCTNAME3 s3
#define DUMMYSTRUCTNAME4 s4
#define DUMMYSTRUCTNAME5 s5
#else
#define DUMMYUNIONNAME
#define DUMMYUNIONNAME1
#define DUMMYUNIONNAME2
#define DUMMYUNIONNAME3
#define DUMMYUNIONNAME4
#define DUMMYUNIONNAME5
#define DUMMYUNIONNAME6
#define DUMMYUNIONNAME7
#define DUMMYUNIONNAME8
#define DUMMYUNIONNAME9
#define DUMMYSTRUCTNAME
#define DUMMYSTRUCTNAME1
#define DUMMYSTRUCTNAME2
#define DUMMYSTRUCTNAME3
#define DUMMYSTRUCTNAME4
#define DUMMYSTRUCTNAME5
#endif

#endif
