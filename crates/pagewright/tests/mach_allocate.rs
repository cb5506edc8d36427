//! vm_allocate: rows A, and the first column of the sanitising table.

mod mach_support;

use mach_support::fault::{BUS, End, load};
use mach_support::{
    ADDR, ALL, ANY, ARG, COPY, FIXED, L, LAST, NOSPC, P, RW, TOP, Wish, arena, here, here_and_there, me,
};
use pagewright::mach::{
    VM_FLAGS_NO_CACHE, VM_FLAGS_OVERWRITE, VM_FLAGS_PERMANENT, VM_FLAGS_PURGABLE, VM_FLAGS_RANDOM_ADDR,
    VM_FLAGS_SUPERPAGE_SIZE_2MB, VM_FLAGS_SUPERPAGE_SIZE_ANY, VM_FLAGS_TPRO, vm_allocate,
};

const MIB: u64 = 1 << 20;

// Rows: A1
#[test]
fn a01_no_bytes_are_at_address_zero() {
    here_and_there(|on| {
        assert_eq!(on.allocate(0x1234_5678, 0, ANY), Ok(0));
        assert_eq!(on.allocate(0x1234_5678, 0, FIXED), Ok(0));
        assert_eq!(on.allocate(u64::MAX, 0, FIXED), Ok(0));
    });
}

// Rows: A2
#[test]
fn a02_anywhere_gives_zeros_of_whole_pages_with_all_rights_to_come() {
    here_and_there(|on| {
        let at = on.fresh(1);
        assert!(at != 0 && at % P == 0);
        on.reads_zero(at, P);
        let region = on.at(at);
        assert_eq!((region.cur, region.max, region.inherit, region.behavior), (RW, ALL, COPY, 0));
        assert!(region.size >= P && !region.shared && region.wired == 0);
        on.store(at + P - 1, &[7]);
        on.free(at, 1);
        assert!(on.is_hole(at));
    });
}

// Rows: A2
#[test]
fn a02_large_memory_is_zeros_too_and_may_be_huge() {
    here_and_there(|on| {
        let at = on.fresh(3 * MIB + 1);
        on.reads_zero(at, 3 * MIB + P);
        on.store(at + 3 * MIB, &[1]);
        on.free(at, 3 * MIB + 1);
        let huge = on.fresh(1 << 40);
        on.store(huge + (1 << 39), b"far");
        on.reads(huge + (1 << 39), b"far");
        on.free(huge, 1 << 40);
    });
}

// Rows: A3
#[test]
fn a03_a_hint_is_no_hint() {
    here_and_there(|on| {
        let base = on.allocate(LAST, P, ANY).expect("even the last page as a hint");
        let low = on.allocate(1, P, ANY).expect("there is room");
        assert_eq!(low, base + P, "the lowest place that is free");
        on.free(base, 2 * P);
    });
}

// Rows: A4
#[test]
fn a04_the_lowest_place_is_taken_and_all_between_two_is_occupied() {
    here_and_there(|on| {
        let first = on.fresh(P);
        let second = on.fresh(P);
        assert!(second > first);
        let between = (first..second).step_by(P as usize);
        for at in between {
            assert_eq!(on.allocate(at, P, FIXED), Err(NOSPC), "{at:#x}");
        }
        on.free(first, P);
        assert_eq!(on.fresh(P), first, "what was given back is the lowest again");
        on.free(first, P);
        on.free(second, P);
    });
}

// Rows: A5
#[test]
fn a05_the_address_is_rounded_down_before_the_size_is_added() {
    here_and_there(|on| {
        let at = arena();
        assert_eq!(on.allocate(at + 1, P, FIXED), Ok(at));
        assert!(!on.is_hole(at) && on.is_hole(at + P), "one page");
        on.free(at, P);
        assert_eq!(on.allocate(at + P - 1, P + 1, FIXED), Ok(at));
        assert!(!on.is_hole(at + P) && on.is_hole(at + 2 * P), "two pages");
        on.free(at, 2 * P);
    });
}

