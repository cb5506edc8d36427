//! VirtualFree and VirtualFreeEx: rows VF. Rows of the NT call that a Win32 caller
//! cannot reach (a release of a part) are made through `Process`.

#[path = "golden/support.rs"]
mod support;

use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_FREE, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, PAGE_READWRITE, TRUE,
    VirtualLock,
};
use pagewright::{Disposal, Free, Kind, Memory, Process};
use support::{BOTH, On, PAGE, SELF, TOP, arena, everywhere, load, load_faults, pointer, store};

const GRANULE: usize = 0x1_0000;

/// 64 KiB committed RW.
fn committed(on: On) -> usize {
    let at = arena();
    assert_eq!(on.alloc(at, GRANULE, BOTH, PAGE_READWRITE), Ok(at));
    at
}

fn state(on: On, at: usize) -> (u32, usize) {
    let record = on.query(at).expect("a user address");
    (record.state, record.size)
}

// Rows: VF01 VF02 VF03 VF04
#[test]
fn only_decommit_or_release_frees() {
    everywhere(|on| {
        let at = committed(on);
        assert_eq!(on.free(at, PAGE, 0), Err(87), "VF01");
        assert_eq!(on.free(at, 0, MEM_FREE), Err(87), "VF02");
        for bit in (0..32).map(|bit| 1_u32 << bit).filter(|bit| ![MEM_DECOMMIT, MEM_RELEASE].contains(bit)) {
            assert_eq!(on.free(at, 0, bit), Err(87), "VF03: {bit:#x}");
            assert_eq!(on.free(at, 0, bit | MEM_RELEASE), Err(87), "VF03: {bit:#x}");
        }
        assert_eq!(on.free(at, 0, !MEM_DECOMMIT), Err(87), "VF03");
        assert_eq!(on.free(at, 0, MEM_DECOMMIT | MEM_RELEASE), Err(87), "VF04");
        assert_eq!(state(on, at), (MEM_COMMIT, GRANULE), "VF01 to VF04: unchanged");
        on.release(at);
    });
}

// Rows: VF03 VF05 VF14 VF37
#[test]
fn no_handle_is_told_after_bad_arguments() {
    let nobody = On(ptr::null_mut());
    assert_eq!(nobody.free(0x10_0000, 0, MEM_RELEASE), Err(6), "VF05");
    assert_eq!(nobody.free(0, 0, 0x1234), Err(87), "VF03: the type comes first");
    assert_eq!(nobody.free(0x10_0000, 1, MEM_RELEASE), Err(87), "VF14: before the kernel is asked");
    assert_eq!(nobody.free(TOP, 1, MEM_DECOMMIT), Err(87), "VF37: before the handle");
}

// Rows: VF06 VF07 VF08
#[test]
fn a_decommit_takes_whole_pages() {
    everywhere(|on| {
        let at = committed(on);
        assert_eq!(on.decommit(at + 0x1fff, 2), Ok(()), "VF08");
        assert_eq!(state(on, at + 0x1000), (MEM_RESERVE, 2 * PAGE), "VF08");
        assert_eq!(on.decommit(at, GRANULE), Ok(()), "VF06: over pages without memory");
        assert_eq!(state(on, at), (MEM_RESERVE, GRANULE), "VF06");
        assert_eq!(on.decommit(at, PAGE), Ok(()), "VF07: nothing to do");
        on.release(at);
    });
}

// Rows: VF09 VF10 VF11 VF12 VF13 VF16 VF35 VF36
#[test]
fn size_zero_means_the_whole_allocation_at_its_first_page() {
    everywhere(|on| {
        let at = committed(on);
        assert_eq!(on.decommit(at + 0x1001, 0), Err(487), "VF09");
        assert_eq!(on.decommit(at + 0xffe, 0), Ok(()), "VF10");
        assert_eq!(state(on, at), (MEM_RESERVE, GRANULE), "VF10");
        assert_eq!(on.free(at + 0x1001, 0, MEM_RELEASE), Err(487), "VF11");
        assert_eq!(on.free(at + 0x1000, 0, MEM_RELEASE), Err(487), "VF12, VF16");
        assert_eq!(on.free(at + 0xfff, 0, MEM_RELEASE), Ok(()), "VF13");
        assert_eq!(state(on, at).0, MEM_FREE, "VF13");
        assert_eq!(on.free(at, 0, MEM_RELEASE), Err(487), "VF36");
        assert_eq!(on.free(arena(), 0, MEM_RELEASE), Err(487), "VF35");
    });
}

