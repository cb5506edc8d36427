//! The small calls about processes, clocks, the machine, and whether memory can be accessed: rows
//! BP and what the kernel says.

#[path = "golden/support.rs"]
mod support;

use std::ptr;
use std::time::{Duration, Instant};

use pagewright::win32::*;
use support::{BOTH, On, PAGE, SELF, Sleeper, arena, last_error, pointer};

const NOACCESS: u32 = 998;

fn text(path: &str) -> String {
    std::fs::read_to_string(path).expect("the kernel tells")
}

fn kib(name: &str) -> u64 {
    let text = text("/proc/meminfo");
    let line = text.lines().find(|line| line.starts_with(name)).expect("the kernel tells");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

#[test]
fn ids_are_those_of_the_kernel() {
    // SAFETY: no conditions.
    unsafe {
        assert_eq!(GetCurrentProcessId(), std::process::id());
        let here = GetCurrentThreadId();
        assert_eq!(here, libc::gettid() as u32);
        let there = std::thread::spawn(|| GetCurrentThreadId()).join().expect("no panic");
        assert_ne!(there, here);
        assert_eq!(GetCurrentThread().addr(), usize::MAX - 1);
        assert_eq!(CloseHandle(GetCurrentThread()), TRUE, "a pseudo handle does not mind");
        assert!(VirtualAllocEx(GetCurrentThread(), ptr::null(), 1, BOTH, PAGE_READWRITE).is_null());
        assert_eq!(last_error(), 6, "it is no process");
    }
}

#[test]
fn an_exit_code_is_still_active_until_the_end() {
    let code = |handle| {
        let mut code = 77;
        // SAFETY: the place is valid.
        let told = unsafe { GetExitCodeProcess(handle, &raw mut code) };
        if told == TRUE { Ok(code) } else { Err(last_error()) }
    };
    assert_eq!(code(SELF), Ok(STILL_ACTIVE as u32));
    let mut sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_QUERY_LIMITED_INFORMATION);
    assert_eq!(code(opened.on.0), Ok(STILL_ACTIVE as u32));
    sleeper.end();
    assert_eq!(code(opened.on.0), Ok(128 + 9), "a signal ended it");
    assert_eq!(code(ptr::null_mut()), Err(6));
    // SAFETY: NULL is what is tested.
    assert_eq!(unsafe { GetExitCodeProcess(SELF, ptr::null_mut()) }, FALSE);
    assert_eq!(last_error(), NOACCESS);
    let mut command = std::process::Command::new("sh");
    let child = command.args(["-c", "read x; exit 7"]);
    let mut child = child.stdin(std::process::Stdio::piped()).spawn().expect("sh starts");
    // SAFETY: no conditions.
    let handle = unsafe { OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, child.id()) };
    assert_eq!(code(handle), Ok(STILL_ACTIVE as u32));
    drop(child.stdin.take());
    while code(handle) == Ok(STILL_ACTIVE as u32) {
        std::thread::yield_now();
    }
    assert_eq!(code(handle), Ok(7), "and its parent may still ask");
    assert_eq!(child.wait().expect("our own child").code(), Some(7));
    assert_eq!(code(handle), Err(50), "nobody keeps it any more");
    // SAFETY: no conditions.
    assert_eq!(unsafe { CloseHandle(handle) }, TRUE);
}

#[test]
fn exit_process_ends_with_its_code() {
    // SAFETY: the child only leaves.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            ExitProcess(300);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert!(libc::WIFEXITED(status));
        assert_eq!(libc::WEXITSTATUS(status), 300 & 0xff);
    }
}

#[test]
fn clocks_go_forward_and_pauses_last() {
    // SAFETY: the places are valid, or NULL, which is what is tested.
    unsafe {
        let (begun, short, long) = (Instant::now(), GetTickCount(), GetTickCount64());
        let (mut frequency, mut first, mut second) = (0, 0, 0);
        assert_eq!(QueryPerformanceFrequency(&raw mut frequency), TRUE);
        assert_eq!(QueryPerformanceCounter(&raw mut first), TRUE);
        Sleep(20);
        Sleep(0);
        SwitchToThread();
        assert_eq!(QueryPerformanceCounter(&raw mut second), TRUE);
        assert!(begun.elapsed() >= Duration::from_millis(20));
        assert!((second - first) * 1000 / frequency >= 20, "{first} {second} at {frequency}");
        assert!(GetTickCount64() - long >= 19 && GetTickCount().wrapping_sub(short) >= 19);
        let uptime: f64 =
            text("/proc/uptime").split(' ').next().expect("a number").parse().expect("a number");
        assert!((uptime * 1000.0 - GetTickCount64() as f64).abs() < 1000.0, "as the kernel says");
        assert_eq!((QueryPerformanceCounter(ptr::null_mut()), last_error()), (FALSE, NOACCESS));
        assert_eq!((QueryPerformanceFrequency(ptr::null_mut()), last_error()), (FALSE, NOACCESS));
    }
}

