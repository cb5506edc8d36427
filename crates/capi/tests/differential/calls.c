/*
 * Generated calls of the memory family, and everything that they answer: compiled for Windows and
 * run under Wine, compiled for Linux and run on libpagewright, the output is to be the same.
 *
 *     calls FIRST LAST     the seeds from FIRST to LAST
 *
 * Every line is one call: its number in the seed, the call with what it was given, [what was in the
 * range before], what it answered, and what is in the slot afterwards if that changed.
 */
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "platform.h"
#include "say.h"
#include "slots.h"
#include "verbs.h"

enum { CALLS = 110 };

struct choice {
    verb *verb;
    unsigned weight;
};

/* What a seed does: how likely each verb is, and where. */
struct theme {
    const char *name;
    int in_other;
    struct choice choices[24];
};

static const struct theme themes[] = {
    {"plain", 0, {{do_allocate, 30}, {do_free, 14}, {do_protect, 16}, {do_query, 8}, {do_poke, 10}, {do_access, 6},
                  {do_read, 5}, {do_write, 3}, {do_roam, 4}, {do_region, 2}, {do_odd_allocate, 4},
                  {do_odd_protect, 2}}},
    {"native", 0, {{do_nt_allocate, 30}, {do_nt_free, 16}, {do_nt_protect, 14}, {do_nt_query, 8}, {do_poke, 10},
                   {do_access, 6}, {do_read, 5}, {do_write, 3}, {do_nt_roam, 6}, {do_region, 2}, {do_status, 2}}},
    {"mixed", 0, {{do_allocate, 15}, {do_free, 7}, {do_protect, 8}, {do_query, 4}, {do_nt_allocate, 15},
                  {do_nt_free, 8}, {do_nt_protect, 8}, {do_nt_query, 4}, {do_poke, 10}, {do_access, 6},
                  {do_bad_handle, 4}, {do_bad_place, 4}, {do_bad_pointer, 4}, {do_region, 2}, {do_odd_allocate, 3},
                  {do_odd_protect, 2}, {do_partial_release, 2}, {do_odd_write, 2},
                  {do_odd_guard, 2}}},
    {"watch", 0, {{do_watch_allocate, 14}, {do_watch_get, 22}, {do_watch_reset, 10}, {do_poke, 30}, {do_allocate, 6},
                  {do_protect, 8}, {do_watch_release, 3}, {do_watch_decommit, 2}, {do_watch_copy, 2}}},
    {"locks", 0, {{do_lock, 22}, {do_unlock, 18}, {do_allocate, 22}, {do_nt_allocate, 8}, {do_free, 8},
                  {do_protect, 10}, {do_access, 4}}},
    {"sections", 0, {{do_section_create, 12}, {do_section_close, 3}, {do_section_query, 5}, {do_view_map, 16},
                     {do_nt_view_map, 16}, {do_view_unmap, 10}, {do_view_store, 14}, {do_protect, 12},
                     {do_allocate, 10}, {do_free, 6}, {do_query, 4}, {do_access, 6}, {do_nt_free, 3},
                     {do_nt_protect, 4}, {do_read, 3}, {do_write, 3}, {do_region, 2}, {do_copy_on_write, 2},
                     {do_reserved_store, 1}, {do_reserved_commit, 2}}},
    {"other", 1, {{do_allocate, 24}, {do_nt_allocate, 10}, {do_free, 12}, {do_nt_free, 6}, {do_protect, 12},
                  {do_nt_protect, 6}, {do_query, 6}, {do_poke, 10}, {do_read, 8}, {do_write, 8}, {do_rights, 8}, {do_odd_allocate, 2}, {do_odd_write, 2}}},
};

static void run_choice(const struct theme *theme)
{
    unsigned total = 0, at;
    unsigned first = theme->in_other ? OWN_SLOTS : 0;
    struct slot *slot = &slots[first + below(2)];

    for (unsigned i = 0; theme->choices[i].verb; i++)
        total += theme->choices[i].weight;
    at = below(total);
    for (unsigned i = 0; theme->choices[i].verb; i++) {
        if (at < theme->choices[i].weight) {
            theme->choices[i].verb(slot);
            return;
        }
        at -= theme->choices[i].weight;
    }
}

static void run_seed(unsigned seed)
{
    const struct theme *theme = &themes[seed % (sizeof themes / sizeof themes[0])];

    say("seed %u %s\n", seed, theme->name);
    dice_seed(seed);
    calls_restart();
    if (theme->in_other) {
        platform_other();
        slots_start_other();
    }
    slots_clear();
    while (calls_made() < CALLS)
        run_choice(theme);
    slots_clear();
}

int main(int count, char **words)
{
    unsigned first, last;

    if (count == 2 && !strcmp(words[1], "--other"))
        return be_the_other_process();
    if (count != 3)
        return 2;
    first = (unsigned)strtoul(words[1], NULL, 10);
    last = (unsigned)strtoul(words[2], NULL, 10);
    platform_start();
    SetProcessWorkingSetSize(GetCurrentProcess(), 8 << 20, 64 << 20); /* for locks */
    slots_start();
    for (unsigned seed = first; seed <= last; seed++)
        run_seed(seed);
    say_flush();
    platform_end();
    return 0;
}
