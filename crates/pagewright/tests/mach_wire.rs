//! vm_wire, vm_msync, vm_behavior_set, vm_machine_attribute, host_page_size: rows W, S, B, X
//! and H of section 10.

mod mach_support;

use mach_support::{
    ADDR, ALL, ANY, ARG, FAIL, HOST, L, LAST, NONE, NOSPC, On, P, PROT, R, RW, SENDDEST, SHORT, TASK, TOP, W,
    arena, here, here_and_there, pattern,
};
use pagewright::Process;
use pagewright::mach::{
    MATTR_CACHE, MATTR_MIGRATE, MATTR_VAL_CACHE_FLUSH, MATTR_VAL_CACHE_SYNC, MATTR_VAL_GET,
    MATTR_VAL_ICACHE_FLUSH, VM_BEHAVIOR_CAN_REUSE, VM_BEHAVIOR_DONTNEED, VM_BEHAVIOR_FREE,
    VM_BEHAVIOR_PAGEOUT, VM_BEHAVIOR_REUSABLE, VM_BEHAVIOR_REUSE, VM_BEHAVIOR_WILLNEED, VM_BEHAVIOR_ZERO,
    VM_BEHAVIOR_ZERO_WIRED_PAGES, VM_SYNC_ASYNCHRONOUS, VM_SYNC_CONTIGUOUS, VM_SYNC_DEACTIVATE,
    VM_SYNC_INVALIDATE, VM_SYNC_KILLPAGES, VM_SYNC_SYNCHRONOUS, host_page_size, mach_error_string,
    mach_host_self, mach_task_self, mach_vm_round_page, mach_vm_trunc_page, mach_vm_wire, round_page,
    trunc_page, vm_page_mask, vm_page_shift, vm_page_size,
};

fn host() -> u32 {
    // SAFETY: no conditions.
    unsafe { mach_host_self() }
}

fn wire_as(host: u32, on: &On, at: u64, size: u64, access: i32) -> Result<(), i32> {
    // SAFETY: no conditions.
    match unsafe { mach_vm_wire(host, on.task, at, size, access) } {
        0 => Ok(()),
        code => Err(code),
    }
}

fn wire(on: &On, at: u64, size: u64, access: i32) -> Result<(), i32> {
    wire_as(host(), on, at, size, access)
}

fn named(task: u32) -> On {
    On { task, process: Process::current() }
}

#[test]
fn w1_t5_the_host_is_looked_at_before_the_task() {
    here(|on| {
        for wrong in [0, on.task, 0x1_2345, u32::MAX] {
            assert_eq!(wire_as(wrong, on, P, 0, R), Err(HOST), "{wrong:#x}");
            assert_eq!(wire_as(wrong, &named(0), P, P, R), Err(HOST), "{wrong:#x}");
        }
        for wrong in [0, host(), 0x1_2345] {
            assert_eq!(wire(&named(wrong), P, P, R), Err(TASK), "{wrong:#x}");
        }
    });
}

#[test]
fn w2_letting_go_counts_down_and_passes_over_what_is_not_wired() {
    here(|on| {
        let at = on.fresh_at(arena(), 4 * P);
        assert_eq!(wire(on, at, 2 * P, R), Ok(()));
        assert_eq!(wire(on, at, P, R), Ok(()));
        assert_eq!(wire(on, at, 4 * P, NONE), Ok(()), "the rest was not wired");
        assert_eq!((on.at(at).wired, on.at(at + P).wired), (1, 0));
        assert_eq!(wire(on, at, 4 * P, NONE), Ok(()));
        assert_eq!(wire(on, at, 4 * P, NONE), Ok(()), "nor is any now");
        on.free(at, P);
        assert_eq!(wire(on, at, 2 * P, NONE), Err(ADDR), "nothing is where it begins");
        on.free(at + 2 * P, P);
        assert_eq!(wire(on, at + P, 3 * P, NONE), Ok(()), "a hole further on does not matter");
        on.free(at, 4 * P);
    });
}

#[test]
fn w3_other_bits_are_an_argument_unless_there_are_no_bytes() {
    here(|on| {
        let at = on.fresh(P);
        for access in [8, 0x10, 0x40, -1] {
            assert_eq!(wire(on, at, P, access), Err(ARG), "{access}");
            assert_eq!(wire(on, at, 0, access), Ok(()), "{access}");
        }
        on.free(at, P);
    });
}

