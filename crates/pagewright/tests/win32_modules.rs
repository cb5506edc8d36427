//! Modules, and what processes use.

#[path = "golden/support.rs"]
mod support;

use std::ffi::{CStr, c_void};
use std::ptr;

use pagewright::win32::*;
use support::{BOTH, SELF, SENTINEL, Sleeper, last_error};

fn wide(name: &str) -> Vec<u16> {
    name.encode_utf16().chain([0]).collect()
}

/// The answer, or the last error; success leaves that alone.
fn told<T>(call: impl FnOnce() -> T, worked: impl FnOnce(&T) -> bool) -> Result<T, u32> {
    // SAFETY: no conditions.
    unsafe { SetLastError(SENTINEL) };
    let answer = call();
    if !worked(&answer) {
        return Err(last_error());
    }
    assert_eq!(last_error(), SENTINEL);
    Ok(answer)
}

fn module(call: impl FnOnce() -> HMODULE) -> Result<HMODULE, u32> {
    told(call, |module| !module.is_null())
}

fn done(call: impl FnOnce() -> BOOL) -> Result<(), u32> {
    told(call, |answer| *answer == TRUE).map(|_| ())
}

fn by_name(name: &CStr) -> Result<HMODULE, u32> {
    // SAFETY: the name ends with a zero.
    module(|| unsafe { GetModuleHandleA(name.as_ptr().cast()) })
}

#[test]
fn modules_of_the_system_are_this_library() {
    let library = by_name(c"kernel32").expect("it is there");
    for name in ["KernelBase.dll", "NTDLL", "psapi.dll", "AdvApi32.DLL", "api-ms-win-core-memory-l1-1-5.dll"]
    {
        let name = wide(name);
        // SAFETY: the name ends with a zero.
        unsafe {
            assert_eq!(module(|| GetModuleHandleW(name.as_ptr())), Ok(library));
            assert_eq!(module(|| LoadLibraryW(name.as_ptr())), Ok(library));
            let flags = LOAD_LIBRARY_SEARCH_SYSTEM32;
            assert_eq!(module(|| LoadLibraryExW(name.as_ptr(), ptr::null_mut(), flags)), Ok(library));
        }
    }
    for name in [c"", c"user32", c"kernel32.exe", c"/lib/kernel32.dll"] {
        assert_eq!(by_name(name), Err(126), "{name:?}");
        // SAFETY: the name ends with a zero.
        assert_eq!(module(|| unsafe { LoadLibraryA(name.as_ptr().cast()) }), Err(126), "{name:?}");
    }
}

#[test]
fn arguments_of_loading_are_checked() {
    let name = c"kernel32".as_ptr().cast();
    // SAFETY: the names end with a zero.
    unsafe {
        assert_eq!(module(|| LoadLibraryA(ptr::null())), Err(126));
        assert_eq!(module(|| LoadLibraryW(ptr::null())), Err(87));
        assert_eq!(module(|| LoadLibraryExA(name, SELF, 0)), Err(87), "a file");
        for flags in [4, 0x1_0000, LOAD_WITH_ALTERED_SEARCH_PATH | LOAD_LIBRARY_SEARCH_SYSTEM32] {
            assert_eq!(module(|| LoadLibraryExA(name, ptr::null_mut(), flags)), Err(87), "{flags:#x}");
        }
        let library = by_name(c"kernel32").expect("it is there");
        assert_eq!(done(|| FreeLibrary(library)), Ok(()));
        assert_eq!(by_name(c"kernel32"), Ok(library), "it stays");
        assert_eq!(done(|| FreeLibrary(ptr::null_mut())), Err(6));
        assert_eq!(done(|| FreeLibrary(library.wrapping_byte_add(1))), Err(126));
        assert_eq!(done(|| DisableThreadLibraryCalls(library)), Ok(()));
        assert_eq!(done(|| DisableThreadLibraryCalls(ptr::null_mut())), Err(126));
    }
}

