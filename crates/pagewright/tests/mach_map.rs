//! vm_map and memory entries: rows V and E.

mod mach_support;

use mach_support::fault::{BUS, End, load, store};
use mach_support::{
    ADDR, ALL, ANY, ARG, Answer, FAIL, HOST, L, LAST, NAME, NONE, NOSPC, OBJ, On, P, PROT, R, RIGHT, RW, RX,
    SENDDEST, TASK, TOP, VALUE, W, Wish, X, arena, here, here_and_there, me, pattern, release, with_foreign,
};
use pagewright::mach::{
    MAP_MEM_NAMED_CREATE, MAP_MEM_NAMED_REUSE, MAP_MEM_ONLY, MAP_MEM_PURGABLE, MAP_MEM_USE_DATA_ADDR,
    MAP_MEM_VM_COPY, MAP_MEM_VM_SHARE, VM_FLAGS_NO_CACHE, VM_FLAGS_RETURN_DATA_ADDR, VM_PROT_IS_MASK,
    mach_host_self, mach_make_memory_entry, mach_make_memory_entry_64, mach_memory_object_memory_entry,
    set_consent,
};
use pagewright::{Consent, Process};

fn host() -> u32 {
    // SAFETY: no conditions.
    unsafe { mach_host_self() }
}

fn named(task: u32) -> On {
    On { task, process: Process::current() }
}

/// An entry's name and the size that was told.
fn entry_of(on: &On, at: u64, size: u64, permission: i32, parent: u32) -> Answer<(u32, u64)> {
    let (mut told, mut name) = (size, 77);
    // SAFETY: pointers to locals.
    let code =
        unsafe { mach_make_memory_entry_64(on.task, &raw mut told, at, permission, &raw mut name, parent) };
    assert!(code == 0 || (told, name) == (size, 77), "E1: a failed call leaves its pointers alone");
    if code == 0 { Ok((name, told)) } else { Err(code) }
}

/// An entry of memory of this task.
fn entry(at: u64, size: u64, permission: i32) -> u32 {
    entry_of(&me(), at, size, permission, 0).expect("it can be named").0
}

// Rows: V1
#[test]
fn v01_no_object_is_zeros_and_a_copy_of_them_the_same() {
    here_and_there(|on| {
        for copy in [false, true] {
            let at = on.map(Wish { copy, ..Wish::new(P + 1) }).expect("there is room");
            on.reads_zero(at, 2 * P);
            on.free(at, 2 * P);
        }
    });
}

// Rows: V2
#[test]
fn v02_sizes_that_are_or_round_to_zero() {
    here_and_there(|on| {
        for size in [0, u64::MAX, LAST + 1] {
            assert_eq!(on.map(Wish::new(size)), Err(ARG));
            assert_eq!(on.map(Wish::new(size).at(arena())), Err(ARG));
        }
        assert_eq!(on.map(Wish::new(P).at(LAST)), Err(ARG), "beyond 64 bits");
        assert_eq!(on.map(Wish::new(P - 1).at(LAST)), Err(ARG));
        assert_eq!(on.map(Wish::new(LAST)), Err(NOSPC));
        assert_eq!(on.map(Wish::new(P).at(TOP)), Err(ADDR));
        assert_eq!(on.map(Wish::new(P).at(0)), Err(ADDR));
    });
}

// Rows: V3
#[test]
fn v03_words_that_are_none() {
    here_and_there(|on| {
        for word in [8, 0x10, 0x80, -1] {
            assert_eq!(on.map(Wish { cur: word, ..Wish::new(P) }), Err(ARG), "{word:#x}");
            assert_eq!(on.map(Wish { max: word, ..Wish::new(P) }), Err(ARG), "{word:#x}");
        }
        for inherit in [3, 4, u32::MAX] {
            assert_eq!(on.map(Wish { inherit, ..Wish::new(P) }), Err(ARG), "{inherit}");
        }
        for flags in [0x20, 0x40, 0x100, 0x8000] {
            assert_eq!(on.map(Wish { flags: ANY | flags, ..Wish::new(P) }), Err(ARG), "{flags:#x}");
        }
    });
}

