//! Arguments that the rows do not speak of one by one: pointers at odd addresses, counts beyond all
//! arrays, two faults at once, and the last error when nothing went wrong.

#[path = "golden/support.rs"]
mod support;
mod three;

use std::ffi::c_void;
use std::ptr;

use pagewright::win32::*;
use pagewright::{Memory, Process};
use support::{SELF, Sleeper, last_error};
use three::{BOTH, PAGE, code};

const SENTINEL: u32 = 0xdead_beef;

/// What a call answers, and that it leaves the last error alone.
fn silent<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: no conditions.
    unsafe { SetLastError(SENTINEL) };
    let answer = call();
    assert_eq!(last_error(), SENTINEL, "VA76: a call that succeeds leaves the last error alone");
    answer
}

/// Numbers at an odd address.
struct Odd(Vec<u8>);

impl Odd {
    fn of(numbers: &[usize]) -> Self {
        Self([0].into_iter().chain(numbers.iter().flat_map(|it| it.to_ne_bytes())).collect())
    }

    fn at(&mut self) -> *mut usize {
        let at = self.0[1..].as_mut_ptr();
        assert_eq!(at.addr() % 2, 1, "the allocator gives even addresses");
        at.cast()
    }

    fn numbers(&self) -> Vec<usize> {
        self.0[1..].as_chunks::<8>().0.iter().map(|it| usize::from_ne_bytes(*it)).collect()
    }
}

fn pointer(address: u64) -> *mut c_void {
    support::pointer(address as usize)
}

fn pages(kind: u32, count: u64, protect: u32) -> u64 {
    code(virtual_alloc(&Process::current(), 0, count * PAGE, kind, protect)).expect("memory is free")
}

fn release(at: u64) {
    assert_eq!(code(virtual_free(&Process::current(), at, 0, MEM_RELEASE)), Ok(()));
}

fn privileged() -> bool {
    let granted = pagewright::privilege::may_lock_pages();
    if !granted {
        println!("no privilege to lock memory, so nothing about physical pages is shown");
    }
    granted
}

// Rows in part: WW06 WW07 WW11 WW14 VA76
#[test]
fn lists_of_written_pages_go_anywhere() {
    let base = pages(BOTH | MEM_WRITE_WATCH, 8, PAGE_READWRITE);
    let me = Process::current();
    let (mut count, mut sizes, mut array) = (Odd::of(&[4]), Odd::of(&[0]), Odd::of(&[7; 4]));
    let mut ask = |flags| {
        // SAFETY: there is room for four.
        unsafe {
            GetWriteWatch(
                flags,
                pointer(base),
                8 * PAGE as usize,
                array.at().cast(),
                count.at(),
                sizes.at().cast(),
            )
        }
    };
    assert_eq!(silent(|| ask(0)), 0);
    for page in [1, 2, 5, 6, 7] {
        me.write(base + page * PAGE, &[1]).expect("it is ours");
    }
    assert_eq!((count.numbers(), array.numbers()), (vec![0], vec![7; 4]), "WW14");
    count = Odd::of(&[4]);
    // SAFETY: as above.
    let answer = silent(|| unsafe {
        GetWriteWatch(1, pointer(base), 8 * PAGE as usize, array.at().cast(), count.at(), sizes.at().cast())
    });
    let listed = [1, 2, 5, 6].map(|page| (base + page * PAGE) as usize);
    assert_eq!((answer, count.numbers(), array.numbers()), (0, vec![4], listed.to_vec()), "WW11");
    assert_eq!(sizes.numbers()[0] as u32, 4096);
    // SAFETY: no conditions.
    assert_eq!(silent(|| unsafe { ResetWriteWatch(pointer(base), 8 * PAGE as usize) }), 0);
    release(base);
}

