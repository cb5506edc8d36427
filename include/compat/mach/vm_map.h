/* The calls on memory, in words of this machine.
 *
 * For all of them:
 * - A task is mach_task_self(), or what task_for_pid answered. Null, and a task that has ended, is
 *   MACH_SEND_INVALID_DEST; a port of something else KERN_INVALID_ARGUMENT, unless said otherwise.
 * - Addresses and sizes are in bytes, and count as the pages they touch, unless a call is to the byte. Size
 *   0 is success where nothing else is said, whatever the address is.
 * - A null pointer for an answer is KERN_INVALID_ARGUMENT. Pointers need no alignment.
 * - Refused is unchanged. What is short is KERN_RESOURCE_SHORTAGE.
 * - They may be called in every thread, in constructors and forked children; and in a handler of SIGSEGV or
 *   SIGBUS if the access was the program's own, not one that the C library or this one has made for it. */
#ifndef PAGEWRIGHT_MACH_VM_MAP_H
#define PAGEWRIGHT_MACH_VM_MAP_H

#include <mach/mach_types.h>
#include <mach/std_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Allocates `size` bytes of zeros, rounded up to whole pages: wherever there is room
 * (VM_FLAGS_ANYWHERE), the lowest place first, or at the page of *address. Stores the address; the caller
 * deallocates it. The memory has VM_PROT_DEFAULT of VM_PROT_ALL, and VM_INHERIT_COPY. Size 0 stores 0.
 * KERN_NO_SPACE if there is no room or the place is taken, KERN_INVALID_ADDRESS for a place that can be
 * nobody's, KERN_INVALID_ARGUMENT for unknown flags. */
kern_return_t vm_allocate(vm_map_t target_task, vm_address_t *address, vm_size_t size, int flags);

/* Takes the pages touched away; holes are passed over. Others who see the same memory keep it. Memory of
 * the program's own (heap, stacks, libraries) is KERN_INVALID_ADDRESS, and so is a range with some of it:
 * nothing is taken away then. A range that wraps around is KERN_INVALID_ARGUMENT. */
kern_return_t vm_deallocate(vm_map_t target_task, vm_address_t address, vm_size_t size);

/* Sets what the pages touched may be used for, or with `set_maximum` ever be used for: that can only
 * shrink. All or nothing: KERN_PROTECTION_FAILURE beyond the maximum, KERN_INVALID_ADDRESS for a hole. An
 * access that is forbidden is SIGBUS, one to memory that is not there SIGSEGV. VM_PROT_COPY makes the
 * memory a private copy first. */
kern_return_t vm_protect(vm_map_t target_task, vm_address_t address, vm_size_t size,
                         boolean_t set_maximum, vm_prot_t new_protection);

/* Sets what a child that is forked later gets of the pages touched; holes are passed over. */
kern_return_t vm_inherit(vm_map_t target_task, vm_address_t address, vm_size_t size,
                         vm_inherit_t new_inheritance);

/* Copies `size` bytes of a task to fresh memory of the caller, who deallocates it: *data and *dataCnt,
 * in bytes. Nothing that happens to the source later is seen in it. KERN_INVALID_ADDRESS for a hole,
 * KERN_PROTECTION_FAILURE for memory that may not be read, KERN_INVALID_ARGUMENT from 4 GiB on. */
kern_return_t vm_read(vm_map_read_t target_task, vm_address_t address, vm_size_t size,
                      vm_offset_t *data, mach_msg_type_number_t *dataCnt);

/* The same for up to VM_MAP_ENTRY_MAX ranges. Each becomes the caller's copy; one that fails becomes 0 and
 * 0. The answer is that of the last range that is not empty. */
kern_return_t vm_read_list(vm_map_read_t target_task, vm_read_entry_t data_list, natural_t count);

/* Copies `size` bytes of a task over memory of the caller at `data`, and stores the size in *outsize. What
 * is wrong with the source is said first. All or nothing. */
kern_return_t vm_read_overwrite(vm_map_read_t target_task, vm_address_t address, vm_size_t size,
                                vm_address_t data, vm_size_t *outsize);

/* Copies `dataCnt` bytes of the caller at `data` over memory of a task, to the byte. All or nothing.
 * MACH_SEND_INVALID_MEMORY if the caller's bytes cannot be read; KERN_INVALID_ADDRESS for a hole,
 * KERN_PROTECTION_FAILURE for memory that may not be written. */
kern_return_t vm_write(vm_map_t target_task, vm_address_t address, vm_offset_t data,
                       mach_msg_type_number_t dataCnt);

/* Copies within a task, to the byte, as if all was read before any is written: ranges may overlap. Large
 * ranges cost nothing until one side is stored to. All or nothing; codes as vm_read for the source, which
 * come first, and as vm_write for the destination, which keeps its protection and inheritance. */
kern_return_t vm_copy(vm_map_t target_task, vm_address_t source_address, vm_size_t size,
                      vm_address_t dest_address);

