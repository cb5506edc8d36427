//! VirtualProtect and VirtualProtectEx: rows VP.

#[path = "golden/support.rs"]
mod support;

use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_RESERVE, PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY,
    PAGE_GUARD, PAGE_NOACCESS, PAGE_NOCACHE, PAGE_READONLY, PAGE_READWRITE, PAGE_TARGETS_NO_UPDATE,
    PAGE_WRITECOPY, VirtualProtectEx,
};
use support::{
    BOTH, On, PAGE, SELF, TOP, arena, everywhere, here_and_there, last_error, load, load_faults, pointer,
    store, store_faults,
};

const GRANULE: usize = 0x1_0000;

fn committed(on: On, protect: u32) -> usize {
    let at = arena();
    assert_eq!(on.alloc(at, GRANULE, BOTH, protect), Ok(at));
    at
}

/// The protection of a page, how far it goes, and that of the allocation.
fn seen(on: On, at: usize) -> (u32, usize, u32) {
    let record = on.query(at).expect("a user address");
    (record.protect, record.size, record.initial)
}

/// VirtualProtectEx with NULL for the old protection.
fn without_old(on: On, at: usize, size: usize, protect: u32) -> u32 {
    // SAFETY: refused, or memory of the test.
    let worked = unsafe { VirtualProtectEx(on.0, pointer(at), size, protect, ptr::null_mut()) };
    assert_eq!(worked, 0, "VP01");
    last_error()
}

// Rows: VP01 VP02
#[test]
fn the_old_protection_needs_a_place() {
    here_and_there(|on| {
        let at = committed(on, PAGE_NOACCESS);
        assert_eq!(without_old(on, at, PAGE, PAGE_READONLY), 998, "VP01");
        assert_eq!(seen(on, at).0, PAGE_NOACCESS, "VP01: unchanged");
        assert_eq!(on.protect(at, PAGE, PAGE_NOACCESS), Ok(PAGE_NOACCESS), "VP02");
        on.release(at);
    });
}

// Rows: VP01 VP08 VP14 VP17 VP18
#[test]
fn the_checks_come_in_order() {
    let nobody = On(ptr::null_mut());
    assert_eq!(without_old(nobody, TOP, PAGE, 0), 87, "VP08: protection first");
    assert_eq!(without_old(nobody, TOP, PAGE, PAGE_READONLY), 998, "VP01: then the pointer");
    assert_eq!(nobody.protect(TOP, PAGE, PAGE_READONLY), Err(87), "VP18: then the range");
    assert_eq!(nobody.protect(GRANULE, 0, PAGE_READONLY), Err(87), "VP17: then the size");
    assert_eq!(nobody.protect(GRANULE, PAGE, PAGE_READONLY), Err(6), "VP14: then the handle");
}

// Rows: VP03 VP04 VP05 VP06
#[test]
fn pages_without_memory_have_no_protection() {
    everywhere(|on| {
        let at = arena();
        on.alloc(at, GRANULE, MEM_RESERVE, PAGE_NOACCESS).expect("free");
        assert_eq!(on.protect(at, GRANULE, PAGE_READONLY), Err(487), "VP03");
        on.alloc(at, PAGE, MEM_COMMIT, PAGE_NOACCESS).expect("reserved");
        assert_eq!(on.protect(at, GRANULE, PAGE_READONLY), Err(487), "VP04");
        assert_eq!(seen(on, at), (PAGE_NOACCESS, PAGE, PAGE_NOACCESS), "VP04: unchanged");
        if !on.is_guest() {
            let mut old = 0x5555_u32;
            // SAFETY: refused.
            unsafe { VirtualProtectEx(on.0, pointer(at), GRANULE, PAGE_READONLY, &raw mut old) };
            assert_eq!(old, PAGE_NOACCESS, "VP05");
        }
        assert_eq!(on.protect(at, PAGE, PAGE_READONLY), Ok(PAGE_NOACCESS), "VP06");
        assert_eq!(on.protect(at, PAGE, PAGE_READWRITE), Ok(PAGE_READONLY), "VP06");
        assert_eq!(seen(on, at).0, PAGE_READWRITE, "VP06");
        on.release(at);
    });
}

