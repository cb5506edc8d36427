//! Placeholders: the PH rows, VA71, WW39.

mod three;

use std::ffi::c_void;
use std::ptr;

use pagewright::win32::*;
use three::*;

const REPLACE: u32 = MEM_RESERVE | MEM_REPLACE_PLACEHOLDER;
const PRESERVE: u32 = MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER;
const COALESCE: u32 = MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS;
/// What Win32 makes of `CONFLICTING_ADDRESSES`.
const CONFLICT: u32 = ERROR_INVALID_ADDRESS;
const SIZE: u64 = 0x1_0000;

impl On<'_> {
    fn alloc2(&self, at: u64, size: u64, kind: u32, protect: u32) -> Result<u64, u32> {
        code(virtual_alloc2(self.memory, at, size, kind, protect, Requirements::default()))
    }

    fn placeholder(&self, size: u64) -> u64 {
        self.alloc2(0, size, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS).expect("room")
    }

    /// State, base, protection of the allocation and size.
    fn held(&self, at: u64) -> (u32, u64, u32, u64) {
        let record = self.query(at);
        let base = record.AllocationBase.addr() as u64;
        (record.State, base, record.AllocationProtect, record.RegionSize as u64)
    }

    fn expect_placeholder(&self, at: u64, size: u64, row: &str) {
        let (state, base, protect, bytes) = self.held(at);
        assert_eq!((state, base, protect, bytes), (MEM_RESERVE, at, PAGE_NOACCESS, size), "{row}");
        assert_eq!(self.query(at).Type, MEM_PRIVATE, "{row}");
    }
}

// Rows: PH01 PH02 PH03 PH04 PH05 PH10 PH11
#[test]
fn memory_takes_the_place_of_a_placeholder_and_gives_it_back() {
    everywhere(|on| {
        let kind = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;
        assert_eq!(on.alloc2(0, SIZE, kind, PAGE_READWRITE), Err(ERROR_INVALID_PARAMETER), "PH01");
        let at = on.placeholder(SIZE);
        on.expect_placeholder(at, SIZE, "PH02");
        assert_eq!(
            on.alloc2(at, SIZE, MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE),
            Err(ERROR_INVALID_PARAMETER)
        );
        let commit = MEM_COMMIT | MEM_REPLACE_PLACEHOLDER;
        assert_eq!(on.alloc2(at, SIZE, commit, PAGE_READWRITE), Err(ERROR_INVALID_PARAMETER), "PH11");
        assert_eq!(on.alloc2(at, SIZE, REPLACE | MEM_COMMIT, PAGE_READWRITE), Ok(at), "PH03");
        assert_eq!(on.stands(at), (MEM_COMMIT, PAGE_READWRITE, SIZE), "PH03");
        (0..SIZE).step_by(0x1000).for_each(|page| on.store(at + page, 0xcc));
        assert_eq!(on.free(at, SIZE, PRESERVE), Ok(()), "PH04");
        on.expect_placeholder(at, SIZE, "PH04");
        assert_eq!(on.load(at), None, "PH04");
        assert_eq!(on.alloc2(at, SIZE, REPLACE | MEM_COMMIT, PAGE_READONLY), Ok(at), "PH05");
        assert_eq!(on.stands(at), (MEM_COMMIT, PAGE_READONLY, SIZE), "PH05");
        assert!((0..SIZE).step_by(0x1000).all(|page| on.load(at + page) == Some(0)), "PH05: zeros");
        on.release(at);
        assert_eq!(on.query(at).State, MEM_FREE);
    });
}

