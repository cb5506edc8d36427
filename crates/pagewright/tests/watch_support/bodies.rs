//! What must hold wherever memory is watched.

use pagewright::{After, Allocate, Kind, Lock, Memory, Protection, Stores, Wiring};

use super::{PAGE, Watched, World};

type Body = fn(&dyn World);

/// All of them, by name.
pub(crate) const ALL: &[(&str, Body)] = &[
    ("fresh_memory_is_clean", fresh_memory_is_clean),
    ("stores_are_reported_and_forgotten", stores_are_reported_and_forgotten),
    ("a_part_is_asked_and_forgotten", a_part_is_asked_and_forgotten),
    ("a_limit_forgets_no_more_than_it_reports", a_limit_forgets_no_more_than_it_reports),
    ("protection_plays_no_part", protection_plays_no_part),
    ("decommit_forgets", decommit_forgets),
    ("a_change_of_protection_latches", a_change_of_protection_latches),
    ("half_of_many_pages_read_only", half_of_many_pages_read_only),
    ("the_kernels_stores_count", the_kernels_stores_count),
    ("copies_by_us_count", copies_by_us_count),
    ("ranges_beyond_are_refused", ranges_beyond_are_refused),
    ("stores_that_nobody_saw_can_be_noted", stores_that_nobody_saw_can_be_noted),
    ("a_lock_counts", a_lock_counts),
    ("committing_again_keeps_what_is_known", committing_again_keeps_what_is_known),
    ("an_armed_guard_is_no_store", an_armed_guard_is_no_store),
    ("lone_pages_of_a_large_reservation", lone_pages_of_a_large_reservation),
    ("many_runs_are_told_once", many_runs_are_told_once),
    ("random_calls_agree_with_a_plain_list", random_calls_agree_with_a_plain_list),
];

pub(crate) fn run_all(world: &dyn World) {
    for (name, body) in ALL {
        println!("  {name}");
        body(world);
    }
}

// Rows: WW04 WW05
fn fresh_memory_is_clean(world: &dyn World) {
    let reserved = Watched::of(world, 16, Allocate::new(16 * PAGE).reserve());
    assert!(reserved.written().is_empty());
    reserved.reset(0, 16);
    reserved.commit(3, 2);
    assert!(reserved.written().is_empty());
    reserved.store(&[4]);
    assert_eq!(reserved.take(), [4]);
    let committed = Watched::new(world, 16);
    assert!(committed.written().is_empty());
    assert_eq!(world.load(committed.at(2)), 0);
    assert!(committed.written().is_empty(), "a load is no store");
}

// Rows: WW06 WW07 WW10 WW14
fn stores_are_reported_and_forgotten(world: &dyn World) {
    let watched = Watched::new(world, 16);
    watched.store(&[1]);
    assert_eq!((watched.written(), watched.take()), (vec![1], vec![1]));
    assert!(watched.take().is_empty());
    watched.store(&[4, 2]);
    assert_eq!(watched.written(), [2, 4]);
    world.store(watched.at(9) - 1, 1);
    world.store(watched.at(9), 1);
    assert_eq!(watched.take(), [2, 4, 8, 9]);
    watched.store(&[2]);
    assert_eq!(watched.take(), [2], "the next store counts again");
    assert!(watched.take().is_empty());
}

/// The kernel gathers 512 runs at a time, and one answer may need several such turns.
fn many_runs_are_told_once(world: &dyn World) {
    let watched = Watched::new(world, 4096);
    let every_third: Vec<u64> = (0..4096).step_by(3).collect();
    watched.store(&every_third);
    assert_eq!(watched.written(), every_third);
    assert_eq!(watched.take(), every_third);
    assert!(watched.take().is_empty());
}

// Rows: WW08 WW09
fn a_part_is_asked_and_forgotten(world: &dyn World) {
    let watched = Watched::new(world, 16);
    watched.store(&[2, 4]);
    let part = watched.ask(3, 2, u64::MAX, After::Forget).expect("it is watched");
    assert_eq!(watched.pages_of(&part), [4]);
    watched.store(&[4]);
    watched.reset(0, 3);
    assert_eq!(watched.written(), [4]);
    watched.reset(0, 16);
    assert!(watched.written().is_empty());
}

