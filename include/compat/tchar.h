/*
 * TCHAR texts. Without UNICODE they are char texts, and the names here are those of the C library. With UNICODE they have
 * 16-bit characters, for which the Linux C library has no functions: then only the types, _T and the few calls below are here.
 */
#ifndef PW_TCHAR_H
#define PW_TCHAR_H

#include "winnt.h"

typedef TCHAR _TCHAR;
typedef CHAR _TSCHAR;

#ifndef _T
#define _T(text) __TEXT(text)
#define _TEXT(text) __TEXT(text)
#endif

#ifdef UNICODE
typedef WCHAR _TUCHAR, _TXCHAR;
typedef int _TINT;
#define _TEOF (-1)
/* Characters before the 0. */
PW_INLINE size_t _tcslen(const WCHAR *text)
{
    size_t length = 0;
    while (text[length] != 0) {
        length++;
    }
    return length;
}
/* Less than, equal to or greater than 0, by the numbers of the characters. */
PW_INLINE int _tcscmp(const WCHAR *a, const WCHAR *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return (int)*a - (int)*b;
}
#else
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
typedef unsigned char _TUCHAR;
typedef CHAR _TXCHAR;
typedef int _TINT;
#define _TEOF EOF
#define _tmain main
#define _tprintf printf
#define _ftprintf fprintf
#define _stprintf sprintf
#define _sntprintf snprintf
#define _vtprintf vprintf
#define _vftprintf vfprintf
#define _vsntprintf vsnprintf
#define _tscanf scanf
#define _stscanf sscanf
#define _puttc putc
#define _puttchar putchar
#define _fputts fputs
#define _putts puts
#define _fgetts fgets
#define _gettc getc
#define _gettchar getchar
#define _tfopen fopen
#define _tcslen strlen
#define _tcsnlen strnlen
#define _tcscpy strcpy
#define _tcsncpy strncpy
#define _tcscat strcat
#define _tcsncat strncat
#define _tcscmp strcmp
#define _tcsncmp strncmp
#define _tcsicmp strcasecmp
#define _tcsnicmp strncasecmp
#define _tcschr strchr
#define _tcsrchr strrchr
#define _tcsstr strstr
#define _tcsspn strspn
#define _tcscspn strcspn
#define _tcspbrk strpbrk
#define _tcstok strtok
#define _tcsdup strdup
#define _tcstol strtol
#define _tcstoul strtoul
#define _tcstoi64 strtoll
#define _tcstoui64 strtoull
#define _tcstod strtod
#define _ttoi atoi
#define _ttol atol
#define _ttoi64 atoll
#define _tstoi atoi
#define _tstof atof
#define _tgetenv getenv
#define _istalpha isalpha
#define _istdigit isdigit
#define _istxdigit isxdigit
#define _istspace isspace
#define _istprint isprint
#define _istupper isupper
#define _istlower islower
#define _totupper toupper
#define _totlower tolower
#endif

#endif
