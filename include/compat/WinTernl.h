/* Another spelling of the name. */
#include "winternl.h"