// Rows: V4
#[test]
fn v04_rights_beyond_the_maximum_are_left_out() {
    here_and_there(|on| {
        for (cur, max, made) in [(RW, R, R), (ALL, RX, RX), (W, R, NONE), (NONE, ALL, NONE), (X, ALL, X)] {
            let at = on.map(Wish { cur, max, ..Wish::new(P) }).expect("there is room");
            assert_eq!((on.at(at).cur, on.at(at).max), (made, max));
            on.free(at, P);
        }
    });
}

// Rows: V5
#[test]
fn v05_bits_of_the_mask_come_before_everything_about_the_place() {
    here_and_there(|on| {
        let at = on.fresh_at(arena() + P, P);
        assert_eq!(on.map(Wish { mask: 0x1fff, ..Wish::new(P).at(at) }), Err(NOSPC));
        assert_eq!(on.map(Wish { mask: 0xfff, ..Wish::new(P).at(at) }), Err(NOSPC), "taken");
        assert_eq!(on.map(Wish { mask: 1 << 62, ..Wish::new(P).at(1 << 62) }), Err(NOSPC), "and outside");
        on.free(at, P);
    });
}

// Rows: V6
#[test]
fn v06_anywhere_begins_at_the_address_and_goes_up() {
    here_and_there(|on| {
        let from = arena();
        let wish = Wish { at: from, ..Wish::new(P) };
        let made: Vec<u64> = (0..3).map(|_| on.map(wish).expect("there is room")).collect();
        assert_eq!(made, [from, from + P, from + 2 * P]);
        assert_eq!(
            on.map(Wish { at: from + 1, ..wish }),
            Ok(from + 3 * P),
            "the page that holds it is taken"
        );
        on.free(from, 4 * P);
        assert_eq!(on.map(Wish { at: LAST, ..wish }), Err(NOSPC), "no way around the end");
        assert_eq!(on.map(Wish { at: TOP, ..wish }), Err(NOSPC));
    });
}

// Rows: V7
#[test]
fn v07_a_mask_of_all_bits_leaves_no_place() {
    here_and_there(|on| {
        assert_eq!(on.map(Wish { at: 1, mask: u64::MAX, ..Wish::new(P) }), Err(NOSPC));
    });
}

// Rows: V8
#[test]
fn v08_the_address_has_no_bit_of_the_mask() {
    here_and_there(|on| {
        for mask in [0xfff, 0x1fff, 0x1f_ffff, 0x5000, 0x10_0000, 0x7fff_ffff] {
            let at = on.map(Wish { mask, ..Wish::new(P) }).expect("there is room");
            assert_eq!(at & mask, 0, "{mask:#x}");
            on.free(at, P);
        }
    });
}

// Rows: V9
#[test]
fn v09_more_rights_than_the_entry_has() {
    here_and_there(|on| {
        let name = entry(0, L, R | MAP_MEM_NAMED_CREATE);
        let wish = Wish::new(L).of(name);
        assert_eq!(on.map(Wish { cur: RW, max: RW, ..wish }), Err(RIGHT));
        assert_eq!(on.map(Wish { cur: R, max: RW, ..wish }), Err(RIGHT));
        let at = on.map(Wish { cur: R, max: R, ..wish }).expect("within");
        assert_eq!((on.at(at).cur, on.at(at).max), (R, R));
        on.free(at, L);
        let mask = VM_PROT_IS_MASK;
        let at = on.map(Wish { cur: RW | mask, max: ALL | mask, ..wish }).expect("reduced");
        assert_eq!((on.at(at).cur, on.at(at).max), (R, R));
        on.free(at, L);
        assert_eq!(release(name), Ok(()));
    });
}

