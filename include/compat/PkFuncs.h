/* Another spelling of the name. */
#include "pkfuncs.h"
