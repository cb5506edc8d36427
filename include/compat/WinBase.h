/* Another spelling of the name. */
#include "winbase.h"