// Rows: A6
#[test]
fn a06_outside_of_the_task_is_no_address() {
    here_and_there(|on| {
        assert_eq!(on.allocate(0, P, FIXED), Err(ADDR), "page zero");
        assert_eq!(on.allocate(1, 1, FIXED), Err(ADDR));
        assert_eq!(on.allocate(TOP, P, FIXED), Err(ADDR), "above the last user page");
        assert_eq!(on.allocate(TOP - P, 2 * P, FIXED), Err(ADDR), "across the end");
        assert_eq!(on.allocate((1 << 48) - P, 2 * P, FIXED), Err(ADDR), "across 2^48");
        assert_eq!(on.allocate(1 << 63, P, FIXED), Err(ADDR));
    });
}

// Rows: A7
#[test]
fn a07_what_is_taken_stays() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), P);
        on.store(at, &[0x5a; 16]);
        assert_eq!(on.allocate(at, P, FIXED), Err(NOSPC));
        assert_eq!(on.allocate(at - P, 2 * P, FIXED), Err(NOSPC), "the end overlaps");
        assert!(on.is_hole(at - P), "and nothing of it was made");
        assert_eq!(on.allocate(at - P, 3 * P, FIXED), Err(NOSPC));
        assert!(on.is_hole(at + P));
        on.reads(at, &[0x5a; 16]);
        on.free(at, P);
    });
}

// Rows: A7
#[test]
fn a07_memory_of_the_program_itself_is_taken_and_not_overwritten() {
    let heap = vec![0x5a_u8; 3 * P as usize];
    let at = (heap.as_ptr() as u64).next_multiple_of(P);
    for flags in [FIXED, FIXED | VM_FLAGS_OVERWRITE] {
        assert_eq!(me().allocate(at, P, flags), Err(NOSPC));
    }
    assert!(heap.iter().all(|byte| *byte == 0x5a));
}

// Rows: A8
#[test]
fn a08_overwriting_replaces_and_fills_holes() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 2 * P);
        on.fresh_at(at + 3 * P, P);
        on.fill(at, 2 * P, 1);
        on.store(at + 3 * P, &[1; 8]);
        assert_eq!(on.protect(at, P, 1), Ok(()));
        assert_eq!(on.allocate(at + P, 4 * P, FIXED | VM_FLAGS_OVERWRITE), Ok(at + P));
        on.reads_zero(at + P, 4 * P);
        on.reads(at, &mach_support::pattern(P, 1));
        assert_eq!((on.at(at).cur, on.at(at + P).cur), (1, RW), "beside it nothing changed");
        assert_eq!(on.allocate(at, 5 * P, FIXED | VM_FLAGS_OVERWRITE), Ok(at));
        on.reads_zero(at, 5 * P);
        assert_eq!(on.at(at).cur, RW);
        on.free(at, 5 * P);
    });
}

// Rows: A8
#[test]
fn a08_overwriting_takes_only_one_view_away() {
    here(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 9);
        let again = on.again(at, L, false);
        assert_eq!(on.allocate(at, L, FIXED | VM_FLAGS_OVERWRITE), Ok(at));
        on.reads_zero(at, L);
        on.reads(again, &bytes);
        on.free(at, L);
        on.free(again, L);
    });
}

// Rows: A9
#[test]
fn a09_a_permanent_mapping_is_not_replaced_and_becomes_useless() {
    here(|on| {
        let at = on.allocate(arena(), 2 * P, FIXED | VM_FLAGS_PERMANENT).expect("it is free");
        on.fill(at, 2 * P, 3);
        assert_eq!(on.allocate(at + P, 2 * P, FIXED | VM_FLAGS_OVERWRITE), Err(NOSPC));
        assert_eq!((on.at(at).cur, on.at(at).max), (RW, ALL), "the part that was not meant");
        assert_eq!((on.at(at + P).cur, on.at(at + P).max), (0, 0));
        assert_eq!(load(at + P), End::Signal(BUS));
        assert_eq!(load(at), End::Code(0));
        assert!(on.is_hole(at + 2 * P), "and nothing was made beside it");
        let wish = Wish { flags: VM_FLAGS_OVERWRITE, ..Wish::new(P).at(at) };
        assert_eq!(on.map(wish), Err(NOSPC));
        assert_eq!(on.at(at).max, 0);
    });
}

// Rows: A10
#[test]
fn a10_larger_than_any_hole_is_no_space() {
    here_and_there(|on| {
        assert_eq!(on.allocate(0, LAST, ANY), Err(NOSPC));
        assert_eq!(on.allocate(0, 1 << 47, ANY), Err(NOSPC));
        assert_eq!(on.allocate(0, 1 << 62, ANY), Err(NOSPC));
    });
}

