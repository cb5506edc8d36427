/* Truth values of the Mach calls. */
#ifndef PAGEWRIGHT_MACH_BOOLEAN_H
#define PAGEWRIGHT_MACH_BOOLEAN_H

/* TRUE or FALSE; as an argument, any other value counts as TRUE. */
typedef unsigned int boolean_t;

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

#endif
