//! A forked child has a copy of all memory, so it has a copy of the map too.

mod live;

use std::sync::atomic::{AtomicBool, Ordering};

use live::guest::{Grandchild, Guest, Program, compiled};
use live::kernel::{self, Allocates, PAGE, agrees, is_mapped, mappings, own_runs, peek, traces};
use live::{pass_with_mprotect, wait_until};
use pagewright::{Allocate, Free, Leftovers, Memory, Process};

const SIZE: u64 = 16 * PAGE;

fn forker(name: &str) -> Option<Program> {
    compiled(name, include_str!("live/forker.c"), &[])
}

/// The program, past its first line.
fn start(program: &Program) -> Guest {
    let mut guest = Guest::start(&mut program.command());
    let _pid = guest.hear();
    guest
}

/// Has it fork in the way that this letter means.
fn fork(guest: &mut Guest, how: &str) -> Grandchild {
    guest.tell(how);
    listen(guest)
}

/// Has a child of it fork.
fn fork_again(guest: &mut Guest, child: &Grandchild) -> Grandchild {
    signal(child, libc::SIGUSR1);
    listen(guest)
}

fn listen(guest: &mut Guest) -> Grandchild {
    let pid = guest.hear().parse().expect("a pid");
    let child = Grandchild::new(pid);
    let file = format!("/proc/{pid}/syscall");
    let wanted = format!("{} ", libc::SYS_rt_sigtimedwait);
    wait_until("the child sleeps", || {
        std::fs::read_to_string(&file).is_ok_and(|call| call.starts_with(&wanted))
    });
    child
}

fn signal(child: &Grandchild, number: i32) {
    // SAFETY: a signal to a process that is held by its pidfd, so that it is still that one.
    unsafe { libc::kill(child.pid.cast_signed(), number) };
}

/// Ends the child of a guest that it forked last; it found itself unharmed.
fn ends_well(guest: &mut Guest, child: &Grandchild) {
    signal(child, libc::SIGUSR2);
    guest.tell("w");
    assert_eq!(guest.hear(), "7", "what the child exits with");
}

fn open(child: &Grandchild) -> Process {
    Process::open(child.pid).expect("it runs")
}

fn allocate(process: &Process, text: &[u8]) -> u64 {
    let at = process.allocate(&Allocate::new(SIZE)).expect("there is room").start().get();
    assert_eq!(process.write(at, text).expect("it lives"), text.len());
    at
}

fn free(process: &Process, at: u64) -> pagewright::Result<()> {
    process.free(&Free::release(at)).map(drop)
}

fn holds(pid: u32, at: u64, text: &[u8]) -> bool {
    peek(pid, at, text.len()).as_deref() == Some(text)
}

/// Commits one page of a reservation.
fn commit(process: &Process, at: u64) {
    process.allocate(&Allocate::new(1).at(at).commit()).expect("it is reserved");
}

#[test]
fn a_child_frees_commits_and_allocates_as_its_parent_could() {
    let Some(program) = forker("a_child_frees_commits_and_allocates") else { return };
    for how in ["f", "c"] {
        let mut guest = start(&program);
        let parent = guest.process();
        let (given, kept) = (allocate(&parent, b"given"), allocate(&parent, b"kept"));
        let reserved = parent.allocate(&Allocate::new(8 << 20).reserve()).expect("room").start().get();
        commit(&parent, reserved + PAGE);
        let child = fork(&mut guest, how);
        let process = open(&child);
        free(&process, given).expect("the child knows the allocation");
        assert!(!is_mapped(child.pid, given, given + SIZE));
        assert!(holds(guest.pid(), given, b"given"), "the parent's is another copy");
        assert!(holds(child.pid, kept, b"kept"));
        commit(&process, reserved + 3 * PAGE);
        let faulting = [1, 2, 3].map(|page| kernel::faults(child.pid, reserved + page * PAGE));
        assert_eq!(faulting, [false, true, false]);
        let own = allocate(&process, b"own");
        assert_eq!(process.status().expect("it lives").regions, 3);
        agrees(&process);
        agrees(&parent);
        assert!(holds(child.pid, own, b"own"));
        assert!(!holds(guest.pid(), own, b"own"), "the child allocates for itself");
        free(&parent, given).expect("the parent has its map still");
        ends_well(&mut guest, &child);
        assert_eq!(guest.finish().code, Some(0));
    }
}

