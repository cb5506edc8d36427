//! Views of sections: rows HR21, VP38, RS06, RS07, VL20, GP17, and the MV, SR, CW and VS rows that
//! come with them.

mod sections;

use std::ffi::c_void;
use std::fs::File;
use std::ptr;

use pagewright::win32::*;
use sections::*;

// Rows: RS05 RS06 SR20
#[test]
fn content_of_views_can_be_given_up_and_they_stay_as_they_are() {
    for (row, supply) in [("RS05, SR20", SEC_RESERVE), ("RS06", SEC_COMMIT)] {
        let handle = ok(section(PAGE_READWRITE | supply, 4 * GRANULE));
        let at = view(handle, FILE_MAP_WRITE, 0).expect("a view");
        allocate(at, GRANULE, MEM_COMMIT, PAGE_READWRITE).expect(row);
        let before = (run(at), run(at + GRANULE));
        assert_eq!(allocate(at, 4 * GRANULE, MEM_RESET, PAGE_READONLY), Ok(at), "{row}");
        assert_eq!((run(at), run(at + GRANULE)), before, "{row}");
        close(handle);
        unmap(at).expect("mapped");
    }
}

// Rows: SR06 SR07 SR08 SR09 SR10 SR14 SR15 SC12
#[test]
fn committing_a_committed_view_changes_its_protection() {
    let handle = ok(section(PAGE_READWRITE | SEC_COMMIT | SEC_NOCACHE, 2 * PAGE));
    assert_eq!(about(handle), Ok((SEC_COMMIT | SEC_NOCACHE, 2 * PAGE as i64)), "SC12");
    let at = view(handle, FILE_MAP_WRITE, 0).expect("a view");
    assert_eq!(
        (query(at).AllocationProtect, query(at).Protect),
        ((PAGE_READWRITE | PAGE_NOCACHE), (PAGE_READWRITE | PAGE_NOCACHE)),
        "SR07"
    );
    assert_eq!(allocate(at, PAGE, MEM_COMMIT, PAGE_READONLY), Ok(at), "SR06, SR14");
    assert_eq!(query(at).Protect, PAGE_READONLY | PAGE_NOCACHE, "SR08");
    assert_eq!(kernel(at), "r--s");
    assert_eq!(allocate(at, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE), Err(INVALID_ADDRESS), "SR09");
    assert_eq!(allocate(at + 2 * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(INVALID_ADDRESS), "SR10");
    let reads = view(handle, FILE_MAP_READ, 0).expect("a view");
    assert_eq!(allocate(reads, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(INVALID_PARAMETER), "SR15");
    close(handle);
    unmap(at).expect("mapped");
    unmap(reads).expect("mapped");
}

const ALL: [u32; 8] = [
    PAGE_NOACCESS,
    PAGE_READONLY,
    PAGE_READWRITE,
    PAGE_WRITECOPY,
    PAGE_EXECUTE,
    PAGE_EXECUTE_READ,
    PAGE_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY,
];

// Rows: VP38 VS01 VS02 VS03 VS04 VS05 VS06 VS07 VS08 VS09 VS10 VS11 VS13 VS14 CW15 CW16
#[test]
fn a_view_is_protected_within_what_it_began_with() {
    let handle = ok(section(PAGE_EXECUTE_READWRITE, PAGE));
    let reading = &[PAGE_NOACCESS, PAGE_READONLY, PAGE_WRITECOPY][..];
    let writing = &[PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY][..];
    let running = &[
        PAGE_NOACCESS,
        PAGE_READONLY,
        PAGE_WRITECOPY,
        PAGE_EXECUTE,
        PAGE_EXECUTE_READ,
        PAGE_EXECUTE_WRITECOPY,
    ][..];
    for (row, access, initial, permitted) in [
        ("VS01", 0, PAGE_NOACCESS, &[PAGE_NOACCESS][..]),
        ("VS02", FILE_MAP_READ, PAGE_READONLY, reading),
        ("VS04", FILE_MAP_COPY, PAGE_WRITECOPY, reading),
        ("VS06", FILE_MAP_WRITE, PAGE_READWRITE, writing),
        ("VS08", FILE_MAP_READ | FILE_MAP_EXECUTE, PAGE_EXECUTE_READ, running),
        ("VS10", FILE_MAP_COPY | FILE_MAP_EXECUTE, PAGE_EXECUTE_WRITECOPY, running),
        ("VS11", FILE_MAP_WRITE | FILE_MAP_EXECUTE, PAGE_EXECUTE_READWRITE, &ALL),
    ] {
        let at = view(handle, access, 0).expect(row);
        assert_eq!((query(at).AllocationProtect, query(at).Protect), (initial, initial), "{row}");
        let mut before = initial;
        for wanted in ALL {
            let done = protect(at, PAGE, wanted);
            if permitted.contains(&wanted) {
                assert_eq!(done, Ok(before), "VS14 {row} {wanted:#x}");
                before = wanted;
            } else {
                assert_eq!(done, Err(INVALID_PARAMETER), "VP38 {row} {wanted:#x}");
            }
            assert_eq!(query(at).Protect, before, "{row} {wanted:#x}");
            assert_eq!(query(at).AllocationProtect, initial, "{row} {wanted:#x}");
        }
        for wanted in [0, PAGE_READONLY | PAGE_EXECUTE, PAGE_READWRITE | PAGE_WRITECOPY] {
            assert_eq!(protect(at, PAGE, wanted), Err(INVALID_PARAMETER), "VS13 {row}");
        }
        unmap(at).expect("mapped");
    }
    close(handle);
}

// Rows: CW01 CW02 CW03 CW04 CW05 CW06 CW07 CW08 CW10 CW14 MV57
#[test]
fn a_store_makes_a_page_of_a_copying_view_the_owners() {
    let handle = ok(section(PAGE_EXECUTE_READWRITE, 2 * PAGE));
    let shared = view(handle, FILE_MAP_WRITE, 0).expect("a view");
    store(shared, 1);
    assert_eq!(run(shared), (MEM_COMMIT, PAGE_READWRITE, 2 * PAGE, MEM_MAPPED), "CW10");
    let at = view(handle, FILE_MAP_WRITE | FILE_MAP_EXECUTE, 0).expect("a view");
    protect(at, 2 * PAGE, PAGE_WRITECOPY).expect("CW01");
    assert_eq!(run(at), (MEM_COMMIT, PAGE_WRITECOPY, 2 * PAGE, MEM_MAPPED), "CW01");
    assert_eq!(load(at), 1);
    store(at, 2);
    assert_eq!((load(at), load(shared)), (2, 1), "CW14, MV57");
    assert_eq!(run(at), (MEM_COMMIT, PAGE_READWRITE, PAGE, MEM_MAPPED), "CW02, CW05");
    assert_eq!(run(at + PAGE), (MEM_COMMIT, PAGE_WRITECOPY, PAGE, MEM_MAPPED), "CW05");
    store(shared + PAGE, 3);
    assert_eq!(load(at + PAGE), 3, "a page that nobody stored to is the section's");
    assert_eq!(protect(at, PAGE, PAGE_NOACCESS), Ok(PAGE_READWRITE), "CW04");
    protect(at, PAGE, PAGE_WRITECOPY).expect("CW06");
    assert_eq!(query(at).Protect, PAGE_READWRITE, "CW06");
    protect(at, PAGE, PAGE_EXECUTE_WRITECOPY).expect("CW07");
    assert_eq!(query(at).Protect, PAGE_EXECUTE_READWRITE, "CW03, CW07");
    for other in [PAGE_READONLY, PAGE_EXECUTE_READ] {
        protect(at, PAGE, other).expect("CW08");
        assert_eq!(query(at).Protect, other, "CW08");
    }
    assert_eq!(load(at), 2, "CW08: it stays a copy");
    // Stores again: the copy stays one, the other page is the section's again.
    protect(at, 2 * PAGE, PAGE_READWRITE).expect("within the view");
    store(at, 4);
    store(at + PAGE, 5);
    assert_eq!((load(shared), load(shared + PAGE)), (1, 5));
    close(handle);
    unmap(at).expect("mapped");
    unmap(shared).expect("mapped");
}

// Rows: MV06 MV03 MV05 MV07 MV08 MV09 MV10
#[test]
fn a_section_gives_no_view_more_than_it_has() {
    const SECTIONS: [(u32, u32); 6] = [
        (PAGE_READONLY, 0),
        (PAGE_WRITECOPY, 0),
        (PAGE_READWRITE, FILE_MAP_WRITE),
        (PAGE_EXECUTE_READ, FILE_MAP_EXECUTE),
        (PAGE_EXECUTE_WRITECOPY, FILE_MAP_EXECUTE),
        (PAGE_EXECUTE_READWRITE, FILE_MAP_WRITE | FILE_MAP_EXECUTE),
    ];
    for (protection, extra) in SECTIONS {
        let handle = ok(section(protection, PAGE));
        for bits in 0..64 {
            let access = bits & !(SECTION_EXTEND_SIZE);
            let plain = access & !FILE_MAP_EXECUTE;
            let (write, read) = (plain & FILE_MAP_WRITE != 0, plain & FILE_MAP_READ != 0);
            let (copy, execute) = (plain == FILE_MAP_COPY, access & FILE_MAP_EXECUTE != 0);
            let expected = match (copy, write, read, execute) {
                (true, _, _, false) => PAGE_WRITECOPY,
                (true, _, _, true) => PAGE_EXECUTE_WRITECOPY,
                (_, true, _, false) => PAGE_READWRITE,
                (_, true, _, true) => PAGE_EXECUTE_READWRITE,
                (_, _, true, false) => PAGE_READONLY,
                (_, _, true, true) => PAGE_EXECUTE_READ,
                (_, _, false, _) => PAGE_NOACCESS,
            };
            let executes = execute && expected != PAGE_NOACCESS;
            let permitted =
                (!write || extra & FILE_MAP_WRITE != 0) && (!executes || extra & FILE_MAP_EXECUTE != 0);
            let made = view(handle, access, 0);
            match made {
                Ok(at) => {
                    assert!(permitted, "MV06 {protection:#x} {access:#x}");
                    assert_eq!(
                        (query(at).AllocationProtect, query(at).Protect),
                        (expected, expected),
                        "MV06"
                    );
                    unmap(at).expect("mapped");
                }
                Err(code) => {
                    assert_eq!((permitted, code), (false, ACCESS_DENIED), "MV06 {protection:#x} {access:#x}")
                }
            }
        }
        close(handle);
    }
}

// Rows: SC05 SC07 SC35 SC36 SC37 SC39 SC40 SR12 CW09 MV16 MV17 RS07
#[test]
fn a_section_of_a_file_is_the_file() {
    let path = std::env::temp_dir().join(format!("pagewright-section-{}", std::process::id()));
    let empty = File::create_new(&path).expect("a new file");
    let handle = file_handle(empty.try_clone().expect("a descriptor"));
    assert!(section_of(handle, PAGE_READONLY, 0).is_null(), "SC40");
    assert_eq!(last(), 1006, "SC40");
    close(handle);
    drop(empty);
    std::fs::write(&path, vec![7; 0x3456]).expect("room");
    let reads = file_handle(File::open(&path).expect("there"));
    assert!(section_of(reads, PAGE_READWRITE, 0).is_null(), "SC05");
    assert_eq!(last(), ACCESS_DENIED, "SC05");
    assert!(section_of(reads, PAGE_READONLY, 0x3457).is_null(), "SC37");
    assert_eq!(last(), 8, "SC37");
    let handle = ok(section_of(reads, PAGE_WRITECOPY, 0));
    assert_eq!(about(handle), Ok((SEC_FILE, 0x3456)), "SC07, SC36");
    let at = view(handle, FILE_MAP_COPY, 0x3456).expect("MV16");
    assert_eq!(run(at), (MEM_COMMIT, PAGE_WRITECOPY, 0x4000, MEM_MAPPED), "MV16");
    assert_eq!(view(handle, FILE_MAP_COPY, 0x3457), Err(ACCESS_DENIED), "MV17");
    store(at, 8);
    assert_eq!(std::fs::read(&path).expect("there")[0], 7, "CW09");
    assert_eq!(allocate(at, PAGE, MEM_COMMIT, PAGE_READONLY), Err(ACCESS_DENIED), "SR12");
    assert_eq!(allocate(at, PAGE, MEM_RESET, PAGE_READONLY), Err(INVALID_ADDRESS), "RS07");
    close(handle);
    close(reads);
    unmap(at).expect("mapped");
    let both = File::options().read(true).write(true).open(&path).expect("there");
    let both = file_handle(both);
    let handle = ok(section_of(both, PAGE_READWRITE, 0x5000));
    let at = view(handle, FILE_MAP_WRITE, 0).expect("SC39");
    store(at + 0x4fff, 9);
    assert_eq!(std::fs::read(&path).expect("there")[0x4fff], 9, "SC39, MV55");
    close(handle);
    close(both);
    unmap(at).expect("mapped");
    std::fs::remove_file(&path).expect("ours");
}

// Rows: VL20
#[test]
fn a_view_can_be_locked() {
    let handle = ok(section(PAGE_READONLY, PAGE));
    let at = view(handle, FILE_MAP_READ, 0).expect("a view");
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { VirtualLock(at as *const c_void, PAGE) }, TRUE, "VL20");
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { VirtualUnlock(at as *const c_void, PAGE) }, TRUE);
    unmap(at).expect("mapped");
    close(handle);
}

