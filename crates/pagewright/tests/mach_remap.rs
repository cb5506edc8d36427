//! vm_remap, in one task and between two: rows M.

mod mach_support;

use mach_support::{
    ADDR, ALL, ANY, ARG, Answer, FIXED, INHERIT_NONE, L, LAST, NONE, NOSPC, On, P, PROT, R, RW, RX, Remapped,
    SENDDEST, SHARE, Sleeper, TOP, W, Wish, arena, here, here_and_there, pattern, with_foreign,
};
use pagewright::mach::{
    VM_FLAGS_NO_CACHE, VM_FLAGS_OVERWRITE, VM_FLAGS_PERMANENT, VM_FLAGS_RETURN_DATA_ADDR, mach_host_self,
    mach_vm_remap_new, set_consent,
};
use pagewright::{Consent, Process};

fn host() -> u32 {
    // SAFETY: no conditions.
    unsafe { mach_host_self() }
}

fn named(task: u32) -> On {
    On { task, process: Process::current() }
}

/// `vm_remap_new` within one task.
fn remap_new(on: &On, source: u64, copy: bool, wish: Wish) -> Answer<Remapped> {
    let Wish { at, size, mask, flags, cur, max, inherit, .. } = wish;
    let (mut address, mut c, mut m) = (at, cur, max);
    // SAFETY: pointers to locals.
    let code = unsafe {
        mach_vm_remap_new(
            on.task,
            &raw mut address,
            size,
            mask,
            flags,
            on.task,
            source,
            u32::from(copy),
            &raw mut c,
            &raw mut m,
            inherit,
        )
    };
    assert!(code == 0 || (address, c, m) == (at, cur, max), "A15");
    if code == 0 { Ok(Remapped { at: address, cur: c, max: m }) } else { Err(code) }
}

// Rows: M1
#[test]
fn m01_no_source_and_no_target() {
    here(|on| {
        let at = on.fresh(P);
        for wrong in [0, host(), 0x1_2345, u32::MAX] {
            assert_eq!(on.remap_from(&named(wrong), at, false, Wish::new(P)), Err(ARG), "{wrong:#x}");
        }
        assert_eq!(named(0).remap_from(on, at, false, Wish::new(P)), Err(SENDDEST));
        assert_eq!(named(host()).remap_from(on, at, false, Wish::new(P)), Err(ARG));
        on.free(at, P);
    });
}

// Rows: M2
#[test]
fn m02_flags_inheritance_and_sizes() {
    here_and_there(|on| {
        let at = on.fresh(P);
        let remap = |wish| on.remap_from(on, at, false, wish);
        for flags in [VM_FLAGS_NO_CACHE, VM_FLAGS_PERMANENT, 2, 4, 0x7f00_0000, 0x80_0000] {
            assert_eq!(remap(Wish { flags: ANY | flags, ..Wish::new(P) }), Err(ARG), "{flags:#x}");
        }
        for inherit in [3, 4, u32::MAX] {
            assert_eq!(remap(Wish { inherit, ..Wish::new(P) }), Err(ARG), "{inherit}");
        }
        assert_eq!(remap(Wish::new(0)), Err(ARG));
        assert_eq!(remap(Wish::new(u64::MAX - 1)), Err(ARG), "beyond 64 bits");
        assert_eq!(remap(Wish::new(LAST - at + 1)), Err(ARG), "the end rounds to 0");
        on.free(at, P);
    });
}

// Rows: M3
#[test]
fn m03_a_hole_in_the_source_is_no_address() {
    here_and_there(|on| {
        for copy in [false, true] {
            let at = on.fresh_at(arena(), 3 * P);
            on.free(at + P, P);
            assert_eq!(on.remap_from(on, at, copy, Wish::new(3 * P)), Err(ADDR));
            assert_eq!(on.remap_from(on, at + P, copy, Wish::new(P)), Err(ADDR));
            assert_eq!(on.remap_from(on, TOP, copy, Wish::new(P)), Err(ADDR));
            on.free(at, 3 * P);
        }
    });
}

