//! ReadProcessMemory and WriteProcessMemory: rows RW.

#[path = "golden/support.rs"]
mod support;
mod three;

use std::ptr;

use pagewright::win32::{
    GetCurrentProcess, MEM_RESERVE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_NOACCESS, PAGE_READONLY,
    PAGE_READWRITE, PROCESS_ALL_ACCESS, ReadProcessMemory, WriteProcessMemory,
};
use support::{
    BOTH, On, PAGE, SELF, Sleeper, TOP, arena, everywhere, here_and_there, last_error, load, pointer, read,
    write,
};

const SIZE: usize = 0x8000;
/// What a count is that was left untouched.
const UNTOUCHED: usize = usize::MAX;

fn committed(on: On, protect: u32) -> usize {
    let at = arena();
    assert_eq!(on.alloc(at, SIZE, BOTH, protect), Ok(at));
    at
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|number| (number / 3) as u8).collect()
}

// Rows: RW01 RW02
#[test]
fn what_is_written_is_read() {
    everywhere(|on| {
        let at = committed(on, PAGE_READWRITE);
        let bytes = pattern(SIZE);
        assert_eq!(write(on, at, &bytes), (Ok(()), SIZE), "RW01, RW02");
        let mut back = vec![0; SIZE];
        assert_eq!(read(on, at, &mut back), (Ok(()), SIZE), "RW01, RW02");
        assert_eq!(back, bytes, "RW01");
        let mut part = [0; 77];
        assert_eq!(read(on, at + 0x1fff, &mut part), (Ok(()), 77), "RW01: across pages");
        assert_eq!(part[..], bytes[0x1fff..0x1fff + 77], "RW01");
        on.release(at);
    });
}

// Rows: RW03 RW04 RW05
#[test]
fn a_length_of_zero_succeeds() {
    everywhere(|on| {
        for at in [0, 0x1234, TOP] {
            assert_eq!(read(on, at, &mut []), (Ok(()), 0), "RW03, RW05");
            assert_eq!(write(on, at, &[]), (Ok(()), 0), "RW04, RW05");
        }
    });
}

// Rows: RW06
#[test]
fn nobody_needs_to_count() {
    here_and_there(|on| {
        let at = committed(on, PAGE_READWRITE);
        let mut byte = 7_u8;
        // SAFETY: our byte, and memory of the test.
        unsafe {
            let into = (&raw mut byte).cast();
            assert_eq!(ReadProcessMemory(on.0, pointer(at), into, 1, ptr::null_mut()), 1, "RW06");
            assert_eq!(WriteProcessMemory(on.0, pointer(at), into, 1, ptr::null_mut()), 1, "RW06");
            assert_eq!(ReadProcessMemory(on.0, pointer(0x1234), into, 1, ptr::null_mut()), 0, "RW06");
        }
        assert_eq!(byte, 0, "RW06");
        on.release(at);
    });
}

/// 32 KiB of ours, inaccessible from +0x2000.
fn local_with_a_hole() -> usize {
    let local = committed(On(SELF), PAGE_READWRITE);
    On(SELF).protect(local + 0x2000, SIZE - 0x2000, PAGE_NOACCESS).expect("committed");
    local
}

/// The two calls with a buffer named by address.
fn copy(on: On, at: usize, local: usize, out: bool) -> (Result<(), u32>, usize) {
    let mut count = UNTOUCHED;
    // SAFETY: the buffer is memory of the test, or not there, which is the point.
    let worked = unsafe {
        if out {
            ReadProcessMemory(on.0, pointer(at), pointer(local), SIZE, &raw mut count)
        } else {
            WriteProcessMemory(on.0, pointer(at), pointer(local), SIZE, &raw mut count)
        }
    };
    (if worked != 0 { Ok(()) } else { Err(last_error()) }, count)
}

// Rows: RW07 RW08 RW09 RW10 RW11 RW12 RW17 RW35
#[test]
fn a_bad_buffer_of_ours_is_an_error_and_not_a_fault() {
    here_and_there(|on| {
        let at = committed(on, PAGE_READWRITE);
        write(on, at, &pattern(SIZE)).0.expect("writable");
        let local = local_with_a_hole();
        assert_eq!(copy(on, at, local, false), (Err(299), 0), "RW07, RW08");
        let mut back = vec![0; SIZE];
        read(on, at, &mut back).0.expect("readable");
        assert_eq!(back, pattern(SIZE), "RW07: nothing was written");
        assert_eq!(copy(on, at, local, true), (Err(299), 0x2000), "RW09, RW10");
        assert_eq!(load(local + 0x1fff), pattern(SIZE)[0x1fff], "RW09: the first part is there");
        assert_eq!(copy(on, at, local + 0x2000, true), (Err(299), 0), "RW11");
        assert_eq!(copy(on, at, local + 0x2000, false), (Err(299), 0), "RW12");
        assert_eq!(copy(on, at, 0x1234, true), (Err(299), 0), "RW17");
        assert_eq!(copy(on, at, TOP, true).0, Err(998), "RW35: local");
        assert_eq!(copy(on, at, usize::MAX, false).0, Err(998), "RW35: local");
        On(SELF).release(local);
        on.release(at);
    });
}

