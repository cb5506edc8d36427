//! GetWriteWatch, ResetWriteWatch, and ours beside them: rows WW.

#[path = "golden/support.rs"]
mod support;
mod three;

use std::ffi::c_void;
use std::ptr;

use pagewright::win32::{
    GetWriteWatch, GetWriteWatchEx, MEM_COMMIT, MEM_DECOMMIT, MEM_PRIVATE, MEM_RESERVE, MEM_WRITE_WATCH,
    NoteWriteWatchEx, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PROCESS_ALL_ACCESS,
    PROCESS_QUERY_INFORMATION, PROCESS_VM_OPERATION, ResetWriteWatch, ResetWriteWatchEx,
    WRITE_WATCH_FLAG_RESET, get_write_watch, note_write_watch, reset_write_watch,
};
use support::{Sleeper, last_error, pointer};
use three::{BOTH, On, PAGE, code, everywhere};

const RESET: u32 = WRITE_WATCH_FLAG_RESET;
/// The size of the region of most tests.
const SIZE: u64 = 16 * PAGE;

/// The numbers of the pages of a region that were written.
fn written(on: &On<'_>, base: u64, at: u64, size: u64, flags: u32) -> Result<Vec<u64>, u32> {
    let pages = code(get_write_watch(on.memory, flags, at, size, 64))?;
    Ok(pages.into_iter().map(|page| (page - base) / PAGE).collect())
}

/// The same of the whole region.
fn all(on: &On<'_>, base: u64, flags: u32) -> Vec<u64> {
    written(on, base, base, SIZE, flags).expect("a watched region")
}

fn watched(on: &On<'_>, kind: u32, protect: u32) -> u64 {
    on.alloc(0, SIZE, kind | MEM_WRITE_WATCH, protect).expect("memory is free")
}

fn store_pages(on: &On<'_>, base: u64, pages: &[u64]) {
    pages.iter().for_each(|page| on.store(base + page * PAGE, 1));
}

// Rows: WW01 WW02 WW03 WW04 WW05
#[test]
fn a_watched_region_looks_like_any_other_and_begins_clean() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        let record = on.query(base);
        assert_eq!((record.AllocationProtect, record.Type), (PAGE_READWRITE, MEM_PRIVATE), "WW01");
        assert_eq!(on.stands(base), (MEM_COMMIT, PAGE_READWRITE, SIZE), "WW01");
        assert_eq!(all(on, base, 0), [0; 0], "WW05");
        on.release(base);

        let base = watched(on, MEM_RESERVE, PAGE_READWRITE);
        assert_eq!(all(on, base, 0), [0; 0], "WW02, WW04");
        assert_eq!(code(reset_write_watch(on.memory, base, SIZE)), Ok(()), "WW04");
        on.release(base);
        let kind = MEM_COMMIT | MEM_WRITE_WATCH;
        assert_eq!(on.alloc(0, SIZE, kind, PAGE_READWRITE), Err(87), "WW03");
    });
}

// Rows: WW06 WW07 WW08 WW09 WW10 VQ09
#[test]
fn pages_that_are_stored_to_are_listed_until_they_are_reset() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        store_pages(on, base, &[1]);
        assert_eq!([0, RESET, 0].map(|flags| all(on, base, flags).len()), [1, 1, 0], "WW06");
        store_pages(on, base, &[4, 2]);
        assert_eq!(all(on, base, 0), [2, 4], "WW07");
        assert_eq!(on.stands(base).2, SIZE, "VQ09: the region is one");
        assert_eq!(written(on, base, base + 3 * PAGE, 2 * PAGE, 0), Ok(vec![4]), "WW08");
        assert_eq!(code(reset_write_watch(on.memory, base, 3 * PAGE)), Ok(()), "WW09");
        assert_eq!(all(on, base, RESET), [4], "WW09");
        on.memory.write(base + 6 * PAGE - 2, &[1; 4]).expect("the process lives");
        assert_eq!(all(on, base, 0), [5, 6], "WW10, WW40");
        on.release(base);
    });
}

// Rows: WW11
#[test]
fn a_short_array_takes_the_lowest_pages_and_resets_no_other() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        store_pages(on, base, &[3, 5, 9]);
        let first = code(get_write_watch(on.memory, RESET, base, SIZE, 1));
        assert_eq!(first, Ok(vec![base + 3 * PAGE]), "WW11");
        assert_eq!(all(on, base, 0), [5, 9], "WW11");
        on.release(base);
    });
}

