//! VirtualCopy and VirtualCopyEx: sections 3.1 and 3.2 of the facts, row by row.

mod wince_support;

use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_RESERVE, PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY,
    PAGE_GUARD, PAGE_NOACCESS, PAGE_NOCACHE, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY,
};
use pagewright::wince::{PAGE_PHYSICAL, Permit, Source, View, last_receipt, virtual_copy};
use pagewright::{Edges, Kind, Protection};

use wince_support::{
    GRANULE, HERE, On, PAGE, SELF, TOP, arena, copy, copy_ex, device, load, load_faults, see_each_other,
    store, store_faults, window,
};

const RW: u32 = PAGE_READWRITE;

/// Reserved pages, as they were before the call that was refused.
fn untouched(at: usize, size: usize) {
    assert_eq!(HERE.state(at), (MEM_RESERVE, size), "nothing is mapped");
}

/// Source and target, of 4 pages each.
fn pair() -> (usize, usize) {
    (HERE.memory(4 * PAGE), HERE.reserved(4 * PAGE))
}

fn release(both: (usize, usize)) {
    HERE.release(both.0);
    HERE.release(both.1);
}

// Rows: CE19
#[test]
fn r3_0_an_alias_is_the_same_memory() {
    let (from, to) = pair();
    store(from + 9, 1);
    assert_eq!(copy(to, from, 4 * PAGE, RW), Ok(()));
    assert_eq!(load(to + 9), 1, "what was there before");
    store(to + 9, 2);
    assert_eq!(load(from + 9), 2, "stores through the alias");
    store(from + 4 * PAGE - 1, 3);
    assert_eq!(load(to + 4 * PAGE - 1), 3, "stores to the source");
    release((from, to));
}

#[test]
fn r3_1_01_the_target_must_be_reserved() {
    let from = HERE.memory(2 * PAGE);
    let free = arena();
    assert_eq!(copy(free, from, PAGE, RW), Err(87), "free");
    let foreign = load as *const () as usize & !0xfff;
    assert_eq!(copy(foreign, from, PAGE, RW), Err(87), "the program's own");
    let to = HERE.reserved(GRANULE);
    assert_eq!(copy(to + GRANULE - PAGE, from, 2 * PAGE, RW), Err(87), "not fully inside");
    untouched(to, GRANULE);
    release((from, to));
}

#[test]
fn r3_1_02_the_target_may_be_a_part_of_a_reservation() {
    let from = HERE.memory(PAGE);
    let to = HERE.reserved(GRANULE);
    assert_eq!(copy(to + 3 * PAGE, from, PAGE, RW), Ok(()));
    see_each_other((HERE, from), (HERE, to + 3 * PAGE));
    assert_eq!(HERE.state(to), (MEM_RESERVE, 3 * PAGE));
    assert_eq!(HERE.state(to + 3 * PAGE), (MEM_COMMIT, PAGE));
    assert_eq!(HERE.state(to + 4 * PAGE), (MEM_RESERVE, GRANULE - 4 * PAGE));
    release((from, to));
}

#[test]
fn r3_1_03_a_committed_target_page_is_refused() {
    let (from, to) = pair();
    HERE.alloc(to + 2 * PAGE, PAGE, MEM_COMMIT, RW).expect("reserved");
    store(to + 2 * PAGE, 9);
    assert_eq!(copy(to, from, 4 * PAGE, RW), Err(87));
    untouched(to, 2 * PAGE);
    assert_eq!(load(to + 2 * PAGE), 9, "unchanged");
    assert_eq!(copy(to, from, 2 * PAGE, RW), Ok(()), "the pages before it are reserved");
    assert_eq!(copy(to, from, PAGE, RW), Err(87), "an alias is committed");
    release((from, to));
}

#[test]
fn r3_1_05_the_source_must_be_committed_all_of_it() {
    let from = HERE.reserved(4 * PAGE);
    let to = HERE.reserved(4 * PAGE);
    assert_eq!(copy(to, from, PAGE, RW), Err(87), "reserved");
    HERE.alloc(from, 2 * PAGE, MEM_COMMIT, RW).expect("reserved");
    assert_eq!(copy(to, from, 2 * PAGE + 1, RW), Err(87), "partly");
    untouched(to, 4 * PAGE);
    assert_eq!(copy(to, from, 2 * PAGE, RW), Ok(()));
    release((from, to));
}

