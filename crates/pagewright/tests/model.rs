//! The model test on three machines: software MMU, this process, and another process.
//!
//! `PAGEWRIGHT_CASES` sets the number of cases, `PAGEWRIGHT_SEED` the seed.

mod live;

use std::ops::Range;

use pagewright::core::{Error as CoreError, Fate, Managed, Mark, Recycle, Survival, Written};
use pagewright::{
    Action, Alias, Allocate, CopyRange, Disposal, Error, Free, Geometry, Info, Kind, Leftovers, Lock, Memory,
    PageRange, Process, Protect, Protection, State, Wiring,
};
use pagewright_linux::machine::{Choice, Linux, MapsFile, Strategy};
use pagewright_soft::Mmu;
use pagewright_testkit::faulty::{Faulty, Manner};
use pagewright_testkit::generate;
use pagewright_testkit::op::{Anchor, Op, Size, Spot, Target, Unit};
use pagewright_testkit::run::{runner, try_agree};
use pagewright_testkit::subject::{ARENA, Feature, Local, Subject};
use proptest::test_runner::{TestCaseError, TestError};

use live::exercise::allocate;
use live::guest::Guest;
use live::kernel::{agrees, own_runs};
use live::{pass_with_mprotect, skipped, turn};

/// A live machine may run short of these at any time.
const SHORTAGES: &[Kind] = &[Kind::LockQuota, Kind::MapBudget, Kind::OutOfMemory, Kind::NoObject];

/// So many cases on subjects that `make` makes; the shortest operations that show a disagreement.
fn agree<S: Subject>(cases: u32, make: impl Fn() -> S) {
    let (mut runner, seed) = runner(cases);
    let outcome =
        runner.run(&generate::ops(40), |ops| try_agree(&mut make(), &ops).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("the model test gave up: {why}"),
        Err(TestError::Fail(why, ops)) => {
            panic!("PAGEWRIGHT_SEED={seed:#x}: {why}\nshortest operations: {ops:#?}")
        }
    }
}

/// What went wrong once. The first allocation begins 16 pages below the border of a chunk.
fn old_mistakes() -> Vec<Vec<Op>> {
    let page = |page| Spot { anchor: Anchor::Inside(0, page), delta: 0 };
    let pages = |count| Size::Of(Unit::Page, count, 0);
    let allocate = |target, size, action| {
        let protection = Protection::READ_WRITE;
        Op::Allocate { target, size, action, protection }
    };
    let found =
        |action| allocate(Target::At(Spot { anchor: Anchor::Arena(159), delta: 0 }), pages(28), action);
    let commit = |at, size| allocate(Target::At(page(at)), size, Action::Commit);
    let decommit = |at, size| Op::Free { at: page(at), size, disposal: Disposal::Decommit };
    let write = |at| Op::Write { at: page(at), length: 100, first: 1 };
    let protect = |at, size| Op::Protect { at: page(at), size, protection: Protection::READ };
    let lock = |at, size| Op::Lock { at: page(at), size, wiring: Wiring::Wired };
    let to_end = Size::ToEnd(0);
    vec![
        // A closed piece before an open one: the open one stayed accessible.
        vec![found(Action::Reserve), commit(16, to_end), write(20), decommit(0, to_end)],
        // An open piece before a closed one: markers on the closed one, which a commit did not remove.
        vec![found(Action::Reserve), commit(0, pages(1)), decommit(0, to_end), commit(16, to_end), write(20)],
        // A wired page, decommitted: inaccessible after the next commit.
        vec![
            found(Action::ReserveCommit),
            lock(2, pages(1)),
            decommit(2, pages(1)),
            commit(2, pages(1)),
            write(2),
        ],
        // Pieces that are open in different ways, protected in one call.
        vec![
            found(Action::Reserve),
            commit(0, pages(16)),
            lock(20, pages(1)),
            commit(16, to_end),
            protect(0, to_end),
            decommit(18, pages(3)),
            commit(18, pages(2)),
            write(18),
            write(20),
        ],
    ]
}

fn does_not_repeat<S: Subject>(make: impl Fn() -> S) {
    old_mistakes().iter().for_each(|ops| pagewright_testkit::agree(&mut make(), ops));
}

#[test]
fn old_mistakes_are_not_made_again() {
    let _turn = turn();
    does_not_repeat(|| Local::new(Mmu::new(Geometry::X86_64), ARENA));
    does_not_repeat(|| this_process(Strategy::Mprotect));
    match Choice::probe().strategy {
        Strategy::Markers => does_not_repeat(|| this_process(Strategy::Markers)),
        Strategy::Mprotect => skipped("this process with markers", "the kernel takes none here"),
    }
    let guest = Guest::sleeper("1000");
    does_not_repeat(|| Other { process: guest.process() });
}

#[test]
fn the_software_mmu_agrees_with_the_model() {
    agree(64, || {
        Local::new(Mmu::new(Geometry::X86_64), ARENA)
            .audited(|managed: &Managed<Mmu>| Ok(managed.machine().check()?))
    });
}

fn this_process(strategy: Strategy) -> Local<Linux> {
    let choice = Choice::forced(strategy);
    Local::new(Linux::with(Geometry::X86_64, MapsFile::OnDemand, choice), ARENA).short_of(SHORTAGES)
}