// Rows: V10 V12
#[test]
fn v10_v12_offsets() {
    here_and_there(|on| {
        let name = entry(0, 4 * P, RW | MAP_MEM_NAMED_CREATE);
        let wish = |offset, size| Wish { offset, max: RW, ..Wish::new(size).of(name) };
        assert_eq!(on.map(wish(P, 4 * P)), Err(ARG), "V10");
        assert_eq!(on.map(wish(0, 4 * P + 1)), Err(ARG), "V10");
        assert_eq!(on.map(wish(u64::MAX - P + 1, P)), Err(ARG), "V10");
        assert_eq!(on.map(wish(1, P)), Err(ARG), "V12");
        let all = on.map(wish(0, 4 * P)).expect("all of it");
        on.fill(all, 4 * P, 1);
        let part = on.map(wish(2 * P, P)).expect("a page of it");
        on.reads(part, &pattern(4 * P, 1)[2 * P as usize..3 * P as usize]);
        on.store(part, b"shared");
        on.reads(all + 2 * P, b"shared");
        let data = Wish { flags: ANY | VM_FLAGS_RETURN_DATA_ADDR, ..wish(P + 5, P) };
        let data = on.map(data).expect("two pages");
        assert_eq!(data % P, 5);
        on.reads(data, &pattern(4 * P, 1)[P as usize + 5..][..100]);
        on.free(all, 4 * P);
        on.free(part, P);
        on.free(data, P);
        assert_eq!(release(name), Ok(()));
    });
}

// Rows: V11
#[test]
fn v11_an_entry_of_a_range_takes_few_flags_and_is_mapped_whole() {
    here_and_there(|on| {
        let at = me().fresh(L);
        let bytes = me().fill(at, L, 1);
        for kind in [MAP_MEM_VM_COPY, MAP_MEM_VM_SHARE] {
            let name = entry(at, L, RW | kind);
            let wish = Wish { max: RW, ..Wish::new(L).of(name) };
            for flags in [VM_FLAGS_NO_CACHE, 2, 0x100_0000] {
                assert_eq!(on.map(Wish { flags: ANY | flags, ..wish }), Err(ARG), "{flags:#x}");
            }
            let made = on.map(Wish { size: P, ..wish }).expect("there is room");
            on.reads(made, &bytes);
            on.free(made, L);
            assert_eq!(release(name), Ok(()));
        }
        me().free(at, L);
    });
}

// Rows: V13
#[test]
fn v13_what_is_no_entry_is_no_object() {
    here(|on| {
        for name in [on.task, host(), 0x1_2345] {
            assert_eq!(on.map(Wish::new(P).of(name)), Err(OBJ), "{name:#x}");
        }
    });
}

// Rows: E1 E2 E4 E5
#[test]
fn e01_e02_e04_e05_flags_that_do_not_go() {
    here(|on| {
        let at = on.fresh(P);
        let make = |permission, parent| entry_of(on, at, P, permission, parent);
        assert_eq!(make(R | 0x800, 0), Err(VALUE), "E1");
        assert_eq!(make(R | 0x100, 0), Err(VALUE), "E1");
        assert_eq!(make(R | 0x20, 0), Err(ARG), "no right");
        let (copy, _) = make(R | MAP_MEM_VM_COPY, 0).expect("it can be named");
        assert_eq!(make(R, copy), Err(ARG), "E2");
        assert_eq!(make(R | MAP_MEM_NAMED_CREATE | MAP_MEM_USE_DATA_ADDR, 0), Err(ARG), "E4");
        assert_eq!(make(R | MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE, 0), Err(ARG), "E5");
        assert_eq!(make(R, 0x1_2345), Err(ARG), "no parent of that name");
        assert_eq!(release(copy), Ok(()));
        on.free(at, P);
    });
}

