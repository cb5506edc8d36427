//! The subject and the model, side by side.

use std::env;

use pagewright_core::{Consent, Info, State, Watch};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::generate;
use crate::model::{Model, Refused};
use crate::op::{Op, Outcome, Step, World};
use crate::subject::{Feature, Subject};

/// The commit limit that a run begins with, in pages: the arena and a little more.
const LIMIT: u64 = 4096;

/// Runs `ops` on the subject and on the model; after every step the result, every
/// query answer in the arena and in the subject's allocations, the bytes of every
/// page that was touched or written, the charge, and the subject's own check.
///
/// # Panics
/// At the first disagreement, saying which.
pub fn agree(subject: &mut dyn Subject, ops: &[Op]) {
    if let Err(what) = try_agree(subject, ops) {
        panic!("{what}");
    }
}

/// As [`agree`].
///
/// # Errors
/// The first disagreement, in words.
pub fn try_agree(subject: &mut dyn Subject, ops: &[Op]) -> Result<(), String> {
    let mut bout = Bout::new(subject);
    for (number, op) in ops.iter().enumerate() {
        let step = bout.world.resolve(op);
        bout.step(&step).map_err(|what| format!("step {number}, {step:x?}: {what}"))?;
    }
    Ok(())
}

/// Model test: generated operations on subjects that `make` makes, one a case; so many
/// cases.
///
/// `PAGEWRIGHT_CASES` sets the number of cases, `PAGEWRIGHT_SEED` the seed; both
/// are fixed by default, so that a plain `cargo test` does the same every time.
///
/// # Panics
/// At a disagreement, with the seed and the shortest operations that show it.
pub fn check_model<S: Subject>(cases: u32, make: impl Fn() -> S) {
    let strategy = generate::ops(40);
    let (mut runner, seed) = runner(cases);
    let outcome = runner.run(&strategy, |ops| try_agree(&mut make(), &ops).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("the model test gave up: {why}"),
        Err(TestError::Fail(why, ops)) => {
            panic!("PAGEWRIGHT_SEED={seed:#x}: {why}\nshortest operations: {ops:#?}")
        }
    }
}

/// A deterministic runner of so many cases, or as the environment says; and its seed.
///
/// # Panics
/// If a variable is set and is not a number.
pub fn runner(cases: u32) -> (TestRunner, u64) {
    let seed = number("PAGEWRIGHT_SEED").unwrap_or(0x7061_6765);
    let cases = number("PAGEWRIGHT_CASES").map_or(cases, |cases| cases as u32);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 4096, ..Config::default() };
    (TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)), seed)
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(parsed.unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// One run.
struct Bout<'a> {
    subject: &'a mut dyn Subject,
    model: Model,
    world: World,
}

impl<'a> Bout<'a> {
    fn new(subject: &'a mut dyn Subject) -> Self {
        let world = World::of(subject);
        let limit = LIMIT * world.geometry.page;
        subject.set_limit(limit);
        let model = Model::new(world.geometry, world.arena.clone(), limit);
        Self { subject, model, world }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        if !self.is_ours(step) || !self.is_offered(step) {
            return Ok(());
        }
        let outcome = step.perform(self.subject);
        self.judge(step, &outcome)?;
        self.world.learn(step, &outcome);
        self.subject.check()?;
        let (charge, expected) = (self.subject.charge(), self.model.charge());
        if charge != expected {
            return Err(format!("the charge is {charge:#x}, the model has {expected:#x}"));
        }
        self.compare_edges(step)?;
        self.compare_runs()?;
        self.compare_bytes(step, &outcome)
    }

    /// Whether the step can harm nobody else: others' memory is not to be stored
    /// into, protected, or relied upon. Refusals for the arguments are welcome.
    fn is_ours(&self, step: &Step) -> bool {
        let touched = |at, size| self.model.touched(at, size);
        match step {
            Step::Allocate(_) | Step::Free(_) | Step::Query { .. } | Step::SetLimit { .. } => true,
            // Protecting looks at the whole range before it changes any of it, and
            // never crosses the end of an allocation.
            Step::Protect(request) => {
                touched(request.at, request.size).map_or(true, |range| self.model.knows(range.start().get()))
            }
            // What others mapped is refused.
            Step::Written(_) | Step::Mark(_) | Step::Recycle(_) => true,
            Step::Lock(request) => {
                touched(request.at, request.size).map_or(true, |range| self.model.knows_all(range))
            }
            // What others mapped is refused, unless it may be used.
            Step::Alias(request) => match request.consent {
                Consent::OwnOnly => true,
                Consent::Foreign => {
                    touched(request.source, request.size).map_or(true, |range| self.model.knows_all(range))
                }
            },
            // The target is looked at when the source was found to be right. Bytes that may
            // be dropped any moment are nothing to compare a copy with.
            Step::Copy(request) => [request.source, request.target].into_iter().all(|at| {
                touched(at, request.size)
                    .map_or(true, |range| self.model.knows_all(range) && !self.model.may_fade(range))
            }),
            Step::Read { .. } | Step::Write { .. } => step.about().into_iter().all(|(at, size)| {
                touched(at, size)
                    .map_or(at > self.world.geometry.highest, |range| self.model.knows_all(range))
            }),
        }
    }

