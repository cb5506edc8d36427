/* Memory entries: flags of mach_make_memory_entry_64, beside VM_PROT_... in the same word. */
#ifndef PAGEWRIGHT_MACH_MEMORY_OBJECT_TYPES_H
#define PAGEWRIGHT_MACH_MEMORY_OBJECT_TYPES_H

#include <mach/port.h>
#include <mach/vm_prot.h>

typedef uint64_t memory_object_offset_t;
typedef uint64_t memory_object_size_t;

/* A pager; there are none: MEMORY_OBJECT_NULL. */
typedef mach_port_t memory_object_t;
typedef mach_port_t memory_object_name_t;
typedef mach_port_t memory_object_default_t;
#define MEMORY_OBJECT_NULL ((memory_object_t)0)

#define MAP_MEM_ONLY 0x010000          /* change only how the parent is cached */
#define MAP_MEM_NAMED_CREATE 0x020000  /* a new object of zeros */
#define MAP_MEM_PURGABLE 0x040000      /* taken with VM_PROT_WRITE, means nothing */
#define MAP_MEM_NAMED_REUSE 0x080000   /* answer the parent if it is the same memory */
#define MAP_MEM_USE_DATA_ADDR 0x100000 /* the offset says where the data begins in its page */
#define MAP_MEM_VM_COPY 0x200000       /* a copy of the range as it is now */
#define MAP_MEM_VM_SHARE 0x400000      /* the whole range, whatever it is made of */
#define MAP_MEM_4K_DATA_ADDR 0x800000  /* as MAP_MEM_USE_DATA_ADDR, to a multiple of 4 KiB */

#endif