#[test]
fn the_memory_of_the_machine_is_told() {
    let mut status = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>() as u32, ..Default::default() };
    // SAFETY: the places are valid, or NULL, which is what is tested.
    unsafe {
        assert_eq!(GlobalMemoryStatusEx(&raw mut status), TRUE);
        assert_eq!(status.ullTotalPhys, kib("MemTotal:") << 10);
        assert_eq!(status.ullTotalPageFile, (kib("MemTotal:") + kib("SwapTotal:")) << 10);
        assert!(status.ullAvailPhys <= status.ullTotalPhys && status.dwMemoryLoad <= 100);
        assert_eq!(status.ullTotalVirtual, 0x7fff_fffe_f000);
        assert!(status.ullAvailVirtual < status.ullTotalVirtual && status.ullAvailExtendedVirtual == 0);
        let base = On(SELF).alloc(0, 1 << 30, MEM_RESERVE, PAGE_NOACCESS).expect("room");
        let before = status.ullAvailVirtual;
        assert_eq!(GlobalMemoryStatusEx(&raw mut status), TRUE);
        assert!(status.ullAvailVirtual + (1 << 29) < before, "a reservation uses addresses");
        On(SELF).release(base);
        status.dwLength -= 1;
        assert_eq!((GlobalMemoryStatusEx(&raw mut status), last_error()), (FALSE, 87));
        assert_eq!((GlobalMemoryStatusEx(ptr::null_mut()), last_error()), (FALSE, NOACCESS));
        let mut installed = 0;
        assert_eq!(GetPhysicallyInstalledSystemMemory(&raw mut installed), TRUE);
        assert!(installed >= kib("MemTotal:"));
        assert_eq!((GetPhysicallyInstalledSystemMemory(ptr::null_mut()), last_error()), (FALSE, NOACCESS));
        let (mut one, mut other) = (SYSTEM_INFO::default(), SYSTEM_INFO::default());
        GetSystemInfo(&raw mut one);
        GetNativeSystemInfo(&raw mut other);
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
}

#[test]
fn every_node_has_processors_and_memory() {
    // SAFETY: the places are valid, or NULL, which is what is tested.
    unsafe {
        let mut highest = 0;
        assert_eq!(GetNumaHighestNodeNumber(&raw mut highest), TRUE);
        let mut all = 0;
        for node in 0..=highest as u8 {
            let (mut mask, mut affinity, mut bytes) = (0, GROUP_AFFINITY::default(), 0);
            assert_eq!(GetNumaNodeProcessorMask(node, &raw mut mask), TRUE);
            assert_eq!(GetNumaNodeProcessorMaskEx(node.into(), &raw mut affinity), TRUE);
            assert_eq!((affinity.Mask as u64, affinity.Group), (mask, 0));
            assert_eq!(all & mask, 0, "no processor is in two nodes");
            all |= mask;
            assert_eq!(GetNumaAvailableMemoryNode(node, &raw mut bytes), TRUE);
            assert!(bytes > 0 && bytes <= kib("MemTotal:") << 10);
            assert_eq!(GetNumaAvailableMemoryNodeEx(node.into(), &raw mut bytes), TRUE);
            let mut near = 0;
            assert_eq!((GetNumaProximityNode(node.into(), &raw mut near), near), (TRUE, node));
            let mut found = 99;
            let processor = mask.trailing_zeros() as u8;
            assert_eq!((GetNumaProcessorNode(processor, &raw mut found), found), (TRUE, node));
        }
        let mut nothing = 0;
        let beyond = highest as u16 + 1;
        assert_eq!((GetNumaNodeProcessorMask(beyond as u8, &raw mut nothing), last_error()), (FALSE, 87));
        assert_eq!((GetNumaAvailableMemoryNodeEx(u16::MAX, &raw mut nothing), last_error()), (FALSE, 87));
        assert_eq!((GetNumaNodeProcessorMask(0, ptr::null_mut()), last_error()), (FALSE, NOACCESS));
        let mut node = 0;
        assert_eq!((GetNumaProcessorNode(255, &raw mut node), last_error()), (FALSE, 87));
        assert_eq!((GetNumaProximityNode(u32::MAX, &raw mut node), last_error()), (FALSE, 87));
    }
}

/// Read, write.
fn bad(at: usize, size: usize) -> (bool, bool) {
    // SAFETY: the calls do not follow the pointer.
    unsafe { (IsBadReadPtr(pointer(at), size) != 0, IsBadWritePtr(pointer(at), size) != 0) }
}

