//! Forks of a process whose other threads are in the middle of calls: the child has a whole map, and goes its own way.

mod live;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pagewright::{
    Allocate, Disposal, Free, Geometry, Info, Memory, Owner, Process, Protect, Protection, Rights, State,
};

use live::exercise::{allocate, info, release};
use live::kernel::{PAGE, agrees, own_runs};
use live::pass_with_mprotect;

const MIB: u64 = 1 << 20;

/// An allocator without locks: each thread has its own lists, by powers of two. After a raw `clone` the lock of an
/// ordinary one may be held for ever by a thread that the child does not have, which is not what is tested here.
struct Lists;

const CLASSES: usize = 24;

thread_local! {
    static FREE: [Cell<usize>; CLASSES] = const { [const { Cell::new(0) }; CLASSES] };
    static FRESH: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn class(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(16).next_power_of_two().trailing_zeros() as usize
}

fn map(size: usize) -> usize {
    let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at a place of the kernel's choice.
    unsafe { libc::mmap(std::ptr::null_mut(), size, prot, flags, -1, 0) as usize }
}

fn carve(size: usize) -> usize {
    let (at, end) = FRESH.get();
    let at = at.next_multiple_of(size);
    if at != 0 && at + size <= end {
        FRESH.set((at + size, end));
        return at;
    }
    let length = 2 * size.max(1 << 20);
    let fresh = map(length);
    let at = fresh.next_multiple_of(size);
    FRESH.set((at + size, fresh + length));
    at
}

// SAFETY: every block is of its class's size and alignment, and on one list or in use.
unsafe impl GlobalAlloc for Lists {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        assert!(class < CLASSES, "nothing here needs so much");
        let head = FREE.with(|lists| lists[class].get());
        if head == 0 {
            return carve(1 << class) as *mut u8;
        }
        // SAFETY: a free block begins with the address of the next one.
        let next = unsafe { *(head as *const usize) };
        FREE.with(|lists| lists[class].set(next));
        head as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        FREE.with(|lists| {
            let list = &lists[class(layout)];
            // SAFETY: the block is free and large enough.
            unsafe { *block.cast::<usize>() = list.get() };
            list.set(block as usize);
        });
    }
}

#[global_allocator]
static ALLOCATOR: Lists = Lists;

