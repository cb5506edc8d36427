/* Another spelling of the name. */
#include "windef.h"
