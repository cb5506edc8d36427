/* Another spelling of the name. */
#include "tchar.h"