/// Changes the map in every way, over and over, and sees to it that nobody else changes its part.
fn churn(over: &AtomicBool, rounds: &AtomicU32, tag: u8) {
    let process = Process::current();
    while !over.load(Ordering::Relaxed) {
        let base = allocate(&process, Allocate::new(5 * MIB).reserve());
        allocate(&process, Allocate::new(3 * PAGE).commit().at(base + PAGE));
        allocate(&process, Allocate::new(3 * MIB).commit().at(base + MIB));
        assert_eq!(process.write(base + 2 * MIB, &[tag; 16]), Ok(16));
        process
            .protect(&Protect { at: base + PAGE, size: 1, protection: Protection::READ })
            .expect("committed");
        process.free(&Free::decommit(base, 8 * PAGE)).expect("ours");
        process.free(&Free { at: base, size: MIB, disposal: Disposal::Release }).expect("ours");
        let mut back = [0; 16];
        assert_eq!((process.read(base + 2 * MIB, &mut back), back), (Ok(16), [tag; 16]));
        process.free(&Free::release(base + MIB)).expect("ours");
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is allocated before any fork, and must be the same in every child.
struct Kept {
    base: u64,
}

impl Kept {
    fn new() -> Self {
        let process = Process::current();
        let base = allocate(&process, Allocate::new(4 * MIB).reserve());
        allocate(&process, Allocate::new(2 * PAGE).commit().at(base + PAGE));
        assert_eq!(process.write(base + PAGE, b"kept"), Ok(4));
        process
            .protect(&Protect { at: base + PAGE, size: 1, protection: Protection::READ })
            .expect("committed");
        Self { base }
    }

    fn is_right(&self, process: &Process) -> bool {
        let mut bytes = [0; 4];
        let sizes = [(0, PAGE), (PAGE, PAGE), (2 * PAGE, PAGE), (3 * PAGE, 4 * MIB - 3 * PAGE)];
        sizes.iter().all(|(at, size)| process.query(self.base + at).is_ok_and(|run| run.size == *size))
            && process.read(self.base + PAGE, &mut bytes) == Ok(4)
            && &bytes == b"kept"
            && process.write(self.base + PAGE, &bytes) == Ok(0)
            && process.read(self.base, &mut bytes) == Ok(0)
    }
}

/// In the child: 0 if its map is right and it can change it, else the number of what is wrong. No panics: their
/// machinery may be held by a thread that is not here.
fn inspect(kept: &Kept) -> i32 {
    let process = Process::current();
    if !kept.is_right(&process) {
        return 1;
    }
    let Ok(fresh) = process.allocate(&Allocate::new(16 * PAGE)) else { return 2 };
    let at = fresh.start().get();
    let mut bytes = [0; 5];
    if process.write(at, b"child") != Ok(5) || process.read(at, &mut bytes) != Ok(5) || &bytes != b"child" {
        return 3;
    }
    if !kept.is_right(&process) {
        return 4;
    }
    match walk(&process) {
        Ok(()) => {}
        Err(wrong) => return wrong,
    }
    match process.detach(pagewright::Leftovers::Release) {
        Ok(()) if process.status().is_ok_and(|status| status.regions == 0 && status.committed == 0) => 0,
        Ok(()) => 8,
        Err(_) => 9,
    }
}

/// Every run of ours is what it says.
fn walk(process: &Process) -> Result<(), i32> {
    let mut at = 0;
    while at < Geometry::X86_64.user_end() {
        let Ok(run) = process.query(at) else { return Err(20) };
        if run.base != at || run.size == 0 {
            return Err(21);
        }
        is_usable(process, &run)?;
        // Committing may have cut the run.
        at += process.query(at).map_or(run.size, |now| now.size);
    }
    Ok(())
}

fn is_usable(process: &Process, run: &Info) -> Result<(), i32> {
    let last = run.base + run.size - 1;
    let loads = |at| process.read(at, &mut [0]) == Ok(1);
    match run.state {
        State::Committed { owner: Owner::Own, protection, .. } => {
            let stores = |at| process.write(at, &[1]) == Ok(1);
            if !loads(run.base) || !loads(last) {
                return Err(30);
            }
            if stores(last) != protection.rights.contains(Rights::WRITE) {
                return Err(31);
            }
        }
        State::Reserved { .. } => {
            if loads(run.base) || loads(last) {
                return Err(32);
            }
            let commit = Allocate::new(1).commit().at(last);
            if process.allocate(&commit).is_err() || process.write(last, &[1]) != Ok(1) {
                return Err(33);
            }
        }
        State::Committed { owner: Owner::Foreign, .. } | State::Free => {}
    }
    Ok(())
}

/// Waits for a child, and kills it if it does not end.
fn code_of(child: i32) -> i32 {
    let (start, mut status) = (Instant::now(), 0);
    loop {
        // SAFETY: our child, and a place for its status.
        match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
            0 if start.elapsed() > Duration::from_secs(10) => {
                // SAFETY: as above; it has not been waited for.
                unsafe { libc::kill(child, libc::SIGKILL) };
                // SAFETY: as above.
                unsafe { libc::waitpid(child, &raw mut status, 0) };
                panic!("a child hangs");
            }
            0 => std::thread::sleep(Duration::from_micros(50)),
            _ if libc::WIFEXITED(status) => return libc::WEXITSTATUS(status),
            _ => return -libc::WTERMSIG(status),
        }
    }
}

fn fork_while_others_work(rounds: u32, fork: fn() -> i32) {
    let (kept, over, done) = (Kept::new(), AtomicBool::new(false), AtomicU32::new(0));
    let process = Process::current();
    std::thread::scope(|scope| {
        for tag in 1..=3 {
            let (over, done) = (&over, &done);
            scope.spawn(move || churn(over, done, tag));
        }
        let wrong = (0..rounds).find_map(|round| {
            let child = fork();
            if child == 0 {
                let code = inspect(&kept);
                // SAFETY: ends the child without running what belongs to the parent.
                unsafe { libc::_exit(code) };
            }
            let code = code_of(child);
            let unaffected = kept.is_right(&process);
            (code != 0 || !unaffected).then_some((round, code, unaffected))
        });
        over.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None, "(round, what was wrong in the child, whether the parent is unaffected)");
    });
    println!("{} rounds of work meanwhile", done.load(Ordering::Relaxed));
    assert_eq!(own_runs(&process).len(), 4, "only what was kept is left");
    agrees(&process);
    assert_eq!(info(&process, kept.base).size, PAGE);
    release(&process, kept.base);
}