// Rows: RW13 RW14 RW15 RW16 RW33 RW34
#[test]
fn a_bad_page_of_the_source_spoils_its_chunk() {
    everywhere(|on| {
        let at = committed(on, PAGE_READWRITE);
        on.protect(at + PAGE, PAGE, PAGE_NOACCESS).expect("committed");
        let mut buffer = vec![0; 2 * PAGE];
        assert_eq!(read(on, at, &mut buffer), (Err(299), 0), "RW13, RW15");
        assert_eq!(read(on, at, &mut buffer[..PAGE]), (Ok(()), PAGE), "RW14");
        assert_eq!(read(on, at + PAGE - 100, &mut buffer[..200]), (Err(299), 100), "RW34");
        assert_eq!(read(on, at + PAGE - 100, &mut buffer[..512]), (Err(299), 100), "RW34: the largest");
        assert_eq!(read(on, at + PAGE - 100, &mut buffer[..513]), (Err(299), 0), "RW13: the smallest");
        assert_eq!(read(on, 0x1234, &mut buffer), (Err(299), 0), "RW16");
        on.release(at);

        let at = arena();
        on.alloc(at, 25 * PAGE, BOTH, PAGE_READWRITE).expect("free");
        on.protect(at + 20 * PAGE, PAGE, PAGE_NOACCESS).expect("committed");
        let mut buffer = vec![0; 100 << 10];
        assert_eq!(read(on, at, &mut buffer), (Err(299), 14 * PAGE), "RW33");
        on.release(at);
    });
}

// Rows: RW18 RW19
#[test]
fn no_handle_reads_nothing() {
    let mut byte = [0];
    assert_eq!(read(On(ptr::null_mut()), 0x1_0000, &mut byte), (Err(6), 0), "RW18");
    let at = committed(On(SELF), PAGE_READWRITE);
    // SAFETY: no conditions.
    let pseudo = On(unsafe { GetCurrentProcess() });
    assert_eq!(read(pseudo, at, &mut byte), (Ok(()), 1), "RW19");
    On(SELF).release(at);
}

// Rows: RW20 RW28
#[test]
fn what_may_only_be_read_is_not_written() {
    everywhere(|on| {
        for (row, protect) in [("RW20", PAGE_READONLY), ("RW28", PAGE_NOACCESS)] {
            let at = committed(on, protect);
            assert_eq!(write(on, at, &pattern(SIZE)), (Err(998), UNTOUCHED), "{row}");
            let record = on.query(at).expect("allocated");
            assert_eq!((record.protect, record.size), (protect, SIZE), "{row}: unchanged");
            on.protect(at, SIZE, PAGE_READWRITE).expect("committed");
            let mut back = vec![1; SIZE];
            read(on, at, &mut back).0.expect("readable");
            assert!(back.iter().all(|byte| *byte == 0), "{row}: unmodified");
            on.release(at);
        }
    });
}

// Rows: RW22
#[test]
fn code_is_patched_and_stays_code() {
    everywhere(|on| {
        let at = committed(on, PAGE_EXECUTE_READ);
        let bytes = pattern(SIZE);
        assert_eq!(write(on, at, &bytes), (Ok(()), SIZE), "RW22");
        let mut back = vec![0; SIZE];
        read(on, at, &mut back).0.expect("readable");
        assert_eq!(back, bytes, "RW22");
        let record = on.query(at).expect("allocated");
        assert_eq!((record.protect, record.size), (PAGE_EXECUTE_READ, SIZE), "RW22: still code");
        on.release(at);
    });
}

// Rows: RW24 RW26
#[test]
fn the_first_page_decides_for_the_others() {
    everywhere(|on| {
        for (row, rest) in [("RW24", PAGE_EXECUTE_READ), ("RW26", PAGE_READONLY)] {
            let at = committed(on, rest);
            on.protect(at, 0x2000, PAGE_EXECUTE_READWRITE).expect("committed");
            assert_eq!(write(on, at, &pattern(SIZE)), (Err(299), 0x2000), "{row}");
            let mut back = vec![0; 0x2000];
            read(on, at, &mut back).0.expect("readable");
            assert_eq!(back, pattern(0x2000), "{row}: the first part is there");
            on.release(at);
        }
    });
}