#[test]
fn asking_a_child_changes_nothing_in_it() {
    let Some(program) = forker("asking_a_child_changes_nothing_in_it") else { return };
    let mut guest = start(&program);
    let at = allocate(&guest.process(), b"given");
    let child = fork(&mut guest, "f");
    let process = open(&child);
    let before = traces(child.pid, Allocates::Nothing);
    assert!(!process.status().expect("it lives").attached);
    process.query(at).expect("it lives");
    process.regions().expect("it lives");
    assert_eq!(traces(child.pid, Allocates::Nothing), before);
    assert!(!process.attach().expect("it can be attached").found);
    assert_eq!(process.status().expect("it lives").regions, 1);
    ends_well(&mut guest, &child);
}

/// The mappings of a process, as the kernel tells them.
fn list(pid: u32) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    maps.lines().map(str::to_owned).collect()
}

#[test]
fn what_a_child_inherited_goes_without_a_trace() {
    let Some(program) = forker("what_a_child_inherited_goes_without_a_trace") else { return };
    for leftovers in [Leftovers::Keep, Leftovers::Release] {
        let mut guest = start(&program);
        let quiet = fork(&mut guest, "f");
        let own = list(quiet.pid);
        let at = allocate(&guest.process(), b"given");
        let children = [fork(&mut guest, "f"), fork(&mut guest, "f")];
        open(&children[0]).attach().expect("it can be attached");
        for child in &children {
            open(child).detach(leftovers).expect("it can be taken out");
            let (kept, rest): (Vec<_>, Vec<_>) =
                list(child.pid).into_iter().partition(|line| line.starts_with(&format!("{at:x}-")));
            assert_eq!(kept.len(), usize::from(leftovers == Leftovers::Keep), "{kept:?}");
            assert_eq!(rest, own, "what is not the allocation is the program's own");
        }
        assert!(holds(guest.pid(), at, b"given"));
        agrees(&guest.process());
    }
}

#[test]
fn a_grandchild_inherits_from_a_child_attached_or_not() {
    let Some(program) = forker("a_grandchild_inherits") else { return };
    let mut guest = start(&program);
    let first = allocate(&guest.process(), b"first");
    let quiet = fork(&mut guest, "f");
    let heir = fork_again(&mut guest, &quiet);
    free(&open(&heir), first).expect("the map came through a child that nobody attached to");
    let child = fork(&mut guest, "f");
    let second = allocate(&open(&child), b"second");
    let heir = fork_again(&mut guest, &child);
    free(&open(&heir), second).expect("what the child allocated");
    free(&open(&heir), first).expect("what the parent allocated");
    assert!(holds(child.pid, second, b"second") && holds(guest.pid(), first, b"first"));
    open(&heir).detach(Leftovers::Release).expect("it can be taken out");
    for process in [open(&child), guest.process()] {
        agrees(&process);
    }
}

#[test]
fn a_process_that_shares_the_memory_of_an_attached_one_adopts_nothing() {
    let Some(program) = forker("a_process_that_shares_the_memory") else { return };
    let mut guest = start(&program);
    let parent = guest.process();
    let at = allocate(&parent, b"shared");
    let twin = fork(&mut guest, "v");
    free(&open(&twin), at).expect_err("its resident lives in another process");
    open(&twin).detach(Leftovers::Release).expect("there is nothing to take out");
    assert!(holds(guest.pid(), at, b"shared"));
    agrees(&parent);
    free(&parent, at).expect("the resident is well");
}

