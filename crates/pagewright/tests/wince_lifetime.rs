//! How long bytes live that are shown in several places: section 3.3 of the facts.

mod wince_support;

use std::os::unix::fs::FileExt;

use pagewright::win32::{MEM_COMMIT, MEM_FREE, MEM_RESERVE, PAGE_READONLY, PAGE_READWRITE};
use pagewright::wince::{
    FreePhysMem, PAGE_PHYSICAL, Permit, alloc_phys_mem, free_phys_mem, revoke_physical_window,
};
use pagewright::{Memory, Process, Protection};

use wince_support::{
    GRANULE, HERE, On, PAGE, Sleeper, alloc_copy, alone, copy, copy_ex, device, is_alone, kernel, load,
    load_faults, passes, pointer, said, see_each_other, store, window,
};

const RW: u32 = PAGE_READWRITE;

/// A source and an alias of it, of 2 pages, in two reservations.
fn aliased() -> (usize, usize) {
    let (from, to) = (HERE.memory(2 * PAGE), HERE.reserved(2 * PAGE));
    store(from, 1);
    assert_eq!(copy(to, from, 2 * PAGE, RW), Ok(()));
    (from, to)
}

#[test]
fn r3_3_writes_are_seen_both_ways() {
    let (from, to) = aliased();
    see_each_other((HERE, from), (HERE, to));
    HERE.release(from);
    HERE.release(to);
}

#[test]
fn r3_3_an_alias_ends_with_a_release_of_its_reservation() {
    let (from, to) = aliased();
    HERE.release(to);
    assert_eq!(HERE.state(to).0, MEM_FREE);
    assert_eq!(load(from), 1, "the source stays");
    HERE.release(from);
}

#[test]
fn r3_3_a_partly_aliased_reservation_is_released_in_one_call() {
    let from = HERE.memory(PAGE);
    let to = HERE.reserved(GRANULE);
    assert_eq!(copy(to + 2 * PAGE, from, PAGE, RW), Ok(()));
    HERE.alloc(to + 4 * PAGE, PAGE, MEM_COMMIT, RW).expect("reserved");
    HERE.release(to);
    HERE.release(from);
}

#[test]
fn r3_3_a_decommit_of_an_alias_leaves_reserved_pages_for_a_new_one() {
    let (from, to) = aliased();
    HERE.decommit(to, PAGE);
    assert_eq!(HERE.state(to), (MEM_RESERVE, PAGE));
    assert!(load_faults(to));
    assert_eq!(load(from), 1, "the memory is untouched");
    assert_eq!(copy(to, from + PAGE, PAGE, RW), Ok(()), "another page of it");
    see_each_other((HERE, from + PAGE), (HERE, to));
    HERE.decommit(to, PAGE);
    HERE.alloc(to, PAGE, MEM_COMMIT, RW).expect("reserved");
    assert_eq!(load(to), 0, "or memory of its own");
    HERE.release(from);
    HERE.release(to);
}

#[test]
fn r3_3_freeing_an_alias_never_frees_physical_memory() {
    let file = device(1);
    let (_, base) = window(&file, 0, 1, Permit::ReadWrite);
    for _ in 0..3 {
        let to = HERE.reserved(PAGE);
        assert_eq!(copy(to, (base >> 8) as usize, PAGE, RW | PAGE_PHYSICAL), Ok(()));
        store(to, load(to) + 1);
        HERE.decommit(to, PAGE);
        HERE.release(to);
    }
    let mut byte = [0];
    file.read_at(&mut byte, 0).expect("a file");
    assert_eq!(byte, [3]);
}

#[test]
fn r3_3_pages_live_as_long_as_any_alias() {
    let (from, to) = aliased();
    let third = HERE.reserved(PAGE);
    assert_eq!(copy(third, from, PAGE, RW), Ok(()));
    HERE.decommit(from, PAGE);
    assert_eq!((load(to), load(third)), (1, 1), "the source is decommitted");
    HERE.release(from);
    see_each_other((HERE, to), (HERE, third));
    HERE.release(to);
    store(third, 9);
    assert_eq!(load(third), 9, "the last one");
    HERE.release(third);
}

