//! Large pages, physical pages and nodes: rows LP.

#[path = "golden/support.rs"]
mod support;
mod three;

use std::ptr;

use pagewright::win32::{
    AllocateUserPhysicalPages, FreeUserPhysicalPages, GetLargePageMinimum, GetNumaHighestNodeNumber,
    MEM_COMMIT, MEM_DECOMMIT, MEM_EXTENDED_PARAMETER, MEM_EXTENDED_PARAMETER_0, MEM_EXTENDED_PARAMETER_1,
    MEM_EXTENDED_PARAMETER_NONPAGED_HUGE, MEM_EXTENDED_PARAMETER_NONPAGED_LARGE, MEM_FREE, MEM_LARGE_PAGES,
    MEM_PHYSICAL, MEM_PRIVATE, MEM_RESERVE, MEM_RESET, MEM_TOP_DOWN, MEM_WRITE_WATCH, MapUserPhysicalPages,
    MapUserPhysicalPagesScatter, NUMA_NO_PREFERRED_NODE, NtLockVirtualMemory, PAGE_NOACCESS, PAGE_READONLY,
    PAGE_READWRITE, PROCESS_QUERY_INFORMATION, PROCESS_VM_OPERATION, VirtualAlloc2, VirtualAllocExNuma,
    allocate_user_physical_pages, free_user_physical_pages, map_user_physical_pages,
    map_user_physical_pages_scatter, virtual_alloc_numa, virtual_lock,
};
use support::{SELF, Sleeper, last_error, pointer};
use three::{BOTH, On, PAGE, code, everywhere};

const LARGE: u64 = 2 << 20;
const ANY: u32 = NUMA_NO_PREFERRED_NODE;

fn window(on: &On<'_>, pages: u64) -> u64 {
    on.alloc(0, pages * PAGE, MEM_PHYSICAL | MEM_RESERVE, PAGE_READWRITE).expect("LP16")
}

/// Physical pages, or the reason why there are none here.
fn frames(on: &On<'_>, count: u64) -> Option<Vec<u64>> {
    match code(allocate_user_physical_pages(on.memory, count, ANY)) {
        Ok(frames) => {
            assert_eq!(frames.len() as u64, count, "LP25: enough are free");
            Some(frames)
        }
        Err(code) => {
            assert_eq!(code, 1314, "LP24 in {}", on.name);
            println!("{}: no privilege to lock memory, so nothing about physical pages is shown", on.name);
            None
        }
    }
}

fn map(on: &On<'_>, at: u64, frames: &[u64]) -> Result<(), u32> {
    code(map_user_physical_pages(on.memory, at, frames.len() as u64, Some(frames)))
}

fn unmap(on: &On<'_>, at: u64, count: u64) -> Result<(), u32> {
    code(map_user_physical_pages(on.memory, at, count, None))
}

fn give_back(on: &On<'_>, frames: &[u64]) {
    let given = code(free_user_physical_pages(on.memory, frames));
    assert_eq!(given, Ok(frames.len() as u64), "LP29 in {}", on.name);
}

// Rows: LP05 LP06 LP14 LP15 LP18 LP19
#[test]
fn types_that_exclude_each_other_are_refused() {
    everywhere(|on| {
        for (row, kind, protect) in [
            ("LP05", MEM_LARGE_PAGES | MEM_RESERVE, PAGE_READWRITE),
            ("LP06", MEM_LARGE_PAGES | BOTH | MEM_PHYSICAL, PAGE_READWRITE),
            ("LP06", MEM_LARGE_PAGES | MEM_RESET, PAGE_READWRITE),
            ("LP06", MEM_LARGE_PAGES | BOTH | MEM_WRITE_WATCH, PAGE_READWRITE),
            ("LP14", MEM_PHYSICAL, PAGE_READWRITE),
            ("LP15", MEM_PHYSICAL | MEM_COMMIT, PAGE_READWRITE),
            ("LP15", MEM_PHYSICAL | BOTH, PAGE_READWRITE),
            ("LP18", MEM_PHYSICAL | MEM_RESERVE, PAGE_READONLY),
            ("LP18", MEM_PHYSICAL | MEM_RESERVE, PAGE_NOACCESS),
            ("LP19", MEM_PHYSICAL | MEM_RESERVE | MEM_WRITE_WATCH, PAGE_READWRITE),
        ] {
            assert_eq!(on.alloc(0, LARGE, kind, protect), Err(87), "{row} in {}", on.name);
        }
    });
}

