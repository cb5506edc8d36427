//! The three ways to note the first store to a page.
//!
//! ```text
//!   async      userfaultfd write protection that the kernel lifts itself, and PAGEMAP_SCAN to
//!              ask (Linux 6.7): nobody waits, and no store fails, also the kernel's own
//!   sync       the same protection, lifted by a thread of ours, and the words of
//!              /proc/PID/pagemap to ask (5.13): a store waits for that thread
//!   mprotect   stores fault, and a signal handler notes them: works everywhere, but a store by
//!              the kernel (`read` into a clean page) fails with EFAULT
//! ```

use pagewright_core::{After, PageRange};

use super::super::pages::PageFile;
use super::super::{Linux, addr, len};
use super::list::Told;
use super::{sync, trap};
use crate::sys::{self, Backing, Catch, Errno, PageRun, Place, Prot, Rearm, Stores, userfault};

/// How stores to watched memory are noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchWay {
    /// The kernel notes them.
    Async,
    /// A thread of ours does, for which they wait.
    Sync,
    /// A handler of `SIGSEGV` does.
    Mprotect,
}

/// Why a way was chosen, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchReason {
    /// It worked when tried, and there is no better one.
    Works,
    /// The kernel lacks what is better (before 6.7), or forbids it here.
    BetterRefused,
    /// Somebody asked for it.
    Forced,
    /// None works: the memory cannot be watched.
    NoneWorks,
}

/// A way, if there is one, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchChoice {
    /// How; `None`: memory cannot be watched here.
    pub way: Option<WatchWay>,
    /// Why.
    pub reason: WatchReason,
}

/// What only the owner of a process can arrange for a machine in it. None of it by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchHelp {
    /// Has a thread call [`super::super::serve_stores`] with this descriptor for as long as it answers,
    /// every signal blocked; false if it cannot.
    pub serve: Option<fn(i32) -> bool>,
    /// Has [`super::super::note_fault`] called for every store that `SIGSEGV` tells of; false if it cannot.
    pub catch: Option<fn() -> bool>,
}

/// Runs that are asked for at a time, at most: each question more costs the kernel a walk.
const RUNS: u64 = 8192;
/// And at least.
const FEW_RUNS: u64 = 64;

/// Where a scan ended that failed; what it had reported before was.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Stop {
    /// Pages of which nothing is known.
    pub(in super::super) rest: PageRange,
    /// How many more could have been reported.
    pub(in super::super) room: u64,
    /// Why.
    pub(in super::super) error: Errno,
}

/// What the ways need.
#[derive(Debug, Default)]
pub(super) struct Ways {
    choice: Option<WatchChoice>,
    forced: Option<WatchWay>,
    help: WatchHelp,
    pub(super) pages: PageFile,
    runs: alloc::vec::Vec<PageRun>,
    pub(super) thread: sync::StoreFd,
}

impl Ways {
    /// The same wishes, and nothing open.
    pub(super) fn fresh(&self) -> Self {
        Self { forced: self.forced, help: self.help, ..Self::default() }
    }

    /// Whether stores are noted by faulting.
    pub(super) fn traps(&self) -> bool {
        self.choice.is_some_and(|choice| choice.way == Some(WatchWay::Mprotect))
    }

    /// Closes what means another process.
    pub(super) fn close(&mut self) {
        self.pages.close();
        self.thread.close();
    }

    /// The numbers may mean anybody's files.
    pub(super) fn lose(&mut self) {
        self.pages.lose();
        self.thread.lose();
    }
}

impl Linux {
    /// How stores are noted, found out when first needed.
    pub fn watch_choice(&mut self) -> WatchChoice {
        if let Some(choice) = self.watched.ways.choice {
            return choice;
        }
        let forced = self.watched.ways.forced;
        let ways = [WatchWay::Async, WatchWay::Sync, WatchWay::Mprotect];
        let way = ways.into_iter().find(|way| forced.is_none_or(|forced| forced == *way) && self.works(*way));
        let reason = match (way, forced) {
            (None, _) => WatchReason::NoneWorks,
            (Some(_), Some(_)) => WatchReason::Forced,
            (Some(WatchWay::Async), None) => WatchReason::Works,
            (Some(WatchWay::Sync | WatchWay::Mprotect), None) => WatchReason::BetterRefused,
        };
        *self.watched.ways.choice.insert(WatchChoice { way, reason })
    }

    /// Notes stores in a way that somebody chose, and with the help that there is; before the
    /// first allocation is watched.
    pub fn set_watch(&mut self, forced: Option<WatchWay>, help: WatchHelp) {
        self.watched.ways.forced = forced;
        self.watched.ways.help = help;
        self.watched.ways.choice = None;
    }

    fn works(&mut self, way: WatchWay) -> bool {
        match way {
            WatchWay::Async => self.can_ask_the_kernel(),
            WatchWay::Sync => {
                let help = self.watched.ways.help.serve;
                help.is_some_and(|serve| self.watched.ways.thread.begin(serve)) && self.sees_protection()
            }
            WatchWay::Mprotect => self.watched.ways.help.catch.is_some_and(|catch| catch()),
        }
    }

    /// Whether a page that was armed is clean, and one that was stored to is not.
    fn can_ask_the_kernel(&mut self) -> bool {
        let needed = userfault::WRITE_PROTECT_ASYNC | userfault::WRITE_PROTECT_UNTOUCHED;
        if self.faults.features() & needed != needed {
            return false;
        }
        self.on_a_test_page(&mut |machine, page| {
            let armed = machine.arm_by(WatchWay::Async, page);
            armed.is_ok() && machine.test_scan(page) == Some(1)
        })
    }

