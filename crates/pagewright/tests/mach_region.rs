//! vm_region: rows G, and what programs can see of laziness (mach.md, section 8.4).

mod mach_support;

use mach_support::{
    ADDR, ALL, ARG, COPY, L, LAST, On, P, R, RW, SHARE, Sleeper, TOP, Wish, arena, here, here_and_there,
};
use pagewright::mach::{
    SM_COW, SM_EMPTY, SM_PRIVATE, SM_TRUESHARED, VM_REGION_BASIC_INFO, VM_REGION_BASIC_INFO_64,
    VM_REGION_EXTENDED_INFO, VM_REGION_EXTENDED_INFO__LEGACY, VM_REGION_TOP_INFO, mach_vm_region, vm_region,
    vm_region_64, vm_region_extended_info, vm_region_top_info,
};

/// A record as words: where the region is, how many words came, and the words.
fn record(on: &On, at: u64, flavor: i32, room: u32) -> Result<(u64, u64, u32, [i32; 16]), i32> {
    let (mut base, mut size, mut count, mut words) = (at, 77, room, [0x7777; 16]);
    let name = std::ptr::null_mut();
    // SAFETY: pointers to locals, and more room than any record needs.
    let code = unsafe {
        mach_vm_region(
            on.task,
            &raw mut base,
            &raw mut size,
            flavor,
            words.as_mut_ptr(),
            &raw mut count,
            name,
        )
    };
    if code != 0 {
        assert_eq!((base, size, count, words), (at, 77, room, [0x7777; 16]), "left alone");
        return Err(code);
    }
    Ok((base, size, count, words))
}

fn extended(on: &On, at: u64) -> vm_region_extended_info {
    let (.., count, words) = record(on, at, VM_REGION_EXTENDED_INFO, 9).expect("something is there");
    assert_eq!(count, 9);
    // SAFETY: the record is nothing but words, and as long as the first nine.
    unsafe { words.as_ptr().cast::<vm_region_extended_info>().read_unaligned() }
}

// Rows: G1
#[test]
fn g01_an_address_inside_a_region_gets_all_of_it() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), L);
        for inside in [at, at + 1, at + P, at + L - 1] {
            let region = on.region(inside).expect("it is there");
            assert_eq!((region.base, region.size), (at, L), "{inside:#x}");
        }
        on.free(at, L);
    });
}

// Rows: G2
#[test]
fn g02_a_hole_gets_the_next_region_above() {
    here_and_there(|on| {
        let at = on.fresh_at(arena() + L, P);
        for below in [at - 1, at - L] {
            let region = on.region(below).expect("it is above");
            assert_eq!((region.base, region.size), (at, P));
        }
        on.free(at, P);
    });
}

// Rows: G3
#[test]
fn g03_above_everything_is_no_address() {
    here_and_there(|on| {
        for at in [TOP, 1 << 48, LAST, u64::MAX] {
            assert_eq!(on.region(at), Err(ADDR), "{at:#x}");
        }
    });
}

// Rows: G3
#[test]
fn g03_a_walk_sees_everything_once_in_order() {
    here_and_there(|on| {
        let made = on.fresh_at(arena(), L);
        let (mut at, mut seen, mut last) = (0, false, 0);
        while let Ok(region) = on.region(at) {
            assert!(region.base >= last && region.size > 0 && region.base % P == 0, "{region:x?}");
            seen |= region.base <= made && made < region.base + region.size;
            last = region.base + region.size;
            at = last;
        }
        assert!(seen);
        on.free(made, L);
    });
}

// Rows: G4
#[test]
fn g04_unknown_records_and_too_little_room_are_an_argument() {
    here_and_there(|on| {
        let at = on.fresh(P);
        for flavor in [0, 1, 8, 14, -1] {
            assert_eq!(record(on, at, flavor, 16), Err(ARG), "{flavor}");
        }
        for (flavor, words) in [
            (VM_REGION_BASIC_INFO_64, 9),
            (VM_REGION_BASIC_INFO, 9),
            (VM_REGION_EXTENDED_INFO__LEGACY, 8),
            (VM_REGION_EXTENDED_INFO, 9),
            (VM_REGION_TOP_INFO, 5),
        ] {
            assert_eq!(record(on, at, flavor, words - 1), Err(ARG), "{flavor}");
            assert_eq!(record(on, at, flavor, 0), Err(ARG), "{flavor}");
            let (.., count, filled) = record(on, at, flavor, words).expect("enough");
            assert_eq!(count, words);
            assert_eq!(filled[words as usize], 0x7777, "{flavor}: no word more");
        }
        assert_eq!(record(on, LAST, 77, 16), Err(ARG), "before the address is looked at");
        on.free(at, P);
    });
}

// Rows: G5
#[test]
fn g05_more_room_is_told_what_there_is() {
    here_and_there(|on| {
        let at = on.fresh(P);
        assert_eq!(record(on, at, VM_REGION_BASIC_INFO_64, 16).expect("it is there").2, 9);
        assert_eq!(record(on, at, VM_REGION_EXTENDED_INFO, 16).expect("it is there").2, 9);
        on.free(at, P);
    });
}

