//! The 47 cases of mach.md, section 14, in the order given there, each on the own task and,
//! where it makes sense, on another one.

mod mach_support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use mach_support::fault::{BUS, End, SEGV, load, store};
use mach_support::{
    ADDR, ALL, ANY, ARG, COPY, FIXED, INHERIT_NONE, L, LAST, NONE, NOSPC, On, P, PROT, R, RW, SENDDEST,
    SENDMEM, SHARE, Sleeper, TOP, W, X, arena, free_all, here, here_and_there, me, pattern, resident, two,
};
use pagewright::Process;
use pagewright::mach::{Profile, mach_host_self, mach_vm_read_entry, mach_vm_read_list, set_profile};

#[test]
fn case_01_allocate_nothing() {
    here_and_there(|on| assert_eq!(on.allocate(77, 0, ANY), Ok(0)));
}

#[test]
fn case_02_allocate_one_byte() {
    here_and_there(|on| {
        let a = on.allocate(0, 1, ANY).expect("there is room");
        assert_eq!(a % P, 0);
        on.reads_zero(a, P);
        let region = on.at(a);
        assert_eq!((region.cur, region.max, region.inherit), (RW, ALL, COPY));
        assert!(region.size >= P);
        on.free(a, 1);
    });
}

#[test]
fn case_03_allocate_at_an_address_inside_of_a_page() {
    here_and_there(|on| {
        let place = arena();
        assert_eq!(on.allocate(place + 1, 1, FIXED), Ok(place));
        assert!(on.is_hole(place + P));
        on.free(place, P);
    });
}

#[test]
fn case_04_allocate_over_the_own() {
    here_and_there(|on| {
        let a = on.fresh(P);
        on.store(a, &[0x5a; 8]);
        assert_eq!(on.allocate(a, P, FIXED), Err(NOSPC));
        on.reads(a, &[0x5a; 8]);
        on.free(a, P);
    });
}

#[test]
fn case_05_allocate_where_the_second_page_is_taken() {
    here_and_there(|on| {
        let a = on.fresh_at(arena() + P, P);
        assert_eq!(on.allocate(a - P, 2 * P, FIXED), Err(NOSPC));
        assert!(on.is_hole(a - P));
        on.free(a, P);
    });
}

#[test]
fn case_06_allocate_at_zero() {
    here_and_there(|on| assert_eq!(on.allocate(0, P, FIXED), Err(ADDR)));
}

#[test]
fn case_07_allocate_too_much() {
    here_and_there(|on| {
        assert_eq!(on.allocate(0, u64::MAX, ANY), Err(ARG));
        assert_eq!(on.allocate(0, LAST, ANY), Err(NOSPC));
    });
}

#[test]
fn case_08_two_allocations_and_everything_between() {
    here_and_there(|on| {
        let (first, second) = (on.fresh(P), on.fresh(P));
        assert!(second > first);
        for at in (first..second).step_by(P as usize) {
            assert_eq!(on.allocate(at, P, FIXED), Err(NOSPC));
        }
        free_all(on, P, &[first, second]);
    });
}

#[test]
fn case_09_deallocate_nothing() {
    here_and_there(|on| {
        for at in [0, 1, P - 1, P + 1, u64::MAX] {
            assert_eq!(on.deallocate(at, 0), Ok(()));
        }
    });
}

#[test]
fn case_10_deallocate_twice() {
    here_and_there(|on| {
        let a = on.fresh(L);
        assert_eq!((on.deallocate(a, L), on.deallocate(a, L)), (Ok(()), Ok(())));
    });
}

#[test]
fn case_11_deallocate_the_middle() {
    here(|on| {
        let a = on.fresh(3 * P);
        on.fill(a, 3 * P, 1);
        on.free(a + P, P);
        on.reads(a, &pattern(3 * P, 1)[..P as usize]);
        on.reads(a + 2 * P, &pattern(3 * P, 1)[2 * P as usize..]);
        assert_eq!(load(a + P), End::Signal(SEGV));
        on.free(a, 3 * P);
    });
}

#[test]
fn case_12_deallocate_around_the_end() {
    here_and_there(|on| assert_eq!(on.deallocate(1, u64::MAX), Err(ARG)));
}