// Rows: M4 M5 M6
#[test]
fn m04_m05_m06_places() {
    here_and_there(|on| {
        let source = on.fresh(2 * P);
        let bytes = on.fill(source, 2 * P, 1);
        let target = arena();
        for copy in [false, true] {
            let remap = |wish| on.remap_from(on, source, copy, wish);
            let fixed = Wish::new(2 * P).at(target);
            assert_eq!(remap(Wish { mask: target, ..fixed }), Err(NOSPC), "M4: bits of the mask");
            on.fresh_at(target + P, P);
            assert_eq!(remap(fixed), Err(NOSPC), "M4: something is there");
            assert!(on.is_hole(target));
            assert_eq!(remap(fixed.at(0)), Err(ADDR), "M5");
            assert_eq!(remap(fixed.at(TOP - P)), Err(ADDR), "M5");
            assert_eq!(remap(Wish { at: LAST, ..Wish::new(2 * P) }), Err(NOSPC), "M6");
            let over = Wish { flags: VM_FLAGS_OVERWRITE, ..fixed };
            assert_eq!(remap(over).map(|made| made.at), Ok(target), "M4: in place of it");
            on.reads(target, &bytes);
            on.free(target, 2 * P);
            let aligned = remap(Wish { mask: 0xf_ffff, ..Wish::new(2 * P) }).expect("there is room").at;
            assert_eq!(aligned & 0xf_ffff, 0);
            on.free(aligned, 2 * P);
        }
        on.free(source, 2 * P);
    });
}

// Rows: M7
#[test]
fn m07_sharing_is_seen_on_both_sides() {
    here(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            on.fill(at, size, 1);
            let again = on.again(at, size, false);
            assert!(on.at(at).shared && on.at(again).shared);
            on.store(again, b"there");
            on.reads(at, b"there");
            on.store(at + size - 4, b"here");
            on.reads(again + size - 4, b"here");
            on.free(at, size);
            on.reads(again, b"there");
            on.free(again, size);
        }
    });
}

// Rows: M8
#[test]
fn m08_a_copy_is_a_snapshot() {
    here_and_there(|on| {
        for size in [P, L, 1 << 20] {
            let at = on.fresh(size);
            let bytes = on.fill(at, size, 1);
            let copy = on.again(at, size, true);
            assert!(!on.at(copy).shared);
            on.store(at, b"later");
            on.reads(copy, &bytes[..16]);
            on.store(copy + P / 2, b"mine");
            on.reads(at + P / 2, &bytes[P as usize / 2..][..4]);
            on.free(at, size);
            on.free(copy, size);
        }
    });
}

// Rows: M9
#[test]
fn m09_every_part_keeps_its_rights_and_the_answer_is_what_all_have() {
    here_and_there(|on| {
        for copy in [false, true] {
            let at = on.fresh_at(arena(), 3 * P);
            assert_eq!(on.restrict(at, P, RX), Ok(()));
            assert_eq!(on.protect(at + P, P, RX), Ok(()));
            let made = on.remap_from(on, at, copy, Wish { inherit: INHERIT_NONE, ..Wish::new(3 * P) });
            let made = made.expect("it can be mapped again");
            assert_eq!((made.cur, made.max), (R, RX));
            let rights = |at| (on.at(at).cur, on.at(at).max, on.at(at).inherit);
            assert_eq!(rights(made.at), (R, RX, INHERIT_NONE));
            assert_eq!(rights(made.at + P), (RX, ALL, INHERIT_NONE));
            assert_eq!(rights(made.at + 2 * P), (RW, ALL, INHERIT_NONE));
            on.free(made.at, 3 * P);
            on.free(at, 3 * P);
        }
    });
}

