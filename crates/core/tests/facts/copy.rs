//! Copies within one address space: `reference/mach.md`, section 8.2, as the strictest
//! of its dialects has it.

use pagewright_core::{
    Alias, Backing, Consent, CopyRange, Geometry, Kind, Machine, Managed, Onto, PageRange, Place, Protection,
    Rights, Va, Window,
};
use pagewright_testkit::Null;
use pagewright_testkit::faulty::{Faulty, Manner};

use crate::lab::{BASE, ERW, Lab, NONE, PAGE, RO, RW, What};

/// A source of 40 pages at [`BASE`], numbered from 1, and a target as long.
const FROM: u64 = BASE;
const TO: u64 = BASE + 0x10_0000;
const ALL: u64 = 40;
/// So few pages are copied at once, and so many lazily.
const SIZES: [u64; 2] = [3, ALL];

fn pair() -> Lab {
    let mut lab = Lab::committed(ALL * PAGE, RW);
    lab.number(FROM, ALL, 1);
    assert_eq!(lab.both(TO, ALL * PAGE, RW), Ok((TO, ALL * PAGE)));
    lab.number(TO, ALL, 101);
    lab
}

fn from_one(pages: u64) -> Vec<u8> {
    (1..=pages as u8).collect()
}

/// Copies so many pages, and proves that nothing has changed.
fn refused(mut lab: Lab, pages: u64) -> Kind {
    let look = |lab: &Lab| {
        let far = |at: u64| lab.load(at, PAGE as usize);
        let pages = (0..ALL).flat_map(|page| [far(FROM + page * PAGE), far(TO + page * PAGE)]);
        (pages.collect::<Vec<_>>(), lab.charge(), lab.objects())
    };
    let before = look(&lab);
    let kind = lab.copy(FROM, pages * PAGE, TO).expect_err("it is refused");
    assert!(look(&lab) == before, "8.3: a refused copy changes nothing");
    kind
}

// Rows: C1 C25
#[test]
fn c1_c25_a_copy_has_the_bytes_of_that_moment_and_stands_alone() {
    for pages in SIZES {
        let mut lab = pair();
        assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C1");
        assert_eq!(lab.numbers(TO, pages), from_one(pages), "C1");
        lab.number(FROM, 2, 201);
        assert_eq!(lab.numbers(TO, pages), from_one(pages), "C25");
        lab.number(TO + PAGE, 2, 211);
        assert_eq!(lab.numbers(FROM, 3), [201, 202, 3], "C25");
        assert_eq!(lab.numbers(TO, 3), [1, 211, 212], "C25");
        assert_eq!(lab.charge(), 2 * ALL * PAGE, "a lazy copy is promised in full");
    }
}

// Rows: C2
#[test]
fn c2_no_bytes_are_copied_from_anywhere_to_anywhere() {
    let mut lab = pair();
    for (source, target) in [(0, 0), (u64::MAX, TO), (FROM, u64::MAX), (0x1234, 0x9999_9999_9999)] {
        assert_eq!(lab.copy(source, 0, target), Ok(0), "C2");
    }
}

// Rows: C3 C40 C41
#[test]
fn c3_c40_c41_any_byte_is_where_it_belongs_and_its_neighbours_stay() {
    let mut lab = pair();
    let pattern: Vec<u8> = (0..ALL * PAGE).map(|at| (at % 251) as u8).collect();
    for size in [1, 0xfff, 0x1001, 17 * PAGE - 1, 17 * PAGE, 20 * PAGE + 3] {
        for (from, to) in [(0, 0), (1, 1), (0, 1), (2, 0), (0xfff, 0xfff), (0x801, 0x7ff)] {
            lab.store(FROM, &pattern);
            lab.store(TO, &vec![0xaa; (ALL * PAGE) as usize]);
            assert_eq!(lab.copy(FROM + from, size, TO + to), Ok(size), "C3");
            let mut expected = vec![0xaa; (ALL * PAGE) as usize];
            let (from, to, count) = (from as usize, to as usize, size as usize);
            expected[to..to + count].copy_from_slice(&pattern[from..from + count]);
            let seen = lab.load(TO, (ALL * PAGE) as usize);
            assert!(seen == expected, "C3, C40, C41: {size:#x} from {from:#x} to {to:#x}");
        }
    }
}

