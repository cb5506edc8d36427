//! vm_protect: rows P.

mod mach_support;

use mach_support::fault::{BUS, End, load, store};
use mach_support::{
    ADDR, ALL, ARG, COPY, L, LAST, NONE, NOSPC, P, PROT, R, RW, RX, TOP, W, X, arena, here, here_and_there,
    pattern,
};
use pagewright::Memory;
use pagewright::mach::{VM_FLAGS_PERMANENT, VM_PROT_COPY};

// Rows: P1
#[test]
fn p01_no_bytes_are_protected_already() {
    here_and_there(|on| {
        for at in [0, 1, P + 1, TOP, LAST, u64::MAX] {
            for prot in [NONE, RW, ALL, 8, -1] {
                assert_eq!(on.protect(at, 0, prot), Ok(()), "{at:#x} {prot}");
                assert_eq!(on.restrict(at, 0, prot), Ok(()), "{at:#x} {prot}");
            }
        }
    });
}

// Rows: P2
#[test]
fn p02_other_bits_are_an_argument() {
    here_and_there(|on| {
        let at = on.fresh(P);
        for prot in [8, 0x20, 0x40, 0x100, i32::MIN, -1] {
            assert_eq!(on.protect(at, P, prot), Err(ARG), "{prot:#x}");
            assert_eq!(on.restrict(at, P, prot), Err(ARG), "{prot:#x}");
        }
        assert_eq!(on.at(at).cur, RW);
        on.free(at, P);
    });
}

// Rows: P3
#[test]
fn p03_above_any_maximum_nothing_changes_anywhere() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        assert_eq!(on.restrict(at + P, P, R), Ok(()));
        assert_eq!(on.protect(at, 3 * P, RW), Err(PROT));
        assert_eq!(on.protect(at, 3 * P, RX), Err(PROT));
        let rights: Vec<i32> = (0..3).map(|page| on.at(at + page * P).cur).collect();
        assert_eq!(rights, [RW, R, RW]);
        assert_eq!(on.protect(at, 3 * P, NONE), Ok(()), "less is always possible");
        assert_eq!(on.protect(at, 3 * P, R), Ok(()), "and back to the maximum");
        on.free(at, 3 * P);
    });
}

// Rows: P4
#[test]
fn p04_a_maximum_only_shrinks() {
    here_and_there(|on| {
        let at = on.fresh(P);
        assert_eq!(on.restrict(at, P, RW), Ok(()));
        assert_eq!(on.restrict(at, P, ALL), Err(PROT));
        assert_eq!(on.restrict(at, P, R), Ok(()));
        assert_eq!(on.restrict(at, P, RW), Err(PROT));
        assert_eq!(on.restrict(at, P, X), Err(PROT));
        assert_eq!((on.at(at).cur, on.at(at).max), (R, R));
        on.free(at, P);
    });
}

// Rows: P5
#[test]
fn p05_a_maximum_takes_the_current_rights_with_it() {
    here_and_there(|on| {
        let at = on.fresh(P);
        assert_eq!(on.restrict(at, P, RX), Ok(()));
        assert_eq!((on.at(at).cur, on.at(at).max), (R, RX));
        assert_eq!(on.restrict(at, P, NONE), Ok(()));
        assert_eq!((on.at(at).cur, on.at(at).max), (NONE, NONE));
        on.free(at, P);
    });
}

// Rows: P6
#[test]
fn p06_the_first_problem_in_address_order_wins_and_nothing_changes() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 4 * P);
        assert_eq!(on.restrict(at + P, P, R), Ok(()));
        on.free(at + 2 * P, P);
        assert_eq!(on.protect(at, 4 * P, RW), Err(PROT), "the right is missed before the hole");
        assert_eq!(on.protect(at + 2 * P, 2 * P, RW), Err(ADDR), "the hole comes first");
        assert_eq!(on.protect(at, 4 * P, R), Err(ADDR), "only the hole");
        assert_eq!(on.protect(at + 3 * P, 2 * P, R), Err(ADDR), "a hole at the end");
        assert_eq!(on.protect(at + 3 * P, P + 1, R), Err(ADDR), "of which one byte is touched");
        assert_eq!((on.at(at).cur, on.at(at + 3 * P).cur), (RW, RW));
        on.free(at, 4 * P);
    });
}

// Rows: P7
#[test]
fn p07_where_nothing_begins_is_no_address() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), P);
        assert_eq!(on.protect(at - P, 2 * P, R), Err(ADDR));
        assert_eq!(on.protect(0, P, R), Err(ADDR));
        assert_eq!(on.protect(TOP, P, R), Err(ADDR));
        assert_eq!(on.protect(1 << 60, P, R), Err(ADDR));
        assert_eq!(on.at(at).cur, RW);
        on.free(at, P);
    });
}

// Rows: P8
#[test]
fn p08_ranges_that_wrap_around_are_an_argument() {
    here_and_there(|on| {
        assert_eq!(on.protect(P, LAST, R), Err(ARG), "beyond 64 bits");
        assert_eq!(on.protect(LAST, P - 1, R), Err(ARG), "the end rounds to 0");
        assert_eq!(on.protect(0, LAST + 1, R), Err(ADDR), "the same from the first page");
        assert_eq!(on.restrict(u64::MAX, u64::MAX, R), Err(ARG));
    });
}