#[test]
fn r3_1_06_without_the_physical_bit_the_source_must_be_mapped() {
    let to = HERE.reserved(PAGE);
    for from in [arena(), 0x1000_0000, 0x8000_0000, 0xa000_0000] {
        assert_eq!(copy(to, from, PAGE, RW), Err(87), "{from:#x}");
    }
    untouched(to, PAGE);
    HERE.release(to);
}

#[test]
fn r3_1_07_physical_addresses_are_shifted_right_by_8() {
    let file = device(2);
    let (_, base) = window(&file, 0, 2, Permit::ReadWrite);
    assert!(base > u64::from(u32::MAX), "40 bits");
    let to = HERE.reserved(PAGE);
    assert_eq!(copy(to, base as usize, PAGE, RW | PAGE_PHYSICAL), Err(5), "not shifted: some other place");
    assert_eq!(copy(to, usize::MAX, PAGE, RW | PAGE_PHYSICAL), Err(87), "no such address");
    assert_eq!(copy(to, (base >> 8) as usize, PAGE, RW | PAGE_PHYSICAL | PAGE_NOCACHE), Ok(()));
    HERE.release(to);
}

#[test]
fn r3_1_09_offsets_must_match() {
    let (from, to) = pair();
    for (a, b) in [(1, 0), (0, 1), (0x800, 0x801), (0xfff, 0)] {
        assert_eq!(copy(to + a, from + b, PAGE, RW), Err(87), "{a:#x} {b:#x}");
    }
    untouched(to, 4 * PAGE);
    assert_eq!(copy(to + 0x123, from + 0x123, 5, RW), Ok(()));
    see_each_other((HERE, from + 0x123), (HERE, to + 0x123));
    release((from, to));
}

#[test]
fn r3_1_10_offsets_between_4_and_64_kib_need_not_match() {
    let (from, to) = (HERE.memory(GRANULE), HERE.reserved(GRANULE));
    assert_eq!(copy(to, from + 0x7000, PAGE, RW), Ok(()));
    assert_eq!(copy(to + 0x8000, from + 0x1000, PAGE, RW), Ok(()));
    see_each_other((HERE, from + 0x7000), (HERE, to));
    see_each_other((HERE, from + 0x1000), (HERE, to + 0x8000));
    release((from, to));
}

#[test]
fn r3_1_11_the_source_may_span_allocations() {
    let at = arena();
    for place in [at, at + GRANULE] {
        HERE.alloc(place, GRANULE, MEM_RESERVE | MEM_COMMIT, RW).expect("free");
    }
    let to = HERE.reserved(GRANULE);
    assert_eq!(copy(to, at + GRANULE - PAGE, 2 * PAGE, RW), Ok(()));
    see_each_other((HERE, at + GRANULE - 4), (HERE, to + PAGE - 4));
    see_each_other((HERE, at + GRANULE), (HERE, to + PAGE));
    HERE.release(at + GRANULE);
    assert_eq!(copy(to + 2 * PAGE, at + GRANULE - PAGE, 2 * PAGE, RW), Err(87), "each page is checked");
    release((at, to));
}

#[test]
fn r3_1_12_source_and_target_cannot_overlap() {
    let base = HERE.memory(4 * PAGE);
    HERE.decommit(base + 2 * PAGE, 2 * PAGE);
    assert_eq!(copy(base + PAGE, base, 2 * PAGE, RW), Err(87), "committed target");
    assert_eq!(copy(base + 2 * PAGE, base + PAGE, 2 * PAGE, RW), Err(87), "reserved source");
    assert_eq!(copy(base + 2 * PAGE, base, 2 * PAGE, RW), Ok(()), "beside each other, in one reservation");
    see_each_other((HERE, base), (HERE, base + 2 * PAGE));
    HERE.release(base);
}