// Rows: WW11
fn a_limit_forgets_no_more_than_it_reports(world: &dyn World) {
    let watched = Watched::new(world, 64);
    watched.store(&[3, 5, 6, 7, 9]);
    let first = |limit| {
        let runs = watched.ask(0, 64, limit, After::Forget).expect("it is watched");
        watched.pages_of(&runs)
    };
    assert_eq!(first(1), [3]);
    assert!(first(0).is_empty());
    assert_eq!(first(2), [5, 6]);
    assert_eq!(watched.written(), [7, 9]);
    // Pages that are latched and pages that are not, in one answer.
    watched.mark(8, 1, Stores::Note);
    watched.store(&[1, 12]);
    assert_eq!(first(3), [1, 7, 8]);
    watched.mark(20, 3, Stores::Note);
    assert_eq!(first(3), [9, 12, 20]);
    assert_eq!(first(9), [21, 22]);
    assert!(watched.written().is_empty());
}

// Rows: WW12 WW13
fn protection_plays_no_part(world: &dyn World) {
    let watched = Watched::new(world, 16);
    watched.store(&[3, 5]);
    watched.protect(0, 16, Protection::READ);
    assert_eq!(watched.written(), [3, 5]);
    watched.protect(0, 16, Protection::READ_WRITE);
    assert_eq!(watched.take(), [3, 5]);
    watched.store(&[6]);
    assert_eq!(watched.take(), [6]);
    let closed = Watched::of(world, 16, Allocate::new(16 * PAGE).protection(Protection::NONE));
    closed.protect(0, 16, Protection::READ_WRITE);
    closed.store(&[5]);
    closed.protect(0, 16, Protection::NONE);
    assert_eq!(closed.take(), [5]);
    assert!(closed.take().is_empty());
}

// Rows: WW15 WW16 VF42
fn decommit_forgets(world: &dyn World) {
    let watched = Watched::new(world, 16);
    watched.store(&[1, 2]);
    watched.decommit(1, 1);
    assert_eq!(watched.written(), [2]);
    watched.store(&[3, 5]);
    watched.decommit(0, 16);
    assert!(watched.written().is_empty());
    watched.commit(0, 16);
    assert!(watched.written().is_empty(), "fresh pages are clean");
    watched.store(&[7]);
    assert_eq!(watched.take(), [7]);
}

// Rows: WW17 WW18
fn a_change_of_protection_latches(world: &dyn World) {
    let watched = Watched::new(world, 16);
    watched.store(&[3]);
    watched.protect(0, 16, Protection::READ_WRITE);
    watched.store(&[5]);
    watched.decommit(0, 16);
    assert_eq!(watched.written(), [3]);
    watched.commit(0, 16);
    assert_eq!(watched.written(), [3]);
    watched.store(&[4, 2, 6]);
    assert_eq!(watched.written(), [2, 3, 4, 6]);
    assert_eq!(watched.take(), [2, 3, 4, 6]);
    assert!(watched.take().is_empty());
}

// Rows: WW19
fn half_of_many_pages_read_only(world: &dyn World) {
    let watched = Watched::new(world, 2048);
    let even: Vec<u64> = (0..2048).step_by(2).collect();
    watched.store(&even);
    watched.protect(0, 1024, Protection::READ);
    assert_eq!(watched.written(), even);
    assert_eq!(watched.take(), even);
    assert!(watched.take().is_empty());
}

// Rows: WW21 WW27
fn the_kernels_stores_count(world: &dyn World) {
    let watched = Watched::new(world, 16);
    if std::env::var(super::WAY).is_ok_and(|way| way == "mprotect") {
        println!("  the_kernels_stores_count is left out: they fail in this way");
        return;
    }
    world.read_into(watched.at(3) + 100, 2 * PAGE);
    assert_eq!(watched.take(), [3, 4, 5]);
    world.read_into(watched.at(4), 12);
    assert_eq!(watched.take(), [4]);
}

