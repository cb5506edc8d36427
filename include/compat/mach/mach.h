/* Mach's calls on memory, for this process and for any other one that the caller may trace.
 *
 * The names, constants and layouts are those of 64-bit Mach, so that sources written for it compile as
 * they are: link with -lpagewright. What is not here: messages, threads, and memory whose content may be
 * dropped. What is more here: <mach/pagewright.h>. */
#ifndef PAGEWRIGHT_MACH_MACH_H
#define PAGEWRIGHT_MACH_MACH_H

#include <mach/std_types.h>

#include <mach/error.h>
#include <mach/host_priv.h>
#include <mach/mach_error.h>
#include <mach/mach_host.h>
#include <mach/mach_init.h>
#include <mach/mach_interface.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_types.h>
#include <mach/mach_vm.h>
#include <mach/vm_map.h>
#include <mach/vm_page_size.h>
#include <mach/vm_param.h>

#endif
