//! Pages that show objects: aliases and lazy copies of a guest's memory, case by case.

use pagewright_core::{
    Access, Backing, Content, Geometry, Machine, ObjectId, PageRange, Refusal, Showing, Standing, Truth, Va,
    View,
};
use pagewright_soft::{Fault, FaultKind, Mmu, Reason};

const PAGE: u64 = 0x1000;
const BASE: u64 = 0x10_0000;
const RW: Access = Access::READ.union(Access::WRITE);
const ONE: ObjectId = ObjectId(1);
const TWO: ObjectId = ObjectId(2);

fn at(page: u64) -> u64 {
    BASE + page * PAGE
}

fn pages(first: u64, count: u64) -> PageRange {
    PageRange::between(at(first), at(first + count)).expect("not empty")
}

const fn shows(object: ObjectId, first: u64, view: View) -> Content {
    Content { object, first, view }
}

fn place(range: PageRange) -> Showing {
    Showing { region: pages(0, 64), range, access: RW }
}

/// 64 pages for loads and stores, of which the first four hold their number.
fn guest() -> Mmu {
    let mut mmu = Mmu::new(Geometry::X86_64);
    mmu.reserve(pages(0, 64), Some(RW)).expect("nothing is mapped yet");
    (0..4).for_each(|page| mmu.store(at(page), page).expect("committed"));
    mmu
}

/// The same, with the first eight pages, of which four hold bytes, in object 1, and
/// shown at page 32 as well.
fn shown_twice(view: View) -> Mmu {
    let mut mmu = guest();
    let content = shows(ONE, 0, view);
    mmu.create(ONE, 8).expect("a new name");
    mmu.promote(&[place(pages(0, 8))], content).expect("committed");
    mmu.show(pages(0, 64), pages(32, 8), content, RW).expect("it has eight pages");
    mmu
}

fn stored_to(mmu: &Mmu, range: PageRange) -> Vec<PageRange> {
    let mut runs = Vec::new();
    mmu.privatised(range, &mut |run| runs.push(run)).expect("mapped");
    runs
}

#[test]
fn every_view_of_a_page_sees_every_store() {
    let mut mmu = shown_twice(View::Shared);
    assert_eq!(mmu.frames_used(), 4, "no byte was copied");
    assert_eq!(mmu.load::<u64>(at(34)), Ok(2));
    assert_eq!(mmu.store(at(34), 20_u64), Ok(()));
    assert_eq!(mmu.load::<u64>(at(2)), Ok(20));
    assert_eq!(mmu.store(at(2) + 1, 1_u8), Ok(()));
    assert_eq!(mmu.load::<u64>(at(34)), Ok(0x114));
    assert_eq!((mmu.frames_used(), mmu.check()), (4, Ok(())));
}

#[test]
fn the_first_store_to_a_shared_page_is_seen_where_its_zeros_were_loaded() {
    let mut mmu = shown_twice(View::Shared);
    for page in [6, 38] {
        assert_eq!(mmu.load::<u64>(at(page)), Ok(0));
        assert_eq!(mmu.fetch(at(page), &mut [0]).map_err(|fault| fault.reason), Err(Reason::Access));
    }
    assert_eq!(mmu.frames_used(), 4, "loads take no frame");
    assert_eq!(mmu.store(at(38), 7_u64), Ok(()));
    assert_eq!(mmu.load::<u64>(at(6)), Ok(7));
    assert_eq!((mmu.frames_used(), mmu.check()), (5, Ok(())));
}

#[test]
fn a_word_can_cross_into_another_view_of_its_own_page() {
    let mut mmu = shown_twice(View::Shared);
    mmu.show(pages(0, 64), pages(40, 1), shows(ONE, 7, View::Shared), RW).expect("it has that page");
    assert_eq!(mmu.store(at(40) - 4, 0x1122_3344_5566_7788_u64), Ok(()));
    assert_eq!(mmu.load::<u32>(at(39)), Ok(0x1122_3344), "page 39 and page 40 are the same");
    assert_eq!(mmu.load::<u32>(at(8) - 4), Ok(0x5566_7788));
    // One frame is enough for both halves.
    let mut mmu = shown_twice(View::Shared);
    mmu.show(pages(0, 64), pages(40, 1), shows(ONE, 7, View::Shared), RW).expect("it has that page");
    mmu.set_frame_limit(Some(5));
    assert_eq!(mmu.store(at(40) - 4, u64::MAX), Ok(()));
    assert_eq!((mmu.frames_used(), mmu.check()), (5, Ok(())));
}