#[test]
fn case_13_what_comes_again_is_zero() {
    here_and_there(|on| {
        let a = on.fresh(L);
        on.fill(a, L, 1);
        on.free(a, L);
        assert_eq!(on.allocate(a, L, FIXED), Ok(a));
        on.reads_zero(a, L);
        on.free(a, L);
    });
}

#[test]
fn case_14_protection_faults_by_sigbus() {
    here(|on| {
        let a = on.fresh(P);
        assert_eq!(on.protect(a, P, R), Ok(()));
        assert_eq!(store(a), End::Signal(BUS));
        assert_eq!(on.protect(a, P, NONE), Ok(()));
        assert_eq!(load(a), End::Signal(BUS));
        on.free(a, P);
    });
}

#[test]
fn case_15_protect_nothing() {
    here_and_there(|on| {
        for at in [0, 1, TOP, u64::MAX] {
            assert_eq!(on.protect(at, 0, R), Ok(()));
        }
    });
}

#[test]
fn case_16_a_lower_maximum() {
    here_and_there(|on| {
        let a = on.fresh(P);
        assert_eq!(on.restrict(a, P, R), Ok(()));
        assert_eq!((on.at(a).cur, on.at(a).max), (R, R));
        assert_eq!(on.protect(a, P, RW), Err(PROT));
        on.free(a, P);
    });
}

#[test]
fn case_17_a_maximum_does_not_rise() {
    here_and_there(|on| {
        let a = on.fresh(P);
        assert_eq!((on.restrict(a, P, R), on.restrict(a, P, RW)), (Ok(()), Err(PROT)));
        on.free(a, P);
    });
}

#[test]
fn case_18_protect_over_a_hole() {
    here_and_there(|on| {
        let a = on.fresh(3 * P);
        on.free(a + P, P);
        assert_eq!(on.protect(a, 3 * P, R), Err(ADDR));
        assert_eq!(on.at(a).cur, RW);
        on.free(a, 3 * P);
    });
}

#[test]
fn case_19_protect_over_a_lower_maximum() {
    here_and_there(|on| {
        let a = on.fresh(2 * P);
        assert_eq!(on.restrict(a + P, P, R), Ok(()));
        assert_eq!(on.protect(a, P, R), Ok(()));
        assert_eq!(on.protect(a, 2 * P, RW), Err(PROT));
        assert_eq!(on.at(a).cur, R);
        on.free(a, 2 * P);
    });
}

#[test]
fn case_20_protect_two_bytes_of_two_pages() {
    here_and_there(|on| {
        let a = on.fresh(2 * P);
        assert_eq!(on.protect(a + P - 1, 2, R), Ok(()));
        assert_eq!((on.at(a).cur, on.at(a + P).cur), (R, R));
        on.free(a, 2 * P);
    });
}

#[test]
fn case_21_bad_rights_and_bad_ranges() {
    here_and_there(|on| {
        let a = on.fresh(P);
        assert_eq!(on.protect(a, P, 8), Err(ARG));
        assert_eq!(on.protect(P, LAST, R), Err(ARG));
        on.free(a, P);
    });
}

#[test]
fn case_22_read_nothing() {
    here_and_there(|on| {
        for at in [0, 1, TOP, u64::MAX] {
            assert_eq!(on.read(at, 0), Ok((0, 0)));
        }
    });
}

#[test]
fn case_23_a_read_is_independent() {
    here_and_there(|on| {
        let a = on.fresh(L);
        let bytes = on.fill(a, L, 1);
        let (data, count) = on.read(a, L).expect("it can be read");
        assert_eq!(u64::from(count), L);
        on.store(a, b"source");
        me().reads(data, &bytes);
        me().store(data, b"buffer");
        on.reads(a, b"source");
        assert_eq!(me().at(data).cur, RW);
        me().free(data, L);
        on.free(a, L);
    });
}

#[test]
fn case_24_reads_that_meet_something() {
    here_and_there(|on| {
        let a = on.fresh(L);
        assert_eq!(on.protect(a + P, P, NONE), Ok(()));
        assert_eq!(on.read(a, L), Err(PROT));
        on.free(a + P, P);
        assert_eq!(on.read(a, L), Err(ADDR));
        on.free(a, L);
    });
}

