//! Large pages in the own process, and pages that are joined.

mod live;
mod special;

use pagewright::{Allocate, Kind, Memory, PageKind, Process, Protect, Protection, Traits};

use live::skipped;
use special::large::{LARGE, Pool, UNIT, everything};
use special::{PAGE, RW, allocate, get, is_committed, put, release};

// Rows: LP03 LP04 LP05 LP07 LP09
#[test]
fn large_pages_are_allocated_as_a_whole() {
    if let Err(why) = everything(&Process::current()) {
        skipped("large_pages_are_allocated_as_a_whole", &why);
    }
}

#[test]
fn a_child_goes_without_large_pages_and_the_parent_keeps_its_own() {
    let _pool = match Pool::with(1) {
        Ok(pool) => pool,
        Err(why) => return skipped("a_child_goes_without_large_pages_and_the_parent_keeps_its_own", &why),
    };
    let me = Process::current();
    let base = allocate(&me, Allocate::new(UNIT).of(LARGE));
    put(&me, base, b"parent");
    // SAFETY: the child calls only what is safe after a fork, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut state = 0_u8;
        // SAFETY: asks the kernel about a page, and is given a byte for the answer.
        let there = unsafe { libc::mincore(base as *mut libc::c_void, PAGE as usize, &mut state) == 0 };
        let known = me.query(base).is_ok_and(|info| info.state != pagewright::State::Free);
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(i32::from(there || known)) };
    }
    let mut end = 0;
    // SAFETY: waits for the child that was made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut end, 0) }, child);
    assert_eq!(end, 0, "the child has nothing of it");
    // Without copy-on-write no page more is needed than the pool has.
    put(&me, base, b"PARENT");
    assert_eq!(get(&me, base, 6), b"PARENT");
    release(&me, base);
}

#[test]
fn the_largest_pages_come_from_a_pool_of_their_own() {
    let me = Process::current();
    let huge = Traits { pages: PageKind::Huge, ..Traits::PLAIN };
    let small = me.allocate(&Allocate::new(UNIT).of(huge)).map_err(|error| error.kind());
    assert_eq!(small, Err(Kind::Misaligned));
    match me.allocate(&Allocate::new(1 << 30).of(huge)) {
        Ok(range) => {
            let base = range.start().get();
            assert_eq!(base % (1 << 30), 0);
            put(&me, base + (1 << 30) - 4, b"last");
            release(&me, base);
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::NoLargePages);
            skipped("the_largest_pages_come_from_a_pool_of_their_own", "no page of 1 GiB is free here");
        }
    }
}

/// Bytes of a mapping that lie in pages of 2 MiB.
fn joined(base: u64) -> u64 {
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("/proc is mounted");
    let own = smaps.split(&format!("{base:x}-")).nth(1).expect("a mapping of its own");
    let line = own.lines().find_map(|line| line.strip_prefix("AnonHugePages:")).expect("a field");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") << 10
}

#[test]
fn joined_pages_need_no_privilege_and_every_verb_works() {
    let me = Process::current();
    let traits = Traits { pages: PageKind::Joined, ..Traits::PLAIN };
    let base = allocate(&me, Allocate::new(2 * UNIT).of(traits));
    assert_eq!(base % UNIT, 0);
    put(&me, base, b"first");
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if setting.contains("[madvise]") || setting.contains("[always]") {
        assert_eq!(joined(base), UNIT, "the first store brought in 2 MiB");
    } else {
        skipped("joined_pages_need_no_privilege_and_every_verb_works", "this kernel joins no pages");
    }
    me.protect(&Protect { at: base, size: PAGE, protection: Protection::READ }).expect("committed");
    is_committed(&me, base + PAGE, RW);
    assert_eq!(get(&me, base, 5), b"first");
    me.free(&pagewright::Free::decommit(base, 2 * UNIT)).expect("ours");
    allocate(&me, Allocate::new(2 * UNIT).commit().at(base));
    put(&me, base + UNIT, b"again");
    assert_eq!(get(&me, base, 5), [0; 5]);
    release(&me, base);
}