#[test]
fn handles_by_address_and_their_flags() {
    let dangling = ptr::without_provenance_mut::<c_void>(5);
    let by = |flags, name: *const u8| {
        let mut found = dangling;
        // SAFETY: the names end with a zero, or are addresses.
        let answer = done(|| unsafe { GetModuleHandleExA(flags, name, &raw mut found) });
        answer.map(|()| found).map_err(|code| (code, found.is_null()))
    };
    let program = by(0, ptr::null()).expect("NULL is the program");
    let here = handles_by_address_and_their_flags as *const () as *const u8;
    assert_eq!(by(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, here), Ok(program));
    assert_eq!(by(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, ptr::null()), Ok(program));
    let other = by(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | 2, libc::getpid as *const () as *const u8);
    assert!(other.is_ok_and(|other| other != program), "the C library is no part of the program");
    assert_eq!(by(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, dangling.cast()), Err((126, true)));
    assert_eq!(by(0, c"user32".as_ptr().cast()), Err((126, true)));
    for flags in [3, 8] {
        assert_eq!(by(flags, ptr::null()), Err((87, true)), "{flags}");
    }
    // SAFETY: NULL is what is tested.
    assert_eq!(done(|| unsafe { GetModuleHandleExW(0, ptr::null(), ptr::null_mut()) }), Err(87));
}

#[test]
fn the_program_is_an_image_and_has_a_path() {
    // SAFETY: the buffers have the room.
    unsafe {
        let program = GetModuleHandleW(ptr::null());
        let mut record = MEMORY_BASIC_INFORMATION::default();
        assert_ne!(VirtualQuery(program, &raw mut record, size_of_val(&record)), 0);
        assert_eq!((record.AllocationBase, record.Type), (program, MEM_IMAGE));
        let path = std::env::current_exe().expect("this program");
        let path = path.to_str().expect("text");
        let mut text = vec![1_u8; path.len() + 2];
        let length = path.len() as u32;
        SetLastError(SENTINEL);
        assert_eq!(GetModuleFileNameA(ptr::null_mut(), text.as_mut_ptr(), length + 2), length);
        assert_eq!((&text[..path.len()], text[path.len()], last_error()), (path.as_bytes(), 0, 0));
        text.fill(1);
        assert_eq!(GetModuleFileNameA(program, text.as_mut_ptr(), length), length, "no room for the zero");
        assert_eq!((text[path.len() - 1], text[path.len()], last_error()), (0, 1, 122));
        let mut units = vec![1; path.len() + 1];
        assert_eq!(GetModuleFileNameW(program, units.as_mut_ptr(), length + 1), length);
        assert_eq!(units, wide(path));
        assert_eq!(GetModuleFileNameW(program, units.as_mut_ptr(), 0), 0);
        assert_eq!(last_error(), 122);
        assert_eq!(GetModuleFileNameW(SELF, units.as_mut_ptr(), 9), 0);
        assert_eq!(last_error(), 126);
    }
}

#[test]
fn procedures_are_found_in_the_library_only() {
    let procedure: FARPROC = Some(some);
    unsafe extern "system" fn some() -> isize {
        7
    }
    let ask = |module, name: *const u8| {
        let find = |name: &[u8]| if name == b"some" { procedure } else { None };
        // SAFETY: the name is a number or ends with a zero.
        told(|| unsafe { proc_address(module, name, find) }, Option::is_some).map(|found| {
            // SAFETY: it is the function above.
            found.map(|found| unsafe { found() })
        })
    };
    let library = by_name(c"ntdll").expect("it is there");
    assert_eq!(ask(library, c"some".as_ptr().cast()), Ok(Some(7)));
    assert_eq!(ask(library, c"Some".as_ptr().cast()), Err(127));
    for number in [0, 1, 0xffff] {
        assert_eq!(ask(library, ptr::without_provenance(number)), Err(127));
    }
    assert_eq!(ask(SELF, c"some".as_ptr().cast()), Err(126));
}

fn counters(process: HANDLE) -> Result<PROCESS_MEMORY_COUNTERS_EX2, u32> {
    let mut record = PROCESS_MEMORY_COUNTERS_EX2::default();
    let size = size_of_val(&record) as u32;
    // SAFETY: the record has the room.
    done(|| unsafe { GetProcessMemoryInfo(process, (&raw mut record).cast(), size) }).map(|()| record)
}

