/* Another spelling of the name. */
#include "excpt.h"
