//! NtAllocateVirtualMemory(Ex), NtFreeVirtualMemory, NtProtectVirtualMemory: the rows that the
//! Win32 layer hides, and what is written back.

#[path = "golden/support.rs"]
mod support;

mod nt;

use std::ptr;

use nt::{Nt, call, rounded};
use pagewright::win32::*;
use support::{BOTH, On, PAGE, SELF, Sleeper, TOP, arena, here_and_there, last_error, load, pointer, store};

const RESERVE: u32 = MEM_RESERVE;
const RW: u32 = PAGE_READWRITE;
const CONFLICT: Result<(usize, usize), NtStatus> = Err(NtStatus::CONFLICTING_ADDRESSES);

// Rows: VA10 VA11 VA12 VA13 VA14 VA15 VA16 VA17 VA27
#[test]
fn base_and_size_are_rounded_and_written_back() {
    here_and_there(|on| {
        let base = arena();
        for (row, at, size, start, rounded) in [
            ("VA10", 0, 1, 0, 0x1000),
            ("VA11", 0x8000, 1, 0, 0x9000),
            ("VA12", 0x10, 0x1000, 0, 0x2000),
            ("VA13", 0x1_0000, 0x2000, 0x1_0000, 0x2000),
            ("VA14", 0xffff, 0x3000, 0, 0x1_3000),
            ("VA15", 0x1010, 0x7000, 0, 0x9000),
            ("VA16", 0x1010, 0xc000, 0, 0xe000),
            ("VA17", 0x1010, 0x1000, 0, 0x3000),
            ("VA27", 0x5000, 200, 0, 0x6000),
        ] {
            for kind in [RESERVE, BOTH] {
                let range = (base + start, rounded);
                assert_eq!(on.nt_alloc(base + at, 0, size, kind, RW), Ok(range), "{row}");
                assert_eq!(on.query(base + start).expect(row).size, rounded, "{row}");
                on.release(base + start);
                assert_eq!(on.nt_alloc_ex(base + at, size, kind, RW), Ok(range), "{row}, Ex");
                on.release(base + start);
            }
        }
    });
}

// Rows: VA18 VA19 VA20 VA21 VA22 VA24 VA25 VA26 VA28
#[test]
fn commits_round_to_pages_and_stay_in_one_allocation() {
    here_and_there(|on| {
        let base = arena();
        on.nt_alloc(base, 0, 0x3000, RESERVE, PAGE_NOACCESS).expect("a free place");
        assert_eq!(on.nt_alloc(base + 0x8000, 0, 0x1000, RESERVE, RW), CONFLICT, "VA18");
        assert_eq!(on.nt_alloc(base + 0x1000, 12, 0x1000, BOTH, RW), CONFLICT, "VA19, ZB12");
        let page = Ok((base + 0x2000, 0x1000));
        assert_eq!(on.nt_alloc(base + 0x2000, 0, 0x1000, MEM_COMMIT, PAGE_NOACCESS), page, "VA20");
        assert_eq!(on.nt_alloc(base + 0x2fff, 0, 1, MEM_COMMIT, RW), page, "VA21");
        let found = on.query(base + 0x2700).expect("VA28");
        assert_eq!((found.base, found.initial, found.protect), (base + 0x2000, PAGE_NOACCESS, RW), "VA28");
        let all = Ok((base, 0x3000));
        assert_eq!(on.nt_alloc(base, 0, 0x3000, MEM_COMMIT, PAGE_READONLY), all, "VA22");
        assert_eq!(on.query(base).expect("VA22").size, 0x3000, "VA22");
        assert_eq!(on.nt_alloc(base + 0x3000, 0, 0x1000, MEM_COMMIT, RW), CONFLICT, "VA24");
        on.release(base);
        let three = [0, 0x1_0000, 0x2_0000].map(|at| base + at);
        for at in three {
            on.nt_alloc(at, 0, 0x1_0000, RESERVE, RW).expect("a free place");
        }
        assert_eq!(on.nt_alloc(base + 0x4000, 0, 0x1_0000, MEM_COMMIT, RW), CONFLICT, "VA25");
        for at in three {
            assert_eq!(on.query(at).expect("VA25").state, MEM_RESERVE, "VA25: nothing committed");
            on.release(at);
        }
        assert_eq!(on.nt_alloc(base + 0x4080, 0, 0x1000, BOTH, RW), Ok((base, 0x6000)), "VA26");
        on.release(base);
    });
}

