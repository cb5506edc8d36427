/* Another spelling of the name. */
#include "sal.h"
