//! Sections: rows HR14, HR22 to HR30, VF39, VQ17 to VQ19, RS05, LP10, LP13, GP18, and the SC, MV
//! and SR rows that come with them.

mod sections;

use std::fs::File;
use std::ptr;

use pagewright::win32::*;
use sections::*;

// Rows: MV01 MV12 MV13 MV14 MV15 MV55 VQ17 VF39 SC10 SC33
#[test]
fn two_views_show_the_same_bytes_and_go_as_a_whole() {
    let handle = ok(section(PAGE_READWRITE, 0x3452));
    assert_eq!(about(handle), Ok((SEC_COMMIT, 0x4000)), "SC10, SC33");
    let (first, second) =
        (view(handle, FILE_MAP_WRITE, 0).expect("MV01"), view(handle, FILE_MAP_READ, 0).expect("MV01"));
    store(first + 0x3000, 7);
    assert_eq!(load(second + 0x3000), 7, "MV55");
    assert_eq!((kernel(first), kernel(second)), ("rw-s".to_owned(), "r--s".to_owned()));
    let record = query(first + 0x1000);
    assert_eq!(record.AllocationBase.addr(), first, "VQ17");
    assert_eq!((record.AllocationProtect, record.Type), (PAGE_READWRITE, MEM_MAPPED), "VQ17");
    assert_eq!(run(second), (MEM_COMMIT, PAGE_READONLY, 0x4000, MEM_MAPPED), "VQ17, MV12");
    for kind in [MEM_RELEASE, MEM_DECOMMIT] {
        assert_eq!(free(first, 0, kind), Err(INVALID_PARAMETER), "VF39");
        assert_eq!(run(first), (MEM_COMMIT, PAGE_READWRITE, 0x4000, MEM_MAPPED), "VF39: nothing changed");
    }
    assert_eq!(unmap(second + 0x2345), Ok(()), "MV13: any address inside of the view");
    assert_eq!(run(second).0, MEM_FREE, "MV15");
    assert_eq!(unmap(second), Err(INVALID_ADDRESS), "MV14");
    let memory = allocate(0, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("memory");
    assert_eq!(unmap(memory), Err(INVALID_ADDRESS), "MV14");
    free(memory, 0, MEM_RELEASE).expect("ours");
    close(handle);
    assert_eq!(load(first + 0x3000), 7);
    unmap(first).expect("mapped");
}

// Rows: VQ19 SC46 SC47 SC48 SC49 SC50
#[test]
fn a_view_outlives_its_handles_and_a_name_does_not() {
    let name = wide("pagewright-sections-test");
    // SAFETY: memory, handles and names of this test's own.
    let named = |name: &[u16]| unsafe {
        SetLastError(99);
        let handle = CreateFileMappingW(
            INVALID_HANDLE_VALUE,
            ptr::null(),
            PAGE_READWRITE,
            0,
            PAGE as u32,
            name.as_ptr(),
        );
        (ok(handle), last())
    };
    // SAFETY: memory, handles and names of this test's own.
    let open = |name: &[u16]| unsafe { OpenFileMappingW(FILE_MAP_ALL_ACCESS, FALSE, name.as_ptr()) };
    let (first, code) = named(&name);
    assert_eq!(code, 0, "SC47");
    let (again, code) = named(&name);
    assert_eq!(code, ERROR_ALREADY_EXISTS, "SC46");
    assert!(open(&wide("PAGEWRIGHT-sections-test")).is_null(), "SC48");
    assert_eq!(last(), 2, "SC48");
    let third = ok(open(&name));
    let at = view(third, FILE_MAP_WRITE, 0).expect("a view");
    store(at, 5);
    let before = query(at);
    [first, again, third].into_iter().for_each(close);
    assert_eq!(query(at), before, "VQ19");
    assert_eq!(load(at), 5, "VQ19");
    assert!(open(&name).is_null(), "SC49");
    let (new, code) = named(&name);
    assert_eq!(code, 0, "SC50");
    let other = view(new, FILE_MAP_READ, 0).expect("a view");
    assert_eq!((load(other), load(at)), (0, 5), "SC50: another object");
    close(new);
    unmap(at).expect("mapped");
    unmap(other).expect("mapped");
}

// Rows: HR14 HR22 HR23 HR24 HR25 HR26 HR27 MV11 MV24 MV25 VS15
#[test]
fn a_handle_gives_the_views_that_its_rights_are_for() {
    let handle = ok(section(PAGE_READWRITE, PAGE));
    let (reads, writes) = (duplicate(handle, SECTION_MAP_READ), duplicate(handle, SECTION_MAP_WRITE));
    let none = duplicate(handle, 0);
    assert_eq!(about(reads), Err(NtStatus::ACCESS_DENIED.0 as i32), "HR22");
    assert_eq!(view(reads, FILE_MAP_WRITE, 0), Err(ACCESS_DENIED), "HR23, MV11");
    assert_eq!(view(writes, FILE_MAP_READ, 0), Err(ACCESS_DENIED), "HR24");
    let written = view(writes, FILE_MAP_WRITE, 0).expect("HR25");
    assert_eq!(query(written).AllocationProtect, PAGE_READWRITE, "HR25");
    for access in [0, FILE_MAP_READ, FILE_MAP_WRITE, FILE_MAP_COPY] {
        assert_eq!(view(none, access, 0), Err(ACCESS_DENIED), "HR26, VS15");
    }
    let closed = view(reads, 0, 0).expect("HR27");
    assert_eq!(run(closed), (MEM_COMMIT, PAGE_NOACCESS, PAGE, MEM_MAPPED), "HR27");
    // SAFETY: memory, handles and names of this test's own.
    let own = unsafe { GetCurrentProcess() };
    assert_eq!(view(own, FILE_MAP_READ, 0), Err(INVALID_HANDLE), "MV25");
    assert_eq!(view(ptr::null_mut(), FILE_MAP_READ, 0), Err(INVALID_HANDLE), "MV24");
    // SAFETY: memory, handles and names of this test's own.
    let made = unsafe { VirtualAllocEx(handle, ptr::null(), PAGE, MEM_RESERVE, PAGE_READWRITE) };
    assert_eq!((made.is_null(), last()), (true, INVALID_HANDLE), "HR14");
    [written, closed].into_iter().for_each(|at| unmap(at).expect("mapped"));
    [handle, reads, writes, none].into_iter().for_each(close);
}

// Rows: HR28 HR29 HR30 MV62
#[test]
fn rights_are_granted_exactly_as_asked() {
    let name = wide("pagewright-sections-rights");
    // SAFETY: memory, handles and names of this test's own.
    let make = |protect| unsafe {
        let name = if protect == PAGE_READWRITE { name.as_ptr() } else { ptr::null() };
        ok(CreateFileMappingFromApp(INVALID_HANDLE_VALUE, ptr::null(), protect, PAGE as u64, name))
    };
    let handle = make(PAGE_READWRITE);
    // SAFETY: memory, handles and names of this test's own.
    let open = |access| unsafe { ok(OpenFileMappingFromApp(access, FALSE, name.as_ptr())) };
    let (reads, executes) = (open(FILE_MAP_READ), open(FILE_MAP_EXECUTE));
    assert_eq!(granted(reads), SECTION_MAP_READ, "HR28");
    assert_eq!(granted(executes), SECTION_MAP_EXECUTE, "HR29");
    let code = make(PAGE_EXECUTE_READWRITE);
    assert_eq!(granted(code) & SECTION_MAP_EXECUTE, SECTION_MAP_EXECUTE, "HR30");
    // SAFETY: memory, handles and names of this test's own.
    let same = unsafe { MapViewOfFileFromApp(handle, PAGE_EXECUTE_READWRITE, 0, 0) };
    assert_eq!((same.Value.is_null(), last()), (false, last()), "MV62: taken as access bits");
    unmap(same.Value.addr()).expect("mapped");
    [handle, reads, executes, code].into_iter().for_each(close);
}

// Rows: VQ18 SR01 SR02 SR03 SR04 SR05 SR20 RS05
#[test]
fn a_reserved_section_gets_memory_through_its_views() {
    let handle = ok(section(PAGE_READWRITE | SEC_RESERVE, 4 * GRANULE));
    let (first, second) =
        (view(handle, FILE_MAP_WRITE, 0).expect("a view"), view(handle, FILE_MAP_WRITE, 0).expect("a view"));
    for at in [first, second] {
        assert_eq!(run(at), (MEM_RESERVE, 0, 4 * GRANULE, MEM_MAPPED), "VQ18, SR01");
        assert_eq!(query(at).AllocationProtect, PAGE_READWRITE, "VQ18");
    }
    assert_eq!(allocate(first, GRANULE, MEM_COMMIT, PAGE_READONLY), Ok(first), "SR02");
    assert_eq!(run(first), (MEM_COMMIT, PAGE_READONLY, GRANULE, MEM_MAPPED), "SR02");
    assert_eq!(run(second), (MEM_COMMIT, PAGE_READWRITE, GRANULE, MEM_MAPPED), "SR02");
    assert_eq!(run(second + GRANULE), (MEM_RESERVE, 0, 3 * GRANULE, MEM_MAPPED), "SR02");
    store(second, 9);
    assert_eq!(load(first), 9, "SR03");
    // More, over what is there: the first view's page becomes writable, no byte is lost.
    assert_eq!(allocate(first, 2 * GRANULE, MEM_COMMIT, PAGE_READWRITE), Ok(first), "SR04");
    assert_eq!(run(first), (MEM_COMMIT, PAGE_READWRITE, 2 * GRANULE, MEM_MAPPED), "SR04");
    assert_eq!(load(first), 9, "SR04");
    for kind in [MEM_DECOMMIT, MEM_RELEASE] {
        assert_eq!(free(first, 0, kind), Err(INVALID_PARAMETER), "SR05");
    }
    // What was committed is there in a view that comes later.
    unmap(second).expect("mapped");
    let third = view(handle, FILE_MAP_READ, 0).expect("a view");
    assert_eq!(run(third), (MEM_COMMIT, PAGE_READONLY, 2 * GRANULE, MEM_MAPPED));
    close(handle);
    unmap(first).expect("mapped");
    assert_eq!(allocate(third, 3 * GRANULE, MEM_COMMIT, PAGE_READONLY), Ok(third), "after its handle");
    assert_eq!((load(third), load(third + 2 * GRANULE)), (9, 0));
    unmap(third).expect("mapped");
}

// Rows: LP10 LP13 GP18 SC02 SC03 SC09 SC11 SC13 SC14 SC15 SC16 SC17 SC18 SC19 SC20 SC21 SC23 SC27 SC51
#[test]
fn attributes_that_make_no_section_are_refused() {
    let refused = |file: HANDLE, protect: u32, code: u32| {
        let handle = section_of(file, protect, GRANULE);
        assert_eq!((handle.is_null(), last()), (true, code), "{protect:#x}");
    };
    let made = |file: HANDLE, asked: u32, attributes: u32| {
        let handle = ok(section_of(file, PAGE_READONLY | asked, PAGE));
        assert_eq!(about(handle).expect("all rights").0, attributes, "{asked:#x}");
        close(handle);
    };
    let memory = INVALID_HANDLE_VALUE;
    let program = file_handle(File::open("/proc/self/exe").expect("this program"));
    for file in [memory, program] {
        for protect in
            [0, !0, PAGE_NOACCESS, PAGE_EXECUTE, PAGE_READONLY | PAGE_READWRITE, PAGE_READWRITE | PAGE_GUARD]
        {
            refused(file, protect, INVALID_PARAMETER); // SC02, SC03, GP18
        }
        for bits in [
            SEC_COMMIT | SEC_RESERVE,
            SEC_NOCACHE,
            SEC_WRITECOMBINE,
            SEC_LARGE_PAGES,
            SEC_LARGE_PAGES | SEC_RESERVE,
            SEC_FILE,
            SEC_FILE | SEC_COMMIT,
            SEC_IMAGE | SEC_RESERVE,
            SEC_IMAGE | SEC_COMMIT,
            SEC_IMAGE | SEC_LARGE_PAGES,
            SEC_IMAGE | SEC_FILE,
            SEC_IMAGE | SEC_WRITECOMBINE,
        ] {
            refused(file, PAGE_READONLY | bits, INVALID_PARAMETER);
        }
        refused(file, PAGE_READONLY | SEC_IMAGE, 193); // SC15, SC21
    }
    refused(program, PAGE_READONLY | SEC_LARGE_PAGES | SEC_COMMIT, INVALID_PARAMETER); // LP13
    refused(memory, PAGE_READWRITE | SEC_LARGE_PAGES | SEC_COMMIT, INVALID_PARAMETER); // LP11
    for asked in [SEC_RESERVE, SEC_COMMIT, SEC_COMMIT | SEC_WRITECOMBINE, SEC_RESERVE | SEC_NOCACHE] {
        made(memory, asked, asked); // SC09, SC12
        made(program, asked, SEC_FILE | asked & !(SEC_RESERVE | SEC_COMMIT)); // SC18, SC19
    }
    made(ptr::null_mut(), 0, SEC_COMMIT); // SC51
    assert_eq!(section(PAGE_READWRITE, 0), ptr::null_mut(), "SC27");
    assert_eq!(last(), INVALID_PARAMETER, "SC27");
    close(program);
}

// Rows: VQ19 MV55
#[test]
fn a_forked_child_shares_views_and_has_its_own_handles() {
    let handle = ok(section(PAGE_READWRITE | SEC_RESERVE, 2 * PAGE));
    let at = view(handle, FILE_MAP_WRITE, 0).expect("a view");
    allocate(at, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
    // SAFETY: the child calls only what is prepared for forks, and leaves.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        store(at, 3);
        let again = view(handle, FILE_MAP_READ, 0);
        let good = again.is_ok_and(|again| load(again) == 3 && unmap(again).is_ok()) && unmap(at).is_ok();
        // SAFETY: memory, handles and names of this test's own.
        let closed = unsafe { CloseHandle(handle) } == TRUE;
        // SAFETY: memory, handles and names of this test's own.
        unsafe { libc::_exit(i32::from(!(good && closed))) };
    }
    let mut status = 0;
    // SAFETY: memory, handles and names of this test's own.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the child maps, unmaps and closes");
    assert_eq!(load(at), 3, "MV55");
    assert_eq!(run(at), (MEM_COMMIT, PAGE_READWRITE, PAGE, MEM_MAPPED), "VQ19: the parent's view stays");
    close(handle);
    unmap(at).expect("mapped");
}
