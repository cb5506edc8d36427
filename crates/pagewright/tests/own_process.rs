//! The own process: queries in signal handlers, threads, limits, memory of others, and accesses that must fault.

mod live;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pagewright::{
    Access, Allocate, Error, Free, Info, Kind, Leftovers, Lock, Memory, Owner, Process, Protect, Protection,
    State, Wiring,
};

use live::exercise::{allocate, everything, holds_bytes, info, release};
use live::kernel::{PAGE, agrees, perms};
use live::{half, pass_with_mprotect, passes, target_of_half, turn};

const RW: Protection = Protection::READ_WRITE;

#[test]
fn everything_works_on_the_own_process_as_on_another() {
    let _turn = turn();
    let process = Process::current();
    everything(&process);
    let base = allocate(&process, Allocate::new(4 * PAGE));
    process.protect(&Protect { at: base, size: 1, protection: Protection::READ }).expect("committed");
    assert_eq!(process.poke(base, b"poked"), Ok(5));
    let mut back = [0; 5];
    assert_eq!((process.read(base, &mut back), &back), (Ok(5), b"poked"));
    release(&process, base);
}

/// What a signal handler asks about, and what it got to hear.
static KEPT: AtomicU64 = AtomicU64::new(0);
static ASKED: AtomicU64 = AtomicU64::new(0);
static WRONG: AtomicU64 = AtomicU64::new(0);

extern "C" fn ask(_: i32) {
    let (process, kept) = (Process::current(), KEPT.load(Ordering::Relaxed));
    let local = 0_u8;
    let is_kept = |info: &Info| {
        matches!(info.state, State::Committed { owner: Owner::Own, allocation, protection: RW, .. } if allocation == kept)
            && (info.base, info.size) == (kept, 3 * PAGE)
    };
    let is_stack = |info: &Info| matches!(info.state, State::Committed { owner: Owner::Foreign, .. });
    let right = process.query(kept).is_ok_and(|info| is_kept(&info))
        && process.query(&raw const local as u64).is_ok_and(|info| is_stack(&info))
        && process.query(0).is_ok_and(|info| info.state == State::Free)
        && process.query(u64::MAX).is_err_and(|error| error.kind() == Kind::BadAddress);
    ASKED.fetch_add(1, Ordering::Relaxed);
    WRONG.fetch_add(u64::from(!right), Ordering::Relaxed);
}

/// Changes the map in every way, over and over.
fn churn(over: &AtomicBool, tag: u8) -> u32 {
    let (process, mut rounds) = (Process::current(), 0);
    while !over.load(Ordering::Relaxed) {
        let base = allocate(&process, Allocate::new(0x4_0000).reserve());
        allocate(&process, Allocate::new(3 * PAGE).commit().at(base + PAGE));
        assert_eq!(process.write(base + 2 * PAGE, &[tag; 16]), Ok(16));
        process
            .protect(&Protect { at: base + PAGE, size: 1, protection: Protection::READ })
            .expect("committed");
        process.free(&Free::decommit(base + 3 * PAGE, PAGE)).expect("ours");
        let mut back = [0; 16];
        assert_eq!(process.read(base + 2 * PAGE, &mut back), Ok(16));
        assert_eq!(back, [tag; 16]);
        process.free(&Free::release(base)).expect("ours");
        rounds += 1;
    }
    rounds
}

#[test]
fn a_signal_handler_may_ask_whatever_it_interrupts() {
    passes(&mut half("asks_in_a_storm_of_signals", 0));
}

