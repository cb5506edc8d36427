//! vm_read, vm_read_overwrite and vm_read_list: rows R, O and L.

mod mach_support;

use mach_support::{
    ADDR, ALL, ARG, COPY, L, LAST, NONE, NOSPC, On, P, PROT, R, RW, TOP, W, X, arena, here, here_and_there,
    me, pattern,
};
use pagewright::mach::{
    Profile, VM_MAP_ENTRY_MAX, mach_vm_read_entry, mach_vm_read_list, set_profile, vm_read_entry,
    vm_read_list,
};

const NOWHERE: [u64; 8] = [0, 1, P - 1, P, P + 1, TOP, LAST, u64::MAX];

/// Runs a test in another profile; nobody else runs meanwhile.
fn with_profile(profile: Profile, test: impl Fn(&On)) {
    here_and_there(|on| {
        set_profile(profile);
        test(on);
        set_profile(Profile::Doc);
    });
}

fn read_list(on: &On, list: &mut [(u64, u64)]) -> Result<(), i32> {
    let mut entries: Vec<_> =
        list.iter().map(|(address, size)| mach_vm_read_entry { address: *address, size: *size }).collect();
    // SAFETY: there are that many.
    let code = unsafe { mach_vm_read_list(on.task, entries.as_mut_ptr(), entries.len() as u32) };
    for (range, entry) in list.iter_mut().zip(entries) {
        *range = (entry.address, entry.size);
    }
    if code == 0 { Ok(()) } else { Err(code) }
}

// Rows: R1
#[test]
fn r01_no_bytes_are_read_from_anywhere() {
    here_and_there(|on| {
        for at in NOWHERE {
            assert_eq!(on.read(at, 0), Ok((0, 0)), "{at:#x}");
        }
    });
}

// Rows: R2
#[test]
fn r02_four_gigabytes_are_too_many_whatever_the_address() {
    here_and_there(|on| {
        for at in NOWHERE {
            assert_eq!(on.read(at, 1 << 32), Err(ARG), "{at:#x}");
            assert_eq!(on.read(at, u64::MAX), Err(ARG), "{at:#x}");
        }
        assert_eq!(on.read(P, u64::from(u32::MAX)), Err(ADDR), "one byte less is a matter of the address");
    });
}

// Rows: R3
#[test]
fn r03_what_is_read_is_fresh_memory_of_the_caller() {
    here_and_there(|on| {
        for size in [1, P, L, 1 << 20] {
            let at = on.fresh(size);
            let bytes = on.fill(at, size, 5);
            assert_eq!(on.inherit(at, size, 2), Ok(()));
            assert_eq!(on.restrict(at, size, R), Ok(()));
            let (data, count) = on.read(at, size).expect("it can be read");
            assert_eq!(u64::from(count), size);
            let region = me().at(data);
            assert_eq!((region.cur, region.max, region.inherit), (RW, ALL, COPY));
            me().reads(data, &bytes);
            me().store(data, &[1]);
            me().free(data, size);
            assert!(me().is_hole(data));
            on.free(at, size);
        }
    });
}

// Rows: R4 R5
#[test]
fn r04_r05_the_copy_lies_in_its_page_as_the_source_does_from_two_pages_on() {
    here_and_there(|on| {
        let at = on.fresh(L + P);
        let bytes = on.fill(at, L + P, 2);
        for offset in [0, 1, 2, 0x7ff, P - 1] {
            for size in [1, P - 1, P, P + 1, 2 * P, 2 * P + 1, L] {
                let (data, _) = on.read(at + offset, size).expect("it can be read");
                let expected = if size < 2 * P { 0 } else { offset };
                assert_eq!(data % P, expected, "{offset} {size:#x}");
                me().reads(data, &bytes[offset as usize..][..size as usize]);
                me().free(data, size);
            }
        }
        on.free(at, L + P);
    });
}

// Rows: R6
#[test]
fn r06_a_hole_is_no_address() {
    here_and_there(|on| {
        for size in [2 * P, L] {
            for hole in [0, size / 2 / P * P, size - P] {
                let at = on.fresh_at(arena(), size);
                on.free(at + hole, P);
                assert_eq!(on.read(at, size), Err(ADDR), "{size:#x} {hole:#x}");
                on.free(at, size);
            }
        }
        assert_eq!(on.read(arena(), 1), Err(ADDR));
    });
}

// Rows: R7 R8
#[test]
fn r07_r08_a_page_that_may_not_be_read_is_a_protection_failure_at_every_size() {
    here_and_there(|on| {
        for size in [P, 2 * P, L] {
            for (page, prot) in [(0, NONE), (size - P, NONE), (size - P, W), (0, X)] {
                let at = on.fresh(size);
                assert_eq!(on.protect(at + page, P, prot), Ok(()));
                assert_eq!(on.read(at, size), Err(PROT), "{size:#x} {page:#x} {prot}");
                on.free(at, size);
            }
        }
    });
}

