/* The basic types of Win32, under the older name of the header. */
#ifndef _WINDEF_
#define _WINDEF_

#include "minwindef.h"

#endif
