/* The output: one line per call, `NUMBER CALL = RESULT ; WALK`. */
#ifndef DIFFERENTIAL_SAY_H
#define DIFFERENTIAL_SAY_H

#include "platform.h"

#if defined(__GNUC__) && !defined(__clang__) && defined(_WIN32)
#define SAYS __attribute__((format(gnu_printf, 1, 2)))
#else
#define SAYS __attribute__((format(printf, 1, 2)))
#endif

void say(const char *format, ...) SAYS;
void say_flush(void);

/* The last error is set to a mark before each Win32 call: a success must leave it there. */
enum { MARK = 0xDEAD };

/* Says the last error, or nothing if it is still the mark. */
void say_error(void);
/* Says what a BOOL call answered, with the error. */
void say_bool(BOOL answer);
void say_status(NTSTATUS status);

#define HEX "%llx"
#define HEXED(number) ((unsigned long long)(number))

#endif
