/* The last error of a thread, and exceptions. */
#ifndef _ERRHANDLING_H_
#define _ERRHANDLING_H_

#include "minwinbase.h"

PW_C_BEGIN

/*
 * The code of the last call of this thread that failed; calls that succeed leave it alone. Each thread has its own,
 * 0 at first. May be called in a signal handler.
 */
DWORD WINAPI GetLastError(void);
/* Sets the last error of this thread. May be called in a signal handler. */
void WINAPI SetLastError(DWORD dwErrCode);

/*
 * Exceptions: an access to memory that is not there or not so (STATUS_ACCESS_VIOLATION), to an armed guard page
 * (STATUS_GUARD_PAGE_VIOLATION), and what RaiseException raises. Both violations have two words: 0 for a load, 1 for a
 * store, 8 for the fetch of an instruction; then the address. An address that is none (a general protection fault) is
 * shown as a load from the highest one. After a handler has set the trap flag in the context (EFlags |= 0x100) the next
 * instruction is followed by STATUS_SINGLE_STEP, by way of SIGTRAP.
 *
 * Asked are, until one answers EXCEPTION_CONTINUE_EXECUTION: the vectored handlers in their order; for violations the
 * handler of SIGSEGV that the program had before ours; the filter of SetUnhandledExceptionFilter. Then the thread goes on
 * with the registers in the context: unchanged ones make the access again. If nobody does, the process ends by
 * SIGSEGV; what was raised and is neither violation ends it by SIGABRT, after a sentence on the standard error output.
 *
 * Handlers run on the thread that did it; after a violation that is inside of a signal handler, on the thread's
 * alternative signal stack if it has one, and with no signal blocked. All calls of this library may be made there
 * (they need 64 KiB of stack), a handler may fault itself, and may leave by siglongjmp; not by a C++ exception.
 * It must not wait for a lock that the thread may have.
 *
 * Our handler of SIGSEGV is in place after the first of these calls, above the one of the program. One that the
 * program installs later is above ours, and may pass on to it what is not its own. pw_leave_sigsegv() of pagewright.h,
 * or the variable PAGEWRIGHT_SIGSEGV set to `leave`, keep it from being there at all: then exceptions are those of
 * RaiseException.
 */

/*
 * Has a handler asked: before the others if First is not 0, else after them. Its handle, which the caller keeps for the
 * removal; NULL for no function. From any thread, and from handlers.
 */
PVOID WINAPI AddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler);
/*
 * Has it asked no more; 0 for what is not, or no more, a handle. From any thread, and from handlers. A thread that
 * is in the handler finishes that call.
 */
ULONG WINAPI RemoveVectoredExceptionHandler(PVOID Handle);
/* The same for functions that are told before a thread goes on; it does so whatever they answer. */
PVOID WINAPI AddVectoredContinueHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler);
ULONG WINAPI RemoveVectoredContinueHandler(PVOID Handle);

/* Sets who is asked when nobody else wants an exception, or nobody; the one before. From any thread, and from handlers. */
LPTOP_LEVEL_EXCEPTION_FILTER WINAPI SetUnhandledExceptionFilter(LPTOP_LEVEL_EXCEPTION_FILTER lpTopLevelExceptionFilter);
/* Asks that one, and gives its answer; EXCEPTION_EXECUTE_HANDLER if there is none. */
LONG WINAPI UnhandledExceptionFilter(struct _EXCEPTION_POINTERS *ExceptionInfo);

/*
 * Raises an exception on this thread. Returns when somebody continues it. Of the flags EXCEPTION_NONCONTINUABLE counts:
 * whoever continues such an exception has STATUS_NONCONTINUABLE_EXCEPTION raised. At most EXCEPTION_MAXIMUM_PARAMETERS
 * words are given along; none if lpArguments is NULL.
 */
void WINAPI RaiseException(DWORD dwExceptionCode, DWORD dwExceptionFlags, DWORD nNumberOfArguments,
                           const ULONG_PTR *lpArguments);

/* The registers of the caller as they are when this has returned to it. */
VOID WINAPI RtlCaptureContext(PCONTEXT ContextRecord);

PW_C_END

#endif
