//! MEM_RESET and MEM_RESET_UNDO: rows RS.

mod three;

use pagewright::win32::{
    MEM_COMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_RESERVE, MEM_RESET, MEM_RESET_UNDO, MEM_TOP_DOWN,
    MEM_WRITE_WATCH, PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, WRITE_WATCH_FLAG_RESET, get_write_watch,
    virtual_lock, virtual_unlock,
};
use three::{BOTH, PAGE, code, everywhere};

// Rows: RS01 RS02
#[test]
fn a_reset_changes_no_state_and_no_protection() {
    everywhere(|on| {
        let base = on.alloc(0, 16 * PAGE, MEM_RESERVE, PAGE_READWRITE).expect("memory is free");
        on.alloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        on.store(base + 7, 0x55);
        assert_eq!(on.alloc(base, PAGE, MEM_RESET, PAGE_NOACCESS), Ok(base), "RS01");
        assert_eq!(on.stands(base), (MEM_COMMIT, PAGE_READWRITE, PAGE), "RS01");
        assert!(matches!(on.load(base + 7), Some(0 | 0x55)), "RS01: intact or zero");
        assert_eq!(on.alloc(base + PAGE, PAGE, MEM_RESET, PAGE_NOACCESS), Ok(base + PAGE), "RS02");
        assert_eq!(on.stands(base + PAGE), (MEM_RESERVE, 0, 15 * PAGE), "RS02");
        on.release(base);
    });
}

// Rows: RS03 RS04
#[test]
fn a_reset_lies_in_one_allocation() {
    everywhere(|on| {
        let base = on.pages(16);
        assert_eq!(on.alloc(base + 15 * PAGE, 2 * PAGE, MEM_RESET, PAGE_READWRITE), Err(487), "RS03");
        on.release(base);
        for kind in [MEM_RESET, MEM_RESET_UNDO] {
            assert_eq!(on.alloc(base, PAGE, kind, PAGE_READWRITE), Err(487), "RS04: {kind:#x}");
        }
    });
}

// Rows: RS08 RS09 RS10 RS11 RS12 RS17
#[test]
fn a_reset_stands_alone_and_has_a_valid_protection() {
    everywhere(|on| {
        let base = on.pages(1);
        on.store(base, 0x55);
        let others = [
            ("RS08", MEM_COMMIT),
            ("RS09", BOTH),
            ("RS10", MEM_TOP_DOWN),
            ("RS11", MEM_WRITE_WATCH),
            ("RS11", MEM_PHYSICAL),
            ("RS11", MEM_LARGE_PAGES),
            ("RS17", MEM_RESET | MEM_RESET_UNDO),
        ];
        for (row, other) in others {
            for kind in [MEM_RESET, MEM_RESET_UNDO] {
                assert_eq!(on.alloc(base, PAGE, kind | other, PAGE_READWRITE), Err(87), "{row}, RS17");
            }
        }
        for kind in [MEM_RESET, MEM_RESET_UNDO] {
            for protect in [0, 0x6, 0x804, 0x101] {
                assert_eq!(on.alloc(base, PAGE, kind, protect), Err(87), "RS12: {protect:#x}");
            }
        }
        assert_eq!(on.load(base), Some(0x55), "nothing was reset");
        on.release(base);
    });
}

// Rows: RS14 RS16
#[test]
fn what_was_not_taken_is_intact_when_the_reset_is_undone() {
    everywhere(|on| {
        let base = on.pages(8);
        (0..8).for_each(|page| on.store(base + page * PAGE, 0x40 + page as u8));
        assert_eq!(on.alloc(base, 8 * PAGE, MEM_RESET_UNDO, PAGE_READONLY), Ok(base), "RS16: harmless");
        assert_eq!(on.alloc(base, 8 * PAGE, MEM_RESET, PAGE_READONLY), Ok(base));
        let undone = on.alloc(base, 8 * PAGE, MEM_RESET_UNDO, PAGE_READONLY);
        if undone == Err(170) {
            println!("{}: the system took a page meanwhile; RS14 not shown", on.name);
        } else {
            assert_eq!(undone, Ok(base), "RS14");
            for page in 0..8 {
                assert_eq!(on.load(base + page * PAGE), Some(0x40 + page as u8), "RS14: page {page}");
            }
        }
        assert_eq!(on.stands(base), (MEM_COMMIT, PAGE_READWRITE, 8 * PAGE), "RS14");
        on.release(base);
    });
}

// Rows in part: RS14
#[test]
fn a_store_after_the_reset_is_kept() {
    everywhere(|on| {
        let base = on.pages(2);
        on.store(base, 1);
        assert_eq!(on.alloc(base, 2 * PAGE, MEM_RESET, PAGE_READWRITE), Ok(base));
        on.store(base, 2);
        let _ = on.alloc(base, 2 * PAGE, MEM_RESET_UNDO, PAGE_READWRITE);
        assert_eq!(on.load(base), Some(2));
        on.release(base);
    });
}

// Rows: RS13
#[test]
fn locked_pages_are_not_taken() {
    everywhere(|on| {
        let base = on.pages(1);
        on.store(base, 0x55);
        assert_eq!(code(virtual_lock(on.memory, base, PAGE)), Ok(()));
        assert_eq!(on.alloc(base, PAGE, MEM_RESET, PAGE_READWRITE), Ok(base), "RS13");
        assert_eq!(on.alloc(base, PAGE, MEM_RESET_UNDO, PAGE_READWRITE), Ok(base), "RS13");
        assert_eq!(on.load(base), Some(0x55), "RS13");
        assert_eq!(code(virtual_unlock(on.memory, base, PAGE)), Ok(()), "RS13: still locked");
        on.release(base);
    });
}

// Rows: RS18
#[test]
fn a_reset_neither_writes_nor_forgets_writes() {
    everywhere(|on| {
        let base = on.alloc(0, 4 * PAGE, BOTH | MEM_WRITE_WATCH, PAGE_READWRITE).expect("memory is free");
        on.store(base + PAGE, 1);
        for kind in [MEM_RESET, MEM_RESET_UNDO] {
            assert_eq!(on.alloc(base, 4 * PAGE, kind, PAGE_READWRITE), Ok(base));
            let written = code(get_write_watch(on.memory, 0, base, 4 * PAGE, 4));
            assert_eq!(written, Ok(vec![base + PAGE]), "RS18: {kind:#x}");
        }
        code(get_write_watch(on.memory, WRITE_WATCH_FLAG_RESET, base, 4 * PAGE, 4)).expect("watched");
        assert_eq!(on.alloc(base, 4 * PAGE, MEM_RESET, PAGE_READWRITE), Ok(base));
        assert_eq!(code(get_write_watch(on.memory, 0, base, 4 * PAGE, 4)), Ok(vec![]), "RS18");
        on.release(base);
    });
}