// Rows: VA01 VA29 VA34 VA35 VA36 VA40 VA41 VA44 VA45 VA47 VA48 VA49 VA53 VA54 VA56 VA57 VA69
#[test]
fn the_order_of_the_checks_shows_in_the_status() {
    let on = On(SELF);
    let status = |at, size, kind, protect| on.nt_alloc(at, 0, size, kind, protect).map_err(|it| it.0);
    for (row, at, size, kind, protect, refusal) in [
        ("VA01", 0, 0, RESERVE, RW, NtStatus::INVALID_PARAMETER_4),
        ("VA34", TOP + 0x1000, 1, RESERVE, RW, NtStatus::INVALID_PARAMETER_2),
        ("VA35", TOP, 0x1000, MEM_COMMIT, RW, NtStatus::INVALID_PARAMETER_2),
        ("VA36", 0, usize::MAX, RESERVE, RW, NtStatus::INVALID_PARAMETER_4),
        ("VA36", 0x1_0000, usize::MAX - 0xffff, RESERVE, RW, NtStatus::INVALID_PARAMETER_4),
        ("VA40", 0, 1, 0, RW, NtStatus::INVALID_PARAMETER_5),
        ("VA41", 0, 1, MEM_TOP_DOWN, RW, NtStatus::INVALID_PARAMETER_5),
        ("VA45", 0, 1, RESERVE | 0x4000_0000, RW, NtStatus::INVALID_PARAMETER_5),
        ("VA47", 0, 1, MEM_COMMIT | MEM_RESET, RW, NtStatus::INVALID_PARAMETER_5),
        ("VA48", 0, 1, RESERVE | MEM_RESERVE_PLACEHOLDER, RW, NtStatus::INVALID_PARAMETER),
        ("VA49", 0, 1, RESERVE, 0, NtStatus::INVALID_PAGE_PROTECTION),
        ("VA53", 0, 1, RESERVE, RW | PAGE_READONLY, NtStatus::INVALID_PAGE_PROTECTION),
        ("VA54", 0, 1, RESERVE, PAGE_WRITECOPY, NtStatus::INVALID_PAGE_PROTECTION),
        ("VA56", 0, 1, RESERVE, u32::MAX, NtStatus::INVALID_PAGE_PROTECTION),
        ("VA57", 0, 1, RESERVE, PAGE_NOACCESS | PAGE_GUARD, NtStatus::INVALID_PAGE_PROTECTION),
    ] {
        assert_eq!(status(at, size, kind, protect), Err(refusal.0), "{row}");
    }
    // VA44: all bits have the placeholders among them.
    assert!(status(0, 1, u32::MAX, RW).is_err(), "VA44");
    let (at, _) = on.nt_alloc(0, 0, 1, RESERVE, RW).expect("VA29");
    assert_ne!(at, 0, "VA29");
    on.release(at);
    for low in [1, 0xfff, 0x1000, 0xf000] {
        assert!(on.nt_alloc(low, 0, 0x1000, RESERVE, RW).is_err(), "nothing is below 64 KiB now");
    }
    for wild in [ptr::null_mut(), pointer(0xdead_beec), pointer(usize::MAX - 2)] {
        let refused = Err(NtStatus::INVALID_HANDLE);
        assert_eq!(On(wild).nt_alloc(0, 0, 1, RESERVE, RW), refused, "VA69");
        assert_eq!(On(wild).nt_alloc_ex(0, 1, RESERVE, RW), refused, "AR02");
        // The words come first, whatever the handle.
        assert_eq!(On(wild).nt_alloc(0, 0, 1, 0, RW), Err(NtStatus::INVALID_PARAMETER_5));
        assert_eq!(On(wild).nt_alloc(0, 0, 0, RESERVE, RW), Err(NtStatus::INVALID_PARAMETER_4));
    }
}

