/* The privileges of a token. */
#ifndef _APISETSECBASE_
#define _APISETSECBASE_

#include "minwinbase.h"

PW_C_BEGIN

/*
 * Notes privileges of the process as enabled or not. Which ones it holds is for the administrator to say (SeLockMemoryPrivilege,
 * for large and physical pages: CAP_IPC_LOCK, or no limit of locked memory; PAGEWRIGHT_LOCK_PAGES=grant or deny overrides), and
 * the calls ask for that alone. TRUE with the last error 0, or ERROR_NOT_ALL_ASSIGNED (1300): some are not held, and passed over.
 * PreviousState (may be NULL, as ReturnLength) takes those that changed, if BufferLength bytes are enough.
 */
BOOL WINAPI AdjustTokenPrivileges(HANDLE TokenHandle, BOOL DisableAllPrivileges, PTOKEN_PRIVILEGES NewState, DWORD BufferLength,
    PTOKEN_PRIVILEGES PreviousState, PDWORD ReturnLength);

PW_C_END

#endif