// Rows: M10
#[test]
fn m10_the_new_call_takes_the_rights_that_are_wanted() {
    here_and_there(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 1);
        assert_eq!(on.restrict(at, L, RW), Ok(()));
        let wish = |cur, max| Wish { cur, max, ..Wish::new(L) };
        for copy in [false, true] {
            let made = remap_new(on, at, copy, wish(R, RW)).expect("within the source");
            assert_eq!((made.cur, made.max), (R, RW));
            assert_eq!((on.at(made.at).cur, on.at(made.at).max), (R, RW));
            on.reads(made.at, &bytes);
            on.free(made.at, L);
            assert_eq!(remap_new(on, at, copy, wish(RW, R)), Err(ARG), "current beyond the maximum");
            assert_eq!(remap_new(on, at, copy, wish(R, ALL)), Err(PROT), "stores and fetches");
            assert_eq!(remap_new(on, at, copy, wish(8, 8)), Err(ARG));
            let none = remap_new(on, at, copy, wish(NONE, NONE)).expect("nothing is always possible");
            assert_eq!(on.at(none.at).max, NONE);
            on.free(none.at, L);
        }
        assert_eq!(remap_new(on, at, false, wish(R, RX)), Err(PROT), "the source may never be executed");
        let made = remap_new(on, at, true, wish(R, RX)).expect("a copy may");
        assert_eq!((on.at(made.at).cur, on.at(made.at).max), (R, RX));
        on.reads(made.at, &bytes);
        on.free(made.at, L);
        assert_eq!(on.protect(at, L, R), Ok(()));
        assert_eq!(remap_new(on, at, false, wish(RW, RW)), Err(PROT), "the source is not writable now");
        assert_eq!(on.restrict(at, L, W), Ok(()));
        assert_eq!(remap_new(on, at, true, wish(NONE, NONE)), Err(PROT), "a copy must be readable some day");
        on.free(at, L);
    });
}

// Rows: M11
#[test]
fn m11_the_source_is_rounded_down_before_the_size_unless_data_is_asked_for() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 2 * P);
        on.fill(at, 2 * P, 1);
        for copy in [false, true] {
            let made = on.remap_from(on, at + 0xff0, copy, Wish::new(0x20)).expect("one page").at;
            assert_eq!(made % P, 0);
            assert!(on.is_hole(made + P) || on.at(made + P).base != on.at(made).base);
            on.reads(made, &pattern(2 * P, 1)[..P as usize]);
            on.free(made, P);
            let flags = ANY | VM_FLAGS_RETURN_DATA_ADDR;
            let made = on.remap_from(on, at + 0xff0, copy, Wish { flags, ..Wish::new(0x20) });
            let made = made.expect("two pages").at;
            assert_eq!(made % P, 0xff0);
            on.reads(made, &pattern(2 * P, 1)[0xff0..0x1010]);
            on.free(made - 0xff0, 2 * P);
        }
        on.free(at, 2 * P);
    });
}

// Rows: M12
#[test]
fn m12_memory_that_nobody_may_ever_use_is_mapped_as_such() {
    here_and_there(|on| {
        for copy in [false, true] {
            let at = on.fresh(P);
            assert_eq!(on.restrict(at, P, NONE), Ok(()));
            let made = on.remap_from(on, at, copy, Wish::new(P)).expect("it can be mapped again");
            assert_eq!((made.cur, made.max), (NONE, NONE));
            assert_eq!((on.at(made.at).cur, on.at(made.at).max), (NONE, NONE));
            on.free(made.at, P);
            on.free(at, P);
        }
    });
}

// Rows: M13
#[test]
fn m13_over_itself() {
    here_and_there(|on| {
        for copy in [false, true] {
            let at = on.fresh_at(arena(), 2 * L);
            let bytes = on.fill(at, 2 * L, 1);
            let over = Wish { flags: VM_FLAGS_OVERWRITE, ..Wish::new(L) };
            assert_eq!(on.remap_from(on, at, copy, Wish::new(L).at(at)), Err(NOSPC), "not asked to");
            let onto = |at| Wish { at, ..over };
            assert_eq!(on.remap_from(on, at, copy, onto(at)).map(|made| made.at), Ok(at));
            on.reads(at, &bytes);
            let half = at + L / 2;
            assert_eq!(on.remap_from(on, at, copy, onto(half)).map(|made| made.at), Ok(half));
            on.reads(half, &bytes[..L as usize / 2]);
            on.reads(half + L / 2, &bytes[L as usize / 2..L as usize]);
            on.free(at, 2 * L);
        }
    });
}

