//! Handles and their flags, tokens and privileges, and views that are written to their files.

mod sections;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::ptr;
use std::sync::Mutex;

use pagewright::win32::*;
use sections::*;

const NOACCESS: u32 = 998;

fn said(answer: BOOL) -> Result<(), u32> {
    if answer == TRUE { Ok(()) } else { Err(last()) }
}

fn flags(handle: HANDLE) -> Result<u32, u32> {
    let mut flags = 99;
    // SAFETY: the place is valid.
    said(unsafe { GetHandleInformation(handle, &raw mut flags) }).map(|()| flags)
}

fn set(handle: HANDLE, mask: u32, flags: u32) -> Result<(), u32> {
    // SAFETY: any handle is answered.
    said(unsafe { SetHandleInformation(handle, mask, flags) })
}

#[test]
fn a_handle_can_be_protected_from_being_closed() {
    let handle = ok(section(PAGE_READWRITE, PAGE));
    assert_eq!(flags(handle), Ok(0));
    let both = HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE;
    assert_eq!(set(handle, both, both), Ok(()));
    assert_eq!(flags(handle), Ok(both));
    // SAFETY: any handle is answered.
    unsafe {
        assert_eq!(said(CloseHandle(handle)), Err(INVALID_HANDLE));
        assert_eq!(NtClose(handle) as u32, NtStatus::HANDLE_NOT_CLOSABLE.0);
    }
    assert_eq!(set(handle, HANDLE_FLAG_PROTECT_FROM_CLOSE, 0), Ok(()));
    assert_eq!(flags(handle), Ok(HANDLE_FLAG_INHERIT), "the other one stays");
    assert_eq!(set(handle, 4, 0), Err(INVALID_PARAMETER));
    // SAFETY: NULL is what is tested.
    assert_eq!(said(unsafe { GetHandleInformation(handle, ptr::null_mut()) }), Err(NOACCESS));
    close(handle);
    for wild in [handle, ptr::null_mut(), INVALID_HANDLE_VALUE, 0xdead_beec as HANDLE] {
        assert_eq!((flags(wild), set(wild, 1, 1)), (Err(INVALID_HANDLE), Err(INVALID_HANDLE)), "{wild:?}");
    }
}

#[test]
fn handles_of_one_object_are_known() {
    // SAFETY: any handle is answered.
    let same = |one, other| said(unsafe { CompareObjectHandles(one, other) });
    let (first, second) = (ok(section(PAGE_READWRITE, PAGE)), ok(section(PAGE_READWRITE, PAGE)));
    let copy = duplicate(first, SECTION_MAP_READ);
    assert_eq!((same(first, copy), same(first, first)), (Ok(()), Ok(())));
    assert_eq!(same(first, second), Err(1656));
    let other = Other::new();
    // SAFETY: no conditions.
    let own = ok(unsafe { OpenProcess(PROCESS_VM_READ, FALSE, std::process::id()) });
    assert_eq!(same(own, INVALID_HANDLE_VALUE), Ok(()), "the pseudo handle is this process");
    assert_eq!((same(own, other.1), same(own, first)), (Err(1656), Err(1656)));
    assert_eq!(same(own, ptr::null_mut()), Err(INVALID_HANDLE));
    for handle in [first, second, copy, own] {
        close(handle);
    }
}

/// What a test enables is the whole program's.
static PRIVILEGES: Mutex<()> = Mutex::new(());

fn token(access: u32) -> HANDLE {
    let mut token = ptr::null_mut();
    // SAFETY: the place is valid.
    assert_eq!(said(unsafe { OpenProcessToken(GetCurrentProcess(), access, &raw mut token) }), Ok(()));
    ok(token)
}

fn number(name: &str) -> Result<u32, u32> {
    let (mut narrow_luid, mut wide_luid) = (LUID::default(), LUID::default());
    let narrow: Vec<u8> = name.bytes().chain([0]).collect();
    // SAFETY: the names end with zeros, the places are valid.
    let (one, other) = unsafe {
        (
            said(LookupPrivilegeValueA(ptr::null(), narrow.as_ptr(), &raw mut narrow_luid)),
            said(LookupPrivilegeValueW(ptr::null(), wide(name).as_ptr(), &raw mut wide_luid)),
        )
    };
    assert_eq!((one, narrow_luid), (other, wide_luid));
    assert_eq!(narrow_luid.HighPart, 0);
    one.map(|()| narrow_luid.LowPart)
}

