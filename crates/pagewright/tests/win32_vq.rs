//! VirtualQuery and VirtualQueryEx: rows VQ, and VL for what they lock.

#[path = "golden/support.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use pagewright::win32::{
    MEM_COMMIT, MEM_FREE, MEM_IMAGE, MEM_MAPPED, MEM_PRIVATE, MEM_RESERVE, MEMORY_BASIC_INFORMATION,
    PAGE_EXECUTE_READ, PAGE_GUARD, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PROCESS_ALL_ACCESS,
    VirtualQuery, VirtualQueryEx, virtual_lock,
};
use support::{
    BOTH, On, PAGE, Record, SELF, Sleeper, TOP, arena, everywhere, here_and_guest, last_error, load, pointer,
    read, write,
};

const GRANULE: usize = 0x1_0000;
const SIZE: usize = size_of::<MEMORY_BASIC_INFORMATION>();

// Rows: VQ01 VQ08
#[test]
fn free_memory_is_nobodys() {
    everywhere(|on| {
        let at = arena();
        let record = on.query(at + 0x1234).expect("VQ01");
        assert_eq!(record.base, at + 0x1000, "VQ01: the page of the asked address");
        let rest = (record.allocation, record.initial, record.state, record.protect, record.kind);
        assert_eq!(rest, (0, 0, MEM_FREE, PAGE_NOACCESS, 0), "VQ01");
        on.alloc(at + 0x10_0000, PAGE, MEM_RESERVE, PAGE_NOACCESS).expect("free");
        assert_eq!(on.query(at).expect("VQ01").size, 0x10_0000, "VQ01: to the next allocation");
        on.release(at + 0x10_0000);
        assert!(on.query(at).expect("VQ08").size > 0x10_0000, "VQ08: one free region");
    });
}

// Rows: VQ02 VQ03 VQ04
#[test]
fn reserved_memory_shows_no_protection() {
    everywhere(|on| {
        let at = arena();
        on.alloc(at, GRANULE, MEM_RESERVE, PAGE_READWRITE).expect("free");
        let reserved = Record {
            base: at,
            allocation: at,
            initial: PAGE_READWRITE,
            size: GRANULE,
            state: MEM_RESERVE,
            protect: 0,
            kind: MEM_PRIVATE,
        };
        assert_eq!(on.query(at), Ok(reserved), "VQ02");
        on.alloc(at, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD).expect("reserved");
        let guarded = PAGE_READWRITE | PAGE_GUARD;
        let committed = Record { size: 3 * PAGE, state: MEM_COMMIT, protect: guarded, ..reserved };
        assert_eq!(on.query(at), Ok(committed), "VQ03");
        on.alloc(at, PAGE, MEM_COMMIT, PAGE_NOACCESS).expect("reserved");
        assert_eq!(on.query(at).expect("VQ04").protect, PAGE_NOACCESS, "VQ04");
        on.release(at);
    });
}

