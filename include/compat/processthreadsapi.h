/* Processes. */
#ifndef _PROCESSTHREADSAPI_H_
#define _PROCESSTHREADSAPI_H_

#include "minwindef.h"

PW_C_BEGIN

/*
 * A handle to the process with this Linux pid, to be closed with CloseHandle. dwDesiredAccess: PROCESS_*; a call that
 * needs a right which the handle lacks fails with ERROR_ACCESS_DENIED. Handles are never inherited.
 * NULL: ERROR_INVALID_PARAMETER (no such process), ERROR_ACCESS_DENIED (this user may not trace it).
 */
HANDLE WINAPI OpenProcess(DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwProcessId);
/* (HANDLE)-1, which every call takes for the calling process, with all rights. Needs no CloseHandle. */
HANDLE WINAPI GetCurrentProcess(void);
/* The pid of this process, the tid of this thread. May be called in signal handlers. */
DWORD WINAPI GetCurrentProcessId(void);
DWORD WINAPI GetCurrentThreadId(void);
/* A word for the calling thread, which no call here takes. Needs no CloseHandle. */
HANDLE WINAPI GetCurrentThread(void);
/* The Linux pid behind a handle; 0 with ERROR_INVALID_HANDLE or ERROR_ACCESS_DENIED. */
DWORD WINAPI GetProcessId(HANDLE Process);
/*
 * Code was written and will be run. x86-64 needs no flush: only the handle is checked. FALSE: ERROR_INVALID_HANDLE, or
 * ERROR_ACCESS_DENIED when the process has ended.
 */
BOOL WINAPI FlushInstructionCache(HANDLE hProcess, LPCVOID lpBaseAddress, SIZE_T dwSize);
/* Makes the stores of all threads of this process before the call visible to all of them. */
void WINAPI FlushProcessWriteBuffers(void);

/* Ends the process as exit does; the kernel keeps 8 bits of the code. */
DECLSPEC_NORETURN void WINAPI ExitProcess(UINT uExitCode);
/*
 * *lpExitCode takes the code of a process, or STILL_ACTIVE; 0xC0000005 if an access ended it, 128 and the number of another
 * signal. FALSE also: ERROR_NOT_SUPPORTED (the kernel has not kept the code).
 */
BOOL WINAPI GetExitCodeProcess(HANDLE hProcess, LPDWORD lpExitCode);
/* Lets other threads run. Answers FALSE: nobody says whether there was one. */
BOOL WINAPI SwitchToThread(void);

/* The token of the calling process, for CloseHandle. FALSE: ERROR_ACCESS_DENIED for other processes. */
BOOL WINAPI OpenProcessToken(HANDLE ProcessHandle, DWORD DesiredAccess, PHANDLE TokenHandle);

PW_C_END

#endif
