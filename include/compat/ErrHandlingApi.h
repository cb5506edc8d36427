/* Another spelling of the name. */
#include "errhandlingapi.h"