#[test]
fn snapshots_are_isolated_both_ways_and_privatise_page_by_page() {
    let mut mmu = shown_twice(View::Snapshot);
    for page in 0..4 {
        assert_eq!((mmu.load::<u64>(at(page)), mmu.load::<u64>(at(page + 32))), (Ok(page), Ok(page)));
    }
    assert_eq!(mmu.frames_used(), 4);
    assert_eq!(mmu.store(at(1), 10_u64), Ok(()));
    assert_eq!(mmu.store(at(34), 20_u64), Ok(()));
    assert_eq!(mmu.store(at(38), 60_u64), Ok(()));
    let seen = |mmu: &mut Mmu| [1, 2, 6, 33, 34, 38].map(|page| mmu.load::<u64>(at(page)).unwrap_or(99));
    assert_eq!(seen(&mut mmu), [10, 2, 0, 1, 20, 60]);
    assert_eq!(mmu.frames_used(), 7);
    // Where a page has its own frame, no store takes another.
    assert_eq!(mmu.store(at(1) + 8, 11_u64), Ok(()));
    assert_eq!(mmu.store(at(33), 30_u64), Ok(()));
    assert_eq!(seen(&mut mmu), [10, 2, 0, 30, 20, 60]);
    assert_eq!((mmu.frames_used(), mmu.check()), (8, Ok(())));
    assert_eq!(stored_to(&mmu, pages(0, 8)), [pages(1, 1)]);
    assert_eq!(stored_to(&mmu, pages(32, 8)), [pages(33, 2), pages(38, 1)]);
    assert_eq!(stored_to(&mmu, pages(35, 3)), []);
}

