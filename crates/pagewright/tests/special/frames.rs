//! Frames of physical memory, and windows onto them.

use pagewright::{
    Alias, Allocate, Consent, CopyRange, Fate, FrameCall, Free, Kind, Lock, Memory, Onto, PageKind, Place,
    Process, Protect, Protection, Recycle, Traits, Window, Wiring,
};

use super::{PAGE, RW, allocate, get, is_committed, is_reserved, put, release};

const WINDOW: Traits = Traits { pages: PageKind::Window, ..Traits::PLAIN };

pub(crate) fn window(process: &Process, pages: u64) -> u64 {
    allocate(process, Allocate::new(pages * PAGE).reserve().of(WINDOW))
}

pub(crate) fn frames(process: &Process, call: FrameCall<'_>) -> Result<Vec<u64>, Kind> {
    process.frames(call).map_err(|error| error.kind())
}

pub(crate) fn take(process: &Process, count: u64) -> Vec<u64> {
    let taken = frames(process, FrameCall::Allocate { count, node: None }).expect("there is memory");
    assert_eq!(taken.len() as u64, count, "there is memory for all");
    taken
}

pub(crate) fn map(process: &Process, at: u64, list: &[u64]) -> Result<Vec<u64>, Kind> {
    frames(process, FrameCall::Map { at, frames: list })
}

fn unmap(process: &Process, at: u64, count: u64) {
    frames(process, FrameCall::Unmap { at, count }).expect("a window");
}

fn give(process: &Process, list: &[u64]) {
    assert_eq!(frames(process, FrameCall::Free(list)).expect("ours"), list);
}

fn scatter(process: &Process, pairs: &[(u64, Option<u64>)]) -> Result<Vec<u64>, Kind> {
    frames(process, FrameCall::Scatter(pairs))
}

/// Everything; gives back what it took.
pub(crate) fn everything(process: &Process) {
    let before = process.status().expect("it lives").committed;
    a_window_begins_empty_and_faults(process);
    frames_keep_their_bytes_wherever_they_are_mapped(process);
    a_window_is_replaced_without_being_unmapped(process);
    a_window_may_be_smaller_than_the_frames(process);
    frames_that_are_given_back_are_unmapped_first(process);
    a_release_leaves_the_frames(process);
    single_pages_are_mapped_all_or_none(process);
    what_is_not_ours_or_mapped_elsewhere_is_refused(process);
    nothing_else_can_be_done_to_a_window(process);
    lists_of_any_length_are_one_call(process);
    assert_eq!(process.status().expect("it lives").committed, before, "all frames were given back");
}

/// More than one message to a resident holds: 4,096 numbers.
fn lists_of_any_length_are_one_call(process: &Process) {
    const MANY: u64 = 10_007;
    let base = window(process, MANY);
    let own = take(process, MANY);
    let (first, last) = (base, base + (MANY - 1) * PAGE);
    let mut wrong = own.clone();
    wrong[9_000] = u64::MAX;
    assert_eq!(map(process, base, &wrong), Err(Kind::BadFrame), "LP28");
    is_reserved(process, first);
    assert_eq!(map(process, base, &own), Ok(vec![]));
    put(process, first, b"first");
    put(process, last, b"last");
    assert_eq!(frames(process, FrameCall::Free(&wrong)), Err(Kind::BadFrame), "LP29: all or none");
    assert_eq!(get(process, first, 5), b"first");
    // Single addresses, the other way round; the middle one is unmapped.
    let turned = own.iter().rev().zip(0..);
    let mut pairs: Vec<_> = turned.map(|(frame, page)| (base + page * PAGE, Some(*frame))).collect();
    let middle = pairs.len() / 2;
    let doubled = pairs[0];
    let twice = std::mem::replace(&mut pairs[middle], doubled);
    assert_eq!(scatter(process, &pairs), Err(Kind::BadPlace), "named twice");
    assert_eq!(get(process, last, 4), b"last", "nothing has changed");
    pairs[middle] = (twice.0, None);
    assert_eq!(scatter(process, &pairs), Ok(vec![]));
    assert_eq!((get(process, last, 5), get(process, first, 4)), (b"first".to_vec(), b"last".to_vec()));
    is_reserved(process, twice.0);
    give(process, &own);
    is_reserved(process, first);
    release(process, base);
}