// Rows: WW12 WW13 VQ06
#[test]
fn protection_does_not_change_what_was_written() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        store_pages(on, base, &[1, 7]);
        assert_eq!(on.protect(base, 3 * PAGE, PAGE_READONLY), Ok(PAGE_READWRITE));
        assert_eq!(on.stands(base).2, 3 * PAGE, "VQ06: split by protection");
        assert_eq!(all(on, base, 0), [1, 7], "WW12");
        assert_eq!(on.protect(base, 3 * PAGE, PAGE_READWRITE), Ok(PAGE_READONLY));
        assert_eq!(on.stands(base).2, SIZE, "VQ06, WW12: split by nothing else");
        assert_eq!(all(on, base, 0), [1, 7], "WW12");
        on.release(base);

        let base = watched(on, BOTH, PAGE_NOACCESS);
        assert_eq!(on.protect(base, SIZE, PAGE_READWRITE), Ok(PAGE_NOACCESS));
        store_pages(on, base, &[5]);
        assert_eq!(on.protect(base, SIZE, PAGE_NOACCESS), Ok(PAGE_READWRITE));
        assert_eq!(all(on, base, 0), [5], "WW13");
        on.release(base);
    });
}

// Rows: WW15 WW16 VF42
#[test]
fn what_is_decommitted_was_not_written() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        store_pages(on, base, &[1]);
        on.free(base + PAGE, PAGE, MEM_DECOMMIT).expect("committed");
        store_pages(on, base, &[2]);
        assert_eq!(all(on, base, RESET), [2], "WW15, VF42");
        store_pages(on, base, &[3, 5]);
        on.free(base, SIZE, MEM_DECOMMIT).expect("committed");
        assert_eq!(all(on, base, 0), [0; 0], "WW16");
        on.alloc(base, SIZE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(all(on, base, 0), [0; 0], "WW16: nor after a new commit");
        on.release(base);
    });
}

// Rows: WW17 WW18
#[test]
fn a_change_of_protection_keeps_a_store_over_a_decommit() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        store_pages(on, base, &[3]);
        assert_eq!(on.protect(base, SIZE, PAGE_READWRITE), Ok(PAGE_READWRITE));
        store_pages(on, base, &[5]);
        on.free(base, SIZE, MEM_DECOMMIT).expect("committed");
        assert_eq!(all(on, base, 0), [3], "WW17");
        on.alloc(base, SIZE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(all(on, base, 0), [3], "WW17: after a new commit");
        store_pages(on, base, &[4, 2, 6]);
        assert_eq!(all(on, base, RESET), [2, 3, 4, 6], "WW18");
        assert_eq!(all(on, base, 0), [0; 0], "WW18");
        on.release(base);
    });
}

// Rows: WW19
#[test]
fn a_thousand_pages_of_two_protections_are_listed_and_reset() {
    everywhere(|on| {
        let size = 2048 * PAGE;
        let kind = BOTH | MEM_WRITE_WATCH;
        let base = on.alloc(0, size, kind, PAGE_READWRITE).expect("memory is free");
        let even: Vec<u64> = (0..2048).step_by(2).collect();
        store_pages(on, base, &even);
        on.protect(base, size / 2, PAGE_READONLY).expect("committed");
        let listed = code(get_write_watch(on.memory, RESET, base, size, 2048)).expect("watched");
        let expected: Vec<u64> = even.iter().map(|page| base + page * PAGE).collect();
        assert_eq!(listed, expected, "WW19 in {}", on.name);
        assert_eq!(code(get_write_watch(on.memory, 0, base, size, 2048)), Ok(vec![]), "WW19");
        on.release(base);
    });
}

// Rows: WW27
#[test]
fn loads_are_not_stores() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        assert_eq!(on.load(base + 2 * PAGE), Some(0), "WW27");
        assert_eq!(all(on, base, 0), [0; 0], "WW27");
        on.release(base);
    });
}

