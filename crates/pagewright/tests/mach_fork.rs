//! What a forked child gets of memory with an inheritance: mach.md, rows I6 to I8 and case 43, by `fork` and by a bare
//! `clone`, while other threads store to it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pagewright::core::{
    Attribute, AttributeRange, Birth, CopyRange, Inheritance, Limit, Map, MapPlace, Overwrite, Remap,
    RemapCopy, Restrict, Rights, Sharing, Surveyed, Unmap, View, WireRange,
};
use pagewright::{Memory, Process};

const PAGE: u64 = 0x1000;

/// One test at a time: some count what the process has.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn map(pages: u64, birth: Birth, inheritance: Inheritance) -> u64 {
    let request = Map { birth, inheritance, ..Map::new(pages * PAGE) };
    Process::current().map(&request).expect("there is room").start().get()
}

fn unmap(at: u64, pages: u64) {
    Process::current().unmap(&Unmap { at, size: pages * PAGE }).expect("it is ours");
}

fn inherit(at: u64, pages: u64, inheritance: Inheritance) {
    let change = Attribute::Inheritance(inheritance);
    Process::current().attribute(&AttributeRange { at, size: pages * PAGE, change }).expect("it is ours");
}

fn copy(source: u64, pages: u64, target: u64) {
    Process::current().copy(&CopyRange { source, size: pages * PAGE, target }).expect("both are ours");
}

fn remap(source: u64, pages: u64, copy: RemapCopy) -> u64 {
    let request = Remap {
        source,
        size: pages * PAGE,
        place: MapPlace::Above(0),
        mask: 0,
        copy,
        inheritance: Inheritance::Copy,
        overwrite: Overwrite::Refuse,
    };
    Process::current().remap(&request).expect("it is ours").0.start().get()
}

/// What stands at the page itself.
fn found(at: u64) -> Option<Surveyed> {
    Process::current().survey(at).ok().filter(|found| found.base <= at)
}

/// The word at an address; none where it cannot be loaded.
fn load(at: u64) -> Option<u64> {
    let mut word = [0; 8];
    (Process::current().read(at, &mut word) == Ok(8)).then(|| u64::from_ne_bytes(word))
}

fn store(at: u64, value: u64) {
    // SAFETY: a page of ours that can be stored to, and that nobody has a reference to.
    unsafe { (at as *mut u64).write_volatile(value) };
}

fn number(at: u64, pages: u64, first: u64) {
    (0..pages).for_each(|page| store(at + page * PAGE, first + page));
}

fn is_numbered(at: u64, pages: u64, first: u64) -> bool {
    (0..pages).all(|page| load(at + page * PAGE) == Some(first + page))
}

/// How a child is made.
#[derive(Clone, Copy, Debug)]
enum By {
    Fork,
    Clone,
}

/// Makes a child and has it say, step by step, what is right; the parent goes on with `meanwhile` after the first
/// step, and the child with the others afterwards.
fn child(by: By, first: impl Fn() -> bool, meanwhile: impl Fn(), then: impl Fn() -> bool) {
    let (mut up, mut down) = ([0; 2], [0; 2]);
    // SAFETY: two pipes of this function alone; all four ends are closed below.
    assert_eq!(unsafe { libc::pipe(up.as_mut_ptr()) | libc::pipe(down.as_mut_ptr()) }, 0);
    let pid = match by {
        // SAFETY: the child runs what a forked child may, and ends by `_exit`.
        By::Fork => unsafe { libc::fork() },
        // SAFETY: as above.
        By::Clone => unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as i32 },
    };
    assert!(pid >= 0, "no child");
    let mut byte = [0_u8];
    if pid == 0 {
        // Should the parent fail, nobody says anything to this child any more.
        // SAFETY: a timer of this process.
        unsafe { libc::alarm(100) };
        let one = u8::from(first());
        // SAFETY: descriptors of ours, and a byte of this frame.
        unsafe {
            libc::write(up[1], (&raw const one).cast(), 1);
            libc::read(down[0], byte.as_mut_ptr().cast(), 1);
        }
        let code = if one == 0 {
            1
        } else if then() {
            0
        } else {
            2
        };
        // SAFETY: ends this child.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: descriptors of ours, a byte and a number of this frame, and a child of ours. Children of other threads
    // may have the same descriptors, so no end of a pipe is waited for.
    unsafe {
        libc::read(up[0], byte.as_mut_ptr().cast(), 1);
        meanwhile();
        libc::write(down[1], byte.as_ptr().cast(), 1);
        libc::waitpid(pid, &raw mut status, 0);
        for end in [up, down].concat() {
            libc::close(end);
        }
    }
    assert_eq!(status, 0, "{by:?}: the child found something else at its step {}", status >> 8);
}