// Subjects in one address space must run one after the other.

#[test]
fn this_process_with_mprotect_agrees_with_the_model() {
    let _turn = turn();
    agree(64, || this_process(Strategy::Mprotect));
}

#[test]
fn this_process_with_markers_agrees_with_the_model() {
    if Choice::probe().strategy != Strategy::Markers {
        return skipped("this process with markers", "the kernel takes none here");
    }
    let _turn = turn();
    agree(64, || this_process(Strategy::Markers));
}

/// What a kernel that shows no pagemap comes to: every page of a lazy copy may have been
/// stored to.
#[test]
fn this_process_with_the_worst_manners_agrees_with_the_model() {
    let _turn = turn();
    let choice = Choice::forced(Strategy::Mprotect);
    agree(24, || {
        let machine = Faulty::new(Linux::with(Geometry::X86_64, MapsFile::OnDemand, choice));
        Local::new(machine.with(Manner::Worst), ARENA).short_of(SHORTAGES)
    });
}

/// Another process, as a subject. When dropped, it gives back what it holds.
#[derive(Debug)]
struct Other {
    process: Process,
}

/// A refusal, as core put it.
fn core(error: &Error) -> CoreError {
    CoreError::new(error.verb(), error.kind(), error.address(), error.size())
}

impl Other {
    /// From outside, an offered page looks as if it had lost its access.
    fn reclaim_all(&self) {
        let committed = |run: &Info| matches!(run.state, State::Committed { .. });
        for run in own_runs(&self.process).into_iter().filter(committed) {
            let request = Recycle { at: run.base, size: run.size, fate: Fate::Reclaim };
            self.process.recycle(&request).expect("committed, and of one allocation");
        }
    }
}

impl Subject for Other {
    fn geometry(&self) -> Geometry {
        Geometry::X86_64
    }

    fn arena(&self) -> Range<u64> {
        ARENA
    }

    /// Guards of pages that are shared, or copied lazily, are refused there: their bytes cannot
    /// be taken out.
    fn may_run_short(&self, kind: Kind) -> bool {
        SHORTAGES.contains(&kind) || kind == Kind::Unsupported
    }

    fn allocate(&mut self, request: &Allocate) -> Result<PageRange, CoreError> {
        self.process.allocate(request).map_err(|error| core(&error))
    }

    fn free(&mut self, request: &Free) -> Result<PageRange, CoreError> {
        self.process.free(request).map_err(|error| core(&error))
    }

    fn protect(&mut self, request: &Protect) -> Result<Protection, CoreError> {
        self.process.protect(request).map_err(|error| core(&error))
    }

    fn lock(&mut self, request: &Lock) -> Result<PageRange, CoreError> {
        self.process.lock(request).map_err(|error| core(&error))
    }

    fn alias(&mut self, request: &Alias) -> Result<PageRange, CoreError> {
        self.process.alias(request).map_err(|error| core(&error))
    }

    fn copy(&mut self, request: &CopyRange) -> Result<u64, CoreError> {
        self.process.copy(request).map_err(|error| core(&error))
    }

    fn written(&mut self, request: &Written) -> Result<Vec<PageRange>, CoreError> {
        self.process.written(request).map_err(|error| core(&error))
    }

    fn mark(&mut self, request: &Mark) -> Result<(), CoreError> {
        self.process.mark(request).map_err(|error| core(&error))
    }

    fn recycle(&mut self, request: &Recycle) -> Result<Survival, CoreError> {
        self.process.recycle(request).map_err(|error| core(&error))
    }

    fn offers(&self, feature: Feature) -> bool {
        match feature {
            Feature::Watch | Feature::Recycling => true,
        }
    }

    fn query(&mut self, at: u64) -> Result<Info, CoreError> {
        self.process.query(at).map_err(|error| core(&error))
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> usize {
        self.process.read(at, into).expect("it lives")
    }

    fn write(&mut self, at: u64, from: &[u8]) -> usize {
        self.process.write(at, from).expect("it lives")
    }

    fn set_limit(&mut self, bytes: u64) {
        self.process.set_commit_limit(bytes).expect("it lives");
    }

    fn charge(&mut self) -> u64 {
        self.process.status().expect("it lives").committed
    }

    /// The resident proves what it holds by answering; what the kernel has is proven after each case.
    fn check(&mut self) -> Result<(), String> {
        Ok(())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.reclaim_all();
            agrees(&self.process);
        }
        while let Some(run) = own_runs(&self.process).first() {
            self.process.free(&Free::release(run.base)).expect("an allocation begins with its first run");
        }
    }
}

#[test]
fn another_process_agrees_with_the_model() {
    let guest = Guest::sleeper("100000");
    let process = guest.process();
    // Not at the foot of the arena, where the model wants to be alone.
    let first = allocate(&process, Allocate::new(1));
    assert!(!ARENA.contains(&first));
    process.free(&Free::release(first)).expect("ours");
    agree(64, || Other { process: process.clone() });
    process.detach(Leftovers::Release).expect("attached");
}

#[test]
fn another_process_with_mprotect_agrees_with_the_model() {
    pass_with_mprotect(&["another_process_agrees_with_the_model"]);
}
