//! vm_region_recurse_64: the record of vm_region_submap_info_64, in the version that there is room for.

mod mach_support;

use mach_support::{ADDR, ARG, L, LAST, On, P, R, arena, here_and_there};
use pagewright::mach::{
    SM_PRIVATE, VM_INHERIT_NONE, VM_REGION_SUBMAP_INFO_COUNT_64, VM_REGION_SUBMAP_INFO_V0_COUNT_64,
    VM_REGION_SUBMAP_INFO_V1_COUNT_64, VM_REGION_SUBMAP_SHORT_INFO_COUNT_64, mach_vm_inherit,
    mach_vm_region_recurse, vm_region_submap_info_64, vm_region_submap_short_info_64,
};

const UNTOUCHED: i32 = 0x7777;

/// Where the region is, and the words: as many as came, and what was there before.
fn record(on: &On, at: u64, room: u32) -> Result<(u64, u64, u32, [i32; 24]), i32> {
    let (mut base, mut size, mut depth) = (at, 77, 1024);
    let (mut count, mut words) = (room, [UNTOUCHED; 24]);
    let info = words.as_mut_ptr();
    // SAFETY: pointers to locals, and more room than any record needs.
    let code = unsafe {
        mach_vm_region_recurse(on.task, &raw mut base, &raw mut size, &raw mut depth, info, &raw mut count)
    };
    if code != 0 {
        let before = (at, 77, 1024, room, [UNTOUCHED; 24]);
        assert_eq!((base, size, depth, count, words), before, "left alone");
        return Err(code);
    }
    assert_eq!(depth, 0, "there are no maps within maps");
    assert!(words[count as usize..].iter().all(|word| *word == UNTOUCHED), "no more than the count says");
    Ok((base, size, count, words))
}

/// One page that was stored to, for reading, and nothing for children.
fn region(on: &On) -> u64 {
    let at = on.fresh_at(arena(), P);
    on.fill(at, P, 7);
    assert_eq!(on.protect(at, P, R), Ok(()));
    // SAFETY: a page of the test.
    assert_eq!(unsafe { mach_vm_inherit(on.task, at, P, VM_INHERIT_NONE) }, 0);
    at
}

#[test]
fn every_version_is_the_first_words_of_the_last_one() {
    here_and_there(|on| {
        let at = region(on);
        let (base, size, count, last) = record(on, at + 9, 24).expect("it is there");
        assert_eq!((base, size, count), (at, P, VM_REGION_SUBMAP_INFO_COUNT_64));
        // SAFETY: the record is nothing but words, and as long as the first nineteen.
        let told = unsafe { last.as_ptr().cast::<vm_region_submap_info_64>().read_unaligned() };
        let (protection, inheritance, submap) = (told.protection, told.inheritance, told.is_submap);
        assert_eq!((protection, inheritance, submap), (R, VM_INHERIT_NONE, 0));
        assert_eq!((told.share_mode, told.pages_resident), (SM_PRIVATE, 1));
        for room in [VM_REGION_SUBMAP_INFO_V1_COUNT_64, VM_REGION_SUBMAP_INFO_V0_COUNT_64] {
            let (_, _, count, words) = record(on, at, room).expect("it is there");
            assert_eq!(count, room);
            assert_eq!(words[..room as usize], last[..room as usize]);
            assert_eq!(record(on, at, room + 1).map(|(_, _, count, _)| count).ok(), version(room + 1));
        }
        on.free(at, P);
    });
}

/// The words that come for this much room, 17 or 18.
fn version(room: u32) -> Option<u32> {
    (room < VM_REGION_SUBMAP_INFO_COUNT_64).then_some(VM_REGION_SUBMAP_INFO_V1_COUNT_64)
}

#[test]
fn room_for_the_short_record_gets_that() {
    here_and_there(|on| {
        let at = region(on);
        for room in VM_REGION_SUBMAP_SHORT_INFO_COUNT_64..VM_REGION_SUBMAP_INFO_V0_COUNT_64 {
            let (base, size, count, words) = record(on, at, room).expect("it is there");
            assert_eq!((base, size, count), (at, P, VM_REGION_SUBMAP_SHORT_INFO_COUNT_64));
            // SAFETY: the record is nothing but words, and as long as the first twelve.
            let told = unsafe { words.as_ptr().cast::<vm_region_submap_short_info_64>().read_unaligned() };
            let (protection, inheritance, refs) = (told.protection, told.inheritance, told.ref_count);
            assert_eq!((protection, inheritance, refs, told.share_mode), (R, VM_INHERIT_NONE, 1, SM_PRIVATE));
        }
        on.free(at, P);
    });
}

#[test]
fn less_room_is_an_argument_and_nothing_above_no_address() {
    here_and_there(|on| {
        let at = on.fresh_at(arena() + L, P);
        assert_eq!(record(on, at, VM_REGION_SUBMAP_SHORT_INFO_COUNT_64 - 1).err(), Some(ARG));
        assert_eq!(record(on, at - 1, 24).expect("it is above").0, at);
        assert_eq!(record(on, LAST, 24).err(), Some(ADDR));
        on.free(at, P);
    });
}