// Rows: VQ05 VQ06 VQ07
#[test]
fn a_region_goes_from_the_asked_page_to_the_last_that_is_alike() {
    everywhere(|on| {
        let at = arena();
        on.alloc(at, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        let middle = on.query(at + 0x5700).expect("VQ05");
        assert_eq!((middle.base, middle.size), (at + 0x5000, 0xb000), "VQ05");
        on.protect(at, 3 * PAGE, PAGE_READONLY).expect("committed");
        assert_eq!(on.query(at).expect("VQ06").size, 3 * PAGE, "VQ06");
        on.protect(at, 3 * PAGE, PAGE_READWRITE).expect("committed");
        assert_eq!(on.query(at).expect("VQ06").size, GRANULE, "VQ06");
        on.alloc(at + GRANULE, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        assert_eq!(on.query(at).expect("VQ07").size, GRANULE, "VQ07");
        on.release(at);
        on.release(at + GRANULE);
    });
}

// Rows: VQ20 VQ21 VQ22 VQ27
#[test]
fn the_whole_user_range_can_be_asked_and_walked() {
    everywhere(|on| {
        for at in [0, 0xffff, 0x1_0000, TOP - 1] {
            assert!(on.query(at).is_ok(), "VQ20, VQ21, VQ27: {at:#x}");
        }
        for at in [TOP, 0x8000_0000_0000, usize::MAX] {
            assert_eq!(on.query(at), Err(87), "VQ22: {at:#x}");
        }
        let zero = on.query(0).expect("VQ27");
        assert_eq!((zero.base, zero.state), (0, MEM_FREE), "VQ27");
        let (mut at, mut regions) = (0, 0);
        while at < TOP {
            let record = on.query(at).expect("a user address");
            assert_eq!(record.base, at, "regions follow each other without gaps");
            assert!(record.size >= PAGE && record.size % PAGE == 0, "{record:x?}");
            (at, regions) = (at + record.size, regions + 1);
        }
        assert_eq!(at, TOP, "the last region ends where the user range does");
        let least = if on.is_guest() { 1 } else { 10 };
        assert!(regions >= least, "a live process has its program, heap and stack: {regions}");
    });
}

// Rows: VQ14 VQ15
// Rows in part: VQ10 VQ11 VQ17
#[test]
fn programs_files_and_stacks_are_told_apart() {
    let on = On(SELF);
    let code = on.query(load as *const () as usize).expect("VQ11");
    assert_eq!((code.state, code.kind), (MEM_COMMIT, MEM_IMAGE), "VQ10, VQ11");
    let local = 0_u8;
    let stack = on.query((&raw const local).addr()).expect("VQ14");
    assert_eq!((stack.state, stack.protect, stack.kind), (MEM_COMMIT, PAGE_READWRITE, MEM_PRIVATE), "VQ14");
    assert_eq!(stack.initial, PAGE_READWRITE, "VQ14");
    let heap = Box::new(0_u64);
    let record = on.query((&raw const *heap).addr()).expect("VQ15");
    assert_eq!(
        (record.state, record.protect, record.kind),
        (MEM_COMMIT, PAGE_READWRITE, MEM_PRIVATE),
        "VQ15"
    );
    assert_eq!(record.initial, PAGE_READWRITE, "VQ15");

    // SAFETY: a fresh mapping disturbs nobody.
    let view = unsafe {
        libc::mmap(ptr::null_mut(), PAGE, libc::PROT_READ, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
    };
    let record = on.query(view.addr()).expect("VQ17");
    assert_eq!((record.kind, record.protect, record.base), (MEM_MAPPED, PAGE_READONLY, view.addr()), "VQ17");
    // SAFETY: ours, and not used any more.
    assert_eq!(unsafe { libc::munmap(view, PAGE) }, 0);
}

// Rows: HR12 VQ22 VQ24 VQ25 VQ26
#[test]
fn length_and_buffer_are_checked() {
    let mut record = [MEMORY_BASIC_INFORMATION::default(); 2];
    let ask = |at: usize, into: *mut MEMORY_BASIC_INFORMATION, length| {
        // SAFETY: NULL, or room for two.
        let written = unsafe { VirtualQuery(pointer(at), into, length) };
        if written == 0 { Err(last_error()) } else { Ok(written) }
    };
    let into = record.as_mut_ptr();
    assert_eq!(ask(0, into, SIZE - 1), Err(24), "VQ24");
    assert_eq!(ask(0, into, 2 * SIZE), Ok(SIZE), "VQ25");
    assert_eq!(ask(0, ptr::null_mut(), SIZE), Err(998), "VQ26");
    assert_eq!(ask(TOP, ptr::null_mut(), 0), Err(24), "VQ24 before VQ22");
    assert_eq!(ask(TOP, ptr::null_mut(), SIZE), Err(87), "VQ22 before VQ26");
    // SAFETY: refused.
    let written = unsafe { VirtualQueryEx(ptr::null_mut(), ptr::null(), ptr::null_mut(), SIZE) };
    assert_eq!((written, last_error()), (0, 998), "VQ26 before the handle");
    assert_eq!(On(ptr::null_mut()).query(0), Err(6), "HR12");
}

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all work is the system allocator's; the count allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn asking_takes_no_memory() {
    let on = On(SELF);
    let at = on.alloc(0, GRANULE, BOTH, PAGE_READWRITE).expect("free");
    let before = ALLOCATIONS.get();
    for address in [at, at + GRANULE, 0, TOP - 1, TOP, load as *const () as usize] {
        let _ = on.query(address);
    }
    assert_eq!(ALLOCATIONS.get(), before, "VirtualQuery is for signal handlers");
    on.release(at);
}

/// What the signal handler below found.
static SEEN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn on_signal(_: libc::c_int) {
    let mut record = MEMORY_BASIC_INFORMATION::default();
    let at = SEEN.load(Ordering::SeqCst);
    // SAFETY: the record has room.
    if unsafe { VirtualQuery(pointer(at), &raw mut record, SIZE) } == SIZE {
        SEEN.store(record.RegionSize, Ordering::SeqCst);
    }
}

// Rows: VQ03
#[test]
fn a_signal_handler_may_ask() {
    let on = On(SELF);
    let at = on.alloc(0, GRANULE, BOTH, PAGE_READWRITE).expect("free");
    SEEN.store(at, Ordering::SeqCst);
    // SAFETY: the handler calls only what may run in one.
    unsafe {
        libc::signal(libc::SIGUSR1, on_signal as *const () as libc::sighandler_t);
        libc::raise(libc::SIGUSR1);
    }
    assert_eq!(SEEN.load(Ordering::SeqCst), GRANULE, "VQ03, in a signal handler");
    on.release(at);
}

// Rows: VL01 VL02 VL03 VL04 VL05 VL07 VL08 VL09 VL10 VL11 VL12 VL13
#[test]
fn locks_cover_whole_pages_and_do_not_count() {
    here_and_guest(|on| {
        let lock = |at, size| on.lock(at, size);
        let unlock = |at, size| on.unlock(at, size);
        let at = arena();
        on.alloc(at, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        assert_eq!(lock(at + 0xfff, 2), Ok(()), "VL01");
        assert_eq!(lock(at, PAGE), Ok(()), "VL09");
        assert_eq!(unlock(at, 3 * PAGE), Err(158), "VL12");
        assert_eq!(unlock(at, 2 * PAGE), Ok(()), "VL10: one unlock is enough, and VL12 unlocked nothing");
        assert_eq!(unlock(at, PAGE), Err(158), "VL11");
        assert_eq!(on.query(at).expect("allocated").size, GRANULE, "a lock does not split");
        let nonsense = (lock(at, 0), lock(TOP, 1), lock(at, usize::MAX));
        assert_eq!(nonsense, (Err(87), Err(87), Err(87)), "VL07, VL08");
        for protect in [PAGE_READONLY, PAGE_EXECUTE_READ] {
            on.protect(at, PAGE, protect).expect("committed");
            assert_eq!((lock(at, PAGE), unlock(at, PAGE)), (Ok(()), Ok(())), "VL05");
        }
        on.protect(at, PAGE, PAGE_NOACCESS).expect("committed");
        assert_eq!(lock(at, PAGE), Err(998), "VL04");
        on.decommit(at, PAGE).expect("committed");
        assert_eq!(lock(at, 2 * PAGE), Err(998), "VL02");
        assert_eq!(unlock(at + PAGE, PAGE), Err(158), "VL02: nothing was locked");
        on.release(at);
        assert_eq!((lock(at, PAGE), unlock(at, PAGE)), (Err(998), Err(158)), "VL03, VL13");
    });
}

// Rows: GP06 GP07 VL06
#[test]
fn the_probe_of_a_lock_meets_the_guard() {
    here_and_guest(|on| {
        let at = arena();
        on.alloc(at, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        write(on, at, b"kept").0.expect("writable");
        on.protect(at, PAGE, PAGE_READWRITE | PAGE_GUARD).expect("committed");
        assert_eq!(on.lock(at, PAGE), Err(0x8000_0001), "GP06, VL06");
        assert_eq!(on.query(at).expect("GP06").protect, PAGE_READWRITE, "GP06: the guard is gone");
        assert_eq!((on.lock(at, PAGE), on.unlock(at, PAGE)), (Ok(()), Ok(())), "GP07");
        let mut bytes = [0; 4];
        read(on, at, &mut bytes).0.expect("GP07");
        assert_eq!(&bytes, b"kept", "GP07: intact");
        on.release(at);
    });
}

// Rows: VL14 VL16
#[test]
fn locked_pages_can_be_freed_and_protected() {
    here_and_guest(|on| {
        let at = arena();
        on.alloc(at, GRANULE, BOTH, PAGE_READWRITE).expect("free");
        on.lock(at, 2 * PAGE).expect("committed");
        assert_eq!(on.protect(at, PAGE, PAGE_NOACCESS), Ok(PAGE_READWRITE), "VL16");
        assert_eq!(on.query(at).expect("VL16").protect, PAGE_NOACCESS, "VL16");
        assert_eq!(on.unlock(at, PAGE), Ok(()), "VL16: it stayed locked");
        assert_eq!(on.decommit(at + PAGE, PAGE), Ok(()), "VL14");
        on.alloc(at + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(on.unlock(at + PAGE, PAGE), Err(158), "VL14: the lock is gone");
        on.lock(at + PAGE, PAGE).expect("committed");
        on.release(at);
    });
}

// Rows: VL15
#[test]
fn locks_end_with_their_process() {
    let mut sleeper = Sleeper::new();
    let locked = |sleeper: &Sleeper| {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", sleeper.pid())).expect("not reaped yet");
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmLck:")).map(str::trim);
        kilobytes.map(str::to_owned)
    };
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let at = opened.on.alloc(0, PAGE, BOTH, PAGE_READWRITE).expect("free");
    let process = pagewright::Process::open(sleeper.pid()).expect("our own child");
    virtual_lock(&process, at as u64, 1).expect("committed");
    assert_eq!(locked(&sleeper).as_deref(), Some("4 kB"), "VL15: while it lives");
    sleeper.end();
    assert_eq!(locked(&sleeper), None, "VL15");
}