// Rows: C5
#[test]
fn c5_a_copy_onto_itself_needs_both_rights() {
    for pages in SIZES {
        let mut lab = pair();
        assert_eq!(lab.copy(FROM, pages * PAGE, FROM), Ok(pages * PAGE), "C5");
        assert_eq!(lab.numbers(FROM, pages), from_one(pages), "C5");
        assert_eq!(lab.objects(), 0, "C5: there is nothing to do");
        lab.protect(FROM, PAGE, RO).expect("committed");
        assert_eq!(lab.copy(FROM, pages * PAGE, FROM), Err(Kind::NoAccess), "C5");
    }
}

// Rows: C6 C7
#[test]
fn c6_c7_ranges_may_overlap() {
    for (size, shift) in [(2 * PAGE, PAGE), (30 * PAGE, PAGE), (30 * PAGE, 7 * PAGE), (30 * PAGE + 5, 9)] {
        for (from, to) in [(FROM, FROM + shift), (FROM + shift, FROM)] {
            let mut lab = pair();
            let pattern: Vec<u8> = (0..ALL * PAGE).map(|at| (at % 253) as u8).collect();
            lab.store(FROM, &pattern);
            assert_eq!(lab.copy(from, size, to), Ok(size), "C6, C7");
            let (source, target) = ((from - FROM) as usize, (to - FROM) as usize);
            let mut expected = pattern;
            expected.copy_within(source..source + size as usize, target);
            assert!(lab.load(FROM, expected.len()) == expected, "C6, C7: {size:#x} by {shift:#x}");
        }
    }
}

// Rows: C8 C12
#[test]
fn c8_c12_the_first_bad_page_of_the_source_is_named() {
    for pages in SIZES {
        for hole in [0, 1, pages - 1] {
            let mut lab = pair();
            lab.decommit(FROM + hole * PAGE, PAGE).expect("committed");
            assert_eq!(refused(lab, pages), Kind::NotCommitted, "C8");
        }
        for protection in [NONE, Protection { rights: Rights::WRITE, ..RW }] {
            let mut lab = pair();
            lab.protect(FROM + PAGE, PAGE, protection).expect("committed");
            assert_eq!(refused(lab, pages), Kind::NoAccess, "C9: {protection:?}");
        }
        let mut lab = pair();
        lab.protect(FROM, PAGE, Protection::EXECUTE).expect("committed");
        assert_eq!(refused(lab, pages), Kind::NoAccess, "C10");
        for (closed, hole, kind) in [(0, 1, Kind::NoAccess), (1, 0, Kind::NotCommitted)] {
            let mut lab = pair();
            lab.protect(FROM + closed * PAGE, PAGE, NONE).expect("committed");
            lab.decommit(FROM + hole * PAGE, PAGE).expect("committed");
            assert_eq!(refused(lab, pages), kind, "C12");
        }
    }
}

// Rows: C13
#[test]
fn c13_a_source_that_was_never_touched_is_zeros() {
    for pages in SIZES {
        let mut lab = pair();
        lab.decommit(FROM, ALL * PAGE).expect("committed");
        lab.commit(FROM, ALL * PAGE, RW).expect("reserved");
        assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C13");
        assert_eq!(lab.numbers(TO, pages), vec![0; pages as usize], "C13");
    }
}

// Rows: C14 C15 C16 C17 C18 C19 C20
#[test]
fn c14_to_c20_the_target_is_looked_at_after_all_of_the_source() {
    for pages in SIZES {
        for bad in [0, 1, pages - 1] {
            let mut lab = pair();
            lab.decommit(TO + bad * PAGE, PAGE).expect("committed");
            assert_eq!(refused(lab, pages), Kind::NotCommitted, "C14, C15");
            for protection in [NONE, RO, Protection::READ_EXECUTE] {
                let mut lab = pair();
                lab.protect(TO + bad * PAGE, PAGE, protection).expect("committed");
                assert_eq!(refused(lab, pages), Kind::NoAccess, "C16, C20: {protection:?}");
            }
        }
        let mut lab = pair();
        lab.protect(FROM + (pages - 1) * PAGE, PAGE, NONE).expect("committed");
        lab.decommit(TO, PAGE).expect("committed");
        assert_eq!(refused(lab, pages), Kind::NoAccess, "8.1: the source's error, whatever the target");
    }
}