/// Runs in a process of its own, which the administrator denies the privilege.
// Rows: LP02 LP24 VL23
#[test]
fn without_the_privilege_there_are_neither_large_nor_physical_pages() {
    const VARIABLE: &str = "PAGEWRIGHT_LOCK_PAGES";
    if std::env::var(VARIABLE).as_deref() != Ok("deny") {
        let this = std::env::current_exe().expect("this program");
        let name = "without_the_privilege_there_are_neither_large_nor_physical_pages";
        let mut again = std::process::Command::new(this);
        let output = again.args(["--exact", name]).env(VARIABLE, "deny").output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    everywhere(|on| {
        let large = BOTH | MEM_LARGE_PAGES;
        assert_eq!(on.alloc(0, LARGE, large, PAGE_READWRITE), Err(1314), "LP02 in {}", on.name);
        assert_eq!(on.alloc(0, LARGE + PAGE, large, PAGE_READWRITE), Err(1314), "LP02 comes before LP03");
        let taken = code(allocate_user_physical_pages(on.memory, 1, ANY));
        assert_eq!(taken, Err(1314), "LP24 in {}", on.name);
        on.release(window(on, 1));
    });
    let (mut at, mut size) = (pointer(0x10_0000), 1);
    // SAFETY: both pointers are valid.
    let status = unsafe { NtLockVirtualMemory(SELF, &raw mut at, &raw mut size, 2) };
    assert_eq!(status as u32, 0xc000_0061, "VL23");
}

/// The two codes of a machine without large pages: nobody may have them, or none are left.
// Rows: LP03 LP07 LP09 VA72 VP22
// Rows in part: LP02 LP04
#[test]
fn large_pages_are_whole_and_stay_as_they_are() {
    everywhere(|on| {
        let kind = BOTH | MEM_LARGE_PAGES;
        let base = match on.alloc(0, LARGE, kind, PAGE_READWRITE) {
            Err(code @ (1314 | 1450)) => {
                println!("{}: no large pages here ({code}), so only that is shown", on.name);
                if code == 1450 {
                    assert_eq!(on.alloc(0, LARGE + PAGE, kind, PAGE_READWRITE), Err(87), "LP03");
                }
                return;
            }
            base => base.expect("LP02"),
        };
        assert_eq!(base % LARGE, 0, "LP04");
        assert_eq!(on.stands(base), (MEM_COMMIT, PAGE_READWRITE, LARGE), "LP07");
        on.store(base + LARGE - 1, 7);
        assert_eq!(on.load(base + LARGE - 1), Some(7));
        assert_eq!(on.protect(base, PAGE, PAGE_READONLY), Err(487), "LP07, VP22");
        assert_eq!(on.protect(base, LARGE, PAGE_READONLY), Err(487), "LP07, VP22");
        assert!(on.free(base, PAGE, MEM_DECOMMIT).is_err(), "LP07");
        assert_eq!(on.alloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(487), "LP07, VA72");
        assert_eq!(code(virtual_lock(on.memory, base, PAGE)), Err(87), "LP09, VL21");
        assert_eq!(on.alloc(0, LARGE + PAGE, kind, PAGE_READWRITE), Err(87), "LP03");
        on.release(base);
        assert_eq!(on.query(base).State, MEM_FREE);
    });
}

// Rows: LP16 LP17 LP20 LP21 LP22 LP23 LP33 VA72 VL21 VP22
#[test]
fn a_window_is_reserved_memory_that_stays_as_it_is() {
    everywhere(|on| {
        let base = window(on, 16);
        let record = on.query(base);
        let seen = (record.State, record.Protect, record.Type, record.AllocationProtect);
        assert_eq!(seen, (MEM_RESERVE, 0, MEM_PRIVATE, PAGE_READWRITE), "LP16 in {}", on.name);
        assert_eq!(on.load(base), None, "LP16: no page is mapped");
        assert_eq!(on.protect(base, PAGE, PAGE_READONLY), Err(487), "LP20, VP22 in {}", on.name);
        assert_eq!(on.alloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE), Err(487), "LP21, VA72 in {}", on.name);
        assert!(on.free(base, PAGE, MEM_DECOMMIT).is_err(), "LP22 in {}", on.name);
        assert_eq!(code(virtual_lock(on.memory, base, PAGE)), Err(87), "LP33, VL21 in {}", on.name);
        assert_eq!(on.stands(base), (MEM_RESERVE, 0, 16 * PAGE), "nothing changed");
        on.release(base);
        assert_eq!(on.query(base).State, MEM_FREE, "LP23");
        let kind = MEM_PHYSICAL | MEM_RESERVE | MEM_TOP_DOWN;
        let top = on.alloc(0, PAGE, kind, PAGE_READWRITE).expect("LP17");
        assert!(top > base, "LP17 in {}", on.name);
        on.release(top);
    });
}

