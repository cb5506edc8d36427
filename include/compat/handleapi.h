/* Handles: of processes, sections, files, tokens. Any thread may make these calls, with any number. */
#ifndef _APISETHANDLE_
#define _APISETHANDLE_

#include "minwindef.h"

PW_C_BEGIN

#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

/*
 * Gives back a handle of OpenProcess, OpenProcessToken, CreateFileMapping, PwFileHandle or DuplicateHandle. FALSE with
 * ERROR_INVALID_HANDLE for what is none, or not any more, and for one that is protected from closing. A section lives on
 * while it has views. Any thread may close; calls that are being made with the handle end as they would.
 */
BOOL WINAPI CloseHandle(HANDLE hObject);
/*
 * A second handle to the same object; the caller closes both. Source and target must be the calling process, else
 * ERROR_NOT_SUPPORTED. dwOptions: DUPLICATE_SAME_ACCESS, DUPLICATE_CLOSE_SOURCE. FALSE also: ERROR_INVALID_HANDLE.
 * bInheritHandle is not looked at.
 */
BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle, HANDLE hSourceHandle, HANDLE hTargetProcessHandle,
    LPHANDLE lpTargetHandle, DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwOptions);

#define HANDLE_FLAG_INHERIT 0x00000001
#define HANDLE_FLAG_PROTECT_FROM_CLOSE 0x00000002

/* The flags of a handle. FALSE: ERROR_INVALID_HANDLE, also for the pseudo handles. */
BOOL WINAPI GetHandleInformation(HANDLE hObject, LPDWORD lpdwFlags);
/* Sets those flags that are in the mask. A handle protected from closing stays; that of inheritance is noted only. */
BOOL WINAPI SetHandleInformation(HANDLE hObject, DWORD dwMask, DWORD dwFlags);
/* TRUE if both stand for the same object. FALSE: ERROR_NOT_SAME_OBJECT, ERROR_INVALID_HANDLE. */
BOOL WINAPI CompareObjectHandles(HANDLE hFirstObjectHandle, HANDLE hSecondObjectHandle);

PW_C_END

#endif
