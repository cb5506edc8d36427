//! Loads, stores and fetches of a guest, case by case.

use pagewright_core::{Access, Geometry, Machine, PageRange, Refusal, Standing, Va};
use pagewright_soft::{Fault, FaultKind, Mmu, Reason};

const PAGE: u64 = 0x1000;
const BASE: u64 = 0x10_0000;
const READ_WRITE: Access = Access::READ.union(Access::WRITE);

fn pages(first: u64, count: u64) -> PageRange {
    PageRange::between(BASE + first * PAGE, BASE + (first + count) * PAGE).expect("not empty")
}

/// Eight pages, committed for loads and stores.
fn eight() -> Mmu {
    let mut mmu = Mmu::new(Geometry::X86_64);
    mmu.reserve(pages(0, 8), Some(READ_WRITE)).expect("nothing is mapped yet");
    mmu
}

fn fault(at: u64, kind: FaultKind, reason: Reason) -> Fault {
    Fault { at, kind, reason }
}

#[test]
fn loads_of_untouched_pages_take_no_frame_and_the_first_store_takes_one() {
    let mut mmu = eight();
    for page in 0..8 {
        assert_eq!(mmu.load::<u64>(BASE + page * PAGE), Ok(0));
    }
    assert_eq!(mmu.frames_used(), 0);
    assert_eq!(mmu.store(BASE + 8, 7_u8), Ok(()));
    assert_eq!(mmu.frames_used(), 1);
    assert_eq!(mmu.load::<u16>(BASE + 8), Ok(7), "the cached page of zeros is not used any more");
    assert_eq!(mmu.load::<u64>(BASE + PAGE + 8), Ok(0));
    assert_eq!(mmu.check(), Ok(()));
}

#[test]
fn a_store_that_faults_on_the_second_page_changes_nothing() {
    for access in [None, Some(Access::READ)] {
        let mut mmu = eight();
        mmu.release(pages(0, 8), pages(1, 1)).expect("mapped");
        mmu.reserve(pages(1, 1), access).expect("just released");
        let reason = if access.is_some() { Reason::Access } else { Reason::Reserved };
        let told = mmu.store(BASE + PAGE - 3, u64::MAX);
        assert_eq!(told, Err(fault(BASE + PAGE, FaultKind::Store, reason)));
        assert_eq!(mmu.load::<u16>(BASE + PAGE - 3), Ok(0));
        assert_eq!(mmu.frames_used(), 0);
        assert_eq!(mmu.store(BASE + PAGE - 8, u64::MAX), Ok(()));
    }
}

#[test]
fn without_frames_a_store_faults_and_loads_go_on() {
    let mut mmu = eight();
    mmu.set_frame_limit(Some(2));
    assert_eq!(mmu.store(BASE, 1_u32), Ok(()));
    let crossing = BASE + 3 * PAGE - 4;
    let told = mmu.store(crossing, u64::MAX);
    assert_eq!(told, Err(fault(BASE + 3 * PAGE, FaultKind::Store, Reason::OutOfMemory)));
    assert_eq!(mmu.load::<u64>(crossing), Ok(0));
    assert_eq!(mmu.frames_used(), 1, "the first page of the two got none either");
    assert_eq!(mmu.write(Va::new(BASE + PAGE), &[1; 3 * PAGE as usize]), PAGE as usize);
    mmu.decommit(pages(0, 8), pages(0, 1)).expect("mapped");
    assert_eq!(mmu.store(BASE + 2 * PAGE, 1_u8), Ok(()), "a freed frame serves another page");
    assert_eq!(mmu.check(), Ok(()));
}

#[test]
fn wiring_takes_frames_all_or_none_and_stores_then_cannot_run_out() {
    let mut mmu = eight();
    mmu.set_frame_limit(Some(4));
    mmu.store(BASE, 1_u8).expect("committed");
    assert_eq!(mmu.wire(pages(0, 5)), Err(Refusal::OutOfMemory));
    assert_eq!(mmu.frames_used(), 1);
    assert_eq!(mmu.wire(pages(0, 4)), Ok(()));
    assert_eq!(mmu.frames_used(), 4);
    mmu.set_frame_limit(Some(0));
    assert_eq!(mmu.store(BASE + 3 * PAGE, 1_u8), Ok(()));
    assert_eq!(mmu.wire(pages(7, 2)), Err(Refusal::Unmapped));
    assert_eq!(mmu.check(), Ok(()));
}