// Rows: M14
#[test]
fn m14_memory_of_the_program_itself_is_shared_only_with_consent() {
    with_foreign(L, |on, at| {
        let bytes = on.fill(at, L, 1);
        assert_eq!(on.remap_from(on, at, false, Wish::new(L)), Err(PROT));
        let copy = on.again(at, L, true);
        set_consent(Consent::Foreign);
        let shared = on.again(at, L, false);
        on.store(shared, b"through");
        on.reads(at, b"through");
        on.store(at + P, b"back");
        on.reads(shared + P, b"back");
        on.reads(copy, &bytes);
        on.free(shared, L);
        on.free(copy, L);
    });
}

// Rows: M14
#[test]
fn m14_memory_of_another_program_is_shared_only_with_consent() {
    here(|on| {
        let sleeper = Sleeper::new();
        let opened = sleeper.task();
        let there = &opened.on;
        let mut heap = there.region(0).expect("it has memory");
        while heap.cur != RW || heap.shared {
            heap = there.region(heap.base + heap.size).expect("it has memory of its own");
        }
        assert_eq!(on.remap_from(there, heap.base, false, Wish::new(P)), Err(PROT));
        let copy = on.remap_from(there, heap.base, true, Wish::new(P)).expect("a copy is possible").at;
        on.reads(copy, &there.bytes(heap.base, P));
        on.free(copy, P);
    });
}

#[test]
fn between_two_tasks_mapping_shares_and_copies() {
    here(|on| {
        let sleeper = Sleeper::new();
        let opened = sleeper.task();
        let there = &opened.on;
        for size in [P, L, 1 << 20] {
            let at = there.fresh(size);
            let bytes = there.fill(at, size, 1);
            let shared = on.remap_from(there, at, false, Wish::new(size)).expect("there is room");
            let copy = on.remap_from(there, at, true, Wish::new(size)).expect("there is room");
            assert_eq!((shared.cur, shared.max, copy.cur, copy.max), (RW, ALL, RW, ALL));
            on.store(shared.at, b"from here");
            there.reads(at, b"from here");
            there.store(at + size - 5, b"there");
            on.reads(shared.at + size - 5, b"there");
            on.reads(copy.at, &bytes);
            assert!(on.at(shared.at).shared && there.at(at).shared && !on.at(copy.at).shared);
            on.free(shared.at, size);
            on.free(copy.at, size);
            there.free(at, size);
        }
    });
}

#[test]
fn between_two_tasks_places_and_rights_are_as_in_one() {
    here(|on| {
        let sleeper = Sleeper::new();
        let opened = sleeper.task();
        let there = &opened.on;
        let at = on.fresh_at(arena(), 2 * P);
        assert_eq!(on.restrict(at + P, P, R), Ok(()));
        for copy in [false, true] {
            let target = arena() + P;
            let wish = Wish { inherit: SHARE, ..Wish::new(2 * P) }.at(target);
            let made = there.remap_from(on, at, copy, wish).expect("it is free");
            assert_eq!((made.at, made.cur, made.max), (target, R, R));
            assert_eq!((there.at(target).cur, there.at(target).max), (RW, ALL));
            assert_eq!((there.at(target + P).cur, there.at(target + P).max), (R, R));
            assert_eq!(there.at(target).inherit, SHARE);
            assert_eq!(there.remap_from(on, at, copy, wish), Err(NOSPC), "taken");
            let over = Wish { flags: FIXED | VM_FLAGS_OVERWRITE, ..wish };
            assert_eq!(there.remap_from(on, at, copy, over).map(|made| made.at), Ok(target));
            assert_eq!(there.remap_from(on, at, copy, Wish::new(3 * P)), Err(ADDR), "a hole in the source");
            there.free(target, 2 * P);
        }
        on.free(at, 2 * P);
    });
}
