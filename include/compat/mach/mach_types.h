/* Names of tasks, of this machine and of memory entries. */
#ifndef PAGEWRIGHT_MACH_MACH_TYPES_H
#define PAGEWRIGHT_MACH_MACH_TYPES_H

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/memory_object_types.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_attributes.h>
#include <mach/vm_behavior.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_purgable.h>
#include <mach/vm_region.h>
#include <mach/vm_statistics.h>
#include <mach/vm_sync.h>
#include <mach/vm_types.h>

/* All are port names. Those with other uses in Mach are here so that declarations compile. */
typedef mach_port_t task_t;
typedef mach_port_t task_name_t;
typedef mach_port_t task_inspect_t;
typedef mach_port_t task_read_t;
typedef mach_port_t task_port_t;
typedef mach_port_t thread_t;
typedef mach_port_t ipc_space_t;
typedef mach_port_t host_t;
typedef mach_port_t host_priv_t;
typedef mach_port_t mem_entry_name_port_t;
typedef task_t *task_array_t;

#define TASK_NULL ((task_t)0)
#define HOST_NULL ((host_t)0)
#define HOST_PRIV_NULL ((host_priv_t)0)
#define MEM_ENTRY_NULL ((mem_entry_name_port_t)0)

#endif
