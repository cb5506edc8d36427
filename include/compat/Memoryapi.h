/* Another spelling of the name. */
#include "memoryapi.h"
