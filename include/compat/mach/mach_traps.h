/* Tasks of other processes. */
#ifndef PAGEWRIGHT_MACH_MACH_TRAPS_H
#define PAGEWRIGHT_MACH_MACH_TRAPS_H

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stores a name for the task of process `pid` in *t; the caller gives it back by mach_port_deallocate.
 * The same process has the same name each time. Nothing happens to the process. `target_tport` is
 * mach_task_self(), else KERN_INVALID_ARGUMENT; KERN_FAILURE if there is no such process or the caller may
 * not trace it. */
kern_return_t task_for_pid(mach_port_name_t target_tport, int pid, mach_port_name_t *t);

/* Stores the process id of a task in *pid. KERN_FAILURE if it is no task, or has ended. */
kern_return_t pid_for_task(mach_port_name_t t, int *pid);

#ifdef __cplusplus
}
#endif

#endif
