/* The calls on memory of any task. What each does, whom memory belongs to and the codes: see the call
 * without "mach_" in <mach/vm_map.h>, which differs in the types alone; wiring is in <mach/host_priv.h>. */
#ifndef PAGEWRIGHT_MACH_MACH_VM_H
#define PAGEWRIGHT_MACH_MACH_VM_H

#include <mach/mach_types.h>
#include <mach/std_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zeros, rounded up to pages; the caller deallocates them. */
kern_return_t mach_vm_allocate(vm_map_t target_task, mach_vm_address_t *address, mach_vm_size_t size,
                               int flags);

/* Takes the pages touched away. */
kern_return_t mach_vm_deallocate(vm_map_t target, mach_vm_address_t address, mach_vm_size_t size);

/* Sets what memory may be used for, now or ever. All or nothing. */
kern_return_t mach_vm_protect(vm_map_t target_task, mach_vm_address_t address, mach_vm_size_t size,
                              boolean_t set_maximum, vm_prot_t new_protection);

/* Sets what a forked child gets. */
kern_return_t mach_vm_inherit(vm_map_t target_task, mach_vm_address_t address, mach_vm_size_t size,
                              vm_inherit_t new_inheritance);

/* A copy in fresh memory of the caller, who deallocates it. */
kern_return_t mach_vm_read(vm_map_read_t target_task, mach_vm_address_t address, mach_vm_size_t size,
                           vm_offset_t *data, mach_msg_type_number_t *dataCnt);

/* The same for several ranges. */
kern_return_t mach_vm_read_list(vm_map_read_t target_task, mach_vm_read_entry_t data_list,
                                natural_t count);

/* A copy over memory of the caller. */
kern_return_t mach_vm_read_overwrite(vm_map_read_t target_task, mach_vm_address_t address,
                                     mach_vm_size_t size, mach_vm_address_t data,
                                     mach_vm_size_t *outsize);

/* A copy of the caller's bytes over memory of the task. */
kern_return_t mach_vm_write(vm_map_t target_task, mach_vm_address_t address, vm_offset_t data,
                            mach_msg_type_number_t dataCnt);

/* A copy within the task; ranges may overlap. All or nothing. */
kern_return_t mach_vm_copy(vm_map_t target_task, mach_vm_address_t source_address, mach_vm_size_t size,
                           mach_vm_address_t dest_address);

/* Maps zeros or a memory entry. */
kern_return_t mach_vm_map(vm_map_t target_task, mach_vm_address_t *address, mach_vm_size_t size,
                          mach_vm_offset_t mask, int flags, mem_entry_name_port_t object,
                          memory_object_offset_t offset, boolean_t copy, vm_prot_t cur_protection,
                          vm_prot_t max_protection, vm_inherit_t inheritance);

/* Maps memory of a task a second time: the same bytes or a copy. */
kern_return_t mach_vm_remap(vm_map_t target_task, mach_vm_address_t *target_address,
                            mach_vm_size_t size, mach_vm_offset_t mask, int flags, vm_map_t src_task,
                            mach_vm_address_t src_address, boolean_t copy, vm_prot_t *cur_protection,
                            vm_prot_t *max_protection, vm_inherit_t inheritance);

/* The same, with the rights that the mapping shall have. */
kern_return_t mach_vm_remap_new(vm_map_t target_task, mach_vm_address_t *target_address,
                                mach_vm_size_t size, mach_vm_offset_t mask, int flags,
                                vm_map_read_t src_task, mach_vm_address_t src_address, boolean_t copy,
                                vm_prot_t *cur_protection, vm_prot_t *max_protection,
                                vm_inherit_t inheritance);

/* Tells of the region at or above an address. */
kern_return_t mach_vm_region(vm_map_read_t target_task, mach_vm_address_t *address,
                             mach_vm_size_t *size, vm_region_flavor_t flavor, vm_region_info_t info,
                             mach_msg_type_number_t *infoCnt, mach_port_t *object_name);

/* The same, with a longer record. */
kern_return_t mach_vm_region_recurse(vm_map_read_t target_task, mach_vm_address_t *address,
                                     mach_vm_size_t *size, natural_t *nesting_depth,
                                     vm_region_recurse_info_t info, mach_msg_type_number_t *infoCnt);

/* Writes mapped files back. */
kern_return_t mach_vm_msync(vm_map_t target_task, mach_vm_address_t address, mach_vm_size_t size,
                            vm_sync_t sync_flags);

/* Says how memory will be used. */
kern_return_t mach_vm_behavior_set(vm_map_t target_task, mach_vm_address_t address, mach_vm_size_t size,
                                   vm_behavior_t new_behavior);

/* Flushes or synchronises caches. */
kern_return_t mach_vm_machine_attribute(vm_map_t target_task, mach_vm_address_t address,
                                        mach_vm_size_t size, vm_machine_attribute_t attribute,
                                        vm_machine_attribute_val_t *value);

/* Memory entries, as in <mach/vm_map.h>. */
kern_return_t mach_make_memory_entry_64(vm_map_t target_task, memory_object_size_t *size,
                                        memory_object_offset_t offset, vm_prot_t permission,
                                        mem_entry_name_port_t *object_handle,
                                        mem_entry_name_port_t parent_entry);
kern_return_t mach_make_memory_entry(vm_map_t target_task, vm_size_t *size, vm_offset_t offset,
                                     vm_prot_t permission, mem_entry_name_port_t *object_handle,
                                     mem_entry_name_port_t parent_entry);

#ifdef __cplusplus
}
#endif

#endif
