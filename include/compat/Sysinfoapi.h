/* Another spelling of the name. */
#include "sysinfoapi.h"