/// The kernel refuses when thousands of pages show their frames already: all show what they did.
pub(crate) fn a_failure_in_the_middle_changes_nothing(process: &Process) -> Result<(), String> {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").map_err(|error| error.to_string())?;
    let limit: u64 = limit.trim().parse().map_err(|_| "no number of mappings".to_owned())?;
    if limit > 100_000 {
        return Err(format!("{limit} mappings are permitted here: too many to use them up"));
    }
    let many = limit + 100;
    let (base, spare) = (window(process, many), window(process, many));
    let own = take(process, many);
    assert_eq!(map(process, base, &own), Ok(vec![]));
    for page in [0, 1, many / 2, many - 1] {
        put(process, base + page * PAGE, &page.to_le_bytes());
    }
    let backwards: Vec<u64> = own.iter().rev().copied().collect();
    assert_eq!(map(process, base, &backwards), Err(Kind::MapBudget));
    for page in [0, 1, many / 2, many - 1] {
        assert_eq!(get(process, base + page * PAGE, 8), page.to_le_bytes(), "page {page}");
    }
    assert_eq!(map(process, spare, &own[..1]), Err(Kind::BadFrame), "still mapped where it was");
    give(process, &own);
    [base, spare].into_iter().for_each(|base| release(process, base));
    Ok(())
}

fn a_window_begins_empty_and_faults(process: &Process) {
    let base = window(process, 16);
    is_reserved(process, base);
    assert_eq!(get(process, base, 1), [], "LP16");
    let own = take(process, 4);
    assert_eq!(map(process, base + 4 * PAGE, &own), Ok(vec![]));
    is_reserved(process, base);
    is_committed(process, base + 4 * PAGE, RW);
    is_reserved(process, base + 8 * PAGE);
    assert_eq!(get(process, base + 4 * PAGE, 4 * PAGE as usize), vec![0; 4 * PAGE as usize]);
    unmap(process, base, 16);
    is_reserved(process, base + 4 * PAGE);
    assert_eq!(get(process, base + 4 * PAGE, 1), [], "LP27");
    unmap(process, base, 16);
    give(process, &own);
    release(process, base);
}

fn frames_keep_their_bytes_wherever_they_are_mapped(process: &Process) {
    let (one, two) = (window(process, 8), window(process, 8));
    let own = take(process, 8);
    assert_eq!(map(process, one, &own), Ok(vec![]));
    (0..8).for_each(|page| put(process, one + page * PAGE, &[page as u8 + 1; 16]));
    unmap(process, one, 8);
    // Backwards, so that no two are in a row.
    let backwards: Vec<u64> = own.iter().rev().copied().collect();
    assert_eq!(map(process, two, &backwards), Ok(vec![]));
    for page in 0..8 {
        assert_eq!(get(process, two + page * PAGE, 16), [8 - page as u8; 16], "page {page}");
    }
    give(process, &own);
    release(process, one);
    release(process, two);
}

fn a_window_is_replaced_without_being_unmapped(process: &Process) {
    let base = window(process, 4);
    let (one, two) = (take(process, 4), take(process, 4));
    for (own, byte) in [(&one, 1), (&two, 2)] {
        assert_eq!(map(process, base, own), Ok(vec![]), "LP30");
        put(process, base, &[byte; 8]);
    }
    assert_eq!(map(process, base, &one), Ok(vec![]), "LP30: unmapped, not given back");
    assert_eq!(get(process, base, 8), [1; 8], "LP30");
    // The same frames again, and in another order.
    assert_eq!(map(process, base, &one), Ok(vec![]));
    let turned = [one[3], one[2], one[1], one[0]];
    assert_eq!(map(process, base, &turned), Ok(vec![]));
    assert_eq!(get(process, base + 3 * PAGE, 8), [1; 8]);
    assert_eq!(map(process, base + PAGE, &two[..2]), Ok(vec![]), "a part of it");
    assert_eq!(get(process, base + PAGE, 8), [2; 8]);
    assert_eq!(get(process, base + 3 * PAGE, 8), [1; 8]);
    give(process, &[one, two].concat());
    release(process, base);
}

