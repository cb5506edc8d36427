/* Another spelling of the name. */
#include "ntstatus.h"
