/* What a forked child gets of memory. */
#ifndef PAGEWRIGHT_MACH_VM_INHERIT_H
#define PAGEWRIGHT_MACH_VM_INHERIT_H

typedef unsigned int vm_inherit_t;

#define VM_INHERIT_SHARE ((vm_inherit_t)0) /* the same bytes: stores are seen both ways */
#define VM_INHERIT_COPY ((vm_inherit_t)1)  /* a copy of the moment of the fork */
#define VM_INHERIT_NONE ((vm_inherit_t)2)  /* nothing: a hole */
/* Copy, and take away; never valid: KERN_INVALID_ARGUMENT. */
#define VM_INHERIT_DONATE_COPY ((vm_inherit_t)3)

#define VM_INHERIT_DEFAULT VM_INHERIT_COPY
#define VM_INHERIT_LAST_VALID VM_INHERIT_NONE

#endif
