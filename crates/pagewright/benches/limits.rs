//! Ours beside the physical limit, measured in the same run: the first six rows of
//! the figures that DESIGN.md sets out to beat.
//!
//! `cargo bench -p pagewright --bench limits`: first a table of medians from rounds
//! that alternate between the two, then the statistics of criterion for each.
//! Absolute times depend on the machine and on what else it does; compare the ratios.

use std::hint::black_box;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use criterion::Criterion;
use pagewright::{Allocate, Free, Leftovers, Memory, Process};
use pagewright_linux::machine::{Choice, Strategy};
use pagewright_linux::sys::{self, Advice, Backing, Place, Prot};

const PAGE: u64 = 0x1000;

/// What one row compares. Each closure does the work so many times.
struct Row {
    name: &'static str,
    bar: &'static str,
    ours: Box<dyn FnMut(u32) -> Duration>,
    limit: Box<dyn FnMut(u32) -> Duration>,
    limit_name: &'static str,
    times: u32,
}

fn timed(times: u32, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed()
}

/// A process that sleeps until it is dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().expect("sleep can be run"))
    }

    fn open(&self) -> Process {
        Process::open(self.0.id()).expect("it lives")
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // It is our own child, and not yet waited for: its number is still its own.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn reserve_raw(size: u64, prot: Prot) -> usize {
    // SAFETY: a new mapping where the kernel chooses disturbs nobody.
    unsafe { sys::mmap(Place::Anywhere, size as usize, prot, Backing::AnonymousNoReserve) }
        .expect("there is room")
}

fn mark(at: usize, size: u64, advice: Advice) {
    // SAFETY: the range was mapped by this benchmark, and nobody reads it.
    unsafe { sys::madvise(at, size as usize, advice) }.expect("the kernel has markers");
}

fn one_page() -> Row {
    let me = Process::current();
    let base = me.allocate(&Allocate::new(1 << 30).reserve()).expect("there is room").start().get();
    let page = base + PAGE;
    let (commit, decommit) = (Allocate::new(PAGE).commit().at(page), Free::decommit(page, PAGE));
    let raw = reserve_raw(2 << 20, Prot::READ_WRITE);
    mark(raw, 2 << 20, Advice::GuardInstall);
    Row {
        name: "commit + decommit one page, own process",
        bar: "1.5 x",
        ours: Box::new(move |times| {
            timed(times, || {
                me.allocate(&commit).expect("reserved");
                me.free(&decommit).expect("committed");
            })
        }),
        limit: Box::new(move |times| {
            timed(times, || {
                mark(raw, PAGE, Advice::GuardRemove);
                mark(raw, PAGE, Advice::GuardInstall);
            })
        }),
        limit_name: "a pair of markers",
        times: 20_000,
    }
}

/// A million lone pages: every other page of one reservation.
fn lone_pages(pages: u64) -> Row {
    let ours = move |times: u32| {
        let me = Process::current();
        let mut spent = Duration::ZERO;
        for _ in 0..times {
            let size = 2 * pages * PAGE;
            let base = me.allocate(&Allocate::new(size).reserve()).expect("there is room").start().get();
            spent += (0..pages)
                .map(|page| {
                    let commit = Allocate::new(PAGE).commit().at(base + 2 * page * PAGE);
                    timed(1, || {
                        black_box(me.allocate(&commit).expect("reserved"));
                    })
                })
                .sum::<Duration>();
            me.free(&Free::release(base)).expect("ours");
        }
        spent / pages as u32
    };
    let limit = move |times: u32| {
        let mut spent = Duration::ZERO;
        for _ in 0..times {
            let size = 2 * pages * PAGE;
            let base = reserve_raw(size, Prot::READ_WRITE);
            for page in 0..pages {
                let chunk = 2 * page * PAGE;
                spent += timed(1, || {
                    if chunk.is_multiple_of(2 << 20) {
                        mark(base + chunk as usize, (size - chunk).min(2 << 20), Advice::GuardInstall);
                    }
                    mark(base + chunk as usize, PAGE, Advice::GuardRemove);
                });
            }
            // SAFETY: mapped above, and nobody uses it.
            unsafe { sys::munmap(base, size as usize) }.expect("ours");
        }
        spent / pages as u32
    };
    Row {
        name: "commit every other page, each of 1,000,000",
        bar: "2 x",
        ours: Box::new(ours),
        limit: Box::new(limit),
        limit_name: "a marker removed, chunks marked on the way",
        times: 1,
    }
}

fn remote_pair(pause: Duration) -> Row {
    let sleeper = Sleeper::start();
    let target = sleeper.open();
    target.attach().expect("it can be traced");
    let spinning = pause.is_zero();
    let raw = move |times| {
        timed(times, || {
            let at = reserve_raw(16 * PAGE, Prot::READ_WRITE);
            // SAFETY: mapped above, and nobody uses it.
            unsafe { sys::munmap(at, 16 * PAGE as usize) }.expect("ours");
        })
    };
    let ours = move |times| {
        let _alive = &sleeper;
        let mut spent = Duration::ZERO;
        for _ in 0..times {
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            spent += timed(1, || {
                let range = target.allocate(&Allocate::new(16 * PAGE)).expect("there is room");
                target.free(&Free::release(range.start().get())).expect("ours");
            });
        }
        spent
    };
    Row {
        name: if spinning { "allocate + free 64 KiB elsewhere, spinning" } else { "the same, from sleep" },
        bar: if spinning { "6 us" } else { "40 us" },
        ours: Box::new(ours),
        limit: Box::new(raw),
        limit_name: "mmap + munmap at home",
        times: if spinning { 5000 } else { 100 },
    }
}

