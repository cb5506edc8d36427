/* Memory whose content may be dropped. VM_FLAGS_PURGABLE is taken and means nothing here:
 * content is never dropped, and there is no call to ask for it. */
#ifndef PAGEWRIGHT_MACH_VM_PURGABLE_H
#define PAGEWRIGHT_MACH_VM_PURGABLE_H

typedef int vm_purgable_t;

#define VM_PURGABLE_SET_STATE ((vm_purgable_t)0)
#define VM_PURGABLE_GET_STATE ((vm_purgable_t)1)

#define VM_PURGABLE_NONVOLATILE 0
#define VM_PURGABLE_VOLATILE 1
#define VM_PURGABLE_EMPTY 2
#define VM_PURGABLE_DENY 3

#endif
