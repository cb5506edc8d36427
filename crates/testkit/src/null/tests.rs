//! The test machine, tested: what it does, and what it does not let pass.

use pagewright_core::{
    Access, AddressSpace, Backing, Content, Geometry, Machine, ObjectId, PageRange, Protection, Refusal,
    Showing, Standing, Truth, Va, View,
};

use super::Null;

const PAGE: u64 = Geometry::X86_64.page;
const RW: Access = Access::READ.union(Access::WRITE);
const ONE: ObjectId = ObjectId(1);

fn pages(first: u64, count: u64) -> PageRange {
    let base = 0x10_0000;
    PageRange::between(base + first * PAGE, base + (first + count) * PAGE).expect("not empty")
}

fn at(page: u64) -> Va {
    pages(page, 1).start()
}

const fn shows(first: u64, view: View) -> Content {
    Content { object: ONE, first, view }
}

fn place(range: PageRange) -> Showing {
    Showing { region: pages(0, 16), range, access: RW }
}

/// Sixteen pages, each of which holds its number.
fn machine() -> Null {
    let mut null = Null::new(Geometry::X86_64);
    null.reserve(pages(0, 16), Some(RW)).expect("nothing is mapped");
    (0..16).for_each(|page| assert_eq!(null.write(at(page), &[page as u8]), 1));
    null
}

/// The first four in an object, and shown at page 8 as well.
fn shown_twice(view: View) -> Null {
    let mut null = machine();
    null.create(ONE, 4).expect("a new name");
    null.promote(&[place(pages(0, 4))], shows(0, view)).expect("ours");
    null.show(pages(0, 16), pages(8, 4), shows(0, view), RW).expect("ours");
    null
}

fn byte(null: &Null, page: u64) -> u8 {
    let mut byte = [0];
    assert_eq!(null.read(at(page), &mut byte), 1);
    byte[0]
}

/// What the machine has against what was done with it.
fn breach(null: &Null) -> Option<&str> {
    null.breach.as_deref()
}

#[test]
fn shared_pages_are_one_and_snapshots_part_at_the_first_store() {
    for (view, kept) in [(View::Shared, 77), (View::Snapshot, 1)] {
        let mut null = shown_twice(view);
        assert_eq!((byte(&null, 1), byte(&null, 9)), (1, 1));
        null.write(at(9), &[77]);
        assert_eq!((byte(&null, 1), byte(&null, 9)), (kept, 77));
        let mut stored = Vec::new();
        null.privatised(pages(8, 4), &mut |run| stored.push(run)).expect("never refused");
        let own = view == View::Snapshot;
        assert_eq!(stored, if own { vec![pages(9, 1)] } else { vec![] });
        assert_eq!(null.recognise(pages(8, 2)), (!own).then_some(shows(0, view)));
        assert_eq!(breach(&null), None);
    }
}

#[test]
fn a_transfer_reads_all_before_it_writes() {
    let mut null = shown_twice(View::Shared);
    let held = [place(pages(0, 3)), place(pages(8, 3))];
    // Page 9 shows the second page of the source.
    null.transfer(&held, at(0), at(9), 3 * PAGE).expect("all of it has memory");
    assert_eq!([8, 9, 10, 11].map(|page| byte(&null, page)), [0, 0, 1, 2]);
    assert_eq!(breach(&null), None);
    null.transfer(&held[..1], at(0), at(5), 1).expect("all of it has memory");
    assert!(breach(&null).is_some(), "page 8 shows the source and was not held");
}

#[test]
fn what_breaks_the_contract_is_remembered() {
    type Step = fn(&mut Null);
    let steps: [(&str, Step); 8] = [
        ("made twice", |null| assert_eq!(null.create(ONE, 1), Ok(()))),
        ("closed while it is shown", |null| null.close(ONE)),
        ("loses pages", |null| null.discard(ONE, 1, 1)),
        ("there are not", |null| null.discard(ONE, 4, 1)),
        ("which there is not", |null| {
            let _ = null.show(pages(0, 16), pages(5, 2), shows(3, View::Shared), RW);
        }),
        ("does not show what", |null| {
            let _ = null.promote(&[place(pages(4, 1)), place(pages(5, 1))], shows(0, View::Shared));
        }),
        ("has no memory", |null| {
            null.decommit(pages(0, 16), pages(4, 1)).expect("ours");
            let _ = null.promote(&[place(pages(4, 1))], shows(0, View::Shared));
        }),
        ("cannot be copied", |null| {
            let _ = null.transfer(&[place(pages(15, 1))], at(15), at(15), PAGE + 1);
        }),
    ];
    for (what, step) in steps {
        let mut null = shown_twice(View::Shared);
        step(&mut null);
        assert!(breach(&null).is_some_and(|said| said.contains(what)), "{what}: {:?}", breach(&null));
        let said = null.mirrors(&AddressSpace::new(Geometry::X86_64, 0));
        assert!(said.is_err_and(|said| said.contains(what)));
    }
}

