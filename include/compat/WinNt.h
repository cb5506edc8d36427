/* Another spelling of the name. */
#include "winnt.h"