    /// Whether the subject has what the step is about.
    fn is_offered(&self, step: &Step) -> bool {
        match step {
            Step::Allocate(request) => {
                request.traits.watch == Watch::Off || self.subject.offers(Feature::Watch)
            }
            Step::Written(_) | Step::Mark(_) => self.subject.offers(Feature::Watch),
            Step::Recycle(_) => self.subject.offers(Feature::Recycling),
            Step::Free(_)
            | Step::Protect(_)
            | Step::Lock(_)
            | Step::Alias(_)
            | Step::Copy(_)
            | Step::Read { .. }
            | Step::Write { .. }
            | Step::Query { .. }
            | Step::SetLimit { .. } => true,
        }
    }

    /// A copy that stopped at a guard has met it.
    fn meet(&mut self, at: u64, done: usize, wanted: usize) {
        if let Some(next) = at.checked_add(done as u64).filter(|_| done < wanted) {
            self.model.meet(next);
        }
    }

    fn judge(&mut self, step: &Step, said: &Outcome) -> Result<(), String> {
        let refused = match said {
            Outcome::Refused(error) if self.subject.may_run_short(error.kind) => return Ok(()),
            Outcome::Refused(error) => Some(error.kind),
            _ => None,
        };
        let expected = match step {
            Step::Allocate(request) => {
                let chosen = match said {
                    Outcome::Range(range) => Some(*range),
                    _ => None,
                };
                self.model.allocate(request, chosen).map(Outcome::Range)
            }
            Step::Free(request) => self.model.free(request).map(Outcome::Range),
            Step::Protect(request) => self.model.protect(request).map(Outcome::Old),
            Step::Lock(request) => self.model.lock(request, refused).map(Outcome::Range),
            Step::Alias(request) => {
                let chosen = match said {
                    Outcome::Range(range) => Some(*range),
                    _ => None,
                };
                self.model.alias(request, chosen).map(Outcome::Range)
            }
            Step::Copy(request) => self.model.copy(request, refused).map(Outcome::Copied),
            Step::Query { at } => return self.compare_query(*at).map(|_| ()),
            Step::Read { at, length } => {
                if let Outcome::Bytes(bytes) = said {
                    self.model.learn(*at, bytes);
                }
                let bytes = self.model.read(*at, *length);
                self.meet(*at, bytes.len(), *length);
                Ok(Outcome::Bytes(bytes))
            }
            Step::Write { at, bytes } => {
                let done = self.model.write(*at, bytes);
                self.meet(*at, done, bytes.len());
                Ok(Outcome::Count(done))
            }
            Step::Written(request) => {
                let runs = match said {
                    Outcome::Runs(runs) => Some(&runs[..]),
                    _ => None,
                };
                self.model.written(request, runs).map(Outcome::Runs)
            }
            Step::Mark(request) => self.model.mark(request).map(|()| Outcome::Done),
            Step::Recycle(request) => {
                let survival = match said {
                    Outcome::Survival(survival) => Some(*survival),
                    _ => None,
                };
                self.model.recycle(request, survival).map(Outcome::Survival)
            }
            Step::SetLimit { bytes } => {
                self.model.set_limit(*bytes);
                Ok(Outcome::Done)
            }
        };
        same(said, &expected)
    }

    /// The answers at both ends of what the step was about.
    fn compare_edges(&mut self, step: &Step) -> Result<(), String> {
        for (at, size) in step.about() {
            let end = at.wrapping_add(size);
            for at in [at.wrapping_sub(1), at, end.wrapping_sub(1), end] {
                self.compare_query(at)?;
            }
        }
        Ok(())
    }

