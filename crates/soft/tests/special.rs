//! Guards, watched pages, yielded content and large pages on the machine alone.

use pagewright_core::{
    Access, After, Content, Geometry, Machine, ObjectId, PageKind, PageRange, Refusal, Showing, Survival,
    Traits, Va, View, Watch,
};
use pagewright_soft::{FaultKind, Mmu, Reason};

const PAGE: u64 = 0x1000;
const BASE: u64 = 0x1000_0000;
const RW: Access = Access::READ.union(Access::WRITE);
const WATCHED: Traits = Traits { watch: Watch::On, ..Traits::PLAIN };
const LARGE: Traits = Traits { pages: PageKind::Large, ..Traits::PLAIN };

fn pages(first: u64, count: u64) -> PageRange {
    PageRange::between(BASE + first * PAGE, BASE + (first + count) * PAGE).expect("not empty")
}

fn at(page: u64) -> u64 {
    pages(page, 1).start().get()
}

/// Sixteen watched pages, and sixteen that are not.
fn machine() -> Mmu {
    let mut mmu = Mmu::new(Geometry::X86_64);
    mmu.reserve_special(pages(0, 16), Some(RW), WATCHED).expect("nothing is mapped");
    mmu.reserve(pages(16, 16), Some(RW)).expect("nothing is mapped");
    mmu
}

fn written(mmu: &mut Mmu, after: After) -> Vec<PageRange> {
    let mut runs = Vec::new();
    mmu.written(pages(0, 16), pages(0, 16), 16, after, &mut |run| runs.push(run)).expect("watched");
    assert_eq!(mmu.check(), Ok(()));
    runs
}

// Rows: GP02 GP03 GP05 GP16
#[test]
fn an_armed_guard_stops_loads_stores_and_fetches_before_rights_do() {
    let mut mmu = machine();
    mmu.store(at(16), 42_u32).expect("committed");
    let whole = pages(16, 16);
    for open in [RW, Access::READ, Access::READ | Access::EXECUTE] {
        mmu.protect(whole, pages(16, 1), open | Access::GUARD).expect("committed");
        let faults = [
            mmu.load::<u32>(at(16)).map(drop),
            mmu.store(at(16), 1_u32),
            mmu.fetch(at(16), &mut [0; 4]),
            // Across the border, the fault is where the guard is.
            mmu.load::<u64>(at(16) + PAGE - 1).map(drop),
        ];
        assert!(
            faults.iter().all(|said| said.is_err_and(|fault| fault.reason == Reason::Guard)),
            "{faults:?}"
        );
        assert_eq!((mmu.read(Va::new(at(16)), &mut [0]), mmu.write(Va::new(at(16)), &[1])), (0, 0));
        assert_eq!(mmu.check(), Ok(()));
        mmu.protect(whole, pages(16, 1), open).expect("committed");
        assert_eq!(mmu.load::<u32>(at(16)), Ok(42), "what was stored before is kept");
        let stored = mmu.store(at(16), 42_u32).map_err(|fault| (fault.kind, fault.reason));
        let denied = Err((FaultKind::Store, Reason::Access));
        assert_eq!(stored, if open.contains(Access::WRITE) { Ok(()) } else { denied });
    }
}

#[test]
fn a_store_that_crosses_into_a_guard_stores_and_notes_nothing() {
    let mut mmu = machine();
    mmu.protect(pages(0, 16), pages(1, 1), RW | Access::GUARD).expect("committed");
    let fault = mmu.store(at(1) - 2, u32::MAX).expect_err("the last two bytes are guarded");
    assert_eq!((fault.at, fault.reason), (at(1), Reason::Guard));
    assert_eq!(written(&mut mmu, After::Keep), []);
    assert_eq!(mmu.load::<u16>(at(1) - 2), Ok(0));
}