// Rows: LP25 LP27 LP29 LP30
#[test]
fn pages_come_and_go_in_a_window_and_keep_their_content() {
    everywhere(|on| {
        let Some(frames) = frames(on, 8) else { return };
        let base = window(on, 4);
        assert_eq!(map(on, base, &frames[..4]), Ok(()), "LP26 in {}", on.name);
        (0..4).for_each(|page| on.store(base + page * PAGE, 0x10 + page as u8));
        assert_eq!(map(on, base, &frames[4..]), Ok(()), "LP30 in {}", on.name);
        assert_eq!(on.load(base), Some(0), "LP30: other pages, fresh ones");
        on.store(base, 0x77);
        assert_eq!(unmap(on, base, 4), Ok(()), "LP27 in {}", on.name);
        assert_eq!(on.load(base), None, "LP27");
        let turned: Vec<u64> = frames[..4].iter().rev().copied().collect();
        assert_eq!(map(on, base, &turned), Ok(()));
        let loaded = [0, 1, 2, 3].map(|page| on.load(base + page * PAGE));
        assert_eq!(loaded, [0x13, 0x12, 0x11, 0x10].map(Some), "the content is the pages' in {}", on.name);
        give_back(on, &frames[..2]);
        let loaded = [0, 1, 2, 3].map(|page| on.load(base + page * PAGE));
        assert_eq!(loaded, [Some(0x13), Some(0x12), None, None], "LP29: unmapped first in {}", on.name);
        on.release(base);
        let other = window(on, 1);
        assert_eq!(map(on, other, &frames[4..5]), Ok(()), "LP23: the pages outlive the window");
        assert_eq!(on.load(other), Some(0x77), "LP23 in {}", on.name);
        on.release(other);
        give_back(on, &frames[2..]);
    });
}

// Rows: LP26 LP28
#[test]
fn what_is_mapped_or_not_the_process_s_is_not_mapped() {
    everywhere(|on| {
        let Some(frames) = frames(on, 3) else { return };
        let base = window(on, 4);
        let unknown = frames.iter().max().expect("three") + 1_000_000;
        assert_eq!(map(on, base, &frames[..1]), Ok(()));
        on.store(base, 0x42);
        assert_eq!(map(on, base + PAGE, &[frames[1], frames[0]]), Err(87), "LP26 in {}", on.name);
        assert_eq!(map(on, base + PAGE, &[frames[1], unknown]), Err(87), "LP28 in {}", on.name);
        assert_eq!(map(on, base + PAGE, &[frames[1], frames[1]]), Err(87), "LP26 in {}", on.name);
        assert_eq!(map(on, base + 3 * PAGE, &frames[1..]), Err(87), "beyond the window in {}", on.name);
        let loaded = [0, 1, 2, 3].map(|page| on.load(base + page * PAGE));
        assert_eq!(loaded, [Some(0x42), None, None, None], "LP26, LP28: all or nothing");
        let wrong = free_user_physical_pages(on.memory, &[frames[0], unknown]);
        assert_eq!(code(wrong), Err(87), "LP28 in {}", on.name);
        assert_eq!(on.load(base), Some(0x42));
        let plain = on.pages(1);
        assert_eq!(map(on, plain, &frames[1..2]), Err(87), "no window in {}", on.name);
        on.release(plain);
        on.release(base);
        give_back(on, &frames);
    });
}