fn a_window_may_be_smaller_than_the_frames(process: &Process) {
    let base = window(process, 1);
    let own = take(process, 32);
    for (index, frame) in own.iter().enumerate() {
        assert_eq!(map(process, base, &[*frame]), Ok(vec![]));
        put(process, base, &[index as u8; 4]);
    }
    for (index, frame) in own.iter().enumerate() {
        assert_eq!(map(process, base, &[*frame]), Ok(vec![]));
        assert_eq!(get(process, base, 4), [index as u8; 4]);
    }
    give(process, &own);
    release(process, base);
}

fn frames_that_are_given_back_are_unmapped_first(process: &Process) {
    let base = window(process, 8);
    let own = take(process, 8);
    assert_eq!(map(process, base, &own), Ok(vec![]));
    put(process, base, b"first");
    put(process, base + 7 * PAGE, b"last");
    give(process, &own[2..5]);
    is_committed(process, base + PAGE, RW);
    is_reserved(process, base + 2 * PAGE);
    assert_eq!(get(process, base + 2 * PAGE, 1), [], "LP29");
    assert_eq!(get(process, base + 7 * PAGE, 4), b"last");
    assert_eq!(map(process, base + 2 * PAGE, &own[2..3]), Err(Kind::BadFrame), "LP28");
    let fresh = take(process, 3);
    assert_eq!(map(process, base + 2 * PAGE, &fresh), Ok(vec![]));
    assert_eq!(get(process, base + 2 * PAGE, 5), [0; 5], "of nobody's bytes");
    assert_eq!(get(process, base, 5), b"first");
    give(process, &fresh);
    give(process, &[&own[..2], &own[5..]].concat());
    is_reserved(process, base);
    release(process, base);
}

fn a_release_leaves_the_frames(process: &Process) {
    let base = window(process, 4);
    let own = take(process, 4);
    assert_eq!(map(process, base, &own), Ok(vec![]));
    put(process, base + PAGE, b"kept");
    release(process, base);
    let base = window(process, 4);
    assert_eq!(map(process, base, &own), Ok(vec![]), "LP23");
    assert_eq!(get(process, base + PAGE, 4), b"kept", "LP23");
    release(process, base);
    give(process, &own);
}

fn single_pages_are_mapped_all_or_none(process: &Process) {
    let (one, two) = (window(process, 8), window(process, 8));
    let own = take(process, 4);
    let pairs = [(two + PAGE, Some(own[0])), (one, Some(own[1])), (one + PAGE, Some(own[2]))];
    assert_eq!(scatter(process, &pairs), Ok(vec![]));
    for (at, _) in pairs {
        put(process, at, &at.to_le_bytes());
    }
    // Some move, some go, one comes.
    let moved = [(one, None), (one + PAGE, Some(own[1])), (two + PAGE, Some(own[2])), (two, Some(own[3]))];
    let lost = [(one, Some(own[1])), (one + 2 * PAGE, Some(own[0]))];
    assert_eq!(scatter(process, &lost), Err(Kind::BadFrame), "mapped elsewhere");
    assert_eq!(scatter(process, &[(one, None), (one, None)]), Err(Kind::BadPlace));
    for (at, _) in pairs {
        assert_eq!(get(process, at, 8), at.to_le_bytes(), "nothing has changed");
    }
    assert_eq!(scatter(process, &moved), Ok(vec![]));
    is_reserved(process, one);
    assert_eq!(get(process, one + PAGE, 8), one.to_le_bytes());
    assert_eq!(get(process, two + PAGE, 8), (one + PAGE).to_le_bytes());
    assert_eq!(get(process, two, 8), [0; 8]);
    give(process, &own);
    release(process, one);
    release(process, two);
}