// Rows: WW28 WW32 WW33 WW34 WW35 WW36 WW37 WW38
#[test]
fn bad_ranges_counts_and_flags_are_refused() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        store_pages(on, base, &[2]);
        let plain = on.pages(16);
        let ask = |flags, at, size, count| code(get_write_watch(on.memory, flags, at, size, count)).map(drop);
        assert_eq!(ask(0, base, SIZE, 0), Err(87), "WW28");
        assert_eq!(ask(0xdead_beef, base, SIZE, 64), Err(87), "WW32");
        assert_eq!(ask(RESET, base, 0, 64), Err(87), "WW33");
        assert_eq!(ask(RESET, base, 2 * SIZE, 64), Err(87), "WW34");
        assert_eq!(ask(RESET, base + SIZE - PAGE, PAGE + 1, 64), Err(87), "WW35");
        assert_eq!(ask(RESET, 0, SIZE, 64), Err(87), "WW36");
        assert_eq!(ask(RESET, plain, SIZE, 64), Err(87), "WW37");
        for (row, at, size) in
            [("WW34", base, 2 * SIZE), ("WW37", plain, SIZE), ("WW38", base, 0), ("WW36", 0, SIZE)]
        {
            assert_eq!(code(reset_write_watch(on.memory, at, size)), Err(87), "{row}");
            assert_eq!(code(note_write_watch(on.memory, at, size)), Err(87), "{row}");
        }
        assert_eq!(all(on, base, 0), [2], "nothing was forgotten");
        on.release(base);
        on.release(plain);
    });
}

#[test]
fn a_write_that_no_processor_made_can_be_noted() {
    everywhere(|on| {
        let base = watched(on, BOTH, PAGE_READWRITE);
        assert_eq!(code(note_write_watch(on.memory, base + PAGE, 2 * PAGE)), Ok(()));
        store_pages(on, base, &[2, 5]);
        assert_eq!(all(on, base, RESET), [1, 2, 5]);
        assert_eq!(all(on, base, 0), [0; 0]);
        on.release(base);
    });
}

/// `GetWriteWatch` as it is: its answer, its last error, count and granularity.
fn raw(base: u64, array: &mut [*mut c_void], count: usize) -> (u32, u32, usize, u32) {
    let (mut count, mut granularity) = (count, 0xdead);
    // SAFETY: the array has room for what the count says, or is NULL.
    let answer = unsafe {
        let array = if array.is_empty() { ptr::null_mut() } else { array.as_mut_ptr() };
        let base = pointer(base as usize);
        GetWriteWatch(0, base, SIZE as usize, array, &raw mut count, &raw mut granularity)
    };
    (answer, last_error(), count, granularity)
}

// Rows: WW14 WW28 WW29 WW30 WW31
#[test]
fn pointers_are_checked_and_arrays_left_alone() {
    let on = On { name: "this process", memory: &pagewright::Process::current() };
    let base = watched(&on, BOTH, PAGE_READWRITE);
    let untouched = pointer(0xdead_beef);
    let mut array = [untouched; 64];
    let (answer, _, count, granularity) = raw(base, &mut array, 64);
    assert_eq!((answer, count, granularity), (0, 0, 0x1000), "WW14");
    assert!(array.iter().all(|page| *page == untouched), "WW14");
    store_pages(&on, base, &[3]);
    let (answer, _, count, _) = raw(base, &mut array, 64);
    assert_eq!((answer, count), (0, 1));
    assert_eq!((array[0].addr() as u64, array[1]), (base + 3 * PAGE, untouched));

    for (row, array, count, code) in [("WW28", 1, 0, 87), ("WW28", 0, 0, 87), ("WW31", 0, 64, 998)] {
        let mut array = vec![untouched; array];
        let (answer, error, ..) = raw(base, &mut array, count);
        assert_eq!((answer, error), (u32::MAX, code), "{row}");
    }
    let (mut count, mut granularity) = (64, 0);
    let at = pointer(base as usize);
    // SAFETY: NULL is refused, everything else is valid.
    unsafe {
        let array = array.as_mut_ptr();
        assert_eq!(GetWriteWatch(0, at, 1, array, ptr::null_mut(), &raw mut granularity), u32::MAX);
        assert_eq!(last_error(), 998, "WW29");
        assert_eq!(GetWriteWatch(0, at, 1, array, &raw mut count, ptr::null_mut()), u32::MAX);
        assert_eq!(last_error(), 998, "WW30");
        assert_eq!(ResetWriteWatch(at, SIZE as usize), 0);
        assert_eq!(ResetWriteWatch(at, 0), u32::MAX, "WW38");
        assert_eq!(last_error(), 87, "WW38");
    }
    on.release(base);
}