#[test]
#[ignore = "the other half of a_signal_handler_may_ask_whatever_it_interrupts"]
fn asks_in_a_storm_of_signals() {
    if target_of_half().is_none() {
        return;
    }
    KEPT.store(allocate(&Process::current(), Allocate::new(3 * PAGE)), Ordering::Relaxed);
    handle(libc::SIGALRM, ask as *const () as usize, libc::SA_RESTART);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers = [1, 2].map(|tag| {
            let (sender, receiver) = std::sync::mpsc::channel();
            let over = &over;
            let worker = scope.spawn(move || {
                // SAFETY: no arguments.
                sender.send(unsafe { libc::pthread_self() }).expect("somebody listens");
                churn(over, tag)
            });
            (worker, receiver.recv().expect("it runs"))
        });
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            for (_, thread) in &writers {
                // SAFETY: the thread runs until `over` is set, below.
                unsafe { libc::pthread_kill(*thread, libc::SIGALRM) };
            }
        }
        over.store(true, Ordering::Relaxed);
        for (worker, _) in writers {
            assert!(worker.join().expect("no panic") > 10);
        }
    });
    let (asked, wrong) = (ASKED.load(Ordering::Relaxed), WRONG.load(Ordering::Relaxed));
    println!("asked {asked} times");
    assert!(asked > 1000 && wrong == 0, "{wrong} of {asked} answers were wrong");
}

fn handle(signal: i32, handler: usize, flags: i32) {
    // SAFETY: a handler of the right type for these flags, and a zeroed mask is an empty one.
    let installed = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(installed, 0);
}

/// Makes whatever was touched accessible, as a pager does.
extern "C" fn pager(_: i32, about: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel passes a valid description of the fault.
    let at = unsafe { (*about).si_addr() } as u64;
    let process = Process::current();
    let mended = process.query(at).and_then(|info| match info.state {
        State::Reserved { .. } => process.allocate(&Allocate::new(1).commit().at(at)).map(drop),
        State::Committed { .. } => process.protect(&Protect { at, size: 1, protection: RW }).map(drop),
        State::Free => std::process::abort(),
    });
    ASKED.fetch_add(1, Ordering::Relaxed);
    if mended.is_err() {
        std::process::abort();
    }
}

#[test]
fn a_fault_handler_may_ask_and_then_mend() {
    passes(&mut half("mends_what_faults", 0));
}

#[test]
#[ignore = "the other half of a_fault_handler_may_ask_and_then_mend"]
fn mends_what_faults() {
    if target_of_half().is_none() {
        return;
    }
    handle(libc::SIGSEGV, pager as *const () as usize, libc::SA_SIGINFO | libc::SA_NODEFER);
    let process = Process::current();
    let base = allocate(&process, Allocate::new(64 * PAGE).reserve());
    allocate(&process, Allocate::new(8 * PAGE).commit().at(base).protection(Protection::READ));
    for page in 0..64 {
        let at = (base + page * PAGE) as *mut u64;
        // SAFETY: the page is ours; the handler above makes it writable.
        unsafe { at.write_volatile(page) };
        // SAFETY: as above.
        assert_eq!(unsafe { at.read_volatile() }, page);
    }
    assert_eq!(ASKED.load(Ordering::Relaxed), 64, "one fault for each page");
    agrees(&process);
    release(&process, base);
}

#[test]
fn threads_change_the_map_at_once() {
    let _turn = turn();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=4)
            .map(|tag| {
                scope.spawn({
                    let over = &over;
                    move || churn(over, tag)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        over.store(true, Ordering::Relaxed);
        for worker in workers {
            assert!(worker.join().expect("no panic") > 10);
        }
    });
}

fn kind<T>(answer: Result<T, Error>) -> Result<T, Kind> {
    answer.map_err(|error| error.kind())
}

#[test]
fn the_commit_limit_holds() {
    passes(&mut half("meets_the_commit_limit", 0));
}

#[test]
#[ignore = "the other half of the_commit_limit_holds"]
fn meets_the_commit_limit() {
    if target_of_half().is_none() {
        return;
    }
    let process = Process::current();
    let limit = process.status().expect("we run").limit;
    assert!(limit > 64 << 20, "RAM plus swap, not {limit}");
    assert_eq!(kind(process.allocate(&Allocate::new(limit + PAGE))), Err(Kind::CommitLimit));
    process.set_commit_limit(8 * PAGE).expect("no signal handler");
    let base = allocate(&process, Allocate::new(1 << 40).reserve());
    allocate(&process, Allocate::new(8 * PAGE).commit().at(base));
    assert_eq!(kind(process.allocate(&Allocate::new(PAGE))), Err(Kind::CommitLimit));
    assert_eq!(
        kind(process.allocate(&Allocate::new(1).commit().at(base + (1 << 39)))),
        Err(Kind::CommitLimit)
    );
    allocate(&process, Allocate::new(8 * PAGE).commit().at(base));
    process.free(&Free::decommit(base + 2 * PAGE, PAGE)).expect("ours");
    allocate(&process, Allocate::new(1).commit().at(base + (1 << 39)));
    assert_eq!(process.status().map(|status| status.committed), Ok(8 * PAGE));
    process.set_commit_limit(PAGE).expect("no signal handler");
    holds_bytes(&process, base, PAGE as usize);
    assert_eq!(kind(process.allocate(&Allocate::new(1))), Err(Kind::CommitLimit));
    process.detach(Leftovers::Release).expect("ours");
    let status = process.status().expect("we run");
    assert_eq!((status.regions, status.committed), (0, 0));
}

/// Memory that somebody else mapped; unmapped when dropped.
struct Foreign {
    at: u64,
    length: u64,
}

impl Foreign {
    fn map(at: u64, length: u64) -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a mapping that replaces nothing.
        let mapped = unsafe { libc::mmap(at as *mut libc::c_void, length as usize, prot, flags, -1, 0) };
        assert_eq!(mapped as u64, at, "{}", std::io::Error::last_os_error());
        Self { at, length }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, and no reference into it is held.
        unsafe { libc::munmap(self.at as *mut libc::c_void, self.length as usize) };
    }
}