#[test]
fn a_child_of_a_process_that_was_detached_inherits_no_map() {
    let Some(program) = forker("a_child_of_a_process_that_was_detached") else { return };
    let mut guest = start(&program);
    let at = allocate(&guest.process(), b"kept");
    guest.process().detach(Leftovers::Keep).expect("it can be taken out");
    let child = fork(&mut guest, "f");
    free(&open(&child), at).expect_err("nobody remembers it");
    open(&child).attach().expect("it can be attached");
    assert_eq!(own_runs(&open(&child)), []);
    ends_well(&mut guest, &child);
}

/// The inherited image of a child: code, then data with the record.
fn image(pid: u32) -> (u64, u64) {
    let maps = mappings(pid);
    let code = maps.iter().find(|map| map.perms == "r-xp" && map.name.is_empty()).expect("it is there");
    let data = peek(pid, code.end, 1 << 16).expect("data is behind the code");
    let record = data.windows(8).position(|bytes| bytes == b"pgwrMap1").expect("a record");
    (code.start, code.end + record as u64)
}

#[test]
fn what_is_torn_or_not_ours_is_left_alone() {
    let Some(program) = forker("what_is_torn_or_not_ours_is_left_alone") else { return };
    let mut guest = start(&program);
    let at = allocate(&guest.process(), b"given");
    let (code, record) = image(guest.pid());
    // The phase "being changed"; one that there is not; a region elsewhere; too long; other code.
    let damages: [(u64, &[u8]); 5] = [
        (record + 8, &[2]),
        (record + 8, &[9]),
        (record + 18, &[0xff]),
        (record + 28, &[0xff]),
        (code + 0x1000, b"damaged"),
    ];
    for (place, bytes) in damages {
        let child = fork(&mut guest, "f");
        let process = open(&child);
        process.poke(place, bytes).expect("it is mapped");
        free(&process, at).expect_err("the map cannot be trusted");
        process.attach().expect("a fresh resident does not need it");
        assert_eq!(own_runs(&process), [], "damage at {place:#x}");
        let own = allocate(&process, b"own");
        free(&process, own).expect("it is known");
        process.detach(Leftovers::Release).expect("it can be taken out");
        ends_well(&mut guest, &child);
    }
}

#[test]
fn a_fork_in_the_middle_of_calls_harms_nobody() {
    let Some(program) = forker("a_fork_in_the_middle_of_calls_harms_nobody") else { return };
    let mut guest = start(&program);
    let parent = guest.process();
    let at = allocate(&parent, b"given");
    let stop = AtomicBool::new(false);
    let (mut adopted, mut fresh) = (0, 0);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| busy(&parent, &stop));
        for _ in 0..200 {
            let child = fork(&mut guest, "f");
            let process = open(&child);
            match free(&process, at) {
                Ok(()) => adopted += 1,
                Err(_) => fresh += 1,
            }
            let own = allocate(&process, b"own");
            agrees(&process);
            free(&process, own).expect("it is known");
            process.detach(Leftovers::Release).expect("it can be taken out");
            ends_well(&mut guest, &child);
        }
        stop.store(true, Ordering::Relaxed);
        println!("{adopted} adopted, {fresh} fresh, {} calls", caller.join().expect("its calls work"));
    });
    assert!(holds(guest.pid(), at, b"given"));
    assert_eq!(parent.status().expect("it lives").regions, 1);
    agrees(&parent);
    assert_eq!(guest.finish().code, Some(0));
}

/// Allocates, commits and frees until told to stop; the number of calls.
fn busy(process: &Process, stop: &AtomicBool) -> u64 {
    let mut calls = 0;
    while !stop.load(Ordering::Relaxed) {
        let at = process.allocate(&Allocate::new(64 * PAGE).reserve()).expect("room").start().get();
        commit(process, at + calls % 64 * PAGE);
        free(process, at).expect("it is known");
        calls += 3;
    }
    calls
}

#[test]
fn the_same_with_mprotect() {
    if std::env::var_os("PAGEWRIGHT_COMMIT").is_some() {
        return;
    }
    pass_with_mprotect(&[
        "a_child_frees_commits_and_allocates_as_its_parent_could",
        "what_a_child_inherited_goes_without_a_trace",
        "a_grandchild_inherits_from_a_child_attached_or_not",
    ]);
}