// Rows: WW28 WW31 WW32
#[test]
fn of_two_faults_the_number_comes_before_the_array() {
    let base = pages(BOTH | MEM_WRITE_WATCH, 4, PAGE_READWRITE);
    let ask = |flags, at, mut count: usize| {
        let mut granularity = 0;
        let (at, size) = (pointer(at), 4 * PAGE as usize);
        // SAFETY: NULL is an array that nothing is listed in.
        let answer =
            unsafe { GetWriteWatch(flags, at, size, ptr::null_mut(), &raw mut count, &raw mut granularity) };
        assert_eq!(answer, u32::MAX);
        last_error()
    };
    assert_eq!(ask(0, base, 0), 87, "WW28");
    assert_eq!(ask(0, base, 64), 998, "WW31");
    assert_eq!(ask(SENTINEL, base, 64), 87, "WW32");
    assert_eq!(ask(0, u64::MAX - 0xfff, 64), 87, "no address of programs");
    release(base);
}

// Rows in part: LP25 LP26 LP27 LP28 LP29 LP30
#[test]
fn arrays_of_physical_pages_lie_anywhere_and_are_never_read_beyond_reason() {
    if !privileged() {
        return;
    }
    let window = pages(MEM_PHYSICAL | MEM_RESERVE, 4, PAGE_READWRITE);
    let (mut count, mut array) = (Odd::of(&[3]), Odd::of(&[0; 3]));
    // SAFETY: there is room for three.
    let took = || unsafe { AllocateUserPhysicalPages(SELF, count.at(), array.at()) };
    assert_eq!(silent(took), 1);
    let frames = array.numbers();
    let at = pointer(window).cast_const();
    // SAFETY: the array has three.
    assert_eq!(silent(|| unsafe { MapUserPhysicalPages(at, 3, array.at()) }), 1);
    for count in [usize::MAX, isize::MAX as usize / 8, 1 << 40] {
        // SAFETY: no array is as long, so it is not read.
        let answers = unsafe {
            let (mut free, places) = (count, [at; 1]);
            [
                (MapUserPhysicalPages(at, count, array.at()), last_error()),
                (FreeUserPhysicalPages(SELF, &raw mut free, array.at()), last_error()),
                (MapUserPhysicalPagesScatter(places.as_ptr(), count, array.at()), last_error()),
                (MapUserPhysicalPages(at, count, ptr::null()), last_error()),
            ]
        };
        assert_eq!(answers, [(0, 87); 4], "{count:#x} pages");
    }
    for strange in [0, usize::MAX, usize::MAX - 1, 1 << 63] {
        let (places, one) = ([at], [strange]);
        let mut count = 1;
        // SAFETY: the arrays have one each.
        let answers = unsafe {
            [
                (MapUserPhysicalPages(at, 1, one.as_ptr()), last_error()),
                (FreeUserPhysicalPages(SELF, &raw mut count, one.as_ptr()), last_error()),
                (MapUserPhysicalPagesScatter(places.as_ptr(), 1, one.as_ptr()), last_error()),
            ]
        };
        // 0 is no page, and in a list of single places it unmaps.
        let refused = if strange == 0 { &answers[..2] } else { &answers[..] };
        assert!(refused.iter().all(|answer| *answer == (0, 87)), "page {strange:#x}: {answers:?}");
    }
    // SAFETY: there are three.
    assert_eq!(silent(|| unsafe { FreeUserPhysicalPages(SELF, count.at(), array.at()) }), 1);
    assert_eq!(count.numbers(), [3], "of {frames:?}");
    release(window);
}

