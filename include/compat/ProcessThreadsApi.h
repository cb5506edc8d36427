/* Another spelling of the name. */
#include "processthreadsapi.h"
