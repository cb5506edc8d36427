/* Addresses, and names of address spaces. */
#ifndef PAGEWRIGHT_MACH_VM_TYPES_H
#define PAGEWRIGHT_MACH_VM_TYPES_H

#include <mach/machine/vm_types.h>
#include <mach/port.h>

typedef vm_offset_t pointer_t;
typedef vm_offset_t vm_address_t;

/* A task, named as an address space. The three are one: names carry no rights of their own. */
typedef mach_port_t vm_map_t;
typedef mach_port_t vm_map_read_t;
typedef mach_port_t vm_map_inspect_t;

/* Kernel objects have no numbers here: these are always 0. */
typedef uint64_t vm_object_offset_t;
typedef uint64_t vm_object_id_t;
typedef uint32_t vm32_object_id_t;

#define VM_MAP_NULL ((vm_map_t)0)

#endif