#[test]
fn a_child_of_fork_has_a_whole_map() {
    let _turn = live::turn();
    // SAFETY: the child calls nothing that a thread of the parent may have locked.
    fork_while_others_work(200, || unsafe { libc::fork() });
}

#[test]
fn a_child_of_raw_clone_has_a_whole_map() {
    let _turn = live::turn();
    // SAFETY: as above; with no flags but the signal it is a fork that nobody hooks.
    fork_while_others_work(200, || unsafe {
        libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as i32
    });
}

#[test]
fn a_child_that_was_forked_for_another_process_speaks_to_it_by_itself() {
    let guest = live::guest::Guest::sleeper("100");
    let process = guest.process();
    let base = allocate(&process, Allocate::new(PAGE));
    // SAFETY: the child makes system calls only, but for the allocator above.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let right = process.write(base, b"from the child") == Ok(14)
            && process.query(base).is_ok_and(|run| run.size == PAGE)
            && process.allocate(&Allocate::new(PAGE)).is_ok();
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!right)) };
    }
    for _ in 0..100 {
        assert_eq!(info(&process, base).size, PAGE);
    }
    assert_eq!(code_of(child), 0);
    let mut bytes = [0; 14];
    assert_eq!((process.read(base, &mut bytes), &bytes), (Ok(14), b"from the child"));
    assert_eq!(process.status().map(|status| status.regions), Ok(2));
    process.detach(pagewright::Leftovers::Release).expect("attached");
}

#[test]
fn the_same_holds_when_commits_are_made_by_mprotect() {
    pass_with_mprotect(&["a_child_of_fork_has_a_whole_map", "a_child_of_raw_clone_has_a_whole_map"]);
}

/// Memory of the program's own that an alias was refused for stays its own: a forked
/// child's stores are not seen here.
#[test]
fn a_refused_alias_leaves_the_programs_memory_private() {
    use pagewright::{Alias, Consent, Kind, Onto, Place, Window};
    let size = 8 * 0x1000_usize;
    let file = std::fs::File::open("/proc/self/exe").expect("we run");
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, and a second one over a half of it that nobody uses yet.
    let at = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let at = libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0);
        assert_ne!(at, libc::MAP_FAILED);
        let half = at.byte_add(size / 2);
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert_eq!(libc::mmap(half, size / 2, libc::PROT_READ, flags, fd, 0), half);
        at.cast::<u64>()
    };
    // SAFETY: the first half is ours, and writable.
    unsafe { at.write_volatile(1) };
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let request = Alias {
        source: at as u64,
        size: size as u64,
        onto,
        protection: Protection::READ,
        consent: Consent::Foreign,
    };
    let error = Process::current().alias(&request).expect_err("the second half is a file's");
    assert_eq!(error.kind(), Kind::Special, "{error}");
    // SAFETY: the child stores to memory that it has, and leaves at once.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            at.write_volatile(7);
            libc::_exit(0);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert_eq!(at.read_volatile(), 1, "the child's store is its own");
        assert_eq!(libc::munmap(at.cast(), size), 0);
    }
}
