/* Another spelling of the name. */
#include "libloaderapi.h"