#[test]
fn a_pointer_that_is_null_is_an_access_violation_after_the_words() {
    let (mut base, mut size, mut old) = (ptr::null_mut(), 1, 0);
    let refused = Err(NtStatus::ACCESS_VIOLATION);
    for (base, size) in [
        (ptr::null_mut(), &raw mut size),
        (&raw mut base, ptr::null_mut()),
        (ptr::null_mut(), ptr::null_mut()),
    ] {
        // SAFETY: NULL is what is tested.
        unsafe {
            let alloc = |kind| call(|| NtAllocateVirtualMemory(SELF, base, 0, size, kind, RW));
            assert_eq!(alloc(RESERVE), refused);
            assert_eq!(alloc(0), Err(NtStatus::INVALID_PARAMETER_5), "the type comes first");
            let ex = NtAllocateVirtualMemoryEx;
            assert_eq!(call(|| ex(SELF, base, size, RESERVE, RW, ptr::null_mut(), 0)), refused);
            assert_eq!(call(|| NtFreeVirtualMemory(SELF, base, size, MEM_RELEASE)), refused);
            assert_eq!(call(|| NtProtectVirtualMemory(SELF, base, size, RW, &raw mut old)), refused);
            assert_eq!(call(|| NtLockVirtualMemory(SELF, base, size, 1)), refused);
        }
    }
    let at = arena();
    let on = On(SELF);
    on.nt_alloc(at, 0, PAGE, BOTH, RW).expect("a free place");
    // SAFETY: NULL is what is tested.
    let refusal = rounded(at, PAGE, |base, size| unsafe {
        NtProtectVirtualMemory(SELF, base, size, PAGE_READONLY, ptr::null_mut())
    });
    assert_eq!(refusal, CONFLICT.map_err(|_| NtStatus::ACCESS_VIOLATION), "VP01");
    assert_eq!(on.query(at).expect("there").protect, RW, "VP01: unchanged");
    on.release(at);
}

// Rows: ZB01 ZB02 ZB03 ZB04 ZB05 ZB07 ZB09 ZB10 ZB13
#[test]
fn zero_bits_keep_an_address_low() {
    here_and_there(|on| {
        let kind = BOTH | MEM_TOP_DOWN;
        for bits in 1..=20 {
            match on.nt_alloc(0, bits, 0x1_0000, kind, RW) {
                Ok((at, size)) => {
                    assert_eq!((at >> (32 - bits), size), (0, 0x1_0000), "ZB02: {bits}");
                    assert!(bits < 16, "ZB02: no granule fits below {:#x}", 1u64 << (32 - bits));
                    on.release(at);
                }
                Err(status) => assert_eq!(status, NtStatus::NO_MEMORY, "ZB02: {bits}"),
            }
        }
        let (at, _) = on.nt_alloc(0, 3, 0x1000, RESERVE, RW).expect("ZB13");
        assert!(at < 0x2000_0000, "ZB13");
        on.release(at);
        assert_eq!(on.nt_alloc(0, 21, 1, RESERVE, RW), Err(NtStatus::INVALID_PARAMETER), "ZB04");
        for bits in 22..32 {
            assert_eq!(on.nt_alloc(0, bits, 1, RESERVE, RW), Err(NtStatus::INVALID_PARAMETER_3), "ZB05");
        }
        let (at, _) = on.nt_alloc(0, 0x1aaa_aaaa, 0x1000, kind, RW).expect("ZB07");
        assert!(at < 0x2000_0000, "ZB07");
        on.release(at);
        let base = arena();
        assert_eq!(on.nt_alloc(base, 24, 1, RESERVE, RW), Err(NtStatus::INVALID_PARAMETER_3), "ZB09");
        assert_eq!(on.nt_alloc(base, 0xffff_ffff, 1, RESERVE, RW), Ok((base, 0x1000)), "ZB10");
        on.release(base);
    });
}