#[test]
fn r3_1_13_every_page_touched_is_mapped() {
    let (from, to) = pair();
    assert_eq!(copy(to + 0xfff, from + 0xfff, 2, RW), Ok(()));
    assert_eq!(HERE.state(to), (MEM_COMMIT, 2 * PAGE));
    see_each_other((HERE, from), (HERE, to));
    see_each_other((HERE, from + 2 * PAGE - 4), (HERE, to + 2 * PAGE - 4));
    let receipt = last_receipt().expect("it worked");
    assert_eq!((receipt.base, receipt.size), ((to + 0xfff) as u64, 2));
    assert_eq!((receipt.shared, receipt.copied, receipt.exposed), (2, 0, 2 * PAGE as u64 - 2));
    release((from, to));
}

#[test]
fn r3_1_14_size_0_is_refused() {
    let (from, to) = pair();
    assert_eq!(copy(to, from, 0, RW), Err(87));
    untouched(to, 4 * PAGE);
    release((from, to));
}

#[test]
fn r3_1_15_ranges_beyond_the_user_range_are_refused() {
    let (from, to) = pair();
    for size in [0x1000, 0xffff_f000, 0xffff_ffff] {
        assert_eq!(copy(to, TOP, size, RW), Err(87), "source at the top, {size:#x}");
        assert_eq!(copy(TOP, from, size, RW), Err(87), "target at the top, {size:#x}");
        assert_eq!(copy(to, usize::MAX & !0xfff, size, RW), Err(87), "wraps around");
        assert_eq!(copy(usize::MAX & !0xfff, from, size, RW), Err(87), "wraps around");
    }
    assert_eq!(copy(to, from, 0xffff_f000, RW), Err(87), "beyond both");
    untouched(to, 4 * PAGE);
    release((from, to));
}

#[test]
fn r3_1_16_handles_ids_and_null() {
    let (from, to) = pair();
    let me = On::id(std::process::id());
    let null = On(ptr::null_mut());
    for (page, on) in [HERE, On(SELF), me].into_iter().enumerate() {
        let at = page * PAGE;
        assert_eq!(copy_ex((on, to + at), (HERE, from + at), PAGE, RW), Ok(()), "{on:?}");
        see_each_other((HERE, from + at), (HERE, to + at));
    }
    let rest = (HERE, to + 3 * PAGE);
    assert_eq!(copy_ex((null, rest.1), (HERE, from), PAGE, RW), Err(6));
    assert_eq!(copy_ex(rest, (null, from), PAGE, RW), Err(6));
    let (_, base) = window(&device(1), 0, 1, Permit::ReadWrite);
    let physical = (null, (base >> 8) as usize);
    assert_eq!(copy_ex((null, rest.1), physical, PAGE, RW | PAGE_PHYSICAL), Err(6));
    assert_eq!(copy_ex(rest, physical, PAGE, RW | PAGE_PHYSICAL), Ok(()), "the source process is ignored");
    release((from, to));
}

#[test]
fn r3_2_every_listed_protection_is_taken() {
    let from = HERE.memory(PAGE);
    let bases = [PAGE_NOACCESS, PAGE_READONLY, RW, PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE];
    for base in bases {
        for more in [0, PAGE_GUARD, PAGE_NOCACHE, PAGE_GUARD | PAGE_NOCACHE] {
            let to = HERE.reserved(PAGE);
            let wanted = if base == PAGE_NOACCESS && more & PAGE_GUARD != 0 { Err(87) } else { Ok(()) };
            assert_eq!(copy(to, from, PAGE, base | more), wanted, "{:#x}", base | more);
            HERE.release(to);
        }
    }
    HERE.release(from);
}

#[test]
fn r3_2_the_kernel_enforces_it() {
    let from = HERE.memory(PAGE);
    for (protect, loads, stores) in [
        (PAGE_NOACCESS, false, false),
        (PAGE_READONLY, true, false),
        (RW, true, true),
        (RW | PAGE_GUARD, false, false),
    ] {
        let to = HERE.reserved(PAGE);
        assert_eq!(copy(to, from, PAGE, protect), Ok(()));
        assert_eq!((!load_faults(to), !store_faults(to)), (loads, stores), "{protect:#x}");
        HERE.release(to);
    }
    HERE.release(from);
}

