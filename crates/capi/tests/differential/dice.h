/* The same numbers everywhere: a small generator that depends on nothing but its seed. */
#ifndef DIFFERENTIAL_DICE_H
#define DIFFERENTIAL_DICE_H

#include <stddef.h>
#include <stdint.h>

/* Starts anew: the same seed, the same numbers. */
void dice_seed(uint64_t seed);
uint64_t roll(void);
/* A number from 0 to `end` - 1. */
unsigned below(unsigned end);
/* Whether something happens that does so in `percent` of all cases. */
int chance(unsigned percent);

#define ANY_OF(list) ((list)[below((unsigned)(sizeof(list) / sizeof((list)[0])))])

#endif
