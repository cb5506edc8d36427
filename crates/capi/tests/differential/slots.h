/*
 * Slots: windows of addresses in which the calls happen, at the same place in every run, with
 * reserved memory between them. Everything that is said of addresses is relative to a slot.
 */
#ifndef DIFFERENTIAL_SLOTS_H
#define DIFFERENTIAL_SLOTS_H

#include "platform.h"

enum {
    PAGE = 0x1000,
    GRANULE = 0x10000,
    PAGES = 64,
    SPAN = PAGES * PAGE,
    OWN_SLOTS = 4,
    OTHER_SLOTS = 2,
    SLOTS = OWN_SLOTS + OTHER_SLOTS,
    WALK_SIZE = 2048
};

/* Pages of a slot that answer a query alike. */
struct run {
    unsigned first, pages;
    int base; /* page of the allocation base; -1: none */
    DWORD state, protect, allocation_protect, type;
};

struct slot {
    char *base;
    HANDLE process;
    unsigned index;
    unsigned pages;   /* fewer than PAGES if the system chose the place */
    uint64_t vague;   /* pages whose bytes may be this or that */
    uint64_t locked;  /* pages that are locked by the documented rules */
    struct run runs[PAGES];
    unsigned count;
    char said[WALK_SIZE];
};

extern struct slot slots[SLOTS];

/* Lays down the fences, in this process or in the other. */
void slots_start(void);
void slots_start_other(void);

/* Asks for every run of the slot. */
void slot_look(struct slot *slot);
/* Says the runs and what the bytes are, if that was not said last. */
void slot_walk(struct slot *slot);
/* Releases and unmaps all that is in the slot. */
void slot_clear(struct slot *slot);
/* The slots that a seed used are as at the start. */
void slots_clear(void);

int slot_is_own(const struct slot *slot);
/* The run that holds a page. */
const struct run *slot_run(const struct slot *slot, unsigned page);
/* Says what is in a range, in short: states, protections, whether it holds several allocations. */
void slot_summary(const struct slot *slot, uintptr_t at, uint64_t size);
/* Says an address, relative to the slot. */
void say_address(const struct slot *slot, uintptr_t at);

/* Starts a line: the number of the call and its name. Ends it: the walk. */
void call_begin(struct slot *slot, const char *name);
void call_end(struct slot *slot);
/* Empties the slot and lays out what is the same every time: 16 pages reserved, 4 of them committed. */
void slot_lay(struct slot *slot);
/* As call_end, for calls after which the two systems may differ: the slots are emptied. */
void call_end_spoilt(struct slot *slot);
void calls_restart(void);
/* How many calls were made since. */
unsigned calls_made(void);

int is_readable(DWORD protect);
int is_writable(DWORD protect);

#endif
