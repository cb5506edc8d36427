/* Names of tasks, memory entries and this machine. */
#ifndef PAGEWRIGHT_MACH_PORT_H
#define PAGEWRIGHT_MACH_PORT_H

#include <mach/machine/vm_types.h>

/* A number that means something in this process only. Calls that answer one hand over one reference,
 * which mach_port_deallocate gives back. A forked child has its parent's names. */
typedef natural_t mach_port_name_t;
typedef mach_port_name_t mach_port_t;
typedef mach_port_name_t *mach_port_name_array_t;
typedef mach_port_t *mach_port_array_t;

/* The name of nothing, and of what is gone. */
#define MACH_PORT_NULL ((mach_port_t)0)
#define MACH_PORT_DEAD ((mach_port_name_t)~0U)
#define MACH_PORT_VALID(name) ((name) != MACH_PORT_NULL && (name) != MACH_PORT_DEAD)

#endif