// Rows: PH06 PH07 PH08 PH09 VA71
#[test]
fn a_placeholder_is_in_the_way_of_all_that_does_not_replace_it() {
    everywhere(|on| {
        let at = on.placeholder(SIZE);
        let again = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;
        assert_eq!(on.alloc2(at, SIZE, again, PAGE_NOACCESS), Err(CONFLICT), "PH06");
        assert_eq!(on.alloc2(at, SIZE, MEM_RESERVE, PAGE_READWRITE), Err(CONFLICT), "PH07");
        assert_eq!(on.alloc2(at, PAGE, REPLACE, PAGE_READWRITE), Err(CONFLICT), "PH08");
        assert_eq!(on.alloc2(at + PAGE, SIZE - PAGE, REPLACE, PAGE_READWRITE), Err(CONFLICT), "PH08");
        assert_eq!(on.alloc2(at, SIZE + PAGE, REPLACE, PAGE_READWRITE), Err(CONFLICT), "PH08");
        assert_eq!(on.alloc2(at, SIZE, MEM_COMMIT, PAGE_READWRITE), Err(CONFLICT), "PH09, VA71");
        assert_eq!(on.alloc(at, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(CONFLICT), "VA71");
        assert_eq!(on.protect(at, PAGE, PAGE_READWRITE), Err(CONFLICT), "nothing is committed");
        let plain = on.alloc(0, SIZE, MEM_RESERVE, PAGE_READWRITE).expect("room");
        assert_eq!(on.alloc2(plain, SIZE, REPLACE, PAGE_READWRITE), Err(CONFLICT), "no placeholder");
        on.expect_placeholder(at, SIZE, "all of these changed nothing");
        on.release(at);
        on.release(plain);
    });
}

// Rows: PH12 PH13 PH14 WW39
#[test]
fn what_replaces_a_placeholder_can_be_watched() {
    everywhere(|on| {
        let at = on.placeholder(SIZE);
        assert_eq!(on.alloc2(at, SIZE, REPLACE | MEM_WRITE_WATCH, PAGE_READONLY), Ok(at), "PH12");
        assert_eq!(on.alloc2(at, SIZE, MEM_COMMIT, PAGE_READWRITE), Ok(at), "PH13");
        assert_eq!(on.held(at), (MEM_COMMIT, at, PAGE_READONLY, SIZE), "PH13");
        let written = || get_write_watch(on.memory, 0, at, SIZE, 8).expect("watched");
        assert_eq!(written(), [], "PH14");
        on.store(at + PAGE + 5, 1);
        assert_eq!(written(), [at + PAGE], "PH14, WW39");
        assert_eq!(on.free(at, SIZE, PRESERVE), Ok(()));
        on.expect_placeholder(at, SIZE, "watched memory goes as well");
        on.release(at);
    });
}

// Rows: PH15 PH16 PH17 PH18 PH19 PH20 PH21 PH32 PH47
#[test]
fn placeholders_are_cut() {
    everywhere(|on| {
        let plain = on.alloc(0, SIZE, MEM_RESERVE, PAGE_READWRITE).expect("room");
        assert_eq!(on.free(plain, SIZE, PRESERVE), Err(CONFLICT), "PH15");
        on.release(plain);
        let at = on.placeholder(SIZE);
        assert_eq!(on.free(at, SIZE, PRESERVE), Err(CONFLICT), "PH16");
        assert_eq!(on.free(at, 0, PRESERVE), Err(ERROR_INVALID_PARAMETER), "PH17");
        assert_eq!(on.free(at + 0x8000, SIZE, PRESERVE), Err(CONFLICT), "beyond its end");
        assert_eq!(on.free(at + 0x8000, 0x4000, PRESERVE), Ok(()), "PH18");
        on.expect_placeholder(at, 0x8000, "PH18");
        on.expect_placeholder(at + 0x8000, 0x4000, "PH18");
        on.expect_placeholder(at + 0xc000, 0x4000, "PH18");
        assert_eq!(on.free(at, 0x3000, PRESERVE), Ok(()), "PH19");
        on.expect_placeholder(at, 0x3000, "PH19");
        on.expect_placeholder(at + 0x3000, 0x5000, "PH19");
        assert_eq!(on.free(at + 0xe000, 0x2000, PRESERVE), Ok(()), "PH20");
        on.expect_placeholder(at + 0xc000, 0x2000, "PH20");
        on.expect_placeholder(at + 0xe000, 0x2000, "PH20");
        on.release(at + 0x8000);
        assert_eq!(on.query(at + 0x8000).State, MEM_FREE, "PH21");
        assert_eq!(on.free(at + 0x8000, 0, MEM_RELEASE), Err(CONFLICT), "PH32");
        [0, 0x3000, 0xc000, 0xe000].into_iter().for_each(|piece| on.release(at + piece)); // PH21, PH47
        assert_eq!(on.query(at).State, MEM_FREE);
    });
}

// Rows: PH22 PH23 PH24 PH25 PH26 PH27 PH28 PH29 PH30 PH31
#[test]
fn placeholders_are_joined_exactly() {
    everywhere(|on| {
        let at = on.placeholder(SIZE);
        assert_eq!(on.free(at, 0x4000, PRESERVE), Ok(()));
        assert_eq!(on.free(at + 0x4000, 0x4000, PRESERVE), Ok(()));
        assert_eq!(on.free(at, 0x4000, COALESCE), Err(CONFLICT), "PH22");
        assert_eq!(on.free(at, SIZE, MEM_COALESCE_PLACEHOLDERS), Err(ERROR_INVALID_PARAMETER), "PH23");
        assert_eq!(on.free(at, SIZE + PAGE, COALESCE), Err(CONFLICT), "PH24");
        assert_eq!(on.free(at, SIZE - PAGE, COALESCE), Err(CONFLICT), "PH25");
        assert_eq!(on.free(at + PAGE, SIZE - PAGE, COALESCE), Err(CONFLICT), "PH26");
        assert_eq!(on.free(at, 0, COALESCE), Err(ERROR_INVALID_PARAMETER), "PH27");
        assert_eq!(on.alloc2(at + 0x4000, 0x4000, REPLACE, PAGE_READWRITE), Ok(at + 0x4000));
        assert_eq!(on.free(at, SIZE, COALESCE), Err(CONFLICT), "PH30");
        assert_eq!(on.free(at + 0x4000, 0x4000, PRESERVE), Ok(()));
        assert_eq!(on.free(at, SIZE, COALESCE), Ok(()), "PH29");
        on.expect_placeholder(at, SIZE, "PH29");
        assert_eq!(on.alloc2(at, SIZE, REPLACE | MEM_COMMIT, PAGE_READWRITE), Ok(at), "as before it was cut");
        on.store(at + 0x7fff, 1);
        on.release(at);

        let at = on.placeholder(2 * PAGE);
        assert_eq!(on.free(at, PAGE, PRESERVE), Ok(()));
        on.release(at + PAGE);
        assert_eq!(on.free(at, 2 * PAGE, COALESCE), Err(CONFLICT), "PH31");
        on.release(at);
    });
    // PH28, and the statuses of the others, which Win32 makes one code of.
    let place = |at: u64, size: u64| (ptr::without_provenance_mut::<c_void>(at as usize), size as usize);
    let free = |at, size, kind| {
        let (mut base, mut bytes) = place(at, size);
        // SAFETY: placeholders of this test, which nobody accesses.
        let status = unsafe { NtFreeVirtualMemory(GetCurrentProcess(), &mut base, &mut bytes, kind) };
        (status.cast_unsigned(), base.addr() as u64, bytes as u64)
    };
    let (mut base, mut bytes) = place(0, SIZE);
    let kind = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;
    let made = |base: &mut *mut c_void, bytes: &mut usize, kind| {
        // SAFETY: no arguments.
        let me = unsafe { GetCurrentProcess() };
        // SAFETY: nothing is replaced but placeholders of this test.
        unsafe { NtAllocateVirtualMemoryEx(me, base, bytes, kind, PAGE_NOACCESS, ptr::null_mut(), 0) }
    };
    assert_eq!(made(&mut base, &mut bytes, kind), 0);
    let at = base.addr() as u64;
    assert_eq!(free(at + 0x8000, 0x4000, PRESERVE), (0, at + 0x8000, 0x4000), "PH18");
    assert_eq!(free(at, SIZE, MEM_RELEASE).0, 0xc000_001a, "PH28: UNABLE_TO_FREE_VM");
    assert_eq!(free(at, 0x8000, COALESCE).0, 0xc000_0018, "PH22");
    assert_eq!(free(at, 0x8000, PRESERVE), (0xc000_0018, at, 0x8000), "PH16");
    assert_eq!(free(at, 0, PRESERVE), (0xc000_00f1, at, 0), "PH17");
    assert_eq!(free(at, SIZE, MEM_COALESCE_PLACEHOLDERS).0, 0xc000_00f2, "PH23");
    assert_eq!(free(at, SIZE, COALESCE), (0, at, SIZE), "PH29");
    let plain = MEM_RESERVE;
    assert_eq!(made(&mut base, &mut bytes, plain).cast_unsigned(), 0xc000_0018, "PH07");
    assert_eq!(free(at, SIZE, MEM_RELEASE), (0, at, SIZE), "PH21: exactly its size");
    assert_eq!(free(at, 0, MEM_RELEASE).0, 0xc000_00a0, "PH32");
}

fn last_error() -> u32 {
    // SAFETY: no arguments.
    unsafe { GetLastError() }
}

/// A section of the page file.
fn section(size: u64) -> HANDLE {
    let (high, low) = ((size >> 32) as u32, size as u32);
    // SAFETY: NULL pointers mean nothing special.
    unsafe { CreateFileMappingW(INVALID_HANDLE_VALUE, ptr::null(), PAGE_READWRITE, high, low, ptr::null()) }
}

fn map3(section: HANDLE, process: HANDLE, at: u64, offset: u64, size: u64, kind: u32) -> Result<u64, u32> {
    let (base, size) = (ptr::without_provenance(at as usize), size as usize);
    // SAFETY: nothing is replaced but placeholders of this test.
    let view = unsafe {
        MapViewOfFile3(section, process, base, offset, size, kind, PAGE_READWRITE, ptr::null_mut(), 0)
    };
    if view.Value.is_null() { Err(last_error()) } else { Ok(view.Value.addr() as u64) }
}

fn unmap2(process: HANDLE, at: u64, flags: u32) -> Result<(), u32> {
    let view = MEMORY_MAPPED_VIEW_ADDRESS { Value: ptr::without_provenance_mut(at as usize) };
    // SAFETY: views of this test, which nobody accesses any more.
    if unsafe { UnmapViewOfFile2(process, view, flags) } == FALSE { Err(last_error()) } else { Ok(()) }
}

/// `VirtualAlloc2` for a placeholder, in a process.
fn placeholder_in(process: HANDLE, size: u64) -> u64 {
    let kind = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;
    // SAFETY: fresh memory harms nobody.
    let made = unsafe {
        VirtualAlloc2(process, ptr::null(), size as usize, kind, PAGE_NOACCESS, ptr::null_mut(), 0)
    };
    assert!(!made.is_null());
    made.addr() as u64
}

fn free_in(process: HANDLE, at: u64, size: u64, kind: u32) -> Result<(), u32> {
    let base = ptr::without_provenance_mut(at as usize);
    // SAFETY: memory of this test, which nobody accesses any more.
    let done = unsafe { VirtualFreeEx(process, base, size as usize, kind) };
    if done == FALSE { Err(last_error()) } else { Ok(()) }
}

fn query_in(process: HANDLE, at: u64) -> MEMORY_BASIC_INFORMATION {
    let mut record = MEMORY_BASIC_INFORMATION::default();
    let base = ptr::without_provenance(at as usize);
    // SAFETY: there is room for one record.
    let bytes = unsafe { VirtualQueryEx(process, base, &mut record, size_of_val(&record)) };
    assert_eq!(bytes, size_of_val(&record));
    record
}

/// Runs a test on this process and on a live one.
fn on_handles(test: impl Fn(HANDLE)) {
    // SAFETY: no arguments.
    test(unsafe { GetCurrentProcess() });
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep starts");
    // SAFETY: numbers only.
    let handle = unsafe { OpenProcess(PROCESS_ALL_ACCESS, FALSE, child.id()) };
    assert!(!handle.is_null());
    test(handle);
    // SAFETY: a handle of this test.
    unsafe { CloseHandle(handle) };
    child.kill().expect("our own child");
    child.wait().expect("our own child");
}

// Rows: PH33 PH34 PH35 PH36 PH40 PH41 PH42 PH43 PH44 PH45 PH46
#[test]
fn views_take_the_place_of_placeholders() {
    on_handles(|process| {
        let section = section(2 * SIZE);
        let at = placeholder_in(process, SIZE);
        assert_eq!(map3(section, process, at + 0x1000, 0, SIZE, MEM_REPLACE_PLACEHOLDER), Err(CONFLICT));
        assert_eq!(map3(section, process, at, 0, 0x4000, MEM_REPLACE_PLACEHOLDER), Err(CONFLICT));
        let off = map3(section, process, at - 1, 0, SIZE, MEM_REPLACE_PLACEHOLDER);
        assert_eq!(off, Err(ERROR_MAPPED_ALIGNMENT), "PH35");
        let off = map3(section, process, at, 0xfff, SIZE, MEM_REPLACE_PLACEHOLDER);
        assert_eq!(off, Err(ERROR_MAPPED_ALIGNMENT), "PH35");
        assert_eq!(map3(section, process, at, 0, SIZE, MEM_REPLACE_PLACEHOLDER), Ok(at), "PH33");
        let record = query_in(process, at);
        assert_eq!(
            (record.State, record.Type, record.AllocationProtect),
            (MEM_COMMIT, MEM_MAPPED, 4),
            "PH33"
        );
        assert_eq!(record.RegionSize as u64, SIZE, "PH33");
        assert_eq!(unmap2(ptr::null_mut(), at, MEM_PRESERVE_PLACEHOLDER), Err(ERROR_INVALID_HANDLE), "PH40");
        assert_eq!(unmap2(process, at, PRESERVE), Err(ERROR_INVALID_PARAMETER), "PH41");
        assert_eq!(free_in(process, at, SIZE, PRESERVE), Err(ERROR_INVALID_PARAMETER), "PH42");
        assert_eq!(unmap2(process, at, MEM_PRESERVE_PLACEHOLDER), Ok(()), "PH43");
        let record = query_in(process, at);
        let now = (record.State, record.Type, record.AllocationProtect, record.RegionSize as u64);
        assert_eq!(now, (MEM_RESERVE, MEM_PRIVATE, PAGE_NOACCESS, SIZE), "PH43");
        assert_eq!(unmap2(process, at, MEM_PRESERVE_PLACEHOLDER), Err(CONFLICT), "PH45");
        assert_eq!(unmap2(process, at, 0), Err(CONFLICT), "PH45");
        assert_eq!(map3(section, process, at, 0x1000, SIZE, MEM_REPLACE_PLACEHOLDER), Ok(at), "PH34");
        let flags = MEM_UNMAP_WITH_TRANSIENT_BOOST | MEM_PRESERVE_PLACEHOLDER;
        assert_eq!(unmap2(process, at, flags), Ok(()), "PH44");
        assert_eq!(free_in(process, at, PAGE, PRESERVE), Ok(()));
        let last = MEM_REPLACE_PLACEHOLDER;
        assert_eq!(map3(section, process, at, 0x3000, PAGE, last), Ok(at), "PH34");
        assert_eq!(map3(section, process, at + PAGE, 0, SIZE - PAGE, last), Ok(at + PAGE), "PH34");
        assert_eq!(unmap2(process, at, 0), Ok(()), "PH46");
        assert_eq!(query_in(process, at).State, MEM_FREE, "PH46");
        assert_eq!(unmap2(process, at + PAGE, 0), Ok(()), "PH46");
        assert_eq!(map3(section, process, at + 0x1000, 0, PAGE, 0), Err(ERROR_MAPPED_ALIGNMENT), "PH36");
        assert_eq!(map3(section, process, at, 0x1000, PAGE, 0), Err(ERROR_MAPPED_ALIGNMENT), "PH36");
        // SAFETY: a handle of this test.
        assert_ne!(unsafe { CloseHandle(section) }, FALSE);
    });
}

// Rows: PH37 PH38 PH39 PH48
#[test]
fn ordinary_views_leave_no_placeholder() {
    on_handles(|process| {
        let section = section(SIZE);
        let at = map3(section, process, 0, 0, SIZE, 0).expect("room");
        assert_eq!(free_in(process, at, SIZE, PRESERVE), Err(ERROR_INVALID_PARAMETER), "PH37");
        assert_eq!(unmap2(process, at, MEM_PRESERVE_PLACEHOLDER), Err(CONFLICT), "PH38");
        assert_eq!(query_in(process, at).State, MEM_COMMIT, "PH38");
        assert_eq!(unmap2(process, at, 0), Ok(()), "PH39");
        assert_eq!(query_in(process, at).State, MEM_FREE, "PH39");
        // SAFETY: a handle of this test.
        assert_ne!(unsafe { CloseHandle(section) }, FALSE);

        let at = placeholder_in(process, SIZE);
        assert_eq!(free_in(process, at, 0x4000, PRESERVE), Ok(()));
        let mut region = WIN32_MEMORY_REGION_INFORMATION::default();
        let (base, room) = (ptr::without_provenance(at as usize), size_of_val(&region));
        // SAFETY: there is room for one record.
        let done = unsafe {
            QueryVirtualMemoryInformation(
                process,
                base,
                MemoryRegionInfo,
                (&raw mut region).cast(),
                room,
                ptr::null_mut(),
            )
        };
        assert_ne!(done, FALSE, "PH48");
        assert_eq!((region.CommitSize, region.RegionSize as u64), (0, 0x4000), "PH48");
        assert_eq!(free_in(process, at, 0, MEM_RELEASE), Ok(()));
        assert_eq!(free_in(process, at + 0x4000, 0, MEM_RELEASE), Ok(()));
    });
}

/// The use that placeholders were made for: the same bytes twice, side by side, with nobody
/// in between. The kernel is asked.
#[test]
fn a_ring_whose_end_is_its_start() {
    // SAFETY: no arguments.
    let me = unsafe { GetCurrentProcess() };
    let section = section(SIZE);
    let at = placeholder_in(me, 2 * SIZE);
    free_in(me, at, SIZE, PRESERVE).expect("a part");
    map3(section, me, at, 0, SIZE, MEM_REPLACE_PLACEHOLDER).expect("a view");
    map3(section, me, at + SIZE, 0, SIZE, MEM_REPLACE_PLACEHOLDER).expect("a view");
    let byte = ptr::with_exposed_provenance_mut::<u8>((at + SIZE - 1) as usize);
    // SAFETY: two views of 64 KiB each lie there, side by side.
    unsafe {
        byte.cast::<u16>().write_unaligned(0x1234);
        assert_eq!(ptr::with_exposed_provenance::<u8>(at as usize).read_volatile(), 0x12);
    }
    unmap2(me, at, 0).expect("a view");
    unmap2(me, at + SIZE, 0).expect("a view");
    // SAFETY: a handle of this test.
    unsafe { CloseHandle(section) };
}