fn adjust(token: HANDLE, number: u32, attributes: u32) -> Result<u32, u32> {
    let luid = LUID { LowPart: number, HighPart: 0 };
    let state = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES { Luid: luid, Attributes: attributes }],
    };
    // SAFETY: the state is valid.
    unsafe {
        SetLastError(77);
        let done = AdjustTokenPrivileges(token, FALSE, &raw const state, 0, ptr::null_mut(), ptr::null_mut());
        said(done).map(|()| last())
    }
}

#[test]
fn privileges_have_the_numbers_of_windows() {
    for (name, luid) in [("SeLockMemoryPrivilege", 4), ("SeDebugPrivilege", 20), ("SELOCKMEMORYPRIVILEGE", 4)]
    {
        assert_eq!(number(name), Ok(luid));
    }
    assert_eq!((number("SeNothing"), number("")), (Err(1313), Err(1313)));
    let mut luid = LUID::default();
    // SAFETY: the names end with zeros; NULL is what is tested.
    unsafe {
        let name = wide("SeDebugPrivilege");
        let elsewhere = wide("elsewhere");
        let on = elsewhere.as_ptr();
        assert_eq!(said(LookupPrivilegeValueW(on, name.as_ptr(), &raw mut luid)), Err(50));
        assert_eq!(said(LookupPrivilegeValueW(ptr::null(), ptr::null(), &raw mut luid)), Err(87));
        assert_eq!(said(LookupPrivilegeValueW(ptr::null(), name.as_ptr(), ptr::null_mut())), Err(NOACCESS));
    }
}

// Rows: LP02
#[test]
fn enabling_a_privilege_is_for_who_has_it() {
    let _alone = PRIVILEGES.lock();
    let token = token(TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY);
    let lock = number("SeLockMemoryPrivilege").expect("known");
    let held = pagewright::privilege::may_lock_pages();
    assert_eq!(
        adjust(token, lock, SE_PRIVILEGE_ENABLED),
        Ok(if held { 0 } else { 1300 }),
        "as it is granted"
    );
    assert_eq!(adjust(token, number("SeTcbPrivilege").expect("known"), SE_PRIVILEGE_ENABLED), Ok(1300));
    assert_eq!(adjust(token, 4711, SE_PRIVILEGE_ENABLED), Ok(1300));
    let working_set = number("SeIncreaseWorkingSetPrivilege").expect("known");
    assert_eq!(adjust(token, working_set, SE_PRIVILEGE_ENABLED), Ok(0), "everybody has this one");
    let (mut before, mut length) = (TOKEN_PRIVILEGES::default(), 0);
    let state = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES { Luid: LUID { LowPart: working_set, HighPart: 0 }, Attributes: 0 }],
    };
    // SAFETY: the places are valid.
    unsafe {
        let (state, before, length) = (&raw const state, &raw mut before, &raw mut length);
        let adjust = |room| said(AdjustTokenPrivileges(token, FALSE, state, room, before, length));
        let told = || (before.read().PrivilegeCount, length.read());
        assert_eq!(adjust(4), Err(122), "no room for what changes");
        assert_eq!(length.read(), 16);
        assert_eq!((adjust(16), told()), (Ok(()), (1, 16)));
        let first = before.read().Privileges[0];
        assert_eq!((first.Luid.LowPart, first.Attributes), (working_set, SE_PRIVILEGE_ENABLED), "as it was");
        assert_eq!((adjust(16), told()), (Ok(()), (0, 4)), "nothing changed this time");
        let all = AdjustTokenPrivileges(token, TRUE, ptr::null(), 0, ptr::null_mut(), ptr::null_mut());
        assert_eq!(said(all), Ok(()));
    }
    close(token);
}