#[test]
fn single_addresses_are_mapped_and_unmapped_together() {
    everywhere(|on| {
        let Some(frames) = frames(on, 3) else { return };
        let (one, two) = (window(on, 4), window(on, 4));
        let places = [one + 2 * PAGE, two, one];
        let scatter = |places: &[u64], frames: Option<&[u64]>| {
            code(map_user_physical_pages_scatter(on.memory, places, frames))
        };
        assert_eq!(scatter(&places, Some(&frames)), Ok(()), "in {}", on.name);
        (0_u8..).zip(places).for_each(|(value, at)| on.store(at, value + 1));
        assert_eq!(scatter(&places[..2], Some(&[frames[1], frames[0]])), Ok(()), "they change places");
        assert_eq!(places.map(|at| on.load(at)), [Some(2), Some(1), Some(3)], "in {}", on.name);
        assert_eq!(scatter(&places[..2], None), Ok(()));
        assert_eq!(places.map(|at| on.load(at)), [None, None, Some(3)]);
        assert_eq!(scatter(&places[1..], Some(&[frames[1], 0])), Ok(()), "0 is none");
        assert_eq!(places.map(|at| on.load(at)), [None, Some(2), None]);
        assert_eq!(scatter(&[], None), Err(87));
        on.release(one);
        on.release(two);
        give_back(on, &frames);
    });
}

// Rows: LP34 LP35 LP36 LP37
#[test]
fn a_node_is_a_preference() {
    everywhere(|on| {
        let numa = |at, kind, node| code(virtual_alloc_numa(on.memory, at, PAGE, kind, PAGE_READWRITE, node));
        for (row, node) in [("LP34", 0), ("LP37", ANY)] {
            let base = numa(0, BOTH, node).expect(row);
            on.store(base, 1);
            on.release(base);
        }
        assert_eq!(numa(0, BOTH, 65_000), Err(87), "LP36 in {}", on.name);
        assert_eq!(numa(0, BOTH, 1 << 20), Err(87), "LP36 in {}", on.name);
        let base = on.alloc(0, PAGE, MEM_RESERVE, PAGE_READWRITE).expect("memory is free");
        assert_eq!(numa(base, MEM_COMMIT, 0), Ok(base), "LP35 in {}", on.name);
        on.release(base);
    });
}

// Rows: LP01 LP34 LP36 LP37
#[test]
fn the_calls_know_the_machine() {
    let mut highest = u32::MAX;
    // SAFETY: the pointer is valid.
    assert_eq!(unsafe { GetNumaHighestNodeNumber(&raw mut highest) }, 1);
    let nodes = std::fs::read_dir("/sys/devices/system/node").map_or(1, |nodes| {
        let name = |node: std::io::Result<std::fs::DirEntry>| node.ok()?.file_name().into_string().ok();
        nodes.filter_map(name).filter(|name| name.trim_start_matches("node").parse::<u32>().is_ok()).count()
    });
    assert!(highest as usize + 1 >= nodes, "{highest} and {nodes} nodes");
    // SAFETY: NULL is refused.
    assert_eq!((unsafe { GetNumaHighestNodeNumber(ptr::null_mut()) }, last_error()), (0, 998));
    // SAFETY: no conditions.
    assert_eq!(unsafe { GetLargePageMinimum() } as u64, LARGE, "LP01");
    let alloc = |node| {
        // SAFETY: fresh memory.
        let base = unsafe { VirtualAllocExNuma(SELF, ptr::null(), 4096, BOTH, PAGE_READWRITE, node) };
        if base.is_null() { Err(last_error()) } else { Ok(base.addr()) }
    };
    for node in [highest, ANY] {
        support::On(SELF).release(alloc(node).expect("LP34, LP37"));
    }
    assert_eq!(alloc(highest + 1), Err(87), "LP36");
}

