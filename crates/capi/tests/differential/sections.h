/* Sections of the page file that a seed made. */
#ifndef DIFFERENTIAL_SECTIONS_H
#define DIFFERENTIAL_SECTIONS_H

#include "platform.h"

enum { SECTIONS = 3 };

/* Closes all of them. */
void sections_close(void);
/* One that is open, or NULL. */
HANDLE section_any(void);

#endif
