//! Watched memory that is shown twice: no store gets lost on the other side.

mod watch_support;

use pagewright::{
    Alias, Allocate, Consent, CopyRange, Free, Memory, Onto, Place, Protection, Stores, Window,
};
use watch_support::{Live, Own, PAGE, WAY, Watched, World, again, serve};

const ANYWHERE: Onto = Onto::Fresh(Place::Window(Window::ANYWHERE));

type Body = fn(&dyn World);

const BODIES: &[(&str, Body)] = &[
    ("an_alias_keeps_what_is_known", an_alias_keeps_what_is_known),
    ("stores_through_another_view_count", stores_through_another_view_count),
    ("two_watched_views_each_know", two_watched_views_each_know),
    ("a_watched_target_begins_clean", a_watched_target_begins_clean),
    ("copies_count_as_stores", copies_count_as_stores),
    ("a_view_that_goes_leaves_the_rest", a_view_that_goes_leaves_the_rest),
];

/// Not a test: what the other process runs.
#[test]
fn servant() {
    serve();
}

#[test]
fn views_of_this_process() {
    if std::env::var_os(WAY).is_none() {
        return ["async", "sync", "mprotect"].iter().for_each(|way| again("views_of_this_process", way));
    }
    let own = Own::new();
    for (name, body) in BODIES {
        println!("  {name}");
        body(&own);
    }
}

#[test]
fn views_of_a_live_process() {
    let live = Live::start();
    for (name, body) in BODIES {
        println!("  {name}");
        body(&live);
    }
}

fn alias(world: &dyn World, source: u64, pages: u64, onto: Onto) -> u64 {
    let size = pages * PAGE;
    let consent = Consent::OwnOnly;
    let request = Alias { source, size, onto, protection: Protection::READ_WRITE, consent };
    world.memory().alias(&request).expect("it can be shown twice").start().get()
}

fn release(world: &dyn World, base: u64) {
    world.memory().free(&Free::release(base)).expect("ours");
}

fn an_alias_keeps_what_is_known(world: &dyn World) {
    let watched = Watched::new(world, 32);
    watched.store(&[1, 2, 3]);
    watched.reset(1, 1);
    watched.store(&[9]);
    let view = alias(world, watched.base, 32, ANYWHERE);
    assert_eq!(watched.written(), [2, 3, 9], "no more and no less than before");
    watched.store(&[20]);
    assert_eq!(watched.take(), [2, 3, 9, 20]);
    watched.store(&[2]);
    assert_eq!(watched.take(), [2]);
    release(world, view);
}

fn stores_through_another_view_count(world: &dyn World) {
    let watched = Watched::new(world, 32);
    let view = alias(world, watched.base, 32, ANYWHERE);
    let third = alias(world, watched.at(8), 4, ANYWHERE);
    assert!(watched.written().is_empty());
    world.store(view + 5 * PAGE, 1);
    world.store(third + PAGE, 1);
    watched.store(&[7]);
    assert_eq!(watched.written(), [5, 7, 9]);
    let first = watched.ask(0, 32, 1, pagewright::After::Forget).expect("it is watched");
    assert_eq!(watched.pages_of(&first), [5]);
    assert_eq!(watched.take(), [7, 9]);
    world.store(view + 9 * PAGE, 1);
    world.store(third + PAGE, 2);
    assert_eq!(watched.take(), [9], "it is one page");
    assert!(watched.take().is_empty());
    release(world, view);
    release(world, third);
}

fn two_watched_views_each_know(world: &dyn World) {
    let one = Watched::new(world, 16);
    let two = Watched::of(world, 16, Allocate::new(16 * PAGE).reserve());
    alias(world, one.base, 16, Onto::Reserved(two.base));
    assert!(one.written().is_empty() && two.written().is_empty());
    one.store(&[3]);
    assert_eq!((one.written(), two.written()), (vec![3], vec![3]));
    assert_eq!(one.take(), [3]);
    assert!(one.written().is_empty());
    assert_eq!(two.written(), [3], "what one forgets the other still knows");
    assert_eq!(two.take(), [3]);
    two.store(&[4]);
    one.store(&[5]);
    assert_eq!(two.take(), [4, 5]);
    assert_eq!(one.take(), [4, 5]);
    assert!(one.take().is_empty() && two.take().is_empty());
}

fn a_watched_target_begins_clean(world: &dyn World) {
    let source = world.memory().allocate(&Allocate::new(16 * PAGE)).expect("there is room");
    let source = source.start().get();
    world.store(source + 3 * PAGE, 7);
    let watched = Watched::of(world, 16, Allocate::new(16 * PAGE).reserve());
    alias(world, source, 16, Onto::Reserved(watched.base));
    assert!(watched.written().is_empty());
    assert_eq!(world.load(watched.at(3)), 7);
    world.store(source + 4 * PAGE, 8);
    watched.store(&[6]);
    assert_eq!(watched.take(), [4, 6]);
    release(world, source);
}

// Rows: WW40
fn copies_count_as_stores(world: &dyn World) {
    let size = 64 * PAGE;
    let plain = world.memory().allocate(&Allocate::new(size)).expect("there is room").start().get();
    let watched = Watched::new(world, 64);
    let copy = |source, target| CopyRange { source, size: 32 * PAGE, target };
    world.store(plain, 3);
    world.memory().copy(&copy(plain, watched.at(16))).expect("both are there");
    assert_eq!(watched.take(), (16..48).collect::<Vec<_>>());
    assert_eq!(world.load(watched.at(16)), 3);
    world.memory().copy(&copy(watched.at(16), plain + 32 * PAGE)).expect("both are there");
    assert!(watched.written().is_empty(), "to be copied is no store");
    watched.store(&[17]);
    assert_eq!(watched.take(), [17]);
    release(world, plain);
}

fn a_view_that_goes_leaves_the_rest(world: &dyn World) {
    let watched = Watched::new(world, 16);
    let view = alias(world, watched.base, 16, ANYWHERE);
    world.store(view + PAGE, 1);
    assert_eq!(watched.take(), [1]);
    world.store(view + 4 * PAGE, 1);
    release(world, view);
    watched.store(&[2]);
    assert_eq!(watched.take(), [2, 4], "the last store through it, too");
    watched.decommit(0, 16);
    watched.commit(0, 16);
    assert!(watched.written().is_empty());
    watched.mark(1, 1, Stores::Note);
    watched.store(&[3]);
    assert_eq!(watched.take(), [1, 3]);
}