#[test]
fn r3_3_a_new_commit_of_the_source_is_a_fresh_zero_page() {
    let (from, to) = aliased();
    store(from + PAGE, 2);
    HERE.decommit(from, 2 * PAGE);
    HERE.alloc(from, 2 * PAGE, MEM_COMMIT, RW).expect("reserved");
    assert_eq!((load(from), load(from + PAGE)), (0, 0), "zero");
    assert_eq!((load(to), load(to + PAGE)), (1, 2), "the alias keeps the old bytes");
    store(from, 7);
    store(to + PAGE, 8);
    assert_eq!((load(to), load(from + PAGE)), (1, 0), "and they are two now");
    HERE.release(from);
    HERE.release(to);
}

#[test]
fn r3_3_a_new_commit_of_the_alias_is_a_fresh_zero_page() {
    let (from, to) = aliased();
    HERE.decommit(to, PAGE);
    HERE.alloc(to, PAGE, MEM_COMMIT, RW).expect("reserved");
    assert_eq!(load(to), 0);
    store(to, 5);
    assert_eq!(load(from), 1);
    see_each_other((HERE, from + PAGE), (HERE, to + PAGE));
    HERE.release(from);
    HERE.release(to);
}

#[test]
fn r3_3_pages_committed_later_are_not_in_the_alias() {
    let from = HERE.reserved(2 * PAGE);
    HERE.alloc(from, PAGE, MEM_COMMIT, RW).expect("reserved");
    let to = HERE.reserved(2 * PAGE);
    assert_eq!(copy(to, from, PAGE, RW), Ok(()));
    HERE.alloc(from + PAGE, PAGE, MEM_COMMIT, RW).expect("reserved");
    assert_eq!(HERE.state(to + PAGE), (MEM_RESERVE, PAGE));
    HERE.release(from);
    HERE.release(to);
}

#[test]
fn r3_3_freed_physical_memory_stays_until_its_alias_goes() {
    let mode = kernel();
    let made = alloc_phys_mem(&mode, PAGE as u64, Protection::READ_WRITE, 0).expect("there is room");
    let to = HERE.reserved(PAGE);
    let physical = (made.physical >> 8) as usize;
    assert_eq!(copy(to, physical, PAGE, RW | PAGE_PHYSICAL), Ok(()));
    see_each_other((HERE, made.address as usize), (HERE, to));
    store(to, 4);
    free_phys_mem(&mode, made.address).expect("allocated");
    assert_eq!(load(to), 4);
    let other = HERE.reserved(PAGE);
    assert_eq!(copy(other, physical, PAGE, RW | PAGE_PHYSICAL), Err(5), "the address names nothing now");
    // SAFETY: nothing is there any more.
    assert_eq!(said(|| unsafe { FreePhysMem(pointer(made.address as usize)) }), Err(87), "twice");
    HERE.release(to);
    HERE.release(other);
}

#[test]
fn r3_3_a_revoked_window_keeps_its_aliases() {
    let (id, base) = window(&device(1), 0, 1, Permit::ReadWrite);
    let to = HERE.reserved(PAGE);
    assert_eq!(copy(to, (base >> 8) as usize, PAGE, RW | PAGE_PHYSICAL), Ok(()));
    revoke_physical_window(&kernel(), id).expect("granted");
    store(to, 1);
    assert_eq!(load(to), 1);
    HERE.release(to);
}

#[test]
fn r3_3_the_source_process_exits() {
    let _mode = kernel();
    let mut sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let source = there.memory(PAGE);
    there.write(source, b"last words");
    let at = alloc_copy((there, source), HERE, PAGE, RW).expect("kernel mode");
    sleeper.end();
    assert_eq!(HERE.read::<10>(at), *b"last words", "the alias keeps the pages");
    store(at, b'b');
    assert_eq!(HERE.read::<1>(at), *b"b");
    HERE.release(HERE.query(at).allocation);
}