#[test]
fn w4_a_hole_is_no_address_and_nothing_is_wired() {
    here(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        on.free(at + P, P);
        assert_eq!(wire(on, at, 3 * P, R), Err(ADDR));
        assert_eq!(wire(on, at + P, P, R), Err(ADDR));
        assert_eq!(wire(on, TOP, P, R), Err(ADDR));
        assert_eq!((on.at(at).wired, on.at(at + 2 * P).wired), (0, 0));
        on.free(at, 3 * P);
    });
}

#[test]
fn w4_ranges_that_wrap_around_are_an_argument() {
    here(|on| {
        for access in [R, NONE] {
            assert_eq!(wire(on, LAST, P, access), Err(ARG));
            assert_eq!(wire(on, LAST, P - 1, access), Err(ARG));
        }
    });
}

#[test]
fn w5_what_may_not_be_used_so_is_not_wired_unless_it_is_already() {
    here(|on| {
        let at = on.fresh(2 * P);
        assert_eq!(on.protect(at + P, P, R), Ok(()));
        assert_eq!(wire(on, at, 2 * P, RW), Err(PROT));
        assert_eq!(on.at(at).wired, 0, "undone");
        assert_eq!(wire(on, at + P, P, R), Ok(()));
        assert_eq!(wire(on, at, 2 * P, RW), Ok(()), "what is wired is not asked again");
        assert_eq!((on.at(at).wired, on.at(at + P).wired), (1, 2));
        on.free(at, 2 * P);
    });
}

#[test]
fn w6_above_the_limit_is_a_shortage_and_nothing_is_wired() {
    use mach_support::fault::{End, in_child, leave};
    here(|on| {
        let at = on.fresh(L);
        let end = in_child(|| {
            let limit = libc::rlimit { rlim_cur: 4 * P, rlim_max: 4 * P };
            // SAFETY: a valid structure; the child gives its privileges away.
            unsafe {
                libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit);
                libc::setuid(65534);
            }
            if wire(on, at, L, R) != Err(SHORT) {
                leave(1);
            }
            if on.at(at).wired != 0 || wire(on, at, P, R) != Ok(()) {
                leave(2);
            }
        });
        assert_eq!(end, End::Code(0));
        on.free(at, L);
    });
}

#[test]
fn w7_wiring_brings_the_pages_in() {
    here(|on| {
        let at = on.fresh(L);
        assert_eq!(wire(on, at, L, R), Ok(()));
        let mut map = vec![0_u8; (L / P) as usize];
        // SAFETY: one byte for each page.
        assert_eq!(unsafe { libc::mincore(at as *mut _, L as usize, map.as_mut_ptr()) }, 0);
        assert!(map.iter().all(|page| page & 1 == 1));
        on.free(at, L);
    });
}

#[test]
fn w8_the_count_is_told() {
    here_and_there(|on| {
        let at = on.fresh(2 * P);
        for count in 1..4 {
            assert_eq!(wire(on, at, P, R), Ok(()));
            assert_eq!((on.at(at).wired, on.at(at + P).wired), (count, 0));
        }
        for count in [2, 1, 0] {
            assert_eq!(wire(on, at, P, NONE), Ok(()));
            assert_eq!(on.at(at).wired, count);
        }
        on.free(at, 2 * P);
    });
}

#[test]
fn s1_no_task_and_something_else() {
    assert_eq!(named(0).msync(P, P, 1), Err(SENDDEST));
    assert_eq!(named(host()).msync(P, P, 1), Err(TASK), "T4");
}

#[test]
fn s2_no_bytes_are_synchronised_already() {
    here_and_there(|on| {
        let both = VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS;
        assert_eq!(on.msync(u64::MAX, 0, both), Ok(()));
        assert_eq!(on.msync(0, 0, VM_SYNC_CONTIGUOUS), Ok(()));
    });
}

#[test]
fn s3_both_ways_at_once_are_an_argument() {
    here_and_there(|on| {
        let at = on.fresh(P);
        assert_eq!(on.msync(at, P, VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS), Err(ARG));
        assert_eq!(on.msync(LAST, P, VM_SYNC_SYNCHRONOUS), Err(ADDR), "wraps around");
        assert_eq!(on.msync(LAST, P - 1, VM_SYNC_SYNCHRONOUS), Err(ADDR));
        on.free(at, P);
    });
}

