//! VirtualAlloc, VirtualFree, VirtualProtect, VirtualQuery and their Ex forms as Windows CE
//! has them: sections 1.1, 2, 5 and 6 of the facts.

mod wince_support;

use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_FREE, MEM_PRIVATE, MEM_RELEASE, MEM_RESERVE, MEM_TOP_DOWN, MEM_WRITE_WATCH,
    MEMORY_BASIC_INFORMATION, OpenProcess, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_GUARD,
    PAGE_NOACCESS, PAGE_NOCACHE, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY,
    PROCESS_QUERY_LIMITED_INFORMATION, SYSTEM_INFO,
};
use pagewright::wince::{self, GetSystemInfo, PAGE_PHYSICAL};

use wince_support::{
    GRANULE, HERE, On, PAGE, SELF, Sleeper, TOP, arena, load, load_faults, pointer, said, store,
};

const BOTH: u32 = MEM_RESERVE | MEM_COMMIT;

/// The calls on this process and on another one, named in every way there is.
fn everywhere(mut test: impl FnMut(On)) {
    test(HERE);
    test(On(SELF));
    test(On::id(std::process::id()));
    let sleeper = Sleeper::new();
    test(On::id(sleeper.pid()));
    // SAFETY: no conditions.
    let handle = unsafe { wince::OpenProcess(0, 0, sleeper.pid()) };
    assert!(!handle.is_null());
    test(On(handle));
    // SAFETY: it is open.
    assert_ne!(unsafe { wince::CloseHandle(handle) }, 0);
}

#[test]
fn s2_a_process_is_named_by_id_handle_or_pseudo_handle() {
    everywhere(|on| {
        let base = on.memory(GRANULE);
        on.write(base + 5, b"bytes");
        assert_eq!(on.read::<6>(base + 4), *b"\0bytes");
        on.release(base);
    });
}

#[test]
fn s2_no_access_right_is_checked() {
    let sleeper = Sleeper::new();
    // SAFETY: no conditions.
    let handle = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, sleeper.pid()) };
    let on = On(handle);
    let base = on.memory(PAGE);
    on.release(base);
    // SAFETY: it is open.
    assert_ne!(unsafe { wince::CloseHandle(handle) }, 0);
    assert_eq!(on.alloc(0, PAGE, BOTH, PAGE_READWRITE), Err(6), "closed");
}

#[test]
fn s2_handles_are_no_process_ids() {
    let sleeper = Sleeper::new();
    // SAFETY: no conditions.
    let handle = unsafe { wince::OpenProcess(0, 0, sleeper.pid()) };
    assert!(handle.addr() > 0x40_0000, "no process id is as high");
    // SAFETY: it is open.
    assert_ne!(unsafe { wince::CloseHandle(handle) }, 0);
}

#[test]
fn s2_memory_is_zero_when_it_is_committed_again_too() {
    everywhere(|on| {
        let base = on.memory(PAGE);
        assert_eq!(on.read::<16>(base), [0; 16]);
        on.write(base, &[1; 16]);
        on.decommit(base, PAGE);
        on.alloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(on.read::<16>(base), [0; 16]);
        on.release(base);
    });
}

#[test]
fn s2_a_reserve_rounds_down_to_64_kib_and_a_commit_to_a_page() {
    everywhere(|on| {
        let at = arena();
        assert_eq!(on.alloc(at + 0x1_2345, 1, MEM_RESERVE, PAGE_NOACCESS), Ok(at + GRANULE));
        assert_eq!(on.state(at + GRANULE), (MEM_RESERVE, 3 * PAGE), "up to the page of the last byte");
        assert_eq!(on.alloc(at + 0x1_1fff, 2, MEM_COMMIT, PAGE_READWRITE), Ok(at + 0x1_1000));
        assert_eq!(on.state(at + 0x1_1000), (MEM_COMMIT, 2 * PAGE), "2 bytes that straddle: 2 pages");
        assert_eq!(on.state(at + GRANULE), (MEM_RESERVE, PAGE));
        on.release(at + GRANULE);
    });
}

#[test]
fn s2_without_an_address_the_size_rounds_up_to_a_page() {
    everywhere(|on| {
        let base = on.memory(PAGE + 1);
        assert_eq!(base % GRANULE, 0);
        assert_eq!(on.state(base), (MEM_COMMIT, 2 * PAGE));
        on.release(base);
    });
}