#[test]
fn a_token_is_of_this_process_and_has_rights() {
    let _alone = PRIVILEGES.lock();
    let reads = token(TOKEN_QUERY);
    assert_eq!(adjust(reads, 4, SE_PRIVILEGE_ENABLED), Err(ACCESS_DENIED));
    assert_eq!(adjust(INVALID_HANDLE_VALUE, 4, 0), Err(INVALID_HANDLE), "a process is no token");
    assert_eq!(adjust(ptr::null_mut(), 4, 0), Err(INVALID_HANDLE));
    let other = Other::new();
    let mut token = ptr::null_mut();
    // SAFETY: the places are valid; NULL is what is tested.
    unsafe {
        assert_eq!(said(OpenProcessToken(other.1, TOKEN_QUERY, &raw mut token)), Err(ACCESS_DENIED));
        assert_eq!(said(OpenProcessToken(ptr::null_mut(), TOKEN_QUERY, &raw mut token)), Err(INVALID_HANDLE));
        assert_eq!(said(OpenProcessToken(INVALID_HANDLE_VALUE, 8, ptr::null_mut())), Err(NOACCESS));
        let null = AdjustTokenPrivileges(reads, FALSE, ptr::null(), 0, ptr::null_mut(), ptr::null_mut());
        assert_eq!(said(null), Err(ACCESS_DENIED), "the handle comes first");
        assert!(VirtualAllocEx(reads, ptr::null(), 1, MEM_COMMIT, PAGE_READWRITE).is_null());
        assert_eq!(last(), INVALID_HANDLE, "a token is no process");
    }
    close(reads);
}

// Rows: PF18 MV55
#[test]
fn a_view_is_written_to_its_file() {
    let path = std::env::temp_dir().join(format!("pagewright-flush-{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
    let mut reader = File::open(&path).expect("a file");
    let file = file_handle(file.expect("a file"));
    let section = ok(section_of(file, PAGE_READWRITE, 3 * PAGE));
    let at = view(section, FILE_MAP_WRITE, 0).expect("a view");
    store(at + PAGE, 7);
    // SAFETY: any range is answered.
    let flush = |at: usize, size| said(unsafe { FlushViewOfFile(at as *const _, size) });
    assert_eq!(
        (flush(at, 0), flush(at + PAGE + 5, 2 * PAGE - 5), flush(at + 5, 1)),
        (Ok(()), Ok(()), Ok(()))
    );
    let mut byte = [0];
    reader.seek(SeekFrom::Start(PAGE as u64)).expect("a file");
    reader.read_exact(&mut byte).expect("a file");
    assert_eq!(byte, [7], "MV55");
    let own = allocate(0, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("memory");
    for (nowhere, size) in
        [(own, 0), (0, 0), (0x1_0000, 1), (at, 4 * PAGE), (usize::MAX, 1), (at, usize::MAX)]
    {
        let refused = flush(nowhere, size);
        assert!(
            matches!(refused, Err(INVALID_ADDRESS | INVALID_PARAMETER)),
            "PF18: {nowhere:#x} {refused:?}"
        );
    }
    let mut status = IO_STATUS_BLOCK::default();
    let (mut base, mut size) = ((at + PAGE + 5) as *mut _, 1);
    // SAFETY: the places are valid; NULL is what is tested.
    unsafe {
        let (place, bytes, io) = (&raw mut base, &raw mut size, &raw mut status);
        assert_eq!(NtFlushVirtualMemory(INVALID_HANDLE_VALUE, place, bytes, io), 0);
        assert_eq!((base.addr(), size, status.Anonymous.Status), (at + PAGE, PAGE, 0));
        bytes.write(0);
        assert_eq!(NtFlushVirtualMemory(INVALID_HANDLE_VALUE, place, bytes, ptr::null_mut()), 0);
        assert_eq!((base.addr(), size), (at + PAGE, 2 * PAGE), "all that follows");
        place.write(own as *mut _);
        let nothing = NtFlushVirtualMemory(INVALID_HANDLE_VALUE, place, bytes, io) as u32;
        assert_eq!(nothing, NtStatus::NOT_MAPPED_DATA.0, "PF18");
        let null = NtFlushVirtualMemory(INVALID_HANDLE_VALUE, ptr::null_mut(), bytes, io) as u32;
        assert_eq!(null, NtStatus::ACCESS_VIOLATION.0);
    }
    free(own, 0, MEM_RELEASE).expect("ours");
    unmap(at).expect("a view");
    close(section);
    close(file);
    std::fs::remove_file(&path).expect("our own file");
}
