//! vm_copy: rows C. Every test runs on this task and on another one where that is possible.

mod mach_support;

use std::sync::atomic::{AtomicBool, Ordering};

use mach_support::{
    ADDR, ALL, ANY, ARG, COPY, INHERIT_NONE, L, LAST, MEMERR, NONE, On, P, PROT, R, RW, RX, SENDDEST, SHARE,
    Sleeper, TOP, W, X, arena, free_all, here, here_and_there, me, pattern, two_filled as two,
};
use pagewright::Process;
use pagewright::mach::{Profile, VM_FLAGS_PERMANENT, VM_FLAGS_PURGABLE, mach_host_self, set_profile};

/// Sizes below and above what is copied lazily, and above what is born shared.
const SIZES: [u64; 4] = [P, 4 * P, L, 512 << 10];

fn with_profile(profile: Profile, test: impl Fn(&On)) {
    here_and_there(|on| {
        set_profile(profile);
        test(on);
        set_profile(Profile::Doc);
    });
}

// Rows: C1
#[test]
fn c01_the_bytes_are_those_of_the_moment_of_the_call() {
    here_and_there(|on| {
        for size in SIZES {
            let (source, dest, bytes) = two(on, size);
            assert_eq!(on.copy(source, size, dest), Ok(()));
            on.reads(dest, &bytes);
            on.reads(source, &bytes);
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C2
#[test]
fn c02_no_bytes_are_copied_from_anywhere_to_anywhere() {
    for profile in [Profile::Doc, Profile::GnuMach, Profile::Xnu] {
        with_profile(profile, |on| {
            for at in [0, 1, P - 1, P + 1, TOP, LAST, u64::MAX] {
                assert_eq!(on.copy(at, 0, at ^ 1), Ok(()), "{at:#x}");
            }
        });
    }
}

// Rows: C3
#[test]
fn c03_unaligned_copies_are_to_the_byte_and_leave_the_neighbours() {
    here_and_there(|on| {
        for size in [1, P - 1, P + 1, 5000, L - 7, L + 1] {
            let room = L + 2 * P;
            let (source, dest, bytes) = two(on, room);
            let old = pattern(room, 0x80);
            for (from, to) in [(0, 1), (1, 0), (1, 1), (2, 3), (P - 1, 1)] {
                on.store(dest, &old);
                assert_eq!(on.copy(source + from, size, dest + to), Ok(()), "{size} {from} {to}");
                on.reads(dest, &old[..to as usize]);
                on.reads(dest + to, &bytes[from as usize..][..size as usize]);
                on.reads(dest + to + size, &old[(to + size) as usize..]);
            }
            free_all(on, room, &[source, dest]);
        }
    });
}

// Rows: C3
#[test]
fn c03_gnu_mach_takes_whole_pages_only() {
    with_profile(Profile::GnuMach, |on| {
        let (source, dest, _) = two(on, L);
        let old = pattern(L, 0x80);
        for (from, size, to) in [(1, P, 0), (0, P, 1), (0, P + 1, 0), (1, P, 1), (1, 5000, 3)] {
            assert_eq!(on.copy(source + from, size, dest + to), Err(ARG), "{from} {size} {to}");
        }
        on.reads(dest, &old);
        assert_eq!(on.copy(source, L, dest), Ok(()));
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C4
#[test]
fn c04_gnu_mach_looks_at_the_source_before_the_alignment() {
    with_profile(Profile::GnuMach, |on| {
        let (source, dest, _) = two(on, L);
        assert_eq!(on.protect(source, P, NONE), Ok(()));
        assert_eq!(on.copy(source + 1, L - 1, dest), Err(PROT));
        assert_eq!(on.copy(arena(), 5, dest + 1), Err(ADDR));
        assert_eq!(on.copy(source + P, 5, arena()), Err(ARG), "and at the alignment before the target");
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C5
#[test]
fn c05_onto_itself_nothing_changes_but_the_rights_are_needed() {
    here_and_there(|on| {
        for size in SIZES {
            let at = on.fresh(size);
            let bytes = on.fill(at, size, 3);
            assert_eq!(on.copy(at, size, at), Ok(()));
            on.reads(at, &bytes);
            on.store(at, b"writable");
            assert_eq!(on.protect(at, size, R), Ok(()));
            assert_eq!(on.copy(at, size, at), Err(PROT));
            assert_eq!(on.protect(at, size, W), Ok(()));
            assert_eq!(on.copy(at, size, at), Err(PROT));
            on.free(at, size);
        }
    });
}

// Rows: C6 C7
#[test]
fn c06_c07_overlap_is_memmove() {
    here_and_there(|on| {
        let room = L + 4 * P;
        for (size, step) in
            [(4 * P, P), (L, P), (L, 3 * P), (P, 1), (2 * P, 7), (L - P, 1), (L, P + 1), (L, L - P)]
        {
            let room = room + step;
            let at = on.fresh(room);
            let mut model = on.fill(at, room, 4);
            assert_eq!(on.copy(at, size, at + step), Ok(()), "C06 {size:#x} {step:#x}");
            model.copy_within(..size as usize, step as usize);
            on.reads(at, &model);
            assert_eq!(on.copy(at + step, size, at), Ok(()), "C07 {size:#x} {step:#x}");
            model.copy_within(step as usize..(step + size) as usize, 0);
            on.reads(at, &model);
            on.free(at, room);
        }
    });
}

// Rows: C8
#[test]
fn c08_a_hole_in_the_source_is_no_address_and_the_target_stays() {
    here_and_there(|on| {
        for size in [2 * P, L] {
            for hole in [0, size / 2 / P * P, size - P] {
                let source = on.fresh_at(arena(), size);
                let dest = on.fresh(size);
                let old = on.fill(dest, size, 9);
                on.free(source + hole, P);
                assert_eq!(on.copy(source, size, dest), Err(ADDR), "{hole:#x}");
                on.reads(dest, &old);
                free_all(on, size, &[source, dest]);
            }
        }
    });
}

// Rows: C9 C10
#[test]
fn c09_c10_a_source_that_may_not_be_read_is_a_protection_failure_at_every_size() {
    here_and_there(|on| {
        for size in SIZES {
            for prot in [NONE, W, X] {
                for page in [0, size - P] {
                    let (source, dest, _) = two(on, size);
                    assert_eq!(on.protect(source + page, P, prot), Ok(()));
                    assert_eq!(on.copy(source, size, dest), Err(PROT), "{size:#x} {prot} {page:#x}");
                    on.reads(dest, &pattern(size, 0x80));
                    free_all(on, size, &[source, dest]);
                }
            }
        }
    });
}

// Rows: C9
#[test]
fn c09_xnu_says_no_address_when_it_is_small() {
    with_profile(Profile::Xnu, |on| {
        let (source, dest, _) = two(on, L);
        assert_eq!(on.protect(source, L, NONE), Ok(()));
        assert_eq!(on.copy(source, P, dest), Err(ADDR));
        assert_eq!(on.copy(source, 16 << 10, dest), Err(ADDR));
        assert_eq!(on.copy(source, L, dest), Err(PROT));
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C12
#[test]
fn c12_the_first_problem_of_the_source_is_told() {
    here_and_there(|on| {
        for size in [3 * P, L] {
            let dest = on.fresh(size);
            let source = on.fresh_at(arena(), size);
            assert_eq!(on.protect(source, P, NONE), Ok(()));
            on.free(source + P, P);
            assert_eq!(on.copy(source, size, dest), Err(PROT), "unreadable, then a hole");
            assert_eq!(on.protect(source + 2 * P, P, NONE), Ok(()));
            assert_eq!(on.copy(source + P, size - P, dest), Err(ADDR), "a hole, then unreadable");
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C13
#[test]
fn c13_memory_that_was_never_touched_is_zeros() {
    here_and_there(|on| {
        for size in SIZES {
            let (source, dest) = (on.fresh(size), on.fresh(size));
            on.fill(dest, size, 5);
            assert_eq!(on.copy(source, size, dest), Ok(()));
            on.reads_zero(dest, size);
            on.store(source, b"later");
            on.reads_zero(dest, size);
            on.store(dest, b"mine");
            on.reads(source, b"later");
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C30
#[test]
fn c30_a_permanent_target_is_written_while_it_has_the_right() {
    here(|on| {
        let (source, _, bytes) = two(on, L);
        let dest = on.allocate(0, L, ANY | VM_FLAGS_PERMANENT).expect("there is room");
        assert_eq!(on.copy(source, L, dest), Ok(()), "permanence is not about stores");
        on.reads(dest, &bytes);
        // What a deallocation leaves of it: nothing may be done with it any more.
        assert_eq!(on.deallocate(dest, L), Ok(()));
        assert_eq!(on.copy(source, L, dest), Err(PROT));
    });
}

// Rows: C44
#[test]
fn c44_purgeable_memory_is_copied_like_any_other() {
    here_and_there(|on| {
        for size in [P, L] {
            let source = on.allocate(0, size, ANY | VM_FLAGS_PURGABLE).expect("there is room");
            let dest = on.fresh(size);
            on.fill(source, size, 7);
            let bytes = pattern(size, 7);
            assert_eq!(on.copy(source, size, dest), Ok(()));
            on.reads(dest, &bytes);
            on.store(source, b"later");
            on.reads(dest, &bytes);
            let region = on.at(dest);
            assert_eq!((region.cur, region.max), (RW, ALL), "ordinary memory");
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C14 C15
#[test]
fn c14_c15_a_hole_in_the_target_is_no_address_and_nothing_is_written() {
    here_and_there(|on| {
        for size in [2 * P, L] {
            for hole in [0, size / 2 / P * P, size - P] {
                let source = on.fresh(size);
                on.fill(source, size, 1);
                let dest = on.fresh_at(arena(), size);
                on.free(dest + hole, P);
                assert_eq!(on.copy(source, size, dest), Err(ADDR), "{hole:#x}");
                assert_eq!(on.copy(source + 1, size - 2, dest + 1), Err(ADDR), "{hole:#x} unaligned");
                for page in (0..size / P).map(|page| page * P).filter(|page| *page != hole) {
                    on.reads_zero(dest + page, P);
                }
                free_all(on, size, &[source, dest]);
            }
        }
    });
}

// Rows: C16
#[test]
fn c16_a_target_that_may_not_be_written_is_a_protection_failure_and_nothing_is_written() {
    here_and_there(|on| {
        for size in SIZES {
            for prot in [R, NONE, X, RX] {
                for page in [0, size / 2 / P * P, size - P] {
                    let (source, dest, _) = two(on, size);
                    assert_eq!(on.protect(dest + page, P, prot), Ok(()));
                    assert_eq!(on.copy(source, size, dest), Err(PROT), "{size:#x} {prot} {page:#x}");
                    on.reads(dest, &pattern(size, 0x80));
                    free_all(on, size, &[source, dest]);
                }
            }
        }
    });
}

// Rows: C16
#[test]
fn c16_xnu_says_no_address_when_it_is_small_and_writes_nothing_either() {
    with_profile(Profile::Xnu, |on| {
        let (source, dest, _) = two(on, L);
        assert_eq!(on.protect(dest + 2 * P, P, R), Ok(()));
        assert_eq!(on.copy(source, 3 * P, dest), Err(ADDR));
        assert_eq!(on.copy(source, L, dest), Err(PROT));
        on.reads(dest, &pattern(L, 0x80));
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C17
#[test]
fn c17_only_the_current_right_to_write_counts() {
    here_and_there(|on| {
        let (source, dest, _) = two(on, L);
        assert_eq!(on.protect(dest, L, R), Ok(()));
        assert_eq!(on.at(dest).max, ALL);
        assert_eq!(on.copy(source, L, dest), Err(PROT));
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C18
#[test]
fn c18_stores_alone_are_enough() {
    here_and_there(|on| {
        for size in SIZES {
            let (source, dest, bytes) = two(on, size);
            assert_eq!(on.protect(dest, size, W), Ok(()));
            assert_eq!(on.copy(source, size, dest), Ok(()), "{size:#x}");
            assert_eq!(on.at(dest).cur, W);
            on.reads(dest, &bytes);
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C19 C34
#[test]
fn c19_c34_every_part_of_the_target_keeps_what_it_is() {
    here_and_there(|on| {
        for size in [4 * P, 2 * L] {
            let half = size / 2;
            let source = on.fresh(size);
            let bytes = on.fill(source, size, 2);
            assert_eq!(on.inherit(source, size, INHERIT_NONE), Ok(()));
            let dest = on.fresh(size);
            assert_eq!(on.restrict(dest, half, RW), Ok(()));
            assert_eq!(on.behave(dest, half, 2), Ok(()));
            assert_eq!(on.inherit(dest + half, half, SHARE), Ok(()));
            let attributes = |at| {
                let region = on.at(at);
                (region.cur, region.max, region.inherit, region.behavior)
            };
            assert_eq!(on.copy(source, size, dest), Ok(()));
            assert_eq!(attributes(dest), (RW, RW, COPY, 2));
            assert_eq!(attributes(dest + half), (RW, ALL, SHARE, 0));
            assert_eq!(attributes(source), (RW, ALL, INHERIT_NONE, 0), "C35: nor does the source change");
            on.reads(dest, &bytes);
            on.store(dest + half, b"and writable");
            on.reads(source, &bytes);
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C20
#[test]
fn c20_a_part_that_may_not_be_written_saves_the_whole() {
    here_and_there(|on| {
        for size in [2 * P, 2 * L] {
            let (source, dest, _) = two(on, size);
            assert_eq!(on.protect(dest + size / 2, size / 2, R), Ok(()));
            assert_eq!(on.copy(source, size, dest), Err(PROT));
            on.reads(dest, &pattern(size, 0x80));
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C21
#[test]
fn c21_a_source_of_several_parts() {
    here_and_there(|on| {
        let source = on.fresh_at(arena(), L);
        on.fresh_at(source + L, 2 * L);
        assert_eq!(on.protect(source + L, L, R), Ok(()));
        let bytes = [on.fill(source, L, 1), vec![0; L as usize], on.fill(source + 2 * L, L, 2)].concat();
        let dest = on.fresh(3 * L);
        assert_eq!(on.copy(source, 3 * L, dest), Ok(()));
        on.reads(dest, &bytes);
        let rights: Vec<i32> = (0..3).map(|part| on.at(dest + part * L).cur).collect();
        assert_eq!(rights, [RW; 3]);
        on.free(source, 3 * L);
        on.free(dest, 3 * L);
    });
}

// Rows: C31 C32
#[test]
fn c31_c32_ranges_that_wrap_around_are_no_address() {
    here_and_there(|on| {
        let (source, dest, _) = two(on, L);
        for at in [LAST, u64::MAX, (1 << 48) - P, TOP, TOP - P] {
            assert_eq!(on.copy(at, 2 * P, dest), Err(ADDR), "C31 {at:#x}");
            assert_eq!(on.copy(source, 2 * P, at), Err(ADDR), "C32 {at:#x}");
        }
        assert_eq!(on.copy(source, u64::MAX, dest), Err(ADDR));
        assert_eq!(on.protect(source, P, NONE), Ok(()));
        assert_eq!(on.copy(source, P, LAST), Err(PROT), "the source's problem wins");
        on.reads(dest, &pattern(L, 0x80));
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C33
#[test]
fn c33_many_bytes_from_nowhere_are_no_address() {
    here_and_there(|on| {
        let dest = on.fresh(P);
        for at in [0, 1, P - 1, P, P + 1] {
            assert_eq!(on.copy(at, (1 << 32) - 2, dest), Err(ADDR), "{at:#x}");
        }
        on.free(dest, P);
    });
}

// Rows: C36
#[test]
fn c36_a_failed_copy_leaves_both_sides_as_they_were() {
    here_and_there(|on| {
        let (source, dest, bytes) = two(on, L);
        let before = (on.at(source), on.at(dest));
        assert_eq!(on.copy(source, L + P, arena()), Err(ADDR));
        assert_eq!(on.copy(source, L, arena()), Err(ADDR));
        assert_eq!((on.at(source), on.at(dest)), before);
        on.reads(source, &bytes);
        free_all(on, L, &[source, dest]);
    });
}

/// A mapping of a file that is shorter by now.
fn truncated(size: u64) -> u64 {
    let name = c"pagewright-truncated";
    // SAFETY: a file of our own, and a new mapping of it.
    unsafe {
        let file = libc::memfd_create(name.as_ptr(), 0);
        libc::ftruncate(file, size as i64);
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let at = libc::mmap(std::ptr::null_mut(), size as usize, prot, libc::MAP_SHARED, file, 0);
        assert_ne!(at, libc::MAP_FAILED);
        libc::ftruncate(file, 0);
        libc::close(file);
        at as u64
    }
}

// Rows: C37
#[test]
fn c37_bytes_that_a_file_has_no_more_are_a_memory_error() {
    here(|on| {
        for size in [P, L] {
            let file = truncated(size);
            let made = on.fresh(size);
            let old = on.fill(made, size, 1);
            assert_eq!(on.copy(file, size, made), Err(MEMERR), "as the source");
            assert_eq!(on.copy(made, size, file), Err(MEMERR), "as the target");
            assert_eq!(on.read(file, size), Err(MEMERR));
            on.reads(made, &old);
            on.free(made, size);
            // SAFETY: mapped above.
            unsafe { libc::munmap(file as *mut _, size as usize) };
        }
    });
}

// Rows: C38
#[test]
fn c38_no_task_a_dead_one_and_something_else() {
    here(|on| {
        let (source, dest, _) = two(on, P);
        let name = |task| On { task, process: Process::current() };
        assert_eq!(name(0).copy(source, P, dest), Err(SENDDEST));
        assert_eq!(name(0).copy(source, 0, dest), Err(SENDDEST), "before the size is looked at");
        assert_eq!(name(0x1_2345).copy(source, P, dest), Err(SENDDEST));
        // SAFETY: no conditions.
        assert_eq!(name(unsafe { mach_host_self() }).copy(source, P, dest), Err(ARG));
        let mut sleeper = Sleeper::new();
        let opened = sleeper.task();
        sleeper.end();
        assert_eq!(opened.on.copy(source, P, dest), Err(SENDDEST), "ended");
        sleeper.reap();
        assert_eq!(opened.on.copy(source, P, dest), Err(SENDDEST), "reaped");
        free_all(on, P, &[source, dest]);
    });
}

// Rows: C39
#[test]
fn c39_rights_that_come_and_go_meanwhile_are_respected() {
    here(|on| {
        let (size, rounds) = (256 << 10, 80);
        let source = on.fresh(size);
        let dest = on.fresh(size);
        let old = on.fill(dest, size, 1);
        let sibling = on.again(dest, size, true);
        let flips = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let flipper = scope.spawn(|| {
                while flips.load(Ordering::Relaxed) {
                    assert_eq!(on.protect(dest, size, R), Ok(()));
                    assert_eq!(on.protect(dest, size, RW), Ok(()));
                }
            });
            for round in 0..rounds {
                on.fill(source, size, round);
                let done = on.copy(source, size, dest);
                assert!(done == Ok(()) || done == Err(PROT), "{done:?}");
                on.reads(sibling, &old);
            }
            flips.store(false, Ordering::Relaxed);
            flipper.join().expect("no panic");
        });
        for at in [source, dest, sibling] {
            on.free(at, size);
        }
    });
}

// Rows: C40 C41
#[test]
fn c40_c41_a_part_that_fails_late_leaves_the_early_ones() {
    here_and_there(|on| {
        let room = L + 2 * P;
        for (from, to, size) in [(5, 5, L), (0, 0, L + 9), (5, 9, L), (P - 1, P - 1, L)] {
            for bad in [room / 2 / P * P, (to + size - 1) / P * P] {
                let (source, dest, _) = two(on, room);
                assert_eq!(on.protect(dest + bad, P, R), Ok(()));
                assert_eq!(on.copy(source + from, size, dest + to), Err(PROT), "{from} {to} {bad:#x}");
                on.reads(dest, &pattern(room, 0x80));
                on.free(dest + bad, P);
                assert_eq!(on.copy(source + from, size, dest + to), Err(ADDR), "{from} {to} {bad:#x}");
                on.reads(dest, &pattern(bad, 0x80));
                free_all(on, room, &[source, dest]);
            }
        }
    });
}

#[test]
fn memory_of_the_program_itself_can_be_copied() {
    here(|on| {
        for size in [100, P, L] {
            let mut heap = pattern(size, 1);
            let at = heap.as_mut_ptr() as u64;
            let made = on.fresh(size);
            assert_eq!(on.copy(at, size, made), Ok(()));
            on.reads(made, &heap);
            on.fill(made, size, 2);
            assert_eq!(on.copy(made, size, at), Ok(()));
            assert_eq!(heap, pattern(size, 2));
            on.free(made, size);
        }
    });
}

#[test]
fn the_task_itself_is_the_one_that_is_meant() {
    assert_eq!(me().copy(0, 0, 0), Ok(()));
}