// Rows: WW05 WW06 WW07 WW10 WW11
#[test]
fn the_first_store_is_noted_and_again_after_it_was_forgotten() {
    let mut mmu = machine();
    assert_eq!(mmu.load::<u8>(at(3)), Ok(0));
    assert_eq!(written(&mut mmu, After::Keep), [], "a load is no store");
    for _ in 0..3 {
        // Twice: the second hits the TLB.
        (0..2_u32).for_each(|n| mmu.store(at(3), n).expect("committed"));
        mmu.store(at(6) - 2, 7_u32).expect("committed");
        assert_eq!(mmu.write(Va::new(at(8)), &[1; 10]), 10);
        let stored = [pages(3, 1), pages(5, 2), pages(8, 1)];
        assert_eq!(written(&mut mmu, After::Keep), stored);
        let mut lowest = Vec::new();
        let two = mmu.written(pages(0, 16), pages(4, 8), 2, After::Forget, &mut |run| lowest.push(run));
        assert_eq!((two, lowest), (Ok(()), vec![pages(5, 2)]));
        assert_eq!(written(&mut mmu, After::Forget), [pages(3, 1), pages(8, 1)]);
        assert_eq!(written(&mut mmu, After::Keep), []);
    }
}

#[test]
fn stores_are_seen_through_every_view_and_forgotten_for_each_alone() {
    let mut mmu = machine();
    mmu.create(ObjectId(1), 4).expect("a new name");
    let content = Content { object: ObjectId(1), first: 0, view: View::Shared };
    mmu.store(at(17), 1_u8).expect("committed");
    let source = Showing { region: pages(16, 16), range: pages(16, 4), access: RW };
    mmu.promote(&[source], content).expect("ours");
    // It is among the stores of the TLB before anybody watches.
    mmu.store(at(17), 2_u8).expect("committed");
    mmu.show(pages(0, 16), pages(0, 4), content, RW).expect("ours");
    mmu.show(pages(0, 16), pages(8, 4), content, RW).expect("ours");
    assert_eq!(written(&mut mmu, After::Keep), []);
    for _ in 0..2 {
        mmu.store(at(17), 3_u8).expect("committed");
        assert_eq!(written(&mut mmu, After::Keep), [pages(1, 1), pages(9, 1)]);
        mmu.forget_written(pages(0, 16), pages(0, 4)).expect("watched");
        mmu.store(at(17), 4_u8).expect("committed");
        assert_eq!(written(&mut mmu, After::Forget), [pages(1, 1), pages(9, 1)]);
        mmu.store(at(8), 5_u8).expect("committed");
        assert_eq!(written(&mut mmu, After::Forget), [pages(0, 1), pages(8, 1)]);
    }
}

#[test]
fn what_is_known_of_stores_moves_along_and_ends_with_the_memory() {
    let mut mmu = machine();
    [1, 2, 5].into_iter().for_each(|page| mmu.store(at(page), 1_u8).expect("committed"));
    mmu.create(ObjectId(1), 2).expect("a new name");
    let content = Content { object: ObjectId(1), first: 0, view: View::Snapshot };
    let place = Showing { region: pages(0, 16), range: pages(2, 2), access: RW };
    mmu.promote(&[place], content).expect("ours");
    mmu.protect(pages(0, 16), pages(0, 16), Access::READ).expect("committed");
    mmu.decommit(pages(0, 16), pages(5, 1)).expect("ours");
    mmu.commit(pages(0, 16), pages(0, 16), RW).expect("ours");
    assert_eq!(written(&mut mmu, After::Forget), [pages(1, 2)]);
    mmu.store(at(3), 1_u8).expect("a snapshot takes a page of its own");
    assert_eq!(written(&mut mmu, After::Forget), [pages(3, 1)]);
    mmu.release(pages(0, 16), pages(4, 2)).expect("ours");
    let gone = mmu.forget_written(pages(0, 16), pages(3, 2));
    assert_eq!((gone, mmu.check()), (Err(Refusal::Denied), Ok(())));
    assert_eq!(mmu.forget_written(pages(0, 16), pages(6, 10)), Ok(()));
}