#[test]
fn case_25_a_small_read_that_is_forbidden() {
    here_and_there(|on| {
        let a = on.fresh(P);
        assert_eq!(on.protect(a, P, NONE), Ok(()));
        assert_eq!(on.read(a, P), Err(PROT));
        set_profile(Profile::Xnu);
        let xnu = on.read(a, P);
        set_profile(Profile::Doc);
        assert_eq!(xnu, Err(ADDR));
        on.free(a, P);
    });
}

#[test]
fn case_26_reads_of_too_much() {
    here_and_there(|on| {
        let a = on.fresh(P);
        assert_eq!(on.read(a, 1 << 32), Err(ARG));
        assert_eq!(on.read(LAST, P), Err(ADDR));
        on.free(a, P);
    });
}

#[test]
fn case_27_writes() {
    here_and_there(|on| {
        let d = on.fresh_at(arena(), L);
        let data = me().fresh(L);
        assert_eq!(on.write(TOP, data, 0), Ok(()));
        assert_eq!(on.write(d + L, data, L as u32), Err(ADDR));
        assert_eq!(on.protect(d, P, R), Ok(()));
        assert_eq!(on.write(d, data, L as u32), Err(PROT));
        assert_eq!(on.write(d, arena(), L as u32), Err(SENDMEM));
        on.free(d, L);
        me().free(data, L);
    });
}

#[test]
fn case_28_a_copy_is_independent() {
    here_and_there(|on| {
        let (a, d) = two(on, L);
        assert_eq!(on.copy(a, L, d), Ok(()));
        on.store(a, b"source");
        on.reads(d, &pattern(L, 1));
        on.store(d, b"copied");
        on.reads(a, b"source");
        free_all(on, L, &[a, d]);
    });
}

#[test]
fn case_29_overlapping_copies() {
    here_and_there(|on| {
        let room = L + P + 1;
        let a = on.fresh(room);
        for (from, size, to) in [(0, L, P), (P, L, 0), (1, L - P, P + 1)] {
            let mut model = on.fill(a, room, 1);
            model.copy_within(from as usize..(from + size) as usize, to as usize);
            assert_eq!(on.copy(a + from, size, a + to), Ok(()));
            on.reads(a, &model);
        }
        on.free(a, room);
    });
}

#[test]
fn case_30_a_copy_onto_itself() {
    here_and_there(|on| {
        let a = on.fresh(L);
        let bytes = on.fill(a, L, 1);
        assert_eq!(on.copy(a, L, a), Ok(()));
        on.reads(a, &bytes);
        on.free(a, L);
    });
}

#[test]
fn case_31_copy_nothing() {
    here_and_there(|on| assert_eq!(on.copy(u64::MAX, 0, TOP), Ok(())));
}

#[test]
fn case_32_a_hole_in_the_source() {
    here_and_there(|on| {
        for hole in [0, L / 2, L - P] {
            let (a, d) = two(on, L);
            on.free(a + hole, P);
            assert_eq!(on.copy(a, L, d), Err(ADDR));
            on.reads(d, &pattern(L, 0x80));
            free_all(on, L, &[a, d]);
        }
    });
}

#[test]
fn case_33_a_source_that_may_not_be_read() {
    here_and_there(|on| {
        for prot in [NONE, W, X] {
            let (a, d) = two(on, L);
            assert_eq!(on.protect(a, P, prot), Ok(()));
            assert_eq!(on.copy(a, L, d), Err(PROT));
            on.reads(d, &pattern(L, 0x80));
            free_all(on, L, &[a, d]);
        }
    });
}

#[test]
fn case_34_a_target_whose_last_page_is_bad() {
    here_and_there(|on| {
        let (a, d) = two(on, L);
        assert_eq!(on.protect(d + L - P, P, R), Ok(()));
        assert_eq!(on.copy(a, L, d), Err(PROT));
        on.reads(d, &pattern(L, 0x80));
        on.free(d + L - P, P);
        assert_eq!(on.copy(a, L, d), Err(ADDR));
        on.reads(d, &pattern(L - P, 0x80));
        free_all(on, L, &[a, d]);
    });
}

