//! Guard pages, as the Win32 calls meet them: rows GP. What accesses of the program meet is in
//! the tests of guards.

mod three;

use pagewright::win32::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_WRITE_WATCH, PAGE_GUARD, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE,
    WRITE_WATCH_FLAG_RESET, get_write_watch, read_memory, virtual_lock, virtual_unlock, write_memory,
};
use three::{BOTH, On, PAGE, code, everywhere};

const GUARDED: u32 = PAGE_READWRITE | PAGE_GUARD;
/// What `GetLastError` shows when a guard was met: the status itself (EM38).
const MET: u32 = 0x8000_0001;

fn lock(on: &On<'_>, at: u64) -> Result<(), u32> {
    code(virtual_lock(on.memory, at, PAGE))
}

/// How many pages of one were written.
fn written(on: &On<'_>, at: u64, flags: u32) -> usize {
    code(get_write_watch(on.memory, flags, at, PAGE, 4)).expect("watched").len()
}

// Rows: GP01 GP19
#[test]
fn a_guard_is_reported() {
    everywhere(|on| {
        let base = on.alloc(0, 2 * PAGE, BOTH, GUARDED).expect("GP01");
        let record = on.query(base);
        assert_eq!((record.Protect, record.AllocationProtect), (GUARDED, GUARDED), "GP01");
        assert_eq!(on.protect(base, PAGE, PAGE_NOACCESS | PAGE_GUARD), Err(87), "GP19");
        on.release(base);
    });
}

// Rows: GP06 GP07 VL06
#[test]
fn a_lock_meets_a_guard_once() {
    everywhere(|on| {
        let base = on.pages(2);
        on.store(base, 0x31);
        assert_eq!(on.protect(base, 2 * PAGE, GUARDED), Ok(PAGE_READWRITE));
        assert_eq!(lock(on, base), Err(MET), "GP06 in {}", on.name);
        assert_eq!(on.stands(base), (MEM_COMMIT, PAGE_READWRITE, PAGE), "GP06: gone, of one page");
        assert_eq!(on.stands(base + PAGE).1, GUARDED, "GP06: the other is armed");
        assert_eq!(lock(on, base), Ok(()), "GP07 in {}", on.name);
        assert_eq!(on.load(base), Some(0x31), "GP07");
        assert_eq!(code(virtual_unlock(on.memory, base, PAGE)), Ok(()), "GP07");
        assert_eq!(on.protect(base, PAGE, PAGE_READWRITE), Ok(PAGE_READWRITE), "a.1 2: the old one is plain");
        on.release(base);
    });
}

/// The access is a copy by the kernel, or by the guest's system call.
// Rows: GP03 GP08 GP10
// Rows in part: GP02
#[test]
fn a_copy_that_meets_a_guard_fails_and_consumes_it() {
    everywhere(|on| {
        let base = on.pages(2);
        on.store(base, 0x31);
        on.protect(base, PAGE, GUARDED).expect("committed");
        let mut byte = [0];
        let read = code(read_memory(on.memory, base, &mut byte));
        assert_eq!(read, Err(299), "GP10 in {}", on.name);
        assert_eq!(on.stands(base).1, PAGE_READWRITE, "GP02 in {}: the guard is gone", on.name);
        assert_eq!(code(read_memory(on.memory, base, &mut byte)), Ok(1), "GP03 in {}", on.name);
        assert_eq!(byte, [0x31], "GP03");
        assert_eq!(lock(on, base), Ok(()), "GP08 in {}", on.name);
        on.release(base);
    });
}

// Rows: GP11 GP14 GP15
#[test]
fn a_lock_of_watched_memory_counts_as_a_store_once_it_succeeds() {
    everywhere(|on| {
        let base = on.alloc(0, PAGE, BOTH | MEM_WRITE_WATCH, GUARDED).expect("memory is free");
        assert_eq!(written(on, base, 0), 0, "GP11 in {}", on.name);
        assert_eq!(lock(on, base), Err(MET), "GP14 in {}", on.name);
        assert_eq!(written(on, base, 0), 0, "GP14 in {}", on.name);
        assert_eq!(lock(on, base), Ok(()), "GP15 in {}", on.name);
        assert_eq!(code(virtual_unlock(on.memory, base, PAGE)), Ok(()), "GP15");
        assert_eq!(written(on, base, 0), 1, "GP15 in {}", on.name);
        on.release(base);
    });
}

// Rows: GP11 GP12 GP14
#[test]
fn a_guard_that_is_armed_again_protects_watched_memory_again() {
    everywhere(|on| {
        let base = on.alloc(0, PAGE, BOTH | MEM_WRITE_WATCH, PAGE_READWRITE).expect("memory is free");
        on.store(base, 1);
        assert_eq!(written(on, base, WRITE_WATCH_FLAG_RESET), 1);
        assert_eq!(on.protect(base, PAGE, GUARDED), Ok(PAGE_READWRITE));
        assert_eq!(written(on, base, 0), 0, "GP11 in {}: arming is no store", on.name);
        assert_eq!(code(write_memory(on.memory, base, &[2])), Err(299), "GP12 in {}", on.name);
        assert_eq!(code(write_memory(on.memory, base, &[2])), Ok(1), "GP12 in {}", on.name);
        assert_eq!(on.load(base), Some(2), "GP12 in {}", on.name);
        assert_eq!(written(on, base, WRITE_WATCH_FLAG_RESET), 1, "GP12 in {}", on.name);
        on.protect(base, PAGE, GUARDED).expect("committed");
        assert_eq!(lock(on, base), Err(MET), "GP14 in {}", on.name);
        assert_eq!(written(on, base, 0), 0, "GP14 in {}", on.name);
        on.release(base);
    });
}

// Rows: GP20
#[test]
fn a_new_commit_has_no_guard() {
    everywhere(|on| {
        let base = on.alloc(0, PAGE, BOTH, GUARDED).expect("memory is free");
        on.free(base, PAGE, MEM_DECOMMIT).expect("committed");
        on.alloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(on.load(base), Some(0), "GP20 in {}", on.name);
        assert_eq!(on.stands(base).1, PAGE_READWRITE, "GP20");
        on.release(base);
    });
}

// Rows: GP05
#[test]
fn a_store_to_what_may_only_be_read_meets_the_guard_first() {
    everywhere(|on| {
        let base = on.alloc(0, PAGE, BOTH, PAGE_READONLY | PAGE_GUARD).expect("memory is free");
        assert_eq!(lock(on, base), Err(MET), "GP05 in {}", on.name);
        assert_eq!(on.stands(base).1, PAGE_READONLY, "GP05");
        assert_eq!(code(write_memory(on.memory, base, &[1])), Err(998), "GP05, RW20 in {}", on.name);
        on.release(base);
    });
}