#[test]
fn s4_s5_s7_holes_matter_only_when_asked_for() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        let bytes = on.fill(at, 3 * P, 1);
        on.free(at + P, P);
        for flags in [VM_SYNC_SYNCHRONOUS, VM_SYNC_ASYNCHRONOUS, VM_SYNC_INVALIDATE, VM_SYNC_DEACTIVATE, 0] {
            assert_eq!(on.msync(at, 3 * P, flags), Ok(()), "S4 {flags}");
            assert_eq!(on.msync(at, 3 * P, flags | VM_SYNC_CONTIGUOUS), Err(ADDR), "S5 {flags}");
            assert_eq!(on.msync(at, P, flags | VM_SYNC_CONTIGUOUS), Ok(()), "no hole");
        }
        assert_eq!(on.msync(at, 3 * P, VM_SYNC_KILLPAGES), Ok(()), "S7");
        assert_eq!(on.msync(at, 3 * P, VM_SYNC_KILLPAGES | VM_SYNC_CONTIGUOUS), Err(ADDR), "S7");
        on.reads(at, &bytes[..P as usize]);
        on.reads(at + 2 * P, &bytes[2 * P as usize..]);
        on.free(at, 3 * P);
    });
}

#[test]
fn s6_anonymous_memory_stays_as_it_is() {
    here_and_there(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 2);
        for flags in [VM_SYNC_SYNCHRONOUS, VM_SYNC_ASYNCHRONOUS, VM_SYNC_INVALIDATE] {
            assert_eq!(on.msync(at, L, flags), Ok(()));
        }
        on.reads(at, &bytes);
        on.free(at, L);
    });
}

#[test]
fn b1_no_task_unknown_behaviours_and_ranges_that_wrap_around() {
    here_and_there(|on| {
        let at = on.fresh(P);
        for behavior in [-1, 13, i32::MAX] {
            assert_eq!(on.behave(at, P, behavior), Err(ARG), "{behavior}");
            assert_eq!(on.behave(at, 0, behavior), Err(ARG), "also for no bytes");
        }
        assert_eq!(on.behave(u64::MAX, 0, 1), Ok(()));
        assert_eq!(on.behave(LAST, P, 1), Err(ARG), "beyond 64 bits");
        assert_eq!(on.behave(LAST, P - 1, 1), Err(NOSPC), "the end rounds to 0");
        on.free(at, P);
    });
    assert_eq!(named(host()).behave(P, P, 1), Err(ARG));
}

#[test]
fn b2_outside_of_the_task_is_no_space() {
    here_and_there(|on| {
        assert_eq!(on.behave(TOP, P, 1), Err(NOSPC));
        assert_eq!(on.behave(1 << 50, P, VM_BEHAVIOR_WILLNEED), Err(NOSPC));
    });
}

#[test]
fn b3_a_hole_is_no_address_and_nothing_changes() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        let bytes = on.fill(at, P, 5);
        on.free(at + P, P);
        let all = [
            0,
            1,
            2,
            3,
            VM_BEHAVIOR_WILLNEED,
            VM_BEHAVIOR_ZERO_WIRED_PAGES,
            VM_BEHAVIOR_REUSABLE,
            VM_BEHAVIOR_REUSE,
            VM_BEHAVIOR_CAN_REUSE,
            VM_BEHAVIOR_ZERO,
        ];
        for behavior in all {
            assert_eq!(on.behave(at, 3 * P, behavior), Err(ADDR), "{behavior}");
            assert_eq!((on.at(at).behavior, on.at(at + 2 * P).behavior), (0, 0));
        }
        for behavior in [VM_BEHAVIOR_DONTNEED, VM_BEHAVIOR_FREE] {
            assert_eq!(on.behave(at, 3 * P, behavior), Ok(()), "{behavior}");
        }
        on.reads(at, &bytes);
        on.free(at, 3 * P);
    });
}

#[test]
fn b4_zeroing_wired_pages_needs_the_right_to_write() {
    here_and_there(|on| {
        let at = on.fresh(P);
        assert_eq!(on.behave(at, P, VM_BEHAVIOR_ZERO_WIRED_PAGES), Ok(()));
        assert_eq!(on.protect(at, P, R), Ok(()));
        assert_eq!(on.behave(at, P, VM_BEHAVIOR_ZERO_WIRED_PAGES), Err(PROT));
        on.free(at, P);
    });
}

#[test]
fn b5_the_first_four_are_kept_and_not_copied() {
    here_and_there(|on| {
        let (at, dest) = (on.fresh(L), on.fresh(L));
        for behavior in [1, 2, 3, 0, 2] {
            assert_eq!(on.behave(at, L, behavior), Ok(()));
            assert_eq!(on.at(at).behavior, behavior);
        }
        assert_eq!(on.copy(at, L, dest), Ok(()));
        assert_eq!((on.at(at).behavior, on.at(dest).behavior), (2, 0));
        on.free(at, L);
        on.free(dest, L);
    });
}