// Rows: E3
#[test]
fn e03_a_new_object() {
    here_and_there(|on| {
        assert_eq!(entry_of(on, 0, 0, RW | MAP_MEM_NAMED_CREATE, 0), Ok((0, 0)), "of no bytes is none");
        assert_eq!(entry_of(on, 0, 1 << 62, RW | MAP_MEM_NAMED_CREATE, 0), Err(FAIL));
        assert_eq!(entry_of(on, 0, u64::MAX, RW | MAP_MEM_NAMED_CREATE, 0), Err(ARG));
        let (name, size) = entry_of(on, 0x123, P + 1, ALL | MAP_MEM_NAMED_CREATE, 0).expect("there is room");
        assert_eq!(size, 2 * P);
        let (a, b) = (on.map(Wish::new(2 * P).of(name)), on.map(Wish::new(2 * P).of(name)));
        let (a, b) = (a.expect("there is room"), b.expect("there is room"));
        on.reads_zero(a, 2 * P);
        on.store(a + P, b"one");
        on.reads(b + P, b"one");
        let own = me().map(Wish::new(2 * P).of(name)).expect("there is room");
        me().reads(own + P, b"one");
        assert_eq!(release(name), Ok(()));
        me().store(own, b"still");
        on.reads(a, b"still");
        for at in [a, b] {
            on.free(at, 2 * P);
        }
        me().free(own, 2 * P);
    });
}

// Rows: E3
#[test]
fn e03_an_entry_mapped_as_a_copy() {
    here_and_there(|on| {
        let name = entry(0, L, ALL | MAP_MEM_NAMED_CREATE);
        let shared = on.map(Wish::new(L).of(name)).expect("there is room");
        let bytes = on.fill(shared, L, 1);
        let copy = on.map(Wish { copy: true, ..Wish::new(L).of(name) }).expect("there is room");
        on.reads(copy, &bytes);
        on.store(copy, b"mine");
        on.reads(shared, &bytes);
        on.store(shared, b"ours");
        on.reads(copy, b"mine");
        assert_eq!(release(name), Ok(()));
        on.free(shared, L);
        on.free(copy, L);
    });
}

// Rows: E6
#[test]
fn e06_a_copy_of_a_range() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), L);
        let bytes = on.fill(at, L, 1);
        let make = |at, size| entry_of(on, at, size, R | MAP_MEM_VM_COPY, 0);
        assert_eq!(make(at, 0), Err(ARG));
        assert_eq!(make(at, L + P), Err(ADDR), "a hole");
        assert_eq!(make(LAST, P), Err(ARG), "beyond 64 bits");
        let (name, size) = make(at, L).expect("it can be read");
        assert_eq!(size, L);
        on.fill(at, L, 2);
        let made = me().map(Wish { cur: R, max: R, ..Wish::new(L).of(name) }).expect("there is room");
        me().reads(made, &bytes);
        me().free(made, L);
        assert_eq!(release(name), Ok(()));
        assert_eq!(on.protect(at, P, NONE), Ok(()));
        assert_eq!(make(at, L), Err(PROT), "may not be read");
        on.free(at, L);
    });
    assert_eq!(entry_of(&named(0), P, P, R | MAP_MEM_VM_COPY, 0), Err(SENDDEST));
    assert_eq!(entry_of(&named(host()), P, P, R | MAP_MEM_VM_COPY, 0), Err(TASK), "T4");
    assert_eq!(entry_of(&named(host()), P, P, R | MAP_MEM_VM_SHARE, 0), Err(TASK), "T4");
}

// Rows: E7
#[test]
fn e07_a_second_view_of_a_range() {
    here_and_there(|on| {
        let at = on.fresh_at(arena(), 2 * L);
        on.fill(at, 2 * L, 1);
        assert_eq!(on.protect(at + L, L, R), Ok(()));
        let make = |size, permission| entry_of(on, at, size, permission, 0);
        assert_eq!(make(2 * L, RW | MAP_MEM_VM_SHARE), Err(PROT), "the second half may not be written");
        assert_eq!(make(3 * L, R | MAP_MEM_VM_SHARE), Err(ADDR), "a hole");
        assert_eq!(make(L, RX), Err(PROT), "nor may the first be executed now");
        let (masked, _) = make(2 * L, RW | VM_PROT_IS_MASK | MAP_MEM_VM_SHARE).expect("reduced");
        assert_eq!(make(2 * L, X | VM_PROT_IS_MASK | MAP_MEM_VM_SHARE), Err(PROT), "nothing is left");
        let (first, size) = make(2 * L, RW).expect("the first region");
        assert_eq!(size, L, "it stops where that ends");
        let view = me().map(Wish { max: RW, ..Wish::new(L).of(first) }).expect("there is room");
        me().store(view, b"through");
        on.reads(at, b"through");
        on.store(at + P, b"back");
        me().reads(view + P, b"back");
        assert_eq!(me().map(Wish { cur: RW, max: RW, ..Wish::new(2 * L).of(masked) }), Err(RIGHT));
        for name in [masked, first] {
            assert_eq!(release(name), Ok(()));
        }
        me().free(view, L);
        on.free(at, 2 * L);
    });
}