// Rows: A11
#[test]
fn a11_a_size_that_rounds_to_zero_is_an_argument() {
    here_and_there(|on| {
        assert_eq!(on.allocate(0, u64::MAX, ANY), Err(ARG));
        assert_eq!(on.allocate(0, LAST + 1, ANY), Err(ARG));
        assert_eq!(on.allocate(P, u64::MAX, FIXED), Err(ARG));
    });
}

// Rows: A11
#[test]
fn a11_fixed_ranges_that_wrap_around_are_no_address() {
    here_and_there(|on| {
        assert_eq!(on.allocate(LAST, P, FIXED), Err(ADDR), "beyond 64 bits");
        assert_eq!(on.allocate(LAST, P - 1, FIXED), Err(ADDR), "the end rounds to 0");
        assert_eq!(on.allocate(P, LAST, FIXED), Err(ADDR));
    });
}

// Rows: A12
#[test]
fn a12_unknown_flags_are_an_argument_before_anything_else() {
    here_and_there(|on| {
        for flags in [0x20, 0x40, 0x100, 0x400, 0x2000, 0x8000, 0x10_0000, 0x80_0000] {
            assert_eq!(on.allocate(0, P, ANY | flags), Err(ARG), "{flags:#x}");
            assert_eq!(on.allocate(0, 0, ANY | flags), Err(ARG), "{flags:#x}, no bytes");
        }
        let known = VM_FLAGS_PURGABLE | VM_FLAGS_NO_CACHE | VM_FLAGS_RANDOM_ADDR;
        for flags in [known, VM_FLAGS_TPRO, 0x7f00_0000, i32::MIN] {
            let at = on.allocate(0, P, ANY | flags).expect("known flags, and any tag");
            on.free(at, P);
        }
    });
}

// Rows: A13
#[test]
fn a13_large_pages_exclude_other_kinds_and_are_aligned() {
    here_and_there(|on| {
        let large = VM_FLAGS_SUPERPAGE_SIZE_2MB | ANY;
        assert_eq!(on.allocate(0, 2 * MIB, large | VM_FLAGS_PURGABLE), Err(ARG));
        assert_eq!(on.allocate(0, 2 * MIB, large | VM_FLAGS_TPRO), Err(ARG));
        assert_eq!(on.allocate(0, MIB, large), Err(ARG), "not a number of them");
        assert_eq!(on.allocate(0, 2 * MIB, ANY | 3 << 16), Err(ARG), "no such size");
        let at = on.allocate(0, 2 * MIB, large).expect("there is room");
        assert_eq!(at % (2 * MIB), 0);
        on.free(at, 2 * MIB);
        let any = on.allocate(0, 3 * MIB, ANY | VM_FLAGS_SUPERPAGE_SIZE_ANY).expect("there is room");
        assert_eq!(any % (2 * MIB), 0);
        on.free(any, 3 * MIB);
    });
}

// Rows: A14
#[test]
fn a14_neighbours_that_are_alike_are_one_region() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), P);
        on.fresh_at(at + P, 2 * P);
        assert_eq!(on.at(at + P).base, at);
        assert_eq!(on.at(at).size, 3 * P);
        on.free(at, 3 * P);
    });
}

// Rows: A15
#[test]
fn a15_a_null_pointer_is_an_argument() {
    // SAFETY: the call is told that there is no pointer.
    let code = unsafe { vm_allocate(me().task, std::ptr::null_mut(), P as usize, ANY) };
    assert_eq!(code, ARG);
}

#[test]
fn the_short_and_the_long_name_do_the_same() {
    here(|on| {
        let mut at = 0_usize;
        // SAFETY: a pointer to a local.
        assert_eq!(unsafe { vm_allocate(on.task, &raw mut at, 1, 1) }, 0);
        assert_eq!(on.at(at as u64).cur, RW);
        on.free(at as u64, 1);
    });
}

#[test]
fn memory_of_map_is_that_of_allocate() {
    here(|on| {
        let at = on.map(Wish::new(P)).expect("there is room");
        assert_eq!((on.at(at).cur, on.at(at).max), (RW, ALL));
        on.free(at, P);
    });
}