// Rows: C18
#[test]
fn c18_memory_for_stores_alone_is_a_target() {
    let write = Protection { rights: Rights::WRITE, ..RW };
    for pages in SIZES {
        let mut lab = pair();
        lab.protect(TO, 2 * PAGE, write).expect("committed");
        assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C18");
        assert_eq!(lab.run(TO), (2 * PAGE, What::Is(write)), "C18: it stays as it was");
        assert_eq!(lab.numbers(TO, 1), [], "C18: nobody can load it");
        lab.protect(TO, 2 * PAGE, RW).expect("committed");
        assert_eq!(lab.numbers(TO, pages), from_one(pages), "C18");
    }
}

// Rows: C19 C21 C34 C35
#[test]
fn c19_c21_c34_c35_both_sides_keep_their_attributes() {
    for pages in SIZES {
        let mut lab = pair();
        lab.protect(FROM + PAGE, PAGE, RO).expect("committed");
        lab.protect(TO + 2 * PAGE, PAGE, ERW).expect("committed");
        lab.release(TO + 20 * PAGE, 0x4000).expect("ours");
        lab.decommit(TO + 24 * PAGE, PAGE).expect("ours");
        lab.commit(TO + 24 * PAGE, PAGE, ERW).expect("ours");
        assert_eq!(lab.both(TO + 0x10_0000, PAGE, RW), Ok((TO + 0x10_0000, PAGE)));
        let most = pages.min(20);
        assert_eq!(lab.copy(FROM, most * PAGE, TO), Ok(most * PAGE), "C19, C21");
        assert_eq!(lab.numbers(TO, most), from_one(most), "C19, C21");
        let what = |lab: &Lab, at: u64| lab.run(at).1;
        assert_eq!(what(&lab, FROM + PAGE), What::Is(RO), "C35");
        assert_eq!(what(&lab, TO + PAGE), What::Is(RW), "C34");
        assert_eq!(what(&lab, TO + 2 * PAGE), What::Is(ERW), "C19");
        assert_eq!(lab.origin(TO), Some((TO, RW)), "C19");
    }
}

// Rows: C19 C21
#[test]
fn c19_c21_ranges_may_span_allocations() {
    for pages in SIZES {
        let mut lab = pair();
        for at in [FROM, TO] {
            // The end of each becomes an allocation of its own.
            lab.release(at + 0x1_0000, 0x1_0000).expect("ours");
            lab.both(at + 0x1_0000, 0x1_0000, RW).expect("free");
        }
        lab.number(FROM, ALL, 1);
        // They meet the border in different places.
        let (source, target) = (FROM + 14 * PAGE, TO + 15 * PAGE);
        let size = pages.min(24) * PAGE;
        assert_eq!(lab.copy(source, size, target), Ok(size), "C19, C21");
        let expected: Vec<u8> = (0..size / PAGE).map(|page| page as u8 + 15).collect();
        assert_eq!(lab.numbers(target, size / PAGE), expected, "C19, C21");
    }
}

// Rows: C22
#[test]
fn c22_what_is_copied_onto_a_shared_page_is_seen_by_all() {
    for pages in SIZES {
        let mut lab = pair();
        let view = TO + 0x10_0000;
        lab.reserve(view, ALL * PAGE).expect("free");
        lab.alias(TO, ALL * PAGE, Onto::Reserved(view), RW).expect("ours");
        assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C22");
        assert_eq!(lab.numbers(view, pages), from_one(pages), "C22");
        lab.number(view, 1, 77);
        assert_eq!((lab.numbers(TO, 1), lab.numbers(FROM, 1)), (vec![77], vec![1]), "C22: still shared");
    }
}

// Rows: C23
#[test]
fn c23_a_copy_onto_a_copy_leaves_its_origin() {
    for pages in SIZES {
        let mut lab = pair();
        let origin = TO + 0x10_0000;
        lab.both(origin, ALL * PAGE, RW).expect("free");
        lab.number(origin, ALL, 41);
        lab.copy(origin, ALL * PAGE, TO).expect("ours");
        assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C23");
        assert_eq!(lab.numbers(TO, pages), from_one(pages), "C23");
        assert_eq!(lab.numbers(origin, ALL), (41..41 + ALL as u8).collect::<Vec<_>>(), "C23");
    }
}

