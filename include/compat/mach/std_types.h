/* The types that all Mach headers use. */
#ifndef PAGEWRIGHT_MACH_STD_TYPES_H
#define PAGEWRIGHT_MACH_STD_TYPES_H

#include <stdint.h>
#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include <mach/vm_types.h>



#endif