/// As [`child`], for one step.
fn sees(by: By, what: impl Fn() -> bool) {
    child(by, what, || {}, || true);
}

// Rows: I6
#[test]
fn i6_shared_memory_is_shared_both_ways_however_the_child_is_made() {
    let _alone = alone();
    for by in [By::Fork, By::Clone] {
        let born = map(4, Birth::Shared, Inheritance::Share);
        let changed = map(4, Birth::Private, Inheritance::Copy);
        number(changed, 4, 10);
        inherit(changed, 4, Inheritance::Share);
        number(born, 4, 1);
        child(
            by,
            || {
                let seen = is_numbered(born, 4, 1) && is_numbered(changed, 4, 10);
                number(born, 4, 100);
                store(changed, 200);
                seen
            },
            || {
                assert!(is_numbered(born, 4, 100));
                assert_eq!(load(changed), Some(200));
                store(changed, 201);
            },
            || {
                load(changed) == Some(201)
                    && found(changed).is_some_and(|found| found.sharing == Sharing::Shared)
            },
        );
        assert_eq!(found(born).map(|found| found.sharing), Some(Sharing::Shared));
        unmap(born, 4);
        unmap(changed, 4);
    }
}

/// Memory that a child is to have a copy of, in every way in which its bytes can be there; 32 numbered pages each.
fn sources() -> Vec<(&'static str, u64, u64)> {
    let fresh = |birth| {
        let at = map(32, birth, Inheritance::Copy);
        number(at, 32, 1);
        at
    };
    let private = fresh(Birth::Private);
    let born = fresh(Birth::Shared);
    let aliased = fresh(Birth::Private);
    let alias = remap(aliased, 32, RemapCopy::Share);
    let partly = fresh(Birth::Shared);
    let other = remap(partly + 8 * PAGE, 8, RemapCopy::Share);
    let copied = fresh(Birth::Private);
    let target = map(32, Birth::Private, Inheritance::Copy);
    copy(copied, 32, target);
    store(copied + PAGE, 2);
    let remapped = remap(copied, 32, RemapCopy::Snapshot);
    let wired = fresh(Birth::Shared);
    Process::current()
        .wire_range(&WireRange { at: wired, size: PAGE, rights: Rights::READ })
        .expect("readable");
    vec![
        ("private", private, 32),
        ("born shared", born, 32),
        ("aliased", aliased, 32),
        ("an alias", alias, 32),
        ("partly aliased", partly, 32),
        ("an alias of a part", other, 8),
        ("copied", copied, 32),
        ("a copy", target, 32),
        ("remapped as a copy", remapped, 32),
        ("wired", wired, 32),
    ]
}

fn first_of(name: &str) -> u64 {
    if name == "an alias of a part" { 9 } else { 1 }
}

// Rows: I7
#[test]
fn i7_copied_memory_is_a_snapshot_of_the_moment_of_the_fork() {
    let _alone = alone();
    let sources = sources();
    for round in 0..3 {
        child(
            By::Fork,
            || {
                let seen = sources.iter().all(|(name, at, pages)| is_numbered(*at, *pages, first_of(name)));
                sources.iter().for_each(|(_, at, _)| store(*at, 1000));
                seen
            },
            || {
                for (name, at, _) in &sources {
                    assert_eq!(load(*at), Some(first_of(name)), "{name}, round {round}");
                    store(*at + 3 * PAGE, 7777);
                }
            },
            || {
                sources.iter().all(|(name, at, pages)| {
                    load(*at) == Some(1000) && is_numbered(*at + PAGE, *pages - 1, first_of(name) + 1)
                })
            },
        );
        // Everything is as it was, for the next round.
        for (name, at, pages) in &sources {
            number(*at, *pages, first_of(name));
        }
    }
    let alias = (sources[2].1, sources[3].1);
    store(alias.0, 55);
    assert_eq!(load(alias.1), Some(55), "an alias in the parent stays one");
    store(alias.0, 1);
    sources.iter().for_each(|(_, at, pages)| unmap(*at, *pages));
}

