/* Where and how memory is allocated: the flags of vm_allocate, vm_map and vm_remap. */
#ifndef PAGEWRIGHT_MACH_VM_STATISTICS_H
#define PAGEWRIGHT_MACH_VM_STATISTICS_H

#define VM_FLAGS_FIXED 0x00000000             /* at *address and nowhere else */
#define VM_FLAGS_ANYWHERE 0x00000001          /* wherever there is room; TRUE is the same */
#define VM_FLAGS_PURGABLE 0x00000002          /* taken, means nothing */
#define VM_FLAGS_4GB_CHUNK 0x00000004         /* taken, means nothing */
#define VM_FLAGS_RANDOM_ADDR 0x00000008       /* at a random address */
#define VM_FLAGS_NO_CACHE 0x00000010          /* taken, means nothing */
#define VM_FLAGS_RESILIENT_CODESIGN 0x00000020
#define VM_FLAGS_RESILIENT_MEDIA 0x00000040
#define VM_FLAGS_PERMANENT 0x00000080         /* own task: never to be removed or replaced */
#define VM_FLAGS_TPRO 0x00001000
#define VM_FLAGS_OVERWRITE 0x00004000         /* in place of what is there */
#define VM_FLAGS_SUPERPAGE_MASK 0x00070000
#define VM_FLAGS_SUPERPAGE_SHIFT 16
#define VM_FLAGS_RETURN_DATA_ADDR 0x00100000  /* answer the address of the data, not of its page */
#define VM_FLAGS_RETURN_4K_DATA_ADDR 0x00800000
#define VM_FLAGS_ALIAS_MASK ((int)0xFF000000) /* the tag */

#define SUPERPAGE_NONE 0
#define SUPERPAGE_SIZE_ANY 1
#define SUPERPAGE_SIZE_2MB 2
#define VM_FLAGS_SUPERPAGE_NONE (SUPERPAGE_NONE << VM_FLAGS_SUPERPAGE_SHIFT)
#define VM_FLAGS_SUPERPAGE_SIZE_ANY (SUPERPAGE_SIZE_ANY << VM_FLAGS_SUPERPAGE_SHIFT)
#define VM_FLAGS_SUPERPAGE_SIZE_2MB (SUPERPAGE_SIZE_2MB << VM_FLAGS_SUPERPAGE_SHIFT)

/* What each call takes; other bits are KERN_INVALID_ARGUMENT. */
#define VM_FLAGS_USER_ALLOCATE                                                                        \
    (VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE | VM_FLAGS_4GB_CHUNK |                    \
     VM_FLAGS_RANDOM_ADDR | VM_FLAGS_NO_CACHE | VM_FLAGS_PERMANENT | VM_FLAGS_OVERWRITE |             \
     VM_FLAGS_SUPERPAGE_MASK | VM_FLAGS_TPRO | VM_FLAGS_ALIAS_MASK)
#define VM_FLAGS_USER_MAP \
    (VM_FLAGS_USER_ALLOCATE | VM_FLAGS_RETURN_4K_DATA_ADDR | VM_FLAGS_RETURN_DATA_ADDR)
#define VM_FLAGS_USER_REMAP                                                              \
    (VM_FLAGS_FIXED | VM_FLAGS_ANYWHERE | VM_FLAGS_RANDOM_ADDR | VM_FLAGS_OVERWRITE |    \
     VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_RESILIENT_CODESIGN | VM_FLAGS_RESILIENT_MEDIA)

/* Tags say what memory is for. They are taken, and not told again. */
#define VM_MAKE_TAG(tag) ((int)((unsigned int)(tag) << 24))
#define VM_GET_FLAGS_ALIAS(flags, alias) ((alias) = (int)(((unsigned int)(flags) >> 24) & 0xff))
#define VM_SET_FLAGS_ALIAS(flags, alias) \
    ((flags) = (((flags) & ~VM_FLAGS_ALIAS_MASK) | VM_MAKE_TAG((alias) & 0xff)))

#define VM_MEMORY_MALLOC 1
#define VM_MEMORY_MALLOC_SMALL 2
#define VM_MEMORY_MALLOC_LARGE 3
#define VM_MEMORY_MALLOC_HUGE 4
#define VM_MEMORY_SBRK 5
#define VM_MEMORY_REALLOC 6
#define VM_MEMORY_MALLOC_TINY 7
#define VM_MEMORY_MALLOC_LARGE_REUSABLE 8
#define VM_MEMORY_MALLOC_LARGE_REUSED 9
#define VM_MEMORY_ANALYSIS_TOOL 10
#define VM_MEMORY_MALLOC_NANO 11
#define VM_MEMORY_MALLOC_MEDIUM 12
#define VM_MEMORY_MACH_MSG 20
#define VM_MEMORY_IOKIT 21
#define VM_MEMORY_STACK 30
#define VM_MEMORY_GUARD 31
#define VM_MEMORY_SHARED_PMAP 32
#define VM_MEMORY_DYLIB 33
#define VM_MEMORY_OBJC_DISPATCHERS 34
#define VM_MEMORY_UNSHARED_PMAP 35
#define VM_MEMORY_JAVA 44
#define VM_MEMORY_JAVASCRIPT_CORE 63
#define VM_MEMORY_JAVASCRIPT_JIT_EXECUTABLE_ALLOCATOR 64
#define VM_MEMORY_JAVASCRIPT_JIT_REGISTER_FILE 65
#define VM_MEMORY_APPLICATION_SPECIFIC_1 240
#define VM_MEMORY_APPLICATION_SPECIFIC_16 255

#endif