// Rows: MV26 MV27 MV28 MV29 MV36 MV37 MV41 MV51 MV61 MV23
#[test]
fn the_nt_call_says_what_is_wrong() {
    let handle = ok(section(PAGE_READWRITE, 2 * GRANULE));
    // SAFETY: memory, handles and names of this test's own.
    let own = unsafe { GetCurrentProcess() };
    let map = |section: HANDLE,
               process: HANDLE,
               base: usize,
               offset: i64,
               commit: usize,
               kind: u32,
               protect: u32| {
        let (mut base, mut offset, mut size) = (base as *mut c_void, offset, 0);
        // SAFETY: memory, handles and names of this test's own.
        let status = unsafe {
            NtMapViewOfSection(
                section,
                process,
                &raw mut base,
                0,
                commit,
                &raw mut offset,
                &raw mut size,
                ViewShare,
                kind,
                protect,
            )
        };
        if status < 0 { Err(NtStatus(status as u32)) } else { Ok((base.addr(), size)) }
    };
    let (at, size) = map(handle, own, 0, 0, 0, 0, PAGE_READWRITE).expect("a view");
    assert_eq!(size, 2 * GRANULE, "MV12");
    assert_eq!(map(handle, own, at, 0, 0, 0, PAGE_READWRITE), Err(NtStatus::CONFLICTING_ADDRESSES), "MV27");
    for offset in [1, 0x4_0211] {
        let mapped = map(handle, own, 0, offset, 0, 0, PAGE_READWRITE);
        assert_eq!(mapped, Err(NtStatus::MAPPED_ALIGNMENT), "MV28");
    }
    for base in [at + 42, at + PAGE] {
        let mapped = map(handle, own, base, 0, 0, 0, PAGE_READWRITE);
        assert_eq!(mapped, Err(NtStatus::MAPPED_ALIGNMENT), "MV29");
    }
    assert_eq!(
        map(ptr::null_mut(), own, at + 42, 0, 0, 0, PAGE_READWRITE),
        Err(NtStatus::INVALID_HANDLE),
        "MV26"
    );
    assert_eq!(
        map(handle, ptr::null_mut(), 0, 0, 0, 0, PAGE_READWRITE),
        Err(NtStatus::INVALID_HANDLE),
        "MV23"
    );
    for kind in [MEM_COMMIT, MEM_RESERVE] {
        assert_eq!(
            map(handle, own, 0, 0, 0, kind, PAGE_READWRITE),
            Err(NtStatus::INVALID_PARAMETER_9),
            "MV36, MV37"
        );
    }
    let all = duplicate(handle, SECTION_ALL_ACCESS);
    assert_eq!(map(all, own, 0, 0, 0, 0, PAGE_EXECUTE_READWRITE), Err(NtStatus::SECTION_PROTECTION), "MV41");
    for commit in [2 * GRANULE + 1, usize::MAX] {
        let mapped = map(handle, own, 0, 0, commit, 0, PAGE_READWRITE);
        assert_eq!(mapped, Err(NtStatus::INVALID_PARAMETER_5), "MV51");
    }
    // SAFETY: memory, handles and names of this test's own.
    let third = unsafe {
        MapViewOfFile3(
            handle,
            ptr::null_mut(),
            ptr::null(),
            GRANULE as u64,
            0,
            0,
            PAGE_READWRITE,
            ptr::null_mut(),
            0,
        )
    };
    store(at + GRANULE, 3);
    assert_eq!(load(third.Value.addr()), 3, "MV61");
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { NtUnmapViewOfSection(own, third.Value) }, 0);
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { NtUnmapViewOfSection(own, third.Value) }, NtStatus::NOT_MAPPED_VIEW.0 as i32);
    unmap(at).expect("mapped");
    close(all);
    close(handle);
}