// Rows: I7
#[test]
fn i7_two_views_of_the_same_pages_are_two_copies_in_the_child() {
    let _alone = alone();
    let at = map(4, Birth::Shared, Inheritance::Copy);
    number(at, 4, 1);
    let alias = remap(at, 4, RemapCopy::Share);
    sees(By::Fork, || {
        store(at, 9);
        let seen = load(alias) == Some(1) && found(alias).is_some_and(|found| found.refs == 1);
        unmap(at, 4);
        seen && is_numbered(alias, 4, 1)
    });
    unmap(at, 4);
    unmap(alias, 4);
}

// Rows: I7
#[test]
fn i7_attributes_go_along_and_wiring_does_not() {
    let _alone = alone();
    let at = map(4, Birth::Shared, Inheritance::Copy);
    let process = Process::current();
    let maximum = Restrict { at, size: PAGE, rights: Rights::READ, limit: Limit::Maximum };
    process.restrict(&maximum).expect("less is permitted");
    let behavior = AttributeRange { at, size: 2 * PAGE, change: Attribute::Behavior(2) };
    process.attribute(&behavior).expect("it is ours");
    process.wire_range(&WireRange { at, size: PAGE, rights: Rights::READ }).expect("readable");
    sees(By::Fork, || {
        found(at).is_some_and(|found| {
            let attributes = found.attributes;
            (found.protection.rights, attributes.maximum) == (Rights::READ, Rights::READ)
                && (attributes.behavior, attributes.inheritance, found.wired) == (2, Inheritance::Copy, 0)
        })
    });
    assert_eq!(found(at).map(|found| found.wired), Some(1));
    unmap(at, 4);
}

// Rows: I7
#[test]
fn i7_memory_that_cannot_be_read_is_inherited_all_the_same() {
    let _alone = alone();
    let at = map(4, Birth::Shared, Inheritance::Copy);
    number(at, 4, 1);
    let alias = remap(at, 2, RemapCopy::Share);
    let rights = |rights| {
        let request = Restrict { at, size: 4 * PAGE, rights, limit: Limit::Current };
        Process::current().restrict(&request).is_ok()
    };
    assert!(rights(Rights::empty()));
    sees(By::Fork, || load(at).is_none() && rights(Rights::READ) && is_numbered(at, 4, 1));
    unmap(at, 4);
    unmap(alias, 2);
}

// Rows: I8
#[test]
fn i8_memory_that_is_not_inherited_is_a_hole_that_can_be_used() {
    let _alone = alone();
    for by in [By::Fork, By::Clone] {
        for birth in [Birth::Private, Birth::Shared] {
            let at = map(4, birth, Inheritance::None);
            number(at, 4, 1);
            sees(by, || {
                let gone = load(at).is_none();
                let again = Process::current().map(&Map::new(4 * PAGE).at(at));
                gone && again.is_ok() && found(at).is_some() && load(at) == Some(0)
            });
            assert!(is_numbered(at, 4, 1), "the parent keeps it");
            unmap(at, 4);
        }
    }
}

// Rows: I8
#[test]
fn i8_a_change_after_allocation_counts() {
    let _alone = alone();
    for birth in [Birth::Private, Birth::Shared] {
        let at = map(6, birth, Inheritance::Copy);
        number(at, 6, 1);
        inherit(at, 6, Inheritance::None);
        inherit(at + 2 * PAGE, 2, Inheritance::Share);
        inherit(at + 4 * PAGE, 2, Inheritance::Share);
        inherit(at + 4 * PAGE, 2, Inheritance::Copy);
        child(
            By::Fork,
            || {
                let seen = load(at).is_none() && is_numbered(at + 2 * PAGE, 4, 3);
                store(at + 2 * PAGE, 50);
                store(at + 4 * PAGE, 51);
                seen
            },
            || assert_eq!((load(at + 2 * PAGE), load(at + 4 * PAGE)), (Some(50), Some(5))),
            || true,
        );
        store(at + 2 * PAGE, 3);
        inherit(at, 6, Inheritance::Copy);
        child(
            By::Fork,
            || {
                let seen = is_numbered(at, 6, 1);
                number(at, 6, 70);
                seen
            },
            || assert!(is_numbered(at, 6, 1), "nothing is shared any more"),
            || is_numbered(at, 6, 70),
        );
        unmap(at, 6);
    }
}

