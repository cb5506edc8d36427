/* A clock. */
#ifndef _PROFILEAPI_H_
#define _PROFILEAPI_H_

#include "minwindef.h"

PW_C_BEGIN

/* Units of 100 ns that never go back, and how many a second has. FALSE: ERROR_NOACCESS for NULL. */
BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *lpPerformanceCount);
BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *lpFrequency);

PW_C_END

#endif