// Rows: MV55 MV14 VQ17 VF39 VP38 CW14 VQ40
#[test]
fn a_view_in_another_process_shows_the_same_bytes() {
    let other = Other::new();
    let handle = ok(section(PAGE_READWRITE, 2 * GRANULE));
    let at = view(handle, FILE_MAP_WRITE, 0).expect("a view");
    let there = other.map(handle, PAGE_READWRITE).expect("MV55");
    store(at + PAGE, 6);
    assert_eq!(other.read(there + PAGE), 6, "MV55");
    assert!(other.write(there, 7), "{}", last());
    assert_eq!(load(at), 7, "MV55");
    let record = other.query(there + PAGE);
    let known = (record.AllocationBase.addr(), record.AllocationProtect, record.Type, record.RegionSize);
    assert_eq!(known, (there, PAGE_READWRITE, MEM_MAPPED, 2 * GRANULE - PAGE), "VQ17");
    let mut old = 0;
    // SAFETY: memory, handles and names of this test's own.
    let executable = unsafe {
        VirtualProtectEx(other.1, there as *const c_void, PAGE, PAGE_EXECUTE_READWRITE, &raw mut old)
    };
    assert_eq!((executable, last()), (FALSE, INVALID_PARAMETER), "VP38");
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { VirtualFreeEx(other.1, there as *mut c_void, 0, MEM_RELEASE) }, FALSE, "VF39");
    assert_eq!(last(), INVALID_PARAMETER, "VF39");
    // A copy there: stores stay there.
    let copy =
        // SAFETY: memory, handles and names of this test's own.
        unsafe { MapViewOfFileNuma2(handle, other.1, 0, ptr::null(), 0, 0, PAGE_WRITECOPY, u32::MAX).Value };
    assert!(!copy.is_null(), "{}", last());
    assert_eq!(other.query(copy.addr()).Protect, PAGE_WRITECOPY, "CW14");
    assert!(other.write(copy.addr(), 9), "{}", last());
    assert_eq!((other.read(copy.addr()), load(at), other.read(there)), (9, 7, 7), "CW14");
    assert_eq!(other.query(copy.addr()).Protect, PAGE_READWRITE, "CW14");
    // It outlives what it was mapped from.
    close(handle);
    unmap(at).expect("mapped");
    assert_eq!(other.read(there + PAGE), 6);
    for (at, row) in [(there + PAGE, "MV13"), (copy.addr(), "MV13")] {
        let address = MEMORY_MAPPED_VIEW_ADDRESS { Value: at as *mut c_void };
        // SAFETY: memory, handles and names of this test's own.
        assert_eq!(unsafe { UnmapViewOfFile2(other.1, address, 0) }, TRUE, "{row}");
        assert_eq!(other.query(at).State, MEM_FREE, "{row}");
        // SAFETY: memory, handles and names of this test's own.
        assert_eq!(unsafe { UnmapViewOfFile2(other.1, address, 0) }, FALSE, "MV14");
        assert_eq!(last(), INVALID_ADDRESS, "MV14");
    }
}