// Rows: C24 C25
#[test]
fn c24_c25_a_shared_source_follows_its_alias_and_its_copy_does_not() {
    for pages in SIZES {
        let mut lab = pair();
        let view = TO + 0x10_0000;
        lab.reserve(view, ALL * PAGE).expect("free");
        lab.alias(FROM, ALL * PAGE, Onto::Reserved(view), RW).expect("ours");
        assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C24");
        lab.number(view, 1, 61);
        lab.number(FROM + PAGE, 1, 62);
        assert_eq!(lab.numbers(TO, pages), from_one(pages), "C24");
        assert_eq!((lab.numbers(FROM, 2), lab.numbers(view, 2)), (vec![61, 62], vec![61, 62]), "C25");
        lab.number(TO, 1, 63);
        assert_eq!((lab.numbers(FROM, 1), lab.numbers(view, 1)), (vec![61], vec![61]), "C25");
    }
}

// Rows: C26
#[test]
fn c26_copies_of_copies_stand_alone() {
    for pages in SIZES {
        let mut lab = pair();
        let third = TO + 0x10_0000;
        lab.both(third, ALL * PAGE, RW).expect("free");
        lab.copy(FROM, pages * PAGE, TO).expect("ours");
        lab.number(TO, 1, 81);
        lab.copy(TO, pages * PAGE, third).expect("ours");
        lab.number(FROM + PAGE, 1, 82);
        lab.number(TO + 2 * PAGE, 1, 83);
        lab.number(third, 1, 84);
        assert_eq!(lab.numbers(FROM, 3), [1, 82, 3], "C26");
        assert_eq!(lab.numbers(TO, 3), [81, 2, 83], "C26");
        assert_eq!(lab.numbers(third, 3), [84, 2, 3], "C26");
        // And back to where they came from.
        lab.copy(third, pages * PAGE, FROM).expect("ours");
        assert_eq!(lab.numbers(FROM, 3), [84, 2, 3], "C26");
    }
}

// Rows: C27 C28
#[test]
fn c27_c28_locked_pages_are_copied_and_stay_locked() {
    for pages in SIZES {
        for locked in [FROM, TO] {
            let mut lab = pair();
            lab.lock(locked + PAGE, PAGE).expect("accessible");
            assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C27, C28");
            assert_eq!(lab.numbers(TO, pages), from_one(pages), "C27, C28");
            assert_eq!(lab.unlock(locked + PAGE, PAGE), Ok((locked + PAGE, PAGE)), "C27, C28");
            let (view, size) = (TO + 0x10_0000, pages * PAGE);
            lab.reserve(view, size).expect("free");
            let shared = lab.alias(FROM, size, Onto::Reserved(view), RW);
            assert_eq!(shared, Ok((view, size)), "C27: sharing the whole works later");
        }
    }
}

// Rows: C29
#[test]
fn c29_executable_pages_are_stored_to() {
    for pages in SIZES {
        let mut lab = pair();
        lab.protect(TO, ALL * PAGE, ERW).expect("committed");
        assert_eq!(lab.copy(FROM, pages * PAGE, TO), Ok(pages * PAGE), "C29");
        assert_eq!(lab.numbers(TO, pages), from_one(pages), "C29");
        assert_eq!((lab.contents(TO, ALL * PAGE), lab.objects()), (vec![None], 0), "C29: no new mapping");
    }
}

// Rows: C31 C32 C33
#[test]
fn c31_c32_c33_addresses_that_wrap_or_leave_the_space_are_refused() {
    let mut lab = pair();
    for (source, size, target, kind) in [
        (FROM, u64::MAX, TO, Kind::BadSize),                               // C31
        (u64::MAX - PAGE, 2 * PAGE, TO, Kind::BadAddress),                 // C31
        (FROM, PAGE, u64::MAX - 1, Kind::BadAddress),                      // C32
        (FROM, PAGE, Geometry::X86_64.highest - 0x7ff, Kind::BadSize),     // C32
        (0, u64::from(u32::MAX) - 1, 0, Kind::NotCommitted),               // C33
        (1, u64::from(u32::MAX) - 1, 1, Kind::NotCommitted),               // C33
        (PAGE - 1, u64::from(u32::MAX) - 1, PAGE + 1, Kind::NotCommitted), // C33
    ] {
        assert_eq!(lab.copy(source, size, target), Err(kind), "{source:#x} {size:#x} {target:#x}");
    }
}

