/*
 * Win32's memory calls and the process, error and system calls around them, for Linux. Link with
 * -lpagewright -lpthread -ldl -lm.
 *
 * - LLP64: DWORD, LONG, ULONG and BOOL are 32 bits, so %u and %d print them; %lu does not, though it does on Windows.
 * - WCHAR has 16 bits: compile with -fshort-wchar if the source has L"text" (and then leave the C library's wide functions alone).
 * - HANDLEs of processes come from OpenProcess with Linux pids.
 * - __try does not exist here; AddVectoredExceptionHandler does.
 * - _WIN32 is not defined: a source that asks for it decides by itself what it is compiled for.
 */
#ifndef _WINDOWS_
#define _WINDOWS_

#include "sdkddkver.h"

#include "excpt.h"
#include "windef.h"
#include "winbase.h"
#include "winerror.h"

/* A source for Windows CE: other calls by the same names. */
#if defined(UNDER_CE) || defined(_WIN32_WCE)
#include "pw_ce.h"
#endif

#endif