// Rows: VF14 VF15
#[test]
fn a_release_takes_no_size() {
    everywhere(|on| {
        let at = arena();
        on.alloc(at, GRANULE, MEM_RESERVE, PAGE_NOACCESS).expect("free");
        on.alloc(at + 0x3000, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        for size in [1, PAGE, GRANULE] {
            assert_eq!(on.free(at, size, MEM_RELEASE), Err(87), "VF14: {size:#x}");
        }
        assert_eq!(on.free(at, 0, MEM_RELEASE), Ok(()), "VF15: reserved and committed pages");
        assert_eq!(state(on, at).0, MEM_FREE, "VF15");
    });
}

// Rows: VF17 VF26 VF27 VF30 VF31 VF32
#[test]
fn a_decommit_stays_inside_of_its_allocation() {
    everywhere(|on| {
        let at = committed(on);
        on.alloc(at + GRANULE, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        assert_eq!(on.decommit(at, GRANULE + PAGE), Err(87), "VF17, VF26, VF30");
        assert_eq!(on.decommit(at + 1, GRANULE), Err(87), "VF31: one byte of the next");
        assert_eq!(on.decommit(at + 1, GRANULE - 1), Ok(()), "VF32");
        assert_eq!(state(on, at), (MEM_RESERVE, GRANULE), "VF32");
        assert_eq!(state(on, at + GRANULE), (MEM_COMMIT, GRANULE), "VF17: the other is unchanged");
        assert_eq!(on.decommit(at + 2 * GRANULE, PAGE), Err(487), "VF27");
        on.release(at);
        on.release(at + GRANULE);
    });
}

// Rows: VF35 VF37 VF38
#[test]
fn addresses_that_cannot_be_are_refused() {
    everywhere(|on| {
        for at in [TOP, 0x8000_0000_0000, usize::MAX] {
            assert_eq!(on.free(at, 0, MEM_RELEASE), Err(87), "VF37: {at:#x}");
            assert_eq!(on.decommit(at, PAGE), Err(87), "VF37: {at:#x}");
        }
        assert_eq!(on.decommit(TOP - PAGE, PAGE), Err(487), "VF35: the last page is a user's");
        assert_eq!(on.decommit(TOP - PAGE, PAGE + 1), Err(87), "VF38: and the next byte is not");
        let at = committed(on);
        assert_eq!(on.decommit(at, usize::MAX), Err(87), "VF38");
        assert_eq!(on.decommit(at, TOP), Err(87), "VF38");
        on.release(at);
    });
}

// Rows: VF39 VF40
#[test]
fn images_and_views_are_not_ours_to_free() {
    let code = load as *const () as usize;
    let on = On(SELF);
    assert_eq!(on.free(code & !0xfff, 0, MEM_RELEASE), Err(87), "VF39, VF40");
    assert_eq!(on.decommit(code, 1), Err(87), "VF39, VF40");
}

// Rows: VF06 VF41
#[test]
fn what_was_decommitted_comes_back_as_zero() {
    let on = On(SELF);
    let at = committed(on);
    store(at, 7);
    on.decommit(at, PAGE).expect("committed");
    assert!(load_faults(at), "VF06");
    on.alloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
    assert_eq!(load(at), 0, "VF41");
    on.release(at);
}

// Rows: VF45
#[test]
fn a_lock_does_not_hold_memory_back() {
    let on = On(SELF);
    let at = committed(on);
    // SAFETY: locking changes nothing that anybody relies on.
    assert_eq!(unsafe { VirtualLock(pointer(at), 2 * PAGE) }, TRUE);
    assert_eq!(on.decommit(at, PAGE), Ok(()), "VF45");
    on.release(at);
}

// Rows: VF18 VF19 VF20 VF21 VF22 VF23 VF24
#[test]
fn a_release_of_a_part_splits() {
    let on = On(SELF);
    let at = committed(on);
    let me = Process::current();
    let part = |at: usize, size: usize, disposal| {
        me.free(&Free { at: at as u64, size: size as u64, disposal }).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(part(at + 0x1001, 0xffff, Disposal::Release), Err(Kind::BeyondAllocation), "VF18");
    assert_eq!(part(at + 0x1001, 0xfff, Disposal::Release), Ok(()), "VF19");
    let tail = on.query(at + 0x2000).expect("VF19");
    assert_eq!((tail.allocation, tail.size), (at + 0x2000, GRANULE - 0x2000), "VF19");
    assert_eq!(state(on, at + 0x1000).0, MEM_FREE, "VF19");
    assert_eq!(part(at, GRANULE, Disposal::Release), Err(Kind::BeyondAllocation), "VF22");
    assert_eq!(on.decommit(at, GRANULE), Err(87), "VF22");
    assert_eq!(on.decommit(at + 0x1000, PAGE), Err(487), "VF23");
    assert_eq!(on.free(at + 0x1000, 0, MEM_RELEASE), Err(487), "VF23");
    assert_eq!(part(at + 1, 0xfff, Disposal::Release), Ok(()), "VF20");
    assert_eq!(on.alloc(at, PAGE, BOTH, PAGE_READWRITE), Ok(at), "VF21");
    on.release(at);
    assert_eq!(on.free(at + 0x2000, 0, MEM_RELEASE), Ok(()), "VF24");
}

// Rows: VF25 VF28 VF29 VF33 VF34
#[test]
fn parts_go_in_any_order() {
    let on = On(SELF);
    let me = Process::current();
    let part = |at: usize, size: usize| {
        me.free(&Free { at: at as u64, size: size as u64, disposal: Disposal::Release })
    };
    let at = arena();
    on.alloc(at, 3 * GRANULE, MEM_RESERVE, PAGE_READWRITE).expect("free");
    assert!(part(at + GRANULE, GRANULE).is_ok(), "VF25");
    on.release(at);
    on.release(at + 2 * GRANULE);
    for [first, second] in [[0, PAGE], [PAGE, 0]] {
        on.alloc(at, 2 * PAGE, BOTH, PAGE_READWRITE).expect("free");
        assert!(part(at + first, PAGE).is_ok() && part(at + second, PAGE).is_ok(), "VF33");
    }
    on.alloc(at, 2 * PAGE, BOTH, PAGE_READWRITE).expect("free");
    let range = part(at + 1, PAGE).expect("VF34");
    assert_eq!((range.start().get(), range.bytes()), (at as u64, 2 * PAGE as u64), "VF34");
    on.alloc(at, 3 * PAGE, MEM_RESERVE, PAGE_READWRITE).expect("free");
    assert!(part(at, 4 * PAGE).is_err(), "VF28");
    assert!(part(at, 3 * PAGE).is_ok(), "VF29");
}
