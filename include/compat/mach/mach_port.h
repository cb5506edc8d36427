/* Giving names back. */
#ifndef PAGEWRIGHT_MACH_MACH_PORT_H
#define PAGEWRIGHT_MACH_MACH_PORT_H

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gives one reference to `name` back. With the last one goes what it stands for: a memory entry's
 * memory, as far as it is not mapped. `task` is mach_task_self(). KERN_INVALID_NAME for what is no name,
 * and for one that was given back before: nothing happens to whatever has come after it. */
kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name);

#ifdef __cplusplus
}
#endif

#endif
