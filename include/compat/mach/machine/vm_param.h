/* Pages as constants. */
#ifndef PAGEWRIGHT_MACH_MACHINE_VM_PARAM_H
#define PAGEWRIGHT_MACH_MACHINE_VM_PARAM_H

#include <mach/vm_types.h>

/* <sys/user.h> of Linux has these names too, and its PAGE_MASK are the other bits. Who includes this
 * header means Mach's. */
#undef PAGE_SHIFT
#undef PAGE_SIZE
#undef PAGE_MASK
#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)

#define VM_MIN_ADDRESS64 ((mach_vm_offset_t)0)
#define VM_MAX_USER_PAGE_ADDRESS ((mach_vm_offset_t)0x00007FFFFFFFF000ULL)
#define MACH_VM_MIN_ADDRESS ((mach_vm_offset_t)0)
#define MACH_VM_MAX_ADDRESS VM_MAX_USER_PAGE_ADDRESS
#define VM_MIN_ADDRESS ((vm_address_t)0)
#define VM_MAX_ADDRESS ((vm_address_t)VM_MAX_USER_PAGE_ADDRESS)

#endif
