/* What memory may be used for. */
#ifndef PAGEWRIGHT_MACH_VM_PROT_H
#define PAGEWRIGHT_MACH_VM_PROT_H

typedef int vm_prot_t;

#define VM_PROT_NONE ((vm_prot_t)0x00)
#define VM_PROT_READ ((vm_prot_t)0x01)
/* Alone it permits neither loads nor stores of the processor; vm_write and vm_copy may store. */
#define VM_PROT_WRITE ((vm_prot_t)0x02)
#define VM_PROT_EXECUTE ((vm_prot_t)0x04)

/* What new memory may be used for, and ever be used for. */
#define VM_PROT_DEFAULT (VM_PROT_READ | VM_PROT_WRITE)
#define VM_PROT_ALL (VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE)

/* Mach's name for leaving it as it is; no call here takes it. */
#define VM_PROT_NO_CHANGE ((vm_prot_t)0x08)
/* vm_protect: make the memory a private copy on the way, and writable for good. */
#define VM_PROT_COPY ((vm_prot_t)0x10)
/* vm_map, memory entries: what cannot be had may be left out. */
#define VM_PROT_IS_MASK ((vm_prot_t)0x40)

#endif
