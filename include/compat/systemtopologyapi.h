/* The nodes of the machine (NUMA). */
#ifndef _SYSTEMTOPOLOGYAPI_H_
#define _SYSTEMTOPOLOGYAPI_H_

#include "minwindef.h"

PW_C_BEGIN

/* The highest number of a node; 0 on a machine with one. FALSE: ERROR_INVALID_PARAMETER for NULL. */
BOOL WINAPI GetNumaHighestNodeNumber(PULONG HighestNodeNumber);
/* A bit for each processor of a node, among the first 64. FALSE: ERROR_INVALID_PARAMETER for no node. */
BOOL WINAPI GetNumaNodeProcessorMaskEx(USHORT Node, PGROUP_AFFINITY ProcessorMask);

PW_C_END

#endif