// Rows: AR02 AR03 AR04 AR05 AR10 AR12 AR13 AR14 AR17 AR18 AR25
#[test]
fn extended_parameters_choose_the_place() {
    let on = On(SELF);
    let mut requirements = MEM_ADDRESS_REQUIREMENTS::default();
    let ask = |at: usize, size, kind, parameter: MEM_EXTENDED_PARAMETER, count| {
        let mut parameter = parameter;
        // SAFETY: fresh memory; the parameter is valid.
        rounded(at, size, |base, size| unsafe {
            NtAllocateVirtualMemoryEx(SELF, base, size, kind, RW, &raw mut parameter, count)
        })
    };
    let of = |kind: i32, pointer| MEM_EXTENDED_PARAMETER {
        Anonymous1: MEM_EXTENDED_PARAMETER_0 { _bitfield: kind as u64 },
        Anonymous2: MEM_EXTENDED_PARAMETER_1 { Pointer: pointer },
    };
    let refused = Err(NtStatus::INVALID_PARAMETER);
    // SAFETY: NULL is what is tested.
    let none = rounded(0, 1, |base, size| unsafe {
        NtAllocateVirtualMemoryEx(SELF, base, size, RESERVE, RW, ptr::null_mut(), 1)
    });
    assert_eq!(none, refused, "AR03");
    for kind in [MemExtendedParameterInvalidType, MemExtendedParameterMax] {
        assert_eq!(ask(0, 1, RESERVE, of(kind, ptr::null_mut()), 1), refused, "AR04, AR05");
    }
    let kind = MemExtendedParameterAddressRequirements;
    let mut with = |lowest, highest, alignment, at, action| {
        requirements = MEM_ADDRESS_REQUIREMENTS {
            LowestStartingAddress: pointer(lowest),
            HighestEndingAddress: pointer(highest),
            Alignment: alignment,
        };
        ask(at, 0x4_0000, action, of(kind, (&raw mut requirements).cast()), 1)
    };
    let base = arena();
    for (row, lowest, highest, alignment) in
        [("AR10", 0, 0, 0), ("AR17", 0, 0x2000_0fff, 0), ("AR25", 0, 0, 0x4_0000), ("AR19", base, 0, 0)]
    {
        let (at, size) = with(lowest, highest, alignment, 0, RESERVE).expect(row);
        assert!(at >= lowest && (highest == 0 || at + size - 1 <= highest), "{row}");
        assert_eq!(at % alignment.max(0x1_0000), 0, "{row}");
        on.release(at);
    }
    for (row, lowest, highest, at) in [
        ("AR14", 0, 0x2000_1001, 0),
        ("AR18", 0x2000_1000, 0, 0),
        ("AR12", 0x2000_0000, 0, base),
        ("AR21", 0x3000_0000, 0x2000_0fff, 0),
    ] {
        assert_eq!(with(lowest, highest, 0, at, RESERVE), refused, "{row}");
    }
    on.nt_alloc(base, 0, 0x4_0000, RESERVE, RW).expect("a free place");
    assert_eq!(with(0x1_0000, 0, 0, base, MEM_COMMIT), refused, "AR13");
    on.release(base);
}

