//! Watched memory of another process, by way of its resident.

mod watch_support;

use pagewright::{After, Allocate, Kind, Leftovers, Memory, Process, Traits, Watch, Written};
use watch_support::{Live, PAGE, WAY, Watched, World, again, bodies, serve};

/// Not a test: what the other process runs.
#[test]
fn servant() {
    serve();
}

#[test]
fn everything_holds_in_a_live_process() {
    let live = Live::start();
    live.memory().attach().expect("it can be attached to");
    bodies::run_all(&live);
    live.memory().detach(Leftovers::Release).expect("nothing is left");
}

/// Answers of more runs than travel at once.
#[test]
fn many_runs_travel_in_parts() {
    let live = Live::start();
    let watched = Watched::new(&live, 16384);
    let odd: Vec<u64> = (1..16384).step_by(2).collect();
    for page in &odd {
        assert_eq!(live.memory().write(watched.at(*page), &[1]).expect("it lives"), 1);
    }
    assert_eq!(watched.written(), odd);
    let first = watched.ask(0, 16384, 5000, After::Forget).expect("it is watched");
    assert_eq!(watched.pages_of(&first), odd[..5000]);
    assert_eq!(watched.take(), odd[5000..]);
    assert!(watched.take().is_empty());
    // One run that is more than one word of an answer can say.
    let bytes = vec![7; 9000 * PAGE as usize];
    assert_eq!(live.memory().write(watched.at(100), &bytes).expect("it lives"), bytes.len());
    assert_eq!(watched.take(), (100..9100).collect::<Vec<_>>());
}

/// What one caller forgets is forgotten for all; none is lost between them.
#[test]
fn callers_share_what_is_known() {
    let live = Live::start();
    let watched = Watched::new(&live, 256);
    let (id, base) = (live.id(), watched.base);
    let other = Process::open(id).expect("it lives");
    let ask = |process: &Process, after| {
        let request = Written { at: base, size: 256 * PAGE, limit: u64::MAX, after };
        let runs = process.written(&request).expect("it is watched");
        let number = |at: u64| (at - base) / PAGE;
        let pages = runs.iter().flat_map(|run| number(run.start().get())..number(run.end().get()));
        pages.collect::<Vec<u64>>()
    };
    watched.store(&[3, 9]);
    assert_eq!((ask(&other, After::Keep), ask(live.memory(), After::Keep)), (vec![3, 9], vec![3, 9]));
    assert_eq!(ask(&other, After::Forget), [3, 9]);
    assert!(ask(live.memory(), After::Keep).is_empty());
    // Two callers scan at the same time: every page is told to one of them at least.
    let mut told = std::thread::scope(|scope| {
        let callers = [0, 1].map(|_| {
            scope.spawn(|| {
                let process = Process::open(id).expect("it lives");
                (0..200).flat_map(|_| ask(&process, After::Forget)).collect::<Vec<_>>()
            })
        });
        for page in 0..256 {
            assert_eq!(live.memory().write(watched.at(page), &[1]).expect("it lives"), 1);
        }
        callers.map(|caller| caller.join().expect("no panic")).concat()
    });
    told.extend(watched.take());
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, (0..256).collect::<Vec<_>>());
}

/// What is watched stays usable when nobody watches any more.
#[test]
fn a_target_goes_on_after_detaching() {
    let live = Live::start();
    let watched = Watched::new(&live, 16);
    watched.store(&[2]);
    live.memory().detach(Leftovers::Keep).expect("it can be left");
    // The memory stays, and whoever stores to it does.
    live.store(watched.at(3), 9);
    assert_eq!(live.load(watched.at(3)), 9);
}

/// Only the way in which nobody waits is to be had in other processes.
#[test]
fn other_ways_are_refused() {
    if std::env::var_os(WAY).is_none() {
        return again("other_ways_are_refused", "mprotect");
    }
    let live = Live::start();
    let traits = Traits { watch: Watch::On, ..Traits::PLAIN };
    let refused = live.memory().allocate(&Allocate::new(PAGE).of(traits)).expect_err("there is no way");
    assert_eq!(refused.kind(), Kind::Unsupported, "{refused}");
    assert!(refused.to_string().contains("pagewright doctor"), "not the process: {refused}");
    live.memory().detach(Leftovers::Release).expect("nothing is left");
}