#[test]
fn the_program_s_own_memory_is_copied_as_bytes() {
    for pages in SIZES {
        let mut lab = pair();
        let theirs = PageRange::between(0x7000_0000, 0x7004_0000).expect("not empty");
        let fixed = PageRange::between(0x7100_0000, 0x7104_0000).expect("not empty");
        lab.0.machine_mut().intrude(theirs, RW, Backing::Private);
        lab.0.machine_mut().intrude(fixed, RO, Backing::Image);
        let size = pages * PAGE;
        assert_eq!(lab.copy(FROM, size, 0x7000_0000), Ok(size));
        assert_eq!(lab.numbers(0x7000_0000, pages), from_one(pages));
        assert_eq!(lab.copy(0x7000_0000, size, TO), Ok(size));
        assert_eq!(lab.numbers(TO, pages), from_one(pages));
        assert_eq!(lab.copy(0x7000_0000, size, 0x7000_1000), Ok(size), "C6");
        assert_eq!(lab.numbers(0x7000_1000, pages), from_one(pages), "C6");
        assert_eq!(lab.copy(0x7100_0000, size, TO), Ok(size));
        assert_eq!(lab.copy(TO, size, 0x7100_0000), Err(Kind::NoAccess), "C16");
        assert_eq!(lab.copy(0x7003_f000, 2 * PAGE, TO), Err(Kind::NotCommitted), "C8");
        assert_eq!(lab.copy(FROM, size, 0x7004_0000 - PAGE), Err(Kind::NotCommitted), "C15");
        assert_eq!(lab.objects(), 0);
    }
}

#[test]
fn ours_and_others_memory_can_be_one_source() {
    let mut lab = pair();
    let behind = FROM + ALL * PAGE;
    let theirs = PageRange::between(behind, behind + 20 * PAGE).expect("not empty");
    lab.0.machine_mut().intrude(theirs, RW, Backing::Private);
    lab.number(behind, 20, 41);
    let size = 40 * PAGE;
    assert_eq!(lab.copy(FROM + 20 * PAGE, size, TO), Ok(size), "C21");
    assert_eq!(lab.numbers(TO, ALL), (21..61).collect::<Vec<u8>>(), "C21");
    assert_eq!(lab.copy(TO, size, FROM + 20 * PAGE), Ok(size), "C19");
    assert_eq!(lab.numbers(behind, 20), (41..61).collect::<Vec<u8>>(), "C19");
}

/// The strange machine copies page by page, so that a plan which overwrites what it reads
/// later is found out.
// Rows: C22
#[test]
fn c22_the_program_s_view_of_a_page_and_ours_are_one_page() {
    let theirs = PageRange::between(0x7000_0000, 0x7000_4000).expect("not empty");
    let mut null = Null::new(Geometry::X86_64);
    null.intrude(theirs, RW, Backing::Private);
    let mut space = Managed::new(Faulty::new(null).with(Manner::Worst), u64::MAX);
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let (size, protection, consent) = (4 * PAGE, RW, Consent::Foreign);
    let request = Alias { source: 0x7000_0000, size, onto, protection, consent };
    let ours = space.alias(&request).expect("with consent").start().get();
    let number = |space: &mut Managed<Faulty<Null>>| {
        for page in 0..4 {
            let at = Va::new(ours + page * PAGE);
            assert_eq!(space.machine_mut().write(at, &[page as u8 + 1]), 1);
        }
    };
    let numbers = |space: &Managed<Faulty<Null>>| {
        [0, 1, 2, 3].map(|page| {
            let mut byte = [0];
            space.machine().read(Va::new(ours + page * PAGE), &mut byte);
            byte[0]
        })
    };
    for (source, target) in [(0x7000_0000, ours + PAGE), (ours, 0x7000_1000)] {
        number(&mut space);
        space.copy(&CopyRange { source, size: 3 * PAGE, target }).expect("both are there");
        assert_eq!(numbers(&space), [1, 1, 2, 3], "{source:#x}");
    }
}
