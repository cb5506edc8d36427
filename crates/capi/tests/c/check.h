/* What the test programs say when something is not as it should be. */
#ifndef PAGEWRIGHT_TESTS_CHECK_H
#define PAGEWRIGHT_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>

/* Ends the program, with a sentence, unless the condition holds. */
#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

/* The same for two numbers, and shows them. */
#define CHECK_EQUAL(left, right)                                                                \
    do {                                                                                        \
        unsigned long long check_left = (unsigned long long)(left);                             \
        unsigned long long check_right = (unsigned long long)(right);                           \
        if (check_left != check_right) {                                                        \
            fprintf(stderr, "%s:%d: %s is %#llx, not %s (%#llx)\n", __FILE__, __LINE__, #left, \
                    check_left, #right, check_right);                                           \
            exit(1);                                                                            \
        }                                                                                       \
    } while (0)

#endif