#[test]
fn counters_follow_what_is_promised_and_what_is_touched() {
    const SIZE: usize = 64 << 20;
    let slack = 16 << 20;
    // SAFETY: memory of this test's own.
    unsafe {
        let first = counters(SELF).expect("its own");
        let memory = VirtualAlloc(ptr::null(), SIZE, BOTH, PAGE_READWRITE).cast::<u8>();
        let promised = counters(SELF).expect("its own");
        assert!(promised.PrivateUsage >= first.PrivateUsage + SIZE - slack, "{first:?} {promised:?}");
        assert!(promised.WorkingSetSize < first.WorkingSetSize + slack, "{first:?} {promised:?}");
        (0..SIZE).step_by(4096).for_each(|at| memory.add(at).write_volatile(1));
        let touched = counters(SELF).expect("its own");
        assert!(touched.WorkingSetSize >= promised.WorkingSetSize + SIZE - slack, "{promised:?} {touched:?}");
        assert!(touched.PrivateWorkingSetSize >= SIZE - slack, "{touched:?}");
        assert!(touched.PageFaultCount > promised.PageFaultCount);
        VirtualFree(memory.cast(), 0, MEM_RELEASE);
        let last = counters(SELF).expect("its own");
        assert!(last.PeakWorkingSetSize >= touched.WorkingSetSize - slack && last.cb == 96, "{last:?}");
        assert!(last.WorkingSetSize + SIZE - slack <= touched.WorkingSetSize, "{touched:?} {last:?}");
    }
}

#[test]
fn counters_of_others_and_short_records() {
    let mut sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_QUERY_LIMITED_INFORMATION);
    let told = counters(opened.on.0).expect("it sleeps");
    let status = std::fs::read_to_string(format!("/proc/{}/status", sleeper.pid())).expect("it sleeps");
    assert!(status.contains(&format!("{} kB", told.PeakWorkingSetSize >> 10)), "{told:?}\n{status}");
    let mut record = PROCESS_MEMORY_COUNTERS::default();
    // SAFETY: the record has the room.
    unsafe {
        assert_eq!(done(|| K32GetProcessMemoryInfo(opened.on.0, &raw mut record, 72)), Ok(()));
        assert_eq!((record.cb, record.PagefileUsage), (72, told.PagefileUsage));
        assert_eq!(done(|| GetProcessMemoryInfo(SELF, &raw mut record, 71)), Err(122));
        assert_eq!(done(|| GetProcessMemoryInfo(SELF, ptr::null_mut(), 72)), Err(998));
        assert_eq!(done(|| GetProcessMemoryInfo(ptr::null_mut(), &raw mut record, 72)), Err(6));
        sleeper.end();
        assert_eq!(done(|| GetProcessMemoryInfo(opened.on.0, &raw mut record, 72)), Err(5));
    }
}

/// The entries of a process; asked again with more room when more came.
fn working_set(process: HANDLE) -> Vec<usize> {
    let mut words = vec![0_usize; 1];
    loop {
        let bytes = (words.len() * 8) as u32;
        // SAFETY: the array has the room.
        match done(|| unsafe { QueryWorkingSet(process, words.as_mut_ptr().cast(), bytes) }) {
            Ok(()) => return words[1..=words[0]].to_vec(),
            Err(code) => assert_eq!(code, 24, "ERROR_BAD_LENGTH"),
        }
        assert!(words[0] > 0);
        let room = words[0] + 1000;
        words.resize(1 + room, 0);
    }
}