// Rows: RS01 RS14 RS15
#[test]
fn yielded_content_goes_first_when_frames_run_out() {
    let mut mmu = machine();
    mmu.set_frame_limit(Some(4));
    (16..20).for_each(|page| mmu.store(at(page), page).expect("there are frames"));
    assert_eq!(mmu.store(at(20), 1_u8).map_err(|fault| fault.reason), Err(Reason::OutOfMemory));
    mmu.yield_content(pages(16, 16), pages(16, 3)).expect("committed");
    mmu.store(at(17), 17_u64).expect("a store takes it back");
    assert_eq!(mmu.load::<u64>(at(16)), Ok(16), "nobody needs the frame yet");
    mmu.store(at(20), 20_u64).expect("two frames are free now");
    assert_eq!([16, 17, 18, 19, 20].map(|page| mmu.load::<u64>(at(page))), [0, 17, 0, 19, 20].map(Ok));
    assert_eq!(mmu.check(), Ok(()));
    assert_eq!(mmu.keep(pages(16, 16), pages(17, 1)), Ok(Survival::Intact));
    assert_eq!(mmu.keep(pages(16, 16), pages(16, 3)), Ok(Survival::Lost));
    assert_eq!(mmu.keep(pages(16, 16), pages(16, 3)), Ok(Survival::Intact), "it was told");
}

#[test]
fn a_word_across_two_pages_gets_both_frames_though_one_of_them_was_yielded() {
    let mut mmu = machine();
    mmu.set_frame_limit(Some(1));
    mmu.store(at(17), 17_u64).expect("a frame");
    mmu.yield_content(pages(16, 16), pages(17, 1)).expect("committed");
    // Dropping the one makes room for one only.
    let fault = mmu.store(at(18) - 4, u64::MAX).expect_err("two frames are needed");
    assert_eq!((fault.reason, mmu.check()), (Reason::OutOfMemory, Ok(())));
    mmu.set_frame_limit(Some(2));
    mmu.store(at(18) - 4, u64::MAX).expect("there are two");
    assert_eq!(mmu.load::<u64>(at(18) - 4), Ok(u64::MAX));
}

#[test]
fn what_is_in_use_is_not_dropped() {
    let mut mmu = machine();
    (16..20).for_each(|page| mmu.store(at(page), page).expect("committed"));
    mmu.yield_content(pages(16, 16), pages(16, 4)).expect("committed");
    mmu.wire(pages(16, 1)).expect("committed");
    mmu.create(ObjectId(1), 1).expect("a new name");
    let content = Content { object: ObjectId(1), first: 0, view: View::Shared };
    let place = Showing { region: pages(16, 16), range: pages(17, 1), access: RW };
    mmu.promote(&[place], content).expect("ours");
    assert_eq!(mmu.keep(pages(16, 16), pages(18, 1)), Ok(Survival::Intact));
    assert_eq!((mmu.drop_yielded(), mmu.drop_yielded()), (1, 0));
    assert_eq!([16, 17, 18, 19].map(|page| mmu.load::<u64>(at(page))), [16, 17, 18, 0].map(Ok));
    assert_eq!(mmu.check(), Ok(()));
}

