//! Section LP: windows and frames.

use pagewright_core::{
    Allocate, Disposal, FrameCall, Free, Kind, PageKind, PageRange, Protection, Traits, Watch,
};

use crate::lab::{BASE, Lab, PAGE, RO, RW, UNIT, What};

const WINDOW: Traits = Traits { pages: PageKind::Window, ..Traits::PLAIN };
const OTHER: u64 = 0x6000_0000;

impl Lab {
    fn special(&mut self, request: &Allocate) -> Result<u64, Kind> {
        let said = self.0.allocate(request);
        self.sound();
        said.map(|range: PageRange| range.start().get()).map_err(|error| error.kind)
    }

    fn window(&mut self, at: u64, pages: u64) {
        assert_eq!(self.special(&Allocate::new(pages * PAGE).reserve().at(at).of(WINDOW)), Ok(at), "LP16");
    }

    fn frames(&mut self, call: FrameCall<'_>) -> Result<Vec<u64>, Kind> {
        let said = self.0.frames(call);
        self.sound();
        said.map_err(|error| error.kind)
    }

    fn take(&mut self, count: u64) -> Vec<u64> {
        self.frames(FrameCall::Allocate { count, node: None }).expect("the machine has enough")
    }

    fn show(&mut self, at: u64, frames: &[u64]) -> Result<(), Kind> {
        self.frames(FrameCall::Map { at, frames }).map(drop)
    }
}

// Rows: LP14 LP15 LP16 LP17 LP18 LP19
#[test]
fn a_window_is_reserved_and_nothing_else() {
    let mut lab = Lab::new();
    lab.window(BASE, 16);
    assert_eq!(lab.run(BASE), (UNIT, What::Reserved), "LP16");
    assert_eq!(lab.origin(BASE), Some((BASE, RW)), "LP16");
    assert_eq!((lab.charge(), lab.load(BASE, 1)), (0, vec![]), "LP16");
    let request = Allocate::new(UNIT).of(WINDOW);
    assert_eq!(lab.special(&request), Err(Kind::BadFlags), "LP15");
    assert_eq!(lab.special(&request.commit()), Err(Kind::BadFlags), "LP14, LP15");
    let high = lab.special(&request.top_down().reserve()).expect("LP17");
    assert!(high > 0x7000_0000_0000, "LP17: {high:#x}");
    for protection in [RO, Protection::NONE, Protection::READ_WRITE_EXECUTE, RW.guarded()] {
        let wrong = request.reserve().protection(protection);
        assert_eq!(lab.special(&wrong), Err(Kind::BadProtection), "LP18");
    }
    let watched = Traits { watch: Watch::On, ..WINDOW };
    assert_eq!(lab.special(&request.reserve().of(watched)), Err(Kind::BadFlags), "LP19");
}

// Rows: LP26 LP27 LP30
#[test]
fn frames_are_mapped_where_they_are_wanted_and_keep_their_bytes() {
    let mut lab = Lab::new();
    lab.window(BASE, 8);
    lab.window(OTHER, 8);
    let (one, two) = (lab.take(4), lab.take(4));
    assert_eq!(lab.charge(), 8 * PAGE);
    assert_eq!(lab.show(BASE + PAGE, &one), Ok(()));
    assert_eq!(lab.charge(), 8 * PAGE, "once, mapped or not");
    assert_eq!(lab.run(BASE), (PAGE, What::Reserved));
    assert_eq!(lab.run(BASE + PAGE), (4 * PAGE, What::Is(RW)));
    lab.number(BASE + PAGE, 4, 1);
    assert_eq!(lab.show(OTHER, &one[..1]), Err(Kind::BadFrame), "LP26");
    assert_eq!(lab.show(BASE + PAGE, &two), Ok(()), "LP30");
    assert_eq!(lab.numbers(BASE + PAGE, 4), [0; 4]);
    assert_eq!(lab.show(OTHER, &[one[2], one[0], one[3], one[1]]), Ok(()));
    assert_eq!(lab.numbers(OTHER, 4), [3, 1, 4, 2]);
    assert_eq!(lab.frames(FrameCall::Unmap { at: OTHER + PAGE, count: 2 }), Ok(vec![]), "LP27");
    assert_eq!(lab.run(OTHER + PAGE), (2 * PAGE, What::Reserved), "LP27");
    assert_eq!(lab.load(OTHER + PAGE, 1), [], "LP27");
    assert_eq!(lab.numbers(OTHER + 3 * PAGE, 1), [2]);
    assert_eq!(lab.show(BASE, &[one[0], one[3]]), Ok(()));
    assert_eq!(lab.numbers(BASE, 2), [1, 4]);
}

