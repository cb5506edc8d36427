/* Every verb makes one call in a slot, and says it. */
#ifndef DIFFERENTIAL_VERBS_H
#define DIFFERENTIAL_VERBS_H

#include "slots.h"

typedef void verb(struct slot *slot);

/* memory.c */
int holds_reserved_view(const struct slot *slot, uintptr_t at, uint64_t size);
void note_reset(struct slot *slot, uintptr_t at, uint64_t size);
verb do_allocate, do_free, do_protect, do_query;
/* native.c */
verb do_nt_allocate, do_nt_free, do_nt_protect, do_nt_query;
/* bytes.c */
verb do_poke, do_access, do_read, do_write;
/* watch.c */
verb do_watch_allocate, do_watch_release, do_watch_get, do_watch_reset;
verb do_watch_decommit, do_watch_copy;
/* lock.c */
verb do_lock, do_unlock;
/* sections.c */
verb do_section_create, do_section_close, do_section_query;
verb do_view_map, do_nt_view_map, do_view_unmap, do_view_store;
/* roam.c */
verb do_roam, do_nt_roam;
/* status.c */
verb do_status, do_region;
/* wrong.c */
verb do_bad_handle, do_bad_place, do_bad_pointer;
/* alone.c */
verb do_odd_allocate, do_odd_protect, do_partial_release, do_odd_write, do_odd_guard;
verb do_copy_on_write, do_reserved_store, do_reserved_commit;
/* other.c */
verb do_rights;

#endif