#[test]
fn large_pages_never_run_out_of_frames_and_take_them_as_they_are_stored_to() {
    let mut mmu = machine();
    mmu.set_frame_limit(Some(600));
    let (one, two) = (pages(512, 512), pages(1024, 512));
    assert_eq!(mmu.reserve_special(one, Some(RW), LARGE), Ok(()));
    assert_eq!(mmu.reserve_special(two, Some(RW), LARGE), Err(Refusal::NoLargePages));
    (0..16).for_each(|page| mmu.store(at(page), 1_u8).expect("88 are left"));
    assert_eq!(mmu.frames_used(), 16);
    let more = pages(2048, 100);
    mmu.reserve(more, Some(RW)).expect("nothing is mapped");
    let filled = (2048..2148).take_while(|page| mmu.store(at(*page), 1_u8).is_ok()).count();
    assert_eq!(filled, 72, "512 are set aside");
    (512..1024).for_each(|page| mmu.store(at(page), page).expect("its own"));
    assert_eq!((mmu.frames_used(), mmu.check()), (600, Ok(())));
    assert_eq!(mmu.load::<u64>(at(700)), Ok(700));
    mmu.release(one, one).expect("ours");
    assert_eq!(mmu.reserve_special(two, Some(RW), LARGE), Ok(()));
    mmu.release(two, two).expect("ours");
    assert_eq!((mmu.frames_used(), mmu.check()), (88, Ok(())));
}

// Rows: LP34 LP36
#[test]
fn there_are_as_many_nodes_as_the_embedder_says() {
    let mut mmu = Mmu::new(Geometry::X86_64);
    let on = |node| Traits { node: Some(node), ..Traits::PLAIN };
    assert_eq!(mmu.reserve_special(pages(0, 1), None, on(1)), Err(Refusal::NoNode));
    assert_eq!(mmu.reserve_special(pages(0, 1), None, on(0)), Ok(()));
    mmu.set_nodes(4);
    assert_eq!(mmu.reserve_special(pages(1, 1), Some(RW), on(3)), Ok(()));
    assert_eq!(mmu.reserve_special(pages(1, 1), Some(RW), on(2)), Err(Refusal::Occupied));
    assert_eq!(mmu.create_frames(ObjectId(1), 1, Some(4)), Err(Refusal::NoNode));
    assert_eq!(mmu.create_frames(ObjectId(1), 1, Some(3)), Ok(()));
    assert_eq!((mmu.nodes(), mmu.check()), (4, Ok(())));
}

// Rows: LP25
#[test]
fn frames_that_there_cannot_be_are_not_given() {
    let mut mmu = machine();
    mmu.set_frame_limit(Some(8));
    mmu.store(at(16), 1_u8).expect("committed");
    for pages in [8, u64::from(u32::MAX), 1 << 52, u64::MAX] {
        assert_eq!(mmu.create_frames(ObjectId(1), pages, None), Err(Refusal::OutOfMemory), "{pages}");
    }
    assert_eq!(mmu.create_frames(ObjectId(1), 7, None), Ok(()));
    assert_eq!((mmu.frames_used(), mmu.check()), (1, Ok(())));
}

/// A window shows frames, which are pages of an object that lives on.
// Rows: LP26 LP27 LP30
#[test]
fn a_window_shows_now_these_frames_and_now_those() {
    let mut mmu = Mmu::new(Geometry::X86_64);
    let window = pages(0, 4);
    let traits = Traits { pages: PageKind::Window, ..Traits::PLAIN };
    mmu.reserve_special(window, None, traits).expect("nothing is mapped");
    mmu.create(ObjectId(1), 8).expect("a new name");
    let frame = |first| Content { object: ObjectId(1), first, view: View::Shared };
    for first in [0, 4] {
        mmu.show(window, window, frame(first), RW).expect("ours");
        (0..4).for_each(|page| mmu.store(at(page), first + page).expect("shown"));
    }
    mmu.show(window, pages(0, 2), frame(2), RW).expect("in its place");
    assert_eq!([0, 1, 2, 3].map(|page| mmu.load::<u64>(at(page))), [2, 3, 6, 7].map(Ok));
    mmu.decommit(window, window).expect("ours");
    assert_eq!(mmu.load::<u64>(at(0)).map_err(|fault| fault.reason), Err(Reason::Reserved));
    mmu.show(window, pages(3, 1), frame(5), RW).expect("ours");
    assert_eq!((mmu.load::<u64>(at(3)), mmu.frames_used(), mmu.check()), (Ok(5), 8, Ok(())));
}
