/* What a call is given: mostly sensible, sometimes not. */
#ifndef DIFFERENTIAL_PICK_H
#define DIFFERENTIAL_PICK_H

#include "slots.h"

/* An address in the slot. */
uintptr_t pick_address(const struct slot *slot);
/* A range; most of the time one that lies in a run of such a state. */
uintptr_t pick_range(const struct slot *slot, DWORD state, uint64_t *size);
/* A size that suits the address, or does not. */
uint64_t pick_size(const struct slot *slot, uintptr_t at);
/* A state that memory to allocate is in. */
DWORD pick_state(void);
/* A protection that private memory may have, most of the time. */
DWORD pick_protect(void);
/* Any protection and any type at all: some are served by one of the two systems only. */
DWORD pick_odd_protect(void);
DWORD pick_odd_type(void);
/* Allocation types for what is at the address. */
DWORD pick_type(const struct slot *slot, uintptr_t at);
/* A page of the slot whose run is committed; -1: none was found. */
int pick_committed(const struct slot *slot);
/* A wrong word with this many bits. */
uint64_t pick_wild(unsigned bits);
/* The low bits of a range from `at`, `size` bytes, cut so that it ends inside the slot. */
uint64_t keep_inside(const struct slot *slot, uintptr_t at, uint64_t size);

#endif
