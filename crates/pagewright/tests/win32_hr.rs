//! Handles, rights and terminated processes: rows HR.

#[path = "golden/support.rs"]
mod support;

use std::ptr;

use pagewright::win32::{
    CloseHandle, FlushInstructionCache, GetCurrentProcess, GetProcessId, HANDLE, MEM_RELEASE, MEM_RESERVE,
    OpenProcess, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PROCESS_ALL_ACCESS, PROCESS_QUERY_INFORMATION,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_VM_OPERATION, PROCESS_VM_READ, PROCESS_VM_WRITE,
    VirtualAlloc2,
};
use support::{BOTH, On, PAGE, SELF, Sleeper, last_error, pointer, read, write};

fn open(access: u32, pid: u32) -> Result<HANDLE, u32> {
    // SAFETY: no conditions.
    let handle = unsafe { OpenProcess(access, 0, pid) };
    if handle.is_null() { Err(last_error()) } else { Ok(handle) }
}

fn close(handle: HANDLE) -> Result<(), u32> {
    // SAFETY: no conditions.
    if unsafe { CloseHandle(handle) } != 0 { Ok(()) } else { Err(last_error()) }
}

fn process_id(handle: HANDLE) -> Result<u32, u32> {
    // SAFETY: no conditions.
    let pid = unsafe { GetProcessId(handle) };
    if pid == 0 { Err(last_error()) } else { Ok(pid) }
}

/// The codes of one call of each kind, 0 for success: allocate, free, protect, query,
/// read, write.
fn codes(on: On, at: usize) -> [u32; 6] {
    let code = |result: Result<(), u32>| result.err().unwrap_or(0);
    let fresh = on.alloc(0, 0xfffc, MEM_RESERVE, PAGE_NOACCESS);
    let freed = match fresh {
        Ok(base) => on.free(base, 0, MEM_RELEASE),
        // Refused either way: for the right, or because nothing is there.
        Err(_) => on.free(0x10_0000, 0, MEM_RELEASE),
    };
    [
        code(fresh.map(drop)),
        code(freed),
        code(on.protect(at, PAGE, PAGE_READWRITE).map(drop)),
        code(on.query(at).map(drop)),
        code(read(on, at, &mut [0]).0),
        code(write(on, at, &[0]).0),
    ]
}

// Rows: HR01 HR02 HR03 HR04 HR05 HR06 HR07 HR08 HR09 HR10 RW39 RW40 VA70 VF43 VP39 VQ29 VQ30
#[test]
fn every_call_needs_its_right() {
    let sleeper = Sleeper::new();
    let all = sleeper.open(PROCESS_ALL_ACCESS);
    let at = all.on.alloc(0, PAGE, BOTH, PAGE_READWRITE).expect("HR10");
    for (row, access, expected) in [
        ("HR10", PROCESS_ALL_ACCESS, [0; 6]),
        ("HR01, HR02", PROCESS_ALL_ACCESS & !PROCESS_VM_OPERATION, [5, 5, 5, 0, 0, 5]),
        ("HR03, HR04, HR05", PROCESS_VM_OPERATION, [0, 0, 0, 5, 5, 5]),
        ("HR06, HR07", PROCESS_QUERY_INFORMATION, [5, 5, 5, 0, 5, 5]),
        ("HR08, HR09, VQ29", PROCESS_QUERY_LIMITED_INFORMATION, [5, 5, 5, 0, 5, 5]),
        ("RW39", PROCESS_VM_READ, [5, 5, 5, 5, 0, 5]),
        ("RW40", PROCESS_VM_WRITE, [5, 5, 5, 5, 5, 5]),
        ("RW40", PROCESS_VM_WRITE | PROCESS_VM_OPERATION, [0, 0, 0, 5, 5, 0]),
        ("HR10", 0, [5; 6]),
    ] {
        let opened = sleeper.open(access);
        assert_eq!(codes(opened.on, at), expected, "{row}, VA70, VF43, VP39: {access:#x}");
    }
    let reader = sleeper.open(PROCESS_ALL_ACCESS & !PROCESS_VM_READ);
    assert_eq!(read(reader.on, at, &mut [0]), (Err(5), 0), "HR05, RW39: the count is set to 0");
    all.on.release(at);
}

// Rows: VP08
#[test]
fn bad_arguments_come_before_a_missing_right() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_QUERY_INFORMATION);
    assert_eq!(opened.on.alloc(0, PAGE, 0, PAGE_READWRITE), Err(87), "VA intro");
    assert_eq!(opened.on.free(0x10_0000, 1, MEM_RELEASE), Err(87), "VF intro");
    assert_eq!(opened.on.protect(0x10_0000, PAGE, 0), Err(87), "VP08");
}

