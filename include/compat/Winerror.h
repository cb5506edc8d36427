/* Another spelling of the name. */
#include "winerror.h"
