/* Another spelling of the name. */
#include "minwindef.h"
