/* The calls of <mach/vm_map.h> by an older place. */
#ifndef PAGEWRIGHT_MACH_VM_TASK_H
#define PAGEWRIGHT_MACH_VM_TASK_H

#include <mach/vm_map.h>



#endif