    /// Every answer in the arena, and in what was allocated outside of it.
    fn compare_runs(&mut self) -> Result<(), String> {
        let mut walks = vec![(self.world.arena.start, self.world.arena.end)];
        walks.extend(self.model.allocated().map(|own| (own.start().get(), own.end().get())));
        for (start, end) in walks {
            let mut at = start;
            while at < end {
                at = self.compare_query(at)?.ok_or("no answer where there must be one")?;
            }
        }
        Ok(())
    }

    /// Compares one answer; returns where the run ends, if there is one.
    fn compare_query(&mut self, at: u64) -> Result<Option<u64>, String> {
        let said = self.subject.query(at);
        let expected = self.model.query(at);
        if expected.is_ok() && !self.model.knows(at) {
            // Others may have mapped it, but they cannot have made it ours.
            return said.map(|_| None).map_err(|error| format!("query of {at:#x}: {error:?}"));
        }
        let arena_end = self.world.arena.end;
        let said = said.map(|info| clamp(info, arena_end));
        let said = said.map_or_else(Outcome::Refused, Outcome::Info);
        let expected = expected.map(|info| clamp(info, arena_end));
        let end = expected.as_ref().ok().map(|info| info.base + info.size);
        same(&said, &expected.map(Outcome::Info)).map_err(|what| format!("query of {at:#x}: {what}"))?;
        Ok(end)
    }

    /// The bytes of every page that was written, aliased or copied, and of those at both
    /// ends of what the step touched.
    fn compare_bytes(&mut self, step: &Step, outcome: &Outcome) -> Result<(), String> {
        let page = self.world.geometry.page;
        for (at, size) in runs(self.model.watched().collect(), page) {
            self.compare_run(at, size)?;
        }
        let about = step.about().into_iter();
        let mut touched: Vec<_> = about.filter_map(|(at, size)| self.model.touched(at, size).ok()).collect();
        if let Outcome::Range(range) = outcome {
            touched.push(*range);
        }
        for range in touched {
            let (start, end) = (range.start().get(), range.end().get());
            for at in [start, start + page, end.saturating_sub(2 * page), end - page] {
                if self.model.knows(at) {
                    self.compare_run(at, page)?;
                }
            }
        }
        Ok(())
    }

    /// Compares what can be loaded from `at` on, a page or several that can be loaded. Guards
    /// are left alone: to look would disarm them.
    fn compare_run(&mut self, at: u64, size: u64) -> Result<(), String> {
        if self.model.is_guarded(at) {
            return Ok(());
        }
        let mut bytes = vec![0xee; size as usize];
        let count = self.subject.read(at, &mut bytes);
        self.model.learn(at, &bytes[..count]);
        let expected = self.model.read(at, size as usize);
        if bytes.get(..count) == Some(&expected[..]) {
            return Ok(());
        }
        let good = bytes.iter().zip(&expected).take(count).take_while(|(said, right)| said == right).count();
        Err(format!(
            "the bytes from {:#x} differ: {count} from {at:#x} read, the model has {}",
            at + good as u64,
            expected.len()
        ))
    }
}

/// The most bytes that are compared in one go.
const STRIDE: u64 = 0x4_0000;

/// Neighbours that can be loaded, together; pages that cannot, alone. Start and size.
fn runs(mut pages: Vec<(u64, bool)>, page: u64) -> Vec<(u64, u64)> {
    pages.sort_unstable();
    let mut runs: Vec<(u64, u64, bool)> = Vec::new();
    for (at, loadable) in pages {
        match runs.last_mut() {
            Some((start, size, true)) if loadable && *start + *size == at && *size < STRIDE => *size += page,
            Some(_) | None => runs.push((at, page, loadable)),
        }
    }
    runs.into_iter().map(|(at, size, _)| (at, size)).collect()
}

/// Free space ends where the arena does: what is behind is not known.
fn clamp(info: Info, arena_end: u64) -> Info {
    match info.state {
        State::Free if info.base < arena_end => Info { size: info.size.min(arena_end - info.base), ..info },
        State::Free | State::Reserved { .. } | State::Committed { .. } => info,
    }
}

fn same(said: &Outcome, expected: &Result<Outcome, Refused>) -> Result<(), String> {
    let agreed = match (said, expected) {
        (Outcome::Refused(error), Err(refused)) => refused.any_of.contains(&error.kind),
        (said, Ok(expected)) => said == expected,
        (_, Err(_)) => false,
    };
    if agreed { Ok(()) } else { Err(format!("it said {said:x?}, the model says {expected:x?}")) }
}
