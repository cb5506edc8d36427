/* Of the driver library of Windows CE: memory of devices. What counts as a device's is granted by PwGrantPhysicalWindow. */
#ifndef _CEDDK_H_
#define _CEDDK_H_

#include "windows.h"

#include "pkfuncs.h"

PW_C_BEGIN

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

/*
 * Shows NumberOfBytes bytes at a physical address (not shifted) of a granted window in this process, readable and writable.
 * Answers where the first byte is, NULL and ERROR_ACCESS_DENIED if no window holds all of it. Freed by MmUnmapIoSpace.
 */
PVOID WINAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, ULONG NumberOfBytes, BOOLEAN CacheEnable);
/* Takes it away, by its address. The last error is set if there is no such thing. */
VOID WINAPI MmUnmapIoSpace(PVOID BaseAddress, ULONG NumberOfBytes);

PW_C_END

#endif
