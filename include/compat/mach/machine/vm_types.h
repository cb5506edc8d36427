/* Numbers of the Mach calls, for 64-bit programs. */
#ifndef PAGEWRIGHT_MACH_MACHINE_VM_TYPES_H
#define PAGEWRIGHT_MACH_MACHINE_VM_TYPES_H

#include <stdint.h>

/* A word of 32 bits, without and with a sign. */
typedef unsigned int natural_t;
typedef int integer_t;

/* An offset, an address and a size in bytes within this process. */
typedef uintptr_t vm_offset_t;
typedef uintptr_t vm_size_t;

/* The same within any task. They are uint64_t, which Linux makes of `long`: print them by PRIx64, or
 * cast them to `unsigned long long` for "%llx". */
typedef uint64_t mach_vm_address_t;
typedef uint64_t mach_vm_offset_t;
typedef uint64_t mach_vm_size_t;
typedef uint64_t vm_map_offset_t;
typedef uint64_t vm_map_address_t;
typedef uint64_t vm_map_size_t;

#endif
