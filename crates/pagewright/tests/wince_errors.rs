//! Every row of the error map: section 8 of the facts. A call that was refused has changed
//! nothing, and one that worked leaves the last error alone (every call of these tests goes
//! through a check of that).

mod wince_support;

use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_RESERVE, PAGE_EXECUTE, PAGE_GUARD, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE,
};
use pagewright::wince::{
    self, Diagnostics, PAGE_PHYSICAL, Permit, Source, View, set_diagnostics, virtual_copy,
};
use pagewright::{Edges, Process, Protection};

use wince_support::{
    GRANULE, HERE, On, PAGE, Sleeper, TOP, alloc_copy, alone, arena, copy, copy_ex, device, is_alone, kernel,
    last_error, load, passes, pointer, said, see_each_other, store, window,
};

const RW: u32 = PAGE_READWRITE;

/// The three calls with one source and one target, in kernel mode: all say `code`, and the
/// target is as it was.
fn all_say(code: u32, (to, target): (On, usize), (from, source): (On, usize), size: usize, protect: u32) {
    let before = HERE.query(target & !0xfff);
    if to == HERE && from == HERE {
        assert_eq!(copy(target, source, size, protect), Err(code), "VirtualCopy");
    }
    let _mode = kernel();
    assert_eq!(copy_ex((to, target), (from, source), size, protect), Err(code), "VirtualCopyEx");
    assert_eq!(alloc_copy((from, source), to, size, protect), Err(code), "VirtualAllocCopyEx");
    assert_eq!(HERE.query(target & !0xfff), before, "nothing has changed");
}

fn here(at: usize) -> (On, usize) {
    (HERE, at)
}