/// One message to another process has room for 4096 numbers; a call has as many as it likes.
// Rows in part: LP25 LP26 LP29
#[test]
fn thousands_of_physical_pages_of_another_process() {
    if !privileged() {
        return;
    }
    const MANY: u64 = 5000;
    let sleeper = Sleeper::new();
    let target = Process::open(sleeper.pid()).expect("our own child");
    let frames = code(allocate_user_physical_pages(&target, MANY, NUMA_NO_PREFERRED_NODE)).expect("LP25");
    assert_eq!(frames.len() as u64, MANY, "20 MiB are there");
    let window = code(virtual_alloc(&target, 0, MANY * PAGE, MEM_PHYSICAL | MEM_RESERVE, PAGE_READWRITE));
    let window = window.expect("memory is free");
    assert_eq!(code(map_user_physical_pages(&target, window, MANY, Some(&frames))), Ok(()));
    let last = window + MANY * PAGE - 1;
    assert_eq!(target.write(last, &[9]).expect("it lives"), 1);
    let mut wrong = frames.clone();
    wrong.push(u64::MAX);
    assert_eq!(code(free_user_physical_pages(&target, &wrong)), Err(87));
    assert_eq!(target.write(last, &[8]).expect("it lives"), 1, "all or nothing");
    let places: Vec<u64> = (0..MANY).map(|page| window + page * PAGE).collect();
    assert_eq!(code(map_user_physical_pages_scatter(&target, &places, Some(&frames))), Ok(()));
    assert_eq!(target.read(last, &mut [0]).expect("it lives"), 1);
    assert_eq!(code(map_user_physical_pages_scatter(&target, &places, None)), Ok(()));
    assert_eq!(target.read(last, &mut [0]).expect("it lives"), 0);
    assert_eq!(code(free_user_physical_pages(&target, &frames)), Ok(MANY), "LP29");
    assert_eq!(code(map_user_physical_pages_scatter(&target, &[window], Some(&[u64::MAX]))), Err(87));
}

// Rows: LP36
#[test]
fn a_node_that_the_machine_has_not_is_refused_whatever_else_is_asked() {
    let mut highest = 0;
    // SAFETY: the pointer is valid.
    assert_eq!(silent(|| unsafe { GetNumaHighestNodeNumber(&raw mut highest) }), 1);
    let (none, base) = (highest + 1, pages(MEM_RESERVE, 1, PAGE_READWRITE));
    for (at, kind) in [(0, BOTH), (base, MEM_COMMIT), (base, MEM_RESET)] {
        // SAFETY: it is refused.
        let answer = unsafe { VirtualAllocExNuma(SELF, pointer(at), 4096, kind, PAGE_READWRITE, none) };
        assert_eq!((answer, last_error()), (ptr::null_mut(), 87), "{kind:#x}");
        let parameter = MEM_EXTENDED_PARAMETER {
            Anonymous1: MEM_EXTENDED_PARAMETER_0 { _bitfield: 2 },
            Anonymous2: MEM_EXTENDED_PARAMETER_1 { ULong: none },
        };
        let mut list = [parameter];
        // SAFETY: as above.
        let answer =
            unsafe { VirtualAlloc2(SELF, pointer(at), 4096, kind, PAGE_READWRITE, list.as_mut_ptr(), 1) };
        assert_eq!((answer, last_error()), (ptr::null_mut(), 87), "VirtualAlloc2, {kind:#x}");
    }
    if privileged() {
        let (mut count, mut page) = (1, [0]);
        // SAFETY: there is room for one.
        let answer = unsafe { AllocateUserPhysicalPagesNuma(SELF, &raw mut count, page.as_mut_ptr(), none) };
        assert_eq!((answer, last_error()), (0, 87));
    }
    release(base);
}

// Rows: LP04
#[test]
fn large_pages_begin_at_a_multiple_of_their_size() {
    let base = pages(MEM_RESERVE, 1024, PAGE_READWRITE);
    release(base);
    let odd = (base & !0x1f_ffff) + 0x1_0000;
    let asked = virtual_alloc(&Process::current(), odd, 2 << 20, BOTH | MEM_LARGE_PAGES, PAGE_READWRITE);
    match code(asked) {
        Err(1314) => println!("no privilege to lock memory: 1314 comes first"),
        other => assert_eq!(other, Err(87), "LP04"),
    }
}