#[test]
fn case_35_small_copies_that_are_forbidden() {
    here_and_there(|on| {
        let (a, d) = two(on, P);
        for (profile, code) in [(Profile::Doc, PROT), (Profile::Xnu, ADDR)] {
            set_profile(profile);
            assert_eq!((on.protect(a, P, NONE), on.protect(d, P, RW)), (Ok(()), Ok(())));
            let unread = on.copy(a, P, d);
            assert_eq!((on.protect(a, P, RW), on.protect(d, P, R)), (Ok(()), Ok(())));
            let unwritten = on.copy(a, P, d);
            set_profile(Profile::Doc);
            assert_eq!((unread, unwritten), (Err(code), Err(code)), "{profile:?}");
        }
        free_all(on, P, &[a, d]);
    });
}

#[test]
fn case_36_the_source_comes_first() {
    here_and_there(|on| {
        let (a, d) = two(on, L);
        assert_eq!(on.protect(a, L, NONE), Ok(()));
        assert_eq!(on.protect(d, L, R), Ok(()));
        assert_eq!(on.copy(a, L, arena()), Err(PROT));
        assert_eq!(on.copy(arena(), L, d), Err(ADDR));
        free_all(on, L, &[a, d]);
    });
}

#[test]
fn case_37_a_target_of_two_kinds() {
    here_and_there(|on| {
        let (a, d) = two(on, 2 * L);
        assert_eq!(on.inherit(d, L, SHARE), Ok(()));
        assert_eq!(on.restrict(d + L, L, RW), Ok(()));
        assert_eq!(on.copy(a, 2 * L, d), Ok(()));
        on.reads(d, &pattern(2 * L, 1));
        assert_eq!((on.at(d).inherit, on.at(d).max), (SHARE, ALL));
        assert_eq!((on.at(d + L).inherit, on.at(d + L).max), (COPY, RW));
        assert_eq!((on.at(a).inherit, on.at(a).max, on.at(a).cur), (COPY, ALL, RW));
        free_all(on, 2 * L, &[a, d]);
    });
}

#[test]
fn case_38_a_target_that_is_shared() {
    here(|on| {
        let (a, d) = two(on, L);
        let d2 = on.again(d, L, false);
        assert_eq!(on.copy(a, L, d), Ok(()));
        on.reads(d2, &pattern(L, 1));
        on.store(a, b"later");
        on.reads(d, &pattern(L, 1));
        on.reads(d2, &pattern(L, 1));
        free_all(on, L, &[a, d, d2]);
    });
}

#[test]
fn case_39_a_target_that_is_a_copy() {
    here_and_there(|on| {
        let (a, d) = two(on, L);
        let d2 = on.again(d, L, true);
        assert_eq!(on.copy(a, L, d2), Ok(()));
        on.reads(d, &pattern(L, 0x80));
        on.reads(d2, &pattern(L, 1));
        free_all(on, L, &[a, d, d2]);
    });
}

#[test]
fn case_40_copies_to_the_byte() {
    here_and_there(|on| {
        let (a, d) = two(on, L);
        assert_eq!(on.copy(a + 1, 5000, d + 3), Ok(()));
        let mut model = pattern(L, 0x80);
        model[3..5003].copy_from_slice(&pattern(L, 1)[1..5001]);
        on.reads(d, &model);
        set_profile(Profile::GnuMach);
        let strict = on.copy(a + 1, 5000, d + 3);
        set_profile(Profile::Doc);
        assert_eq!(strict, Err(ARG));
        free_all(on, L, &[a, d]);
    });
}

#[test]
fn case_41_copies_around_the_end() {
    here_and_there(|on| {
        let (a, d) = two(on, P);
        assert_eq!(on.copy(LAST, P, d), Err(ADDR));
        assert_eq!(on.copy(a, P, LAST), Err(ADDR));
        free_all(on, P, &[a, d]);
    });
}