// Rows: WW40
fn copies_by_us_count(world: &dyn World) {
    let watched = Watched::new(world, 16);
    let bytes = vec![7; 2 * PAGE as usize];
    let done = world.memory().write(watched.at(6) + 8, &bytes).expect("it lives");
    assert_eq!(done, bytes.len());
    assert_eq!(watched.take(), [6, 7, 8]);
    let mut back = vec![0; bytes.len()];
    world.memory().read(watched.at(6) + 8, &mut back).expect("it lives");
    assert_eq!(back, bytes);
    assert!(watched.take().is_empty(), "a load is no store");
}

// Rows: WW33 WW34 WW35 WW37 WW38
fn ranges_beyond_are_refused(world: &dyn World) {
    let watched = Watched::new(world, 16);
    let kind = |first, count| watched.ask(first, count, 9, After::Keep).map_err(|error| error.kind());
    assert_eq!(kind(0, 17), Err(Kind::NotWatched));
    assert_eq!(kind(15, 2), Err(Kind::NotWatched));
    assert_eq!(kind(0, 0), Err(Kind::ZeroSize));
    let plain = world.memory().allocate(&Allocate::new(PAGE)).expect("there is room");
    let request = pagewright::Written { at: plain.start().get(), size: 1, limit: 1, after: After::Keep };
    let refused = world.memory().written(&request);
    assert_eq!(refused.map_err(|error| error.kind()), Err(Kind::NotWatched));
    world.memory().free(&pagewright::Free::release(plain.start().get())).expect("ours");
}

fn stores_that_nobody_saw_can_be_noted(world: &dyn World) {
    let watched = Watched::new(world, 16);
    watched.decommit(4, 1);
    watched.mark(3, 3, Stores::Note);
    assert_eq!(watched.written(), [3, 5], "pages with memory");
    watched.store(&[3]);
    assert_eq!(watched.take(), [3, 5]);
    watched.mark(3, 1, Stores::Note);
    watched.reset(0, 16);
    assert!(watched.written().is_empty());
}

// Rows: GP15
fn a_lock_counts(world: &dyn World) {
    let watched = Watched::new(world, 16);
    let lock = |wiring| Lock { at: watched.at(2), size: PAGE, wiring, quota: None };
    world.memory().lock(&lock(Wiring::Wired)).expect("it fits");
    world.memory().lock(&lock(Wiring::Pageable)).expect("it is locked");
    assert_eq!(watched.take(), [2]);
    watched.decommit(3, 1);
    let beyond = Lock { at: watched.at(2), size: 2 * PAGE, wiring: Wiring::Wired, quota: None };
    world.memory().lock(&beyond).expect_err("a page has no memory");
    assert!(watched.written().is_empty());
}

// Rows: GP11 GP14
fn an_armed_guard_is_no_store(world: &dyn World) {
    let guarded = Protection::READ_WRITE.guarded();
    let watched = Watched::of(world, 16, Allocate::new(16 * PAGE).protection(guarded));
    assert!(watched.written().is_empty());
    let lock = Lock { at: watched.at(2), size: PAGE, wiring: Wiring::Wired, quota: None };
    let refused = world.memory().lock(&lock).expect_err("a guard is met");
    assert_eq!(refused.kind(), Kind::GuardHit);
    assert!(watched.written().is_empty(), "a lock that fails is no store");
    watched.protect(0, 16, Protection::READ_WRITE);
    assert!(watched.written().is_empty());
    watched.store(&[2, 3]);
    watched.protect(3, 2, guarded);
    assert_eq!(watched.take(), [2, 3]);
    watched.protect(0, 16, Protection::READ_WRITE);
    assert_eq!(world.load(watched.at(3) + 8), 0x5a, "a guard keeps the content");
    watched.store(&[4]);
    assert!(watched.take().contains(&4));
}