// Rows: E8
#[test]
fn e08_the_same_memory_again_is_the_same_name() {
    here(|on| {
        let at = on.fresh(L);
        let name = entry(at, L, RW);
        assert_eq!(entry_of(on, at, L, RW | MAP_MEM_NAMED_REUSE, name), Ok((name, L)));
        let (other, _) = entry_of(on, at, P, RW | MAP_MEM_NAMED_REUSE, name).expect("less of it");
        assert_ne!(other, name);
        for name in [name, name, other] {
            assert_eq!(release(name), Ok(()));
        }
        assert_eq!(release(name), Err(NAME), "as often as it was answered");
        on.free(at, L);
    });
}

// Rows: E9
#[test]
fn e09_a_part_of_a_parent() {
    here(|on| {
        let whole = entry(0, L, RW | MAP_MEM_NAMED_CREATE);
        let all = on.map(Wish { max: RW, ..Wish::new(L).of(whole) }).expect("there is room");
        on.fill(all, L, 1);
        assert_eq!(entry_of(on, L, P, R, whole), Err(ARG), "beyond its end");
        assert_eq!(entry_of(on, P, P, RX, whole), Err(PROT), "more than it has");
        let (part, size) = entry_of(on, P, P, RX | VM_PROT_IS_MASK, whole).expect("reduced");
        assert_eq!(size, P);
        assert_eq!(release(whole), Ok(()));
        let made = on.map(Wish { cur: R, max: R, ..Wish::new(P).of(part) }).expect("there is room");
        on.reads(made, &pattern(L, 1)[P as usize..2 * P as usize]);
        assert_eq!(release(part), Ok(()));
        on.free(made, P);
        on.free(all, L);
    });
}

// Rows: E10
#[test]
fn e10_only_changing_the_parent() {
    here(|on| {
        assert_eq!(entry_of(on, 0, P, RW | MAP_MEM_ONLY, 0), Err(ARG), "there is none");
        let fixed = entry(0, P, R | MAP_MEM_NAMED_CREATE);
        let open = entry(0, P, RW | MAP_MEM_NAMED_CREATE);
        let cached = 1 << 24;
        assert_eq!(entry_of(on, 0, P, R | cached | MAP_MEM_ONLY, fixed), Err(RIGHT));
        assert_eq!(entry_of(on, 0, P, R | cached | MAP_MEM_ONLY, open), Ok((0, P)));
        for name in [fixed, open] {
            assert_eq!(release(name), Ok(()));
        }
    });
}

// Rows: E11
#[test]
fn e11_a_copy_mapped_twice() {
    here(|on| {
        let origin = on.fresh(L);
        let bytes = on.fill(origin, L, 1);
        let name = entry(origin, L, RW | MAP_MEM_VM_COPY);
        let wish = Wish { max: RW, ..Wish::new(L).of(name) };
        let shared = on.map(wish).expect("there is room");
        let copy = on.map(Wish { copy: true, ..wish }).expect("there is room");
        on.store(shared, b"changed");
        on.reads(origin, &bytes);
        on.reads(copy, &bytes);
        assert_eq!(release(name), Ok(()));
        for at in [origin, shared, copy] {
            on.free(at, L);
        }
    });
}

// Rows: E12
#[test]
fn e12_an_entry_without_a_task() {
    let make = |host, size| {
        let mut name = 77;
        // SAFETY: a pointer to a local.
        let code = unsafe { mach_memory_object_memory_entry(host, 1, size, RW, 0, &raw mut name) };
        if code == 0 { Ok(name) } else { Err((code, name)) }
    };
    assert_eq!(make(0, 4096), Err((HOST, 77)));
    assert_eq!(make(me().task, 4096), Err((HOST, 77)));
    assert_eq!(make(host(), 0), Err((ARG, 77)));
    here(|on| {
        let name = make(host(), 4096).expect("there is room");
        let at = on.map(Wish { max: RW, ..Wish::new(P).of(name) }).expect("there is room");
        on.reads_zero(at, P);
        on.free(at, P);
        assert_eq!(release(name), Ok(()));
    });
}

