/* Another spelling of the name. */
#include "heapapi.h"
