//! VirtualLock, its quota, and working sets: rows VL17 to VL34 and VQ53 to VQ58. What locks do
//! otherwise is in `win32_vq.rs`.

#[path = "golden/support.rs"]
mod support;
mod three;

use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pagewright::win32::{
    EmptyWorkingSet, GetProcessWorkingSetSize, GetProcessWorkingSetSizeEx, GetWsChanges, HANDLE,
    InitializeProcessForWsWatch, K32EmptyWorkingSet, K32QueryWorkingSetEx, MEM_COMMIT, NtLockVirtualMemory,
    NtUnlockVirtualMemory, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PROCESS_ALL_ACCESS,
    PROCESS_QUERY_INFORMATION, PROCESS_SET_INFORMATION, PROCESS_SET_QUOTA, PROCESS_VM_OPERATION,
    PSAPI_WORKING_SET_EX_INFORMATION, PSAPI_WS_WATCH_INFORMATION, QUOTA_LIMITS_HARDWS_MAX_DISABLE,
    QUOTA_LIMITS_HARDWS_MIN_DISABLE, QUOTA_LIMITS_HARDWS_MIN_ENABLE, QueryWorkingSetEx,
    SetProcessWorkingSetSize, SetProcessWorkingSetSizeEx, VirtualLock, VirtualUnlock, VirtualUnlockEx,
    WorkingSet, virtual_lock, virtual_lock_within, virtual_unlock,
};
use support::{BOTH, On, PAGE, SELF, Sleeper, last_error, load, pointer, store};
use three::{code, everywhere};

/// Tests that change or use up what the process may lock, one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn said(answer: i32) -> Result<(), u32> {
    if answer == 0 { Err(last_error()) } else { Ok(()) }
}

fn lock(at: usize, size: usize) -> Result<(), u32> {
    // SAFETY: locking changes nothing that anybody relies on.
    said(unsafe { VirtualLock(pointer(at), size) })
}

fn unlock(at: usize, size: usize) -> Result<(), u32> {
    // SAFETY: nobody relies on the lock.
    said(unsafe { VirtualUnlock(pointer(at), size) })
}

fn set(process: HANDLE, minimum: usize, maximum: usize) -> Result<(), u32> {
    // SAFETY: no conditions.
    said(unsafe { SetProcessWorkingSetSize(process, minimum, maximum) })
}

fn get(process: HANDLE) -> Result<(usize, usize), u32> {
    let (mut minimum, mut maximum) = (0, 0);
    // SAFETY: both are valid.
    said(unsafe { GetProcessWorkingSetSize(process, &raw mut minimum, &raw mut maximum) })?;
    Ok((minimum, maximum))
}

fn pages(count: usize) -> usize {
    On(SELF).alloc(0, count * PAGE, BOTH, PAGE_READWRITE).expect("memory is free")
}

