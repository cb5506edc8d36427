/* Another spelling of the name. */
#include "basetsd.h"