// Rows: BP01 BP02 BP03 BP04 BP05 BP09 BP10
#[test]
fn bad_pointers_are_found_without_a_fault() {
    let (good, both) = ((false, false), (true, true));
    assert_eq!(bad(0, 0), good, "BP01");
    assert_eq!(bad(0, 1), both, "BP02");
    assert_eq!(bad(0xdead_beef, 0), good, "BP03");
    assert_eq!(bad(0xdead_beef, 1), both, "BP04");
    assert_eq!(bad(usize::MAX, 2), both, "a sum that wraps");
    assert_eq!(bad(0xffff_8000_0000_0000, 1), both, "the kernel's");
    let mut variable = 5u32;
    let at = (&raw mut variable).expose_provenance();
    assert_eq!((bad(at, 0), bad(at, 1), bad(at, 4)), (good, good, good), "BP05");
    assert_eq!(bad(at, usize::MAX - 5), both);
    let constant = "text".as_ptr().addr();
    assert_eq!(bad(constant, 4), (false, true), "constants are not written");
    let on = On(SELF);
    let base = arena();
    on.alloc(base, 4 * PAGE, BOTH, PAGE_READWRITE).expect("a free place");
    assert_eq!(bad(base, 4 * PAGE), good, "BP09");
    on.protect(base + PAGE, PAGE, PAGE_READONLY).expect("committed");
    assert_eq!(bad(base, 4 * PAGE), (false, true));
    on.protect(base + 2 * PAGE, PAGE, PAGE_NOACCESS).expect("committed");
    assert_eq!((bad(base, 4 * PAGE), bad(base, 2 * PAGE)), (both, (false, true)));
    on.protect(base, PAGE, PAGE_READWRITE | PAGE_GUARD).expect("committed");
    assert_eq!((bad(base, 1).0, bad(base, 1)), (true, good), "BP10: the guard is met, and gone");
    on.decommit(base, PAGE).expect("committed");
    assert_eq!(bad(base, 1), both);
    on.release(base);
    assert_eq!(bad(base + 3 * PAGE, 1), both, "BP09");
}

// Rows: BP06
#[test]
fn a_stack_does_not_grow() {
    let ask = || {
        let here = 0u8;
        let maps = text("/proc/self/maps");
        let at = (&raw const here).addr();
        let low = maps.lines().filter_map(|line| usize::from_str_radix(line.split('-').next()?, 16).ok());
        let low = low.filter(|start| *start <= at).max().expect("the stack is mapped");
        assert_eq!((bad(low - PAGE, 4), bad(low - PAGE, 4)), ((true, true), (true, true)), "BP06");
        assert_eq!(
            bad(low, 4).0,
            text("/proc/self/maps").lines().all(|line| !line.starts_with(&format!("{low:x}-"))),
            "BP06"
        );
    };
    std::thread::spawn(ask).join().expect("no panic");
}

// Rows: BP07 BP08
#[test]
fn code_and_texts_are_probed_as_well() {
    let function = |at: usize| -> FARPROC {
        // SAFETY: it is never called; NULL is `None`.
        unsafe { std::mem::transmute::<*mut std::ffi::c_void, FARPROC>(pointer(at)) }
    };
    let variable = 5u8;
    // SAFETY: the calls do not follow the pointers.
    unsafe {
        assert_ne!(IsBadCodePtr(None), FALSE, "BP07");
        assert_ne!(IsBadCodePtr(function(0xdead_beef)), FALSE, "BP07");
        assert_eq!(IsBadCodePtr(function((&raw const variable).expose_provenance())), FALSE, "BP08");
        let base = arena();
        On(SELF).alloc(base, 2 * PAGE, BOTH, PAGE_READWRITE).expect("a free place");
        On(SELF).protect(base + PAGE, PAGE, PAGE_NOACCESS).expect("committed");
        let end = base + PAGE;
        let bytes: *mut u8 = pointer(end - 4).cast();
        bytes.copy_from_nonoverlapping([b'a', b'b', b'c', 0].as_ptr(), 4);
        assert_eq!(IsBadStringPtrA(bytes, 100), FALSE);
        assert_eq!(IsBadStringPtrA(bytes, usize::MAX), FALSE);
        bytes.add(3).write(b'd');
        assert_ne!(IsBadStringPtrA(bytes, 100), FALSE, "no zero before the end");
        assert_eq!(IsBadStringPtrA(bytes, 4), FALSE, "its length ends it");
        assert_eq!(IsBadStringPtrA(ptr::null(), 0), FALSE);
        assert_ne!(IsBadStringPtrA(ptr::null(), 1), FALSE);
        for odd in [0, 1] {
            let units: *mut u16 = pointer(end - 6 - odd).cast();
            units.write_unaligned(7);
            units.add(1).write_unaligned(7);
            units.add(2).write_unaligned(0);
            assert_eq!(IsBadStringPtrW(units, 100), FALSE);
            assert_eq!(IsBadStringPtrW(units, usize::MAX), FALSE);
        }
        // A unit that lies across two pages.
        let across: *const u16 = pointer(end - 1).cast();
        bytes.add(3).write(1);
        assert_ne!(IsBadStringPtrW(across, 2), FALSE);
        On(SELF).release(base);
    }
}
