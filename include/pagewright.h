/*
 * pagewright.h: the native C API of Pagewright.
 *
 * Reserve, commit, protect, query, read, write, lock, share, copy and watch memory: in this
 * process, and in any live process of this machine that the caller may trace. Sources that
 * use Win32, Windows CE or Mach calls need include/compat instead of this; both can be used
 * in one program, and see the same memory.
 *
 *     pw_error error;
 *     pw_range range;
 *     pw_allocation wish = pw_allocation_init(1 << 20);     // a megabyte, read and write
 *     if (pw_allocate(pw_process_current(), &wish, &range, &error) != PW_OK) {
 *         fprintf(stderr, "%s\n", error.message);
 *     }
 *
 * Compile with -I <this folder>, link with -lpagewright -lpthread -ldl -lm. C99, C11, C++11 and
 * later; Linux on 64-bit x86.
 *
 * WHAT HOLDS FOR EVERY FUNCTION, unless it says otherwise
 *
 *   Units       Addresses and sizes are bytes, and 64 bits wide, since they may be those of
 *               another process. An address of this process becomes a pointer with pw_pointer(),
 *               and back with pw_address(). A page is PW_PAGE bytes. Reservations begin at
 *               multiples of PW_GRANULE.
 *   Answer      PW_OK (0), or why not. A call that is refused has changed nothing, and has not
 *               touched what its pointers point to, but for *error.
 *   error       May be NULL. Else it points to a pw_error of the caller's, which need not be
 *               initialised; it is filled in when the call is refused, and left alone otherwise.
 *               Nothing has to be freed.
 *   Pointers    Must not be NULL unless "or NULL" is said; NULL is refused with
 *               PW_ERR_BAD_ARGUMENT. They need not be aligned.
 *   Handles     A pw_process * is a number, never followed: one that is NULL, wild, or closed is
 *               refused with PW_ERR_BAD_HANDLE.
 *   Structures  Those that begin with struct_size may grow in later versions. Initialise them
 *               with their pw_..._init function, or zero them and set struct_size to their sizeof.
 *   Threads     Any thread may call any function at any time, also threads that were not
 *               made by this library. Calls on one process are served one after the other.
 *   Signals     Not for signal handlers. Exceptions say "signal-safe": they take no lock and
 *               no memory, whatever they interrupt.
 *   Fork        A forked child has its own handles, a copy of the parent's, and its own map.
 *               pw_process_current() is the child there.
 *   Callbacks   Must return: no longjmp, no C++ exception out of them. They run on the calling
 *               thread and may call any function of this header, unless said otherwise.
 *   Errors      Beside those that are named, every function may answer PW_ERR_BAD_ARGUMENT,
 *               PW_ERR_BAD_HANDLE, PW_ERR_GONE (the process has ended), PW_ERR_ACCESS_DENIED
 *               (the kernel does not let this caller trace it), PW_ERR_BUSY and PW_ERR_PROTOCOL
 *               (the other process did not answer, or not sensibly; for this process BUSY means a
 *               signal handler that interrupted a call of this library), PW_ERR_OUT_OF_MEMORY,
 *               PW_ERR_MACHINE and PW_ERR_INTERNAL. The message of the error says what to change.
 *
 * ENVIRONMENT, read once, at the first call that needs it:
 *
 *   PAGEWRIGHT_SIGSEGV      leave: see pw_leave_sigsegv()
 *   PAGEWRIGHT_GUARD        signal (default), userfault, off: see pw_guard_set_delivery()
 *   PAGEWRIGHT_WATCH        async, sync, mprotect: how stores to watched memory are noted, instead of
 *                           the best way that works here
 *   PAGEWRIGHT_COMMIT       markers, mprotect: how memory is committed, likewise
 *   PAGEWRIGHT_FREEZE       full, user, none: whose stores are held back for the moment in which a
 *                           page moves into shared memory, likewise
 *   PAGEWRIGHT_LOCK_PAGES   grant, deny: see pw_may_lock_pages(); read each time
 *   PAGEWRIGHT_KERNEL_MODE  deny: no thread gets kernel mode (the Windows CE calls, pkfuncs.h)
 */
#ifndef PAGEWRIGHT_H
#define PAGEWRIGHT_H

#if !defined(__linux__) || !defined(__x86_64__) || !defined(__LP64__)
#error "Pagewright serves Linux on 64-bit x86 only."
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------
 * Version
 */

#define PW_VERSION_MAJOR 0
#define PW_VERSION_MINOR 1
#define PW_VERSION_PATCH 0

/* One number that can be compared: 0xMMmmpp. */
#define PW_VERSION ((PW_VERSION_MAJOR << 16) | (PW_VERSION_MINOR << 8) | PW_VERSION_PATCH)

/* Bytes of a page, and what reservations begin at multiples of. */
#define PW_PAGE 4096u
#define PW_GRANULE 65536u

/* The PW_VERSION of the library that is loaded. Below 1.0 only the same minor version fits.
 * Signal-safe. */
