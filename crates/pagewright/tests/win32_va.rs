//! VirtualAlloc, VirtualAllocEx and VirtualAlloc2: rows VA and AR.

#[path = "golden/support.rs"]
mod support;

use std::ptr;

use pagewright::win32::{
    MEM_ADDRESS_REQUIREMENTS, MEM_COMMIT, MEM_EXTENDED_PARAMETER, MEM_EXTENDED_PARAMETER_0,
    MEM_EXTENDED_PARAMETER_1, MEM_LARGE_PAGES, MEM_PRIVATE, MEM_RESERVE, MEM_TOP_DOWN, PAGE_EXECUTE,
    PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_NOACCESS, PAGE_NOCACHE,
    PAGE_READONLY, PAGE_READWRITE, PAGE_TARGETS_INVALID, PAGE_WRITECOMBINE, PAGE_WRITECOPY, VirtualAlloc2,
};
use support::{
    BOTH, On, PAGE, Record, SELF, TOP, arena, everywhere, here_and_there, last_error, load, load_faults,
    pointer, store, store_faults,
};

const GRANULE: usize = 0x1_0000;

// Rows: VA01 VA02
#[test]
fn a_size_of_zero_is_refused() {
    everywhere(|on| {
        assert_eq!(on.alloc(0, 0, MEM_RESERVE, PAGE_NOACCESS), Err(87), "VA01, VA02");
    });
}

// Rows: VA03 VA04 VA05 VA29
#[test]
fn a_reservation_is_whole_pages_at_a_granule() {
    everywhere(|on| {
        let base = on.alloc(0, 0xfffc, MEM_RESERVE, PAGE_NOACCESS).expect("VA03");
        assert_eq!(base % GRANULE, 0, "VA03");
        assert_ne!(base, 0, "VA29");
        let record = Record {
            base,
            allocation: base,
            initial: PAGE_NOACCESS,
            size: GRANULE,
            state: MEM_RESERVE,
            protect: 0,
            kind: MEM_PRIVATE,
        };
        assert_eq!(on.query(base), Ok(record), "VA03, VA04");

        assert_eq!(on.alloc(base, PAGE, MEM_COMMIT, PAGE_NOACCESS), Ok(base), "VA05");
        let page = Record { size: PAGE, state: MEM_COMMIT, protect: PAGE_NOACCESS, ..record };
        assert_eq!(on.query(base), Ok(page), "VA05");
        let rest = Record { base: base + PAGE, size: 0xf000, ..record };
        assert_eq!(on.query(base + PAGE), Ok(rest), "VA05");
        on.release(base);
    });
}