// Rows in part: PF13 PF14 PF15 PF16
#[test]
fn calls_that_answer_a_code_leave_the_last_error_alone() {
    let base = pages(BOTH, 4, PAGE_READWRITE);
    let reserved = pages(MEM_RESERVE, 1, PAGE_READWRITE);
    let readonly = pages(BOTH, 1, PAGE_READONLY);
    // SAFETY: nobody uses the memory.
    let offer =
        |at: u64, size, priority| silent(|| unsafe { OfferVirtualMemory(pointer(at), size, priority) });
    // SAFETY: any range is answered.
    let reclaim = |at: u64, size| silent(|| unsafe { ReclaimVirtualMemory(pointer(at), size) });
    // SAFETY: nobody relies on it.
    let discard = |at: u64, size| silent(|| unsafe { DiscardVirtualMemory(pointer(at), size) });
    for (at, size) in [(base + 1, 4096), (base, 1), (base, 0), (base, 5 * 4096), (reserved, 4096), (0, 4096)]
    {
        assert_eq!(offer(at, size, 4), 87, "PF14: {at:#x} + {size:#x}");
        assert_eq!(reclaim(at, size), 87, "PF14: {at:#x} + {size:#x}");
        assert_eq!(discard(at, size), 87, "PF14: {at:#x} + {size:#x}");
    }
    assert_eq!(discard(readonly, 4096), 87, "PF14");
    for priority in [0, 5, -1, i32::MAX] {
        assert_eq!(offer(base, 4096, priority), 87, "priority {priority}");
    }
    for priority in 1..=4 {
        assert_eq!((offer(base, 4096, priority), reclaim(base, 4096)), (0, 0), "PF15, PF16");
    }
    assert_eq!(discard(base, 4 * 4096), 0, "PF13");
    [base, reserved, readonly].into_iter().for_each(release);
}

// Rows in part: VL01 VL02 VL03 VL07 VL08 VL11 VL13 VL17
#[test]
fn locks_say_what_is_wrong_first() {
    let (base, reserved) = (pages(BOTH, 64, PAGE_READWRITE), pages(MEM_RESERVE, 1, PAGE_READWRITE));
    let answer = |done| if done == 0 { last_error() } else { 0 };
    // SAFETY: any range is answered.
    let lock = |at: u64, size: usize| answer(unsafe { VirtualLock(pointer(at), size) });
    // SAFETY: as above.
    let unlock = |at: u64, size: usize| answer(unsafe { VirtualUnlock(pointer(at), size) });
    let page = PAGE as usize;
    for (at, size, expected) in [
        (base, 0, 87),
        (0, 0, 87),
        (u64::MAX - 0xfff, 1, 87),
        (base, usize::MAX, 87),
        (reserved, 1, 998),
        (0x1_0000, 1, 998),
        (base, 64 * page, 1453),
        // Not committed says more than too much.
        (reserved, 64 * page, 998),
    ] {
        assert_eq!(lock(at, size), expected, "lock {at:#x} + {size:#x}");
    }
    for (at, size, expected) in [(base, 0, 87), (base, page, 158), (reserved, 1, 158), (0x1_0000, 1, 158)] {
        assert_eq!(unlock(at, size), expected, "unlock {at:#x} + {size:#x}");
    }
    // SAFETY: as above.
    assert_eq!(silent(|| unsafe { VirtualLock(pointer(base + 4095), 2) }), 1, "VL01");
    // SAFETY: as above.
    assert_eq!(silent(|| unsafe { VirtualUnlock(pointer(base), 2 * page) }), 1, "VL01: both pages");
    [base, reserved].into_iter().for_each(release);
}

// Rows in part: VA57 VA58 VA59 VA60 VA61 VP41
#[test]
fn modifiers_go_with_what_they_go_with() {
    let me = Process::current();
    let targets = PAGE_TARGETS_INVALID;
    for (protect, reported) in [
        (PAGE_EXECUTE_READ | targets, Some(PAGE_EXECUTE_READ)),
        (PAGE_EXECUTE | targets, Some(PAGE_EXECUTE)),
        (PAGE_READWRITE | targets, None),
        (PAGE_NOACCESS | targets, None),
        (PAGE_READONLY | PAGE_WRITECOMBINE, Some(PAGE_READONLY | PAGE_WRITECOMBINE)),
        (PAGE_READWRITE | PAGE_NOCACHE, Some(PAGE_READWRITE | PAGE_NOCACHE)),
        (PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE, None),
        (PAGE_READWRITE | PAGE_GUARD | PAGE_NOCACHE, None),
        (PAGE_NOACCESS | PAGE_GUARD, None),
        (PAGE_NOACCESS | PAGE_NOCACHE, None),
        (PAGE_READWRITE | PAGE_GUARD, Some(PAGE_READWRITE | PAGE_GUARD)),
    ] {
        match (code(virtual_alloc(&me, 0, PAGE, BOTH, protect)), reported) {
            (Ok(at), Some(reported)) => {
                assert_eq!(virtual_query(&me, at).expect("ours").Protect, reported, "{protect:#x}");
                release(at);
            }
            (Err(87), None) => {}
            (other, _) => panic!("{protect:#x}: {other:?}"),
        }
    }
}

