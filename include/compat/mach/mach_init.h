/* Names that every process has. */
#ifndef PAGEWRIGHT_MACH_MACH_INIT_H
#define PAGEWRIGHT_MACH_MACH_INIT_H

#include <mach/mach_types.h>
#include <mach/vm_page_size.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The task of this process: the same number in every process, so it is right in constructors and in
 * forked children. It needs no deallocation. */
extern mach_port_t mach_task_self_;
mach_port_t mach_task_self(void);
#define mach_task_self() mach_task_self_
#define current_task() mach_task_self()

/* This machine. It needs no deallocation. */
mach_port_t mach_host_self(void);

/* Stores the bytes of a page, whatever `host` is. KERN_INVALID_ARGUMENT for a null pointer. */
kern_return_t host_page_size(host_t host, vm_size_t *out_page_size);

#ifdef __cplusplus
}
#endif

#endif
