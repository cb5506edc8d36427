/* The rest of the base calls, and the headers that they come with. */
#ifndef _WINBASE_
#define _WINBASE_

#include <stdarg.h>

#include "errhandlingapi.h"
#include "excpt.h"
#include "handleapi.h"
#include "heapapi.h"
#include "libloaderapi.h"
#include "memoryapi.h"
#include "minwinbase.h"
#include "processthreadsapi.h"
#include "profileapi.h"
#include "securitybaseapi.h"
#include "synchapi.h"
#include "sysinfoapi.h"
#include "systemtopologyapi.h"
#include "winerror.h"

PW_C_BEGIN

#define INFINITE 0xFFFFFFFF

/* ---- Texts of errors ---- */

#define FORMAT_MESSAGE_ALLOCATE_BUFFER 0x00000100
#define FORMAT_MESSAGE_IGNORE_INSERTS 0x00000200
#define FORMAT_MESSAGE_FROM_STRING 0x00000400
#define FORMAT_MESSAGE_FROM_HMODULE 0x00000800
#define FORMAT_MESSAGE_FROM_SYSTEM 0x00001000
#define FORMAT_MESSAGE_ARGUMENT_ARRAY 0x00002000
#define FORMAT_MESSAGE_MAX_WIDTH_MASK 0x000000FF

/*
 * The sentence of an error code, with a line break and a 0, into nSize characters; with FORMAT_MESSAGE_ALLOCATE_BUFFER into
 * memory whose address lpBuffer takes, for LocalFree. Answers the characters without the 0. Only texts of the system exist
 * (FORMAT_MESSAGE_FROM_SYSTEM), in one language, without inserts. 0: ERROR_MR_MID_NOT_FOUND, ERROR_INSUFFICIENT_BUFFER.
 */
DWORD WINAPI FormatMessageA(
    DWORD dwFlags, LPCVOID lpSource, DWORD dwMessageId, DWORD dwLanguageId, LPSTR lpBuffer, DWORD nSize, va_list *Arguments);
DWORD WINAPI FormatMessageW(
    DWORD dwFlags, LPCVOID lpSource, DWORD dwMessageId, DWORD dwLanguageId, LPWSTR lpBuffer, DWORD nSize, va_list *Arguments);

/* ---- Memory of the process's heap ---- */

#define LMEM_FIXED 0x0000
#define LMEM_MOVEABLE 0x0002
#define LMEM_ZEROINIT 0x0040
#define LPTR (LMEM_FIXED | LMEM_ZEROINIT)
#define GMEM_FIXED 0x0000
#define GMEM_MOVEABLE 0x0002
#define GMEM_ZEROINIT 0x0040
#define GPTR (GMEM_FIXED | GMEM_ZEROINIT)

/* Bytes of the heap; the handle is the address whatever the flags. The caller frees them. NULL: ERROR_NOT_ENOUGH_MEMORY. */
HLOCAL WINAPI LocalAlloc(UINT uFlags, SIZE_T uBytes);
HGLOBAL WINAPI GlobalAlloc(UINT uFlags, SIZE_T dwBytes);
/* Frees them: NULL, or what was given if it is none. */
HLOCAL WINAPI LocalFree(HLOCAL hMem);
HGLOBAL WINAPI GlobalFree(HGLOBAL hMem);

/* ---- Can it be accessed? ---- */

/* TRUE if a byte of the range cannot be loaded or stored. They meet guard pages, and the answer may be old at once. */
BOOL WINAPI IsBadReadPtr(const void *lp, UINT_PTR ucb);
BOOL WINAPI IsBadWritePtr(LPVOID lp, UINT_PTR ucb);
/* The same for the first byte of a function, and for a text up to its 0 or its length. */
BOOL WINAPI IsBadCodePtr(FARPROC lpfn);
BOOL WINAPI IsBadStringPtrA(LPCSTR lpsz, UINT_PTR ucchMax);
BOOL WINAPI IsBadStringPtrW(LPCWSTR lpsz, UINT_PTR ucchMax);

/* ---- Privileges ---- */

/* The number of a privilege (SE_*_NAME); lpSystemName NULL. FALSE: ERROR_NO_SUCH_PRIVILEGE. */
BOOL WINAPI LookupPrivilegeValueA(LPCSTR lpSystemName, LPCSTR lpName, PLUID lpLuid);
BOOL WINAPI LookupPrivilegeValueW(LPCWSTR lpSystemName, LPCWSTR lpName, PLUID lpLuid);

/* ---- Nodes ---- */

/* As GetNumaNodeProcessorMaskEx. FALSE, here and below: ERROR_INVALID_PARAMETER (no such node or processor). */
BOOL WINAPI GetNumaNodeProcessorMask(UCHAR Node, PULONGLONG ProcessorMask);
/* Bytes of a node's memory that can be had. */
BOOL WINAPI GetNumaAvailableMemoryNode(UCHAR Node, PULONGLONG AvailableBytes);
BOOL WINAPI GetNumaAvailableMemoryNodeEx(USHORT Node, PULONGLONG AvailableBytes);
/* The node of a processor, and of a proximity domain, which has the same number here. */
BOOL WINAPI GetNumaProcessorNode(UCHAR Processor, PUCHAR NodeNumber);
BOOL WINAPI GetNumaProximityNode(ULONG ProximityId, PUCHAR NodeNumber);

/* ---- Working sets ---- */

/* As the ones of memoryapi.h whose names end with Ex, with no flags. */
BOOL WINAPI SetProcessWorkingSetSize(HANDLE hProcess, SIZE_T dwMinimumWorkingSetSize, SIZE_T dwMaximumWorkingSetSize);
BOOL WINAPI GetProcessWorkingSetSize(HANDLE hProcess, PSIZE_T lpMinimumWorkingSetSize, PSIZE_T lpMaximumWorkingSetSize);

#ifdef UNICODE
#define FormatMessage FormatMessageW
#define IsBadStringPtr IsBadStringPtrW
#define LookupPrivilegeValue LookupPrivilegeValueW
#else
#define FormatMessage FormatMessageA
#define IsBadStringPtr IsBadStringPtrA
#define LookupPrivilegeValue LookupPrivilegeValueA
#endif

PW_C_END

#endif