#[test]
fn memory_of_others_is_seen_read_and_protected_but_never_taken() {
    let _turn = turn();
    let process = Process::current();
    let foreign = Foreign::map(0x1a_0000_0000, 16 * PAGE);
    let at = foreign.at;
    let whole = info(&process, at + PAGE);
    assert_eq!((whole.base, whole.size), (at + PAGE, 15 * PAGE));
    let State::Committed { owner, allocation, protection, .. } = whole.state else { panic!("{whole:x?}") };
    assert_eq!((owner, allocation, protection), (Owner::Foreign, at, RW));
    holds_bytes(&process, at + 100, 5000);
    let protect = |at, size, protection| kind(process.protect(&Protect { at, size, protection }));
    assert_eq!(protect(at + 4 * PAGE, 2 * PAGE, Protection::READ), Ok(RW));
    assert_eq!(perms(process.pid(), at + 5 * PAGE).as_deref(), Some("r--p"));
    assert_eq!(process.write(at + 4 * PAGE, &[1]), Ok(0));
    assert_eq!(protect(at, 16 * PAGE, RW), Ok(RW), "over mappings that the kernel split");
    assert_eq!(process.write(at + 4 * PAGE, &[1]), Ok(1));
    assert_eq!(
        protect(at + 15 * PAGE, 2 * PAGE, Protection::READ),
        Err(Kind::SpansAllocations),
        "a hole behind"
    );
    assert_eq!(perms(process.pid(), at + 15 * PAGE).as_deref(), Some("rw-p"), "nothing has changed");
    assert_eq!(kind(process.free(&Free::release(at))), Err(Kind::NotAllocated));
    assert_eq!(kind(process.allocate(&Allocate::new(PAGE).at(at))), Err(Kind::Conflict));
    assert_eq!(kind(process.allocate(&Allocate::new(PAGE).commit().at(at))), Err(Kind::Conflict));
    let lock =
        |wiring| kind(process.lock(&Lock { at, size: PAGE, wiring, quota: None }).map(|range| range.bytes()));
    assert_eq!((lock(Wiring::Wired), lock(Wiring::Pageable)), (Ok(PAGE), Ok(PAGE)));
    let code = everything_works_on_the_own_process_as_on_another as *const () as u64;
    assert_eq!(kind(process.free(&Free::release(code))), Err(Kind::ForeignView));
    assert_eq!(kind(process.allocate(&Allocate::new(1).commit().at(code))), Err(Kind::AlreadyCommitted));
}