#[test]
fn r3_3_the_target_process_exits() {
    let _mode = kernel();
    let source = HERE.memory(PAGE);
    let mut sleeper = Sleeper::new();
    let at = alloc_copy((HERE, source), On::id(sleeper.pid()), PAGE, RW).expect("kernel mode");
    On::id(sleeper.pid()).write(at, b"hello");
    sleeper.end();
    assert_eq!(HERE.read::<5>(source), *b"hello");
    HERE.release(source);
}

#[test]
fn r3_3_an_alias_of_an_alias_works() {
    let (from, to) = aliased();
    let third = HERE.reserved(2 * PAGE);
    assert_eq!(copy(third, to, 2 * PAGE, PAGE_READONLY), Ok(()));
    store(from, 3);
    assert_eq!(load(third), 3);
    HERE.release(to);
    store(from + PAGE, 4);
    assert_eq!(load(third + PAGE), 4, "it hangs on the bytes, not on the alias between");
    HERE.release(from);
    HERE.release(third);
}

#[test]
fn r3_3_registers_are_aliased_and_the_alias_given_to_a_program() {
    let _mode = kernel();
    let file = device(1);
    let (_, base) = window(&file, 0, 1, Permit::ReadWrite);
    let registers = HERE.reserved(PAGE);
    assert_eq!(copy(registers, (base >> 8) as usize, PAGE, RW | PAGE_PHYSICAL), Ok(()));
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let at = alloc_copy((HERE, registers), there, PAGE, RW).expect("kernel mode");
    see_each_other((HERE, registers), (there, at));
    let mut word = [0; 4];
    file.read_at(&mut word, 0).expect("a file");
    assert_eq!(there.read::<4>(at), word, "and it is the device");
    HERE.release(registers);
}

#[test]
fn r3_3_what_nobody_shows_any_more_is_given_back() {
    passes(&mut alone("alone_given_back"));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_given_back() {
    if !is_alone() {
        return;
    }
    let here = Process::current();
    let committed = || here.status().expect("own").committed;
    let size = 64 * PAGE;
    let (from, to) = (HERE.memory(size), HERE.reserved(size));
    let before = committed();
    assert_eq!(copy(to, from, size, RW), Ok(()));
    assert_eq!(committed(), before, "shared pages are charged once");
    HERE.release(from);
    assert_eq!(committed(), before, "they are still there");
    HERE.decommit(to, size / 2);
    assert_eq!(committed(), before - (size / 2) as u64);
    HERE.release(to);
    assert_eq!(committed(), before - size as u64);
}

#[test]
fn r3_3_a_second_view_in_the_same_reservation() {
    let base = HERE.memory(GRANULE);
    HERE.decommit(base + 8 * PAGE, 8 * PAGE);
    assert_eq!(copy_ex((HERE, base + 8 * PAGE), (HERE, base), 8 * PAGE, RW), Ok(()), "a ring");
    store(base + 8 * PAGE - 1, 1);
    Process::current().write(base as u64 + 8 * PAGE as u64 - 2, &[1, 2, 3, 4]).expect("own");
    assert_eq!((load(base), load(base + 1)), (3, 4), "what is written over the edge begins anew");
    HERE.release(base);
}

#[test]
fn a_read_only_alias_and_then_a_writable_one_of_the_same_page() {
    let _mode = kernel();
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    for (from, to) in [(HERE, there), (there, HERE)] {
        let source = from.memory(PAGE);
        let first = alloc_copy((from, source), to, PAGE, PAGE_READONLY).expect("kernel mode");
        let second = alloc_copy((from, source), to, PAGE, RW).expect("the source permits it");
        see_each_other((from, source), (to, second));
        assert_eq!(to.read::<4>(first), from.read::<4>(source));
        let third = alloc_copy((from, source), to, PAGE, RW).expect("and again");
        see_each_other((to, third), (to, second));
        for at in [first, second, third] {
            to.release(at);
        }
        from.release(source);
    }
}