/* Maps zeros (`object` is MEM_ENTRY_NULL), or a memory entry from `offset` on: the same bytes, or a copy of
 * them. The search begins at *address, and the place found has no bit of `mask`. The entry may be
 * deallocated then. KERN_INVALID_RIGHT for rights that the entry does not give, KERN_INVALID_OBJECT if it
 * is none, KERN_NO_SPACE, KERN_INVALID_ADDRESS, KERN_INVALID_ARGUMENT (size 0 too). */
kern_return_t vm_map(vm_map_t target_task, vm_address_t *address, vm_size_t size, vm_address_t mask,
                     int flags, mem_entry_name_port_t object, vm_offset_t offset, boolean_t copy,
                     vm_prot_t cur_protection, vm_prot_t max_protection, vm_inherit_t inheritance);

/* Maps memory of a task a second time, in the same task or in another: the same bytes, or a copy of the
 * moment. *cur_protection and *max_protection become what all of it has. With VM_FLAGS_OVERWRITE it takes
 * the place of what is there. KERN_INVALID_ADDRESS for a hole in the source; KERN_PROTECTION_FAILURE for
 * memory of the program's own, unless copied (PwMachAllowForeignSources); KERN_NO_SPACE. */
kern_return_t vm_remap(vm_map_t target_task, vm_address_t *target_address, vm_size_t size,
                       vm_address_t mask, int flags, vm_map_t src_task, vm_address_t src_address,
                       boolean_t copy, vm_prot_t *cur_protection, vm_prot_t *max_protection,
                       vm_inherit_t inheritance);

/* The same, where *cur_protection and *max_protection say before the call what the mapping shall have.
 * KERN_PROTECTION_FAILURE for more than the source has, and for writing with executing as a maximum. */
kern_return_t vm_remap_new(vm_map_t target_task, vm_address_t *target_address, vm_size_t size,
                           vm_address_t mask, int flags, vm_map_read_t src_task,
                           vm_address_t src_address, boolean_t copy, vm_prot_t *cur_protection,
                           vm_prot_t *max_protection, vm_inherit_t inheritance);

/* Tells of the region that holds *address, or else of the next one above: where it begins, its size, and
 * a record. *infoCnt is the room in words before the call, and what was stored after it.
 * *object_name becomes MACH_PORT_NULL; the pointer may be null. KERN_INVALID_ADDRESS if there is none
 * above, KERN_INVALID_ARGUMENT for an unknown flavor and too little room. */
kern_return_t vm_region_64(vm_map_read_t target_task, vm_address_t *address, vm_size_t *size,
                           vm_region_flavor_t flavor, vm_region_info_t info,
                           mach_msg_type_number_t *infoCnt, mach_port_t *object_name);
kern_return_t vm_region(vm_map_read_t target_task, vm_address_t *address, vm_size_t *size,
                        vm_region_flavor_t flavor, vm_region_info_t info,
                        mach_msg_type_number_t *infoCnt, mach_port_t *object_name);

/* The same with a longer record (struct vm_region_submap_info_64 or its short form, as the room in
 * *infoCnt is for). There are no maps within maps: *nesting_depth becomes 0. */
kern_return_t vm_region_recurse_64(vm_map_read_t target_task, vm_address_t *address, vm_size_t *size,
                                   natural_t *nesting_depth, vm_region_recurse_info_t info,
                                   mach_msg_type_number_t *infoCnt);

/* Writes mapped files back, as VM_SYNC_... say. KERN_INVALID_TASK for a port that is not a task's,
 * KERN_INVALID_ARGUMENT for synchronous and asynchronous at once. Holes matter to VM_SYNC_CONTIGUOUS only. */
kern_return_t vm_msync(vm_map_t target_task, vm_address_t address, vm_size_t size,
                       vm_sync_t sync_flags);

/* Says how memory will be used (VM_BEHAVIOR_...). VM_BEHAVIOR_ZERO overwrites it with zeros.
 * KERN_INVALID_ADDRESS for a hole, KERN_INVALID_ARGUMENT for a behavior that is none. */
kern_return_t vm_behavior_set(vm_map_t target_task, vm_address_t address, vm_size_t size,
                              vm_behavior_t new_behavior);

/* Flushes or synchronises caches (MATTR_CACHE), as *value says: no need on x86-64, where they agree.
 * KERN_INVALID_ADDRESS, KERN_FAILURE for a hole, KERN_INVALID_ARGUMENT for other attributes. */
kern_return_t vm_machine_attribute(vm_map_t target_task, vm_address_t address, vm_size_t size,
                                   vm_machine_attribute_t attribute, vm_machine_attribute_val_t *value);

/* Gives memory a name that vm_map takes, in *object_handle, which the caller gives back by
 * mach_port_deallocate: memory of a task, a part of `parent_entry`, or with MAP_MEM_NAMED_CREATE a new
 * object. `permission` is VM_PROT_... with MAP_MEM_...; *size becomes the size of the entry, which may be
 * less. KERN_PROTECTION_FAILURE for rights that the memory does not have, KERN_INVALID_ADDRESS for a hole,
 * KERN_INVALID_VALUE for unknown flags. */
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