#[test]
fn b6_advice_changes_nothing_but_zeroing_does() {
    here_and_there(|on| {
        let at = on.fresh(2 * P);
        let bytes = on.fill(at, 2 * P, 3);
        for behavior in [VM_BEHAVIOR_WILLNEED, VM_BEHAVIOR_DONTNEED, VM_BEHAVIOR_REUSE, VM_BEHAVIOR_CAN_REUSE]
        {
            assert_eq!(on.behave(at, 2 * P, behavior), Ok(()), "{behavior}");
        }
        on.reads(at, &bytes);
        assert_eq!(on.behave(at, P, VM_BEHAVIOR_ZERO), Ok(()));
        on.reads_zero(at, P);
        on.reads(at + P, &pattern(2 * P, 3)[P as usize..]);
        assert_eq!(on.protect(at, P, R), Ok(()));
        assert_eq!(on.behave(at, P, VM_BEHAVIOR_ZERO), Err(PROT));
        on.free(at, 2 * P);
    });
}

#[test]
fn b7_paging_out_is_an_argument() {
    here_and_there(|on| {
        let at = on.fresh(P);
        assert_eq!(on.behave(at, P, VM_BEHAVIOR_PAGEOUT), Err(ARG));
        on.free(at, P);
    });
}

#[test]
fn x1_to_x5_caches() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        on.free(at + P, P);
        let sync = MATTR_VAL_CACHE_SYNC;
        assert_eq!(on.attribute(LAST, P, MATTR_CACHE, sync), Err(ARG), "X1: beyond 64 bits");
        assert_eq!(on.attribute(LAST, P - 1, MATTR_CACHE, sync), Err(ADDR), "the end rounds to 0");
        assert_eq!(on.attribute(u64::MAX, 0, 77, sync), Ok(()), "X2");
        assert_eq!(on.attribute(TOP, P, MATTR_CACHE, sync), Err(ADDR), "X3");
        assert_eq!(on.attribute(at, 3 * P, MATTR_CACHE, sync), Err(FAIL), "X4");
        assert_eq!(on.attribute(at, P, MATTR_MIGRATE, sync), Err(ARG), "X5");
        assert_eq!(on.attribute(at, P, MATTR_CACHE, MATTR_VAL_GET), Err(ARG), "X5");
        for value in [sync, MATTR_VAL_CACHE_FLUSH, MATTR_VAL_ICACHE_FLUSH] {
            assert_eq!(on.attribute(at, P, MATTR_CACHE, value), Ok(()));
        }
        on.free(at, 3 * P);
    });
    assert_eq!(named(host()).attribute(P, P, MATTR_CACHE, 9), Err(ARG), "X1");
}

#[test]
fn h1_the_page_size_is_told_to_any_host() {
    for host in [host(), 0, 77] {
        let mut size = 0;
        // SAFETY: a pointer to a local.
        assert_eq!(unsafe { host_page_size(host, &raw mut size) }, 0);
        assert_eq!(size, vm_page_size);
    }
    assert_eq!((vm_page_size, vm_page_mask, 1 << vm_page_shift), (4096, 4095, 4096));
    assert_eq!((round_page(1), round_page(4096), trunc_page(8191)), (4096, 4096, 4096));
    assert_eq!((mach_vm_round_page(u64::MAX), mach_vm_trunc_page(u64::MAX)), (0, LAST));
}

#[test]
fn codes_have_words() {
    let words = |code| {
        // SAFETY: any code is answered, with a string that stays.
        unsafe { std::ffi::CStr::from_ptr(mach_error_string(code)) }.to_str().expect("English")
    };
    assert_eq!(words(0), "(os/kern) successful");
    assert_eq!(words(ADDR), "(os/kern) invalid address");
    assert_eq!(words(PROT), "(os/kern) protection failure");
    assert_eq!(words(NOSPC), "(os/kern) no space available");
    assert_eq!(words(ARG), "(os/kern) invalid argument");
    assert_eq!(words(SENDDEST), "(ipc/send) invalid destination port");
    assert_eq!(words(-5), "unknown error code");
}

#[test]
fn stores_alone_cannot_be_wired_and_the_task_is_its_own() {
    here(|on| {
        // SAFETY: no conditions.
        assert_eq!(on.task, unsafe { mach_task_self() });
        let at = on.allocate(0, P, ANY).expect("there is room");
        assert_eq!((on.at(at).max, on.protect(at, P, W)), (ALL, Ok(())));
        assert_eq!(wire(on, at, P, W), Err(PROT), "nobody can touch it");
        on.free(at, P);
    });
}