#[test]
fn the_edges_of_the_number_range_fault_without_a_panic() {
    let mut mmu = Mmu::new(Geometry::X86_64);
    let end = Geometry::X86_64.user_end();
    let last = PageRange::between(end - PAGE, end).expect("a page");
    mmu.reserve(last, Some(Access::all().unguarded())).expect("nothing is mapped yet");
    assert_eq!(mmu.store(end - 8, 1_u64), Ok(()));
    assert_eq!(mmu.load::<u64>(end - 4), Err(fault(end, FaultKind::Load, Reason::Unmapped)));
    for at in [end, u64::MAX - 8, u64::MAX - 3, u64::MAX] {
        assert_eq!(mmu.load::<u64>(at), Err(fault(at, FaultKind::Load, Reason::Unmapped)));
        assert_eq!(mmu.store(at, 1_u64), Err(fault(at, FaultKind::Store, Reason::Unmapped)));
        assert_eq!(mmu.read(Va::new(at), &mut [0; 64]), 0);
        assert_eq!(mmu.write(Va::new(at), &[0; 64]), 0);
        assert_eq!(mmu.foreign(Va::new(at)), Err(Refusal::Unmapped));
    }
    let beyond = PageRange::between(end, end + PAGE).expect("a page");
    assert_eq!(mmu.reserve(beyond, None), Err(Refusal::Denied));
    assert_eq!(mmu.release(beyond, beyond), Err(Refusal::Unmapped));
}

#[test]
fn a_fetch_gives_the_bytes_below_its_fault_and_needs_the_right_to_execute() {
    let mut mmu = eight();
    mmu.store(BASE + PAGE - 2, 0x9090_u16).expect("committed");
    let mut bytes = [0; 15];
    let told = mmu.fetch(BASE + PAGE - 2, &mut bytes);
    assert_eq!(told, Err(fault(BASE + PAGE - 2, FaultKind::Fetch, Reason::Access)));
    mmu.protect(pages(0, 8), pages(0, 1), Access::READ | Access::EXECUTE).expect("committed");
    let told = mmu.fetch(BASE + PAGE - 2, &mut bytes);
    assert_eq!(told, Err(fault(BASE + PAGE, FaultKind::Fetch, Reason::Access)));
    assert_eq!(bytes[..3], [0x90, 0x90, 0]);
    assert_eq!(mmu.fetch(BASE, &mut []), Ok(()));
    let mut page = [1; PAGE as usize];
    assert_eq!(mmu.fetch(BASE, &mut page), Ok(()));
    assert_eq!((page[0], page[PAGE as usize - 1]), (0, 0x90));
}

#[test]
fn what_the_embedder_maps_past_the_address_space_is_shown_and_can_be_protected() {
    let mut mmu = eight();
    mmu.protect(pages(0, 8), pages(2, 3), Access::READ).expect("committed");
    let run = mmu.foreign(Va::new(BASE + 3 * PAGE)).expect("in the user range");
    assert_eq!((run.start, run.end), (BASE + 2 * PAGE, BASE + 5 * PAGE));
    assert!(matches!(run.standing, Standing::Mapped { allocation: BASE, .. }));
    assert_eq!(mmu.protect_foreign(pages(2, 3), READ_WRITE), Ok(()));
    assert_eq!(mmu.protect_foreign(pages(7, 2), READ_WRITE), Err(Refusal::Unmapped));
    let free = mmu.foreign(Va::new(0)).expect("in the user range");
    assert_eq!((free.start, free.end, free.standing), (0, BASE, Standing::Free));
    let free = mmu.foreign(Va::new(BASE + 9 * PAGE)).expect("in the user range");
    assert_eq!((free.start, free.end), (BASE + 8 * PAGE, Geometry::X86_64.user_end()));
}

#[test]
fn huge_ranges_cost_no_frames_and_no_time() {
    let mut mmu = Mmu::new(Geometry::X86_64);
    let at = |gib: u64| 0x1000_0000_0000 + (gib << 30);
    let whole = PageRange::between(at(0), at(64 << 10)).expect("64 TiB");
    mmu.reserve(whole, None).expect("nothing is mapped yet");
    let part = PageRange::between(at(1) + PAGE, at(2048) - PAGE).expect("2 TiB");
    mmu.commit(whole, part, READ_WRITE).expect("reserved");
    mmu.store(at(1000), 7_u64).expect("committed");
    assert_eq!(mmu.load::<u64>(at(1001)), Ok(0));
    mmu.protect(whole, part, Access::READ).expect("committed");
    assert_eq!(mmu.load::<u64>(at(1000)), Ok(7));
    assert_eq!(mmu.frames_used(), 1);
    mmu.release(whole, whole).expect("mapped");
    assert_eq!(mmu.frames_used(), 0);
    assert_eq!(mmu.check(), Ok(()));
}

#[test]
fn an_mmu_can_be_sent_and_shared_and_prints_no_memory() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let mut mmu = eight();
    shared(&mmu);
    mmu.store(BASE, u64::MAX).expect("committed");
    assert!(format!("{mmu:?}").len() < 500);
}
