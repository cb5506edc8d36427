/* Another spelling of the name. */
#include "psapi.h"
