//! vm_deallocate: rows D.

mod mach_support;

use pagewright::mach::VM_FLAGS_PERMANENT;

use mach_support::fault::{BUS, End, SEGV, load};
use mach_support::{ADDR, ARG, FIXED, L, LAST, P, Sleeper, TOP, Wish, arena, here, here_and_there, pattern};

// Rows: D1
#[test]
fn d01_no_bytes_are_gone_already() {
    here_and_there(|on| {
        for at in [0, 1, P - 1, P + 1, TOP, LAST, u64::MAX] {
            assert_eq!(on.deallocate(at, 0), Ok(()), "{at:#x}");
        }
    });
}

// Rows: D2
#[test]
fn d02_every_page_touched_goes_and_the_rest_stays() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 4 * P);
        on.fill(at, 4 * P, 3);
        on.free(at + P + 1, P);
        let there: Vec<bool> = (0..4).map(|page| !on.is_hole(at + page * P)).collect();
        assert_eq!(there, [true, false, false, true]);
        on.reads(at, &pattern(4 * P, 3)[..P as usize]);
        on.reads(at + 3 * P, &pattern(4 * P, 3)[3 * P as usize..]);
        on.free(at, 4 * P);
    });
}

// Rows: D2
#[test]
fn d02_several_allocations_go_at_once() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 2 * P);
        on.fresh_at(at + 2 * P, L);
        on.fresh_at(at + 4 * L, P);
        on.free(at + P, 4 * L);
        assert!(!on.is_hole(at));
        for gone in [at + P, at + 2 * P, at + L, at + 4 * L] {
            assert!(on.is_hole(gone), "{gone:#x}");
        }
        on.free(at, P);
    });
}

// Rows: D3
#[test]
fn d03_what_is_not_there_does_not_matter() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        on.free(at + P, P);
        assert_eq!(on.deallocate(at + P, P), Ok(()), "already gone");
        assert_eq!(on.deallocate(at, 3 * P), Ok(()), "partly gone");
        assert_eq!(on.deallocate(at, 3 * P), Ok(()), "twice");
        assert_eq!(on.deallocate(arena(), L), Ok(()), "never there");
    });
}

// Rows: D3
#[test]
fn d03_a_task_that_never_had_anything_has_nothing_to_lose() {
    let sleeper = Sleeper::new();
    let opened = sleeper.task();
    assert_eq!(opened.on.deallocate(arena(), L), Ok(()));
    assert!(!opened.on.process.status().expect("it lives").attached, "and nothing was placed there");
}

// Rows: D4
#[test]
fn d04_beyond_64_bits_is_an_argument() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), P);
        assert_eq!(on.deallocate(1, u64::MAX), Err(ARG));
        assert_eq!(on.deallocate(LAST, P), Err(ARG));
        assert_eq!(on.deallocate(at, u64::MAX - at + 1), Err(ARG));
        assert!(!on.is_hole(at));
        on.free(at, P);
    });
}

// Rows: D5
#[test]
fn d05_an_end_that_rounds_to_zero_is_an_argument() {
    here_and_there(|on| {
        assert_eq!(on.deallocate(LAST, 1), Err(ARG));
        assert_eq!(on.deallocate(P, LAST - P + 1), Err(ARG));
        assert_eq!(on.deallocate(0, LAST + 1), Err(ARG));
    });
}

// Rows: D6
#[test]
fn d06_a_range_that_leaves_the_task_takes_nothing() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), P);
        assert_eq!(on.deallocate(at, TOP - at + P), Ok(()));
        assert_eq!(on.deallocate(TOP, P), Ok(()));
        assert_eq!(on.deallocate(1 << 50, P), Ok(()));
        assert!(!on.is_hole(at));
        on.free(at, P);
    });
}

// Rows: D7
#[test]
fn d07_a_permanent_mapping_stays_and_becomes_useless() {
    here(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        on.free(at + P, P);
        assert_eq!(on.allocate(at + P, P, FIXED | VM_FLAGS_PERMANENT), Ok(at + P));
        assert_eq!(on.deallocate(at, 3 * P), Ok(()));
        assert!(on.is_hole(at) && on.is_hole(at + 2 * P));
        assert_eq!((on.at(at + P).cur, on.at(at + P).max), (0, 0));
        assert_eq!(load(at + P), End::Signal(BUS));
    });
}

// Rows: D8
#[test]
fn d08_wired_memory_goes_like_any_other() {
    here(|on| {
        let at = on.fresh(2 * P);
        // SAFETY: no conditions.
        let code = unsafe {
            pagewright::mach::mach_vm_wire(pagewright::mach::mach_host_self(), on.task, at, 2 * P, 3)
        };
        assert_eq!(code, 0);
        on.free(at, 2 * P);
        assert!(on.is_hole(at) && on.is_hole(at + P));
        assert_eq!(on.allocate(at, 2 * P, FIXED), Ok(at));
        assert_eq!(on.at(at).wired, 0);
        on.free(at, 2 * P);
    });
}

// Rows: D9
#[test]
fn d09_another_view_keeps_the_bytes() {
    here(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 5);
        let again = on.again(at, L, false);
        on.free(at, L);
        on.reads(again, &bytes);
        assert!(!on.at(again).shared, "nobody else sees it any more");
        on.free(again, L);
    });
}

// Rows: D9
#[test]
fn d09_another_task_keeps_the_bytes() {
    here(|on| {
        let sleeper = Sleeper::new();
        let opened = sleeper.task();
        let there = &opened.on;
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 6);
        let view = there.remap_from(on, at, false, Wish::new(L)).expect("it can be mapped there");
        on.free(at, L);
        there.reads(view.at, &bytes);
        there.free(view.at, L);
    });
}

// Rows: D10
#[test]
fn d10_new_memory_in_the_same_place_is_zero() {
    here_and_there(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            on.fill(at, size, 7);
            on.free(at, size);
            assert_eq!(on.allocate(at, size, FIXED), Ok(at));
            on.reads_zero(at, size);
            on.free(at, size);
        }
    });
}

// Rows: D2
#[test]
fn d02_what_is_gone_faults() {
    here(|on| {
        let at = on.fresh(3 * P);
        on.free(at + P, P);
        assert_eq!(load(at), End::Code(0));
        assert_eq!(load(at + P), End::Signal(SEGV));
        assert_eq!(load(at + 2 * P), End::Code(0));
        on.free(at, 3 * P);
    });
}

#[test]
fn memory_of_the_program_itself_is_not_ours_to_take() {
    here(|on| {
        let heap = vec![0x5a_u8; 3 * P as usize];
        let at = (heap.as_ptr() as u64).next_multiple_of(P);
        assert_eq!(on.deallocate(at, P), Err(ADDR));
        let code = memory_of_the_program_itself_is_not_ours_to_take as *const () as u64;
        assert_eq!(on.deallocate(code, 1), Err(ADDR));
        assert!(heap.iter().all(|byte| *byte == 0x5a));
    });
}