fn alloc2(kind: u32, parameters: &mut [(u64, u64)]) -> Result<usize, u32> {
    let parameter = |(kind, value): &(u64, u64)| MEM_EXTENDED_PARAMETER {
        Anonymous1: MEM_EXTENDED_PARAMETER_0 { _bitfield: *kind },
        Anonymous2: MEM_EXTENDED_PARAMETER_1 { ULong64: *value },
    };
    let mut parameters: Vec<_> = parameters.iter().map(parameter).collect();
    let (first, count) = (parameters.as_mut_ptr(), parameters.len() as u32);
    // SAFETY: fresh memory; the parameters live across the call.
    let base =
        unsafe { VirtualAlloc2(SELF, ptr::null(), LARGE as usize, kind, PAGE_READWRITE, first, count) };
    if base.is_null() { Err(last_error()) } else { Ok(base.addr()) }
}

#[test]
fn extended_parameters_name_a_node_and_the_kind_of_large_pages() {
    let (node, attributes) = (2, 5);
    let large = u64::from(MEM_EXTENDED_PARAMETER_NONPAGED_LARGE);
    let huge = u64::from(MEM_EXTENDED_PARAMETER_NONPAGED_HUGE);
    support::On(SELF).release(alloc2(BOTH, &mut [(node, 0)]).expect("node 0 is there"));
    support::On(SELF).release(alloc2(BOTH, &mut [(node, ANY.into())]).expect("any node"));
    assert_eq!(alloc2(BOTH, &mut [(node, 65_000)]), Err(87));
    for flags in [large, huge] {
        assert_eq!(alloc2(BOTH, &mut [(attributes, flags)]), Err(87), "without MEM_LARGE_PAGES");
        match alloc2(BOTH | MEM_LARGE_PAGES, &mut [(attributes, flags)]) {
            Ok(base) => support::On(SELF).release(base),
            // No privilege, no pages; 2 MiB are no multiple of 1 GiB.
            Err(code) => assert!(matches!(code, 1314 | 1450) || flags == huge && code == 87, "{code}"),
        }
    }
    assert_eq!(alloc2(BOTH | MEM_LARGE_PAGES, &mut [(attributes, large | huge)]), Err(87));
}

// Rows: LP24 LP25 LP32
#[test]
fn the_calls_for_physical_pages_check_their_arguments_and_the_handle() {
    let sleeper = Sleeper::new();
    let looking = sleeper.open(PROCESS_QUERY_INFORMATION);
    let changing = sleeper.open(PROCESS_VM_OPERATION);
    let take = |handle| {
        let (mut count, mut pages) = (2, [0; 2]);
        // SAFETY: there is room for two.
        let answer = unsafe { AllocateUserPhysicalPages(handle, &raw mut count, pages.as_mut_ptr()) };
        if answer == 0 { Err(last_error()) } else { Ok((count, pages)) }
    };
    assert_eq!(take(looking.on.0), Err(5), "LP32");
    assert_eq!(take(ptr::null_mut()), Err(6));
    for handle in [changing.on.0, SELF] {
        match take(handle) {
            Ok((mut count, pages)) => {
                assert_eq!(count, 2, "LP25");
                // SAFETY: they are this test's.
                let freed = unsafe { FreeUserPhysicalPages(handle, &raw mut count, pages.as_ptr()) };
                assert_eq!((freed, count), (1, 2), "LP29");
            }
            Err(code) => assert_eq!(code, 1314, "LP24"),
        }
    }
    let mut one = 1;
    // SAFETY: NULL is refused.
    unsafe {
        assert_eq!(AllocateUserPhysicalPages(SELF, ptr::null_mut(), ptr::null_mut()), 0);
        assert_eq!(last_error(), 998);
        assert_eq!(AllocateUserPhysicalPages(SELF, &raw mut one, ptr::null_mut()), 0);
        assert_eq!(last_error(), 998);
        assert_eq!(FreeUserPhysicalPages(SELF, &raw mut one, ptr::null()), 0);
        assert_eq!(last_error(), 998);
        assert_eq!(MapUserPhysicalPagesScatter(ptr::null(), 1, ptr::null()), 0);
        assert_eq!(last_error(), 998);
        assert_eq!(MapUserPhysicalPages(pointer(0x10_0000), 1, ptr::null()), 0, "no window");
        assert_eq!(last_error(), 87);
    }
}