// Rows: E13
#[test]
fn e13_the_size_is_that_of_pages_or_of_the_data() {
    here(|on| {
        let at = on.fresh(3 * P);
        let bytes = on.fill(at, 3 * P, 1);
        let (pages, size) = entry_of(on, at + 5, P, RW, 0).expect("it can be named");
        assert_eq!(size, 2 * P);
        let (data, size) = entry_of(on, at + 5, P, RW | MAP_MEM_USE_DATA_ADDR, 0).expect("it can be named");
        assert_eq!(size, P + 5);
        let flags = ANY | VM_FLAGS_RETURN_DATA_ADDR;
        let made = on.map(Wish { flags, max: RW, ..Wish::new(P).of(data) }).expect("there is room");
        assert_eq!(made % P, 5);
        on.reads(made, &bytes[5..100]);
        on.free(made - 5, 2 * P);
        let beyond = Wish { offset: u64::MAX, flags, max: RW, ..Wish::new(P).of(data) };
        assert_eq!(on.map(beyond), Err(ARG), "V10");
        let (whole, size) = entry_of(on, at, P + 1, RW | MAP_MEM_USE_DATA_ADDR, 0).expect("it can be named");
        assert_eq!(size, P + 1, "to the byte, also from the start of a page");
        for name in [pages, data, whole] {
            assert_eq!(release(name), Ok(()));
        }
        on.free(at, 3 * P);
    });
}

#[test]
fn e_the_short_name_does_the_same() {
    let (mut size, mut name) = (1_usize, 0);
    // SAFETY: pointers to locals.
    let code = unsafe {
        mach_make_memory_entry(me().task, &raw mut size, 0, RW | MAP_MEM_NAMED_CREATE, &raw mut name, 0)
    };
    assert_eq!((code, size as u64), (0, P));
    assert_eq!(release(name), Ok(()));
}

// Rows: E7
#[test]
fn e07_an_entry_of_memory_of_the_program_itself() {
    with_foreign(L, |on, at| {
        on.fill(at, L, 1);
        assert_eq!(entry_of(on, at, L, RW, 0), Err(PROT), "without consent");
        set_consent(Consent::Foreign);
        let name = entry(at, L, RW);
        let view = on.map(Wish { max: RW, ..Wish::new(L).of(name) }).expect("there is room");
        on.store(view, b"through");
        on.reads(at, b"through");
        assert_eq!(release(name), Ok(()));
        on.free(view, L);
    });
}

#[test]
fn what_an_entry_keeps_goes_with_the_last_name() {
    here(|on| {
        let mapped = || std::fs::read_to_string("/proc/self/maps").expect("we run").lines().count();
        let before = mapped();
        let names: Vec<u32> = (0..20).map(|_| entry(0, L, RW | MAP_MEM_NAMED_CREATE)).collect();
        assert!(mapped() > before);
        for name in names {
            assert_eq!(release(name), Ok(()));
        }
        assert!(mapped() <= before + 2, "{before} mappings before, {} after", mapped());
        assert_eq!(on.map(Wish::new(P).of(0x303)), Err(OBJ), "and the name is none any more");
    });
}

#[test]
fn rights_of_a_second_mapping_are_enforced() {
    here(|on| {
        let name = entry(0, P, R | MAP_MEM_NAMED_CREATE);
        let at = on.map(Wish { cur: R, max: R, ..Wish::new(P).of(name) }).expect("there is room");
        assert_eq!((load(at), store(at)), (End::Code(0), End::Signal(BUS)));
        assert_eq!(on.protect(at, P, RW), Err(PROT));
        on.free(at, P);
        assert_eq!(release(name), Ok(()));
    });
}