// Rows: GP17
#[test]
fn a_guarded_view_in_another_process_raises_one_alarm() {
    let other = Other::new();
    let handle = ok(section(PAGE_READWRITE, 2 * GRANULE));
    let at = view(handle, FILE_MAP_WRITE, 0).expect("a view");
    store(at, 5);
    let there = other.map(handle, PAGE_READWRITE | PAGE_GUARD).expect("GP17");
    assert_eq!(other.query(there).Protect, PAGE_READWRITE | PAGE_GUARD, "GP17");
    let byte = || {
        let mut byte = 0_u8;
        // SAFETY: memory, handles and names of this test's own.
        let read = unsafe {
            ReadProcessMemory(other.1, there as *const c_void, (&raw mut byte).cast(), 1, ptr::null_mut())
        };
        (read, byte)
    };
    assert_eq!(byte(), (FALSE, 0), "GP17: the first touch");
    assert_eq!(byte(), (TRUE, 5), "GP17: the second");
    assert_eq!(other.query(there).Protect, PAGE_READWRITE, "GP17");
    assert_eq!(load(at), 5, "the view here has no guard");
    unmap(at).expect("mapped");
    close(handle);
}

// Rows: HR21
#[test]
fn nothing_is_mapped_in_a_process_that_has_ended() {
    let mut other = Other::new();
    let handle = ok(section(PAGE_READWRITE, PAGE));
    other.end();
    assert_eq!(other.map(handle, PAGE_READWRITE), Err(NtStatus::PROCESS_IS_TERMINATING), "HR21");
    close(handle);
}

