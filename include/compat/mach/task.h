/* Tasks: their names are in <mach/mach_traps.h>. */
#ifndef PAGEWRIGHT_MACH_TASK_H
#define PAGEWRIGHT_MACH_TASK_H

#include <mach/mach_traps.h>
#include <mach/mach_types.h>



#endif
