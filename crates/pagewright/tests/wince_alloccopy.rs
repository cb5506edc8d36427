//! VirtualAllocCopyEx: section 4 of the facts, in this process and with another one.

mod wince_support;

use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_FREE, MEM_RELEASE, PAGE_GUARD, PAGE_NOACCESS, PAGE_NOCACHE, PAGE_READONLY, PAGE_READWRITE,
};
use pagewright::wince::{self, PAGE_PHYSICAL, Permit, Source, View, last_receipt, virtual_alloc_copy_ex};
use pagewright::{Edges, Process, Protection};

use wince_support::{
    GRANULE, HERE, On, PAGE, Sleeper, TOP, alloc_copy, arena, device, kernel, load, load_faults,
    see_each_other, store, store_faults, window,
};

const RW: u32 = PAGE_READWRITE;

/// What [`alloc_copy`] made, freed by its base.
fn free(on: On, at: usize) {
    on.release(on.query(at).allocation);
}

#[test]
fn r4_it_reserves_and_aliases_in_one_step() {
    let _mode = kernel();
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    for (from, to) in [(HERE, HERE), (HERE, there), (there, HERE), (there, there)] {
        let source = from.memory(2 * PAGE);
        from.write(source + 7, b"before");
        let at = alloc_copy((from, source), to, 2 * PAGE, RW).expect("kernel mode");
        assert_eq!(at % PAGE, 0);
        assert_eq!(to.state(at), (MEM_COMMIT, 2 * PAGE));
        assert_eq!(to.read::<6>(at + 7), *b"before");
        see_each_other((from, source + 2 * PAGE - 4), (to, at + 2 * PAGE - 4));
        assert_ne!((from, source), (to, at));
        free(to, at);
        assert_eq!(to.state(at).0, MEM_FREE, "freed with VirtualFreeEx");
        assert_eq!(from.read::<6>(source + 7), *b"before", "the source stays");
        from.release(source);
    }
}

#[test]
fn r4_kernel_mode_only() {
    let source = HERE.memory(PAGE);
    assert_eq!(alloc_copy((HERE, source), HERE, PAGE, RW), Err(5), "even within one process");
    let at = {
        let _mode = kernel();
        alloc_copy((HERE, source), HERE, PAGE, RW).expect("kernel mode")
    };
    assert_eq!(alloc_copy((HERE, source), HERE, PAGE, RW), Err(5), "it ended with the token");
    free(HERE, at);
    HERE.release(source);
}

#[test]
fn r4_the_address_must_not_be_null_nor_the_size_0() {
    let _mode = kernel();
    let source = HERE.memory(PAGE);
    assert_eq!(alloc_copy((HERE, 0), HERE, PAGE, RW), Err(87));
    assert_eq!(alloc_copy((HERE, source), HERE, 0, RW), Err(87));
    HERE.release(source);
}

#[test]
fn r4_protections_are_those_of_virtual_copy() {
    let _mode = kernel();
    let source = HERE.memory(PAGE);
    let at = alloc_copy((HERE, source), HERE, PAGE, PAGE_READONLY | PAGE_NOCACHE).expect("as listed");
    assert!(!load_faults(at) && store_faults(at));
    assert_eq!(HERE.query(at).protect, PAGE_READONLY | PAGE_NOCACHE);
    free(HERE, at);
    let at = alloc_copy((HERE, source), HERE, PAGE, RW | PAGE_GUARD).expect("as listed");
    assert!(load_faults(at));
    free(HERE, at);
    for bad in [0, 8, PAGE_GUARD | PAGE_NOACCESS, RW | 0x800] {
        assert_eq!(alloc_copy((HERE, source), HERE, PAGE, bad), Err(87), "{bad:#x}");
    }
    HERE.release(source);
}

#[test]
fn r4_physical_memory_is_taken() {
    let _mode = kernel();
    let (_, base) = window(&device(2), 0, 2, Permit::ReadWrite);
    let null = On(ptr::null_mut());
    let at =
        alloc_copy((null, ((base + 0x300) >> 8) as usize), HERE, 8, RW | PAGE_PHYSICAL).expect("granted");
    assert_eq!(at % PAGE, 0x300);
    store(at, 1);
    let again = alloc_copy((null, (base >> 8) as usize), HERE, PAGE, RW | PAGE_PHYSICAL).expect("granted");
    assert_eq!(load(again + 0x300), 1);
    free(HERE, at);
    free(HERE, again);
}