    /// Whether `/proc` tells which pages are protected.
    fn sees_protection(&mut self) -> bool {
        self.on_a_test_page(&mut |machine, page| {
            let armed = machine.arm_by(WatchWay::Sync, page);
            armed.is_ok() && machine.watched.ways.pages.shows_protection(page)
        })
    }

    fn test_scan(&mut self, page: PageRange) -> Option<usize> {
        // SAFETY: the page is the test's own, and writable.
        unsafe { core::ptr::write_volatile(addr(page) as *mut u8, 1) };
        let pages = self.watched.ways.pages.get().ok()?;
        let mut runs = [PageRun { start: 0, end: 0, categories: 0 }; 2];
        let range = (addr(page), addr(page) + len(page));
        sys::scan_written(pages, range, Rearm::No, u64::MAX, &mut runs).ok().map(|(found, _)| found)
    }

    fn on_a_test_page(&mut self, test: &mut dyn FnMut(&mut Self, PageRange) -> bool) -> bool {
        let bytes = self.geometry.page as usize;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let mapped = unsafe { sys::mmap(Place::Anywhere, bytes, Prot::READ_WRITE, Backing::Anonymous) };
        let Ok(at) = mapped else { return false };
        let page = PageRange::between(at as u64, (at + bytes) as u64);
        let passed = page.is_some_and(|page| test(self, page));
        // SAFETY: mapped above, and nobody else knows it.
        let _ = unsafe { sys::munmap(at, bytes) };
        passed
    }

    /// Makes pages clean: the next store to each is noted.
    ///
    /// # Errors
    /// Some may be.
    pub(super) fn arm_stores(&mut self, range: PageRange) -> sys::Result<()> {
        let way = self.watch_choice().way.ok_or(Errno::ENOSYS)?;
        self.arm_by(way, range)
    }

    fn arm_by(&mut self, way: WatchWay, range: PageRange) -> sys::Result<()> {
        match way {
            WatchWay::Async => match self.faults.write_protect(range, Stores::Wait) {
                Err(Errno::ENOENT) => {
                    self.faults.register(range, Catch::Stores)?;
                    self.faults.write_protect(range, Stores::Wait)
                }
                done => done,
            },
            WatchWay::Sync => self.watched.ways.thread.arm(range),
            WatchWay::Mprotect => trap::arm(range),
        }
    }

    /// Notes nothing in a range any more, so that it can be frozen.
    pub(super) fn disarm_stores(&mut self, range: PageRange) {
        match self.watch_choice().way {
            Some(WatchWay::Async) => self.faults.unregister(range),
            Some(WatchWay::Sync) => self.watched.ways.thread.disarm(range),
            Some(WatchWay::Mprotect) => trap::disarm(range),
            None => {}
        }
    }

    /// Reports the pages of a range that were stored to since they were armed, ascending, at most
    /// `limit`, and arms those again if they are to be forgotten: each in one step with its report,
    /// or so that a store in between is in the report.
    ///
    /// # Errors
    /// `EPERM` or `ENOENT` if a part is not armed.
    pub(in super::super) fn scan_stores<R: Told + ?Sized>(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut R,
    ) -> Result<(), Stop> {
        match self.watch_choice().way {
            Some(WatchWay::Async) => self.scan_async(range, limit, after, report),
            Some(WatchWay::Sync) => self.scan_words(range, limit, after, &mut |run| report.run(run)),
            Some(WatchWay::Mprotect) => trap::scan(range, limit, after, &mut |run| report.run(run)),
            None => Err(Stop { rest: range, room: limit, error: Errno::ENOSYS }),
        }
    }

    fn scan_async<R: Told + ?Sized>(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut R,
    ) -> Result<(), Stop> {
        let mut runs = core::mem::take(&mut self.watched.ways.runs);
        // Every second page begins a run at most.
        let room = (range.bytes() / self.geometry.page / 2).clamp(FEW_RUNS, RUNS) as usize;
        runs.resize(runs.len().max(room), PageRun { start: 0, end: 0, categories: 0 });
        let rearm = match after {
            After::Keep => Rearm::No,
            After::Forget => Rearm::Yes,
        };
        // Counted in bytes, as the kernel tells them.
        let page = self.geometry.page;
        let (mut rest, mut left) = (Some(range), limit.saturating_mul(page));
        let mut done = Ok(());
        while let Some(part) = rest.filter(|_| left > 0) {
            let asked = (addr(part), addr(part) + len(part));
            let pages = self.watched.ways.pages.get();
            match pages.and_then(|pages| sys::scan_written(pages, asked, rearm, left / page, &mut runs)) {
                Ok((found, stop)) => {
                    let found = &runs[..found.min(runs.len())];
                    report.runs(part, found);
                    left =
                        left.saturating_sub(found.iter().map(|run| run.end.saturating_sub(run.start)).sum());
                    // A kernel that does not get on has nothing more to say.
                    let stop = if stop as u64 > part.start().get() { stop as u64 } else { part.end().get() };
                    rest = PageRange::between(stop, part.end().get());
                }
                Err(Errno::EINTR) => {}
                Err(error) => {
                    done = Err(Stop { rest: part, room: left / page, error });
                    rest = None;
                }
            }
        }
        self.watched.ways.runs = runs;
        done
    }
}