// Rows in part: PF01 PF02 PF03 PF04 PF09 PF10 PF11 HR11
#[test]
fn prefetching_checks_its_list() {
    let base = pages(BOTH, 1, PAGE_READWRITE);
    let list =
        |at: u64, bytes| [WIN32_MEMORY_RANGE_ENTRY { VirtualAddress: pointer(at), NumberOfBytes: bytes }];
    let ask = |count, list: *const WIN32_MEMORY_RANGE_ENTRY, flags| {
        // SAFETY: the list has so many, or is not read.
        unsafe { PrefetchVirtualMemory(SELF, count, list, flags) }
    };
    for (count, list, flags) in [
        (0, ptr::null(), 0),
        (1, list(base, 4096).as_ptr(), 1),
        (usize::MAX, ptr::null(), 0),
        (1, list(base, 0).as_ptr(), 0),
    ] {
        assert_eq!((ask(count, list, flags), last_error()), (0, 87), "{count:#x} {flags}");
    }
    assert_eq!((ask(1, ptr::null(), 0), last_error()), (0, 998), "PF10");
    for entry in [list(base, 4096), list(base + 22, 22), list(0, 4096), list(u64::MAX, usize::MAX)] {
        assert_eq!(silent(|| ask(1, entry.as_ptr(), 0)), 1, "{entry:?}");
    }
    release(base);
}

// Rows in part: HR10 HR11
#[test]
fn each_call_wants_its_rights() {
    let sleeper = Sleeper::new();
    let none: *mut c_void = ptr::null_mut();
    for access in [PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_QUERY_INFORMATION, PROCESS_VM_OPERATION] {
        let opened = sleeper.open(access);
        let handle = opened.on.0;
        let (mut count, mut granularity, mut array) = (1, 0, [none]);
        let (mut frames, mut frame) = (1, [0]);
        let range = [WIN32_MEMORY_RANGE_ENTRY { VirtualAddress: pointer(0x10000), NumberOfBytes: 1 }];
        let at = pointer(0x10000).cast_const();
        let (operate, inspect) = (access == PROCESS_VM_OPERATION, access == PROCESS_QUERY_INFORMATION);
        let denied = |answer: bool| !answer && last_error() == 5;
        // SAFETY: all pointers are valid, and nothing is there to change.
        unsafe {
            let (list, count, unit) = (array.as_mut_ptr(), &raw mut count, &raw mut granularity);
            let got = GetWriteWatchEx(handle, 0, at, 1, list, count, unit) == 0;
            assert_eq!(denied(got), !inspect, "GetWriteWatchEx with {access:#x}");
            assert!(denied(GetWriteWatchEx(handle, 1, at, 1, list, count, unit) == 0), "with a reset");
            assert!(denied(ResetWriteWatchEx(handle, at, 1) == 0));
            assert!(denied(NoteWriteWatchEx(handle, at, 1) == 0));
            assert!(denied(PrefetchVirtualMemory(handle, 1, range.as_ptr(), 0) != 0), "HR11");
            assert!(denied(SetProcessWorkingSetSize(handle, 1 << 20, 2 << 20) != 0));
            assert_eq!(denied(VirtualUnlockEx(handle, at, 1) != 0), !operate, "VirtualUnlockEx");
            assert_eq!(denied(MapUserPhysicalPagesEx(handle, at, 1, ptr::null()) != 0), !operate);
            let took = AllocateUserPhysicalPages(handle, &raw mut frames, frame.as_mut_ptr()) != 0;
            assert_eq!(denied(took), !operate, "LP32 with {access:#x}");
        }
    }
}
