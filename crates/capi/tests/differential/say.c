#define __USE_MINGW_ANSI_STDIO 1
#include <stdarg.h>
#include <stdio.h>

#include "say.h"

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

static char buffer[1 << 16];
static size_t used;

void say(const char *format, ...)
{
    va_list list;
    int length;

    if (sizeof buffer - used < 4096)
        say_flush();
    va_start(list, format);
    length = vsnprintf(buffer + used, sizeof buffer - used, format, list);
    va_end(list);
    if (length > 0)
        used += (size_t)length < sizeof buffer - used ? (size_t)length : sizeof buffer - used - 1;
}

void say_flush(void)
{
#ifdef _WIN32
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    fwrite(buffer, 1, used, stdout);
    fflush(stdout);
    used = 0;
}

void say_error(void)
{
    DWORD error = GetLastError();

    if (error != MARK)
        say(" e=%u", (unsigned)error);
}

void say_bool(BOOL answer)
{
    say("%s", answer ? "TRUE" : "FALSE");
    say_error();
}

void say_status(NTSTATUS status)
{
    say("%08X", (unsigned)status);
}
