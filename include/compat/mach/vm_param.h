/* Pages and the range of addresses. */
#ifndef PAGEWRIGHT_MACH_VM_PARAM_H
#define PAGEWRIGHT_MACH_VM_PARAM_H

#include <mach/machine/vm_param.h>
#include <mach/vm_page_size.h>
#include <mach/vm_types.h>

#define atop(x) ((mach_vm_address_t)(x) >> PAGE_SHIFT)
#define ptoa(x) ((mach_vm_address_t)(x) << PAGE_SHIFT)
#define page_aligned(x) (((x) & PAGE_MASK) == 0)

#endif
