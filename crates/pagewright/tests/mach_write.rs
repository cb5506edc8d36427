//! vm_write: rows W.

mod mach_support;

use mach_support::{
    ADDR, ARG, FIXED, L, LAST, NONE, On, P, PROT, R, SENDDEST, SENDMEM, Sleeper, TOP, W, X, arena, here,
    here_and_there, me, pattern,
};
use pagewright::mach::{Profile, set_profile};

const NOWHERE: [u64; 8] = [0, 1, P - 1, P, P + 1, TOP, LAST, u64::MAX];

/// Runs a test in another profile; nobody else runs meanwhile.
fn with_profile(profile: Profile, test: impl Fn(&On)) {
    here_and_there(|on| {
        set_profile(profile);
        test(on);
        set_profile(Profile::Doc);
    });
}

// Rows: W1
#[test]
fn w01_no_bytes_are_written_anywhere() {
    here_and_there(|on| {
        for at in NOWHERE {
            assert_eq!(on.write(at, at, 0), Ok(()), "{at:#x}");
        }
    });
}

// Rows: W2
#[test]
fn w02_bytes_that_are_not_all_there_cannot_be_sent() {
    here_and_there(|on| {
        let at = on.fresh(L);
        for size in [2 * P, L] {
            let data = me().fresh_at(arena(), size);
            assert_eq!(me().protect(data + P, P, NONE), Ok(()));
            assert_eq!(on.write(at, data, size as u32), Err(SENDMEM));
            me().free(data + P, P);
            assert_eq!(on.write(at, data, size as u32), Err(SENDMEM));
            assert_eq!(on.write(arena(), data, size as u32), Err(SENDMEM), "before the target");
            me().free(data, size);
        }
        assert_eq!(on.write(at, LAST, 0x2000), Err(SENDMEM));
        on.reads_zero(at, L);
        on.free(at, L);
    });
}

// Rows: W3
#[test]
fn w03_a_hole_in_the_target_is_no_address() {
    here_and_there(|on| {
        for size in [2 * P, L] {
            let data = me().fresh(size);
            me().fill(data, size, 8);
            for hole in [0, size - P] {
                let at = on.fresh_at(arena(), size);
                on.free(at + hole, P);
                assert_eq!(on.write(at, data, size as u32), Err(ADDR));
                on.reads_zero(at + if hole == 0 { P } else { 0 }, size - P);
                on.free(at, size);
            }
            assert_eq!(on.write(LAST, data, size as u32), Err(ADDR));
            me().free(data, size);
        }
    });
}

// Rows: W4 W5
#[test]
fn w04_w05_a_target_that_may_not_be_written_is_a_protection_failure_at_every_size() {
    here_and_there(|on| {
        for size in [P, 2 * P, L] {
            let data = me().fresh(size);
            me().fill(data, size, 8);
            for prot in [R, NONE, X] {
                let at = on.fresh(size);
                assert_eq!(on.protect(at + size - P, P, prot), Ok(()));
                assert_eq!(on.write(at, data, size as u32), Err(PROT));
                on.reads_zero(at, size);
                on.free(at, size);
            }
            me().free(data, size);
        }
    });
}

// Rows: W5
#[test]
fn w05_xnu_says_no_address_when_it_is_small() {
    with_profile(Profile::Xnu, |on| {
        let (at, data) = (on.fresh(L), me().fresh(L));
        me().fill(data, L, 8);
        assert_eq!(on.protect(at, L, R), Ok(()));
        assert_eq!(on.write(at, data, P as u32), Err(ADDR));
        assert_eq!(on.write(at, data, L as u32), Err(PROT));
        on.reads_zero(at, L);
        on.free(at, L);
        me().free(data, L);
    });
}

