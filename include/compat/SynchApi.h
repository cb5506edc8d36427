/* Another spelling of the name. */
#include "synchapi.h"