#[test]
fn case_43_a_copy_onto_memory_that_is_not_inherited_does_not_change_that() {
    let _alone = alone();
    for by in [By::Fork, By::Clone] {
        for birth in [Birth::Private, Birth::Shared] {
            let source = map(32, birth, Inheritance::Copy);
            let target = map(32, birth, Inheritance::Copy);
            number(source, 32, 1);
            inherit(target, 32, Inheritance::None);
            copy(source, 32, target);
            assert!(is_numbered(target, 32, 1));
            sees(by, || load(target).is_none() && load(target + 31 * PAGE).is_none());
            unmap(source, 32);
            unmap(target, 32);
        }
    }
}

// Rows: I7
#[test]
fn i7_a_copy_or_a_release_after_the_fork_leaves_the_child_its_bytes() {
    let _alone = alone();
    let at = map(64, Birth::Shared, Inheritance::Copy);
    number(at, 64, 1);
    let target = map(64, Birth::Private, Inheritance::Copy);
    copy(at, 64, target);
    store(target, 500);
    child(
        By::Fork,
        || is_numbered(at, 64, 1),
        || {
            number(at, 64, 300);
            // Each of these would give pages of the object back, were they the parent's alone.
            copy(at, 64, target);
            copy(target, 64, at);
            unmap(at, 64);
            unmap(target, 64);
        },
        || is_numbered(at, 64, 1) && load(target) == Some(500) && is_numbered(target + PAGE, 63, 2),
    );
}

// Rows: I7
#[test]
fn i7_a_child_of_a_child_has_a_copy_of_its_own() {
    let _alone = alone();
    let at = map(8, Birth::Shared, Inheritance::Copy);
    number(at, 8, 1);
    let born_in_child = || {
        let fresh = map(4, Birth::Shared, Inheritance::Copy);
        number(fresh, 4, 20);
        store(at, 9);
        sees(By::Fork, || {
            let seen = load(at) == Some(9) && is_numbered(at + PAGE, 7, 2) && is_numbered(fresh, 4, 20);
            store(fresh, 99);
            store(at + PAGE, 99);
            seen
        });
        is_numbered(fresh, 4, 20) && is_numbered(at + PAGE, 7, 2)
    };
    sees(By::Fork, born_in_child);
    assert!(is_numbered(at, 8, 1));
    unmap(at, 8);
}

#[test]
fn a_bare_clone_has_what_it_has_and_corrupts_nothing() {
    let _alone = alone();
    let born = map(4, Birth::Shared, Inheritance::Copy);
    let private = map(4, Birth::Private, Inheritance::Copy);
    number(born, 4, 1);
    number(private, 4, 10);
    child(
        By::Clone,
        || {
            // The first change notices what is missing.
            let again = Map { birth: Birth::Shared, ..Map::new(4 * PAGE).at(born) };
            let again = Process::current().map(&again);
            let there = found(private).is_some() && is_numbered(private, 4, 10);
            number(private, 4, 90);
            there && again.is_ok() && load(born) == Some(0)
        },
        || {
            assert!(is_numbered(born, 4, 1) && is_numbered(private, 4, 10));
            number(born, 4, 40);
        },
        || load(born) == Some(0) && is_numbered(private, 4, 90),
    );
    assert_eq!(found(born).map(|found| found.view), Some(Some(View::Shared)));
    unmap(born, 4);
    unmap(private, 4);
}

