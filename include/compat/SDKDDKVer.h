/* Another spelling of the name. */
#include "sdkddkver.h"