fn remote_query() -> Row {
    let sleeper = Sleeper::start();
    let target = sleeper.open();
    let base = target.allocate(&Allocate::new(16 * PAGE)).expect("it can be traced").start().get();
    let maps = std::fs::File::open(format!("/proc/{}/maps", sleeper.0.id())).expect("it lives");
    let raw = move |times| {
        use std::os::fd::AsRawFd;
        timed(times, || {
            let found = sys::procmap_query(maps.as_raw_fd(), base as usize, 0, &mut []);
            black_box(found.expect("the kernel has PROCMAP_QUERY"));
        })
    };
    Row {
        name: "query elsewhere, spinning",
        bar: "2 us",
        ours: Box::new(move |times| {
            let _alive = &sleeper;
            timed(times, || {
                black_box(target.query(base).expect("in range"));
            })
        }),
        limit: Box::new(raw),
        limit_name: "PROCMAP_QUERY, without page states",
        times: 10_000,
    }
}

fn remote_read() -> Row {
    let sleeper = Sleeper::start();
    let target = sleeper.open();
    let base = target.allocate(&Allocate::new(16 * PAGE)).expect("it can be traced").start().get();
    target.write(base, &[7; PAGE as usize]).expect("writable");
    let pid = sleeper.0.id().cast_signed();
    Row {
        name: "read 4 KiB elsewhere",
        bar: "1.2 x",
        ours: Box::new(move |times| {
            let _alive = &sleeper;
            let mut buffer = [0; PAGE as usize];
            timed(times, || {
                assert_eq!(target.read(base, &mut buffer).expect("readable"), buffer.len());
            })
        }),
        limit: Box::new(move |times| {
            let mut buffer = [0; PAGE as usize];
            timed(times, || {
                assert_eq!(sys::process_vm_readv(pid, &mut buffer, base as usize), Ok(buffer.len()));
            })
        }),
        limit_name: "process_vm_readv",
        times: 10_000,
    }
}

fn attach() -> Row {
    let sleeper = Sleeper::start();
    let pid = sleeper.0.id();
    Row {
        name: "first attach, all told",
        bar: "3 ms",
        ours: Box::new(move |times| {
            let target = sleeper.open();
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                spent += timed(1, || {
                    black_box(target.attach().expect("it can be traced"));
                });
                target.detach(Leftovers::Release).expect("it was attached");
            }
            spent
        }),
        limit: Box::new(move |times| timed(times, || stop_and_go(pid.cast_signed()))),
        limit_name: "one stop and go by ptrace",
        times: 20,
    }
}

/// The least that anybody can do who has to run something in another process.
fn stop_and_go(pid: i32) {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: ptrace and waitpid on a child of ours, with no memory but one status word.
    unsafe {
        assert_eq!(libc::ptrace(libc::PTRACE_SEIZE, pid, none, none), 0);
        assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, pid, none, none), 0);
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &raw mut status, libc::__WALL), pid);
        assert_eq!(libc::ptrace(libc::PTRACE_DETACH, pid, none, none), 0);
    }
}

fn own_query() -> Row {
    let me = Process::current();
    let pages = 1_000_000;
    let base = me.allocate(&Allocate::new(2 * pages * PAGE).reserve()).expect("there is room").start().get();
    for page in 0..pages {
        me.allocate(&Allocate::new(PAGE).commit().at(base + 2 * page * PAGE)).expect("reserved");
    }
    let mut at = 0;
    Row {
        name: "query at home among 1,000,000 runs",
        bar: "150 ns",
        ours: Box::new(move |times| {
            timed(times, || {
                at = (at + 7_919) % (2 * pages);
                black_box(me.query(base + at * PAGE).expect("in range"));
            })
        }),
        limit: Box::new(|times| {
            timed(times, || {
                black_box(sys::getpid());
            })
        }),
        limit_name: "getpid, for comparison",
        times: 100_000,
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    if Choice::probe().strategy == Strategy::Markers {
        rows.extend([one_page(), lone_pages(1_000_000)]);
    } else {
        println!("skipped: the two rows about markers, because this kernel has none");
    }
    let sleeping = Duration::from_millis(2);
    rows.extend([
        remote_pair(Duration::ZERO),
        remote_pair(sleeping),
        remote_query(),
        remote_read(),
        attach(),
    ]);
    rows.push(own_query());
    rows
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn table(rows: &mut [Row]) {
    println!("{:<45} {:>11} {:>11} {:>7}   {:<7} limit is", "work", "ours", "limit", "ratio", "bar");
    for row in rows {
        let rounds = if row.times == 1 { 3 } else { 15 };
        let (mut ours, mut limit) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push((row.ours)(row.times).as_secs_f64() / f64::from(row.times));
            limit.push((row.limit)(row.times).as_secs_f64() / f64::from(row.times));
        }
        let (ours, limit) = (median(ours), median(limit));
        let ratio = ours / limit;
        let (name, bar, what) = (row.name, row.bar, row.limit_name);
        println!("{name:<45} {:>8.3} us {:>8.3} us {ratio:>6.2}x   {bar:<7} {what}", ours * 1e6, limit * 1e6);
    }
}

fn main() {
    let mut rows = rows();
    table(&mut rows);
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for row in rows.iter_mut().filter(|row| row.times > 1) {
        let mut group = criterion.benchmark_group(row.name);
        group.bench_function("ours", |bencher| {
            bencher.iter_custom(|times| (row.ours)(u32::try_from(times).unwrap_or(u32::MAX)));
        });
        group.bench_function("limit", |bencher| {
            bencher.iter_custom(|times| (row.limit)(u32::try_from(times).unwrap_or(u32::MAX)));
        });
        group.finish();
    }
    criterion.final_summary();
}