#[test]
fn neighbours_that_look_alike_are_told_apart() {
    let _turn = turn();
    let process = Process::current();
    let (low, ours, high) = (0x1b_0000_0000, 0x1b_0010_0000, 0x1b_0020_0000);
    let below = Foreign::map(low, ours - low);
    assert_eq!(allocate(&process, Allocate::new(high - ours).at(ours)), ours);
    let above = Foreign::map(high, 0x10_0000);
    for (at, end, owner) in
        [(low, ours, Owner::Foreign), (ours, high, Owner::Own), (high, high + 0x10_0000, Owner::Foreign)]
    {
        for inside in [at, at + 5 * PAGE] {
            let run = info(&process, inside);
            let State::Committed { allocation, owner: who, protection, .. } = run.state else {
                panic!("{run:x?}")
            };
            assert_eq!((run.base, run.base + run.size), (inside, end), "{run:x?}");
            assert_eq!((allocation, who, protection), (at, owner, RW));
        }
    }
    let over_the_border = [(low, 2 * (ours - low)), (ours + PAGE, high - ours), (high - PAGE, 2 * PAGE)];
    for (at, size) in over_the_border {
        let refused = kind(process.protect(&Protect { at, size, protection: Protection::READ }));
        assert_eq!(refused, Err(Kind::SpansAllocations), "{at:#x}");
    }
    assert_eq!(
        kind(process.free(&Free { size: high - ours + PAGE, ..Free::release(ours) })),
        Err(Kind::BeyondAllocation)
    );
    holds_bytes(&process, ours - 100, 200);
    release(&process, ours);
    holds_bytes(&process, below.at, 100);
    holds_bytes(&process, above.at, 100);
}

/// The signal that a copy of this process dies of when it touches `at`.
fn dies_of(at: u64, touch: fn(u64)) -> Option<i32> {
    // SAFETY: the child only touches the address, by the function given, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        handle(libc::SIGSEGV, libc::SIG_DFL, 0);
        touch(at);
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(0) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: our child, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status))
}

fn load(at: u64) {
    // SAFETY: in a process that exists to do this.
    std::hint::black_box(unsafe { (at as *const u8).read_volatile() });
}

fn store(at: u64) {
    // SAFETY: in a process that exists to do this.
    unsafe { (at as *mut u8).write_volatile(1) };
}

fn fetch(at: u64) {
    // SAFETY: in a process that exists to do this; a `ret` stands there, or the access faults.
    unsafe { std::mem::transmute::<u64, extern "C" fn()>(at)() };
}

#[test]
fn an_access_that_is_not_permitted_faults_in_earnest() {
    let _turn = turn();
    let process = Process::current();
    let base = allocate(&process, Allocate::new(16 * PAGE).reserve());
    let cases = [
        Protection::NONE,
        Protection::READ,
        RW,
        Protection::READ_EXECUTE,
        Protection::READ_WRITE_EXECUTE,
        RW.guarded(),
    ];
    for (page, protection) in cases.into_iter().enumerate() {
        let at = base + page as u64 * 2 * PAGE;
        allocate(&process, Allocate::new(PAGE).commit().at(at));
        assert_eq!(process.write(at, &[0xc3]), Ok(1));
        process.protect(&Protect { at, size: 1, protection }).expect("committed");
        for (right, touch) in
            [(Access::READ, load as fn(u64)), (Access::WRITE, store), (Access::EXECUTE, fetch)]
        {
            let expected = (!protection.effective().now().contains(right)).then_some(libc::SIGSEGV);
            assert_eq!(dies_of(at, touch), expected, "{right:?} of {protection:?}");
        }
        assert_eq!(dies_of(at + PAGE, load), Some(libc::SIGSEGV), "reserved");
    }
    process.free(&Free::decommit(base, 16 * PAGE)).expect("ours");
    assert_eq!(dies_of(base + 4 * PAGE, load), Some(libc::SIGSEGV), "decommitted");
    release(&process, base);
    assert_eq!(dies_of(base + 4 * PAGE, load), Some(libc::SIGSEGV), "released");
}

#[test]
fn all_of_this_holds_when_commits_are_made_by_mprotect() {
    pass_with_mprotect(&[
        "everything_works_on_the_own_process_as_on_another",
        "a_signal_handler_may_ask_whatever_it_interrupts",
        "a_fault_handler_may_ask_and_then_mend",
        "threads_change_the_map_at_once",
        "the_commit_limit_holds",
        "neighbours_that_look_alike_are_told_apart",
        "an_access_that_is_not_permitted_faults_in_earnest",
    ]);
}