// Rows: VF03 VF04 VF37 VF38
#[test]
fn the_type_of_a_free_comes_first() {
    let refused = Err(NtStatus::INVALID_PARAMETER_4);
    for kind in (0..32).map(|bit| 1 << bit).filter(|kind| kind & (MEM_RELEASE | MEM_DECOMMIT) == 0) {
        // SAFETY: NULL is what is tested.
        let status =
            call(|| unsafe { NtFreeVirtualMemory(ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), kind) });
        assert_eq!(status, refused, "VF03: {kind:#x}");
    }
    let on = On(SELF);
    for kind in [u32::MAX, !MEM_DECOMMIT, !MEM_RELEASE, MEM_DECOMMIT | MEM_RELEASE, 0] {
        assert_eq!(
            on.nt_free(0x1_0000, 0, kind),
            CONFLICT.map_err(|_| NtStatus::INVALID_PARAMETER_4),
            "VF04"
        );
    }
    assert_eq!(
        on.nt_free(TOP, 0, MEM_RELEASE).map_err(|it| it.0),
        Err(NtStatus::INVALID_PARAMETER_2.0),
        "VF37"
    );
    let huge = on.nt_free(0x1_0000, usize::MAX, MEM_RELEASE);
    assert_eq!(huge, CONFLICT.map_err(|_| NtStatus::INVALID_PARAMETER_3), "VF38");
    assert_eq!(On(ptr::null_mut()).nt_free(0x1_0000, 0, MEM_RELEASE), Err(NtStatus::INVALID_HANDLE), "VF05");
}

// Rows: VF06 VF07 VF08 VF09 VF10 VF11 VF12 VF13 VF17 VF18 VF19 VF20 VF21 VF22 VF23 VF24
#[test]
fn a_part_of_an_allocation_can_be_released() {
    here_and_there(|on| {
        let p = arena();
        let fresh = || assert!(on.nt_alloc(p, 0, 0x1_0000, BOTH, RW).is_ok());
        fresh();
        assert_eq!(on.nt_free(p + 0x1fff, 2, MEM_DECOMMIT), Ok((p + 0x1000, 0x2000)), "VF08");
        assert_eq!(on.query(p + 0x1000).expect("VF08").size, 0x2000, "VF08");
        assert_eq!(on.nt_free(p + 0x1000, 0x1000, MEM_DECOMMIT), Ok((p + 0x1000, 0x1000)), "VF07");
        let not_at_base = Err(NtStatus::FREE_VM_NOT_AT_BASE);
        assert_eq!(on.nt_free(p + 0x1001, 0, MEM_DECOMMIT), not_at_base, "VF09");
        assert_eq!(on.nt_free(p + 0xffe, 0, MEM_DECOMMIT), Ok((p, 0)), "VF10");
        assert_eq!(on.query(p).expect("VF10").size, 0x1_0000, "VF10");
        assert_eq!(on.nt_free(p + 0x1001, 0, MEM_RELEASE), not_at_base, "VF11");
        assert_eq!(on.nt_free(p + 0x1000, 0, MEM_RELEASE), not_at_base, "VF12");
        let unable = Err(NtStatus::UNABLE_TO_FREE_VM);
        assert_eq!(on.nt_free(p, 0x1_1000, MEM_RELEASE), unable, "VF17");
        assert_eq!(on.nt_free(p + 0x1001, 0xffff, MEM_RELEASE), unable, "VF18");
        assert_eq!(on.nt_free(p + 0x1001, 0xfff, MEM_RELEASE), Ok((p + 0x1000, 0x1000)), "VF19");
        assert_eq!(on.query(p + 0x1000).expect("VF19").state, MEM_FREE, "VF19");
        assert_eq!(on.query(p + 0x2000).expect("VF19").allocation, p + 0x2000, "VF19");
        assert_eq!(on.nt_free(p, 0x1_0000, MEM_DECOMMIT), unable, "VF22");
        assert_eq!(on.nt_free(p, 0x1_0000, MEM_RELEASE), unable, "VF22");
        let gone = Err(NtStatus::MEMORY_NOT_ALLOCATED);
        assert_eq!(on.nt_free(p + 0x1000, 0, MEM_RELEASE), gone, "VF23");
        assert_eq!(on.nt_free(p + 0x1000, 0x1000, MEM_DECOMMIT), gone, "VF23");
        assert_eq!(on.nt_free(p + 1, 0xfff, MEM_RELEASE), Ok((p, 0x1000)), "VF20");
        assert_eq!(on.nt_alloc(p, 0, 0x1000, BOTH, RW), Ok((p, 0x1000)), "VF21");
        assert_eq!(on.nt_free(p + 0x2000, 0, MEM_RELEASE), Ok((p + 0x2000, 0xe000)), "VF24");
        assert_eq!(on.nt_free(p + 0xfff, 0, MEM_RELEASE), Ok((p, 0x1000)), "VF13");
        assert_eq!(on.query(p).expect("VF13").state, MEM_FREE, "VF13");
    });
}