uint32_t pw_version(void);

/* The same as text, such as "0.1.0"; it belongs to the library, for ever. Signal-safe. */
const char *pw_version_string(void);

/* ------------------------------------------------------------------------------------------
 * Why a call was refused
 */

typedef enum pw_code {
    PW_OK = 0,
    PW_ERR_ZERO_SIZE = 1,          /* a size of 0 where bytes are needed */
    PW_ERR_BAD_ADDRESS = 2,        /* an address outside of the user range */
    PW_ERR_BAD_SIZE = 3,           /* address plus size leaves the user range */
    PW_ERR_BAD_PROTECTION = 4,     /* a protection that this memory cannot have */
    PW_ERR_BAD_PLACE = 5,          /* limits or an alignment that no address can meet */
    PW_ERR_BAD_FLAGS = 6,          /* flags that this call does not take together */
    PW_ERR_CONFLICT = 7,           /* a part of the range is in use */
    PW_ERR_NOT_RESERVED = 8,       /* the range does not lie in one reservation */
    PW_ERR_NOT_ALLOCATED = 9,      /* nothing of Pagewright's is allocated there */
    PW_ERR_NOT_AT_BASE = 10,       /* size 0 needs the base of an allocation */
    PW_ERR_BEYOND_ALLOCATION = 11, /* the range goes beyond its allocation */
    PW_ERR_NOT_COMMITTED = 12,     /* a page of the range has no memory */
    PW_ERR_SPANS_ALLOCATIONS = 13, /* the range lies in more than one allocation */
    PW_ERR_FOREIGN_VIEW = 14,      /* a file or image that the process mapped itself */
    PW_ERR_ALREADY_COMMITTED = 15, /* memory that cannot be committed again */
    PW_ERR_NO_SPACE = 16,          /* no free range of that size */
    PW_ERR_COMMIT_LIMIT = 17,      /* more memory than the commit limit */
    PW_ERR_MAP_BUDGET = 18,        /* vm.max_map_count leaves no room */
    PW_ERR_OUT_OF_MEMORY = 19,     /* the kernel has no memory for it */
    PW_ERR_NOT_LOCKED = 20,        /* a page was not locked */
    PW_ERR_LOCK_QUOTA = 21,        /* more locked memory than permitted */
    PW_ERR_NO_ACCESS = 22,         /* the memory cannot be accessed that way */
    PW_ERR_GUARD_HIT = 23,         /* an armed guard was met, and is gone now: try again */
    PW_ERR_PARTIAL_COPY = 24,      /* only a part was copied */
    PW_ERR_ACCESS_DENIED = 25,     /* the kernel forbids it */
    PW_ERR_NO_PROCESS = 26,        /* no such process */
    PW_ERR_GONE = 27,              /* the process has ended */
    PW_ERR_BAD_HANDLE = 28,        /* not a handle that is open */
    PW_ERR_UNSUPPORTED = 29,       /* this process, memory or kernel cannot do it */
    PW_ERR_PRIVILEGE = 30,         /* a privilege is missing */
    PW_ERR_BUSY = 31,              /* the other side did not answer in time */
    PW_ERR_PROTOCOL = 32,          /* the other side answered nonsense */
    PW_ERR_MACHINE = 33,           /* the kernel refused for an unexpected reason */
    PW_ERR_MISALIGNED = 34,        /* not whole pages, or lying differently in their pages */
    PW_ERR_TARGET_COMMITTED = 35,  /* the target has memory already */
    PW_ERR_ABOVE_CEILING = 36,     /* more than this memory may ever be given */
    PW_ERR_NO_CONSENT = 37,        /* memory of the program's own, without consent */
    PW_ERR_SPECIAL = 38,           /* memory that cannot be shared: a stack, a device, a file */
    PW_ERR_NO_OBJECT = 39,         /* no descriptor or room for shared memory */
    PW_ERR_NO_LARGE_PAGES = 40,    /* too few large pages are free */
    PW_ERR_NO_NODE = 41,           /* no such NUMA node */
    PW_ERR_NOT_WATCHED = 42,       /* stores to this range are not noted */
    PW_ERR_CONTENT_LOST = 43,      /* some content was dropped */
    PW_ERR_BAD_FRAME = 44,         /* not a frame of the process, or mapped already */
    PW_ERR_FIXED = 45,             /* large or physical pages, which do not change in part */
    PW_ERR_NOT_PLACEHOLDER = 46,   /* not a placeholder of that range */
    PW_ERR_BAD_ARGUMENT = 100,     /* an argument of the C function itself is wrong */
    PW_ERR_NO_ROOM = 101,          /* no room left for what is to be kept */
    PW_ERR_INTERNAL = 102          /* an error of Pagewright itself; please report it */
} pw_code;

