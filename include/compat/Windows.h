/* Another spelling of the name. */
#include "windows.h"