#[test]
fn s2_a_commit_without_an_address_reserves_as_well() {
    everywhere(|on| {
        let base = on.alloc(0, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("there is room");
        let record = on.query(base);
        assert_eq!((record.state, record.allocation, record.size), (MEM_COMMIT, base, PAGE));
        on.release(base);
    });
}

#[test]
fn s2_committing_again_keeps_the_bytes() {
    everywhere(|on| {
        let base = on.memory(2 * PAGE);
        on.write(base, &[7; 8]);
        assert_eq!(on.alloc(base, 2 * PAGE, MEM_COMMIT, PAGE_READONLY), Ok(base));
        assert_eq!(on.read::<8>(base), [7; 8]);
        assert_eq!(on.query(base).protect, PAGE_READONLY);
        on.release(base);
    });
}

#[test]
fn s2_bad_arguments_are_87() {
    everywhere(|on| {
        let at = arena();
        for kind in [0, MEM_TOP_DOWN, MEM_DECOMMIT | MEM_COMMIT, BOTH | MEM_WRITE_WATCH, BOTH | 1] {
            assert_eq!(on.alloc(at, PAGE, kind, PAGE_READWRITE), Err(87), "{kind:#x}");
        }
        for size_and_place in [(at, 0), (0, 0), (1, PAGE), (0xffff, PAGE), (TOP, 1), (TOP - 1, 2), (!0, 1)] {
            let (at, size) = size_and_place;
            assert_eq!(on.alloc(at, size, BOTH, PAGE_READWRITE), Err(87), "{size_and_place:x?}");
        }
        let words = [
            0,
            PAGE_WRITECOPY,
            PAGE_EXECUTE_WRITECOPY,
            PAGE_READONLY | PAGE_READWRITE,
            PAGE_GUARD,
            PAGE_GUARD | PAGE_NOACCESS,
            PAGE_READWRITE | 0x800,
            PAGE_READWRITE | PAGE_NOCACHE | 0x400,
        ];
        for word in words {
            assert_eq!(on.alloc(at, PAGE, BOTH, word), Err(87), "{word:#x}");
        }
        assert_eq!(on.alloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(87), "nothing is reserved there");
        let base = on.memory(PAGE);
        assert_eq!(on.alloc(base, PAGE, MEM_RESERVE, PAGE_READWRITE), Err(87), "in use");
        on.release(base);
    });
}

#[test]
fn s1_1_the_physical_bit_is_write_combine_here() {
    let base = HERE.alloc(0, PAGE, BOTH, PAGE_READWRITE | PAGE_PHYSICAL).expect("a cache attribute");
    assert_eq!(HERE.query(base).protect, PAGE_READWRITE | 0x400);
    HERE.release(base);
}

#[test]
fn s5_a_decommit_takes_the_pages_touched() {
    everywhere(|on| {
        let base = on.memory(4 * PAGE);
        on.decommit(base + 0xfff, 2);
        assert_eq!(on.state(base), (MEM_RESERVE, 2 * PAGE));
        on.decommit(base, 4 * PAGE);
        assert_eq!(on.state(base), (MEM_RESERVE, 4 * PAGE), "some committed, some not");
        on.decommit(base, PAGE);
        on.release(base);
    });
}

#[test]
fn s5_a_release_needs_size_0_and_the_base() {
    everywhere(|on| {
        let base = on.memory(GRANULE);
        for (at, size) in [(base, PAGE), (base, 1), (base, GRANULE), (base + PAGE, 0), (base + 1, 0)] {
            assert_eq!(on.free(at, size, MEM_RELEASE), Err(87), "{at:#x} {size:#x}");
        }
        assert_eq!(on.state(base), (MEM_COMMIT, GRANULE), "unchanged");
        on.release(base);
        assert_eq!(on.state(base).0, MEM_FREE);
        assert_eq!(on.free(base, 0, MEM_RELEASE), Err(87), "twice");
    });
}

#[test]
fn s5_exactly_one_flag() {
    everywhere(|on| {
        let base = on.memory(PAGE);
        for kind in [0, MEM_DECOMMIT | MEM_RELEASE, MEM_RELEASE | 1, MEM_COMMIT, !0] {
            assert_eq!(on.free(base, 0, kind), Err(87), "{kind:#x}");
            assert_eq!(on.free(base, PAGE, kind), Err(87), "{kind:#x}");
        }
        assert_eq!(on.free(base, 0, MEM_DECOMMIT), Err(87), "no bytes");
        assert_eq!(on.free(base, 2 * PAGE, MEM_DECOMMIT), Err(87), "beyond the reservation");
        assert_eq!(on.state(base), (MEM_COMMIT, PAGE), "unchanged");
        on.release(base);
    });
}

#[test]
fn s5_a_partly_committed_reservation_is_released_in_one_call() {
    everywhere(|on| {
        let base = on.reserved(GRANULE);
        on.alloc(base + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        on.release(base);
    });
}

#[test]
fn s6_protect_takes_the_pages_touched_and_answers_the_first() {
    everywhere(|on| {
        let base = on.memory(3 * PAGE);
        assert_eq!(on.protect(base + PAGE, PAGE, PAGE_READONLY), Ok(PAGE_READWRITE));
        assert_eq!(on.protect(base + 0x1fff, 2, PAGE_EXECUTE_READWRITE), Ok(PAGE_READONLY));
        assert_eq!(on.query(base + PAGE).protect, PAGE_EXECUTE_READWRITE);
        assert_eq!(on.state(base + PAGE), (MEM_COMMIT, 2 * PAGE));
        on.release(base);
    });
}

#[test]
fn s6_protect_wants_committed_pages_of_one_allocation() {
    everywhere(|on| {
        let base = on.reserved(2 * GRANULE);
        on.alloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(on.protect(base, 2 * PAGE, PAGE_READONLY), Err(87), "a reserved page");
        assert_eq!(on.protect(base, 0, PAGE_READONLY), Err(87), "size 0");
        assert_eq!(on.protect(base, 2 * GRANULE + 1, PAGE_READONLY), Err(87), "beyond");
        assert_eq!(on.protect(base, PAGE, PAGE_NOACCESS | PAGE_GUARD), Err(87));
        assert_eq!(on.query(base).protect, PAGE_READWRITE, "unchanged");
        on.release(base);
        let at = arena();
        for place in [at, at + GRANULE] {
            on.alloc(place, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        }
        assert_eq!(on.protect(at + GRANULE - 1, 2, PAGE_READONLY), Err(87), "two neighbours");
        on.release(at);
        on.release(at + GRANULE);
    });
}

#[test]
fn s6_protect_wants_a_place_for_the_old_word() {
    let base = HERE.memory(PAGE);
    // SAFETY: NULL is refused.
    let call = || unsafe { wince::VirtualProtect(pointer(base), 1, PAGE_READONLY, ptr::null_mut()) };
    assert_eq!(said(call), Err(87));
    assert_eq!(HERE.query(base).protect, PAGE_READWRITE, "unchanged");
    HERE.release(base);
}

#[test]
fn s6_protection_is_the_kernels() {
    let base = HERE.memory(PAGE);
    store(base, 3);
    assert_eq!(load(base), 3);
    HERE.protect(base, 1, PAGE_NOACCESS).expect("committed");
    assert!(load_faults(base));
    HERE.release(base);
}

#[test]
fn s6_query_rounds_down_and_counts_alike_pages() {
    everywhere(|on| {
        let base = on.reserved(GRANULE);
        on.alloc(base + PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        let record = on.query(base + 2 * PAGE + 7);
        assert_eq!((record.base, record.size, record.allocation), (base + 2 * PAGE, PAGE, base));
        assert_eq!((record.state, record.protect, record.kind), (MEM_COMMIT, PAGE_READWRITE, MEM_PRIVATE));
        assert_eq!(on.state(base), (MEM_RESERVE, PAGE));
        on.release(base);
    });
}

#[test]
fn s6_query_answers_0_and_87_when_it_cannot() {
    let mut record = MEMORY_BASIC_INFORMATION::default();
    let size = size_of_val(&record) as u32;
    let at = &raw mut record;
    let refused = |address: usize, into, length| {
        // SAFETY: the buffer is NULL or has room for what is announced.
        said(|| unsafe { wince::VirtualQuery(pointer(address), into, length) }.cast_signed())
    };
    assert_eq!(refused(0x10000, at, size - 1), Err(87));
    assert_eq!(refused(0x10000, ptr::null_mut(), size), Err(87));
    assert_eq!(refused(TOP + PAGE, at, size), Err(87));
    assert_eq!(refused(0x10000, at, size), Ok(()));
}

#[test]
fn s7_11_pages_are_4_kib_and_granules_64() {
    let mut info = SYSTEM_INFO::default();
    // SAFETY: it is valid.
    unsafe { GetSystemInfo(&raw mut info) };
    assert_eq!((info.dwPageSize, info.dwAllocationGranularity), (4096, 65536));
}
