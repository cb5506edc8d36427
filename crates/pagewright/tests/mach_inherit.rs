//! vm_inherit: rows I. What forks make of it in stranger circumstances is tested beside it.

mod mach_support;

use mach_support::fault::{End, SEGV, in_child, leave, load_here, store_here};
use mach_support::{
    ALL, ANY, ARG, COPY, INHERIT_NONE, L, LAST, P, R, RW, SHARE, TOP, Wish, arena, here, here_and_there,
};

// Rows: I1
#[test]
fn i01_no_bytes_are_inherited_already() {
    here_and_there(|on| {
        for inherit in [SHARE, COPY, INHERIT_NONE, 3, 99] {
            assert_eq!(on.inherit(0, 0, inherit), Ok(()));
            assert_eq!(on.inherit(u64::MAX, 0, inherit), Ok(()));
        }
    });
}

// Rows: I2
#[test]
fn i02_other_values_are_an_argument() {
    here_and_there(|on| {
        let at = on.fresh(P);
        for inherit in [3, 4, 99, u32::MAX] {
            assert_eq!(on.inherit(at, P, inherit), Err(ARG), "{inherit}");
        }
        assert_eq!(on.at(at).inherit, COPY);
        on.free(at, P);
    });
}

// Rows: I3
#[test]
fn i03_holes_do_not_matter_and_the_rest_changes() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 4 * P);
        on.free(at + P, P);
        assert_eq!(on.inherit(at - P, 4 * P, INHERIT_NONE), Ok(()));
        let found: Vec<u32> = [0, 2, 3].map(|page| on.at(at + page * P).inherit).into();
        assert_eq!(found, [INHERIT_NONE, INHERIT_NONE, COPY]);
        assert_eq!(on.inherit(arena(), L, SHARE), Ok(()), "nothing there at all");
        assert_eq!(on.inherit(TOP, P, SHARE), Ok(()), "nor in the task");
        assert_eq!(on.inherit(1 << 50, P, SHARE), Ok(()));
        on.free(at, 4 * P);
    });
}

// Rows: I5
#[test]
fn i05_ranges_that_wrap_around_are_an_argument() {
    here_and_there(|on| {
        assert_eq!(on.inherit(P, LAST, COPY), Err(ARG));
        assert_eq!(on.inherit(LAST, P - 1, COPY), Err(ARG));
        assert_eq!(on.inherit(0, LAST + 1, COPY), Err(ARG));
    });
}

#[test]
fn every_value_is_reported_and_changes_nothing_else() {
    here_and_there(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            let bytes = on.fill(at, size, 3);
            for inherit in [SHARE, INHERIT_NONE, COPY, SHARE, COPY] {
                assert_eq!(on.inherit(at, size, inherit), Ok(()));
                let region = on.at(at);
                assert_eq!((region.inherit, region.cur, region.max), (inherit, RW, ALL));
                on.reads(at, &bytes);
            }
            on.store(at, b"still writable");
            on.free(at, size);
        }
    });
}

// Rows: I6
#[test]
fn i06_shared_memory_is_the_same_on_both_sides() {
    here(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            on.store(at, b"before");
            assert_eq!(on.inherit(at, size, SHARE), Ok(()));
            assert!(on.at(at).shared || size > 0);
            let end = in_child(|| {
                if load_here(at) != b'b' {
                    leave(1);
                }
                store_here(at, b'B');
                store_here(at + size - 1, 7);
            });
            assert_eq!(end, End::Code(0));
            on.reads(at, b"Before");
            on.reads(at + size - 1, &[7]);
            on.free(at, size);
        }
    });
}

// Rows: I7
#[test]
fn i07_copied_memory_is_the_child_s_own() {
    here(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            on.store(at, b"before");
            let end = in_child(|| {
                if load_here(at) != b'b' {
                    leave(1);
                }
                store_here(at, b'B');
                if load_here(at) != b'B' {
                    leave(2);
                }
            });
            assert_eq!(end, End::Code(0), "{size:#x}");
            on.reads(at, b"before");
            on.free(at, size);
        }
    });
}

// Rows: I7
#[test]
fn i07_unreadable_memory_is_inherited_too_with_its_attributes() {
    here(|on| {
        let at = on.fresh(P);
        on.store(at, b"secret");
        assert_eq!(on.behave(at, P, 1), Ok(()));
        assert_eq!(on.restrict(at, P, RW), Ok(()));
        assert_eq!(on.protect(at, P, 0), Ok(()));
        let end = in_child(|| {
            let region = on.at(at);
            if (region.cur, region.max, region.inherit, region.behavior) != (0, RW, COPY, 1) {
                leave(1);
            }
            if on.protect(at, P, R) != Ok(()) || load_here(at) != b's' {
                leave(2);
            }
        });
        assert_eq!(end, End::Code(0));
        on.free(at, P);
    });
}

// Rows: I8
#[test]
fn i08_memory_that_is_not_inherited_is_a_hole() {
    here(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            on.store(at, b"mine");
            assert_eq!(on.inherit(at, size, INHERIT_NONE), Ok(()));
            let end = in_child(|| {
                load_here(at);
            });
            assert_eq!(end, End::Signal(SEGV));
            let end = in_child(|| {
                if !on.is_hole(at) || on.allocate(at, size, 0) != Ok(at) {
                    leave(1);
                }
                if load_here(at) != 0 {
                    leave(2);
                }
            });
            assert_eq!(end, End::Code(0), "{size:#x}");
            on.reads(at, b"mine");
            on.free(at, size);
        }
    });
}

// Rows: I6 I8
#[test]
fn i06_i08_a_mapping_can_be_born_with_its_inheritance() {
    here(|on| {
        for size in [P, 1 << 20] {
            let shared = on.map(Wish { inherit: SHARE, ..Wish::new(size) }).expect("there is room");
            let hidden = on.map(Wish { inherit: INHERIT_NONE, ..Wish::new(size) }).expect("there is room");
            assert_eq!((on.at(shared).inherit, on.at(hidden).inherit), (SHARE, INHERIT_NONE));
            assert_eq!(in_child(|| store_here(shared, 9)), End::Code(0));
            on.reads(shared, &[9]);
            assert_eq!(in_child(|| store_here(hidden, 9)), End::Signal(SEGV));
            on.free(shared, size);
            on.free(hidden, size);
        }
        assert!(on.allocate(0, P, ANY).map(|at| on.free(at, P)).is_ok());
    });
}

// Rows: I8
#[test]
fn i08_what_was_shared_can_be_taken_back() {
    here(|on| {
        let at = on.fresh(L);
        assert_eq!(on.inherit(at, L, SHARE), Ok(()));
        assert_eq!(on.inherit(at, L, COPY), Ok(()));
        assert_eq!(in_child(|| store_here(at, 9)), End::Code(0));
        on.reads(at, &[0]);
        assert_eq!(on.inherit(at, L, SHARE), Ok(()));
        assert_eq!(on.inherit(at, L, INHERIT_NONE), Ok(()));
        assert_eq!(in_child(|| store_here(at, 9)), End::Signal(SEGV));
        on.free(at, L);
    });
}
