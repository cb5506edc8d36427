//! Views of sections in an emulated guest: the rows about what becomes of views.

use pagewright::soft::Guest;
use pagewright::win32::*;
use pagewright::{Free, MapView, Memory, NewSection, ObjectId, Place, Protection, Rights, Supply, Window};

const PAGE: u64 = 0x1000;
const GRANULE: u64 = 0x1_0000;

fn section(guest: &Guest, size: u64, supply: Supply) -> ObjectId {
    guest.create_section(&NewSection { size, supply, ceiling: Rights::USUAL }).expect("room")
}

fn view(guest: &Guest, object: ObjectId, size: u64, word: u32) -> u64 {
    let protection = match word {
        0 => Protection::NONE,
        word => decode_protection(word).expect("a protection"),
    };
    let place = Place::Window(Window::ANYWHERE);
    guest.map_view(&MapView { object, first: 0, size, place, protection }).expect("room").start().get()
}

/// State, protection, size, type, and the first protection.
fn run(guest: &Guest, at: u64) -> (u32, u32, u64, u32, u32) {
    let record = virtual_query(guest, at).expect("a user address");
    (record.State, record.Protect, record.RegionSize as u64, record.Type, record.AllocationProtect)
}

fn code<T>(result: Result<T, Failure>) -> Result<T, u32> {
    result.map_err(|failure| failure.code())
}

// Rows: VQ17 VQ19 VF39
#[test]
fn a_view_is_mapped_memory_that_is_not_freed() {
    let mut guest = Guest::new();
    let object = section(&guest, 4 * PAGE, Supply::Whole);
    let (first, second) =
        (view(&guest, object, 4 * PAGE, PAGE_READWRITE), view(&guest, object, 4 * PAGE, PAGE_READONLY));
    guest.store::<u8>(first + PAGE, 7).expect("writable");
    assert_eq!(guest.load::<u8>(second + PAGE), Ok(7), "MV55");
    assert!(guest.store::<u8>(second, 1).is_err(), "MV49");
    assert_eq!(run(&guest, second), (MEM_COMMIT, PAGE_READONLY, 4 * PAGE, MEM_MAPPED, PAGE_READONLY), "VQ17");
    for kind in [MEM_RELEASE, MEM_DECOMMIT] {
        assert_eq!(code(virtual_free(&guest, first, 0, kind)), Err(87), "VF39");
    }
    guest.close_section(object).expect("it has a name");
    assert_eq!(
        run(&guest, first),
        (MEM_COMMIT, PAGE_READWRITE, 4 * PAGE, MEM_MAPPED, PAGE_READWRITE),
        "VQ19"
    );
    for at in [first + 5, second] {
        guest.free(&Free::unmap(at)).expect("a view");
        assert_eq!(run(&guest, at).0, MEM_FREE);
    }
}

// Rows: VQ18 RS05 RS06
#[test]
fn pages_of_a_reserved_section_are_committed_in_all_its_views() {
    let mut guest = Guest::new();
    for supply in [Supply::OnDemand(Default::default()), Supply::Whole] {
        let reserved = matches!(supply, Supply::OnDemand(_));
        let object = section(&guest, 2 * GRANULE, supply);
        let (first, second) = (
            view(&guest, object, 2 * GRANULE, PAGE_READWRITE),
            view(&guest, object, 2 * GRANULE, PAGE_READWRITE),
        );
        if reserved {
            assert_eq!(run(&guest, first), (MEM_RESERVE, 0, 2 * GRANULE, MEM_MAPPED, PAGE_READWRITE), "VQ18");
        }
        virtual_alloc(&guest, first, GRANULE, MEM_COMMIT, PAGE_READONLY).expect("SR02, SR06");
        assert_eq!(run(&guest, first).1, PAGE_READONLY, "SR02, SR06");
        assert_eq!(run(&guest, second).1, PAGE_READWRITE, "SR02");
        guest.store::<u8>(second, 9).expect("SR03");
        assert_eq!(guest.load::<u8>(first), Ok(9), "SR03");
        let before = (run(&guest, first), run(&guest, first + GRANULE));
        assert_eq!(
            code(virtual_alloc(&guest, first, 2 * GRANULE, MEM_RESET, PAGE_READONLY)),
            Ok(first),
            "RS05, RS06"
        );
        assert_eq!((run(&guest, first), run(&guest, first + GRANULE)), before, "RS05, RS06");
        assert_eq!(guest.load::<u8>(second), Ok(9), "what another view needs stays");
    }
}

// Rows: VP38
#[test]
fn a_view_is_protected_within_what_it_began_with() {
    let guest = Guest::new();
    let object = section(&guest, PAGE, Supply::Whole);
    let all = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80];
    for (row, word, permitted) in [
        ("VS01", PAGE_NOACCESS, &[1][..]),
        ("VS02", PAGE_READONLY, &[1, 2, 8]),
        ("VS04", PAGE_WRITECOPY, &[1, 2, 8]),
        ("VS06", PAGE_READWRITE, &[1, 2, 4, 8]),
        ("VS08", PAGE_EXECUTE_READ, &[1, 2, 8, 0x10, 0x20, 0x80]),
        ("VS10", PAGE_EXECUTE_WRITECOPY, &[1, 2, 8, 0x10, 0x20, 0x80]),
        ("VS11", PAGE_EXECUTE_READWRITE, &all),
    ] {
        let at = view(&guest, object, PAGE, word);
        for wanted in all {
            let expected = if permitted.contains(&wanted) { Ok(()) } else { Err(87) };
            assert_eq!(
                code(virtual_protect(&guest, at, PAGE, wanted)).map(drop),
                expected,
                "{row} {wanted:#x}"
            );
        }
    }
}

// Rows: CW02 CW05 CW06 CW14
#[test]
fn a_store_makes_a_page_of_a_copying_view_the_guests() {
    let mut guest = Guest::new();
    let object = section(&guest, 2 * PAGE, Supply::Whole);
    let (shared, at) =
        (view(&guest, object, 2 * PAGE, PAGE_READWRITE), view(&guest, object, 2 * PAGE, PAGE_WRITECOPY));
    guest.store::<u8>(shared, 1).expect("writable");
    assert_eq!(guest.load::<u8>(at), Ok(1));
    guest.store::<u8>(at, 2).expect("CW14");
    assert_eq!((guest.load::<u8>(shared), guest.load::<u8>(at)), (Ok(1), Ok(2)), "CW14");
    assert_eq!((run(&guest, at).1, run(&guest, at + PAGE).1), (PAGE_READWRITE, PAGE_WRITECOPY), "CW02, CW05");
    guest.store::<u8>(shared + PAGE, 3).expect("writable");
    assert_eq!(guest.load::<u8>(at + PAGE), Ok(3), "a page that nobody stored to is the section's");
    virtual_protect(&guest, at, PAGE, PAGE_WRITECOPY).expect("CW06");
    assert_eq!(run(&guest, at).1, PAGE_READWRITE, "CW06");
}