// Rows: VP07 VP08 VP09 VP10 VP15 VP31
#[test]
fn every_single_access_can_be_set() {
    everywhere(|on| {
        let at = committed(on, PAGE_NOACCESS);
        for protect in [
            PAGE_NOACCESS,
            PAGE_READONLY,
            PAGE_READWRITE,
            PAGE_EXECUTE,
            PAGE_EXECUTE_READ,
            PAGE_EXECUTE_READWRITE,
        ] {
            assert_eq!(on.protect(at, GRANULE, protect), Ok(PAGE_NOACCESS), "VP07: {protect:#x}");
            assert_eq!(seen(on, at), (protect, GRANULE, PAGE_NOACCESS), "VP07: {protect:#x}");
            on.protect(at, GRANULE, PAGE_NOACCESS).expect("committed");
        }
        for (row, protect) in [
            ("VP15", 0),
            ("VP08", PAGE_READONLY | PAGE_READWRITE),
            ("VP08", PAGE_READWRITE | PAGE_EXECUTE),
            ("VP09", PAGE_WRITECOPY),
            ("VP09", PAGE_EXECUTE_WRITECOPY),
            ("VP10", PAGE_READWRITE | PAGE_EXECUTE_WRITECOPY),
            ("VP31", PAGE_NOACCESS | PAGE_GUARD),
        ] {
            assert_eq!(on.protect(at, PAGE, protect), Err(87), "{row}: {protect:#x}");
            assert_eq!(seen(on, at).0, PAGE_NOACCESS, "{row}: unchanged");
        }
        on.release(at);
    });
}

// Rows: VP11 VP12 VP13
#[test]
fn the_old_protection_is_that_of_the_first_page() {
    everywhere(|on| {
        let at = committed(on, PAGE_READWRITE);
        on.protect(at + 0x8000, 0x8000, PAGE_EXECUTE_READWRITE).expect("committed");
        assert_eq!(on.protect(at, GRANULE, PAGE_READONLY), Ok(PAGE_READWRITE), "VP11");
        assert_eq!(seen(on, at), (PAGE_READONLY, GRANULE, PAGE_READWRITE), "VP11");
        assert_eq!(on.protect(at + 1, 1, PAGE_READWRITE), Ok(PAGE_READONLY), "VP12");
        assert_eq!(seen(on, at).1, PAGE, "VP12");
        assert_eq!(on.protect(at + 0x4fff, 2, PAGE_READWRITE), Ok(PAGE_READONLY), "VP13");
        assert_eq!(seen(on, at + 0x4000), (PAGE_READWRITE, 2 * PAGE, PAGE_READWRITE), "VP13");
        on.release(at);
    });
}

