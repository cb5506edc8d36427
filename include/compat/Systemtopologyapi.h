/* Another spelling of the name. */
#include "systemtopologyapi.h"
