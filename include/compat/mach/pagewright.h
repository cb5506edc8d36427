/* What Mach does not have: settings of this process, for all threads. No source written for Mach needs
 * them. */
#ifndef PAGEWRIGHT_MACH_PAGEWRIGHT_H
#define PAGEWRIGHT_MACH_PAGEWRIGHT_H

#include <mach/boolean.h>
#include <mach/kern_return.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which contract is kept where they differ. At the beginning that of the specification page: copies to
 * the byte, protection failures are that at every size. */
#define PW_MACH_PROFILE_DOC 0
/* vm_copy and vm_write take whole pages only, else KERN_INVALID_ARGUMENT. */
#define PW_MACH_PROFILE_GNUMACH 1
/* A protection failure in a copy, read or write of up to 16 KiB is KERN_INVALID_ADDRESS. */
#define PW_MACH_PROFILE_XNU 2

/* Chooses it for the calls that begin afterwards. KERN_INVALID_ARGUMENT for another number. */
kern_return_t PwMachSetProfile(int profile);
/* The number of the one that is kept now. */
int PwMachGetProfile(void);

/* Whether vm_remap without `copy`, and memory entries, may share memory that the program or a library has
 * mapped itself: heap, static data, stacks. At the beginning they may not. Memory that was shared so is
 * shared with forked children from then on, which a heap does not survive: do not fork then. */
void PwMachAllowForeignSources(boolean_t allow);

/* Whether forbidden memory is SIGBUS, and missing memory SIGSEGV, as on Mach; otherwise both are SIGSEGV,
 * as on Linux, and no handler is put in place. On at the beginning, from the first call on the own task. A
 * program that handles SIGSEGV for memory of its own making turns it off, or on before it installs its
 * handler. Not for signal handlers. */
void PwMachSetFaultSignals(boolean_t on);

#ifdef __cplusplus
}
#endif

#endif