// Rows: CE01 CE18
#[test]
fn s8_87_size_0() {
    let (from, to) = (HERE.memory(PAGE), HERE.reserved(PAGE));
    all_say(87, here(to), here(from), 0, RW);
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE02
#[test]
fn s8_87_overflow() {
    let (from, to) = (HERE.memory(PAGE), HERE.reserved(PAGE));
    for source in [TOP, TOP - PAGE, usize::MAX & !0xfff] {
        all_say(87, here(to), here(source), 0x2000, RW);
    }
    all_say(87, here(to), here(from), 0xffff_ffff, RW);
    assert_eq!(copy(usize::MAX & !0xfff, from, PAGE, RW), Err(87));
    assert_eq!(copy(TOP - PAGE, from, 2 * PAGE, RW), Err(87));
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE03 CE18
#[test]
fn s8_87_target_not_fully_inside_one_reservation() {
    let from = HERE.memory(4 * PAGE);
    let at = arena();
    assert_eq!(copy(at, from, PAGE, RW), Err(87), "free");
    for place in [at, at + GRANULE] {
        HERE.alloc(place, GRANULE, MEM_RESERVE, PAGE_NOACCESS).expect("free");
    }
    assert_eq!(copy(at + GRANULE - PAGE, from, 2 * PAGE, RW), Err(87), "two reservations side by side");
    assert_eq!(copy(at + 2 * GRANULE - PAGE, from, 2 * PAGE, RW), Err(87), "the end");
    assert_eq!(HERE.state(at + GRANULE - PAGE), (MEM_RESERVE, PAGE));
    assert_eq!(copy(at + GRANULE - PAGE, from, PAGE, RW), Ok(()));
    HERE.release(at);
    HERE.release(at + GRANULE);
    HERE.release(from);
}

// Rows: CE04
#[test]
fn s8_87_target_page_committed() {
    let (from, to) = (HERE.memory(2 * PAGE), HERE.memory(2 * PAGE));
    store(to, 1);
    assert_eq!(copy(to, from, PAGE, RW), Err(87));
    let view = |edges| View {
        source: Source::Virtual(from as u64),
        size: PAGE as u64,
        protection: Protection::READ_WRITE,
        edges,
    };
    for edges in [Edges::Strict, Edges::Split, Edges::Whole] {
        let failure = virtual_copy(to as u64, &view(edges)).expect_err("committed");
        assert_eq!(failure.code(), 87, "{edges:?}");
    }
    assert_eq!(load(to), 1, "unchanged");
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE05
#[test]
fn s8_87_offset_mismatch() {
    let (from, to) = (HERE.memory(2 * PAGE), HERE.reserved(2 * PAGE));
    for offset in [1, 8, 0x7ff, 0xfff] {
        assert_eq!(copy(to, from + offset, 1, RW), Err(87));
        assert_eq!(copy(to + offset, from, 1, RW), Err(87));
    }
    assert_eq!(HERE.state(to), (MEM_RESERVE, 2 * PAGE));
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE06
#[test]
fn s8_87_bad_protection_combination() {
    let (from, to) = (HERE.memory(PAGE), HERE.reserved(PAGE));
    for bad in
        [PAGE_GUARD | PAGE_NOACCESS, RW | PAGE_READONLY, RW | PAGE_EXECUTE, RW | 0x1000, 0x8000_0004, 0]
    {
        all_say(87, here(to), here(from), PAGE, bad);
    }
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE07
#[test]
fn s8_87_source_not_committed_or_not_mapped() {
    let (from, to) = (HERE.reserved(2 * PAGE), HERE.reserved(2 * PAGE));
    all_say(87, here(to), here(from), PAGE, RW);
    all_say(87, here(to), here(arena()), PAGE, RW);
    HERE.alloc(from, PAGE, MEM_COMMIT, RW).expect("reserved");
    all_say(87, here(to), here(from), 2 * PAGE, RW);
    let sleeper = Sleeper::new();
    all_say(87, here(to), (On::id(sleeper.pid()), 0x1000_0000), PAGE, RW);
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE08
#[test]
fn s8_487_source_not_committed_in_strict_diagnostics() {
    passes(&mut alone("alone_strict_diagnostics"));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_strict_diagnostics() {
    if !is_alone() {
        return;
    }
    set_diagnostics(Diagnostics::Strict);
    let (from, to) = (HERE.reserved(PAGE), HERE.reserved(PAGE));
    all_say(487, here(to), here(from), PAGE, RW);
    all_say(487, here(to), here(arena()), PAGE, RW);
    assert_eq!(copy(arena(), from, PAGE, RW), Err(87), "not the target");
    assert_eq!(HERE.protect(from, PAGE, RW), Err(87), "nor other calls");
    set_diagnostics(Diagnostics::Documented);
    all_say(87, here(to), here(from), PAGE, RW);
}

// Rows: CE09
#[test]
fn s8_6_bad_closed_or_dead_process() {
    let (from, to) = (HERE.memory(PAGE), HERE.reserved(PAGE));
    let mut sleeper = Sleeper::new();
    let by_id = On::id(sleeper.pid());
    // SAFETY: no conditions.
    let open = || On(unsafe { wince::OpenProcess(0, 0, sleeper.pid()) });
    let (by_handle, closed) = (open(), open());
    // SAFETY: it is open.
    assert_ne!(unsafe { wince::CloseHandle(closed.0) }, 0);
    sleeper.end();
    let never = On(pointer(0x7fff_fff0));
    let nonsense = On(pointer(usize::MAX - 1));
    for bad in [On(ptr::null_mut()), by_id, by_handle, closed, never, nonsense] {
        all_say(6, here(to), (bad, from), PAGE, RW);
        all_say(6, (bad, to), here(from), PAGE, RW);
        assert_eq!(bad.alloc(0, PAGE, MEM_COMMIT, RW), Err(6), "{bad:?}");
        assert_eq!(bad.free(to, 0, 0x8000), Err(6), "{bad:?}");
        assert_eq!(bad.protect(from, 1, RW), Err(6), "{bad:?}");
    }
    // SAFETY: it is open.
    assert_ne!(unsafe { wince::CloseHandle(by_handle.0) }, 0);
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE10
#[test]
fn s8_5_no_kernel_mode_token() {
    let from = HERE.memory(PAGE);
    assert_eq!(alloc_copy(here(from), HERE, PAGE, RW), Err(5));
    HERE.release(from);
}

// Rows: CE11
#[test]
fn s8_5_cross_process_from_user_mode() {
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let to = HERE.reserved(PAGE);
    assert_eq!(copy_ex(here(to), (there, 0x10000), PAGE, RW), Err(5));
    assert_eq!(HERE.state(to), (MEM_RESERVE, PAGE));
    HERE.release(to);
}

// Rows: CE12
#[test]
fn s8_5_physical_window_not_granted() {
    let to = HERE.reserved(PAGE);
    all_say(5, here(to), here(0xfee0_0000 >> 8), PAGE, RW | PAGE_PHYSICAL);
    HERE.release(to);
}

// Rows: CE13
#[test]
fn s8_5_protection_above_the_ceiling() {
    let (_, base) = window(&device(1), 0, 1, Permit::Read);
    let (from, to) = (HERE.reserved(PAGE), HERE.reserved(PAGE));
    let physical = (base >> 8) as usize;
    all_say(5, here(to), here(physical), PAGE, RW | PAGE_PHYSICAL);
    assert_eq!(copy(from, physical, PAGE, PAGE_READONLY | PAGE_PHYSICAL), Ok(()));
    all_say(5, here(to), here(from), PAGE, RW);
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let _mode = kernel();
    assert_eq!(alloc_copy((HERE, from), there, PAGE, RW), Err(5), "nor in another process");
    let at = alloc_copy((HERE, from), there, PAGE, PAGE_READONLY).expect("within the ceiling");
    assert_eq!(there.protect(at, 1, RW), Err(5), "nor later");
    HERE.release(from);
    HERE.release(to);
}

// Rows: CE14 CE15 CE16
#[test]
fn s8_8_resources_that_run_out() {
    for test in ["alone_no_descriptor", "alone_no_address_space", "alone_no_memory", "alone_no_mappings"] {
        passes(&mut alone(test));
    }
}

fn limit(which: libc::__rlimit_resource_t, value: u64) {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limits are ours.
    assert_eq!(unsafe { libc::getrlimit(which, &raw mut limits) }, 0);
    limits.rlim_cur = value.min(limits.rlim_max);
    // SAFETY: the limits are valid.
    assert_eq!(unsafe { libc::setrlimit(which, &raw const limits) }, 0, "limits can be lowered");
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_no_descriptor() {
    if !is_alone() {
        return;
    }
    let (from, to) = (HERE.memory(2 * PAGE), HERE.reserved(2 * PAGE));
    assert_eq!(copy(to, from, PAGE, RW), Ok(()));
    store(from + PAGE, 4);
    limit(libc::RLIMIT_NOFILE, 3);
    assert_eq!(copy(to + PAGE, from + PAGE, PAGE, RW), Err(8));
    assert_eq!(HERE.state(to + PAGE), (MEM_RESERVE, PAGE), "nothing is mapped");
    assert_eq!(load(from + PAGE), 4, "the source is as it was");
    limit(libc::RLIMIT_NOFILE, 64);
    assert_eq!(copy(to + PAGE, from + PAGE, PAGE, RW), Ok(()));
    see_each_other((HERE, from), (HERE, to));
    see_each_other((HERE, from + PAGE), (HERE, to + PAGE));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_no_address_space() {
    if !is_alone() {
        return;
    }
    let from = HERE.memory(64 * PAGE);
    let _mode = kernel();
    limit(libc::RLIMIT_AS, 1 << 20);
    assert_eq!(alloc_copy(here(from), HERE, 64 * PAGE, RW), Err(8));
    assert_eq!(HERE.alloc(0, 0x1000_0000, MEM_RESERVE, PAGE_NOACCESS), Err(8));
    limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
    let at = alloc_copy(here(from), HERE, 64 * PAGE, RW).expect("there is room again");
    see_each_other(here(from), here(at));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_no_memory() {
    if !is_alone() {
        return;
    }
    let from = HERE.memory(4 * PAGE);
    let me = Process::current();
    me.set_commit_limit(me.status().expect("own").committed).expect("own");
    assert_eq!(HERE.alloc(0, PAGE, MEM_COMMIT, RW), Err(8));
    let to = HERE.reserved(4 * PAGE);
    assert_eq!(copy(to, from, 4 * PAGE, RW), Ok(()), "an alias promises no new memory");
    let split = View {
        source: Source::Virtual(from as u64 + 8),
        size: 8,
        protection: Protection::READ_WRITE,
        edges: Edges::Split,
    };
    HERE.decommit(to, PAGE);
    assert_eq!(virtual_copy(to as u64 + 8, &split).map_err(|failure| failure.code()), Err(8), "a copy does");
    assert_eq!(HERE.state(to), (MEM_RESERVE, PAGE));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_no_mappings() {
    if !is_alone() {
        return;
    }
    let most: usize = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .expect("the kernel says it");
    if most > 300_000 {
        println!("skipped: alone_no_mappings, because vm.max_map_count is {most}");
        return;
    }
    let from = HERE.memory(PAGE);
    let to = HERE.reserved((most + 16) * 2 * PAGE);
    let refused = (0..most).map(|page| to + 2 * page * PAGE).find_map(|at| match copy(at, from, PAGE, RW) {
        Ok(()) => None,
        Err(code) => Some((at, code)),
    });
    let (at, code) = refused.expect("every other page is a mapping of its own");
    assert_eq!(code, 8);
    assert_eq!(HERE.state(at - PAGE).0, MEM_RESERVE, "nothing is mapped");
    HERE.decommit(to, 64 * PAGE);
    assert_eq!(copy(at, from, PAGE, RW), Ok(()), "there is room again");
    HERE.release(to);
}

// Rows: CE17
#[test]
fn s8_50_what_linux_does_not_have() {
    let _mode = kernel();
    let base = HERE.memory(PAGE);
    let mut old = 7;
    // SAFETY: the pointers are valid.
    let attributes = || unsafe { wince::VirtualSetAttributes(pointer(base), 1, 0, 2, &raw mut old) };
    assert_eq!(said(attributes), Err(50));
    // SAFETY: nothing is looked at.
    let flags = || unsafe { wince::VirtualSetPageFlags(pointer(base), 1, 0, ptr::null_mut()) };
    assert_eq!(said(flags), Err(50));
    assert_eq!(old, 7, "untouched");
    HERE.release(base);
}

#[test]
fn s8_the_last_error_is_the_one_of_win32() {
    assert_eq!(copy(0, 0, 0, RW), Err(87));
    // SAFETY: no conditions.
    assert_eq!(unsafe { pagewright::win32::GetLastError() }, 87);
    let other = std::thread::spawn(last_error).join().expect("it ends");
    assert_eq!(other, 0, "of each thread");
}

#[test]
fn failures_are_sentences() {
    let to = HERE.reserved(PAGE) as u64;
    let view = |source, size| View { source, size, protection: Protection::READ_WRITE, edges: Edges::Strict };
    let failures = [
        virtual_copy(to, &view(Source::Virtual(to), PAGE as u64)),
        virtual_copy(to, &view(Source::Virtual(to), 0)),
        virtual_copy(to, &view(Source::Physical(to & 0xff_f000), PAGE as u64)),
        virtual_copy(to, &view(Source::Virtual(to + 1), 1)),
    ];
    for failure in failures.map(|failure| failure.expect_err("refused")) {
        let text = failure.to_string();
        assert!((20..260).contains(&text.len()) && !text.ends_with('.'), "{text}");
        assert!(!text.contains('{') && !text.contains("::"), "{text}");
        assert!(failure.name().starts_with("ERROR_"), "{}", failure.name());
    }
    HERE.release(to as usize);
}
