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

/// A thread of the resident lets stores go on, where the kernel does not note them alone.
#[test]
fn all_of_it_holds_where_stores_wait_for_a_thread() {
    const TESTS: [&str; 6] = [
        "everything_holds_in_a_live_process",
        "many_runs_travel_in_parts",
        "callers_share_what_is_known",
        "a_target_goes_on_after_detaching",
        "no_store_waits_for_ever_when_the_resident_leaves",
        "a_forked_child_is_watched_anew",
    ];
    let live = Live::start();
    match way_of(&live, "sync") {
        Ok(()) => TESTS.into_iter().for_each(|test| again(test, "sync")),
        Err(why) => println!("skipped all_of_it_holds_where_stores_wait_for_a_thread: {why}"),
    }
}

/// Whether memory there can be watched in a way: asked in a process of its own, which reads the variable.
fn way_of(live: &Live, way: &str) -> Result<(), String> {
    let asked = std::process::Command::new(std::env::current_exe().expect("known"))
        .args(["watches_a_page", "--exact", "--nocapture", "--include-ignored", "--test-threads=1"])
        .env(WAY, way)
        .env(TARGET, live.id().to_string())
        .output()
        .expect("this program can be run");
    let out = String::from_utf8_lossy(&asked.stdout).into_owned();
    if out.contains("it is watched") { Ok(()) } else { Err(out) }
}

const TARGET: &str = "PAGEWRIGHT_TEST_WATCH_TARGET";

#[test]
#[ignore = "a part of all_of_it_holds_where_stores_wait_for_a_thread"]
fn watches_a_page() {
    let Some(pid) = std::env::var(TARGET).ok().and_then(|pid| pid.parse().ok()) else { return };
    let process = Process::open(pid).expect("it lives");
    match process.allocate(&Allocate::new(PAGE).watched()) {
        Ok(_) => println!("it is watched"),
        Err(error) => println!("{error}"),
    }
    process.detach(Leftovers::Release).expect("attached");
}

/// The names of a process's threads.
fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim_end().to_owned()).collect()
}

#[test]
fn no_store_waits_for_ever_when_the_resident_leaves() {
    let live = Live::start();
    for _ in 0..20 {
        let watched = Watched::new(&live, 64);
        watched.store(&[1, 2]);
        assert_eq!(watched.take(), [1, 2]);
        if std::env::var(WAY).as_deref() == Ok("sync") {
            let names = threads(live.id());
            assert!(names.iter().any(|name| name == "pagewright-w"), "{names:?}");
        }
        live.begin(watched.base, 64);
        // Its thread has begun to store: page 0 was not stored to before.
        let mut byte = [0];
        while byte == [0] {
            assert_eq!(live.memory().read(watched.base, &mut byte).expect("it lives"), 1);
        }
        watched.take();
        live.memory().detach(Leftovers::Keep).expect("it can be left");
        let rounds = live.rest();
        assert!(rounds > 0);
        assert_eq!([0, 63].map(|page| live.load(watched.at(page))), [rounds as u8; 2]);
        assert!(threads(live.id()).iter().all(|name| !name.starts_with("pagewright-")), "all are gone");
    }
}

/// What is on neither side is lost: the child's pages count as stored to, once.
#[test]
fn a_forked_child_is_watched_anew() {
    let live = Live::start();
    let watched = Watched::new(&live, 4);
    watched.store(&[0, 1]);
    watched.take();
    let child = live.fork();
    let process = Process::open(child).expect("it lives");
    process.attach().expect("its parent was");
    let ask = || {
        let request = Written { at: watched.base, size: 4 * PAGE, limit: 9, after: After::Forget };
        process.written(&request).expect("it is watched")
    };
    ask();
    assert!(ask().is_empty());
    assert_eq!(process.write(watched.at(2), &[1]).expect("it lives"), 1);
    assert_eq!(ask().iter().map(|run| run.start().get()).collect::<Vec<_>>(), [watched.at(2)]);
    watched.store(&[1]);
    assert_eq!(watched.take(), [1], "the parent is watched as before");
    process.detach(Leftovers::Release).expect("attached");
    live.end(child);
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

/// A handler of `SIGSEGV` that is ours is not put into other processes.
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