#[test]
fn the_working_set_is_what_was_touched() {
    // SAFETY: memory of this test's own.
    unsafe {
        let memory = VirtualAlloc(ptr::null(), 0x6000, BOTH, PAGE_READWRITE).cast::<u8>();
        let base = memory.addr();
        for page in [0, 2, 3, 4] {
            memory.add(page * 0x1000).write_volatile(1);
        }
        let mut old = 0;
        assert_eq!(VirtualProtect(memory.add(0x2000).cast(), 0x1000, PAGE_READONLY, &raw mut old), TRUE);
        assert_eq!(VirtualProtect(memory.add(0x3000).cast(), 0x1000, PAGE_NOACCESS, &raw mut old), TRUE);
        let all = working_set(SELF);
        assert!(all.is_sorted_by_key(|entry| entry >> 12), "ascending");
        let of_ours: Vec<_> =
            all.iter().filter(|entry| (base..base + 0x6000).contains(&(*entry & !0xfff))).collect();
        let expected = [base + 4, base + 0x2001, base + 0x4004];
        assert!(of_ours.into_iter().eq(&expected), "private: {all:x?}");
        let code = the_working_set_is_what_was_touched as *const () as usize & !0xfff;
        assert!(all.contains(&(code | 3 | 1 << 5 | 1 << 8)), "code can be run and is shared");
        VirtualFree(memory.cast(), 0, MEM_RELEASE);
    }
}

#[test]
fn the_working_set_of_others_and_its_rights() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ);
    let bytes = working_set(opened.on.0).len() * 4096;
    let resident = counters(opened.on.0).expect("it sleeps").WorkingSetSize;
    // The kernel counts page tables' zero pages and its own mappings in other ways.
    assert!(bytes.abs_diff(resident) < 256 << 10, "{bytes} and {resident}");
    let mut words = [0_usize; 2];
    for access in [PROCESS_QUERY_INFORMATION, PROCESS_VM_READ, PROCESS_QUERY_LIMITED_INFORMATION] {
        let opened = sleeper.open(access);
        // SAFETY: the array has the room.
        let answer = done(|| unsafe { QueryWorkingSet(opened.on.0, words.as_mut_ptr().cast(), 16) });
        assert_eq!(answer, Err(5), "{access:#x}");
    }
    // SAFETY: as said.
    unsafe {
        assert_eq!(done(|| K32QueryWorkingSet(SELF, words.as_mut_ptr().cast(), 7)), Err(24));
        assert_eq!(words, [0, 0]);
        assert_eq!(done(|| K32QueryWorkingSet(SELF, words.as_mut_ptr().cast(), 8)), Err(24));
        assert!(words[0] > 0 && words[1] == 0);
        assert_eq!(done(|| QueryWorkingSet(SELF, ptr::null_mut(), 16)), Err(998));
    }
}

// Rows: LP08
#[test]
fn large_pages_are_not_in_the_working_set() {
    const LARGE: usize = 2 << 20;
    // SAFETY: memory of this test's own.
    unsafe {
        let before = counters(SELF).expect("its own").PrivateUsage;
        let memory = VirtualAlloc(ptr::null(), LARGE, BOTH | MEM_LARGE_PAGES, PAGE_READWRITE).cast::<u8>();
        if memory.is_null() {
            let code = last_error();
            println!("large_pages_are_not_in_the_working_set: no large pages here ({code})");
            return;
        }
        memory.write_volatile(1);
        let inside = memory.addr()..memory.addr() + LARGE;
        assert!(!working_set(SELF).iter().any(|entry| inside.contains(entry)), "LP08");
        assert!(counters(SELF).expect("its own").PrivateUsage >= before + LARGE / 2, "LP08: private bytes");
        VirtualFree(memory.cast(), 0, MEM_RELEASE);
    }
}

#[test]
fn the_time_of_day_is_that_of_the_kernel() {
    let since_1970 = |time: FILETIME| {
        let units = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
        std::time::UNIX_EPOCH + std::time::Duration::from_nanos((units - 116_444_736_000_000_000) * 100)
    };
    let (mut coarse, mut exact) = (FILETIME::default(), FILETIME::default());
    // SAFETY: the places are valid, or NULL, which is ignored.
    unsafe {
        GetSystemTimeAsFileTime(&raw mut coarse);
        GetSystemTimePreciseAsFileTime(&raw mut exact);
        GetSystemTimeAsFileTime(ptr::null_mut());
    }
    let now = std::time::SystemTime::now();
    for time in [since_1970(coarse), since_1970(exact)] {
        let apart = now.duration_since(time).expect("time goes on");
        assert!(apart < std::time::Duration::from_secs(10), "{apart:?}");
    }
}
