/* Another spelling of the name. */
#include "securitybaseapi.h"
