//! vm_copy where memory has several views, is wired, or is large: rows C22 to C29.

mod mach_support;

use mach_support::{
    ALL, L, On, P, R, RW, Sleeper, Wish, free_all, here, here_and_there, pattern, resident, two_filled as two,
};
use pagewright::mach::{mach_host_self, mach_vm_wire};

/// Sizes below and above what is copied lazily, and above what is born shared.
const SIZES: [u64; 4] = [P, 4 * P, L, 512 << 10];

// Rows: C22
#[test]
fn c22_a_target_with_other_views_is_written_for_all_of_them() {
    here(|on| {
        for size in SIZES {
            let (source, dest, bytes) = two(on, size);
            let again = on.again(dest, size, false);
            assert_eq!(on.copy(source, size, dest), Ok(()));
            on.reads(again, &bytes);
            on.store(source, b"not followed");
            on.reads(again, &bytes);
            on.store(again, b"followed");
            on.reads(dest, b"followed");
            on.free(again, size);
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C22
#[test]
fn c22_a_target_that_another_task_sees_is_written_for_it_too() {
    here(|on| {
        let sleeper = Sleeper::new();
        let opened = sleeper.task();
        let there = &opened.on;
        for size in [P, L] {
            let (source, dest, bytes) = two(on, size);
            let wish = Wish::new(size);
            let view = there.remap_from(on, dest, false, wish).expect("it can be mapped").at;
            assert_eq!(on.copy(source, size, dest), Ok(()));
            there.reads(view, &bytes);
            there.free(view, size);
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C23
#[test]
fn c23_the_origin_of_a_copy_does_not_change() {
    here(|on| {
        for size in SIZES {
            let (source, origin, bytes) = two(on, size);
            let old = pattern(size, 0x80);
            let view = on.again(origin, size, true);
            let (read, _) = on.read(origin, size).expect("it can be read");
            assert_eq!(on.copy(source, size, view), Ok(()));
            assert_eq!(on.copy(source, size, read), Ok(()));
            on.reads(origin, &old);
            on.reads(view, &bytes);
            on.reads(read, &bytes);
            for at in [source, origin, view, read] {
                on.free(at, size);
            }
        }
    });
}

// Rows: C24 C25
#[test]
fn c24_c25_the_copy_follows_nobody_and_an_alias_follows_its_source() {
    here(|on| {
        for size in SIZES {
            let (source, dest, bytes) = two(on, size);
            let alias = on.again(source, size, false);
            assert_eq!(on.copy(source, size, dest), Ok(()));
            on.store(alias, b"by the alias");
            on.reads(source, b"by the alias");
            on.reads(dest, &bytes);
            on.store(source + P - 9, b"by it");
            on.reads(alias + P - 9, b"by it");
            on.reads(dest, &bytes);
            on.store(dest, b"by the copy");
            on.reads(source, b"by the alias");
            on.free(alias, size);
            free_all(on, size, &[source, dest]);
        }
    });
}

// Rows: C26
#[test]
fn c26_a_chain_of_copies_is_independent() {
    here_and_there(|on| {
        for size in SIZES {
            let (a, b, bytes) = two(on, size);
            let c = on.fresh(size);
            assert_eq!(on.copy(a, size, b), Ok(()));
            on.store(b, b"between");
            assert_eq!(on.copy(b, size, c), Ok(()));
            on.store(b, b"BETWEEN");
            on.store(a, b"at the start");
            on.reads(c, b"between");
            on.reads(c + 16, &bytes[16..]);
            on.reads(b, b"BETWEEN");
            on.store(c, b"at the end");
            on.reads(a, b"at the start");
            on.free(b, size);
            on.reads(c + 16, &bytes[16..]);
            on.reads(a + 16, &bytes[16..]);
            free_all(on, size, &[a, c]);
        }
    });
}

fn wire(on: &On, at: u64, size: u64, access: i32) {
    // SAFETY: no conditions.
    assert_eq!(unsafe { mach_vm_wire(mach_host_self(), on.task, at, size, access) }, 0);
}

// Rows: C27
#[test]
fn c27_a_source_that_is_partly_wired_can_be_copied_and_mapped_again() {
    here(|on| {
        let (source, dest, bytes) = two(on, L);
        wire(on, source + P, P, R);
        assert_eq!(on.copy(source, L, dest), Ok(()));
        on.reads(dest, &bytes);
        assert_eq!(on.at(source + P).wired, 1);
        let again = on.again(source, L, false);
        on.store(again + P, b"through");
        on.reads(source + P, b"through");
        assert_eq!(on.at(source + P).wired, 1);
        on.free(again, L);
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C28
#[test]
fn c28_a_target_that_is_wired_stays_so() {
    here(|on| {
        let (source, dest, bytes) = two(on, L);
        wire(on, dest, L, RW);
        assert_eq!(on.copy(source, L, dest), Ok(()));
        on.reads(dest, &bytes);
        assert_eq!(on.at(dest).wired, 1);
        on.store(source, b"independent");
        on.reads(dest, &bytes);
        free_all(on, L, &[source, dest]);
    });
}

// Rows: C29
#[test]
fn c29_a_target_that_can_be_executed_gets_the_bytes() {
    here_and_there(|on| {
        let (source, dest, bytes) = two(on, L);
        assert_eq!(on.protect(dest, L, ALL), Ok(()));
        assert_eq!(on.copy(source, L, dest), Ok(()));
        on.reads(dest, &bytes);
        assert_eq!(on.at(dest).cur, ALL);
        free_all(on, L, &[source, dest]);
    });
}

#[test]
fn a_large_copy_takes_no_memory_until_it_is_written() {
    here(|on| {
        let size = 64 << 20;
        let (source, dest) = (on.fresh(size), on.fresh(size));
        on.fill(source, size, 1);
        let before = resident();
        assert_eq!(on.copy(source, size, dest), Ok(()));
        let after = resident();
        assert!(after < before + (4 << 20), "{before} bytes before, {after} after");
        on.reads(dest, &pattern(size, 1)[..P as usize]);
        free_all(on, size, &[source, dest]);
    });
}