#[test]
fn r3_2_bad_protections_are_refused() {
    let (from, to) = pair();
    let bad = [0, PAGE_WRITECOPY, PAGE_EXECUTE_WRITECOPY, RW | PAGE_READONLY, RW | 0x800, RW | 0x4000_0000];
    for protect in bad.into_iter().chain([PAGE_GUARD | PAGE_NOACCESS, PAGE_GUARD, PAGE_PHYSICAL]) {
        assert_eq!(copy(to, from, PAGE, protect), Err(87), "{protect:#x}");
    }
    untouched(to, 4 * PAGE);
    release((from, to));
}

#[test]
fn r3_2_the_target_s_protection_is_its_own() {
    let (from, to) = pair();
    assert_eq!(HERE.query(to).initial, PAGE_NOACCESS);
    assert_eq!(HERE.protect(from, PAGE, PAGE_READONLY), Ok(RW));
    assert_eq!(copy(to, from, PAGE, RW), Ok(()), "the maximum of the source permits it");
    store(to, 5);
    assert_eq!(load(from), 5, "a writable alias of read-only memory");
    assert!(store_faults(from));
    assert_eq!(HERE.protect(to, PAGE, PAGE_READONLY), Ok(RW), "and it can be changed");
    assert!(store_faults(to));
    release((from, to));
}

#[test]
fn r3_2_more_than_the_maximum_of_the_source_is_refused() {
    let (_, base) = window(&device(1), 0, 1, Permit::Read);
    let from = HERE.reserved(PAGE);
    let to = HERE.reserved(2 * PAGE);
    let physical = (base >> 8) as usize;
    assert_eq!(copy(from, physical, PAGE, PAGE_READONLY | PAGE_PHYSICAL), Ok(()));
    assert_eq!(copy(to, physical, PAGE, RW | PAGE_PHYSICAL), Err(5), "of the window");
    assert_eq!(copy(to, from, PAGE, RW), Err(5), "of an alias of it");
    untouched(to, 2 * PAGE);
    assert_eq!(copy(to, from, PAGE, PAGE_READONLY), Ok(()));
    assert_eq!(HERE.protect(to, PAGE, RW), Err(5), "nor later");
    assert_eq!(HERE.query(to).protect, PAGE_READONLY, "unchanged");
    release((from, to));
}

#[test]
fn r3_3_query_shows_committed_private_memory() {
    let (from, to) = pair();
    assert_eq!(copy(to + PAGE, from, PAGE, PAGE_READONLY), Ok(()));
    let record = HERE.query(to + PAGE);
    assert_eq!((record.state, record.kind, record.protect), (MEM_COMMIT, 0x2_0000, PAGE_READONLY));
    assert_eq!((record.allocation, record.base, record.size), (to, to + PAGE, PAGE));
    release((from, to));
}

#[test]
fn the_typed_form_makes_the_caller_choose_edges() {
    let (from, to) = pair();
    let source = Source::Virtual(from as u64 + 16);
    let view = |edges| View { source, size: 32, protection: Protection::READ_WRITE, edges };
    let at = to as u64 + 16;
    let failure = virtual_copy(at, &view(Edges::Strict)).expect_err("a part of a page");
    assert_eq!((failure.code(), failure.name()), (87, "ERROR_INVALID_PARAMETER"));
    assert_eq!(failure.error().map(pagewright::Error::kind), Some(Kind::Misaligned));
    assert_eq!(last_receipt(), None, "of the call that failed");
    untouched(to, 4 * PAGE);
    let receipt = virtual_copy(at, &view(Edges::Split)).expect("reserved");
    assert_eq!((receipt.shared, receipt.copied, receipt.exposed), (0, 32, 0));
    assert_eq!(last_receipt(), Some(receipt));
    HERE.decommit(to, PAGE);
    let receipt = virtual_copy(at, &view(Edges::Whole)).expect("reserved");
    assert_eq!((receipt.shared, receipt.copied, receipt.exposed), (32, 0, PAGE as u64 - 32));
    release((from, to));
}
