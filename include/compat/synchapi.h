/* Waiting. */
#ifndef _SYNCHAPI_H_
#define _SYNCHAPI_H_

#include "minwinbase.h"

PW_C_BEGIN

/* Pauses the thread for at least so many milliseconds; 0 lets others run, INFINITE never returns. */
void WINAPI Sleep(DWORD dwMilliseconds);

PW_C_END

#endif