// Rows: R8
#[test]
fn r08_xnu_says_no_address_when_it_is_small() {
    with_profile(Profile::Xnu, |on| {
        let at = on.fresh(L);
        assert_eq!(on.protect(at, P, NONE), Ok(()));
        assert_eq!(on.read(at, P), Err(ADDR));
        assert_eq!(on.read(at, 16 << 10), Err(ADDR));
        assert_eq!(on.read(at, (16 << 10) + 1), Err(PROT));
        on.free(at, L);
    });
}

// Rows: R6 R7
#[test]
fn r06_r07_the_first_problem_in_address_order_is_told() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 3 * P);
        on.free(at + P, P);
        assert_eq!(on.protect(at, P, NONE), Ok(()));
        assert_eq!(on.protect(at + 2 * P, P, NONE), Ok(()));
        assert_eq!(on.read(at, 3 * P), Err(PROT));
        assert_eq!(on.read(at + P, 2 * P), Err(ADDR));
        on.free(at, 3 * P);
    });
}

// Rows: R9
#[test]
fn r09_ranges_that_wrap_around_are_no_address() {
    here_and_there(|on| {
        assert_eq!(on.read(LAST, P), Err(ADDR));
        assert_eq!(on.read(LAST, P - 1), Err(ADDR));
        assert_eq!(on.read(u64::MAX, 1), Err(ADDR));
        assert_eq!(on.read((1 << 48) - P, 2 * P), Err(ADDR), "across 2^48");
        assert_eq!(on.read(TOP, P), Err(ADDR));
    });
}

/// Maps everything that is free, so that nothing can be placed any more.
fn take_all_room() {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    for size in (12..47).rev().map(|bits| 1_usize << bits) {
        // SAFETY: a new mapping disturbs nobody.
        let map = || unsafe { libc::mmap(std::ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        while map() != libc::MAP_FAILED {}
    }
}

// Rows: R10
#[test]
fn r10_without_room_in_the_caller_there_is_no_space() {
    use mach_support::fault::{End, in_child, leave};
    here(|on| {
        let (at, bytes) = (on.fresh(L), pattern(L, 1));
        on.store(at, &bytes);
        let end = in_child(|| {
            take_all_room();
            if on.read(at, L).err() != Some(NOSPC) {
                leave(1);
            }
        });
        assert_eq!(end, End::Code(0));
        on.free(at, L);
    });
}

// Rows: R11
#[test]
fn r11_unaligned_reads_are_to_the_byte_in_every_profile() {
    for profile in [Profile::Doc, Profile::GnuMach, Profile::Xnu] {
        with_profile(profile, |on| {
            let at = on.fresh(2 * P);
            let bytes = on.fill(at, 2 * P, 9);
            let (data, count) = on.read(at + 3, 5000).expect("it can be read");
            assert_eq!(count, 5000);
            me().reads(data, &bytes[3..5003]);
            me().free(data, 5000);
            on.free(at, 2 * P);
        });
    }
}

// Rows: R12
#[test]
fn r12_a_read_is_a_snapshot() {
    here_and_there(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            let bytes = on.fill(at, size, 1);
            let (data, _) = on.read(at, size).expect("it can be read");
            on.fill(at, size, 2);
            me().reads(data, &bytes);
            me().fill(data, size, 3);
            on.reads(at, &pattern(size, 2));
            me().free(data, size);
            on.free(at, size);
        }
    });
}

// Rows: R12
#[test]
fn r12_memory_that_was_never_touched_reads_zero_also_after_it_was() {
    here_and_there(|on| {
        let at = on.fresh(L);
        let (data, _) = on.read(at, L).expect("it can be read");
        on.fill(at, L, 2);
        me().reads_zero(data, L);
        me().free(data, L);
        on.free(at, L);
    });
}

// Rows: O1
#[test]
fn o01_reading_over_memory_looks_at_the_source_first() {
    here_and_there(|on| {
        let here = me();
        let (at, closed, hole) = (on.fresh(L), on.fresh(L), arena());
        let (data, only_read, nothing) = (here.fresh(L), here.fresh(L), arena());
        assert_eq!(on.protect(closed, P, NONE), Ok(()));
        assert_eq!(here.protect(only_read + L - P, P, R), Ok(()));
        assert_eq!(on.read_overwrite(closed, L, nothing), Err(PROT), "the source's problem wins");
        assert_eq!(on.read_overwrite(hole, L, only_read), Err(ADDR));
        assert_eq!(on.read_overwrite(at, L, nothing), Err(ADDR));
        on.fill(at, L, 4);
        assert_eq!(on.read_overwrite(at, L, only_read), Err(PROT));
        here.reads_zero(only_read, L);
        assert_eq!(on.read_overwrite(at, L, data), Ok(L));
        here.reads(data, &pattern(L, 4));
        on.free(at, L);
        on.free(closed, L);
        here.free(data, L);
        here.free(only_read, L);
    });
}

// Rows: O2
#[test]
fn o02_the_size_is_told_on_success_only() {
    here_and_there(|on| {
        assert_eq!(on.read_overwrite(1, 0, 2), Ok(0), "no bytes from nowhere to nowhere");
        let (at, data) = (on.fresh(P), me().fresh(P));
        assert_eq!(on.read_overwrite(at, 17, data), Ok(17));
        assert_eq!(on.read_overwrite(at, 17, LAST), Err(ADDR), "and left alone: the helper looks");
        on.free(at, P);
        me().free(data, P);
    });
}