// Rows: LP26 LP28
#[test]
fn a_call_with_one_wrong_frame_changes_nothing() {
    let mut lab = Lab::new();
    lab.window(BASE, 8);
    lab.window(OTHER, 8);
    let own = lab.take(4);
    lab.show(BASE, &own[..2]).expect("ours");
    lab.number(BASE, 2, 7);
    for wrong in [0, own[3] + 1, u64::MAX, own[2]] {
        assert_eq!(lab.show(BASE, &[own[2], wrong]), Err(Kind::BadFrame), "LP28");
        assert_eq!(lab.frames(FrameCall::Free(&[own[2], wrong])), Err(Kind::BadFrame));
    }
    assert_eq!(lab.show(OTHER, &own), Err(Kind::BadFrame), "LP26: two are mapped elsewhere");
    assert_eq!(lab.show(BASE + 7 * PAGE, &own[2..]), Err(Kind::NotReserved));
    let pairs = [(BASE, None), (OTHER, Some(own[2])), (OTHER + PAGE, Some(own[1]))];
    assert_eq!(lab.frames(FrameCall::Scatter(&pairs)), Err(Kind::BadFrame), "LP26");
    assert_eq!(lab.numbers(BASE, 2), [7, 8]);
    assert_eq!(lab.run(OTHER), (8 * PAGE, What::Reserved));
    let pairs = [(BASE, None), (OTHER, Some(own[2])), (OTHER + PAGE, Some(own[0]))];
    assert_eq!(lab.frames(FrameCall::Scatter(&pairs)), Ok(vec![]), "what is unmapped can be mapped");
    assert_eq!(lab.numbers(OTHER + PAGE, 1), [7]);
}

// Rows: LP23 LP25 LP29
#[test]
fn frames_belong_to_the_process_until_they_are_given_back() {
    let mut lab = Lab::new();
    lab.window(BASE, 8);
    let own = lab.take(8);
    lab.show(BASE, &own).expect("ours");
    lab.number(BASE, 8, 1);
    assert_eq!(lab.frames(FrameCall::Free(&own[2..4])).as_deref(), Ok(&own[2..4]), "LP29");
    assert_eq!(lab.run(BASE + 2 * PAGE), (2 * PAGE, What::Reserved), "LP29");
    assert_eq!(lab.charge(), 6 * PAGE);
    assert_eq!(lab.release(BASE, 0), Ok((BASE, 8 * PAGE)), "LP23");
    assert_eq!(lab.charge(), 6 * PAGE, "LP23");
    lab.window(BASE, 8);
    assert_eq!(lab.show(BASE, &own[4..]), Ok(()), "LP23");
    assert_eq!(lab.numbers(BASE, 4), [5, 6, 7, 8], "LP23");
    let rest = [&own[..2], &own[4..]].concat();
    assert_eq!(lab.frames(FrameCall::Free(&rest)), Ok(rest.clone()));
    assert_eq!((lab.charge(), lab.objects()), (0, 0));
    lab.0.space_mut().set_limit(10 * PAGE);
    assert_eq!(lab.take(1000).len(), 10, "LP25");
    let more = lab.frames(FrameCall::Allocate { count: 1, node: None });
    assert_eq!(more, Err(Kind::CommitLimit), "LP25: never none without a word");
}

// Rows: LP20 LP21 LP22 LP31 LP33
#[test]
fn a_window_cannot_be_changed_in_any_other_way() {
    let mut lab = Lab::new();
    lab.window(BASE, 16);
    let own = lab.take(2);
    lab.show(BASE, &own).expect("ours");
    for at in [BASE, BASE + 8 * PAGE] {
        assert_eq!(lab.protect(at, PAGE, RO), Err(Kind::Fixed), "LP20");
        assert_eq!(lab.commit(at, PAGE, RW), Err(Kind::Fixed), "LP21");
        assert_eq!(lab.decommit(at, PAGE), Err(Kind::Fixed), "LP22");
        let part = Free { at, size: PAGE, disposal: Disposal::Release };
        assert_eq!(lab.0.free(&part).map_err(|error| error.kind), Err(Kind::Fixed), "LP22");
        assert_eq!(lab.lock(at, PAGE), Err(Kind::Fixed), "LP33");
        let fresh = pagewright_core::Onto::Fresh(pagewright_core::Place::At(OTHER));
        assert_eq!(lab.alias(at, PAGE, fresh, RW), Err(Kind::Fixed), "LP31");
    }
    assert_eq!(lab.decommit(BASE, 0), Err(Kind::Fixed), "LP22");
    assert_eq!(lab.release(BASE, UNIT), Ok((BASE, UNIT)), "all of it");
}