// Rows: W6
#[test]
fn w06_unaligned_writes_are_to_the_byte() {
    here_and_there(|on| {
        let (at, data) = (on.fresh(2 * P), me().fresh(2 * P));
        let bytes = me().fill(data, 2 * P, 7);
        for (offset, from, size) in [(0, 1, 1), (1, 2, P - 1), (3, 0, 5000), (P - 1, 1, 2)] {
            on.store(at, &vec![0; 2 * P as usize]);
            assert_eq!(on.write(at + offset, data + from, size as u32), Ok(()));
            on.reads_zero(at, offset);
            on.reads(at + offset, &bytes[from as usize..][..size as usize]);
            on.reads_zero(at + offset + size, 2 * P - offset - size);
        }
        on.free(at, 2 * P);
        me().free(data, 2 * P);
    });
}

// Rows: W6
#[test]
fn w06_gnu_mach_takes_whole_pages_only() {
    with_profile(Profile::GnuMach, |on| {
        let (at, data) = (on.fresh(2 * P), me().fresh(2 * P));
        let page = P as u32;
        assert_eq!(on.write(at + 1, data, page), Err(ARG));
        assert_eq!(on.write(at, data + 1, page), Err(ARG));
        assert_eq!(on.write(at, data, page + 1), Err(ARG));
        assert_eq!(on.write(at + 1, data, 0), Ok(()), "no bytes are whole pages");
        assert_eq!(on.write(at + P, data, page), Ok(()));
        on.free(at, 2 * P);
        me().free(data, 2 * P);
    });
}

// Rows: W7
#[test]
fn w07_what_is_written_to_one_view_is_seen_through_the_other() {
    here(|on| {
        for size in [P, L] {
            let (at, data) = (on.fresh(size), on.fresh(size));
            let again = on.again(at, size, false);
            let copy = on.again(at, size, true);
            let bytes = on.fill(data, size, 5);
            assert_eq!(on.write(at, data, size as u32), Ok(()));
            on.reads(again, &bytes);
            on.reads_zero(copy, size);
            for made in [at, data, again, copy] {
                on.free(made, size);
            }
        }
    });
}

#[test]
fn stores_alone_are_enough_to_be_written() {
    here_and_there(|on| {
        for size in [P, L] {
            let (at, data) = (on.fresh(size), me().fresh(size));
            let bytes = me().fill(data, size, 3);
            assert_eq!(on.protect(at, size, W), Ok(()));
            assert_eq!(on.write(at, data, size as u32), Ok(()));
            assert_eq!(on.at(at).cur, W);
            on.reads(at, &bytes);
            on.free(at, size);
            me().free(data, size);
        }
    });
}

#[test]
fn memory_of_the_program_itself_can_be_read_and_written() {
    here(|on| {
        let mut heap = pattern(L, 1);
        let at = heap.as_mut_ptr() as u64;
        let (data, _) = on.read(at, L).expect("it can be read");
        on.reads(data, &heap);
        on.fill(data, L, 2);
        assert_eq!(on.write(at, data, L as u32), Ok(()));
        assert_eq!(heap, pattern(L, 2));
        on.free(data, L);
    });
}

#[test]
fn t10_a_null_task_is_told_before_bad_bytes() {
    let nobody = On { task: 0, process: pagewright::Process::current() };
    assert_eq!(nobody.write(P, arena(), 16), Err(SENDDEST));
    assert_eq!(nobody.read(P, 0), Err(SENDDEST));
}

#[test]
fn nothing_is_left_in_the_caller_when_a_read_fails_half_way() {
    here(|on| {
        let sleeper = Sleeper::new();
        let opened = sleeper.task();
        let there = &opened.on;
        let at = there.fresh(2 * L);
        assert_eq!(there.protect(at + L, P, NONE), Ok(()));
        let before = on.allocate(0, P, 1).expect("there is room");
        assert_eq!(there.read(at, 2 * L), Err(PROT));
        assert_eq!(on.allocate(before + P, 2 * L, FIXED), Ok(before + P), "the place is free");
        on.free(before, P + 2 * L);
        there.free(at, 2 * L);
    });
}