fn committing_again_keeps_what_is_known(world: &dyn World) {
    let watched = Watched::of(world, 16, Allocate::new(16 * PAGE).reserve());
    watched.commit(2, 3);
    watched.store(&[3]);
    watched.commit(0, 16);
    assert_eq!((watched.written(), world.load(watched.at(3) + 8)), (vec![3], 0x5a));
    let read_only = Allocate::new(16 * PAGE).commit().at(watched.base).protection(Protection::READ);
    world.memory().allocate(&read_only).expect("it is committed");
    assert_eq!(watched.take(), [3]);
}

fn lone_pages_of_a_large_reservation(world: &dyn World) {
    let watched = Watched::of(world, 4096, Allocate::new(4096 * PAGE).reserve());
    let pages: Vec<u64> = (0..4096).step_by(97).collect();
    pages.iter().for_each(|page| watched.commit(*page, 1));
    assert!(watched.written().is_empty());
    let stored: Vec<u64> = pages.iter().copied().step_by(2).collect();
    watched.store(&stored);
    assert_eq!(watched.take(), stored);
    watched.decommit(0, 4096);
    watched.commit(0, 4096);
    assert!(watched.written().is_empty());
    watched.store(&[0, 4095]);
    assert_eq!(watched.take(), [0, 4095]);
}

/// What a page is, for the plain list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Page {
    committed: bool,
    writable: bool,
    stored: bool,
    latched: bool,
}

fn random_calls_agree_with_a_plain_list(world: &dyn World) {
    const PAGES: u64 = 48;
    let seed = std::env::var("PAGEWRIGHT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(0x57a7_c4ed_u64);
    println!("  seed {seed}");
    let mut state = seed;
    let mut random = move |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let watched = Watched::of(world, PAGES, Allocate::new(PAGES * PAGE).reserve());
    let mut model = [Page::default(); PAGES as usize];
    for step in 0..400 {
        let first = random(PAGES);
        let count = 1 + random((PAGES - first).min(12));
        let part = first as usize..(first + count) as usize;
        match random(8) {
            0 | 1 => {
                watched.commit(first, count);
                for page in &mut model[part] {
                    *page = Page { committed: true, writable: true, ..*page };
                }
            }
            2 => {
                watched.decommit(first, count);
                for page in &mut model[part] {
                    *page = Page { latched: page.latched, ..Page::default() };
                }
            }
            3 if model[part.clone()].iter().all(|page| page.committed) => {
                let (protection, writable) = match random(3) {
                    0 => (Protection::NONE, false),
                    1 => (Protection::READ, false),
                    _ => (Protection::READ_WRITE, true),
                };
                watched.protect(first, count, protection);
                for page in &mut model[part] {
                    *page = Page { writable, latched: page.latched || page.stored, ..*page };
                }
            }
            4 => {
                watched.mark(first, count, Stores::Note);
                for page in &mut model[part] {
                    page.latched |= page.committed;
                }
            }
            5 => {
                watched.reset(first, count);
                for page in &mut model[part] {
                    *page = Page { stored: false, latched: false, ..*page };
                }
            }
            6 => {
                let limit = random(6);
                let runs = watched.ask(first, count, limit, After::Forget).expect("it is watched");
                let known = |page: &u64| model[*page as usize].stored || model[*page as usize].latched;
                let expected: Vec<u64> = (first..first + count).filter(known).take(limit as usize).collect();
                assert_eq!(watched.pages_of(&runs), expected, "step {step}");
                for page in expected {
                    let page = &mut model[page as usize];
                    *page = Page { stored: false, latched: false, ..*page };
                }
            }
            _ => {
                for page in first..first + count {
                    if model[page as usize].writable {
                        watched.store(&[page]);
                        model[page as usize].stored = true;
                    }
                }
            }
        }
        let known = |(page, known): (usize, &Page)| (known.stored || known.latched).then_some(page as u64);
        let expected: Vec<u64> = model.iter().enumerate().filter_map(known).collect();
        assert_eq!(watched.written(), expected, "after step {step}");
    }
}