#[test]
fn r4_unaligned_ends_round_out_and_the_neighbours_can_be_seen() {
    let _mode = kernel();
    let source = HERE.memory(3 * PAGE);
    store(source, 1);
    store(source + 2 * PAGE - 1, 2);
    let at = alloc_copy((HERE, source + 0xff0), HERE, 0x20, RW).expect("kernel mode");
    assert_eq!(load(at - 0xff0), 1, "the start of the first page");
    assert_eq!(load(at - 0xff0 + 2 * PAGE - 1), 2, "the end of the last page");
    assert_eq!(HERE.state(at - 0xff0), (MEM_COMMIT, 2 * PAGE));
    let receipt = last_receipt().expect("it worked");
    assert_eq!((receipt.shared, receipt.copied, receipt.exposed), (0x20, 0, 2 * PAGE as u64 - 0x20));
    free(HERE, at);
    HERE.release(source);
}

#[test]
fn r4_the_answer_is_where_the_first_byte_is() {
    let _mode = kernel();
    let source = HERE.memory(GRANULE);
    for offset in [0, 1, 0x123, 0xfff, 0x1001, 0xffff] {
        let at = alloc_copy((HERE, source + offset), HERE, 1, RW).expect("kernel mode");
        assert_eq!(at % PAGE, offset % PAGE, "{offset:#x}");
        store(at, 0x5a);
        assert_eq!(load(source + offset), 0x5a);
        let base = HERE.query(at).allocation;
        assert_eq!((base % GRANULE, at - base), (0, offset % PAGE), "on a granule of its own");
        if offset % PAGE != 0 {
            assert_eq!(HERE.free(at, 0, MEM_RELEASE), Err(87), "s5: only the base is released");
        }
        HERE.release(base);
    }
    HERE.release(source);
}

#[test]
fn r4_a_failure_reserves_nothing() {
    let _mode = kernel();
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    // Attached from here on: what is mapped there changes by calls alone.
    let source = there.reserved(4 * PAGE);
    there.alloc(source, PAGE, MEM_COMMIT, RW).expect("reserved");
    let own = HERE.reserved(PAGE);
    let process = Process::open(sleeper.pid()).expect("it runs");
    let before = process.regions().expect("it lives");
    for _ in 0..3 {
        assert_eq!(alloc_copy((there, source), there, 2 * PAGE, RW), Err(87), "not committed");
        assert_eq!(alloc_copy((HERE, own), there, PAGE, RW), Err(87), "not committed");
        assert_eq!(alloc_copy((HERE, arena()), there, PAGE, RW), Err(87), "nothing is there");
        assert_eq!(alloc_copy((HERE, TOP), there, PAGE, RW), Err(87), "no such address");
        assert_eq!(alloc_copy((there, source), there, PAGE, 0), Err(87), "no protection");
        assert_eq!(alloc_copy((On(ptr::null_mut()), source), there, PAGE, RW), Err(6));
    }
    assert_eq!(process.regions().expect("it lives"), before);
    HERE.release(own);
}

#[test]
fn r4_the_order_of_the_processes_is_source_then_target() {
    let _mode = kernel();
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let source = there.memory(PAGE);
    // SAFETY: the source is memory of that process.
    let at = unsafe {
        wince::VirtualAllocCopyEx(there.0, HERE.0, ptr::without_provenance_mut(source), PAGE as u32, RW)
    };
    store(at.expose_provenance(), 0x77);
    assert_eq!(there.read::<1>(source), [0x77]);
    free(HERE, at.expose_provenance());
}

#[test]
fn the_typed_form_wants_a_token_and_edges() {
    let mode = kernel();
    let here = Process::current();
    let source = HERE.memory(2 * PAGE);
    let view = |edges| View {
        source: Source::Virtual(source as u64 + 0x10),
        size: PAGE as u64,
        protection: Protection::READ_WRITE,
        edges,
    };
    let failure = virtual_alloc_copy_ex(&mode, &here, &here, &view(Edges::Strict)).expect_err("unaligned");
    assert_eq!(failure.code(), 87);
    let receipt = virtual_alloc_copy_ex(&mode, &here, &here, &view(Edges::Split)).expect("in order");
    assert_eq!((receipt.shared, receipt.copied, receipt.exposed), (0, PAGE as u64, 0));
    assert_eq!(receipt.base, receipt.range.start().get() + 0x10);
    HERE.release(receipt.range.start().get() as usize);
    HERE.release(source);
}