// Rows: HR12 HR14
#[test]
fn what_is_no_handle_is_refused() {
    for handle in [ptr::null_mut(), pointer(0x7654_3210), pointer(1 << 40), pointer(usize::MAX - 2)] {
        let codes = codes(On(handle), 0x10_0000);
        assert_eq!(codes, [6; 6], "HR12, HR14: {handle:?}");
        assert_eq!(close(handle), Err(6), "HR12: {handle:?}");
        assert_eq!(process_id(handle), Err(6), "HR12: {handle:?}");
    }
}

#[test]
fn a_handle_closes_once_and_is_not_reused_at_once() {
    let first = open(PROCESS_ALL_ACCESS, std::process::id()).expect("our own process");
    assert_eq!(first.addr() % 4, 0);
    assert_eq!(process_id(first), Ok(std::process::id()));
    assert_eq!(close(first), Ok(()));
    assert_eq!(close(first), Err(6), "closed twice");
    assert_eq!(On(first).query(0), Err(6), "used after close");
    let second = open(PROCESS_ALL_ACCESS, std::process::id()).expect("our own process");
    assert_ne!(first, second);
    assert_eq!(close(second), Ok(()));
}

// Rows: VA70 VQ28
#[test]
fn a_real_handle_of_this_process_obeys_its_rights() {
    let handle = open(PROCESS_QUERY_INFORMATION, std::process::id()).expect("our own process");
    let on = On(handle);
    assert_eq!(on.alloc(0, PAGE, BOTH, PAGE_READWRITE), Err(5), "VA70");
    assert!(on.query(0).is_ok(), "VQ28");
    assert_eq!(close(handle), Ok(()));
}

// Rows: HR13 HR15
#[test]
fn minus_one_is_this_process_with_all_rights() {
    // SAFETY: no conditions.
    let pseudo = unsafe { GetCurrentProcess() };
    assert_eq!(pseudo, SELF, "HR15");
    assert_eq!(process_id(pseudo), Ok(std::process::id()), "HR15");
    let at = On(pseudo).alloc(0, PAGE, BOTH, PAGE_READWRITE).expect("HR15");
    assert_eq!(codes(On(pseudo), at), [0; 6], "HR15");
    assert_eq!(close(pseudo), Ok(()));
    On(pseudo).release(at);
    // SAFETY: fresh memory.
    let base = unsafe {
        VirtualAlloc2(ptr::null_mut(), ptr::null(), PAGE, BOTH, PAGE_READWRITE, ptr::null_mut(), 0)
    };
    assert!(!base.is_null(), "HR13");
    On(pseudo).release(base.addr());
}

#[test]
fn only_live_processes_can_be_opened() {
    assert_eq!(open(PROCESS_ALL_ACCESS, 0), Err(87), "no process has the id 0");
    assert_eq!(open(PROCESS_ALL_ACCESS, 0x7fff_ffff), Err(87), "nobody has this id");
    assert_eq!(open(PROCESS_ALL_ACCESS, u32::MAX), Err(87), "nobody can have this id");
    // A kernel thread: nobody may trace it, and nobody could.
    let comm = std::fs::read_to_string("/proc/2/comm").unwrap_or_default();
    if comm.trim() == "kthreadd" {
        assert_eq!(open(PROCESS_VM_READ, 2), Err(5), "a thread of the kernel");
    }
}

// Rows: HR16 HR17 HR18 HR19 HR20 VF44 VP40 VQ31
#[test]
fn who_has_ended_denies_everything() {
    let mut sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let at = opened.on.alloc(0, PAGE, BOTH, PAGE_READONLY).expect("alive");
    let fresh = sleeper.open(PROCESS_ALL_ACCESS);
    sleeper.end();
    assert_eq!(codes(opened.on, at), [5; 6], "HR16 to HR20, VF44, VP40, VQ31");
    assert_eq!(opened.on.query(0), Err(5), "VQ31");
    // SAFETY: no conditions.
    let flushed = unsafe { FlushInstructionCache(opened.on.0, ptr::null(), 0) };
    assert_eq!((flushed, last_error()), (0, 5));
    drop(fresh);
}

// Rows: HR16 HR17 HR18 HR19 HR20
#[test]
fn who_has_ended_before_the_first_call_denies_everything() {
    let mut sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    sleeper.end();
    assert_eq!(codes(opened.on, 0x10_0000), [5; 6], "HR16 to HR20");
}

// Rows: PF19 RW32
#[test]
fn flushing_needs_a_process_only() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_VM_WRITE | PROCESS_VM_OPERATION);
    // SAFETY: no conditions.
    let flush = |handle| unsafe { FlushInstructionCache(handle, ptr::null(), 0) };
    assert_eq!((flush(SELF), flush(opened.on.0)), (1, 1), "RW32");
    assert_eq!((flush(ptr::null_mut()), last_error()), (0, 6));
}