#[test]
fn bytes_from_outside_are_copied_on_write_too() {
    let mut mmu = shown_twice(View::Snapshot);
    assert_eq!(mmu.write(Va::new(at(34) - 2), &[9; 4]), 4);
    let mut seen = [0; 8];
    assert_eq!(mmu.read(Va::new(at(34) - 4), &mut seen), 8);
    assert_eq!(seen, [0, 0, 9, 9, 9, 9, 0, 0]);
    assert_eq!(mmu.read(Va::new(at(2) - 4), &mut seen), 8);
    assert_eq!(seen, [0, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(stored_to(&mmu, pages(32, 8)), [pages(33, 2)]);
}

#[test]
fn a_store_that_finds_no_frame_for_its_copy_leaves_everything_as_it_was() {
    for view in [View::Shared, View::Snapshot] {
        let mut mmu = shown_twice(view);
        mmu.set_frame_limit(Some(5));
        // Crosses from a page with a frame, or into the first of two without.
        let first = if view == View::Shared { 37 } else { 34 };
        let crossing = at(first) - 4;
        let before = mmu.load::<u64>(crossing);
        let told = mmu.store(crossing, u64::MAX);
        assert_eq!(told, Err(Fault { at: at(first), kind: FaultKind::Store, reason: Reason::OutOfMemory }));
        assert_eq!(mmu.load::<u64>(crossing), before);
        assert_eq!((mmu.frames_used(), mmu.check()), (4, Ok(())));
        assert_eq!(stored_to(&mmu, pages(32, 8)), []);
        mmu.set_frame_limit(Some(6));
        assert_eq!(mmu.store(crossing, u64::MAX), Ok(()));
        assert_eq!(mmu.frames_used(), 6);
    }
}

#[test]
fn freezing_a_shared_page_stops_stores_that_were_cached() {
    let mut mmu = shown_twice(View::Shared);
    assert_eq!(mmu.store(at(1), 10_u64), Ok(()));
    for first in [0, 32] {
        mmu.show(pages(0, 64), pages(first, 8), shows(ONE, 0, View::Snapshot), RW).expect("shown before");
    }
    assert_eq!(mmu.store(at(1), 11_u64), Ok(()));
    assert_eq!(mmu.load::<u64>(at(33)), Ok(10), "every store before is in, none after");
    assert_eq!((mmu.frames_used(), mmu.check()), (5, Ok(())));
}

#[test]
fn what_a_snapshot_privatised_is_captured_by_another_object() {
    let mut mmu = shown_twice(View::Snapshot);
    mmu.store(at(1), 10_u64).expect("committed");
    mmu.create(TWO, 1).expect("a new name");
    mmu.promote(&[place(pages(1, 1))], shows(TWO, 0, View::Snapshot)).expect("committed");
    assert_eq!(mmu.frames_used(), 5, "the frame moved");
    assert_eq!(stored_to(&mmu, pages(0, 8)), []);
    assert_eq!([1, 33].map(|page| mmu.load::<u64>(at(page))), [Ok(10), Ok(1)]);
    mmu.store(at(1), 12_u64).expect("committed");
    mmu.show(pages(0, 64), pages(50, 1), shows(TWO, 0, View::Snapshot), RW).expect("it has a page");
    assert_eq!([1, 50].map(|page| mmu.load::<u64>(at(page))), [Ok(12), Ok(10)]);
    assert_eq!((mmu.frames_used(), mmu.check()), (6, Ok(())));
}

#[test]
fn what_a_snapshot_privatised_can_go_back_to_its_object() {
    let mut mmu = shown_twice(View::Snapshot);
    for page in [2, 6] {
        assert_eq!(mmu.load::<u64>(at(page + 32)), Ok(if page == 2 { 2 } else { 0 }), "now it is cached");
        mmu.store(at(page), 70_u64).expect("committed");
        mmu.promote(&[place(pages(page, 1))], shows(ONE, page, View::Snapshot)).expect("committed");
        // The other view, which the core replaces next, sees it too.
        assert_eq!((mmu.load::<u64>(at(page + 32)), mmu.check()), (Ok(70), Ok(())));
    }
    assert_eq!((mmu.frames_used(), stored_to(&mmu, pages(0, 8))), (5, vec![]));
}

#[test]
fn bytes_of_another_object_are_copied_and_all_places_follow() {
    let mut mmu = shown_twice(View::Shared);
    mmu.create(TWO, 10).expect("a new name");
    let places = [place(pages(0, 8)), place(pages(32, 8))];
    mmu.set_frame_limit(Some(7));
    let content = shows(TWO, 2, View::Shared);
    assert_eq!(mmu.promote(&places, content), Err(Refusal::OutOfMemory));
    assert_eq!((mmu.recognise(pages(0, 8)), mmu.frames_used()), (Some(shows(ONE, 0, View::Shared)), 4));
    mmu.set_frame_limit(Some(8));
    assert_eq!(mmu.promote(&places, content), Ok(()));
    mmu.close(ONE);
    assert_eq!((mmu.frames_used(), mmu.check()), (4, Ok(())));
    mmu.store(at(3), 33_u64).expect("committed");
    assert_eq!(mmu.load::<u64>(at(35)), Ok(33));
    assert_eq!(mmu.recognise(pages(33, 4)), Some(shows(TWO, 3, View::Shared)));
}

#[test]
fn what_a_failed_promotion_left_in_the_object_is_replaced() {
    let mut mmu = guest();
    mmu.create(ONE, 8).expect("a new name");
    // As if it had failed: the bytes are in the object, and the place shows others.
    mmu.promote(&[place(pages(0, 4))], shows(ONE, 0, View::Shared)).expect("committed");
    mmu.decommit(pages(0, 64), pages(0, 4)).expect("ours");
    mmu.commit(pages(0, 64), pages(0, 4), RW).expect("ours");
    mmu.store(at(1), 5_u64).expect("committed");
    mmu.promote(&[place(pages(0, 4))], shows(ONE, 0, View::Shared)).expect("committed");
    assert_eq!([0, 1, 2, 3].map(|page| mmu.load::<u64>(at(page))), [Ok(0), Ok(5), Ok(0), Ok(0)]);
    assert_eq!((mmu.frames_used(), mmu.check()), (1, Ok(())));
}

#[test]
fn discarded_pages_give_their_frames_back_and_are_zeros_when_shown_again() {
    let mut mmu = shown_twice(View::Shared);
    mmu.release(pages(0, 64), pages(0, 8)).expect("ours");
    assert_eq!(mmu.frames_used(), 4, "bytes live as long as a view");
    assert_eq!(mmu.load::<u64>(at(33)), Ok(1));
    mmu.decommit(pages(0, 64), pages(32, 2)).expect("ours");
    assert_eq!(mmu.frames_used(), 4, "what is left of an object is not the machine's to decide");
    mmu.discard(ONE, 0, 2);
    assert_eq!((mmu.frames_used(), mmu.check()), (2, Ok(())));
    mmu.show(pages(0, 64), pages(32, 2), shows(ONE, 0, View::Shared), RW).expect("it has the pages");
    assert_eq!([33, 34].map(|page| mmu.load::<u64>(at(page))), [Ok(0), Ok(2)]);
    mmu.commit(pages(0, 64), pages(32, 8), RW).expect("ours");
    assert_eq!(mmu.load::<u64>(at(34)), Ok(2), "a commit keeps what is shown");
    mmu.decommit(pages(0, 64), pages(32, 8)).expect("ours");
    mmu.close(ONE);
    assert_eq!((mmu.frames_used(), mmu.check()), (0, Ok(())));
    mmu.commit(pages(0, 64), pages(32, 8), RW).expect("ours");
    assert_eq!(mmu.load::<u64>(at(34)), Ok(0));
}

#[test]
fn a_view_of_discarded_bytes_never_meets_their_next_owner() {
    // The contract forbids it; a guest must not be able to use it.
    let mut mmu = shown_twice(View::Shared);
    assert_eq!(mmu.store(at(33), 1_u64), Ok(()));
    mmu.discard(ONE, 0, 8);
    mmu.store(at(10), 0xdead_u64).expect("committed");
    assert_eq!(mmu.load::<u64>(at(33)), Ok(0));
    assert_eq!(mmu.store(at(33), 7_u64), Ok(()));
    assert_eq!((mmu.load::<u64>(at(10)), mmu.check()), (Ok(0xdead), Ok(())));
}

#[test]
fn what_is_not_there_is_refused_and_changes_nothing() {
    let mut mmu = shown_twice(View::Shared);
    assert_eq!(mmu.create(ONE, 1), Err(Refusal::NoObject));
    for content in [shows(ONE, 1, View::Shared), shows(TWO, 0, View::Shared)] {
        assert_eq!(mmu.show(pages(0, 64), pages(10, 8), content, RW), Err(Refusal::NoObject));
        assert_eq!(mmu.promote(&[place(pages(10, 8))], content), Err(Refusal::NoObject));
    }
    let content = shows(ONE, 0, View::Shared);
    assert_eq!(mmu.show(pages(60, 8), pages(60, 8), content, RW), Err(Refusal::Unmapped));
    mmu.decommit(pages(0, 64), pages(12, 1)).expect("ours");
    assert_eq!(mmu.promote(&[place(pages(10, 4))], content), Err(Refusal::Unmapped));
    assert_eq!((mmu.recognise(pages(10, 1)), mmu.check()), (None, Ok(())));
}

#[test]
fn wired_pages_can_be_stored_to_whatever_they_show() {
    for (view, frames) in [(View::Shared, 8), (View::Snapshot, 12)] {
        let mut mmu = shown_twice(view);
        mmu.set_frame_limit(Some(frames - 1));
        assert_eq!(mmu.wire(pages(32, 8)), Err(Refusal::OutOfMemory));
        assert_eq!(mmu.frames_used(), 4);
        mmu.set_frame_limit(Some(frames));
        assert_eq!(mmu.wire(pages(32, 8)), Ok(()));
        assert_eq!((mmu.frames_used(), mmu.check()), (frames as usize, Ok(())));
        (32..40).for_each(|page| mmu.store(at(page), 1_u8).expect("no frame is needed"));
        // A page that several places share needs one frame for all of them.
        assert_eq!(mmu.wire(pages(0, 8)).is_ok(), view == View::Shared);
    }
    let mut mmu = shown_twice(View::Shared);
    let again = shows(ONE, 2, View::Shared);
    mmu.show(pages(0, 64), pages(40, 6), again, RW).expect("it has these pages");
    mmu.set_frame_limit(Some(8));
    assert_eq!(mmu.wire(pages(32, 14)), Ok(()), "pages 38 and 44 are the same, and so on");
    assert_eq!((mmu.frames_used(), mmu.check()), (8, Ok(())));
}

#[test]
fn a_transfer_is_a_memmove_through_any_view() {
    let mut mmu = guest();
    let text: Vec<u8> = (0..0x1800_u32).map(|n| (n % 251) as u8).collect();
    for (from, to) in [(at(0) + 3, at(0) + 0x1001), (at(1) + 0x800, at(1) + 5)] {
        assert_eq!(mmu.write(Va::new(from), &text), text.len());
        assert_eq!(mmu.transfer(&[], Va::new(from), Va::new(to), text.len() as u64), Ok(()));
        let mut seen = vec![0; text.len()];
        assert_eq!((mmu.read(Va::new(to), &mut seen), &seen), (text.len(), &text));
    }
    // The target is the source's second page, under another address below it.
    let mut mmu = shown_twice(View::Shared);
    assert_eq!(mmu.write(Va::new(at(32)), &text), text.len());
    assert_eq!(mmu.transfer(&[], Va::new(at(32)), Va::new(at(1)), text.len() as u64), Ok(()));
    let mut seen = vec![0; text.len()];
    assert_eq!((mmu.read(Va::new(at(1)), &mut seen), &seen), (text.len(), &text));
    assert_eq!(mmu.transfer(&[], Va::new(at(60)), Va::new(at(63)), PAGE + 1), Err(Refusal::Unmapped));
    assert_eq!(mmu.transfer(&[], Va::new(u64::MAX - 4), Va::new(at(3)), 4), Err(Refusal::Unmapped));
    assert_eq!(mmu.transfer(&[], Va::new(0), Va::new(0), 0), Ok(()), "nothing can be copied from anywhere");
    let limit = mmu.frames_used() as u32;
    mmu.set_frame_limit(Some(limit));
    assert_eq!(mmu.transfer(&[], Va::new(at(1)), Va::new(at(50) - 1), 2), Err(Refusal::OutOfMemory));
    assert_eq!((mmu.load::<u8>(at(50) - 1), mmu.check()), (Ok(0), Ok(())));
}

/// The truth that all is committed, with pages 8 to 16 showing object 1.
struct Wants(Option<Content>);

impl Truth for Wants {
    fn run(&self, _: Va) -> (Va, Option<Access>) {
        (Va::new(at(64)), Some(Access::READ))
    }

    fn content(&self, here: Va) -> (Va, Option<Content>) {
        let page = (here.get() - BASE) / PAGE;
        match page {
            0..8 => (Va::new(at(8)), None),
            8..16 => (Va::new(at(16)), self.0.map(|content| content.after(page - 8))),
            _ => (Va::new(at(100)), None),
        }
    }
}

#[test]
fn resync_keeps_bytes_and_shows_what_the_truth_says() {
    let mut mmu = shown_twice(View::Shared);
    mmu.store(at(9), 5_u64).expect("committed");
    let truth = Wants(Some(shows(ONE, 0, View::Shared)));
    mmu.resync(pages(0, 64), pages(0, 64), &truth);
    // Private with the bytes that the object has; the others are as they were.
    assert_eq!([1, 9, 33].map(|page| mmu.load::<u64>(at(page))), [Ok(1); 3]);
    assert_eq!(mmu.recognise(pages(8, 8)), Some(shows(ONE, 0, View::Shared)));
    assert_eq!((mmu.recognise(pages(0, 1)), mmu.recognise(pages(32, 1))), (None, None));
    assert_eq!(mmu.store(at(1), 1_u8).map_err(|fault| fault.reason), Err(Reason::Access));
    assert_eq!((mmu.frames_used(), mmu.check()), (12, Ok(())), "four of the object, two places' copies");
    // Snapshots keep what was stored to them.
    let mut mmu = guest();
    mmu.create(ONE, 8).expect("a new name");
    mmu.promote(&[place(pages(8, 8))], shows(ONE, 0, View::Snapshot)).expect("committed");
    mmu.store(at(9), 5_u64).expect("committed");
    mmu.resync(pages(0, 64), pages(0, 64), &Wants(Some(shows(ONE, 0, View::Snapshot))));
    assert_eq!((mmu.load::<u64>(at(9)), stored_to(&mmu, pages(8, 8))), (Ok(5), vec![pages(9, 1)]));
    mmu.resync(pages(0, 64), pages(0, 64), &Wants(None));
    assert_eq!((mmu.load::<u64>(at(9)), mmu.recognise(pages(8, 1))), (Ok(5), None));
    assert_eq!((mmu.frames_used(), mmu.check()), (5, Ok(())));
}

#[test]
fn without_frames_resync_loses_no_bytes() {
    let mut mmu = shown_twice(View::Shared);
    mmu.set_frame_limit(Some(6));
    mmu.resync(pages(0, 64), pages(0, 8), &Wants(None));
    assert_eq!([0, 1, 2, 3].map(|page| mmu.load::<u64>(at(page))), [Ok(0), Ok(1), Ok(2), Ok(3)]);
    assert_eq!((mmu.frames_used(), mmu.check()), (6, Ok(())));
}

#[test]
fn memory_of_the_embedder_is_recognised_until_it_maps_anew() {
    let mut mmu = guest();
    let foreign = pages(100, 4);
    mmu.reserve(foreign, Some(RW)).expect("the embedder may");
    assert_eq!(mmu.recognise(foreign), None);
    mmu.create(ONE, 4).expect("a new name");
    let showing = Showing { region: foreign, range: foreign, access: RW };
    mmu.promote(&[showing], shows(ONE, 0, View::Shared)).expect("committed");
    assert_eq!(mmu.recognise(foreign), Some(shows(ONE, 0, View::Shared)));
    assert_eq!(mmu.recognise(pages(102, 2)), Some(shows(ONE, 2, View::Shared)));
    let run = mmu.foreign(Va::new(at(101))).expect("a user address");
    assert_eq!((run.start, run.end), (at(100), at(104)));
    let Standing::Mapped { backing, .. } = run.standing else { panic!("it is mapped") };
    assert_eq!(backing, Backing::View);
    mmu.release(pages(102, 1), pages(102, 1)).expect("mapped");
    mmu.reserve(pages(102, 1), Some(RW)).expect("free");
    assert_eq!((mmu.recognise(foreign), mmu.check()), (None, Ok(())));
    let run = mmu.foreign(Va::new(at(101))).expect("a user address");
    assert_eq!((run.start, run.end), (at(100), at(102)));
}

#[test]
fn a_clone_of_the_machine_has_objects_of_its_own() {
    let mut mmu = shown_twice(View::Shared);
    let mut copy = mmu.clone();
    mmu.store(at(1), 10_u64).expect("committed");
    copy.store(at(34), 20_u64).expect("committed");
    assert_eq!([1, 33, 2].map(|page| mmu.load::<u64>(at(page))), [Ok(10), Ok(10), Ok(2)]);
    assert_eq!([1, 33, 2].map(|page| copy.load::<u64>(at(page))), [Ok(1), Ok(1), Ok(20)]);
    assert_eq!((mmu.check(), copy.check()), (Ok(()), Ok(())));
    // As the child of a fork, it did not get everything.
    copy.forsake(pages(0, 36));
    assert_eq!(copy.load::<u64>(at(33)).map_err(|fault| fault.reason), Err(Reason::Unmapped));
    assert_eq!((mmu.load::<u64>(at(33)), copy.check()), (Ok(10), Ok(())));
}

#[test]
fn a_terabyte_is_aliased_without_a_frame_or_a_byte() {
    let many = 1 << 28;
    let mut mmu = Mmu::new(Geometry::X86_64);
    let whole = |first: u64| PageRange::between(at(first), at(first + many)).expect("not empty");
    for first in [0, 2 * many] {
        mmu.reserve(whole(first), Some(RW)).expect("free");
    }
    mmu.create(ONE, many).expect("a new name");
    let content = shows(ONE, 0, View::Shared);
    let showing = Showing { region: whole(0), range: whole(0), access: RW };
    mmu.promote(&[showing], content).expect("committed");
    mmu.show(whole(2 * many), whole(2 * many), content, RW).expect("it has the pages");
    mmu.store(at(many / 3), 3_u64).expect("committed");
    assert_eq!(mmu.load::<u64>(at(2 * many + many / 3)), Ok(3));
    assert_eq!(mmu.frames_used(), 1);
    assert_eq!(mmu.recognise(whole(2 * many)), Some(content));
}