/// 50 pages less 8 can be locked; each counts once, however often it is locked.
// Rows: VL09 VL17
#[test]
fn the_minimum_working_set_is_the_quota_of_locks() {
    let _alone = alone();
    let quota = WorkingSet::default().lockable();
    assert_eq!(quota, 42 * 0x1000);
    everywhere(|on| {
        let base = on.pages(64);
        let lock = |at, size| code(virtual_lock(on.memory, at, size));
        assert_eq!(lock(base, quota + 1), Err(1453), "VL17 in {}", on.name);
        assert_eq!(code(virtual_unlock(on.memory, base, 0x1000)), Err(158), "VL17: nothing was locked");
        assert_eq!(lock(base, quota), Ok(()), "VL17 in {}", on.name);
        assert_eq!(lock(base, quota), Ok(()), "VL09: it counts once");
        assert_eq!(lock(base + quota, 1), Err(1453), "VL17");
        assert_eq!(lock(base + quota, 0), Err(87), "VL07 comes first");
        assert_eq!(code(virtual_unlock(on.memory, base, 0x1000)), Ok(()));
        assert_eq!(lock(base + quota, 1), Ok(()), "what was let go can be locked elsewhere");
        on.free(base, 0x4000, 0x4000).expect("committed");
        on.alloc(base, 0x4000, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(lock(base, 0x3000), Ok(()), "VL14: a decommit lets three locked pages go");
        assert_eq!(lock(base + 0x3000, 1), Err(1453));
        on.release(base);
        let other = on.pages(64);
        assert_eq!(lock(other, quota), Ok(()), "VL14: so does a release");
        on.release(other);
    });
}

// Rows: VL19
#[test]
fn with_a_larger_minimum_more_can_be_locked() {
    let _alone = alone();
    everywhere(|on| {
        let limits = WorkingSet::default().changed(100 * 0x1000, 400 * 0x1000, 0).expect("in order");
        let base = on.pages(128);
        let lock = |size| code(virtual_lock_within(on.memory, base, size, &limits));
        assert_eq!(lock(93 * 0x1000), Err(1453), "VL19 in {}", on.name);
        assert_eq!(lock(92 * 0x1000), Ok(()), "VL19 in {}", on.name);
        on.release(base);
    });
}

// Rows: VL17 VL19 VL32
#[test]
fn the_process_begins_with_fifty_pages_and_can_have_more() {
    let _alone = alone();
    let before = get(SELF).expect("VL32");
    assert_eq!(before, (50 * PAGE, 345 * PAGE), "VL32");
    let base = pages(128);
    assert_eq!(lock(base, 43 * PAGE), Err(1453), "VL17");
    assert_eq!(set(SELF, 100 * PAGE, 400 * PAGE), Ok(()), "VL19");
    assert_eq!(get(SELF), Ok((100 * PAGE, 400 * PAGE)), "VL19");
    assert_eq!(lock(base, 93 * PAGE), Err(1453), "VL19");
    assert_eq!(lock(base, 92 * PAGE), Ok(()), "VL19");
    assert_eq!(unlock(base, 92 * PAGE), Ok(()));
    On(SELF).release(base);
    assert_eq!(set(SELF, before.0, before.1), Ok(()));
}

// Rows: VL31 VL32 VL34
#[test]
fn limits_out_of_order_are_refused() {
    let _alone = alone();
    let before = get(SELF).expect("VL32");
    for (row, minimum, maximum) in [
        ("VL31", 0, 100 * PAGE),
        ("VL31", 30 * PAGE, 0),
        ("VL31", 0, 0),
        ("VL32", PAGE, 12 * PAGE),
        ("VL32", 100 * PAGE, 50 * PAGE),
        ("VL34", usize::MAX / 2, usize::MAX / 2),
        ("VL34", usize::MAX, 100 * PAGE),
    ] {
        assert_eq!(set(SELF, minimum, maximum), Err(87), "{row}: {minimum:#x} {maximum:#x}");
    }
    assert_eq!(get(SELF), Ok(before), "nothing changed");
    assert_eq!(set(SELF, PAGE, 100 * PAGE), Ok(()), "VL32");
    assert_eq!(get(SELF), Ok((20 * PAGE, 100 * PAGE)), "VL32: raised without a word");
    assert_eq!(set(SELF, before.0, before.1), Ok(()));
}

#[test]
fn how_hard_the_limits_are_is_kept() {
    let _alone = alone();
    let flags = |handle| {
        let (mut minimum, mut maximum, mut flags) = (0, 0, 0);
        // SAFETY: all are valid.
        let answer =
            unsafe { GetProcessWorkingSetSizeEx(handle, &raw mut minimum, &raw mut maximum, &raw mut flags) };
        said(answer).map(|()| flags)
    };
    // SAFETY: no conditions.
    let set = |flags| said(unsafe { SetProcessWorkingSetSizeEx(SELF, 50 * PAGE, 345 * PAGE, flags) });
    let soft = QUOTA_LIMITS_HARDWS_MIN_DISABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE;
    assert_eq!(flags(SELF), Ok(soft));
    assert_eq!(set(QUOTA_LIMITS_HARDWS_MIN_ENABLE), Ok(()));
    assert_eq!(flags(SELF), Ok(QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE));
    assert_eq!(set(QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MIN_DISABLE), Err(87));
    assert_eq!(set(16), Err(87));
    assert_eq!(set(soft), Ok(()));
    // SAFETY: NULL is refused.
    let null = unsafe { GetProcessWorkingSetSize(SELF, ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(said(null), Err(998));
}

// Rows: VL25 VL26 VL27 VL28 VL30 VL33
#[test]
fn working_sets_of_others_need_the_right() {
    // SAFETY: no conditions.
    let empty = |handle| said(unsafe { EmptyWorkingSet(handle) });
    let sleeper = Sleeper::new();
    assert_eq!(empty(ptr::null_mut()), Err(6), "VL25");
    let looking = sleeper.open(PROCESS_QUERY_INFORMATION | PROCESS_SET_INFORMATION);
    assert_eq!(empty(looking.on.0), Err(5), "VL26");
    assert_eq!(set(looking.on.0, 50 * PAGE, 100 * PAGE), Err(5), "VL33");
    assert_eq!(get(looking.on.0), Ok((50 * PAGE, 345 * PAGE)));
    let trimming = PROCESS_QUERY_INFORMATION | PROCESS_SET_QUOTA | PROCESS_SET_INFORMATION;
    let trimming = sleeper.open(trimming);
    assert_eq!(empty(trimming.on.0), Ok(()), "VL27");
    // SAFETY: no conditions.
    assert_eq!(said(unsafe { K32EmptyWorkingSet(trimming.on.0) }), Ok(()), "VL27");
    assert_eq!(set(trimming.on.0, usize::MAX, usize::MAX), Ok(()), "VL30");
    assert_eq!(set(trimming.on.0, 60 * PAGE, 100 * PAGE), Ok(()));
    assert_eq!(get(looking.on.0), Ok((60 * PAGE, 100 * PAGE)), "the process has them, not the handle");
    assert_ne!(get(SELF), Ok((60 * PAGE, 100 * PAGE)));
    // SAFETY: no conditions.
    assert_eq!(said(unsafe { InitializeProcessForWsWatch(ptr::null_mut()) }), Err(6), "VL28");
}

// Rows: VL24
#[test]
fn another_process_is_unlocked_with_the_right() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let base = opened.on.alloc(0, PAGE, BOTH, PAGE_READWRITE).expect("memory is free");
    // SAFETY: nobody relies on the lock.
    let unlock = |handle| said(unsafe { VirtualUnlockEx(handle, pointer(base), PAGE) });
    let looking = sleeper.open(PROCESS_QUERY_INFORMATION);
    assert_eq!(unlock(looking.on.0), Err(5), "VL24");
    let changing = sleeper.open(PROCESS_VM_OPERATION);
    assert_eq!(unlock(changing.on.0), Err(158), "VL24, VL11");
    let process = pagewright::Process::open(sleeper.pid()).expect("our own child");
    assert_eq!(code(virtual_lock(&process, base as u64, 1)), Ok(()));
    assert_eq!(unlock(changing.on.0), Ok(()));
    opened.on.release(base);
}

// Rows: VL09 VL22 VL24
#[test]
fn the_nt_calls_lock_in_any_process() {
    let _alone = alone();
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let looking = sleeper.open(PROCESS_QUERY_INFORMATION);
    for on in [On(SELF), opened.on] {
        let at = on.alloc(0, 64 * PAGE, BOTH, PAGE_READWRITE).expect("memory is free");
        let range = |start: usize, bytes: usize| (pointer(start), bytes);
        let lock = |handle, (mut start, mut bytes): (_, usize), options| {
            // SAFETY: both pointers are valid.
            let status = unsafe { NtLockVirtualMemory(handle, &raw mut start, &raw mut bytes, options) };
            if status < 0 { Err(status as u32) } else { Ok((start.addr(), bytes)) }
        };
        let unlock = |(mut start, mut bytes): (_, usize)| {
            // SAFETY: both pointers are valid, and nobody relies on the lock.
            let status = unsafe { NtUnlockVirtualMemory(on.0, &raw mut start, &raw mut bytes, 1) };
            if status < 0 { Err(status as u32) } else { Ok((start.addr(), bytes)) }
        };
        assert_eq!(lock(on.0, range(at + 0xfff, 2), 1), Ok((at, 2 * PAGE)), "VL01");
        assert_eq!(lock(on.0, range(at, 1), 1), Ok((at, PAGE)), "VL09");
        for options in [0, 4, 5, u32::MAX] {
            assert_eq!(lock(on.0, range(at, 1), options), Err(0xc000_000d), "VL22: {options:#x}");
        }
        assert_eq!(lock(on.0, range(at, 43 * PAGE), 1), Err(0xc000_00a1), "VL17");
        assert_eq!(unlock(range(at, 2 * PAGE)), Ok((at, 2 * PAGE)), "VL10");
        assert_eq!(unlock(range(at, 1)), Err(0xc000_002a), "VL11");
        on.release(at);
        assert_eq!(lock(on.0, range(at, 1), 1), Err(0xc000_0005), "VL03");
        assert_eq!(lock(looking.on.0, range(at, 1), 1), Err(0xc000_0022), "VL24");
        assert_eq!(lock(ptr::null_mut(), range(at, 1), 1), Err(0xc000_0008));
        // VL23 needs a process without the privilege: see the tests of large pages.
        assert!(matches!(lock(on.0, range(at, 1), 2), Err(0xc000_0005 | 0xc000_0061)));
    }
}

/// What the call says of one page: all bits.
fn resident(process: HANDLE, at: usize) -> usize {
    let mut page = PSAPI_WORKING_SET_EX_INFORMATION { VirtualAddress: pointer(at), ..Default::default() };
    // SAFETY: one entry, of that size.
    let answer = unsafe { QueryWorkingSetEx(process, (&raw mut page).cast(), size_of_val(&page) as u32) };
    assert_eq!(said(answer), Ok(()));
    // SAFETY: the call writes all bits.
    unsafe { page.VirtualAttributes.Flags }
}

const VALID: usize = 1;
const SHARED: usize = 1 << 15;
const LOCKED: usize = 1 << 22;

fn protection(attributes: usize) -> u32 {
    (attributes >> 4 & 0x7ff) as u32
}

// Rows: VQ53 VQ54 VQ55 VQ57
// Rows in part: VQ56
#[test]
fn a_page_is_in_the_working_set_once_it_was_touched() {
    let on = On(SELF);
    let at = pages(4);
    assert_eq!(resident(SELF, at), 0, "VQ53");
    assert_eq!(load(at), 0);
    let touched = resident(SELF, at);
    assert_eq!((touched & VALID, protection(touched)), (VALID, PAGE_READWRITE), "VQ54");
    on.protect(at, PAGE, PAGE_NOACCESS).expect("committed");
    assert_eq!(resident(SELF, at) & VALID, 0, "VQ55");
    on.protect(at, PAGE, PAGE_READONLY).expect("committed");
    load(at);
    let touched = resident(SELF, at);
    assert_eq!((touched & VALID, protection(touched)), (VALID, PAGE_READONLY), "VQ56, once touched");
    on.protect(at + PAGE, PAGE, PAGE_NOACCESS).expect("committed");
    on.protect(at + PAGE, PAGE, PAGE_READWRITE).expect("committed");
    assert_eq!(resident(SELF, at + PAGE) & VALID, 0, "VQ56, of a page that was never touched");
    store(at + 2 * PAGE, 1);
    on.release(at);
    assert_eq!(resident(SELF, at + 2 * PAGE), 0, "VQ57");
    assert_eq!(resident(SELF, usize::MAX & !0xfff), 0);
}

// Rows: VQ53 VQ54 VQ57
#[test]
fn the_working_set_of_another_process_can_be_asked_for() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let at = opened.on.alloc(0, 2 * PAGE, BOTH, PAGE_READWRITE).expect("memory is free");
    assert_eq!(resident(opened.on.0, at), 0, "VQ53");
    support::read(opened.on, at, &mut [0]).0.expect("committed");
    let touched = resident(opened.on.0, at);
    assert_eq!((touched & VALID, protection(touched)), (VALID, PAGE_READWRITE), "VQ54");
    opened.on.release(at);
    assert_eq!(resident(opened.on.0, at), 0, "VQ57");
    let changing = sleeper.open(PROCESS_VM_OPERATION);
    let mut page = PSAPI_WORKING_SET_EX_INFORMATION::default();
    let array = (&raw mut page).cast();
    for (handle, array, size, expected) in [
        (changing.on.0, array, 16, Err(5)),
        (ptr::null_mut(), array, 16, Err(6)),
        (SELF, array, 15, Err(24)),
        (SELF, array, 0, Err(24)),
        (SELF, ptr::null_mut(), 16, Err(998)),
    ] {
        // SAFETY: one entry, or refused.
        assert_eq!(said(unsafe { K32QueryWorkingSetEx(handle, array, size) }), expected);
    }
}

// Rows in part: VQ58
#[test]
fn a_page_of_the_program_is_shared() {
    let code = last_error as *const () as usize;
    let attributes = resident(SELF, code);
    assert_eq!(attributes & (VALID | SHARED), VALID | SHARED, "VQ58: {attributes:#x}");
    assert_eq!((attributes >> 1) & 7, 1, "VQ58: somebody shares it");
}

#[test]
fn a_locked_page_is_said_to_be() {
    let _alone = alone();
    let at = pages(2);
    lock(at, PAGE).expect("committed");
    assert_eq!(resident(SELF, at) & (VALID | LOCKED), VALID | LOCKED);
    load(at + PAGE);
    assert_eq!(resident(SELF, at + PAGE) & (VALID | LOCKED), VALID);
    On(SELF).release(at);
}

// Rows: VL29
#[test]
fn a_watch_lists_the_page_that_was_locked() {
    let _alone = alone();
    let at = pages(4);
    let mut changes = vec![PSAPI_WS_WATCH_INFORMATION::default(); 0x1_0000];
    let mut ask = |room: usize| {
        let size = (room * size_of::<PSAPI_WS_WATCH_INFORMATION>()) as u32;
        // SAFETY: there is room for all of it.
        let answer = unsafe { GetWsChanges(SELF, changes.as_mut_ptr(), size) };
        let listed = changes.iter().take_while(|change| !change.FaultingPc.is_null());
        said(answer).map(|()| listed.map(|change| change.FaultingVa.addr()).collect::<Vec<_>>())
    };
    assert_eq!(ask(0x1_0000), Err(31), "not watched yet");
    // SAFETY: no conditions.
    assert_eq!(said(unsafe { InitializeProcessForWsWatch(SELF) }), Ok(()));
    lock(at + PAGE, PAGE).expect("committed");
    assert_eq!(ask(1), Err(122), "no room for the end of the list");
    let listed = ask(0x1_0000).expect("VL29");
    assert!(listed.contains(&(at + PAGE)), "VL29: {:#x} in {} pages", at + PAGE, listed.len());
    assert!(!listed.contains(&at), "VL29: nobody touched that one");
    load(at);
    let listed = ask(0x1_0000).expect("one more");
    assert!(listed.contains(&at) && !listed.contains(&(at + PAGE)), "each is listed once");
    On(SELF).release(at);
}
