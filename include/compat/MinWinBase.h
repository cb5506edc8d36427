/* Another spelling of the name. */
#include "minwinbase.h"