// Rows: GP17 MV47
#[test]
fn a_guarded_view_raises_one_alarm() {
    let handle = ok(section(PAGE_READWRITE, PAGE));
    // SAFETY: memory, handles and names of this test's own.
    let own = unsafe { GetCurrentProcess() };
    // SAFETY: memory, handles and names of this test's own.
    let at = unsafe {
        let protection = PAGE_READWRITE | PAGE_GUARD;
        MapViewOfFile3(handle, own, ptr::null(), 0, 0, 0, protection, ptr::null_mut(), 0).Value.addr()
    };
    assert_ne!(at, 0, "MV47: {}", last());
    assert_eq!(query(at).Protect, PAGE_READWRITE | PAGE_GUARD, "MV47");
    let mut byte = 0_u8;
    // SAFETY: memory, handles and names of this test's own.
    let mut read = || unsafe {
        let into = (&raw mut byte).cast();
        ReadProcessMemory(own, at as *const c_void, into, 1, ptr::null_mut())
    };
    assert_eq!(read(), FALSE, "GP17: the first touch");
    assert_eq!(read(), TRUE, "GP17: the second");
    assert_eq!(query(at).Protect, PAGE_READWRITE, "GP17");
    store(at, 1);
    unmap(at).expect("mapped");
    close(handle);
}

