/* As GNU Mach and NeXT place it. */
#include <mach/mach.h>
