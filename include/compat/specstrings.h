/* Annotations of arguments, under the other name of the header. */
#ifndef PW_SPECSTRINGS_H
#define PW_SPECSTRINGS_H

#include "sal.h"

#endif
