/* The size of a page: 4 KiB, in every task and for the kernel. */
#ifndef PAGEWRIGHT_MACH_VM_PAGE_SIZE_H
#define PAGEWRIGHT_MACH_VM_PAGE_SIZE_H

#include <mach/vm_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Right from the first constructor on. They never change. */
extern vm_size_t vm_page_size;
extern vm_size_t vm_page_mask;
extern int vm_page_shift;
extern vm_size_t vm_kernel_page_size;
extern vm_size_t vm_kernel_page_mask;
extern int vm_kernel_page_shift;

/* The page boundary at or below an address, and at or above it; that wraps around at the end. */
#ifndef trunc_page
#define trunc_page(x) ((x) & ~(vm_page_size - 1))
#endif
#ifndef round_page
#define round_page(x) trunc_page((x) + (vm_page_size - 1))
#endif
#define mach_vm_trunc_page(x) ((mach_vm_offset_t)(x) & ~(mach_vm_offset_t)vm_page_mask)
#define mach_vm_round_page(x) (((mach_vm_offset_t)(x) + vm_page_mask) & ~(mach_vm_offset_t)vm_page_mask)
#define trunc_page_kernel(x) ((x) & ~vm_kernel_page_mask)
#define round_page_kernel(x) trunc_page_kernel((x) + vm_kernel_page_mask)

#ifdef __cplusplus
}
#endif

#endif
