/*
 * Heaps. All of them take their memory from the C library, and any thread may use any of them. Calls that allocate answer NULL
 * when there is no memory, and leave the last error alone.
 */
#ifndef _HEAPAPI_H_
#define _HEAPAPI_H_

#include "minwinbase.h"

PW_C_BEGIN

/* The heap of the process, which is never destroyed. */
HANDLE WINAPI GetProcessHeap(void);
/* A heap of its own. dwMaximumSize in bytes, 0 for none; the initial size has no effect. NULL on failure. */
HANDLE WINAPI HeapCreate(DWORD flOptions, SIZE_T dwInitialSize, SIZE_T dwMaximumSize);
/* Takes the heap with all of its blocks. FALSE: ERROR_INVALID_HANDLE, also for the heap of the process. */
BOOL WINAPI HeapDestroy(HANDLE hHeap);
/* A block of dwBytes bytes, aligned to 16; HEAP_ZERO_MEMORY. It belongs to the caller until HeapFree or HeapDestroy. */
LPVOID WINAPI HeapAlloc(HANDLE hHeap, DWORD dwFlags, SIZE_T dwBytes);
/* Gives it another size; it may move unless HEAP_REALLOC_IN_PLACE_ONLY. NULL: the block is as it was. */
LPVOID WINAPI HeapReAlloc(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem, SIZE_T dwBytes);
/* Gives a block back; TRUE for NULL. */
BOOL WINAPI HeapFree(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem);
/* The bytes that were asked for; (SIZE_T)-1 for what is no block of the heap. */
SIZE_T WINAPI HeapSize(HANDLE hHeap, DWORD dwFlags, LPCVOID lpMem);
/* Whether the heap is one, and lpMem, unless it is NULL, a block of it. */
BOOL WINAPI HeapValidate(HANDLE hHeap, DWORD dwFlags, LPCVOID lpMem);

PW_C_END

#endif
