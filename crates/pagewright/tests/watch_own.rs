//! Watched memory of this process, with stores noted in each of the three ways.

mod watch_support;

use std::sync::atomic::{AtomicU64, Ordering};

use pagewright::After;
use watch_support::{Own, PAGE, WAY, Watched, again, bodies};

const WAYS: [&str; 3] = ["async", "sync", "mprotect"];

/// Runs a test in a process of its own for each way.
fn each_way(test: &str) {
    for way in WAYS {
        println!("{test} by {way}");
        again(test, way);
    }
}

#[test]
fn everything_holds_in_every_way() {
    if std::env::var_os(WAY).is_none() {
        return each_way("everything_holds_in_every_way");
    }
    bodies::run_all(&Own::new());
}

#[test]
fn no_store_gets_lost_between_scans() {
    if std::env::var_os(WAY).is_none() {
        return each_way("no_store_gets_lost_between_scans");
    }
    racing_stores(4, 32, 40);
}

/// Threads count up in pages, each in words of its own, while another thread scans, forgets, and
/// remembers what the reported pages hold. Once the threads are done and the last scan is, it
/// must know what every page holds.
fn racing_stores(threads: u64, pages: u64, rounds: u64) {
    let own = Own::new();
    let watched = Watched::new(&own, pages);
    let base = watched.base;
    let word = |page: u64, thread: u64| {
        // SAFETY: the allocation is readable and writable as long as the threads run, and each
        // word is only accessed as this.
        unsafe { &*((base + page * PAGE + thread * 64) as *const AtomicU64) }
    };
    let sum = |page: u64| (0..threads).map(|thread| word(page, thread).load(Ordering::SeqCst)).sum::<u64>();
    let mut remembered = vec![0; pages as usize];
    let mut scans = 0_u64;
    for round in 0..rounds {
        let left = AtomicU64::new(threads);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let left = &left;
                scope.spawn(move || {
                    let mut state = round * threads + thread + 1;
                    for _ in 0..2000 {
                        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                        word((state >> 40) % pages, thread).fetch_add(1, Ordering::SeqCst);
                    }
                    left.fetch_sub(1, Ordering::SeqCst);
                });
            }
            let mut last = false;
            while !last {
                last = left.load(Ordering::SeqCst) == 0;
                scans += 1;
                watched.take().into_iter().for_each(|page| remembered[page as usize] = sum(page));
            }
        });
        for page in 0..pages {
            assert_eq!(remembered[page as usize], sum(page), "round {round}: a store to page {page} is lost");
        }
    }
    println!("  {scans} scans in {rounds} rounds");
}

/// A child has its own copy: what it stores after its first call is reported.
// Rows: WW41
#[test]
fn a_child_loses_no_store() {
    if std::env::var_os(WAY).is_none() {
        return each_way("a_child_loses_no_store");
    }
    let own = Own::new();
    let watched = Watched::new(&own, 16);
    watched.store(&[1, 2]);
    assert_eq!(watched.take(), [1, 2]);
    watched.store(&[3]);
    // SAFETY: the child only calls this library and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let first = watched.take();
        let nothing_is_lost = first.contains(&3);
        watched.store(&[5]);
        let right = nothing_is_lost && watched.take() == [5] && watched.take().is_empty();
        // SAFETY: ends the child without what the test harness would do.
        unsafe { libc::_exit(if right { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
    assert_eq!(watched.take(), [3], "the parent's are its own");
    watched.store(&[7]);
    assert_eq!(watched.take(), [7]);
}

/// More dirty runs than one question to the kernel can report.
#[test]
fn more_runs_than_are_asked_for_at_a_time() {
    if std::env::var_os(WAY).is_none() {
        return each_way("more_runs_than_are_asked_for_at_a_time");
    }
    let own = Own::new();
    let watched = Watched::new(&own, 8192);
    let odd: Vec<u64> = (1..8192).step_by(2).collect();
    watched.store(&odd);
    let most = watched.ask(0, 8192, 3000, After::Forget).expect("it is watched");
    assert_eq!(watched.pages_of(&most), odd[..3000]);
    assert_eq!(watched.take(), odd[3000..]);
    assert!(watched.written().is_empty());
}

/// What a program closes that closes all it does not know of; other files get the numbers.
#[test]
fn no_store_is_lost_or_waits_for_ever_when_all_descriptors_are_closed() {
    if std::env::var_os(WAY).is_none() {
        return each_way("no_store_is_lost_or_waits_for_ever_when_all_descriptors_are_closed");
    }
    let own = Own::new();
    let watched = Watched::new(&own, 8);
    watched.store(&[1]);
    assert_eq!(watched.take(), [1]);
    for round in 0..5 {
        // SAFETY: nobody else in this program uses descriptors by now; that is what the test is about.
        unsafe {
            assert_eq!(libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0), 0);
            let zeros = libc::open(c"/dev/zero".as_ptr(), libc::O_RDWR);
            for least in [3, 1024] {
                (0..16).for_each(|_| assert!(libc::fcntl(zeros, libc::F_DUPFD, least) >= least));
            }
        }
        watched.store(&[round, 6]);
        let told = watched.take();
        assert!(told.contains(&round) && told.contains(&6), "round {round}: {told:?}");
        if std::env::var(WAY).as_deref() == Ok("sync") && can_have_descriptors_again() {
            assert_eq!(told, [round, 6], "and no others: the descriptor is there again");
        }
        assert!(watched.take().is_empty(), "they are noted as before");
    }
}

/// Whether another thread's descriptor can be had (Linux 6.9).
fn can_have_descriptors_again() -> bool {
    // SAFETY: opens a descriptor of this thread, which stays.
    unsafe { libc::syscall(libc::SYS_pidfd_open, libc::gettid(), libc::O_EXCL) >= 0 }
}