/// Who may look may not reset; the handle decides.
#[test]
fn the_calls_for_other_processes_need_their_rights() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let base = opened.on.alloc(0, SIZE as usize, BOTH | MEM_WRITE_WATCH, PAGE_READWRITE).expect("free");
    let looking = sleeper.open(PROCESS_QUERY_INFORMATION);
    let changing = sleeper.open(PROCESS_VM_OPERATION);
    let mut array = [ptr::null_mut(); 16];
    let mut look = |handle, flags| {
        let (mut count, mut granularity) = (16, 0);
        // SAFETY: the array has room for 16.
        let answer = unsafe {
            let (at, array) = (pointer(base), array.as_mut_ptr());
            GetWriteWatchEx(handle, flags, at, SIZE as usize, array, &raw mut count, &raw mut granularity)
        };
        if answer == 0 { Ok(count) } else { Err(last_error()) }
    };
    // SAFETY: these answer any range.
    let note = |handle| unsafe { NoteWriteWatchEx(handle, pointer(base), 1) };
    // SAFETY: as above; nobody relies on what is forgotten.
    let reset = |handle| unsafe { ResetWriteWatchEx(handle, pointer(base), SIZE as usize) };
    assert_eq!(note(opened.on.0), 0);
    assert_eq!(look(looking.on.0, 0), Ok(1));
    assert_eq!(look(looking.on.0, RESET), Err(5));
    assert_eq!(look(changing.on.0, 0), Err(5));
    assert_eq!((note(looking.on.0), last_error()), (u32::MAX, 5));
    assert_eq!((reset(looking.on.0), last_error()), (u32::MAX, 5));
    assert_eq!((reset(ptr::null_mut()), last_error()), (u32::MAX, 6));
    assert_eq!(look(opened.on.0, RESET), Ok(1));
    assert_eq!(look(opened.on.0, 0), Ok(0));
    opened.on.release(base);
}

/// What the program's own `read(2)` does: pages count that it really writes, once it does. On
/// Windows the whole buffer counts when the call is made.
// Rows: WW25
// Rows in part: WW20 WW21 WW22 WW23 WW24
#[test]
fn a_read_by_the_kernel_counts_where_it_writes() {
    let on = On { name: "this process", memory: &pagewright::Process::current() };
    let base = watched(&on, BOTH, PAGE_READWRITE);
    let read = |fd| {
        // SAFETY: the region is this test's, and has that size.
        unsafe { libc::read(fd, pointer(base as usize), SIZE as usize) }
    };
    let mut pipe = [0; 2];
    // SAFETY: room for two.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    assert_eq!(read(-1), -1);
    assert_eq!(all(&on, base, RESET), [0; 0], "WW25: nothing was read");
    // SAFETY: twelve bytes are there.
    assert_eq!(unsafe { libc::write(pipe[1], b"twelve bytes".as_ptr().cast(), 12) }, 12);
    assert_eq!(read(pipe[0]), 12);
    assert_eq!(all(&on, base, RESET), [0], "WW21, WW22: the page that was written");
    // SAFETY: the ends are this test's.
    unsafe { libc::close(pipe[1]) };
    assert_eq!(read(pipe[0]), 0);
    assert_eq!(all(&on, base, RESET), [0; 0], "WW24: nothing came");
    // SAFETY: as above.
    unsafe { libc::close(pipe[0]) };
    let file = std::env::temp_dir().join(format!("pagewright-ww23-{}", std::process::id()));
    std::fs::write(&file, vec![7; 2 * PAGE as usize + 3]).expect("a file of two pages and three bytes");
    let open = std::fs::File::open(&file).expect("just written");
    std::fs::remove_file(&file).expect("just written");
    assert_eq!(read(std::os::fd::AsRawFd::as_raw_fd(&open)), 2 * PAGE as isize + 3);
    assert_eq!(all(&on, base, RESET), [0, 1, 2], "WW23: of a file, what it has");
    on.release(base);
}

// Rows: WW40
#[test]
fn a_write_by_another_process_counts() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let base = opened.on.alloc(0, SIZE as usize, BOTH | MEM_WRITE_WATCH, PAGE_READWRITE).expect("free");
    support::write(opened.on, base + 3 * PAGE as usize - 1, &[1, 2]).0.expect("committed");
    let process = pagewright::Process::open(sleeper.pid()).expect("our own child");
    let pages = code(get_write_watch(&process, 0, base as u64, SIZE, 16)).expect("watched");
    assert_eq!(pages, [base as u64 + 2 * PAGE, base as u64 + 3 * PAGE], "WW40");
    opened.on.release(base);
}