#[test]
fn one_page_must_not_be_shared_here_and_frozen_there() {
    let mut null = shown_twice(View::Shared);
    assert_eq!(null.agrees(), Ok(()));
    null.show(pages(0, 16), pages(9, 1), shows(1, View::Snapshot), RW).expect("ours");
    assert!(null.agrees().is_err_and(|said| said.contains("Snapshot at 0x109000")));
}

#[test]
fn machines_are_equal_if_no_program_can_tell() {
    // A snapshot, and a private page with the same bytes.
    assert_ne!(machine(), shown_twice(View::Snapshot), "pages 8 to 11 hold other bytes");
    let mut other = machine();
    (0..4).for_each(|page| assert_eq!(other.write(at(8 + page), &[page as u8]), 1));
    assert_eq!(other, shown_twice(View::Snapshot));
    assert_ne!(other, shown_twice(View::Shared), "a store to page 0 is seen at page 8");
    let mut alone = shown_twice(View::Shared);
    alone.decommit(pages(0, 16), pages(8, 4)).expect("ours");
    other.decommit(pages(0, 16), pages(8, 4)).expect("ours");
    assert_eq!(other, alone, "who alone shows an object cannot tell");
}

struct Wants(Option<Content>);

impl Truth for Wants {
    fn run(&self, _: Va) -> (Va, Option<Access>) {
        (at(16), Some(RW))
    }

    fn content(&self, _: Va) -> (Va, Option<Content>) {
        (at(16), self.0)
    }
}

#[test]
fn resync_keeps_bytes_and_shows_what_the_truth_says() {
    let mut null = shown_twice(View::Snapshot);
    null.write(at(9), &[77]);
    null.resync(pages(0, 16), pages(8, 4), &Wants(Some(shows(0, View::Snapshot))));
    assert_eq!((byte(&null, 9), byte(&null, 10)), (77, 2));
    null.resync(pages(0, 16), pages(8, 4), &Wants(None));
    assert_eq!((byte(&null, 9), byte(&null, 10), null.recognise(pages(10, 1))), (77, 2, None));
    null.resync(pages(0, 16), pages(4, 4), &Wants(Some(shows(0, View::Snapshot))));
    assert_eq!((byte(&null, 6), null.recognise(pages(4, 4))), (2, Some(shows(0, View::Snapshot))));
}

#[test]
fn others_memory_is_promoted_if_it_is_private_and_recognised_until_they_leave() {
    let mut null = machine();
    null.create(ONE, 4).expect("a new name");
    let (heap, file) = (pages(32, 4), pages(40, 4));
    null.intrude(heap, Protection::READ_WRITE, Backing::Private);
    null.intrude(file, Protection::READ, Backing::View);
    assert_eq!(null.write(at(33), &[33]), 1);
    let showing = |range| Showing { region: range, range, access: RW };
    assert_eq!(null.promote(&[showing(file)], shows(0, View::Shared)), Err(Refusal::Special));
    assert_eq!(null.promote(&[showing(pages(33, 2))], shows(0, View::Shared)), Ok(()));
    null.show(pages(0, 16), pages(8, 1), shows(0, View::Shared), RW).expect("ours");
    assert_eq!(byte(&null, 8), 33);
    let run = |page: u64| null.foreign(at(page)).map(|run| (run.start, run.end)).expect("a user address");
    assert_eq!(run(32), (at(32).get(), at(33).get()));
    assert_eq!(run(34), (at(33).get(), at(35).get()));
    let standing = null.foreign(at(34)).expect("a user address").standing;
    let Standing::Mapped { allocation, backing, .. } = standing else { panic!("mapped") };
    assert_eq!((allocation, backing), (at(32).get(), Backing::View));
    assert_eq!(null.recognise(pages(33, 2)), Some(shows(0, View::Shared)));
    assert_eq!(null.recognise(heap), None);
    null.withdraw(at(34));
    null.intrude(heap, Protection::READ_WRITE, Backing::Private);
    assert_eq!((null.recognise(pages(33, 2)), byte(&null, 33), byte(&null, 8)), (None, 0, 33));
    assert_eq!(breach(&null), None);
}
