/* Another spelling of the name. */
#include "handleapi.h"