// Rows: VP16 VP17 VP18 VP19 VP20 VP21
#[test]
fn a_range_lies_in_one_allocation() {
    everywhere(|on| {
        let at = committed(on, PAGE_READWRITE);
        on.alloc(at + GRANULE, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        assert_eq!(on.protect(at, 2 * GRANULE, PAGE_READONLY), Err(487), "VP20");
        assert_eq!(seen(on, at), (PAGE_READWRITE, GRANULE, PAGE_READWRITE), "VP20: unchanged");
        on.release(at + GRANULE);
        assert_eq!(on.protect(at, 2 * GRANULE, PAGE_READONLY), Err(487), "VP21");
        assert_eq!(on.protect(at + GRANULE, PAGE, PAGE_READONLY), Err(487), "VP16");
        assert_eq!(on.protect(0, PAGE, PAGE_READONLY), Err(487), "VP16: NULL");
        assert_eq!(on.protect(at, 0, PAGE_READONLY), Err(87), "VP17");
        assert_eq!(on.protect(TOP, PAGE, PAGE_READONLY), Err(87), "VP18");
        assert_eq!(on.protect(at, usize::MAX, PAGE_READONLY), Err(87), "VP19");
        on.release(at);
    });
}

// Rows: VP23 VP24 VP42
#[test]
fn data_survives_and_the_kernel_enforces() {
    let on = On(SELF);
    let at = committed(on, PAGE_READWRITE);
    store(at, 0x42);
    on.protect(at, PAGE, PAGE_READONLY).expect("committed");
    assert!(store_faults(at), "VP23");
    assert_eq!(load(at), 0x42, "VP23");
    assert_eq!(on.protect(at, PAGE, PAGE_NOACCESS), Ok(PAGE_READONLY), "VP24");
    assert!(load_faults(at), "VP24");
    assert_eq!(on.protect(at, PAGE, PAGE_READONLY), Ok(PAGE_NOACCESS), "VP24");
    assert_eq!(load(at), 0x42, "VP24");
    on.protect(at, PAGE, PAGE_READWRITE).expect("committed");
    std::thread::spawn(move || store(at, 0x43)).join().expect("VP42: other threads see it");
    on.release(at);
}

// Rows: VP25 VP26 VP27
#[test]
fn the_cache_attribute_is_the_allocations() {
    everywhere(|on| {
        let nocache = PAGE_READWRITE | PAGE_NOCACHE;
        let at = arena();
        on.alloc(at, 2 * PAGE, BOTH, nocache).expect("free");
        assert_eq!(on.protect(at, PAGE, PAGE_READWRITE), Ok(nocache), "VP25");
        assert_eq!(seen(on, at), (nocache, 2 * PAGE, nocache), "VP25");
        assert_eq!(on.protect(at, PAGE, PAGE_READONLY), Ok(nocache), "VP26");
        assert_eq!(seen(on, at), (PAGE_READONLY | PAGE_NOCACHE, PAGE, nocache), "VP26");
        on.release(at);
        let at = committed(on, PAGE_READWRITE);
        assert_eq!(on.protect(at, PAGE, PAGE_READONLY | PAGE_NOCACHE), Ok(PAGE_READWRITE), "VP27");
        assert_eq!(seen(on, at).0, PAGE_READONLY, "VP27: dropped");
        on.release(at);
    });
}

// Rows: VP29 VP30
#[test]
fn a_guard_is_part_of_the_protection() {
    everywhere(|on| {
        let at = committed(on, PAGE_READWRITE);
        let guarded = PAGE_READWRITE | PAGE_GUARD;
        assert_eq!(on.protect(at, PAGE, guarded), Ok(PAGE_READWRITE), "VP29");
        assert_eq!(seen(on, at), (guarded, PAGE, PAGE_READWRITE), "VP29");
        assert_eq!(on.protect(at, PAGE, PAGE_READWRITE), Ok(guarded), "VP30");
        assert_eq!(seen(on, at), (PAGE_READWRITE, GRANULE, PAGE_READWRITE), "VP30");
        on.release(at);
    });
}

// Rows: VP41
#[test]
fn targets_of_calls_are_accepted_with_execute_only() {
    everywhere(|on| {
        let at = committed(on, PAGE_READWRITE);
        let protect = PAGE_EXECUTE_READ | PAGE_TARGETS_NO_UPDATE;
        assert_eq!(on.protect(at, PAGE, protect), Ok(PAGE_READWRITE), "VP41");
        assert_eq!(seen(on, at).0, PAGE_EXECUTE_READ, "VP41: not reported");
        assert_eq!(on.protect(at, PAGE, PAGE_READONLY | PAGE_TARGETS_NO_UPDATE), Err(87), "VP41");
        on.release(at);
    });
}

// Rows: VP06 VP23
#[test]
fn memory_of_others_can_be_protected() {
    let on = On(SELF);
    // A mapping that Pagewright knows nothing about.
    // SAFETY: a fresh mapping disturbs nobody.
    let view = unsafe {
        libc::mmap(
            ptr::null_mut(),
            2 * PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(view, libc::MAP_FAILED);
    let at = view.expose_provenance();
    assert_eq!(on.protect(at, PAGE, PAGE_READONLY), Ok(PAGE_READWRITE), "VP06, on foreign memory");
    assert!(store_faults(at) && !store_faults(at + PAGE), "VP23, on foreign memory");
    assert_eq!(on.protect(at, PAGE, PAGE_READWRITE), Ok(PAGE_READONLY), "VP06, on foreign memory");
    // SAFETY: ours, and not used any more.
    assert_eq!(unsafe { libc::munmap(view, 2 * PAGE) }, 0);
}