// Rows: VF25 VF26 VF27 VF28 VF29 VF30 VF31 VF32 VF33 VF34 VF35 VF36
#[test]
fn a_release_stays_in_one_allocation() {
    here_and_there(|on| {
        let p = arena();
        let unable = Err(NtStatus::UNABLE_TO_FREE_VM);
        let gone = Err(NtStatus::MEMORY_NOT_ALLOCATED);
        on.nt_alloc(p, 0, 0x3_0000, RESERVE, RW).expect("a free place");
        assert_eq!(on.nt_free(p + 0x1_0000, 0x1_0000, MEM_RELEASE), Ok((p + 0x1_0000, 0x1_0000)), "VF25");
        assert_eq!(on.nt_free(p, 0x3_0000, MEM_RELEASE), unable, "VF26");
        on.release(p);
        on.release(p + 0x2_0000);
        on.nt_alloc(p, 0, 0x3000, RESERVE, RW).expect("a free place");
        for outside in [0x8000, 0x1_0000] {
            assert_eq!(on.nt_free(p + outside, 0x1000, MEM_RELEASE), gone, "VF27");
        }
        assert_eq!(on.nt_free(p, 0x4000, MEM_RELEASE), unable, "VF28");
        assert_eq!(on.nt_free(p, 0x3000, MEM_RELEASE), Ok((p, 0x3000)), "VF29");
        for kind in [MEM_DECOMMIT, MEM_RELEASE] {
            on.nt_alloc(p, 0, PAGE, BOTH, RW).expect("a free place");
            assert_eq!(on.nt_free(p, PAGE + 1, kind), unable, "VF30");
            assert_eq!(on.nt_free(p + 1, PAGE, kind), unable, "VF31");
            assert_eq!(on.nt_free(p + 1, PAGE - 1, kind), Ok((p, PAGE)), "VF32");
            let _ = on.free(p, 0, MEM_RELEASE);
        }
        for order in [[0, PAGE], [PAGE, 0]] {
            on.nt_alloc(p, 0, 2 * PAGE, BOTH, RW).expect("a free place");
            for at in order {
                assert_eq!(on.nt_free(p + at, PAGE, MEM_RELEASE), Ok((p + at, PAGE)), "VF33");
            }
        }
        on.nt_alloc(p, 0, 2 * PAGE, BOTH, RW).expect("a free place");
        assert_eq!(on.nt_free(p + 1, PAGE, MEM_RELEASE), Ok((p, 2 * PAGE)), "VF34");
        assert_eq!(on.nt_free(p, 0, MEM_RELEASE), gone, "VF35, VF36");
    });
}

