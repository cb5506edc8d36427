/* Codes in words. Safe in every thread. */
#ifndef PAGEWRIGHT_MACH_MACH_ERROR_H
#define PAGEWRIGHT_MACH_MACH_ERROR_H

#include <mach/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a code means, in English, such as "(os/kern) no space available". It lives as long as the
 * program, is not to be freed or changed, and is never null. */
char *mach_error_string(mach_error_t error_value);

/* Which part of the system it comes from, such as "(os/kern)". As above. */
char *mach_error_type(mach_error_t error_value);

/* Writes "str: meaning (code in hex)" and a newline to standard error. A null `str` counts as empty. */
void mach_error(const char *str, mach_error_t error_value);

#ifdef __cplusplus
}
#endif

#endif