fn what_is_not_ours_or_mapped_elsewhere_is_refused(process: &Process) {
    let (one, two) = (window(process, 4), window(process, 4));
    let own = take(process, 4);
    assert_eq!(map(process, one, &own), Ok(vec![]));
    put(process, one, b"stays");
    for wrong in [0, 7, own[3] + 1000, u64::MAX] {
        assert_eq!(map(process, two, &[wrong]), Err(Kind::BadFrame), "LP28");
        assert_eq!(frames(process, FrameCall::Free(&[own[0], wrong])), Err(Kind::BadFrame));
    }
    assert_eq!(map(process, two, &own[..2]), Err(Kind::BadFrame), "LP26");
    assert_eq!(frames(process, FrameCall::Free(&[own[0], own[0]])), Err(Kind::BadFrame));
    let spare = take(process, 2);
    assert_eq!(map(process, two, &[spare[0], spare[0]]), Err(Kind::BadFrame));
    assert_eq!(map(process, two + 3 * PAGE, &spare), Err(Kind::NotReserved), "beyond the window");
    let plain = allocate(process, Allocate::new(4 * PAGE).reserve());
    assert_eq!(map(process, plain, &spare), Err(Kind::NotReserved), "not a window");
    assert_eq!(map(process, 0x1000, &spare), Err(Kind::NotReserved));
    assert_eq!(map(process, u64::MAX - PAGE + 1, &spare), Err(Kind::BadAddress));
    assert_eq!(map(process, two, &[]), Err(Kind::ZeroSize));
    let none = FrameCall::Allocate { count: 0, node: None };
    assert_eq!(frames(process, none), Err(Kind::ZeroSize));
    let nowhere = FrameCall::Allocate { count: 1, node: Some(u16::MAX) };
    assert_eq!(frames(process, nowhere), Err(Kind::NoNode), "LP36");
    assert_eq!(get(process, one, 5), b"stays");
    is_reserved(process, two);
    give(process, &[own, spare].concat());
    [one, two, plain].into_iter().for_each(|base| release(process, base));
}

fn nothing_else_can_be_done_to_a_window(process: &Process) {
    let base = window(process, 16);
    let own = take(process, 4);
    assert_eq!(map(process, base, &own), Ok(vec![]));
    put(process, base, b"stays");
    let kind = |error: pagewright::Error| error.kind();
    let protect = Protect { at: base, size: PAGE, protection: Protection::READ };
    assert_eq!(process.protect(&protect).map_err(kind), Err(Kind::Fixed), "LP20");
    for at in [base, base + 8 * PAGE] {
        let commit = Allocate::new(PAGE).commit().at(at);
        assert_eq!(process.allocate(&commit).map_err(kind), Err(Kind::Fixed), "LP21");
        let free = Free::decommit(at, PAGE);
        assert_eq!(process.free(&free).map_err(kind), Err(Kind::Fixed), "LP22");
        let part = Free { disposal: pagewright::Disposal::Release, ..free };
        assert_eq!(process.free(&part).map_err(kind), Err(Kind::Fixed), "LP22");
        let lock = Lock { at, size: PAGE, wiring: Wiring::Wired, quota: None };
        assert_eq!(process.lock(&lock).map_err(kind), Err(Kind::Fixed), "LP33");
        let reset = Recycle { at, size: PAGE, fate: Fate::Reset };
        assert_eq!(process.recycle(&reset).map_err(kind), Err(Kind::Fixed));
    }
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let alias = Alias { source: base, size: PAGE, onto, protection: RW, consent: Consent::OwnOnly };
    assert_eq!(process.alias(&alias).map_err(kind), Err(Kind::Fixed), "LP31");
    let plain = allocate(process, Allocate::new(4 * PAGE));
    let onto = Alias { source: plain, size: PAGE, onto: Onto::Reserved(base + 8 * PAGE), ..alias };
    assert_eq!(process.alias(&onto).map_err(kind), Err(Kind::Fixed), "LP31");
    // Bytes can be copied, there and back, and both stay what they are.
    let copy = CopyRange { source: base, size: 4 * PAGE, target: plain };
    assert_eq!(process.copy(&copy).map_err(kind), Ok(4 * PAGE));
    put(process, plain, b"other");
    assert_eq!(get(process, base, 5), b"stays");
    assert_eq!(process.copy(&CopyRange { source: plain, target: base, ..copy }).map_err(kind), Ok(4 * PAGE));
    assert_eq!(get(process, base, 5), b"other");
    let other = window(process, 4);
    unmap(process, base, 4);
    assert_eq!(map(process, other, &own), Ok(vec![]));
    assert_eq!(get(process, other, 5), b"other", "it is the frame still");
    give(process, &own);
    [base, plain, other].into_iter().for_each(|base| release(process, base));
    let wrong = Allocate::new(PAGE).of(WINDOW);
    assert_eq!(process.allocate(&wrong).map_err(kind), Err(Kind::BadFlags), "LP15");
    let wrong = Allocate::new(PAGE).reserve().of(WINDOW).protection(Protection::READ);
    assert_eq!(process.allocate(&wrong).map_err(kind), Err(Kind::BadProtection), "LP18");
}