#[test]
fn a_bare_clone_keeps_what_was_copied_before_whatever_the_parent_goes_on_with() {
    let _alone = alone();
    for by in [By::Clone, By::Fork] {
        let (at, target) =
            (map(64, Birth::Private, Inheritance::Copy), map(64, Birth::Private, Inheritance::Copy));
        number(at, 64, 1);
        copy(at, 64, target);
        child(
            by,
            || is_numbered(at, 64, 1) && is_numbered(target, 64, 1),
            || {
                // The bytes of the source could go back to the pages that only it shows now.
                number(at, 64, 300);
                copy(at, 64, target);
                // And these pages nobody shows any more.
                unmap(at, 20);
                unmap(target, 20);
            },
            || is_numbered(at, 64, 1) && is_numbered(target, 64, 1),
        );
        unmap(at, 64);
        unmap(target, 64);
    }
}

/// Two counters in each page, raised one after the other: they differ by one at most at any moment.
struct Writers<'a> {
    over: &'a AtomicBool,
    rounds: &'a AtomicU64,
}

impl Writers<'_> {
    fn run(&self, at: u64, pages: u64) -> u64 {
        let mut round = 0;
        while !self.over.load(Ordering::Relaxed) {
            round += 1;
            for page in 0..pages {
                store(at + page * PAGE, round);
                store(at + page * PAGE + 2048, round);
            }
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
        round
    }
}

fn is_of_one_moment(at: u64, pages: u64) -> bool {
    (0..pages).all(|page| {
        let at = at + page * PAGE;
        let (Some(first), Some(second)) = (load(at), load(at + 2048)) else { return false };
        first == second || first == second + 1
    })
}

// Rows: I7
#[test]
fn i7_every_page_is_of_one_moment_while_threads_store_and_fork() {
    let _alone = alone();
    let pages = 16;
    let areas: Vec<(u64, Option<u64>)> = (0..4)
        .map(|n| {
            let birth = if n == 0 { Birth::Private } else { Birth::Shared };
            let at = map(pages, birth, Inheritance::Copy);
            (at, (n >= 2).then(|| remap(at, pages, RemapCopy::Share)))
        })
        .collect();
    let (over, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let writers = Writers { over: &over, rounds: &rounds };
    std::thread::scope(|scope| {
        let running: Vec<_> = areas.iter().map(|(at, _)| scope.spawn(|| writers.run(*at, pages))).collect();
        let forkers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let whole = || {
                            let of_one = |at: u64| is_of_one_moment(at, pages);
                            let before: Vec<_> = areas.iter().map(|(at, _)| load(*at)).collect();
                            let whole =
                                areas.iter().all(|(at, alias)| of_one(*at) && alias.is_none_or(of_one));
                            whole && before == areas.iter().map(|(at, _)| load(*at)).collect::<Vec<_>>()
                        };
                        sees(By::Fork, whole);
                    }
                })
            })
            .collect();
        let said: Vec<_> = forkers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        for ((at, alias), writer) in areas.iter().zip(running) {
            let last = writer.join().expect("it only stores");
            for at in [Some(*at), *alias].into_iter().flatten() {
                assert!((0..pages).all(|page| load(at + page * PAGE) == Some(last)), "no store is lost");
            }
        }
        assert!(said.into_iter().all(|said| said.is_ok()), "a child saw something else");
    });
    assert!(rounds.load(Ordering::Relaxed) > 0);
    for (at, alias) in areas {
        unmap(at, pages);
        alias.into_iter().for_each(|alias| unmap(alias, pages));
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}

#[test]
fn forks_leave_nothing_behind() {
    let _alone = alone();
    let at = map(8, Birth::Shared, Inheritance::Copy);
    number(at, 8, 1);
    let alias = remap(at, 4, RemapCopy::Share);
    sees(By::Fork, || is_numbered(at, 8, 1));
    let (before, mappings) = (descriptors(), pagewright_linux::machine::count_mappings());
    for _ in 0..20 {
        sees(By::Fork, || is_numbered(at, 8, 1) && is_numbered(alias, 4, 1));
    }
    assert_eq!((descriptors(), pagewright_linux::machine::count_mappings()), (before, mappings));
    unmap(at, 8);
    unmap(alias, 4);
    assert!(descriptors() <= before);
}
