/* As GNU Mach places it. */
#include <mach/mach_error.h>
