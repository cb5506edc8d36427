/* Another spelling of the name. */
#include "ceddk.h"