// Rows: VP05 VP11 VP12 VP13 VP14 VP15 VP16 VP17 VP18 VP19
#[test]
fn a_protection_tells_its_range_and_the_old_one() {
    here_and_there(|on| {
        let p = arena();
        on.nt_alloc(p, 0, 16 * PAGE, BOTH, RW).expect("a free place");
        on.nt_protect(p + 8 * PAGE, 8 * PAGE, PAGE_EXECUTE_READWRITE).expect("committed");
        assert_eq!(on.nt_protect(p, 16 * PAGE, PAGE_READONLY), Ok((p, 16 * PAGE, RW)), "VP11");
        assert_eq!(on.nt_protect(p + 1, 1, RW), Ok((p, PAGE, PAGE_READONLY)), "VP12");
        assert_eq!(on.nt_protect(p + PAGE - 1, 2, RW), Ok((p, 2 * PAGE, RW)), "VP13");
        assert_eq!(on.nt_protect(p, 1, 0), Err(NtStatus::INVALID_PAGE_PROTECTION), "VP15");
        assert_eq!(on.nt_protect(p, 0, RW), Err(NtStatus::INVALID_PARAMETER_3), "VP17");
        assert_eq!(on.nt_protect(TOP, 1, RW), Err(NtStatus::INVALID_PARAMETER_2), "VP18");
        assert_eq!(on.nt_protect(p, usize::MAX, RW), Err(NtStatus::INVALID_PARAMETER_3), "VP19");
        on.nt_free(p + PAGE, PAGE, MEM_DECOMMIT).expect("committed");
        let (mut base, mut size, mut old) = (pointer(p), 2 * PAGE, 0);
        // SAFETY: memory of this test's own.
        let status = unsafe { NtProtectVirtualMemory(on.0, &raw mut base, &raw mut size, RW, &raw mut old) };
        assert_eq!((status as u32, old), (NtStatus::NOT_COMMITTED.0, PAGE_NOACCESS), "VP05");
        on.release(p);
        assert_eq!(on.nt_protect(p, 1, RW), Err(NtStatus::CONFLICTING_ADDRESSES), "VP16");
        assert_eq!(on.nt_protect(0, 1, RW), Err(NtStatus::CONFLICTING_ADDRESSES), "VP16");
        assert_eq!(On(ptr::null_mut()).nt_protect(p, 1, RW), Err(NtStatus::INVALID_HANDLE), "VP14");
    });
}

// Rows: RS01 RS02 RS03
#[test]
fn content_can_be_given_up_and_the_range_is_told() {
    let on = On(SELF);
    let p = arena();
    on.nt_alloc(p, 0, 0x1_0000, RESERVE, RW).expect("a free place");
    on.nt_alloc(p, 0, PAGE, MEM_COMMIT, RW).expect("reserved");
    store(p, 0x55);
    assert_eq!(on.nt_alloc(p + 5, 0, PAGE - 5, MEM_RESET, PAGE_NOACCESS), Ok((p, PAGE)), "RS01");
    assert!([0, 0x55].contains(&load(p)), "RS01");
    assert_eq!(on.nt_alloc(p + PAGE, 0, PAGE, MEM_RESET, PAGE_NOACCESS), Ok((p + PAGE, PAGE)), "RS02");
    assert_eq!(on.nt_alloc(p + 0xf000, 0, 2 * PAGE, MEM_RESET, PAGE_NOACCESS), CONFLICT, "RS03");
    on.release(p);
}

// Rows: HR16 HR17 HR18
#[test]
fn a_process_that_ended_is_terminating_for_every_call() {
    let mut sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    sleeper.end();
    let ended = NtStatus::PROCESS_IS_TERMINATING;
    assert_eq!(opened.on.nt_alloc(0, 0, 1, RESERVE, RW), Err(ended), "HR16");
    assert_eq!(opened.on.nt_protect(0x1_0000, 1, RW), Err(ended), "HR17");
    assert_eq!(opened.on.nt_free(0x1_0000, 0, MEM_RELEASE), Err(ended), "HR18");
}

// Rows: HR01 HR07 VA70 VF43 VP39
#[test]
fn a_right_that_is_missing_is_access_denied() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS & !PROCESS_VM_OPERATION);
    let denied = NtStatus::ACCESS_DENIED;
    assert_eq!(opened.on.nt_alloc(0, 0, 1, RESERVE, RW), Err(denied), "HR01, VA70");
    assert_eq!(opened.on.nt_free(0x1_0000, 0, MEM_RELEASE), Err(denied), "HR07, VF43");
    assert_eq!(opened.on.nt_protect(0x1_0000, 1, RW), Err(denied), "VP39");
    assert_eq!(last_error(), support::SENTINEL);
}
