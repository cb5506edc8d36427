#include "dice.h"

static uint64_t state;

void dice_seed(uint64_t seed)
{
    /* Seeds that follow each other are to be far apart: the counter is mixed otherwise than it steps. */
    state = (seed + 1) * UINT64_C(0xd1342543de82ef95);
    state = roll() ^ UINT64_C(0x632be59bd9b4e019);
}

/* SplitMix64: a counter, and a mixing of its bits. */
uint64_t roll(void)
{
    uint64_t mixed = state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

unsigned below(unsigned end)
{
    return (unsigned)((roll() >> 32) % end);
}

int chance(unsigned percent)
{
    return below(100) < percent;
}
