/* Another spelling of the name. */
#include "specstrings.h"