// Rows: G6
#[test]
fn g06_the_short_flavour_gets_the_long_record() {
    here_and_there(|on| {
        let at = on.fresh(P);
        let long = record(on, at, VM_REGION_BASIC_INFO_64, 9);
        assert_eq!(record(on, at, VM_REGION_BASIC_INFO, 9), long);
        on.free(at, P);
    });
}

// Rows: G6
#[test]
fn g06_all_three_names_say_the_same() {
    here(|on| {
        let at = on.fresh(P);
        for call in [vm_region, vm_region_64] {
            let (mut base, mut size, mut count, mut words) = (at as usize + 5, 0_usize, 9, [0; 9]);
            let flavor = VM_REGION_BASIC_INFO_64;
            let mut name = 77;
            // SAFETY: pointers to locals with enough room.
            let code = unsafe {
                call(
                    on.task,
                    &raw mut base,
                    &raw mut size,
                    flavor,
                    words.as_mut_ptr(),
                    &raw mut count,
                    &raw mut name,
                )
            };
            assert_eq!((code, base as u64, name), (0, at, 0));
            assert_eq!(words[..3], [RW, ALL, 1]);
        }
        on.free(at, P);
    });
}

// Rows: G7
#[test]
fn g07_regions_are_cut_where_attributes_differ() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 5 * P);
        assert_eq!(on.protect(at + P, P, R), Ok(()));
        assert_eq!(on.inherit(at + 2 * P, P, 2), Ok(()));
        assert_eq!(on.restrict(at + 3 * P, P, RW), Ok(()));
        assert_eq!(on.behave(at + 4 * P, P, 1), Ok(()));
        for page in 0..5 {
            let region = on.at(at + page * P);
            assert_eq!((region.base, region.size), (at + page * P, P));
        }
        on.free(at, 5 * P);
    });
}

// Rows: G8
#[test]
fn g08_there_is_never_an_object_name() {
    here_and_there(|on| {
        let at = on.fresh(P);
        // The helper hands a name over that is not null, and looks at it afterwards.
        assert!(on.region(at).is_ok());
        on.free(at, P);
    });
}

#[test]
fn memory_of_the_program_itself_is_a_region() {
    here(|on| {
        let heap = vec![1_u8; L as usize];
        let region = on.at(heap.as_ptr() as u64);
        assert_eq!((region.cur, region.max, region.inherit), (RW, ALL, COPY));
        let code = on.at(memory_of_the_program_itself_is_a_region as *const () as u64);
        assert_eq!(code.cur, 5);
    });
    let sleeper = Sleeper::new();
    let opened = sleeper.task();
    assert!(opened.on.region(0).is_ok(), "also in a process that nobody has touched");
}

#[test]
fn untouched_private_and_copied_memory_is_told_apart() {
    here(|on| {
        let size = 256 << 10;
        let (a, b) = (on.fresh(size), on.fresh(size));
        let mode = |at| {
            let info = extended(on, at);
            (info.share_mode, info.ref_count)
        };
        assert_eq!(mode(a), (SM_EMPTY, 0), "untouched");
        on.fill(a, size, 1);
        assert_eq!(mode(a), (SM_PRIVATE, 1), "touched");
        assert_eq!(u64::from(extended(on, a).pages_resident), size / P);
        assert_eq!(on.copy(a, size, b), Ok(()));
        assert_eq!((mode(a), mode(b)), ((SM_COW, 2), (SM_COW, 2)), "copied, and not written since");
        assert_eq!(extended(on, b).shadow_depth, 0);
        on.store(b, b"now");
        let info = extended(on, b);
        assert_eq!((info.share_mode, info.shadow_depth, info.pages_shared_now_private), (SM_COW, 1, 1));
        on.free(a, size);
        on.free(b, size);
    });
}

#[test]
fn a_second_mapping_is_shared_on_both_sides() {
    here(|on| {
        let at = on.fresh(L);
        on.fill(at, L, 1);
        assert!(!on.at(at).shared);
        let again = on.again(at, L, false);
        assert!(on.at(at).shared && on.at(again).shared);
        let info = extended(on, again);
        assert_eq!((info.share_mode, info.ref_count), (SM_TRUESHARED, 2));
        on.free(again, L);
        assert!(!on.at(at).shared, "alone again");
        let copy = on.again(at, L, true);
        assert!(!on.at(at).shared && !on.at(copy).shared);
        on.free(at, L);
        on.free(copy, L);
    });
}

#[test]
fn memory_that_children_share_is_shared() {
    here(|on| {
        let at = on.map(Wish { inherit: SHARE, ..Wish::new(L) }).expect("there is room");
        assert!(on.at(at).shared);
        on.free(at, L);
    });
}

#[test]
fn the_top_record_counts_pages() {
    here_and_there(|on| {
        let at = on.fresh(4 * P);
        on.fill(at, 2 * P, 1);
        let (.., count, words) = record(on, at, VM_REGION_TOP_INFO, 5).expect("it is there");
        assert_eq!(count, 5);
        // SAFETY: the record is nothing but words, and as long as the first five.
        let info = unsafe { words.as_ptr().cast::<vm_region_top_info>().read_unaligned() };
        assert_eq!((info.private_pages_resident, info.shared_pages_resident), (2, 0));
        assert_eq!((info.share_mode, info.ref_count), (SM_PRIVATE, 1));
        on.free(at, 4 * P);
    });
}
