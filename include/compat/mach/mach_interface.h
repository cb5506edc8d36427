/* All calls. */
#ifndef PAGEWRIGHT_MACH_MACH_INTERFACE_H
#define PAGEWRIGHT_MACH_MACH_INTERFACE_H

#include <mach/host_priv.h>
#include <mach/mach_host.h>
#include <mach/mach_port.h>
#include <mach/task.h>
#include <mach/vm_map.h>
#include <mach/mach_vm.h>



#endif
