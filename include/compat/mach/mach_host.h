/* Calls on this machine: `host` is mach_host_self(). */
#ifndef PAGEWRIGHT_MACH_MACH_HOST_H
#define PAGEWRIGHT_MACH_MACH_HOST_H

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As in <mach/mach_init.h>. */
kern_return_t host_page_size(host_t host, vm_size_t *out_page_size);

/* Gives a new object of `size` bytes a name: *entry_handle, which the caller gives back by
 * mach_port_deallocate. KERN_INVALID_HOST; KERN_INVALID_ARGUMENT for size 0, and unless `internal`: there
 * are no pagers, so `pager` is not looked at. */
kern_return_t mach_memory_object_memory_entry_64(host_t host, boolean_t internal,
                                                 memory_object_size_t size, vm_prot_t permission,
                                                 memory_object_t pager,
                                                 mem_entry_name_port_t *entry_handle);
kern_return_t mach_memory_object_memory_entry(host_t host, boolean_t internal, vm_size_t size,
                                              vm_prot_t permission, memory_object_t pager,
                                              mem_entry_name_port_t *entry_handle);

#ifdef __cplusplus
}
#endif

#endif