// Rows: P9
#[test]
fn p09_every_page_touched_is_protected() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        assert_eq!(on.protect(at + P - 1, 2, R), Ok(()));
        let rights: Vec<i32> = (0..3).map(|page| on.at(at + page * P).cur).collect();
        assert_eq!(rights, [R, R, RW]);
        on.free(at, 3 * P);
    });
}

// Rows: P10
#[test]
fn p10_a_private_copy_may_be_stored_to_whatever_the_maximum_was() {
    here_and_there(|on| {
        for size in [P, L] {
            let at = on.fresh(size);
            let bytes = on.fill(at, size, 4);
            assert_eq!(on.inherit(at, size, 2), Ok(()));
            assert_eq!(on.behave(at, size, 2), Ok(()));
            assert_eq!(on.restrict(at, size, R), Ok(()));
            assert_eq!(on.protect(at, size, RW), Err(PROT));
            assert_eq!(on.protect(at, size, RX | VM_PROT_COPY), Err(PROT), "it adds stores only");
            assert_eq!(on.protect(at, size, RW | VM_PROT_COPY), Ok(()));
            let region = on.at(at);
            assert_eq!((region.cur, region.max), (RW, RW));
            assert_eq!((region.inherit, region.behavior), (2, 2), "the rest stays");
            on.reads(at, &bytes);
            on.store(at, b"mine");
            on.free(at, size);
        }
    });
}

// Rows: P10
#[test]
fn p10_the_copy_is_private_to_the_range() {
    here(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 4);
        let again = on.again(at, L, false);
        assert_eq!(on.protect(again, L, RW | VM_PROT_COPY), Ok(()));
        on.store(again, b"mine");
        on.reads(at, &bytes);
        on.store(at + P, b"yours");
        on.reads(again + P, &bytes[P as usize..][..16]);
        on.free(at, L);
        on.free(again, L);
    });
}

// Rows: P10
#[test]
fn p10_memory_that_cannot_be_read_keeps_its_bytes_too() {
    here(|on| {
        let at = on.fresh(2 * P);
        let bytes = on.fill(at, 2 * P, 8);
        assert_eq!(on.protect(at, P, NONE), Ok(()));
        assert_eq!(on.protect(at, 2 * P, R | VM_PROT_COPY), Ok(()));
        on.reads(at, &bytes);
        on.free(at + P, P);
        assert_eq!(on.protect(at, 2 * P, R | VM_PROT_COPY), Err(ADDR), "a hole");
        on.free(at, P);
    });
}

// Rows: P10
#[test]
fn p10_a_permanent_mapping_is_not_copied() {
    here(|on| {
        let at = on.allocate(arena(), P, VM_FLAGS_PERMANENT).expect("it is free");
        assert_eq!(on.protect(at, P, R | VM_PROT_COPY), Err(NOSPC));
        assert_eq!((on.at(at).cur, on.at(at).max), (RW, ALL));
    });
}

// Rows: P12
#[test]
fn p12_stores_alone_are_reported_and_let_nothing_through() {
    here_and_there(|on| {
        let at = on.fresh(P);
        on.fill(at, P, 1);
        assert_eq!(on.protect(at, P, W), Ok(()));
        assert_eq!(on.at(at).cur, W);
        assert_eq!(on.process.write(at, b"x"), Ok(0), "no store reaches it");
        on.reads(at, &pattern(P, 1));
        on.free(at, P);
    });
    here(|on| {
        let at = on.fresh(P);
        assert_eq!(on.protect(at, P, W), Ok(()));
        assert_eq!((load(at), store(at)), (End::Signal(BUS), End::Signal(BUS)));
        on.free(at, P);
    });
}

// Rows: P13
#[test]
fn p13_neighbours_that_are_alike_again_are_one_region() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        assert_eq!(on.protect(at + P, P, R), Ok(()));
        assert_eq!((on.at(at).size, on.at(at + P).size), (P, P));
        assert_eq!(on.protect(at + P, P, RW), Ok(()));
        assert_eq!((on.at(at + P).base, on.at(at).size), (at, 3 * P));
        on.free(at, 3 * P);
    });
}

#[test]
fn protection_keeps_the_bytes_and_everything_else() {
    here_and_there(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 2);
        for prot in [NONE, R, W, X, RX, RW, ALL] {
            assert_eq!(on.protect(at, L, prot), Ok(()));
            let region = on.at(at);
            assert_eq!((region.cur, region.max, region.inherit), (prot, ALL, COPY));
            on.reads(at, &bytes);
        }
        on.free(at, L);
    });
}

#[test]
fn memory_of_the_program_itself_can_be_protected() {
    here(|on| {
        let heap = vec![0x5a_u8; 4 * P as usize];
        let at = (heap.as_ptr() as u64).next_multiple_of(P);
        assert_eq!(on.protect(at, P, R), Ok(()));
        assert_eq!(on.at(at).cur, R);
        assert_eq!(store(at), End::Signal(BUS));
        assert_eq!(on.protect(at, P, RW), Ok(()));
        assert_eq!(heap[0], 0x5a);
    });
}
