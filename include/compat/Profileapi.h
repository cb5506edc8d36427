/* Another spelling of the name. */
#include "profileapi.h"
