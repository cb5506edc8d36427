/* Wiring: keeping memory from being swapped out. */
#ifndef PAGEWRIGHT_MACH_HOST_PRIV_H
#define PAGEWRIGHT_MACH_HOST_PRIV_H

#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Wires the pages touched once more, for `desired_access`, or with VM_PROT_NONE lets them go once.
 * `host_priv` is mach_host_self(), else KERN_INVALID_HOST; a port that is not a task's is
 * KERN_INVALID_TASK; a hole KERN_INVALID_ADDRESS, access that the memory forbids KERN_PROTECTION_FAILURE,
 * beyond RLIMIT_MEMLOCK KERN_RESOURCE_SHORTAGE: then nothing is wired. */
kern_return_t mach_vm_wire(host_priv_t host_priv, vm_map_t task, mach_vm_address_t address,
                           mach_vm_size_t size, vm_prot_t desired_access);
kern_return_t vm_wire(host_priv_t host_priv, vm_map_t task, vm_address_t address, vm_size_t size,
                      vm_prot_t desired_access);

#ifdef __cplusplus
}
#endif

#endif