#[test]
fn case_42_a_copy_of_what_was_never_touched() {
    here_and_there(|on| {
        let (a, d) = (on.fresh(L), on.fresh(L));
        on.fill(d, L, 1);
        assert_eq!(on.copy(a, L, d), Ok(()));
        on.reads_zero(d, L);
        free_all(on, L, &[a, d]);
    });
}

#[test]
fn case_43_a_copy_into_what_children_do_not_get() {
    here(|on| {
        for size in [L, 512 << 10] {
            let (a, d) = two(on, size);
            assert_eq!(on.inherit(d, size, INHERIT_NONE), Ok(()));
            assert_eq!(on.copy(a, size, d), Ok(()));
            assert_eq!(load(a), End::Code(0));
            assert_eq!(load(d), End::Signal(SEGV), "{size:#x}");
            free_all(on, size, &[a, d]);
        }
    });
}

#[test]
fn case_44_tasks_that_are_none() {
    here(|on| {
        let a = on.fresh(P);
        let named = |task| On { task, process: Process::current() };
        let mut sleeper = Sleeper::new();
        let opened = sleeper.task();
        sleeper.reap();
        // SAFETY: no conditions.
        let host = unsafe { mach_host_self() };
        for (on, code) in [(named(0), SENDDEST), (opened.on.clone(), SENDDEST), (named(host), ARG)] {
            assert_eq!(on.copy(a, P, a), Err(code));
            assert_eq!(on.allocate(0, P, ANY), Err(code));
            assert_eq!(on.deallocate(a, P), Err(code));
            assert_eq!(on.read(a, P), Err(code));
            assert_eq!(on.write(a, a, 8), Err(code));
        }
        on.free(a, P);
    });
}

#[test]
fn case_45_a_list_of_bad_and_good() {
    here_and_there(|on| {
        let a = on.fresh(P);
        let mut list =
            [mach_vm_read_entry { address: TOP, size: P }, mach_vm_read_entry { address: a, size: P }];
        // SAFETY: there are two.
        assert_eq!(unsafe { mach_vm_read_list(on.task, list.as_mut_ptr(), 2) }, 0);
        assert_eq!((list[0].address, list[0].size, list[1].size), (0, 0, P));
        me().reads_zero(list[1].address, P);
        me().free(list[1].address, P);
        on.free(a, P);
    });
}

#[test]
fn case_46_a_target_that_flips_and_its_sibling() {
    here(|on| {
        let (a, d) = two(on, L);
        let s = on.again(d, L, true);
        let old = pattern(L, 0x80);
        let going = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let flipper = scope.spawn(|| {
                while going.load(Ordering::Relaxed) {
                    assert_eq!((on.protect(d, L, R), on.protect(d, L, RW)), (Ok(()), Ok(())));
                }
            });
            for round in 0..300 {
                let done = on.copy(a, L, d);
                assert!(done == Ok(()) || done == Err(PROT), "{done:?}");
                if round % 30 == 0 {
                    on.reads(s, &old);
                }
            }
            going.store(false, Ordering::Relaxed);
            flipper.join().expect("no panic");
        });
        on.reads(s, &old);
        free_all(on, L, &[a, d, s]);
    });
}

#[test]
fn case_47_a_thousand_copies_with_a_write_each() {
    here(|on| {
        let size = 1 << 20;
        let (a, b) = two(on, size);
        let before = resident();
        let mut times = Vec::new();
        for round in 0..1000_u32 {
            let began = Instant::now();
            assert_eq!(on.copy(a, size, b), Ok(()));
            on.store(b, &round.to_le_bytes());
            times.push(began.elapsed());
        }
        on.reads(b + 4, &pattern(size, 1)[4..]);
        let grown = resident().saturating_sub(before);
        assert!(grown < 4 << 20, "{grown} bytes more than before");
        let median = |part: &[std::time::Duration]| {
            let mut sorted = part.to_vec();
            sorted.sort();
            sorted[sorted.len() / 2]
        };
        let (early, late) = (median(&times[..200]), median(&times[800..]));
        assert!(late < 3 * early + std::time::Duration::from_micros(50), "{early:?}, then {late:?}");
        free_all(on, size, &[a, b]);
    });
}