/// Without the wrapper of WriteProcessMemory, which looks at the protection first.
// Rows: RW21 RW23 RW25 RW27
#[test]
fn a_plain_write_goes_up_to_the_first_page_that_refuses() {
    three::everywhere(|on| {
        for (row, protect) in [("RW21", PAGE_READONLY), ("RW23", PAGE_EXECUTE_READ)] {
            let base = on.alloc(0, SIZE as u64, BOTH, protect).expect("memory is free");
            assert_eq!(on.memory.write(base, &pattern(SIZE)), Ok(0), "{row} in {}", on.name);
            on.protect(base, 0x2000, PAGE_EXECUTE_READWRITE).expect("committed");
            let written = on.memory.write(base, &pattern(SIZE));
            assert_eq!(written, Ok(0x2000), "RW25, RW27 in {}: {protect:#x}", on.name);
            on.release(base);
        }
    });
}

// Rows: RW29 RW30
#[test]
fn where_nothing_is_nothing_is_written() {
    everywhere(|on| {
        let at = arena();
        assert_eq!(write(on, at, &[1, 2, 3]), (Err(487), UNTOUCHED), "RW29: free");
        on.alloc(at, SIZE, MEM_RESERVE, PAGE_EXECUTE_READ).expect("free");
        assert_eq!(write(on, at, &[1, 2, 3]), (Err(487), UNTOUCHED), "RW29: reserved");
        // Code before pages without memory: the whole cannot be re-protected.
        on.alloc(at, PAGE, 0x1000, PAGE_EXECUTE_READ).expect("reserved");
        assert_eq!(write(on, at, &pattern(2 * PAGE)), (Err(299), 0), "RW29, RW30");
        on.release(at);
    });
}

// Rows: RW30
#[test]
fn a_write_may_cross_allocations() {
    everywhere(|on| {
        let at = arena();
        for offset in [0, 0x1_0000] {
            on.alloc(at + offset, 0x1_0000, BOTH, PAGE_READWRITE).expect("free");
        }
        assert_eq!(write(on, at + 0xff00, &pattern(0x200)), (Ok(()), 0x200), "RW30");
        on.release(at);
        on.release(at + 0x1_0000);
    });
}

// Rows: RW35
#[test]
fn ranges_that_leave_the_user_range_are_refused() {
    everywhere(|on| {
        for at in [TOP - 1, TOP, 0xffff_8000_0000_0000, usize::MAX] {
            assert_eq!(read(on, at, &mut [0; 2]), (Err(998), 0), "RW35: {at:#x}");
            assert_eq!(write(on, at, &[0; 2]).0, Err(998), "RW35: {at:#x}");
        }
    });
}

// Rows: RW37
#[test]
fn programs_can_be_read() {
    let code = load as *const () as usize;
    assert_eq!(read(On(SELF), code, &mut [0; 16]), (Ok(()), 16), "RW37");
}

// Rows: HR20 RW36
#[test]
fn who_has_ended_cannot_be_read() {
    let mut sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    sleeper.end();
    assert_eq!(read(opened.on, 0x40_0000, &mut [0; 16]), (Err(5), 0), "RW36, HR20");
}

// Rows: RW37 RW38
#[test]
fn a_page_of_a_program_that_may_not_be_read_is_not() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    // The headers of the program: nobody needs them once it runs.
    let header = program(&sleeper);
    let mut bytes = [0; 4];
    assert_eq!(read(opened.on, header, &mut bytes), (Ok(()), 4), "RW37");
    assert_eq!(&bytes, b"\x7fELF", "RW37");
    let old = opened.on.protect(header, PAGE, PAGE_NOACCESS).expect("RW38");
    assert_eq!(read(opened.on, header, &mut bytes), (Err(299), 0), "RW38");
    opened.on.protect(header, PAGE, old).expect("RW38");
    assert_eq!(read(opened.on, header, &mut bytes), (Ok(()), 4), "RW38: as it was");
}

/// Where the program of a process begins.
fn program(sleeper: &Sleeper) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", sleeper.pid())).expect("our own child");
    let name = std::fs::read_link(format!("/proc/{}/exe", sleeper.pid())).expect("our own child");
    let name = name.to_str().expect("a plain name");
    let line = maps.lines().find(|line| line.ends_with(name)).expect("it is mapped");
    usize::from_str_radix(line.split('-').next().expect("a range"), 16).expect("a number")
}