// Rows: SR14 VS02 VS10
#[test]
fn committing_pages_of_a_view_may_make_them_copies() {
    for supply in [SEC_COMMIT, SEC_RESERVE] {
        let handle = ok(section(PAGE_EXECUTE_READWRITE | supply, 4 * PAGE));
        let shared = view(handle, FILE_MAP_WRITE, 0).expect("a view");
        let at = view(handle, FILE_MAP_COPY | FILE_MAP_EXECUTE, 0).expect("a view");
        for (page, protect) in [(0, PAGE_WRITECOPY), (1, PAGE_EXECUTE_WRITECOPY)] {
            let page = at + page * PAGE;
            assert_eq!(allocate(page, PAGE, MEM_COMMIT, protect), Ok(page), "SR14: {protect:#x}");
            assert_eq!(query(page).Protect, protect, "SR14, VS10");
            let bytes = ptr::with_exposed_provenance_mut::<u8>(page);
            // SAFETY: a page of this test, which may be stored to.
            unsafe { bytes.write_volatile(7) };
            let other = ptr::with_exposed_provenance::<u8>(page - at + shared);
            // SAFETY: it has memory in every view by now.
            assert_eq!(unsafe { other.read_volatile() }, 0, "a copy");
        }
        let reads = view(handle, FILE_MAP_READ, 0).expect("a view");
        assert_eq!(allocate(reads, PAGE, MEM_COMMIT, PAGE_WRITECOPY), Ok(reads), "SR14, VS02");
        close(handle);
        [shared, at, reads].into_iter().for_each(|view| unmap(view).expect("mapped"));
    }
    let private = allocate(0, PAGE, MEM_RESERVE, PAGE_READWRITE).expect("room");
    assert_eq!(allocate(private, PAGE, MEM_COMMIT, PAGE_WRITECOPY), Err(INVALID_PARAMETER), "VA54");
    let base = ptr::with_exposed_provenance_mut::<c_void>(private);
    // SAFETY: memory of this test.
    assert_ne!(unsafe { VirtualFree(base, 0, MEM_RELEASE) }, FALSE);
}