/* What a refused call tells. 512 bytes, in every version. */
typedef struct pw_error {
    pw_code code;      /* as the call answered */
    uint32_t win32;    /* what GetLastError() would say: 487 = ERROR_INVALID_ADDRESS, ... */
    uint32_t ntstatus; /* what an Nt call would answer */
    int32_t pid;       /* the process that was meant; 0 if it did not come so far */
    uint64_t address;  /* the address that was given, or that stands in the way; else 0 */
    uint64_t size;     /* the size that was given; else 0 */
    char message[480]; /* one sentence in UTF-8: what is wrong, and what to change */
} pw_error;

/* The name of a code, such as "PW_ERR_ZERO_SIZE", or "unknown"; and what it means in a few words.
 * The texts belong to the library, for ever. Signal-safe. */
const char *pw_code_name(pw_code code);
const char *pw_code_text(pw_code code);

/* ------------------------------------------------------------------------------------------
 * Processes
 */

/* A handle of a process. Several handles of one process may be open. */
typedef struct pw_process pw_process;

/* An address of this process, and the pointer to it. */
static inline uint64_t pw_address(const volatile void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

static inline void *pw_pointer(uint64_t address) {
    return (void *)(uintptr_t)address;
}

/* This process. Always open, costs nothing; closing it does nothing. Signal-safe. */
pw_process *pw_process_current(void);

/* The process with this id; for that of the caller, pw_process_current(). Nothing happens to it:
 * the first call that must run in it (allocate, free, protect, lock, share ...) attaches, which
 * stops one of its threads for less than a millisecond, once. The handle means this process for
 * ever, never another one that gets the same id later. Close it with pw_process_close().
 *
 * PW_ERR_NO_PROCESS: there is none. PW_ERR_ACCESS_DENIED: a thread of the kernel. PW_ERR_NO_ROOM:
 * too many open handles. */
pw_code pw_process_open(int32_t pid, pw_process **process, pw_error *error);

/* Closes a handle. Memory that was allocated belongs to the process and stays, and so does the
 * resident: see pw_process_detach(). Calls that other threads are making with it end as they
 * would. NULL is fine. PW_ERR_BAD_HANDLE: not open (any more). */
pw_code pw_process_close(pw_process *process);

/* Its id; 0 for what is not a handle. For pw_process_current(): signal-safe. */
int32_t pw_process_pid(pw_process *process);

/* Whether it has ended; a zombie has. */
pw_code pw_process_has_ended(pw_process *process, bool *ended, pw_error *error);

/* Whether the kernel lets this caller trace it, which nearly every call needs. Harmless.
 * PW_ERR_ACCESS_DENIED with a sentence that says why not. */
pw_code pw_process_check_access(pw_process *process, pw_error *error);

/* What an attach did. */
typedef struct pw_attached {
    uint32_t struct_size;
    uint32_t tid;        /* the resident's thread; 0 for the calling process */
    uint32_t found;      /* 1 if it was there already, else 0 */
    uint32_t reserved;   /* 0 */
    uint64_t stopped_ns; /* how long one thread stood still, in nanoseconds; 0 if found */
} pw_attached;

static inline pw_attached pw_attached_init(void) {
    pw_attached attached;
    memset(&attached, 0, sizeof attached);
    attached.struct_size = (uint32_t)sizeof attached;
    return attached;
}

/* Attaches now rather than at the first call that needs it. Who is attached already stays so.
 * attached: or NULL. On error the process is as before. PW_ERR_UNSUPPORTED: not a 64-bit
 * process, or one whose filters forbid what the resident needs. */
pw_code pw_process_attach(pw_process *process, pw_attached *attached, pw_error *error);

/* How a process stands. */
typedef struct pw_status {
    uint32_t struct_size;
    uint32_t attached;  /* 1 if the resident is there (the calling process: always), else 0 */
    uint32_t tid;       /* its thread; 0 if it is not there, or for the calling process */
    uint32_t reserved;  /* 0 */
    uint64_t regions;   /* allocations that there are */
    uint64_t committed; /* bytes committed */
    uint64_t limit;     /* bytes that may be committed */
    uint64_t overhead;  /* bytes that the resident itself uses there */
    uint64_t uptime_ms; /* milliseconds since it was attached */
    char version[32];   /* of the resident, such as "0.1.0" */
    char strategy[16];  /* how commits are made there: "markers" or "mprotect" */
} pw_status;

static inline pw_status pw_status_init(void) {
    pw_status status;
    memset(&status, 0, sizeof status);
    status.struct_size = (uint32_t)sizeof status;
    return status;
}

/* How it stands. Does not attach. */
pw_code pw_process_status(pw_process *process, pw_status *status, pw_error *error);

/* What becomes of allocated memory when the resident leaves. */
typedef enum pw_leftovers {
    PW_LEAVE_MEMORY = 0,  /* it stays, as ordinary memory that nobody remembers */
    PW_RELEASE_MEMORY = 1 /* it is released first */
} pw_leftovers;

/* Takes the resident out of the process, without a trace, whoever attached it. For a process that
 * is not attached, and for the calling one, only PW_RELEASE_MEMORY does anything. The handle stays
 * open. On error the process is as before. */
pw_code pw_process_detach(pw_process *process, pw_leftovers leftovers, pw_error *error);

/* Sets how many bytes may be committed there (at first: RAM plus swap). What is committed stays.
 * Attaches. */
pw_code pw_process_set_commit_limit(pw_process *process, uint64_t bytes, pw_error *error);

/* ------------------------------------------------------------------------------------------
 * Memory: allocate, free, protect, ask
 */

/* What may be done with a page: join rights, then modifiers. 0 (PW_NONE): nothing. */
typedef uint32_t pw_protection;

#define PW_NONE 0x00u
#define PW_READ 0x01u
#define PW_WRITE 0x02u
#define PW_EXECUTE 0x04u
#define PW_COPY 0x08u          /* stores go to a private copy; instead of PW_WRITE */
#define PW_GUARD 0x10u         /* the next access meets a guard, once: see below */
#define PW_NO_CACHE 0x20u      /* kept and reported; Linux offers no way to enforce it */
#define PW_WRITE_COMBINE 0x40u /* likewise */

#define PW_READ_WRITE (PW_READ | PW_WRITE)
#define PW_READ_EXECUTE (PW_READ | PW_EXECUTE)
#define PW_READ_WRITE_EXECUTE (PW_READ | PW_WRITE | PW_EXECUTE)

/* Some bytes in a row, most often whole pages. */
typedef struct pw_range {
    uint64_t base;
    uint64_t size;
} pw_range;

typedef enum pw_action {
    PW_RESERVE = 1,       /* promise the range; accesses fault */
    PW_COMMIT = 2,        /* give memory to a part of a reservation; zeros where it is new */
    PW_RESERVE_COMMIT = 3 /* both */
} pw_action;

/* What pages are made of. */
typedef enum pw_pages {
    PW_PAGES_ORDINARY = 0,
    PW_PAGES_JOINED = 1, /* ordinary ones that the kernel joins into larger ones where it can */
    PW_PAGES_LARGE = 2,  /* 2 MiB each, never paged out; needs the privilege to lock pages */
    PW_PAGES_HUGE = 3,   /* 1 GiB each, likewise */
    PW_PAGES_WINDOW = 4  /* none: frames are mapped into it; PW_RESERVE only, and the privilege */
} pw_pages;

/* Join any of them. */
typedef enum pw_allocation_flags {
    PW_TOP_DOWN = 1, /* at the highest suitable address instead of the lowest */
    PW_WATCHED = 2,  /* note stores, page by page: pw_written() */
    PW_ON_NODE = 4   /* prefer the memory of one NUMA node */
} pw_allocation_flags;

/* What to allocate. The place is one of: at; near_to; or limits, alignment and order. */
typedef struct pw_allocation {
    uint32_t struct_size;
    pw_action action;
    uint64_t size;            /* rounded up to pages; to 2 MiB or 1 GiB it must be a multiple */
    uint64_t at;              /* 0, or the address; rounded down to a granule (commit: a page) */
    uint64_t near_to;         /* 0, or: as close to this as possible, all within 2 GiB of it */
    uint64_t lowest;          /* the lowest address; 0: no limit */
    uint64_t highest;         /* the highest address of the last byte; 0: no limit */
    uint64_t alignment;       /* a power of two, at least a granule; 0: a granule */
    pw_protection protection; /* of the memory; of a reservation it is kept as the initial one */
    uint32_t flags;           /* of pw_allocation_flags */
    pw_pages pages;
    uint32_t node;            /* with PW_ON_NODE */
} pw_allocation;

/* Reserve and commit so many bytes anywhere, for loads and stores. */
static inline pw_allocation pw_allocation_init(uint64_t size) {
    pw_allocation wish;
    memset(&wish, 0, sizeof wish);
    wish.struct_size = (uint32_t)sizeof wish;
    wish.action = PW_RESERVE_COMMIT;
    wish.size = size;
    wish.protection = PW_READ_WRITE;
    return wish;
}

/* Reserves, commits, or both. *range: the pages. The memory belongs to the process until it is
 * freed there or the process ends.
 *
 * PW_ERR_ZERO_SIZE, PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE, PW_ERR_BAD_PLACE, PW_ERR_BAD_PROTECTION,
 * PW_ERR_BAD_FLAGS for the wish; PW_ERR_CONFLICT, PW_ERR_NO_SPACE for a reservation;
 * PW_ERR_NOT_RESERVED, PW_ERR_ALREADY_COMMITTED, PW_ERR_FOREIGN_VIEW, PW_ERR_FIXED for a commit;
 * PW_ERR_COMMIT_LIMIT, PW_ERR_MAP_BUDGET; PW_ERR_PRIVILEGE, PW_ERR_NO_LARGE_PAGES,
 * PW_ERR_NO_NODE, PW_ERR_UNSUPPORTED for special memory. */
pw_code pw_allocate(pw_process *process, const pw_allocation *wish, pw_range *range, pw_error *error);

typedef enum pw_disposal {
    PW_DECOMMIT = 1,  /* take the memory; the range stays promised. Size 0: the whole allocation */
    PW_RELEASE = 2,   /* take memory and range, or a part. Size 0: the whole allocation */
    PW_UNMAP_VIEW = 3 /* take the view that holds the address, whatever the size */
} pw_disposal;

/* Gives memory back. A release of a part leaves the rest as allocations of their own. *range: the
 * pages; or NULL.
 *
 * PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE for the range; PW_ERR_NOT_ALLOCATED, PW_ERR_NOT_AT_BASE,
 * PW_ERR_BEYOND_ALLOCATION, PW_ERR_FOREIGN_VIEW, PW_ERR_FIXED for what is there;
 * PW_ERR_MAP_BUDGET. */
pw_code pw_free(pw_process *process, uint64_t at, uint64_t size, pw_disposal disposal, pw_range *range,
                pw_error *error);

/* Gives every page that is touched a protection, also those that the program mapped itself (no
 * guards there). *old: what the first page had; or NULL.
 *
 * PW_ERR_ZERO_SIZE, PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE, PW_ERR_BAD_PROTECTION for the arguments;
 * PW_ERR_NOT_COMMITTED, PW_ERR_SPANS_ALLOCATIONS, PW_ERR_FIXED, PW_ERR_ABOVE_CEILING for what is
 * there; PW_ERR_MAP_BUDGET. */
pw_code pw_protect(pw_process *process, uint64_t at, uint64_t size, pw_protection protection,
                   pw_protection *old, pw_error *error);

typedef enum pw_state { PW_FREE = 1, PW_RESERVED = 2, PW_COMMITTED = 3 } pw_state;

typedef enum pw_backing {
    PW_PRIVATE = 1, /* memory of this process alone, or shared by way of this library */
    PW_MAPPED = 2,  /* a view of a file or of shared memory */
    PW_IMAGE = 3    /* a program or library */
} pw_backing;

typedef enum pw_owner {
    PW_OWN = 1,    /* allocated by Pagewright */
    PW_FOREIGN = 2 /* mapped by the program, its libraries, its kernel */
} pw_owner;

/* Pages that are alike. */
typedef struct pw_region {
    uint32_t struct_size;
    pw_state state;
    uint64_t base;            /* the first page: that of the address that was asked */
    uint64_t size;            /* to the end of the run */
    uint64_t allocation;      /* the base of the allocation; 0 if free */
    pw_protection protection; /* now; PW_NONE unless committed */
    pw_protection initial;    /* that the allocation began with */
    pw_backing backing;       /* 0 if free */
    pw_owner owner;           /* 0 if free */
} pw_region;

static inline pw_region pw_region_init(void) {
    pw_region region;
    memset(&region, 0, sizeof region);
    region.struct_size = (uint32_t)sizeof region;
    return region;
}

/* What stands at an address, and how far it goes. PW_ERR_BAD_ADDRESS: above the user range. For
 * pw_process_current(), with a proper struct_size: signal-safe. */
pw_code pw_query(pw_process *process, uint64_t at, pw_region *region, pw_error *error);

/* Is told of one region, by address; false: no more of them. The region is gone afterwards. */
typedef bool (*pw_region_function)(const pw_region *region, void *user);

/* Tells of every run of pages that is not free, ascending: Pagewright's and the process's own. A
 * picture of a moving target: the process goes on meanwhile. */
pw_code pw_walk(pw_process *process, pw_region_function visit, void *user, pw_error *error);

/* ------------------------------------------------------------------------------------------
 * Bytes
 */

/* Copies bytes out of the process, up to the first one that cannot be loaded. *done: how many;
 * or NULL. It is also set when only a part was copied: PW_ERR_PARTIAL_COPY, with the address that
 * stopped it in the error; an armed guard there is gone. */
pw_code pw_read(pw_process *process, uint64_t at, void *into, size_t size, size_t *done, pw_error *error);

/* Copies bytes in, up to the first one that may not be stored to; else as pw_read(). */
pw_code pw_write(pw_process *process, uint64_t at, const void *from, size_t size, size_t *done,
                 pw_error *error);

/* The same past protections, as a debugger does: into pages that are committed, but not
 * writable. Protections and guards stay. */
pw_code pw_poke(pw_process *process, uint64_t at, const void *from, size_t size, size_t *done,
                pw_error *error);

/* Copies inside of the process, as if all were read before any is written; whole pages lazily
 * where that pays. 0 bytes are a copy that is done. Everything is checked before anything changes:
 * PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE, PW_ERR_NOT_COMMITTED, PW_ERR_NO_ACCESS, PW_ERR_GUARD_HIT
 * (the guards that were met are gone). */
pw_code pw_copy(pw_process *process, uint64_t source, uint64_t size, uint64_t target, pw_error *error);

/* Wires every page that is touched into memory, or lets it go. There is no count: locked twice is
 * unlocked once. *range: the pages; or NULL. PW_ERR_ZERO_SIZE, PW_ERR_BAD_ADDRESS,
 * PW_ERR_BAD_SIZE; PW_ERR_NO_ACCESS: no memory there, or it may not be read; PW_ERR_LOCK_QUOTA,
 * PW_ERR_NOT_LOCKED; PW_ERR_GUARD_HIT (they are gone). */
pw_code pw_lock(pw_process *process, uint64_t at, uint64_t size, pw_range *range, pw_error *error);
pw_code pw_unlock(pw_process *process, uint64_t at, uint64_t size, pw_range *range, pw_error *error);

/* Advice: the kernel may bring these pages in. What is not there is passed over. Does not attach. */
pw_code pw_prefetch(pw_process *process, uint64_t at, uint64_t size, pw_error *error);

/* ------------------------------------------------------------------------------------------
 * One memory in two places, and what forked children get
 */

/* What happens where a range begins or ends inside of a page. */
typedef enum pw_edges {
    PW_EDGES_STRICT = 0, /* it is refused */
    PW_EDGES_SPLIT = 1,  /* of such a page the view has a private copy, zeros around the range */
    PW_EDGES_WHOLE = 2   /* it is shared as a whole, with the bytes around the range */
} pw_edges;

/* Where a view goes. */
typedef enum pw_onto {
    PW_ONTO_FRESH = 0,    /* a reservation of its own: at the address, or 0 for anywhere */
    PW_ONTO_RESERVED = 1, /* reserved pages; the address is that of the first byte */
    PW_ONTO_VIEW = 2      /* a view of its own, which PW_UNMAP_VIEW takes away as a whole */
} pw_onto;

/* Whether the source may be memory that its program mapped itself: its heap, its data. Such memory
 * is then shared with children that it forks, too. */
typedef enum pw_consent { PW_OWN_ONLY = 0, PW_ALLOW_FOREIGN = 1 } pw_consent;

typedef struct pw_share_request {
    uint32_t struct_size;
    pw_edges edges;
    uint64_t source; /* the first byte */
    uint64_t size;
    uint64_t at;     /* see pw_onto */
    pw_protection protection; /* of the view; the source keeps its own. Not PW_COPY */
    pw_onto onto;
    pw_consent consent;
    uint32_t reserved; /* 0 */
} pw_share_request;

/* Share these bytes anywhere, for loads and stores. */
static inline pw_share_request pw_share_request_init(uint64_t source, uint64_t size) {
    pw_share_request request;
    memset(&request, 0, sizeof request);
    request.struct_size = (uint32_t)sizeof request;
    request.source = source;
    request.size = size;
    request.protection = PW_READ_WRITE;
    return request;
}

/* What a view has made reachable. */
typedef struct pw_receipt {
    uint32_t struct_size;
    uint32_t reserved;  /* 0 */
    uint64_t base;      /* where the first byte of the source is seen */
    uint64_t size;      /* the bytes that were asked for */
    uint64_t view_base; /* the pages of the view */
    uint64_t view_size;
    uint64_t shared;    /* of the bytes asked for, those that are shared */
    uint64_t copied;    /* and those that are a private copy (PW_EDGES_SPLIT) */
    uint64_t exposed;   /* bytes not asked for that can be reached (PW_EDGES_WHOLE) */
} pw_receipt;

static inline pw_receipt pw_receipt_init(void) {
    pw_receipt receipt;
    memset(&receipt, 0, sizeof receipt);
    receipt.struct_size = (uint32_t)sizeof receipt;
    return receipt;
}

/* Shows memory of the process `source` in `target`, which may be the same one. Stores on either
 * side are seen on both, whichever process ends first; freeing one side takes only that side's
 * view away. Nothing is stopped, and no store is lost.
 *
 * On error no page shows anything else than before. PW_ERR_ZERO_SIZE, PW_ERR_BAD_ADDRESS,
 * PW_ERR_BAD_SIZE, PW_ERR_BAD_PROTECTION, PW_ERR_BAD_FLAGS; PW_ERR_MISALIGNED: strict edges, or source and
 * target lie differently in their pages; PW_ERR_NOT_COMMITTED, PW_ERR_NO_CONSENT, PW_ERR_SPECIAL,
 * PW_ERR_ABOVE_CEILING for the source; PW_ERR_NOT_RESERVED, PW_ERR_TARGET_COMMITTED,
 * PW_ERR_CONFLICT, PW_ERR_NO_SPACE for the target; PW_ERR_NO_OBJECT, PW_ERR_MAP_BUDGET;
 * PW_ERR_ACCESS_DENIED: neither process may open what the other one holds. */
pw_code pw_share(pw_process *source, pw_process *target, const pw_share_request *request,
                 pw_receipt *receipt, pw_error *error);

typedef enum pw_inheritance {
    PW_INHERIT_COPY = 0,  /* a copy, as fork makes it */
    PW_INHERIT_SHARE = 1, /* the same memory */
    PW_INHERIT_NONE = 2   /* nothing */
} pw_inheritance;

/* What a forked child gets of every page that is touched; holes are passed over. PW_ERR_ZERO_SIZE,
 * PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE; PW_ERR_UNSUPPORTED: to share what others mapped;
 * PW_ERR_NO_OBJECT, PW_ERR_MAP_BUDGET. */
pw_code pw_inherit(pw_process *process, uint64_t at, uint64_t size, pw_inheritance inheritance,
                   pw_error *error);

/* ------------------------------------------------------------------------------------------
 * Stores that are noted, and content that may go
 */

typedef enum pw_after {
    PW_KEEP = 0,  /* stores that were told stay known */
    PW_FORGET = 1 /* they are forgotten, each in one step with its being told */
} pw_after;

/* Is told of one run of pages; false: no more of them. */
typedef bool (*pw_range_function)(const pw_range *range, void *user);

/* Tells which pages of a range in watched memory (PW_WATCHED) were stored to since they were
 * made, or since that was forgotten: runs of them, ascending, at most `limit` pages altogether
 * (UINT64_MAX: all). Stores by the kernel count. With PW_FORGET what was found is forgotten even if
 * `visit` wants no more of it. PW_ERR_ZERO_SIZE, PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE,
 * PW_ERR_NOT_WATCHED. */
pw_code pw_written(pw_process *process, uint64_t at, uint64_t size, uint64_t limit, pw_after after,
                   pw_range_function visit, void *user, pw_error *error);

typedef enum pw_stores {
    PW_FORGET_STORES = 0, /* no page counts as stored to */
    PW_NOTE_STORES = 1    /* all pages with memory do: a device wrote them */
} pw_stores;

/* Sets what is known of stores to watched memory. Errors as pw_written(). */
pw_code pw_mark(pw_process *process, uint64_t at, uint64_t size, pw_stores stores, pw_error *error);

/* What becomes of content. The first two take any range, the others whole pages. */
typedef enum pw_fate {
    PW_RESET = 1,      /* it may be dropped, until it is stored to; access stays */
    PW_UNDO_RESET = 2, /* it may not any more */
    PW_OFFER = 3,      /* it may be dropped, and nobody can access it */
    PW_RECLAIM = 4,    /* it may not, and access is as before */
    PW_DISCARD = 5     /* it is not wanted */
} pw_fate;

/* Lets the system have content that can be made again, or takes it back. *intact: whether all of
 * it is there; or NULL. PW_ERR_ZERO_SIZE, PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE, PW_ERR_MISALIGNED;
 * PW_ERR_NOT_RESERVED, PW_ERR_NOT_COMMITTED, PW_ERR_CONFLICT (a view), PW_ERR_FIXED,
 * PW_ERR_BAD_PROTECTION for what is there. */
pw_code pw_recycle(pw_process *process, uint64_t at, uint64_t size, pw_fate fate, bool *intact,
                   pw_error *error);

/* ------------------------------------------------------------------------------------------
 * Guards: pages with PW_GUARD
 *
 * The next access to such a page meets the guard, once: the guard is gone, what the page holds
 * is kept, somebody is told, and the access is made again. In this process the functions given to
 * pw_guard_add() are told; then the handler of SIGSEGV that the program had before, which only
 * has to return. If there is nobody, the process ends by SIGSEGV.
 */

typedef enum pw_access {
    PW_ACCESS_READ = 0,
    PW_ACCESS_WRITE = 1,
    PW_ACCESS_EXECUTE = 8 /* in other processes: told as PW_ACCESS_READ */
} pw_access;

/* A guard that was met. What is not known is 0. */
typedef struct pw_guard_hit {
    uint32_t struct_size;
    pw_access access;
    uint64_t address;         /* the byte that was accessed */
    uint64_t ip;              /* the instruction; this process only */
    uint64_t number;          /* counted from 1 since the attach; other processes only */
    uint64_t time_ns;         /* CLOCK_MONOTONIC; other processes only */
    uint32_t thread;          /* as numbered there; other processes only */
    pw_protection protection; /* what the page permits now; this process only */
} pw_guard_hit;

typedef enum pw_verdict {
    PW_PASS = 0,    /* somebody else is to be asked */
    PW_CONTINUE = 1 /* the access is made again */
} pw_verdict;

/* Is told of a guard of this process, on the thread that met it, inside of the signal handler.
 * It may call this library (not if a signal handler met the guard that had interrupted such
 * a call: PW_ERR_BUSY); that takes 64 KiB of stack. Otherwise the rules of signal handlers hold. */
typedef pw_verdict (*pw_guard_function)(const pw_guard_hit *hit, void *user);

/* A function that is told; 0 is none. */
typedef uint64_t pw_guard_handler;

/* Has a function told of every guard of this process that is met from now on, after those that were
 * added before. `user` is handed to it. *handler: for pw_guard_remove(); or NULL. PW_ERR_NO_ROOM:
 * there are 64. */
pw_code pw_guard_add(pw_guard_function function, void *user, pw_guard_handler *handler, pw_error *error);

/* Has it told of no more. A call of it that has begun on another thread goes on, so what `user`
 * points to must outlive that. PW_ERR_BAD_HANDLE: it was removed already, or never was. Signal-safe
 * if it is there. */
pw_code pw_guard_remove(pw_guard_handler handler, pw_error *error);

/* How guards of this process are noticed. */
typedef enum pw_delivery {
    PW_DELIVER_BY_SIGNAL = 1,    /* a handler of SIGSEGV, in front of the program's */
    PW_DELIVER_BY_USERFAULT = 2, /* a thread that the kernel tells; nobody is told of it here */
    PW_DELIVER_OFF = 3           /* not at all: armed pages are inaccessible */
} pw_delivery;

/* Chooses that for guards that are armed from now on, instead of PAGEWRIGHT_GUARD; best before
 * the first one. PW_ERR_BAD_ARGUMENT. */
pw_code pw_guard_set_delivery(pw_delivery delivery, pw_error *error);

/* What was chosen. */
pw_delivery pw_guard_get_delivery(void);

/* How another process learns of its guards. */
typedef enum pw_guard_delivery {
    PW_TELL_PROGRAM = 0, /* by its own handler of SIGSEGV; one without ends by it */
    PW_TELL_CALLER = 1   /* not at all: only who asks with pw_process_guard_hits() learns of it */
} pw_guard_delivery;

/* Chooses that, for all its guards, from now on. Attaches. PW_ERR_UNSUPPORTED: the calling process. */
pw_code pw_process_set_guard_delivery(pw_process *process, pw_guard_delivery delivery, pw_error *error);

/* Is told of one guard that was met; false: no more of them. */
typedef bool (*pw_guard_hit_function)(const pw_guard_hit *hit, void *user);

/* Tells who has met which guard of another process since this handle was last asked: at once if
 * anybody has, else with the first, else after `patience_ms` milliseconds with none. Its last 256
 * are kept. *lost: how many more there were; or NULL. Nobody who meets a guard waits for this.
 * PW_ERR_GONE: it has ended or is not attached. PW_ERR_UNSUPPORTED: the calling process. */
pw_code pw_process_guard_hits(pw_process *process, uint64_t patience_ms, pw_guard_hit_function visit,
                              void *user, uint64_t *lost, pw_error *error);

/* ------------------------------------------------------------------------------------------
 * Frames of physical memory: taken once, mapped into windows (PW_PAGES_WINDOW) one page at a
 * time. Needs the privilege to lock pages.
 */

#define PW_ANY_NODE UINT32_MAX

/* Takes frames. *count: how many are wanted, and room for in `frames`; afterwards how many were
 * taken, perhaps fewer. They belong to the process until they are given back or it ends.
 * PW_ERR_PRIVILEGE, PW_ERR_ZERO_SIZE, PW_ERR_NO_NODE, PW_ERR_COMMIT_LIMIT, PW_ERR_NO_OBJECT. */
pw_code pw_frames_take(pw_process *process, uint32_t node, uint64_t *frames, size_t *count, pw_error *error);

/* Gives frames back; those that are mapped are unmapped first. PW_ERR_ZERO_SIZE,
 * PW_ERR_BAD_FRAME. */
pw_code pw_frames_give(pw_process *process, const uint64_t *frames, size_t count, pw_error *error);

/* Maps frames, one per page from `at` on, instead of what is there; or unmaps `count` pages.
 * PW_ERR_ZERO_SIZE, PW_ERR_BAD_ADDRESS, PW_ERR_BAD_SIZE; PW_ERR_NOT_RESERVED: not a window;
 * PW_ERR_BAD_FRAME: not owned, named twice, or mapped elsewhere; PW_ERR_MAP_BUDGET. */
pw_code pw_frames_map(pw_process *process, uint64_t at, const uint64_t *frames, size_t count, pw_error *error);
pw_code pw_frames_unmap(pw_process *process, uint64_t at, uint64_t count, pw_error *error);

/* ------------------------------------------------------------------------------------------
 * Settings of the library
 */

/* Leaves SIGSEGV to the program from now on, whatever is called: what it does about the signal is
 * neither changed nor looked at. PAGEWRIGHT_SIGSEGV=leave in the environment says the same. There is
 * no way back. To be called first. Then guards are delivered by PW_DELIVER_BY_USERFAULT, or armed
 * pages are just inaccessible where the kernel has no userfaultfd; watched memory is refused where the
 * kernel has no better way; faults are neither told to vectored exception handlers nor as Mach does.
 * PW_ERR_INTERNAL only. */
pw_code pw_leave_sigsegv(void);

/* Whether it is left alone. */
bool pw_leaves_sigsegv(void);

/* Whether this process may use large pages and frames of physical memory: with CAP_IPC_LOCK, with no
 * limit of locked memory (RLIMIT_MEMLOCK), or as PAGEWRIGHT_LOCK_PAGES says. Asked anew each time. */
bool pw_may_lock_pages(void);

#ifdef __cplusplus
}
#endif

#endif