// Rows: VA06 VA42
#[test]
fn without_an_address_a_commit_reserves_too() {
    everywhere(|on| {
        let base = on.alloc(0, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("VA06");
        let record = on.query(base).expect("VA06");
        assert_eq!(
            (record.state, record.initial, record.allocation),
            (MEM_COMMIT, PAGE_READWRITE, base),
            "VA06"
        );
        on.release(base);
        let base = on.alloc(0, PAGE, MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE).expect("VA42");
        on.release(base);
    });
}

// Rows: VA08 VA43
#[test]
fn top_down_is_above_what_is_chosen_otherwise() {
    everywhere(|on| {
        let low = on.alloc(0, PAGE, BOTH, PAGE_READWRITE).expect("VA08");
        let high = on.alloc(0, PAGE, BOTH | MEM_TOP_DOWN, PAGE_READWRITE).expect("VA43");
        assert!(high > low, "VA43: {high:#x} {low:#x}");
        assert_eq!((low % GRANULE, high % GRANULE), (0, 0), "VA08");
        on.release(low);
        on.release(high);
    });
}

// Rows: VA07 VA09
#[test]
fn a_commit_needs_a_reservation() {
    everywhere(|on| {
        let at = arena();
        assert_eq!(on.alloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(487), "VA07");
        assert_eq!(on.alloc(at, PAGE, BOTH, PAGE_EXECUTE_READWRITE), Ok(at), "VA09");
        on.release(at);
        assert_eq!(on.alloc(at, PAGE, BOTH, PAGE_EXECUTE_READWRITE), Ok(at), "VA09: just freed");
        on.release(at);
    });
}

// Rows: VA10 VA11 VA12 VA13 VA14 VA15 VA16 VA17 VA26 VA27
#[test]
fn a_reservation_rounds_its_base_down_and_its_end_up() {
    everywhere(|on| {
        let at = arena();
        for (row, offset, size, end) in [
            ("VA10", 0, 1, 0x1000),
            ("VA11", 0x8000, 1, 0x9000),
            ("VA12", 0x10, 0x1000, 0x2000),
            ("VA14", 0xffff, 0x3000, 0x1_3000),
            ("VA15", 0x1010, 0x7000, 0x9000),
            ("VA16", 0x1010, 0xc000, 0xe000),
            ("VA17", 0x1010, 0x1000, 0x3000),
        ] {
            assert_eq!(on.alloc(at + offset, size, MEM_RESERVE, PAGE_READWRITE), Ok(at), "{row}");
            assert_eq!(on.query(at).expect("allocated").size, end, "{row}");
            on.release(at);
        }
        let second = at + GRANULE;
        assert_eq!(on.alloc(second, 0x2000, MEM_RESERVE, PAGE_READWRITE), Ok(second), "VA13");
        on.release(second);
        for (row, offset, size) in [("VA26", 0x4080, 0x1000), ("VA27", 0x5000, 200)] {
            assert_eq!(on.alloc(at + offset, size, BOTH, PAGE_READWRITE), Ok(at), "{row}");
            let record = on.query(at).expect("allocated");
            let seen = (record.size, record.state, record.protect);
            assert_eq!(seen, (0x6000, MEM_COMMIT, PAGE_READWRITE), "{row}: the part below too");
            on.release(at);
        }
    });
}

// Rows: VA18 VA19 VA20 VA21 VA24
#[test]
fn the_tail_of_a_granule_belongs_to_nobody_else() {
    everywhere(|on| {
        let at = arena();
        on.alloc(at, 0x3000, MEM_RESERVE, PAGE_READWRITE).expect("free");
        assert_eq!(on.alloc(at + 0x8000, PAGE, MEM_RESERVE, PAGE_READWRITE), Err(487), "VA18");
        assert_eq!(on.alloc(at + 0x1000, PAGE, BOTH, PAGE_READWRITE), Err(487), "VA19");
        assert_eq!(on.alloc(at + 0x3000, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(487), "VA24");
        assert_eq!(on.alloc(at + 0x2000, PAGE, MEM_COMMIT, PAGE_NOACCESS), Ok(at + 0x2000), "VA20");
        assert_eq!(on.alloc(at + 0x2000, PAGE, MEM_COMMIT, PAGE_READWRITE), Ok(at + 0x2000), "VA21");
        assert_eq!(on.query(at + 0x2000).expect("VA21").protect, PAGE_READWRITE, "VA21");
        on.release(at);
    });
}

// Rows: VA22 VA67
#[test]
fn a_commit_over_pages_of_any_state_makes_them_alike() {
    everywhere(|on| {
        let at = arena();
        on.alloc(at, 0x3000, MEM_RESERVE, PAGE_READWRITE).expect("free");
        on.alloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        on.alloc(at + 0x2000, PAGE, MEM_COMMIT, PAGE_NOACCESS).expect("reserved");
        assert_eq!(on.alloc(at, 0x3000, MEM_COMMIT, PAGE_READONLY), Ok(at), "VA22");
        let record = on.query(at).expect("VA22");
        assert_eq!((record.size, record.protect), (0x3000, PAGE_READONLY), "VA22");
        if on.0 == SELF {
            assert!(store_faults(at), "VA22: a store to page 0 now faults");
            assert_eq!(load(at), 0, "VA67: loads see zero");
        }
        on.release(at);
    });
}

// Rows: VA23
#[test]
fn committing_again_keeps_the_content() {
    let on = On(SELF);
    let at = on.alloc(0, PAGE, BOTH, PAGE_READWRITE).expect("free");
    store(at, 0x77);
    assert_eq!(on.alloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE), Ok(at), "VA23");
    assert_eq!(load(at), 0x77, "VA23");
    on.release(at);
}

// Rows: VA25 VA28
#[test]
fn a_commit_does_not_cross_allocations() {
    everywhere(|on| {
        let at = arena();
        for number in 0..3 {
            on.alloc(at + number * GRANULE, GRANULE, MEM_RESERVE, PAGE_NOACCESS).expect("free");
        }
        assert_eq!(on.alloc(at + 0x4000, GRANULE, MEM_COMMIT, PAGE_READWRITE), Err(487), "VA25");
        let record = on.query(at).expect("VA25");
        assert_eq!((record.state, record.size), (MEM_RESERVE, GRANULE), "VA25: nothing committed");

        on.alloc(at + 0xf000, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        let record = Record {
            base: at + 0xf000,
            allocation: at,
            initial: PAGE_NOACCESS,
            size: PAGE,
            state: MEM_COMMIT,
            protect: PAGE_READWRITE,
            kind: MEM_PRIVATE,
        };
        assert_eq!(on.query(at + 0xf700), Ok(record), "VA28");
        for number in 0..3 {
            on.release(at + number * GRANULE);
        }
    });
}

// Rows: VA32 VA34 VA35 VA36
#[test]
fn addresses_that_cannot_be_are_refused() {
    everywhere(|on| {
        for at in [1, 0xfff, 0x1000, 0xffff] {
            assert_eq!(on.alloc(at, PAGE, BOTH, PAGE_READWRITE), Err(87), "VA32: {at:#x}");
        }
        for at in [TOP, 0x8000_0000_0000, usize::MAX] {
            assert_eq!(on.alloc(at, PAGE, BOTH, PAGE_READWRITE), Err(87), "VA34: {at:#x}");
            assert_eq!(on.alloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(87), "VA35: {at:#x}");
        }
        for size in [usize::MAX, usize::MAX - 0xfff, 1 << 48] {
            assert_eq!(on.alloc(0, size, MEM_RESERVE, PAGE_READWRITE), Err(87), "VA36: {size:#x}");
        }
        let last = TOP - PAGE;
        assert_eq!(on.alloc(last, 2 * PAGE, MEM_RESERVE, PAGE_READWRITE), Err(87), "VA36: across the end");
    });
}

// Rows: VA33
#[test]
fn images_are_in_the_way() {
    let code = last_error as *const () as usize;
    assert_eq!(On(SELF).alloc(code, PAGE, BOTH, PAGE_READWRITE), Err(487), "VA33");
}

// Rows: VA38
#[test]
fn the_address_space_ends() {
    everywhere(|on| {
        let more = || on.alloc(0, 1 << 45, MEM_RESERVE, PAGE_READWRITE);
        let all: Vec<_> = (0..4).map(|_| more()).collect();
        assert!(all[3] == Err(8) && all[0].is_ok(), "VA38: {all:x?}");
        all.into_iter().flatten().for_each(|base| on.release(base));
    });
}

// Rows: VA39
#[test]
fn what_runs_out_has_a_code() {
    here_and_there(|on| {
        assert_eq!(on.alloc(0, 1 << 45, BOTH, PAGE_READWRITE), Err(1455), "VA39");
    });
}

// Rows: LP05 LP14 LP15 RS08 RS09 RS10 VA40 VA41 VA44 VA45 VA46 VA47 VA48 WW03
#[test]
fn allocation_types_exclude_each_other() {
    everywhere(|on| {
        for (row, kind) in [
            ("VA40", 0),
            ("VA41", MEM_TOP_DOWN),
            ("VA44", u32::MAX),
            ("VA45", BOTH | 0x4000_0000),
            ("VA46, WW03", 0x20_1000),
            ("VA47, RS08", 0x8_1000),
            ("VA47, RS10", 0x18_0000),
            ("VA47, RS09", 0x8_3000),
            ("VA48", 0x4_2000),
            ("VA48", BOTH | 0x4000),
            ("LP05", MEM_RESERVE | MEM_LARGE_PAGES),
            ("LP14", 0x40_0000),
            ("LP15", 0x40_3000),
        ] {
            assert_eq!(on.alloc(0, PAGE, kind, PAGE_READWRITE), Err(87), "{row}: {kind:#x}");
        }
    });
}

// Rows: VA52 VA60 VA61
#[test]
fn every_single_access_can_be_committed() {
    everywhere(|on| {
        for protect in [
            PAGE_NOACCESS,
            PAGE_READONLY,
            PAGE_READWRITE,
            PAGE_EXECUTE,
            PAGE_EXECUTE_READ,
            PAGE_EXECUTE_READWRITE,
            PAGE_READONLY | PAGE_WRITECOMBINE,
        ] {
            let base = on.alloc(0, PAGE, MEM_COMMIT, protect).expect("VA52, VA60");
            let record = on.query(base).expect("VA52");
            assert_eq!((record.protect, record.initial), (protect, protect), "VA52, VA60: {protect:#x}");
            on.release(base);
        }
        let odd = PAGE_EXECUTE_READ | PAGE_TARGETS_INVALID;
        let base = on.alloc(0, PAGE, MEM_COMMIT, odd).expect("VA61");
        assert_eq!(on.query(base).expect("VA61").protect, PAGE_EXECUTE_READ, "VA61: not reported");
        on.release(base);
    });
}

// Rows: GP19 VA49 VA50 VA51 VA53 VA54 VA55 VA56 VA57 VA58 VA59 VA61
#[test]
fn protections_that_are_none_are_refused() {
    everywhere(|on| {
        let at = on.alloc(0, GRANULE, MEM_RESERVE, PAGE_NOACCESS).expect("free");
        for (row, protect) in [
            ("VA50", 0),
            ("VA51", PAGE_READONLY | PAGE_EXECUTE),
            ("VA53", PAGE_READWRITE | PAGE_EXECUTE_READ),
            ("VA54", PAGE_WRITECOPY),
            ("VA54", PAGE_EXECUTE_WRITECOPY),
            ("VA55", PAGE_READONLY | PAGE_READWRITE),
            ("VA56", u32::MAX),
            ("VA56", 0x804),
            ("VA57, GP19", 0x101),
            ("VA58", 0x401),
            ("VA59", 0x201),
            ("VA59", 0x604),
            ("VA59", 0x304),
            ("VA59", 0x504),
            ("VA61", PAGE_READWRITE | PAGE_TARGETS_INVALID),
        ] {
            assert_eq!(on.alloc(at, PAGE, MEM_COMMIT, protect), Err(87), "{row}: {protect:#x}");
            assert_eq!(on.alloc(0, PAGE, MEM_RESERVE, protect), Err(87), "VA49, {row}: {protect:#x}");
        }
        on.release(at);
    });
}

// Rows: VA62
#[test]
fn a_cache_attribute_is_reported() {
    everywhere(|on| {
        let protect = PAGE_READWRITE | PAGE_NOCACHE;
        let base = on.alloc(0, 2 * PAGE, BOTH, protect).expect("VA62");
        let record = on.query(base).expect("VA62");
        assert_eq!((record.initial, record.protect, record.size), (protect, protect, 2 * PAGE), "VA62");
        on.release(base);
    });
}

// Rows: VA63 VA64
#[test]
fn fresh_memory_is_zero_each_time() {
    let on = On(SELF);
    let at = arena();
    for _ in 0..500 {
        on.alloc(at, PAGE, BOTH, PAGE_READWRITE).expect("free");
        assert_eq!(load(at + 0x123), 0, "VA63, VA64");
        store(at + 0x123, 0xff);
        on.protect(at, PAGE, PAGE_NOACCESS).expect("committed");
        on.release(at);
    }
}

// Rows: VA65 VA66 VA67
#[test]
fn the_kernel_enforces_what_was_asked() {
    let on = On(SELF);
    let at = on.alloc(0, 4 * PAGE, MEM_RESERVE, PAGE_READWRITE).expect("free");
    on.alloc(at, PAGE, MEM_COMMIT, PAGE_NOACCESS).expect("reserved");
    on.alloc(at + PAGE, PAGE, MEM_COMMIT, PAGE_READONLY).expect("reserved");
    assert!(load_faults(at) && store_faults(at), "VA65");
    assert!(load_faults(at + 2 * PAGE) && store_faults(at + 2 * PAGE), "VA66");
    assert!(store_faults(at + PAGE) && !load_faults(at + PAGE), "VA67");
    on.release(at);
}

// Rows: HR12 VA68 VA69
#[test]
fn no_handle_is_told_after_bad_arguments() {
    let nobody = On(ptr::null_mut());
    let garbage = On(pointer(0x1234_5678));
    assert_eq!(nobody.alloc(0, PAGE, BOTH, PAGE_READWRITE), Err(6), "VA68, HR12");
    assert_eq!(garbage.alloc(0, PAGE, BOTH, PAGE_READWRITE), Err(6), "VA69");
    assert_eq!(nobody.alloc(0, PAGE, 0, PAGE_READWRITE), Err(87), "VA intro: the type comes first");
    assert_eq!(nobody.alloc(0, PAGE, BOTH, 0), Err(87), "VA intro: the protection comes first");
    assert_eq!(nobody.alloc(0, 0, BOTH, PAGE_READWRITE), Err(87), "VA intro: the size comes first");
    let large = BOTH | MEM_LARGE_PAGES;
    assert_eq!(nobody.alloc(0, PAGE, large, PAGE_READWRITE), Err(6), "VA intro: before the privilege");
}

/// One extended parameter with a number.
fn parameter(kind: u64, value: u64) -> MEM_EXTENDED_PARAMETER {
    MEM_EXTENDED_PARAMETER {
        Anonymous1: MEM_EXTENDED_PARAMETER_0 { _bitfield: kind },
        Anonymous2: MEM_EXTENDED_PARAMETER_1 { ULong64: value },
    }
}

fn alloc2(
    at: usize,
    size: usize,
    kind: u32,
    mut parameters: Vec<MEM_EXTENDED_PARAMETER>,
) -> Result<usize, u32> {
    let (first, count) = (parameters.as_mut_ptr(), parameters.len() as u32);
    // SAFETY: fresh memory; the parameters live across the call.
    let base =
        unsafe { VirtualAlloc2(ptr::null_mut(), pointer(at), size, kind, PAGE_READWRITE, first, count) };
    if base.is_null() { Err(last_error()) } else { Ok(base.addr()) }
}

fn required(at: usize, size: usize, lowest: usize, highest: usize, alignment: usize) -> Result<usize, u32> {
    let mut requirements = MEM_ADDRESS_REQUIREMENTS {
        LowestStartingAddress: pointer(lowest),
        HighestEndingAddress: pointer(highest),
        Alignment: alignment,
    };
    let address = (&raw mut requirements).expose_provenance() as u64;
    alloc2(at, size, MEM_RESERVE, vec![parameter(1, address)])
}

// Rows: AR01 HR13
#[test]
fn a_null_process_is_this_one() {
    let base = alloc2(0, 0x8_0000, MEM_COMMIT, Vec::new()).expect("AR01, HR13");
    On(SELF).release(base);
}

// Rows: AR03 AR04 AR05 AR06 AR07 AR08 AR09
#[test]
fn extended_parameters_are_checked_one_by_one() {
    // SAFETY: refused before anything is read.
    let none = unsafe { VirtualAlloc2(SELF, ptr::null(), PAGE, BOTH, PAGE_READWRITE, ptr::null_mut(), 1) };
    assert_eq!((none.is_null(), last_error()), (true, 87), "AR03");
    for (row, parameters) in [
        ("AR04", vec![parameter(0, 0)]),
        ("AR05", vec![parameter(7, 0)]),
        ("AR05", vec![parameter(0xff, 0)]),
        ("AR06", vec![parameter(5, 0), parameter(5, 0)]),
        ("AR08", vec![parameter(5, 0), parameter(5, 0)]),
        ("AR06", vec![parameter(5, 0); 7]),
        ("AR09", vec![parameter(5, 0x40)]),
        ("the machine of an image", vec![parameter(6, 0)]),
        ("a memory partition", vec![parameter(3, 0)]),
    ] {
        assert_eq!(alloc2(0, PAGE, BOTH, parameters), Err(87), "{row}");
    }
    let base = alloc2(0, PAGE, BOTH, vec![parameter(5, 0)]).expect("AR07");
    On(SELF).release(base);
}

// Rows: AR10 AR11 AR12 AR14 AR15 AR16 AR17 AR18 AR19 AR20 AR21 AR22 AR23 AR24 AR25 AR26 AR27 AR28
#[test]
fn address_requirements_are_checked_and_met() {
    let on = On(SELF);
    let at = arena();
    let ok = |row, base: Result<usize, u32>| {
        let base = base.unwrap_or_else(|code| panic!("{row}: {code}"));
        on.release(base);
        base
    };
    ok("AR10", required(0, PAGE, 0, 0, 0));
    assert_eq!(ok("AR11", required(at, PAGE, 0, 0, 0)), at, "AR11");
    assert_eq!(required(at, PAGE, at, 0, 0), Err(87), "AR12");
    for bad in [0x2000_1001, 0x2000_0ffe, 0x2000_07ff] {
        assert_eq!(required(0, PAGE, 0, bad, 0), Err(87), "AR14: {bad:#x}");
    }
    assert_eq!(required(0, PAGE, 0, TOP + 0xfff, 0), Err(87), "AR15");
    ok("AR16", required(0, PAGE, 0, TOP - 1, 0));
    assert_eq!(ok("AR17", required(0, 0x4_0000, at, at + 0x4_ffff, 0)), at, "AR17");
    for bad in [at + 0x1000, at + 1, at - 1] {
        assert_eq!(required(0, PAGE, bad, 0, 0), Err(87), "AR18: {bad:#x}");
    }
    assert!(ok("AR19", required(0, PAGE, at, 0, 0)) >= at, "AR19");
    assert_eq!(ok("AR20", required(0, PAGE, at, at + 0xffff, 0)), at, "AR20");
    assert_eq!(required(0, PAGE, at + GRANULE, at + 0xfff, 0), Err(87), "AR21");
    assert_eq!(required(0, PAGE, TOP, 0, 0), Err(87), "AR22");
    assert_eq!(ok("AR24", required(0, PAGE, at, at + 0xffff, 0x1_0000)), at, "AR23, AR24");
    assert_eq!(ok("AR25", required(0, PAGE, 0, 0, 0x4_0000)) % 0x4_0000, 0, "AR25");
    assert_eq!(required(0, PAGE, 0, 0, 0x8000), Err(87), "AR26");
    assert_eq!(required(0, PAGE, 0, 0, 0x3_0000), Err(87), "AR27");
    assert_eq!(required(0, 0x2000, 0, 0x2000_0fff, 0x2000_0000), Err(8), "AR28");
}

// Rows: AR29
#[test]
fn a_base_is_rounded_down_to_a_granule() {
    let at = arena();
    assert_eq!(alloc2(at + 0x1000, PAGE, BOTH, Vec::new()), Ok(at), "AR29: as VirtualAlloc does");
    On(SELF).release(at);
}

// Rows: AR13
#[test]
fn a_commit_takes_no_requirements() {
    let on = On(SELF);
    let at = on.alloc(0, GRANULE, MEM_RESERVE, PAGE_READWRITE).expect("free");
    let requirements = MEM_ADDRESS_REQUIREMENTS { Alignment: GRANULE, ..Default::default() };
    let address = (&raw const requirements).expose_provenance() as u64;
    assert_eq!(alloc2(at, PAGE, MEM_COMMIT, vec![parameter(1, address)]), Err(87), "AR13");
    assert_eq!(alloc2(at, PAGE, MEM_COMMIT, Vec::new()), Ok(at), "AR13: without them it is one");
    on.release(at);
}

// Rows: VA73 VA74 VA75
#[test]
fn packaged_programs_get_no_code() {
    use pagewright::win32::{VirtualAlloc2FromApp, VirtualAllocFromApp, VirtualProtectFromApp};
    // SAFETY: fresh memory.
    let one = |protect| unsafe { VirtualAllocFromApp(ptr::null(), PAGE, MEM_RESERVE, protect) };
    // SAFETY: as above; no parameters.
    let two = |protect| unsafe {
        VirtualAlloc2FromApp(ptr::null_mut(), ptr::null(), PAGE, BOTH, protect, ptr::null_mut(), 0)
    };
    let bases = [one(PAGE_READWRITE), two(PAGE_READWRITE)];
    assert!(bases.iter().all(|base| !base.is_null()), "VA73: {}", last_error());
    for protect in [PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY] {
        assert_eq!((one(protect).is_null(), last_error()), (true, 87), "VA74: {protect:#x}");
        assert_eq!((two(protect).is_null(), last_error()), (true, 87), "VA75: {protect:#x}");
    }
    let mut old = 0;
    // SAFETY: the memory is this test's, and the pointer valid.
    let mut change = |protect| unsafe { VirtualProtectFromApp(bases[1], PAGE, protect, &raw mut old) };
    assert_eq!((change(PAGE_EXECUTE_READWRITE), last_error()), (0, 87));
    assert_eq!((change(PAGE_EXECUTE_READ), change(PAGE_READONLY)), (1, 1));
    assert_eq!(old, PAGE_EXECUTE_READ);
    bases.iter().for_each(|base| On(SELF).release(base.expose_provenance()));
}