// Rows: O3
#[test]
fn o03_bytes_outside_of_the_range_stay() {
    here_and_there(|on| {
        let size = 4 * P - 8;
        let (at, data) = (on.fresh(4 * P), me().fresh(4 * P));
        let bytes = on.fill(at, 4 * P, 1);
        let old = me().fill(data, 4 * P, 2);
        assert_eq!(on.read_overwrite(at + 4, size, data + 4), Ok(size));
        me().reads(data, &old[..4]);
        me().reads(data + 4, &bytes[4..][..size as usize]);
        me().reads(data + 4 + size, &old[4 + size as usize..]);
        on.free(at, 4 * P);
        me().free(data, 4 * P);
    });
}

// Rows: O3
#[test]
fn o03_overwriting_is_to_the_byte_in_every_profile() {
    for profile in [Profile::GnuMach, Profile::Xnu] {
        with_profile(profile, |on| {
            let (at, data) = (on.fresh(P), me().fresh(P));
            assert_eq!(on.read_overwrite(at + 1, 7, data + 3), Ok(7));
            on.free(at, P);
            me().free(data, P);
        });
    }
}

// Rows: O4
#[test]
fn o04_a_target_that_loses_and_gets_the_right_meanwhile_never_leaks_to_its_sibling() {
    here(|on| {
        let (size, rounds) = (256 << 10, 60);
        let source = on.fresh(size + P);
        let target = on.fresh(size);
        let old = on.fill(target, size, 1);
        let sibling = on.again(target, size, true);
        let flips = std::sync::atomic::AtomicBool::new(true);
        std::thread::scope(|scope| {
            let flipper = scope.spawn(|| {
                while flips.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(on.protect(target, size, R), Ok(()));
                    assert_eq!(on.protect(target, size, RW), Ok(()));
                }
            });
            for round in 0..rounds {
                on.fill(source, size, round);
                let done = on.read_overwrite(source + 1, size, target);
                assert!(done == Ok(size) || done == Err(PROT), "{done:?}");
                on.reads(sibling, &old);
            }
            flips.store(false, std::sync::atomic::Ordering::Relaxed);
            flipper.join().expect("no panic");
        });
        for at in [target, sibling] {
            on.free(at, size);
        }
        on.free(source, size + P);
    });
}

// Rows: L1
#[test]
fn l01_a_list_has_at_most_256_ranges() {
    here_and_there(|on| {
        let mut list = vec![(0, 0); VM_MAP_ENTRY_MAX as usize];
        assert_eq!(read_list(on, &mut list), Ok(()));
        list.push((0, 0));
        assert_eq!(read_list(on, &mut list), Err(ARG));
    });
}

// Rows: L2
#[test]
fn l02_an_empty_range_becomes_nothing_without_an_error() {
    here_and_there(|on| {
        let at = on.fresh(P);
        let mut list = [(at, 0), (1, 0), (at, P), (u64::MAX, 0)];
        assert_eq!(read_list(on, &mut list), Ok(()));
        assert_eq!([list[0], list[1], list[3]], [(0, 0); 3]);
        assert_eq!(list[2].1, P);
        me().free(list[2].0, P);
        on.free(at, P);
    });
}

// Rows: L3
#[test]
fn l03_a_range_that_fails_becomes_nothing_and_the_last_one_decides() {
    here_and_there(|on| {
        let (at, hole) = (on.fresh(P), arena());
        let mut bad_first = [(hole, P), (at, P)];
        assert_eq!(read_list(on, &mut bad_first), Ok(()));
        assert_eq!((bad_first[0], bad_first[1].1), ((0, 0), P));
        me().free(bad_first[1].0, P);
        let mut bad_last = [(at, P), (hole, P), (at, 0)];
        assert_eq!(read_list(on, &mut bad_last), Err(ADDR), "the last that is not empty");
        assert_eq!((bad_last[0].1, bad_last[1]), (P, (0, 0)));
        me().free(bad_last[0].0, P);
        on.free(at, P);
    });
}

// Rows: L4
#[test]
fn l04_each_range_becomes_its_copy() {
    here_and_there(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 6);
        let mut list = [(at, P), (at + P, L - P), (at + 5, 3)];
        assert_eq!(read_list(on, &mut list), Ok(()));
        me().reads(list[0].0, &bytes[..P as usize]);
        me().reads(list[1].0, &bytes[P as usize..]);
        me().reads(list[2].0, &bytes[5..8]);
        for (data, size) in list {
            me().free(data, size);
        }
        on.free(at, L);
    });
}

// Rows: L4
#[test]
fn l04_the_short_name_takes_the_same_list() {
    here(|on| {
        let at = on.fresh(P);
        let mut list = [vm_read_entry { address: at as usize, size: 8 }];
        // SAFETY: there is one.
        assert_eq!(unsafe { vm_read_list(on.task, list.as_mut_ptr(), 1) }, 0);
        assert_ne!(list[0].address as u64, at);
        on.free(list[0].address as u64, 8);
        on.free(at, P);
    });
}
